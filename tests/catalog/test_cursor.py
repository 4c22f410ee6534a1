from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.catalog.cursor import decode, encode
from ckpt_indexer.errors import InvalidCursor

KEYS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8")),
    st.binary(),
)  # fmt: skip


@given(st.lists(KEYS, max_size=4).map(tuple), st.integers(0, 2**63 - 1), st.text(st.characters(codec="utf-8")))
@settings(deadline=None, max_examples=100)
def test_what_goes_in_comes_out(
    values: tuple[int | float | str | bytes | None, ...], row_id: int, question: str
) -> None:
    text = encode(values, row_id, question)
    assert decode(text, question) == (values, row_id)
    assert text.isascii()
    assert set("+/=") & set(text) == set()


@given(st.integers(0, 200), st.sampled_from("ABab01_-"))
@settings(deadline=None, max_examples=100)
def test_one_altered_character_is_noticed(index: int, char: str) -> None:
    text = encode((0.5, "a"), 7, "q")
    altered = text[: index % len(text)] + char + text[index % len(text) + 1 :]
    if altered == text:
        assert decode(altered, "q") == ((0.5, "a"), 7)
        return
    with pytest.raises(InvalidCursor):
        decode(altered, "q")


@pytest.mark.parametrize("text", ["", "x", "not a cursor", "\u00e9", "A" * 20000, "====", "AAAAAAAAAAAAAAAA", "a\n"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode(text, "q")


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        decode(encode((1,), 2, "hmean-"), "epoch-")


@given(st.text(max_size=80))
@settings(deadline=None, max_examples=100)
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode(text, "q")
