"""`compare` against the fake catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.readers.structures import Structure, TensorType

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication


@pytest.fixture(autouse=True)
def _rows(app: FakeApplication) -> None:
    encoder = [{"role": "encoder", "name": "resnet18", "params": {"depth": 18}}]
    app.catalog.having(
        "a\x1b.ckpt", hmean=0.5, backbone="resnet18", components=encoder, epoch=0, params={"lr": 0.1}, size_bytes=10
    )
    app.catalog.having("b.ckpt", hmean=0.75, backbone="resnet50", epoch=9, params={"lr": 0.1}, size_bytes=10)
    app.catalog.scanned("2026-11-20T21:00:00Z")


def lines(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_only_what_differs_is_shown_in_sections(run: Run) -> None:
    done = run("compare", "1", "2")
    assert done.code == 0
    assert lines(done.out) == [
        ["id", "1", "2", "difference"],
        ["path", "a\\x1b.ckpt", "b.ckpt"],
        ["metrics"],
        ["hmean", "0.5000", "0.7500", "+0.2500"],
        ["training"],
        ["epoch", "0", "9"],
        ["model"],
        ["backbone", "resnet18", "resnet50"],
        ["encoder", "resnet18", "-"],
        ["encoder.depth", "18", "-"],
    ]


def test_all_shows_equal_values_too(run: Run) -> None:
    out = run("compare", "1", "2", "--all").out
    assert ["lr", "0.1000", "0.1000"] in lines(out)
    assert ["size_bytes", "10", "10"] in lines(out)


def test_json_has_rows_and_fields(run: Run) -> None:
    told = json.loads(run("compare", "1", "2", "--json").out)
    assert [row["id"] for row in told["rows"]] == [1, 2]
    assert told["fields"]["hmean"] == [0.5, 0.75]
    assert "weights" not in told


def test_the_same_checkpoint_twice_differs_in_nothing(run: Run) -> None:
    done = run("compare", "2", "2")
    assert done.code == 0
    assert "does not differ" in done.err


def test_tensors_are_compared_by_name_shape_and_type(run: Run, app: FakeApplication) -> None:
    half, full = TensorType("float16", (2,)), TensorType("float32", (2,))
    app.tensors = {
        1: Structure({"m.a": full, "m.b": TensorType("float32", (1, 3)), "m.gone": full, "m.\x1b": half}),
        2: Structure({"a": half, "b": TensorType("float32", (2, 3)), "new": full, "\x1b": half}),
    }
    done = run("compare", "1", "2", "--weights")
    assert done.code == 0
    told = done.out.partition("\n\n")[2]
    assert told.splitlines() == [
        "weights of 1 and 2: 4 of 5 tensors differ",
        "  without the prefix m. of 1",
        "  only in 1 (1)",
        "    gone  float32 [2]",
        "  only in 2 (1)",
        "    new  float32 [2]",
        "  other shape (1)",
        "    b  float32 [1, 3]  float32 [2, 3]",
        "  other type (1)",
        "    a  float32 [2]  float16 [2]",
    ]
    told = json.loads(run("compare", "1", "2", "--weights", "--json").out)["weights"]
    assert [one["tensors"] for one in told["checkpoints"]] == [4, 4]
    assert told["pairs"][0]["shapes"] == {"b": [["float32", [1, 3]], ["float32", [2, 3]]]}


def test_long_lists_of_tensors_are_cut_without_all(run: Run, app: FakeApplication) -> None:
    many = {f"t{number:02}": TensorType("float32", (1,)) for number in range(30)}
    app.tensors = {1: Structure(many), 2: Structure({"t00": TensorType("float32", (1,))})}
    assert "and 9 more (--all lists them)" in run("compare", "1", "2", "--weights").out
    assert "more (--all" not in run("compare", "1", "2", "--weights", "--all").out


def test_equal_tensors_are_said_in_a_line(run: Run, app: FakeApplication) -> None:
    app.tensors = {number: Structure({"a": TensorType("float32", (1,))}) for number in (1, 2)}
    assert "weights of 1 and 2: all 1 tensor have the same" in run("compare", "1", "2", "--weights").out


def test_tensors_that_cannot_be_read_are_1_and_a_sentence(run: Run, app: FakeApplication) -> None:
    app.tensors = {1: Structure({"a": TensorType("float32", (1,))})}
    done = run("compare", "1", "2", "--weights")
    assert done.code == 1
    assert "not compared" in done.out
    assert "b.ckpt (id 2): it holds no state dict" in done.err


@pytest.mark.parametrize("words", [(), ("1",), tuple("1" * 13)])
def test_two_to_twelve_are_compared(words: tuple[str, ...], run: Run) -> None:
    assert run("compare", *words).code == 2


def test_an_unknown_reference_is_1(run: Run) -> None:
    assert run("compare", "1", "77").code == 1
