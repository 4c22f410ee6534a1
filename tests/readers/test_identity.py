from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.readers.identity import SAMPLES, Extent, Structure, content_id, sampled, whole
from ckpt_indexer.readers.nodes import Tensor
from ckpt_indexer.readers.opening import open_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def named(*names: str, dtype: str = "float32", shape: tuple[int, ...] = (2, 3)) -> list[tuple[str, Tensor]]:
    return [(name, Tensor(dtype, shape, storage=name)) for name in names]


def structure_id(tensors: list[tuple[str, Tensor]]) -> str:
    return Structure(tensors).structure_id()


def weights_id(tensors: list[tuple[str, Tensor]], mark: Callable[[str], bytes | None]) -> str | None:
    return Structure(tensors).weights_id(mark)


def known(marks: dict[str, bytes]) -> Callable[[str], bytes | None]:
    return marks.get


def test_order_and_storages_do_not_count() -> None:
    assert structure_id(named("a.w", "b.w")) == structure_id(list(reversed(named("a.w", "b.w"))))


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "model._orig_mod.module.", "a.b.c."])
def test_the_prefixes_of_wrappers_do_not_count(prefix: str) -> None:
    plain = named("layer1.w", "layer2.w", "b")
    wrapped = [(prefix + name, tensor) for name, tensor in plain]
    assert structure_id(wrapped) == structure_id(plain)


def test_names_shapes_and_dtypes_count() -> None:
    digests = {
        structure_id(named("a.w", "b.w")),
        structure_id(named("a.w", "b.v")),
        structure_id(named("a.w")),
        structure_id(named("a.w", "b.w", dtype="float16")),
        structure_id(named("a.w", "b.w", shape=(3, 2))),
        structure_id(named("a.w", "b.w", shape=(6,))),
        structure_id([]),
    }
    assert len(digests) == 7


def test_one_tensor_keeps_its_own_name() -> None:
    assert structure_id(named("a.w")) == structure_id(named("w")) != structure_id(named("v"))


def test_a_name_cannot_be_mistaken_for_two() -> None:
    assert structure_id(named("a float32 (2, 3) 1:b")) != structure_id(named("a", "b"))
    assert structure_id(named("\ud800")) != structure_id(named("\ud801"))


def test_weights_are_their_marks_whatever_the_keys_of_storages() -> None:
    first = [("a", Tensor("float32", (2,), storage="0")), ("b", Tensor("float32", (2,), storage="1"))]
    second = [("a", Tensor("float32", (2,), storage="7")), ("b", Tensor("float32", (2,), storage="9"))]
    marks = known({"0": b"x", "1": b"y", "7": b"x", "9": b"y"})
    assert weights_id(first, marks) == weights_id(second, marks) is not None
    assert weights_id(first, known({"0": b"y", "1": b"x"})) != weights_id(first, marks)


def test_without_all_marks_there_is_no_identity_of_weights() -> None:
    assert weights_id(named("a", "b"), known({"a": b"x"})) is None
    assert weights_id([], known({})) is None
    assert weights_id([("a", Tensor("float32", (2,)))], known({})) is None


def test_empty_tensors_need_no_bytes() -> None:
    assert weights_id([("a", Tensor("float32", (0,)))], known({})) is not None


def test_parts_of_contents_cannot_run_together() -> None:
    assert content_id("zip", [b"ab", b"c"]) != content_id("zip", [b"a", b"bc"]) != content_id("x", [b"a", b"bc"])
    assert content_id("zip", None) is None


def test_a_change_in_any_of_few_extents_is_seen(tmp_path: Path) -> None:
    extents = [Extent(at * 1000, 1000) for at in range(SAMPLES)]
    path = tmp_path / "x"
    path.write_bytes(bytes(1000 * SAMPLES))
    with open_file(str(tmp_path), "x") as file:
        before = sampled(file, extents)
    changed = bytearray(1000 * SAMPLES)
    changed[500_300:500_700] = b"x" * 400
    path.write_bytes(changed)
    with open_file(str(tmp_path), "x") as file:
        after = sampled(file, extents)
    assert before is not None
    assert after is not None
    assert [one != other for one, other in zip(before, after, strict=True)].index(True) == 500


def test_samples_of_a_huge_file_are_few(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as sparse:
        sparse.truncate(64 << 30)
    with open_file(str(tmp_path), "x") as file:
        assert whole(file) is not None
        assert sampled(file, [Extent(at << 20, 1 << 20) for at in range(60_000)]) is not None
        assert file.bytes_read < 2 << 20


def test_a_disk_that_is_too_slow_gives_no_identity(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(10_000))
    ticks = iter(range(1000))
    with open_file(str(tmp_path), "x") as file:
        assert sampled(file, [Extent(0, 5000)] * 20, clock=lambda: float(next(ticks))) is None


def test_all_of_a_small_file_counts(tmp_path: Path) -> None:
    digests = set()
    for at in range(0, 3000, 100):
        data = bytearray(3000)
        data[at] = 1
        (tmp_path / "x").write_bytes(data)
        with open_file(str(tmp_path), "x") as file:
            digests.add(content_id("x", whole(file)))
    assert len(digests) == 30
