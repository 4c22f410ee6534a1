"""A nested answer (status, one checkpoint) as titled sections of plain lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ckpt_indexer.cli import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INDENT = "  "


def sections(answer: Mapping[str, Any]) -> Iterator[str]:  # JSON values
    """Yield lines: plain values first, then a section for each mapping and list."""
    plain = {key: value for key, value in answer.items() if not isinstance(value, dict | list | tuple)}
    yield from pairs(plain)
    for title, value in answer.items():
        if title not in plain:
            yield from section(title, value)


def section(title: str, value: Mapping[str, Any] | Sequence[Any]) -> Iterator[str]:  # JSON values
    """Yield a title and what is below it, after an empty line; `none` when there is nothing."""
    yield ""
    yield text.shown(title)
    if not value:
        yield INDENT + "none"
    elif isinstance(value, Mapping):
        yield from (INDENT + line for line in pairs(value))
    elif all(isinstance(item, dict) for item in value):
        yield from (INDENT + line for line in _table(value))
    else:
        yield from (INDENT + text.cell(item) for item in value)


def pairs(values: Mapping[str, Any]) -> list[str]:  # JSON values
    """Return aligned `key  value` lines."""
    return text.columns([(text.shown(key), text.cell(value)) for key, value in values.items()]) if values else []


def _table(items: Sequence[Mapping[str, Any]]) -> list[str]:  # JSON values
    keys = list(dict.fromkeys(key for item in items for key in item))
    titles = [text.shown(key) for key in keys]
    return text.columns([titles, *([text.cell(item.get(key)) for key in keys] for item in items)])
