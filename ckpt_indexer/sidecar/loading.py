"""From the bytes of a document to its value, safely. Knows limits and which parser may see what; no schema, no disk.

    bytes -> size, UTF-8 -> plain reader -> control characters -> JSON -> byte test -> PyYAML's C loader

`parse_inline` is for the daemon's own process and raises `NeedsChild` where the C loader should only be let loose in a
limited child; `parse_anything` is what that child runs.
"""

from __future__ import annotations

import re
from typing import Any

from ckpt_indexer.errors import NeedsChild, SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_BRACKETS, MAX_BYTES, MAX_CHAIN, MAX_INDENTATION
from ckpt_indexer.sidecar.plain import parse_plain
from ckpt_indexer.sidecar.strict_json import parse_json

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_HARD = re.compile(rf"[&*!]|<<|^[ \t]{{{MAX_INDENTATION + 1}}}|(?:[-?:][ \t]++){{{MAX_CHAIN}}}", re.MULTILINE)


def parse_inline(data: bytes) -> Any:  # noqa: ANN401  # any JSON-like value
    """Return the value of the document, spending bounded time and memory in this process.

    Raises:
        NeedsChild: the document is one the C loader should only see in a limited child.
        SidecarUnreadable: the bytes are no document.
    """
    text = decode(data)
    if (value := parse_plain(text)) is not None:
        return value
    return _parse_json_or_yaml(text, inline=True)


def parse_anything(data: bytes) -> Any:  # noqa: ANN401  # any JSON-like value
    """Return the value of the document, whatever it costs. Only for a child process with limits.

    Raises:
        SidecarUnreadable: the bytes are no document.
    """
    return _parse_json_or_yaml(decode(data), inline=False)


def decode(data: bytes) -> str:
    """Return the text of a document, its byte order mark removed.

    Raises:
        SidecarUnreadable: too large, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise too_large(len(data))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if data.startswith(_UTF16_MARKS):
            raise SidecarUnreadable("the document is UTF-16; save it as UTF-8", reason="encoding") from exc
        line = data.count(b"\n", 0, exc.start) + 1
        message = f"line {line}: byte 0x{data[exc.start]:02x} is not UTF-8; save the document as UTF-8"
        raise SidecarUnreadable(message, reason="encoding", line=line) from exc


def too_large(size_bytes: int) -> SidecarUnreadable:
    """Return the error for a document over the limit."""
    message = f"the document has {size_bytes} bytes, over the limit of {MAX_BYTES}; shorten it"
    return SidecarUnreadable(message, reason="too_large", size_bytes=size_bytes, limit_bytes=MAX_BYTES)


def _parse_json_or_yaml(text: str, *, inline: bool) -> Any:  # noqa: ANN401  # any JSON-like value
    _check_characters(text)
    if text.lstrip().startswith("{"):
        try:
            return parse_json(text)
        except ValueError:
            pass  # not JSON: YAML's own `{...}`, or broken in a way the YAML parser words better
    if inline:
        check_harmless(text)
    from ckpt_indexer.sidecar.strict_yaml import parse_yaml

    return parse_yaml(text)


def check_harmless(text: str) -> None:
    """Refuse what could make the C loader crash, expand or crawl. Coarse on purpose: it reads characters, not YAML.

    Raises:
        NeedsChild: something in it could.
    """
    hard = _HARD.search(text)
    if hard is not None or text.count("[") > MAX_BRACKETS or text.count("{") > MAX_BRACKETS:
        what = "too many brackets" if hard is None else repr(hard[0][:8])
        raise NeedsChild(f"{what} in the document: it is parsed in a limited child process only", reason="byte_test")


def _check_characters(text: str) -> None:
    """Refuse control characters, as YAML does; binary files and UTF-16 without a mark end here."""
    found = _FORBIDDEN.search(text)
    if found is None:
        return
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
    code = ord(found[0])
    message = f"line {line}, column {column}: the control character U+{code:04X}; is this a text file in UTF-8?"
    raise SidecarUnreadable(message, reason="control_character", line=line, column=column)
