from __future__ import annotations

import pytest

from ckpt_indexer.metadata.writable import aware, block, name, one_word, text, whole


def test_a_block_holds_what_says_something() -> None:
    assert block(a=0, b=0.0, c=False, d="", e=None, f={}, g=[]) == {"a": 0, "b": 0.0, "c": False, "d": ""}


@pytest.mark.parametrize("value", [None, 3, "", "a\0b", "half \ud800"])
def test_text_that_cannot_be_stored_is_none(value: object) -> None:
    assert text(value) is None


@pytest.mark.parametrize(("value", "expected"), [(" dbnet ", "dbnet"), ("Unknown", None), ("  ", None), (4, None)])
def test_a_name_says_who(value: object, expected: str | None) -> None:
    assert name(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("top_k", "top_k"), ("top k", None), (None, None)])
def test_one_word_is_one(value: object, expected: str | None) -> None:
    assert one_word(value) == expected


@pytest.mark.parametrize(
    ("value", "low", "expected"),
    [(0, 0, 0), (-1, 0, None), (-1, -1, -1), (True, 0, None), (1.0, 0, None), (2**63, 0, None)],
)
def test_whole_numbers_fit_and_are_no_truth_values(value: object, low: int, expected: int | None) -> None:
    assert whole(value, low=low) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05", None), ("soon", None), (7, None)],
)
def test_a_moment_names_its_zone(value: object, expected: str | None) -> None:
    assert aware(value) == expected
