"""Documents of one run say the same of their model, word for word: that is parsed once.

A plain document is read line by line, so a block of indented lines between two keys of the document itself can be cut
out and read on its own; a differential test holds this module to that.
"""

from __future__ import annotations

import re
from typing import Any

from ckpt_indexer.sidecar.loading import decode, parse_inline
from ckpt_indexer.sidecar.plain import parse_plain

_KEY = "\nmodel:\n"
_LINES = re.compile(r"(?:[ ][^\n]*+\n)++(?=[A-Za-z_]|\Z)").match
_MOST_KNOWN = 64
_MOST_CHARACTERS = 16_000
"""Longer documents are parsed in one piece, and what is remembered stays small."""


class RepeatingParser:
    """Parses documents as `parse_inline` does, but equal models are one and the same object: nobody may change it."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}  # the text of a block -> its value; None: it is not plain

    def __call__(self, data: bytes) -> Any:  # noqa: ANN401  # any JSON-like value
        """Return the value of the document, spending bounded time and memory in this process.

        Raises:
            NeedsChild: the document is one the C loader should only see in a limited child.
            SidecarUnreadable: the bytes are no document.
        """
        text = decode(data)
        begins = text.find(_KEY) + len(_KEY)
        lines = _LINES(text, begins) if begins >= len(_KEY) and len(text) <= _MOST_CHARACTERS else None
        if lines is None:
            return parse_inline(data)
        block = lines[0]
        if block not in self._known:
            self._remember(block)
        model = self._known[block]
        document = None if model is None else parse_plain(text[:begins] + text[lines.end() :])
        if document is None or document.get("model", model) is not None:
            return parse_inline(data)
        document["model"] = model
        return document

    def _remember(self, block: str) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        parsed = parse_plain("model:\n" + block)
        self._known[block] = None if parsed is None else parsed["model"]
