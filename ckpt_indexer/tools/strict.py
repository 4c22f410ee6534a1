"""Documents as the strict models take them: checked before anything is written, turned into 1.0 when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.document import MetadataV2, to_document
from ckpt_indexer.metadata.downgrade import downgrade
from ckpt_indexer.metadata.schema import BLOCK_KEYS, LATEST

_SHOWN = 5


def as_version(document: Mapping[str, Any], version: str, *, mtime_ns: int | None = None) -> dict[str, Any]:  # JSON
    """Return a document of version 2.0 as the strict model understands it, in version `2.0` or `1.0`.

    Version 1.0 demands a moment: where the document has none, the file's `mtime_ns` is taken for it.

    Raises:
        SidecarInvalid: it breaks its schema, or lacks what version 1.0 demands.
    """
    try:
        model = MetadataV2.model_validate(dict(document))
        if version == LATEST:
            return to_document(model)
        if model.created_at is None and mtime_ns is not None:
            moment = datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC)
            model = model.model_copy(update={"created_at": moment})
        old = to_document(downgrade(model))
    except ValidationError as error:
        raise SidecarInvalid(worded(error)) from error
    return {key: value for key, value in old.items() if value is not None}


def without_unknown(document: Mapping[str, Any], path: str = "") -> dict[str, Any]:  # JSON values
    """Return a document without keys its schema does not know, and without nulls."""
    known = BLOCK_KEYS.get(path)
    kept: dict[str, Any] = {}  # JSON values
    for key, value in document.items():
        if value is None or (known is not None and key not in known):
            continue
        below = f"{path}.{key}" if path else str(key)
        is_block = isinstance(value, Mapping) and below in BLOCK_KEYS
        kept[key] = without_unknown(value, below) if is_block else value
    return kept


def lost_keys(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[str]:
    """Return the key paths of `before` that say something and are not in `after`, a block that is gone as one."""
    lost: list[str] = []
    for key, value in before.items():
        here = f"{path}.{key}" if path else str(key)
        if value is None or value in ({}, []):
            continue
        if key not in after:
            lost.append(here)
        elif isinstance(value, Mapping) and isinstance(after[key], Mapping):
            lost += lost_keys(value, after[key], here)
    return lost


def worded(error: ValidationError) -> str:
    """Return the first few faults by key path, in one line."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {fault['msg']}" for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        told.append(f"and {len(faults) - _SHOWN} more")
    return "; ".join(told)
