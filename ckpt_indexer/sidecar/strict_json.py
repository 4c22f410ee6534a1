"""JSON documents, read as strictly as the YAML ones: no key twice, bounded depth and size. Pure."""

from __future__ import annotations

import json
from typing import Any

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_DEPTH, MAX_NODES

_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def parse_json(text: str) -> Any:  # noqa: ANN401  # any JSON value
    """Return the value; NaN and the infinities are floats.

    Raises:
        ValueError: it is no JSON (`json.JSONDecodeError`), or holds an integer too long to be one.
        SidecarUnreadable: it is JSON with a key twice, nested too deeply, too large or with half a character in it.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_CONSTANTS.__getitem__)
    except RecursionError:
        raise _too_deep() from None
    _check(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # JSON values
    built: dict[str, Any] = {}  # JSON values
    for key, value in pairs:
        if key in built:
            raise SidecarUnreadable(f"the key {key[:100]!r} a second time; keep one", reason="duplicate_key")
        built[key] = value
    return built


def _check(value: Any) -> None:  # noqa: ANN401  # any JSON value
    """Walk the value level by level, never recursively."""
    level, depth, nodes = [value], 0, 0
    while level:
        nodes += len(level)
        if nodes > MAX_NODES:
            raise SidecarUnreadable(f"more than {MAX_NODES} values; shorten the document", reason="nodes")
        deeper: list[Any] = []  # JSON values
        for item in level:
            if depth >= MAX_DEPTH and isinstance(item, dict | list):
                raise _too_deep()
            if isinstance(item, dict):
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str) and not item.isascii():
                _check_text(item)
        level, depth = deeper, depth + 1


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = r"half of a surrogate pair (\ud800-\udfff) in a text; write the whole character"
        raise SidecarUnreadable(message, reason="encoding") from None


def _too_deep() -> SidecarUnreadable:
    return SidecarUnreadable(f"nested deeper than {MAX_DEPTH} levels; flatten the document", reason="depth")
