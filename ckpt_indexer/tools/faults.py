"""What can be wrong with a document, or is worth a look: one word, one place, one sentence each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.metrics import headline
from ckpt_indexer.metadata.schema import BLOCK_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.errors import MetadataError
    from ckpt_indexer.metadata.reading import Reading
    from ckpt_indexer.metadata.record import Record

WANTED_METRICS = ("hmean", "precision", "recall")
"""A document without one of these is valid, and a warning: the replaced catalog does not show it, or shows it bare."""


class Fault(NamedTuple):
    """One thing that is wrong or worth a look."""

    type: str
    """A stable lower-case word: missing, value, not_finite, conflict, contradicted, too_large, encoding, ..."""
    field: str | None
    """Key path in the document; None when it is about the document as a whole."""
    message: str


def fault_of(kind: str, message: str) -> Fault:
    """Return a problem of the reader, which begins with its key path, with its type."""
    path = message.partition(": ")[0]
    if kind == "field":
        kind = "missing" if message.startswith((f"{path}: missing", f"{path} is missing")) else "value"
    return Fault(
        kind, path.removesuffix(" is missing") if " " not in path.removesuffix(" is missing") else None, message
    )


def unreadable(error: MetadataError) -> Fault:
    """Return why a document cannot be used."""
    return Fault(str(error.details.get("reason", "invalid")), None, error.message)


def missing_metrics(reading: Reading) -> list[Fault]:
    """Return a warning for each of the wanted metrics that has no value under any of its names."""
    values, _ = headline(reading.finding.metrics)
    return [
        Fault("missing_metric", f"metrics.{name}", f"metrics.{name}: not there, under no known name")
        for name in WANTED_METRICS
        if name not in values
    ]


def unknown_keys(extra: Mapping[str, Any]) -> list[Fault]:
    """Return a warning for each key that the schema does not know: kept, never read, perhaps a slip of the pen."""
    faults = []
    for path in extra:
        block, _, key = path.rpartition(".")
        if block in BLOCK_KEYS and key not in BLOCK_KEYS[block] and path not in BLOCK_KEYS[""]:
            faults.append(Fault("unknown_key", path, f"{path}: no key of the schema; it is kept and not read"))
    return faults


def contradictions(record: Record) -> list[Fault]:
    """Return what a document says otherwise than its file."""
    found = [
        Fault(
            "contradicted", one.field, f"{one.field}: it says {one.other}, {one.kept_source or 'the file'} {one.kept}"
        )
        for one in record.conflicts
        if one.other_source == "sidecar" and one.kept is not None  # silence contradicts nothing
    ]
    told = [Fault("contradicted", None, message) for kind, message in record.problems if kind == "sidecar_contradicted"]
    return found or told or [Fault("contradicted", None, "the file says otherwise")]
