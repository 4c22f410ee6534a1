"""Metrics over time: the points of each line, and what they are counted by. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Curve = Sequence[Mapping[str, Any]]  # JSON values: epoch, global_step, value, id, path

_BY = {"epoch": "epoch", "global_step": "step"}


class Lines(NamedTuple):
    """Lines to draw over one axis."""

    x: str
    """What the axis counts: epoch, step, or checkpoints."""
    lines: list[tuple[str, list[tuple[float, float]]]]
    best: list[int | None]
    """Place of the best point of each line; None where nobody knows which end is better."""


def drawn(curves: Sequence[tuple[str, Curve]], mode: str | None) -> Lines:
    """Return the lines of some experiments; those without points are left out."""
    return together([(curves, mode)])[0]


def together(sets: Sequence[tuple[Sequence[tuple[str, Curve]], str | None]]) -> list[Lines]:
    """Return the lines of several sets of curves, each with the end that is better, over the same axis."""
    key = _axis([curve for curves, _ in sets for _, curve in curves if curve])
    return [_lines(curves, mode, key) for curves, mode in sets]


def _lines(curves: Sequence[tuple[str, Curve]], mode: str | None, key: str | None) -> Lines:
    made, best = [], []
    for name, curve in curves:
        if not curve:
            continue
        points = [(float(place if key is None else one[key]), one["value"]) for place, one in enumerate(curve)]
        made.append((name, sorted(points)))
        best.append(_best(sorted(points), mode))
    return Lines("checkpoint" if key is None else _BY[key], made, best)


def _axis(curves: Sequence[Curve]) -> str | None:
    """Return what all points can be placed by: epochs where each has its own, else steps, else epochs, else nothing."""
    complete = [key for key in _BY if all(one[key] is not None for curve in curves for one in curve)]
    if "epoch" in complete and "global_step" in complete:
        is_own = all(len({one["epoch"] for one in curve}) == len(curve) for curve in curves)
        return "epoch" if is_own else "global_step"
    return complete[0] if complete else None


def _best(points: Sequence[tuple[float, float]], mode: str | None) -> int | None:
    pick = {"max": max, "min": min}.get(mode or "")
    return None if pick is None or not points else pick(range(len(points)), key=lambda place: points[place][1])
