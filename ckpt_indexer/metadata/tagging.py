"""What a tag and a note may be. Pure: one rule for the command line, the API and the page."""

from __future__ import annotations

from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.metadata.fields import ABSENT_WORDS, is_clean

MAX_TAG = 100
"""Characters."""
MAX_TAGS = 100
"""Tags one command changes."""
MAX_NOTE = 20_000
"""Characters; a whole document may have 256 KiB."""
_SIGNS = ("+", "-", "^")
_MEANT = ',"'
"""Characters that mean something in a query."""


def checked_tag(text: str) -> str:
    """Return a tag without surrounding blanks.

    Raises:
        InvalidFilter: it is empty, too long, or could not be asked for in a query.
    """
    tag = text.strip()
    shown = repr(tag[:40])
    if not tag or tag.lower() in ABSENT_WORDS:
        raise InvalidFilter(f"{shown} says nothing; a tag is a word such as baseline")
    if len(tag) > MAX_TAG:
        raise InvalidFilter(f"the tag {shown}... has {len(tag)} characters, over the limit of {MAX_TAG}")
    if not (is_clean(tag) and tag.isprintable()):
        raise InvalidFilter(f"the tag {shown} holds control characters or is no text")
    if tag.startswith(_SIGNS) or any(char in tag for char in _MEANT):
        raise InvalidFilter(f"the tag {shown}: no + - ^ in front, no comma or quotes; a query could not ask for it")
    return tag


def checked_tags(texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return tags, each once. Raises InvalidFilter."""
    if len(texts) > MAX_TAGS:
        raise InvalidFilter(f"{len(texts)} tags at once, over the limit of {MAX_TAGS}")
    return tuple(dict.fromkeys(map(checked_tag, texts)))


def checked_note(text: str) -> str:
    """Return a note without blanks at its end.

    Raises:
        InvalidFilter: it is empty (`--clear` takes a note away), too long or no text.
    """
    note = text.rstrip()
    if not note:
        raise InvalidFilter("the note is empty; to take a note away, clear it")
    if len(note) > MAX_NOTE:
        raise InvalidFilter(f"the note has {len(note)} characters, over the limit of {MAX_NOTE}")
    if not is_clean(note):
        raise InvalidFilter("the note holds characters that are no text")
    return note
