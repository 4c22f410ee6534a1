"""One value at a time, as the strict document takes it: what it would refuse is None, that is, left out. Pure."""

from __future__ import annotations

from typing import Any

from ckpt_indexer.metadata.fields import ABSENT_WORDS, INT_LIMIT, is_clean, moment

Block = dict[str, Any]  # part of a document: JSON values


def block(**values: Any) -> Block:  # noqa: ANN401  # JSON values, None for what is unknown
    """Return the values that say something."""
    return {key: value for key, value in values.items() if value is not None and value not in ({}, [])}


def text(value: object) -> str | None:
    """Return text that can be stored and is not empty."""
    return value if isinstance(value, str) and value != "" and is_clean(value) else None


def name(value: object) -> str | None:
    """Return a name without surrounding blanks; the words that mean "not known" are none."""
    found = text(value)
    return None if found is None or found.strip().lower() in ABSENT_WORDS else found.strip()


def one_word(value: object) -> str | None:
    """Return a name of one word."""
    found = name(value)
    return found if found is not None and len(found.split()) == 1 else None


def whole(value: object, *, low: int = 0) -> int | None:
    """Return a whole number of at least `low` that fits into 64 bits."""
    return value if type(value) is int and low <= value < INT_LIMIT else None


def aware(value: object) -> str | None:
    """Return an ISO 8601 moment that names its zone; one without is no fact."""
    found = moment(value, None)
    return value if isinstance(value, str) and found is not None and found[1] else None
