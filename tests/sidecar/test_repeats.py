"""A parser that remembers models says what the plain one says, whatever the document."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import NeedsChild, SidecarUnreadable
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sidecar.repeats import RepeatingParser

MODEL = "model:\n  architecture: dbnet\n  encoder:\n    model_name: resnet18\n    params: [1, 2]\n"
DOCUMENT = f"schema_version: '1.0'\nepoch: 3\n{MODEL}metrics:\n  hmean: 0.5\n"

_LINES = st.sampled_from(
    ["model:", "  a: 1", "  b:", "    c: x", "    - 2", "  - 3", " d: 4", "e: 5", "f:", "- 6", "", "# g", "  # h", "{",
     "model: 7", "  i: &j 8", "...", "---", '"k": 9', "  l: |", "\tm: 1", "  n: 'o", "  a: 2", "model:  ", "  p: ''"]
)  # fmt: skip


def outcome(parse: Any, data: bytes) -> Any:
    """Return what a parser says of a document, keys in order; the kind of error when it refuses."""
    try:
        return repr(parse(data))
    except (NeedsChild, SidecarUnreadable) as error:
        return type(error), error.message


@settings(deadline=None, max_examples=1500)
@given(lines=st.lists(_LINES, max_size=12), last=st.sampled_from(["", "\n"]))
@example(lines=["a: 1", "model:", "  a: 1", "", "  b:", "e: 5"], last="\n")
@example(lines=["a: 1", "model:", "  a: 1", "# g", "  b:", "e: 5"], last="\n")
@example(lines=["a: 1", "model:", "  a: 1", "e: 5", "model:", "  a: 1"], last="")
@example(lines=["a: 1", "model:", "  # h", "e: 5"], last="\n")
@example(lines=["f:", "model:", "  - 3", "e: 5"], last="\n")
def test_every_document_is_what_it_is_without_memory(lines: list[str], last: str) -> None:
    data = ("\n".join(lines) + last).encode()
    parse = RepeatingParser()
    assert [outcome(parse, data), outcome(parse, data)] == [outcome(parse_inline, data)] * 2


def test_equal_models_are_one_object() -> None:
    parse = RepeatingParser()
    first, second = parse(DOCUMENT.encode()), parse(DOCUMENT.replace("epoch: 3", "epoch: 4").encode())
    assert first["model"] is second["model"]
    assert (first["epoch"], second["epoch"]) == (3, 4)
    assert list(second) == list(yaml.safe_load(DOCUMENT))
    assert parse(DOCUMENT.replace("resnet18", "resnet50").encode())["model"] != first["model"]


def test_a_long_document_is_not_remembered() -> None:
    data = (DOCUMENT + "".join(f"key{number}: {number}\n" for number in range(2_000))).encode()
    parse = RepeatingParser()
    assert parse(data)["model"] == parse(data)["model"]
    assert parse(data)["model"] is not parse(data)["model"]


@pytest.mark.parametrize(("others", "kept"), [(1, True), (200, False)])
def test_no_more_models_are_remembered_than_a_few(others: int, kept: bool) -> None:  # one of two facts
    parse = RepeatingParser()
    model = parse(DOCUMENT.encode())["model"]
    for number in range(others):
        parse(DOCUMENT.replace("resnet18", f"net{number}").encode())
    assert (parse(DOCUMENT.encode())["model"] is model) is kept
