from __future__ import annotations

import collections
import pickle
import types

import pytest

from ckpt_indexer.readers.interpret.plain import interpret
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.pickle.machine import MISSING, Limits, run
from tests.readers.pickle_files import lightning_checkpoint, name, read, text, torch_pickle

_END = {"epoch": b"epochq\x01K\x03", "global_step": b"global_stepq\x02M\xb0\x04"}


def _is_part_of(part: object, whole: object) -> bool:
    """Tell whether everything in a salvaged value is at the same place in the whole one."""
    if isinstance(whole, dict):
        return isinstance(part, dict) and all(key in whole and _is_part_of(part[key], whole[key]) for key in part)
    if isinstance(whole, list):
        return isinstance(part, list) and all(map(_is_part_of, part, whole))
    if isinstance(whole, Tensor):
        return isinstance(part, Opaque) or (isinstance(part, Tensor) and part.shape == whole.shape)
    return part == whole


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_whatever_is_left_of_a_cut_checkpoint_is_right(protocol: int) -> None:
    data = torch_pickle(lightning_checkpoint(2), protocol)
    whole = interpret(run(data)).value

    for size in range(len(data)):
        pickled, interpreted = read(data[:size])
        assert not pickled.stopped
        assert [kind for kind, _ in pickled.problems] == ["truncated"]
        assert interpreted.value is None or _is_part_of(interpreted.value, whole), size


@pytest.mark.parametrize("key", _END)
def test_a_field_is_found_once_its_bytes_are_there(key: str) -> None:
    data = torch_pickle(lightning_checkpoint(2))
    end = data.index(_END[key]) + len(_END[key])

    found = [key in (read(data[:size])[1].value or {}) for size in range(len(data))]

    assert found == [size >= end for size in range(len(data))]


def test_a_cut_state_dict_keeps_the_tensors_that_were_there() -> None:
    data = torch_pickle(lightning_checkpoint(10))
    size = data.index(b"model.encoder.layer7")

    _, interpreted = read(data[:size])

    assert len(interpreted.value["state_dict"]) == 7
    assert all(isinstance(tensor, Tensor) for tensor in interpreted.value["state_dict"].values())


def test_damage_in_the_middle_keeps_what_precedes_it() -> None:
    data = bytearray(torch_pickle(lightning_checkpoint(10)))
    at = data.index(b"model.encoder.layer7")
    data[at - 5] = 0xFF

    pickled, interpreted = read(bytes(data))

    assert [kind for kind, _ in pickled.problems] == ["malformed"]
    assert interpreted.value["global_step"] == 1200
    assert len(interpreted.value["state_dict"]) == 7


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": {"c": 1, "d": 2}}},
        {"a": [1, [2, [3, 4]]]},
        [{"a": 1, "b": 2}, {"c": 3}],
        {"x": collections.OrderedDict([("a", 1), ("b", 2)])},
        {"x": types.SimpleNamespace(a=1, b=[1, 2])},
        collections.OrderedDict([("a", 1), ("b", 2)]),
        {"a": (1, 2, (3, 4)), "b": {1, 2}},
        {index: {"a": [], "b": {}} for index in range(5)},
    ],
    ids=repr,
)
def test_any_structure_is_cut_without_an_error(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)

    outcomes = [read(data[:size])[0].stopped for size in range(len(data))]

    assert not any(outcomes)
    assert read(data)[0].stopped


def test_one_entry_that_waits_is_put_in() -> None:
    assert run(b"}" + text("epoch") + b"K\x07").root == ["epoch", 7]
    assert run(b"]K\x07").root == [7]
    assert run(b"}" + text("a") + b"}" + text("b") + b"K\x07").root == ["a", ["b", 7]]


def test_a_state_that_waits_is_put_in() -> None:
    root = run(name("argparse", "Namespace") + b")\x81}(" + text("lr") + b"K\x01").root

    assert root.state == ["lr", 1]


def test_a_state_that_waits_within_a_dict_is_put_in() -> None:
    data = b"}(" + text("hp") + name("argparse", "Namespace") + b")\x81}(" + text("lr") + b"K\x01"

    assert read(data)[1].value == {"hp": {"lr": 1}}


def test_what_may_belong_to_an_inner_dict_is_left_out() -> None:
    data = b"}(" + text("epoch") + b"K\x07" + text("params") + b"}" + text("epoch") + b"K\x63"

    assert read(data)[1].value == {"epoch": 7, "params": {}}


def test_what_surely_does_not_belong_to_an_inner_dict_is_kept() -> None:
    data = b"}(" + text("params") + b"}" + text("epoch") + b"K\x07" + text("global_step") + b"K\x63"

    assert read(data)[1].value == {"params": {}, "epoch": 7, "global_step": 99}


def test_what_waits_replaces_nothing() -> None:
    data = b"}" + text("epoch") + b"K\x07s(" + text("epoch") + b"K\x63" + text("x") + b"K\x01"

    assert read(data)[1].value == {"epoch": 7, "x": 1}


def test_a_key_without_its_value_is_left_out() -> None:
    assert read(b"}(" + text("a") + b"K\x01" + text("b"))[1].value == {"a": 1}


def test_an_unfinished_call_is_left_out() -> None:
    data = (
        b"}(" + text("a") + b"K\x01" + text("b") + name("torch._utils", "_rebuild_tensor_v2") + b"((" + text("storage")
    )

    assert read(data)[1].value == {"a": 1}


@pytest.mark.parametrize(
    "part", [text("v"), text("module") + text("name"), name("m", "f") + text("x"), text("v") + text("w") + text("x")]
)
def test_the_last_values_are_left_out_while_they_may_be_part_of_something(part: bytes) -> None:
    data = b"}(" + text("version") + text("2.6") + text("a") + b"K\x01" + text("b") + part

    assert read(data)[1].value == {"version": "2.6", "a": 1}


def test_texts_that_precede_the_cut_are_kept() -> None:
    data = b"}(" + b"".join(text(f"k{index}") + text("v") for index in range(20)) + text("last")

    assert len(read(data)[1].value) == 19


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"(", b"((((", b"N0"])
def test_nothing_is_salvaged_from_nothing(data: bytes) -> None:
    assert run(data).root is MISSING


def test_a_pickle_cut_by_a_limit_is_salvaged_too() -> None:
    data = torch_pickle(lightning_checkpoint(200))

    pickled = run(data, limits=Limits(data_bytes=3000))

    assert interpret(pickled).value["epoch"] == 3
    assert [kind for kind, _ in pickled.problems] == ["limit"]
