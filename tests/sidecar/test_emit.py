from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.sidecar.bounds import MAX_BYTES, MAX_NODES
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sidecar.plain import parse_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    Same = Callable[[Any, Any], bool]

TEXT = st.one_of(
    st.text(
        st.sampled_from(list(" :#-?,[]{}&*!|>'\"%@`\\\n\t~=<01.+_eExXaANnyf\0\x85\u2028\ufeff\xa0\U0001f600")),
        max_size=8,
    ),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(
        ["no", "y", "null", "010", "1e3", "1:30", "2025-01-01", "", " ", "<<", "=", "~", "---", "a: b", "a #b"]
    ),
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**80), 10**80) | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=6)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(document=DOCUMENTS)
def test_what_is_written_is_read_back_by_the_fast_reader_and_by_the_library(
    document: dict[str, Any], same: Same
) -> None:
    text = emit(document)
    assert same(parse_plain(text), document)
    assert same(parse_inline(text.encode()), document)
    assert same(yaml.load(text, yaml.CSafeLoader), document)
    assert same(yaml.safe_load(text), document)


def test_the_text_is_what_people_expect() -> None:
    document = {
        "schema_version": "2.0",
        "epoch": 3,
        "lr": 1e-05,
        "pretrained": True,
        "loss": None,
        "tags": ["a b", "yes"],
        "parts": [{"role": "encoder", "params": {}}, [1, [2]]],
        "notes": "two\nlines, é",
    }
    assert emit(document) == (
        "schema_version: '2.0'\nepoch: 3\nlr: 1.0e-05\npretrained: true\nloss: null\ntags:\n- 'a b'\n- 'yes'\n"
        'parts:\n- role: encoder\n  params: {}\n- - 1\n  - - 2\nnotes: "two\\nlines, é"\n'
    )


def test_subclasses_are_written_as_what_they_are() -> None:
    class Odd(float):
        def __repr__(self) -> str:
            return "Odd(0.5)"

    class Phase(str, enum.Enum):  # noqa: UP042  # the kind of enum user code has
        TRAINING = "training"

    class Level(enum.IntEnum):
        ONE = 1

    assert emit({"a": Odd(0.5), "b": Phase.TRAINING, "c": Level.ONE, "d": (1, 2)}) == (
        "a: 0.5\nb: training\nc: 1\nd:\n- 1\n- 2\n"
    )


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        value = {"a": value}
    return value


def _cycle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


@pytest.mark.parametrize(
    "document",
    [
        {"a": object()},
        {"a": {1, 2}},
        {"a": b"x"},
        {1: "a"},
        {"a": "\ud800"},
        {"a": 10**101},
        {"k" * 1001: 1},
        {"é\n" * 400: 1},
        _nested(40),
        _cycle(),
        {"a": "x" * MAX_BYTES},
        {"a": [0] * MAX_NODES},
    ],
    ids=lambda document: next(iter(document.values())).__class__.__name__,
)
def test_what_could_not_be_read_back_is_not_written(document: dict[str, Any]) -> None:
    with pytest.raises(SidecarInvalid):
        emit(document)


def test_the_refused_value_is_named_by_its_key_path() -> None:
    with pytest.raises(SidecarInvalid, match=r"model\.parts\[1\]\.params: a set cannot be written"):
        emit({"model": {"parts": [1, {"params": {1}}]}})


def test_the_deepest_document_written_is_read_back() -> None:
    assert parse_plain(emit(_nested(29))) == _nested(29)
