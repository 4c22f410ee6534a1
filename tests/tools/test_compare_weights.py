from __future__ import annotations

from ckpt_indexer.readers.structures import Structure, TensorType
from ckpt_indexer.tools.compare_weights import compare_weights


def structure(left_out: int = 0, **shapes: tuple[int, ...] | TensorType) -> Structure:
    tensors = {
        name.replace("__", "."): one if isinstance(one, TensorType) else TensorType("float32", one)
        for name, one in sorted(shapes.items())
    }
    return Structure(tensors, left_out)


def test_equal_state_dicts_have_no_differences() -> None:
    pair = compare_weights(structure(a=(1,), b=(2, 2)), structure(a=(1,), b=(2, 2)))
    assert pair.is_equal
    assert pair.same == 2


def test_missing_extra_and_other_shapes_and_types_are_told_apart() -> None:
    half = TensorType("float16", (3,))
    first = structure(a=(1,), b=(2,), c=(3,), d=(4,))
    pair = compare_weights(first, structure(b=(9,), c=half, d=(4,), e=(5,)))
    assert list(pair.only_first) == ["a"]
    assert list(pair.only_other) == ["e"]
    assert pair.shapes == {"b": (TensorType("float32", (2,)), TensorType("float32", (9,)))}
    assert pair.dtypes == {"c": (TensorType("float32", (3,)), half)}
    assert (pair.same, pair.is_equal) == (1, False)


def test_the_prefix_of_a_wrapper_does_not_count() -> None:
    pair = compare_weights(structure(model__a__x=(1,), model__b=(2,)), structure(a__x=(1,), b=(2,)))
    assert pair.is_equal
    assert pair.prefixes == ("model.", "")


def test_what_compile_put_before_the_names_does_not_count() -> None:
    wrapped = Structure({"_orig_mod.a": TensorType("float32", (1,)), "_orig_mod.b": TensorType("float32", (2,))})
    assert compare_weights(wrapped, structure(a=(1,), b=(2,))).is_equal


def test_a_common_part_of_the_model_itself_stays() -> None:
    pair = compare_weights(structure(fc__weight=(1,), fc__bias=(1,)), structure(fc__weight=(1,), conv__weight=(2,)))
    assert pair.prefixes == ("", "")
    assert (list(pair.only_first), list(pair.only_other), pair.same) == (["fc.bias"], ["conv.weight"], 1)


def test_only_names_that_both_lists_reach_are_compared() -> None:
    cut = structure(left_out=5, a=(1,), b=(1,))
    pair = compare_weights(cut, structure(a=(1,), b=(1,), c=(1,), d=(1,)))
    assert pair.is_equal
    assert pair.up_to == "b"


def test_nothing_against_something_is_all_additional() -> None:
    pair = compare_weights(structure(), structure(a=(1,)))
    assert list(pair.only_other) == ["a"]


def test_the_json_has_names_types_and_shapes() -> None:
    told = compare_weights(structure(a=(1,)), structure(a=(2, 3), b=TensorType("", ()))).to_dict()
    assert told["shapes"] == {"a": [["float32", [1]], ["float32", [2, 3]]]}
    assert told["only_other"] == {"b": [None, []]}


def test_many_shared_parts_do_not_multiply_the_work() -> None:
    deep = ".".join("a" * 100)
    names = {f"{deep}.{number}": TensorType("float32", (1,)) for number in range(100)}
    assert compare_weights(Structure(names), Structure(names)).is_equal
