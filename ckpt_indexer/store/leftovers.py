"""Rows of one run whose files hold the same metrics: those of all but the earliest are stale (`metadata.leftovers`).

Only what files say of themselves is compared, and only among files that are there, so that the order in which they
were indexed makes no difference. Runs inside the batch, before its differences are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from ckpt_indexer.metadata.leftovers import Evaluation, Moment, carried_on, evaluation_of
from ckpt_indexer.metadata.metrics import headline
from ckpt_indexer.metadata.record import Metric
from ckpt_indexer.store import loading, mapping, reads
from ckpt_indexer.store.storable import real, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.store.drafts import Batch, Draft
    from ckpt_indexer.store.engine import Session, Values
    from ckpt_indexer.store.mapping import Row

_BY_FILE = '"metrics":"header"'
"""In the JSON of every row whose metrics are the file's own; of other rows nothing is parsed."""
_MARK = "_leftover"
_EARLIEST = 64
"""Rows of a group that are looked at beside those of the batch: the earliest decide, and they are few."""


class _Group(NamedTuple):
    """Rows that hold one evaluation of one run."""

    root_id: int
    run_dir: str
    values: Evaluation


def settle(session: Session, batch: Batch) -> list[tuple[int, int, str]]:
    """Mark what is left over among the rows of a batch and those that share their metrics; return (stale, id, name) of
    stored metrics that changed."""
    groups: dict[_Group, list[Draft]] = {}
    for draft in batch.drafts:
        before, after = _group_of(draft.before), _group_of(draft.after)
        if draft.children is None and before == after and _moment(draft.before) == _moment(draft.after):
            continue
        groups |= {group: [] for group in (before, after) if group is not None}
    if not groups:
        return []
    for group in groups:
        loading.adopt_rows(session, batch, "id", _peers(session, group, _EARLIEST + len(batch.drafts)))
    for draft in batch.drafts:
        own = _group_of(draft.after)
        if own in groups:
            groups[own].append(draft)
    return [change for group, drafts in groups.items() for change in _mark(group, drafts)]


def _peers(session: Session, group: _Group, limit: int) -> list[int]:
    """Return the ids of the earliest present rows of the run that have one of the values, the least round one."""
    name, value = max(group.values, key=lambda pair: len(repr(pair[1])))
    found = session.rows(reads.SAME_METRIC, (name, value, group.root_id, group.run_dir, limit))
    return [row_id for (row_id,) in found if isinstance(row_id, int)]


def _mark(group: _Group, drafts: list[Draft]) -> Iterator[tuple[int, int, str]]:
    rows = [draft.after for draft in drafts if draft.after is not None]
    for draft, row, late in zip(drafts, rows, carried_on([_moment(row) for row in rows]), strict=True):
        names = [name for name, _ in group.values] if late else []
        yield from _set_leftover(draft, row, names)


def _set_leftover(draft: Draft, row: Row, names: list[str]) -> Iterator[tuple[int, int, str]]:
    """Make exactly these metrics of a row stale because they are left over; those stale for other reasons stay so."""
    nested = orjson.loads(row["nested"])
    header = {"header": nested.pop("header")} if "header" in nested else {}  # stays the last one
    was = nested.pop(_MARK, [])
    stale = [name for name in nested.pop("_stale", []) if name not in was]
    now = [name for name in names if name not in stale]
    if now == was:
        return
    stale += now
    metrics = {name: Metric(value, name in stale) for name, value in nested["metrics"].items()}
    values, _ = headline(metrics)
    row.update((name, real(values[name]) if name in values else None) for name in mapping.PROMOTED_NAMES)
    marks = {key: names for key, names in (("_stale", stale), (_MARK, now)) if names}
    row["nested"] = to_json(nested | marks | header)
    if draft.children is not None:
        rows: list[Values] = [
            (row_id, name, value, int(name in stale)) for row_id, name, value, _ in draft.children.metrics
        ]
        draft.children = draft.children._replace(metrics=rows, own=mapping.own_metrics(row))
        return
    yield from ((int(name in stale), row["id"], name) for name in {*was, *now})


def _group_of(row: Row | None) -> _Group | None:
    """Return what a row's evaluation is compared by; None where its metrics are not its file's, or no evidence."""
    if row is None or row["presence"] != "present" or row["run_dir"] is None or _BY_FILE not in row["nested"]:
        return None
    if row["epoch"] is None and row["global_step"] is None:
        return None
    nested = orjson.loads(row["nested"])
    values = evaluation_of(nested["metrics"], nested["provenance"])
    return _Group(row["root_id"], row["run_dir"], values) if values else None


def _moment(row: Row | None) -> Moment:
    return Moment(None, None) if row is None else Moment(row["epoch"], row["global_step"])
