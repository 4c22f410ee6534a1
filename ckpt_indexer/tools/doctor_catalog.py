"""What a person should look at in the catalog: rows not read, documents not believed, bytes held twice. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import ReadState, SidecarState
from ckpt_indexer.tools.doctor import Check, count, fine, size, skipped, warning

if TYPE_CHECKING:
    from ckpt_indexer.store.read_checkup import Contents

COMMONEST = 5
"""So many kinds of problems are named."""
MUCH_TWICE = 0.1
"""Share of all bytes that may be held twice without a word; copies called `last` are normal."""
NOTEWORTHY_BYTES = 1 << 30


def checks(contents: Contents | None, *, daemon_running: bool) -> list[Check]:
    """Return all checks of what a catalog holds; None: it could not be read."""
    if contents is None:
        names = ("catalog.rows", "catalog.sidecars", "catalog.duplicates")
        return [skipped(name, "there is no catalog that could be read") for name in names]
    return [_rows(contents, daemon_running=daemon_running), _sidecars(contents), _duplicates(contents)]


def _rows(contents: Contents, *, daemon_running: bool) -> Check:
    name, states = "catalog.rows", contents.read_states
    unreadable, degraded = states.get(ReadState.UNREADABLE, 0), states.get(ReadState.DEGRADED, 0)
    pending = states.get(ReadState.PENDING, 0)
    facts = {"present": contents.present, "read_states": dict(states), "problems": dict(contents.kinds)}
    facts["places"] = contents.places
    if unreadable or degraded:
        common = ", ".join(f"{kind} {number:,}" for kind, number in contents.kinds[:COMMONEST])
        message = f"{count(contents.present, 'checkpoint')}, {unreadable:,} unreadable, {degraded:,} with problems"
        fix = "see `ckpt-indexer ls read_state:unreadable,degraded`, and `ckpt-indexer show REF` for the reasons"
        return warning(name, f"{message} ({common})" if common else message, fix, **facts)
    if pending and not daemon_running:
        message = f"{count(contents.present, 'checkpoint')}, {pending:,} not read yet"
        return warning(name, message, "run `ckpt-indexer scan`", **facts)
    waiting = f", {pending:,} being read" if pending else ", all read"
    return fine(name, f"{count(contents.present, 'checkpoint')}{waiting if contents.present else ''}", **facts)


def _sidecars(contents: Contents) -> Check:
    name, states = "catalog.sidecars", contents.sidecar_states
    found = {str(state): states.get(state, 0) for state in SidecarState}
    facts = {**found, "missing": contents.without_document}
    told = [f"{number:,} {state}" for state, number in found.items() if number]
    told += [f"{contents.without_document:,} without a document"] * bool(contents.without_document)
    message = ", ".join(told) or "no checkpoints"
    bad = [state for state in (SidecarState.CONTRADICTED, SidecarState.INVALID) if states.get(state)]
    if bad:
        which = f"`ckpt-indexer ls sidecar_state:{','.join(bad)}`"
        return warning(name, message, f"see {which}; `ckpt-indexer convert --force` writes them anew", **facts)
    if states.get(SidecarState.FROM_FUTURE):
        return warning(name, message, "upgrade ckpt-indexer: a newer release wrote some documents", **facts)
    return fine(name, message, **facts)


def _duplicates(contents: Contents) -> Check:
    name = "catalog.duplicates"
    facts = {"files": contents.duplicates, "size_bytes": contents.duplicate_bytes}
    if not contents.duplicates:
        return fine(name, "no file is known to have the content of another", **facts)
    message = f"{count(contents.duplicates, 'file repeats', 'files repeat')} the content of another: "
    message += f"{size(contents.duplicate_bytes)} of {size(contents.size_bytes)}"
    if contents.duplicate_bytes > max(NOTEWORTHY_BYTES, MUCH_TWICE * contents.size_bytes):
        return warning(
            name, message, "see `ckpt-indexer ls 'duplicate_of>0' size-`; nothing is deleted for you", **facts
        )
    return fine(name, message, **facts)
