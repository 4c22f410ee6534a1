"""What was changed on the command line of a Hydra job: `overrides.yaml`, a list of `key=value`. Pure.

The saved configuration already holds the values, better typed; what only this file tells is which groups were chosen
(`model/encoder=resnet50`) and which keys the job varied. https://hydra.cc/docs/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re
from typing import Any

from ckpt_indexer.errors import SourceRejected
from ckpt_indexer.metadata.params import scalar
from ckpt_indexer.sources.config.documents import parse_config

MAX_OVERRIDES = 200
_OVERRIDE = re.compile(r"\+{0,2}([A-Za-z_][\w./\-@]{0,200})=(.{0,2000})", re.DOTALL)


def parse_overrides(data: bytes) -> dict[str, Any]:  # JSON scalars and lists of them
    """Return key -> value of every override that sets a scalar or a list of scalars; deletions set nothing.

    Raises:
        SourceRejected: the file is no list that can be read.
    """
    given = parse_config(data)
    if given is None:
        return {}
    if not isinstance(given, list):
        raise SourceRejected("a mapping; overrides are a list of key=value", reason="structure")
    said: dict[str, Any] = {}  # JSON scalars and lists of them
    for text in given[:MAX_OVERRIDES]:
        found = _OVERRIDE.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[1].split(".")[0].split("/")[0] == "hydra":
            continue
        value = _value(found[2])
        if value is not None:
            said[found[1]] = value
    return said


def _value(text: str) -> Any:  # noqa: ANN401  # a JSON scalar or a list of them
    """Return an override's value as YAML reads it, which agrees with Hydra on numbers, booleans, text and lists; None
    for null and whatever is no such value."""
    try:
        parsed = parse_config(b"- " + text.encode("utf-8", "replace"))
    except SourceRejected:
        return text
    value = parsed[0] if isinstance(parsed, list) and len(parsed) == 1 else text
    if isinstance(value, list):
        items = [scalar(item) for item in value]
        return None if None in items else items
    return scalar(value)
