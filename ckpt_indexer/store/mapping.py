"""Candidate and Record to rows and back. Pure: ids, times and roots come in as arguments."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import orjson

from ckpt_indexer.candidate import Fingerprint, Kind
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.store.changes import Known
from ckpt_indexer.store.fields import PROMOTED
from ckpt_indexer.store.storable import clamp, integer, number_in, real, text, to_json, unwrap, when_ns, wrap
from ckpt_indexer.store.tables import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Component, Conflict, Input, Metric, Record
    from ckpt_indexer.store.changes import RootRow
    from ckpt_indexer.store.engine import Values

Row: TypeAlias = dict[str, Any]  # one row of `checkpoints`: str, int, float, bytes or None by column name

COLUMNS: tuple[str, ...] = tuple(column.name for column in Checkpoint.__table__.columns)  # type: ignore[attr-defined]  # SQLModel adds __table__
PROMOTED_NAMES = tuple(name for name, _ in PROMOTED)

TEXT_FACTS = (
    "format", "created_at", "experiment", "run_id", "run_dir", "architecture", "backbone", "decoder", "head", "loss",
    "training_phase", "monitor", "monitor_mode", "dataset", "split", "saved_as", "schema_version", "wandb_run_id",
    "config_path", "notes", "content_id", "weights_id",
)  # fmt: skip
INTEGER_FACTS = ("epoch", "global_step", "max_epochs", "metrics_step", "num_parameters")
_SHORT_NAME = 100
"""Characters of a name that is remembered: there are few different ones."""
_TEXTS, _INTEGERS = frozenset(TEXT_FACTS), frozenset(INTEGER_FACTS)

SILENT = frozenset(
    {
        "device", "inode", "ctime_ns", "mtime_ns", "directory_id", "derivation", "header_read", "surroundings",
    }
)  # fmt: skip
"""Columns no face shows: a change of these alone is no new seq."""

_BLANK: Row = dict.fromkeys(COLUMNS) | {
    "has_sidecar": 0, "read_state": "pending", "presence": "present", "pinned": 0, "rankable": 0, "derivation": 0,
    "nested": "{}", "seq": 0, "header_read": 0,
}  # fmt: skip
_NO_FACTS: Row = dict.fromkeys((*TEXT_FACTS, *INTEGER_FACTS, *PROMOTED_NAMES))


class Children(NamedTuple):
    """Rows of the tables below one checkpoint."""

    metrics: list[Values]
    components: list[Values]
    params: list[Values]
    inputs: list[Values]
    problems: dict[str, str]
    """Kind -> message."""
    own: tuple[str, ...]
    """Names under which the row is ranked."""


def new_row(row_id: int, root: RootRow, candidate: Candidate, *, now: str) -> Row:
    """Return the row of a file about which nothing but its stat is known."""
    row = _BLANK.copy()
    row["id"] = row_id
    row["first_seen_at"] = now
    set_place(row, root, candidate)
    set_stamp(row, candidate)
    return row


def set_place(row: Row, root: RootRow, candidate: Candidate) -> None:
    """Write where the file lies. `directory_id` is the caller's to set."""
    path = candidate.path
    row["root_id"] = root.id
    row["root"] = root.name
    row["path_bytes"] = path
    row["path"] = display(path)
    row["name"] = display(candidate.name)


def set_stamp(row: Row, candidate: Candidate) -> None:
    """Write what `lstat` said, and that the file is there."""
    device, inode, size_bytes, mtime_ns, ctime_ns = candidate.fingerprint
    row["kind"] = candidate.kind.value
    row["device"] = wrap(device)
    row["inode"] = wrap(inode)
    row["size_bytes"] = clamp(size_bytes)
    row["mtime_ns"] = clamp(mtime_ns)
    row["ctime_ns"] = clamp(ctime_ns)
    row["mtime"] = when_ns(mtime_ns)
    row["presence"] = "present"
    row["missing_since"] = None
    set_rankable(row)


def set_rankable(row: Row) -> None:
    """Write whether the row takes part in rankings: present, and no second name of another file."""
    ranked = row["presence"] == "present" and row["alias_of"] is None and row["kind"] != Kind.SYMLINK.value
    row["rankable"] = int(ranked)


def same_stamp(row: Row, fingerprint: Fingerprint) -> bool:
    """Tell whether the row was made from this fingerprint."""
    return fingerprint_of(row) == fingerprint or fingerprint_of(row) == _storable(fingerprint)


def same_content(row: Row, fingerprint: Fingerprint) -> bool:
    """Tell whether the file was certainly not rewritten: same inode, size and mtime."""
    return (row["inode"], row["size_bytes"], row["mtime_ns"]) == (
        wrap(fingerprint.inode),
        clamp(fingerprint.size_bytes),
        clamp(fingerprint.mtime_ns),
    )


def fingerprint_of(row: Row) -> Fingerprint:
    """Return the fingerprint a row holds."""
    return Fingerprint(unwrap(row["device"]), unwrap(row["inode"]), row["size_bytes"], row["mtime_ns"], row["ctime_ns"])


def set_record(row: Row, record: Record, alias_of: int | None, *, derivation: int) -> Children:
    """Make the row say exactly what the record says; return its children. `tags` and `notes` are the document's."""
    problems = list(record.problems)
    row.update(_NO_FACTS)
    _set_facts(row, record, problems)
    row["source"] = text(record.source)
    row["sidecar_state"] = None if record.sidecar_state is None else record.sidecar_state.value
    row["has_sidecar"] = int(record.has_sidecar)
    row["read_state"] = record.read_state.value
    row["alias_of"] = alias_of
    row["derivation"] = derivation
    row["header_read"] = int(record.header is not None)
    row["surroundings"] = record.surroundings if alias_of is None else None
    set_rankable(row)
    row_id = row["id"]
    metrics = _metric_rows(row_id, record.metrics)
    row["nested"] = to_json(_nested(record, metrics, problems))
    return Children(
        metrics,
        _component_rows(row_id, record.components),
        _param_rows(row_id, record.params),
        _input_rows(row_id, record.inputs),
        _problem_kinds(problems),
        _ranked_names(row, [name for _, name, value, stale in metrics if value is not None and not stale]),
    )


def own_metrics(row: Row) -> tuple[str, ...]:
    """Return the names under which a stored row is ranked: its headline columns and other fresh, finite values."""
    nested = orjson.loads(row["nested"])
    stale = nested.get("_stale", ())
    metrics = nested.get("metrics", {})
    return _ranked_names(row, [name for name, value in metrics.items() if value is not None and name not in stale])


def known_from(values: Sequence[Any], inputs: Iterable[tuple[bytes, int | None, int | None]]) -> Known:
    """Return the Known of one row of `statements.KNOWN`."""
    row_id, root_id, path, kind, device, inode, size, mtime, ctime, presence, state, derivation, alias_of, read = values
    stamp = Fingerprint(unwrap(device), unwrap(inode), size, mtime, ctime)
    return Known(row_id, root_id, path, kind, stamp, tuple(inputs), presence, state, derivation, alias_of, read != 0)


def _ranked_names(row: Row, fresh: list[Any]) -> tuple[str, ...]:
    """Return the names a row counts under: a headline metric by its column, any other with a name by its value."""
    names = [name for name in fresh if name and name not in PROMOTED_NAMES]
    return tuple(names + [name for name in PROMOTED_NAMES if row[name] is not None])


def _storable(stamp: Fingerprint) -> Fingerprint:
    return Fingerprint(stamp.device, stamp.inode, clamp(stamp.size_bytes), clamp(stamp.mtime_ns), clamp(stamp.ctime_ns))


def _set_facts(row: Row, record: Record, problems: list[Problem]) -> None:
    for field, value in record.facts.items():
        if value is None:
            continue
        if field in _TEXTS:
            row[field] = text(value)
        elif field in _INTEGERS:
            row[field] = integer(value)
            if row[field] is None:
                problems.append(Problem("unstorable", f"{field} is no whole number of at most 64 bits"))
    for name, headline in record.headline.items():
        if name in PROMOTED_NAMES:
            row[name] = real(headline)


def _nested(record: Record, metrics: list[Values], problems: list[Problem]) -> dict[str, Any]:
    nested: dict[str, Any] = {
        "metrics": {name: value for _, name, value, _ in metrics},
        "components": [{"role": role, "name": name, "params": params} for role, name, params in record.components],
        "params": record.params,
        "problems": [{"kind": kind, "message": message} for kind, message in problems],
        "conflicts": [_conflict(conflict) for conflict in record.conflicts],
        "provenance": record.provenance,
        "details": record.details,
        "directions": record.directions,
        "tags": list(dict.fromkeys(record.tags)),
    }
    stale = [name for _, name, _, is_stale in metrics if is_stale]
    if stale:
        nested["_stale"] = stale
    if record.header is not None:
        nested["header"] = record.header
    return nested


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return conflict._asdict()


def _metric_rows(row_id: int, metrics: dict[str, Metric]) -> list[Values]:
    found: dict[str, Values] = {}
    for name, (value, stale) in metrics.items():
        key = _name(name)
        found[key] = (row_id, key, real(value), int(stale))
    return list(found.values())


def _name(name: str) -> str:
    """Return the name of a metric or a parameter as it is stored."""
    return _short_name(name) if len(name) <= _SHORT_NAME else cast("str", text(name))


@lru_cache(maxsize=1024)
def _short_name(name: str) -> str:
    return cast("str", text(name))


def _component_rows(row_id: int, components: list[Component]) -> list[Values]:
    return [
        (row_id, position, text(role) or "", text(name), to_json(params) if params else "{}")
        for position, (role, name, params) in enumerate(components)
    ]


def _param_rows(row_id: int, params: dict[str, Any]) -> list[Values]:
    found: dict[str, Values] = {}
    for name, value in params.items():
        key = _name(name)
        shown = text(value) if isinstance(value, str) else to_json(value).strip('"')
        found[key] = (row_id, key, number_in(value), shown)
    return list(found.values())


def _input_rows(row_id: int, inputs: list[Input]) -> list[Values]:
    found: dict[bytes, Values] = {}
    for path, size_bytes, mtime_ns, absent, source in inputs:
        size = None if size_bytes is None else clamp(size_bytes)
        found[path] = (row_id, path, size, None if mtime_ns is None else clamp(mtime_ns), int(absent), source)
    return list(found.values())


def _problem_kinds(problems: list[Problem]) -> dict[str, str]:
    """Return one message per kind; several of one kind are joined."""
    kinds: dict[str, list[str]] = {}
    for kind, message in problems:
        kinds.setdefault(cast("str", text(kind)), []).append(cast("str", text(message)))
    return {kind: "; ".join(dict.fromkeys(messages)) for kind, messages in kinds.items()}
