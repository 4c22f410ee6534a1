from __future__ import annotations

import pytest

from ckpt_indexer.catalog.query import parse
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.metadata.tagging import MAX_NOTE, MAX_TAG, MAX_TAGS, checked_note, checked_tag, checked_tags


@pytest.mark.parametrize("tag", ["baseline", " paper ", "table 2", "v1.0", "\u00fcber", "a:b", "bob's", "x" * MAX_TAG])
def test_words_are_tags(tag: str) -> None:
    assert checked_tag(tag) == tag.strip()


@pytest.mark.parametrize(
    "tag",
    ["", "  ", "unknown", "Unknown", "x" * (MAX_TAG + 1), "a\nb", "a\x1b[0m", "\u202eabc", "a\0", "\ud800", "+a", "-a",
     "^a", "a,b", 'a"b'],
)  # fmt: skip
def test_what_no_query_could_ask_for_is_refused(tag: str) -> None:
    with pytest.raises(InvalidFilter):
        checked_tag(tag)


@pytest.mark.parametrize("tag", ["baseline", "table 2", "v1.0", "bob's"])
def test_a_tag_can_be_asked_for(tag: str) -> None:
    (term,) = parse([f"tag:{checked_tag(tag)}"]).terms
    assert term.target is not None
    assert term.target.name == "tags"


def test_tags_come_once_and_not_too_many() -> None:
    assert checked_tags(["a", " a", "b"]) == ("a", "b")
    with pytest.raises(InvalidFilter):
        checked_tags([str(number) for number in range(MAX_TAGS + 1)])


def test_a_note_is_text_of_any_lines() -> None:
    assert checked_note("  two\nlines\n\n") == "  two\nlines"


@pytest.mark.parametrize("note", ["", " \n", "x" * (MAX_NOTE + 1), "a\0b", "\ud800"])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(InvalidFilter):
        checked_note(note)
