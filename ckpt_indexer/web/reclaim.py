"""Which files another one makes superfluous. Advice with a reason, on the safe side; nothing here deletes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.web import words
from ckpt_indexer.web.headline import HMEAN, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Row = Mapping[str, Any]  # JSON values

LOSS = "validation_loss"


class _Judge(NamedTuple):
    """A metric a run is judged by, and the best value of the run."""

    metric: str
    is_max: bool
    best: float


def reasons(rows: Sequence[Row]) -> dict[int, str]:
    """Return id -> why a file could go, of all files of an experiment.

    Left out is what should stay: the best of its run by what the run monitored and by hmean, the last of its run, what
    is pinned, what is not measured, and links, which take no room. Of equal files the first stays.
    """
    found: dict[int, str] = {}
    for run in _runs(rows):
        judges = _judges(run)
        last = {key: max((row[key] for row in run if row[key] is not None), default=None) for key in _PLACES}
        for row in run:
            said = _behind(row, judges)
            if said is not None and not row["pinned"] and not _is_last(row, last):
                found[row["id"]] = said
    staying = {row["id"] for row in rows if _is_file(row)} - found.keys()
    for row in rows:
        if row["duplicate_of"] in staying and row["id"] in staying and not row["pinned"]:
            found[row["id"]] = f"same content as #{row['duplicate_of']}"
    return found


_PLACES = ("epoch", "global_step")


def _runs(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the files of each run; a run is where a training wrote into."""
    made: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        if _is_file(row):
            made.setdefault((row["root"], row["run_dir"]), []).append(row)
    return list(made.values())


def _is_file(row: Row) -> bool:
    return row["alias_of"] is None and row["presence"] == "present"


def _is_last(row: Row, last: Mapping[str, int | None]) -> bool:
    """Tell whether a training would resume from it; so may be whatever does not say when it was saved."""
    known = [key for key in _PLACES if row[key] is not None]
    return row["saved_as"] == "last" or not known or any(row[key] == last[key] for key in known)


def _judges(run: Sequence[Row]) -> list[_Judge]:
    """Return what the files of a run are compared by; nothing where no metric says which is better."""
    modes = {row["monitor"]: row["monitor_mode"] for row in run if row["monitor_mode"] in ("min", "max")}
    made = [_judge(run, name, is_max=mode == "max") for name, mode in modes.items() if name is not None]
    made.append(_judge(run, HMEAN, is_max=True))
    found = [one for one in made if one is not None]
    loss = None if found else _judge(run, LOSS, is_max=False)
    return found if loss is None else [loss]


def _judge(run: Sequence[Row], metric: str, *, is_max: bool) -> _Judge | None:
    values = [value for row in run if (value := value_of(row, metric)) is not None]
    return _Judge(metric, is_max, max(values) if is_max else min(values)) if values else None


def _behind(row: Row, judges: Sequence[_Judge]) -> str | None:
    """Return how far a file is behind the best of its run; None when it is not, or nobody can tell."""
    said = None
    for judge in judges:
        value = value_of(row, judge.metric)
        if value is None or value == judge.best:
            return None
        side = "below" if judge.is_max else "above"
        gap = words.metric(abs(judge.best - value))
        said = said or f"{judge.metric} {gap} {side} the best of its run, and not the last"
    return said
