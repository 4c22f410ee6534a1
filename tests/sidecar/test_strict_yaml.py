from __future__ import annotations

import logging

import pytest

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_DEPTH, MAX_NODES
from ckpt_indexer.sidecar.strict_yaml import parse_yaml

LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
MERGES = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 20))


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1),
        ("a:\n  b: 1\n  'b': 2\n", "duplicate_key", 3, 3),
        ("a: &x 1\nb: *x\n", "alias", 1, 4),
        ("a: &x {b: *x}\n", "alias", 1, 4),
        ("? &x y\n: 1\n*x : 2\n", "alias", 1, 3),
        (LAUGHS, "alias", 1, 5),
        ("a:\n  <<: {b: 1}\n", "merge", 2, 3),
        ("a: <<\n", "merge", 1, 4),
        ("a: !!python/object/apply:os.system [x]\n", "tag", 1, 4),
        ("a: !!binary aGk=\n", "tag", 1, 4),
        ("a: !!set {b, c}\n", "tag", 1, 4),
        ("a: !!omap [b: 1]\n", "tag", 1, 4),
        ("? [a, b]\n: 1\n", "key", 1, 3),
        ("a: 0x_\n", "number", 1, 4),
        ("a: !!int nine\n", "number", 1, 4),
        (f"a: {'9' * 5000}\n", "number", 1, 4),
        ("a: [1\n", "syntax", 2, 1),
        ("a: b: c\n", "syntax", 1, 5),
        ("a: 1\n---\nb: 2\n", "syntax", 2, 1),
    ],
)
def test_a_refused_document_is_told_with_its_place(text: str, reason: str, line: int, column: int) -> None:
    with pytest.raises(SidecarUnreadable) as caught:
        parse_yaml(text)
    assert (caught.value.details["reason"], caught.value.details["line"], caught.value.details["column"]) == (
        reason,
        line,
        column,
    )
    assert str(caught.value).startswith(f"line {line}, column {column}: ")


def test_merge_keys_are_refused_before_they_expand() -> None:
    with pytest.raises(SidecarUnreadable):
        parse_yaml(MERGES)


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "- " * 100_000, "? " * 100_000, "{a: " * 50_000, "a:\n" + "- " * 33 + "x"]
)
def test_deep_documents_end_as_an_error_instead_of_a_crash(text: str) -> None:
    with pytest.raises(SidecarUnreadable, match="nested deeper"):
        parse_yaml(text)


def test_the_depth_limit_is_exact() -> None:
    assert parse_yaml("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) is not None
    with pytest.raises(SidecarUnreadable):
        parse_yaml("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_too_many_values_are_refused() -> None:
    with pytest.raises(SidecarUnreadable, match=str(MAX_NODES)):
        parse_yaml("- 1\n" * MAX_NODES)


@pytest.mark.parametrize("moment", ["2025-10-18T14:32:15.123456", "2025-02-30", "0000-00-00", "2025-10-18 14:32:15 +2"])
def test_a_timestamp_is_the_text_it_was_written_as(moment: str) -> None:
    assert parse_yaml(f"created_at: {moment}\n") == {"created_at": moment}


def test_keys_are_the_text_they_were_written_as() -> None:
    assert parse_yaml("{on: 1, 1: 2, 1.50: 3, ~: 4, 2025-01-01: 5}") == {
        "on": 1,
        "1": 2,
        "1.50": 3,
        "~": 4,
        "2025-01-01": 5,
    }


def test_an_empty_document_is_nothing() -> None:
    assert parse_yaml("# only a comment\n") is None


def test_an_explicit_timestamp_tag_that_breaks_the_library_is_text_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert parse_yaml("a: !!timestamp x\n") == {"a": "x"}
    assert caplog.records == []


def test_a_failure_inside_the_library_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(SidecarUnreadable, match="failed on it"):
        parse_yaml("a: \ud800\n")
    assert caplog.records[0].exc_info is not None
