"""Stretches that are marked on parallel axes: which lines cross them, and the query that asks for the like. Pure.

A mark has the borders of the pixels it was drawn with. The query rounds them to as few digits as the eye can tell, and
never past a line that was drawn: what is marked is what the query finds among the lines.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.web.parallel import names_of
from ckpt_indexer.web.words import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ckpt_indexer.web.parallel import Axis

MOST = 50
"""Areas of one axis."""
FINEST = 500
"""Into how many parts an axis can be told apart by eye."""


class Area(NamedTuple):
    """A stretch of an axis, both ends included: numbers, or places of names."""

    low: float
    high: float


def areas_of(said: Any) -> tuple[Area, ...]:  # noqa: ANN401  # what a browser sent
    """Return the areas that a browser says are marked on an axis; what is none is left out."""
    found = []
    for pair in said[:MOST] if isinstance(said, list) else ():
        ends = [float(one) for one in pair if isinstance(one, int | float)] if isinstance(pair, list) else []
        if len(ends) == 2 and all(map(math.isfinite, ends)):
            found.append(Area(min(ends), max(ends)))
    return tuple(found)


def inside(axes: Sequence[Axis], areas: Mapping[int, Sequence[Area]]) -> list[int]:
    """Return the places of the lines that cross a marked area of every axis that has one. `areas` are by the place of
    their axis."""
    places = range(len(axes[0].values)) if axes else range(0)
    marked = [(_numbers(axes[axis]), found) for axis, found in areas.items() if found]
    return [line for line in places if all(_is_in(numbers[line], found) for numbers, found in marked)]


def query(axes: Sequence[Axis], areas: Mapping[int, Sequence[Area]]) -> str | None:
    """Return what asks for checkpoints within the areas; None where no value lies in them, as between two epochs."""
    terms = [_term(axes[place], found) for place, found in sorted(areas.items()) if found]
    return " ".join(term for term in terms if term is not None) if terms and None not in terms else None


def _term(axis: Axis, areas: Sequence[Area]) -> str | None:
    field = axis.field or axis.name
    if not axis.is_number:
        raw = sorted({value for value, place in zip(axis.values, _numbers(axis), strict=True) if _is_in(place, areas)})
        return one_of(field, raw) if raw else None
    known = [value for value in axis.values if value is not None]
    is_whole = all(isinstance(value, int) for value in known)
    ranges = [_whole(area) if is_whole else _rounded(area, known) for area in sorted(areas)]
    said = [one for one in ranges if one is not None]
    return f"{field}:{','.join(said)}" if said else None


def _numbers(axis: Axis) -> list[Any]:  # numbers, or None
    """Return where lines cross an axis, names as their places."""
    if axis.is_number:
        return list(axis.values)
    places = {name: place for place, name in enumerate(names_of(axis))}
    return [None if value is None else places[shown(value)] for value in axis.values]


def _is_in(value: float | None, areas: Sequence[Area]) -> bool:
    return value is not None and any(area.low <= value <= area.high for area in areas)


def _whole(area: Area) -> str | None:
    low, high = math.ceil(area.low), math.floor(area.high)
    return f"{low}..{high}" if low <= high else None


def _rounded(area: Area, known: Sequence[float]) -> str:
    slack = (max(known) - min(known)) / FINEST
    below = max((value for value in known if value < area.low), default=-math.inf)
    lowest = min((value for value in known if value >= area.low), default=math.inf)
    highest = max((value for value in known if value <= area.high), default=-math.inf)
    above = min((value for value in known if value > area.high), default=math.inf)
    low = _short(area.low, slack, lambda border: below < border <= lowest)
    high = _short(area.high, slack, lambda border: highest <= border < above)
    return f"{low}..{high}"


def _short(border: float, slack: float, divides: Callable[[float], bool]) -> str:
    """Return the shortest number near a border that divides the lines as it does."""
    for digits in range(1, 17):
        text = f"{border:.{digits}g}"
        if abs(float(text) - border) <= slack and divides(float(text)):
            return text
    return repr(border)
