from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import NeedsChild, SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_BYTES
from ckpt_indexer.sidecar.loading import check_harmless, parse_anything, parse_inline
from ckpt_indexer.sidecar.plain import parse_plain
from ckpt_indexer.sidecar.strict_yaml import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 60_000,
        b"a: " + b"[" * 65 + b"]" * 65,
        b"a: " + b"{" * 65,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a: &x 1\nb: *x\n",
        b"a:\n  <<: {b: 1}\n",
        b"a: !!binary x\n",
        b"a:\n" + b" " * 300 + b"b: {c: 1}\n",
        b"\n".join(b" " * level + b"k:" for level in range(700)),
    ],
)
def test_what_could_hurt_the_loader_is_not_parsed_inline(data: bytes) -> None:
    with pytest.raises(NeedsChild):
        parse_inline(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'notes: "great! a & b, *maybe*"\n', {"notes": "great! a & b, *maybe*"}),
        (b"notes: R&D * 2 << 3!\n", {"notes": "R&D * 2 << 3!"}),
        (b"# see <<here>> & there!\na: 1\n", {"a": 1}),
        (b"\xef\xbb\xbfa: 1\n", {"a": 1}),
        (b"a: 1\r\nb:\r\n- x\r\n", {"a": 1, "b": ["x"]}),
        (b"{a: 1, b: [x, y]}", {"a": 1, "b": ["x", "y"]}),
        (b'{"a": [1, 2.5, null], "b": {"c": true}}', {"a": [1, 2.5, None], "b": {"c": True}}),
        (b' \n{"lr": 1e-3}', {"lr": 0.001}),
        (b'{"a": "' + b"[" * 100 + b'"}', {"a": "[" * 100}),
        (b"notes: |\n  two\n  lines\n", {"notes": "two\nlines\n"}),
        (b"a: a long text\n  folded\n", {"a": "a long text folded"}),
        (b"at: 2025-10-18T14:32:15\nx: {y: 2025-10-18}\n", {"at": "2025-10-18T14:32:15", "x": {"y": "2025-10-18"}}),
        (b"", None),
    ],
)  # fmt: skip
def test_harmless_documents_are_read_inline_and_anywhere(data: bytes, value: object) -> None:
    assert parse_inline(data) == value
    assert parse_anything(data) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("a: 1\n".encode("utf-16"), "encoding"),
        ("a: 1\n".encode("utf-16-be"), "control_character"),
        (b"a: \xff\n", "encoding"),
        (b"a: \0\n", "control_character"),
        (b"a: \x1b[31m\n", "control_character"),
        (b'{"a": "\x01"}', "control_character"),
        (b"a: " + b"x" * MAX_BYTES, "too_large"),
        (b"a: 1\na: 2\n", "duplicate_key"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b"a: [1\n", "syntax"),
        (b"{a: 1\n", "syntax"),
        (b'{"a":' * 5000, "depth"),
        (b"PK\x03\x04rest of a zip", "control_character"),
        (b"a: 1\n---\na: 2\n", "syntax"),
    ],
)
def test_what_is_no_document_is_unreadable_wherever_it_is_parsed(data: bytes, reason: str) -> None:
    for parse in (parse_inline, parse_anything):
        with pytest.raises(SidecarUnreadable) as caught:
            parse(data)
        assert caught.value.details["reason"] == reason


def test_a_bad_byte_is_told_with_its_line() -> None:
    with pytest.raises(SidecarUnreadable, match="line 3: byte 0xff"):
        parse_inline(b"a: 1\nb: 2\nc: \xff\n")


def test_nan_is_the_same_in_yaml_and_json() -> None:
    assert math.isnan(parse_inline(b"{a: .nan}")["a"])
    assert math.isnan(parse_inline(b'{"a": NaN}')["a"])


def test_golden_files_read_the_same_inline_and_in_a_child(
    golden: dict[str, str], same: Callable[[Any, Any], bool]
) -> None:
    for text in golden.values():
        value = parse_anything(text.encode())
        try:
            inline = parse_inline(text.encode())
        except NeedsChild:
            continue
        assert same(inline, value)


def test_the_plain_reader_answers_before_the_byte_test() -> None:
    text = "notes: 'a & b'\n"
    with pytest.raises(NeedsChild):
        check_harmless(text)
    assert parse_plain(text) == parse_yaml(text) == parse_inline(text.encode())


@settings(deadline=None, max_examples=300)
@given(
    data=st.binary(max_size=300) | st.text(st.sampled_from(" :-[]{}'\"\n\tab1&*!?|>#,"), max_size=60).map(str.encode)
)
def test_any_bytes_end_in_a_value_or_a_typed_error(data: bytes) -> None:
    try:
        outcome = parse_inline(data)
    except (SidecarUnreadable, NeedsChild) as exc:
        outcome = exc.message
    assert outcome is None or isinstance(outcome, dict | list | str | int | float)
