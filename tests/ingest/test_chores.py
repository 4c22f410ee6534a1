"""Idle work, with time and what it is done on passed in."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.ingest import chores
from ckpt_indexer.ingest.chores import FILL_AT_LATEST_S, FILL_AT_ONCE, FILL_QUIET_S, TIDY_QUIET_S, Chores
from ckpt_indexer.ingest.clock import Clock
from ckpt_indexer.ingest.inbox import Delivery
from ckpt_indexer.ingest.options import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

HINTS = Delivery(roots=[b"/root"])
READINGS = Delivery(readings=[SimpleNamespace()])  # type: ignore[list-item]  # only that there is one matters


class Ring:
    """Something that can be watched."""

    def __init__(self, of: object) -> None:
        self.of = of


class Writer:
    """Rows without a header, by id."""

    def __init__(self, count: int) -> None:
        self.shrunk = 0
        self.rows = [SimpleNamespace(id=number, root_id=1, path=b"a", fingerprint=number) for number in range(1, count)]

    def outdated(self, _derivation: int, _limit: int) -> Sequence[Any]:
        return ()

    def forget_missing(self, _before: str) -> None:
        return None

    def shrink(self) -> None:
        self.shrunk += 1

    def unread(self, after: int, limit: int) -> Sequence[Any]:
        return [row for row in self.rows if row.id > after][:limit]


class House:
    """Idle work over rows that nobody has read, on a clock that is moved by hand."""

    def __init__(self, rows: int) -> None:
        self.now = 100.0
        self.asked: list[int] = []
        elsewhere = SimpleNamespace(filling=0, fill=lambda _root, candidate: self.asked.append(candidate.fingerprint))
        self.elsewhere = elsewhere
        self.intake = SimpleNamespace(unfilled=True, elsewhere=elsewhere, roots={1: object()}, sight=self.sight)
        self.writer = Writer(rows + 1)
        self.looked = 0
        self.chores = Chores(
            writer=self.writer,  # type: ignore[arg-type]  # what it asks of a writer
            intake=self.intake,  # type: ignore[arg-type]  # what it asks of an intake
            clock=Clock(monotonic=lambda: self.now),
            options=Options(fill=True),
        )

    def sight(self, _root: object, _path: bytes) -> Any:
        self.looked += 1
        return SimpleNamespace(candidate=SimpleNamespace(fingerprint=self.looked))


def test_headers_are_read_a_few_at_a_time_until_all_are() -> None:
    house = House(FILL_AT_ONCE + 2)
    house.chores.do()
    assert len(house.asked) == FILL_AT_ONCE
    house.elsewhere.filling = FILL_AT_ONCE
    house.chores.do()
    assert len(house.asked) == FILL_AT_ONCE
    assert house.chores.next_due() == house.now + TIDY_QUIET_S
    house.elsewhere.filling = 0
    house.chores.do()
    house.chores.do()
    assert house.asked == list(range(1, FILL_AT_ONCE + 3))
    assert not house.intake.unfilled


def test_a_new_file_comes_before_headers_nobody_waits_for() -> None:
    house = House(3)
    house.chores.do()
    house.intake.unfilled = True
    house.asked.clear()
    house.chores.wake(HINTS)
    house.chores.do()
    assert house.asked == []
    assert house.chores.next_due() == house.now + FILL_QUIET_S
    house.now += FILL_QUIET_S
    house.chores.do()
    assert not house.intake.unfilled


def test_headers_are_read_even_where_it_is_never_quiet() -> None:
    house = House(FILL_AT_ONCE * 2)
    house.chores.do()
    began = house.now
    while len(house.asked) == FILL_AT_ONCE and house.now < began + 60:
        house.now += FILL_QUIET_S / 2
        house.chores.wake(HINTS)
        house.chores.do()
    assert len(house.asked) == FILL_AT_ONCE * 2
    assert FILL_AT_LATEST_S <= house.now - began < 2 * FILL_AT_LATEST_S


def test_memory_is_given_back_once_after_work_when_it_has_been_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(chores, "give_back_memory", lambda: given.append(True))
    house = House(0)
    house.chores.do()
    assert (given, house.chores.next_due()) == ([], house.now + TIDY_QUIET_S)
    house.now += TIDY_QUIET_S - 1
    house.chores.wake(READINGS)
    house.now += TIDY_QUIET_S - 1
    house.chores.do()
    assert given == []
    house.now += 1
    house.chores.do()
    house.chores.wake(Delivery(calls=[(lambda: None, Future())]))  # a question, no work
    house.now += 100
    house.chores.do()
    assert (given, house.writer.shrunk, house.chores.next_due()) == ([True], 1, None)


def test_giving_memory_back_collects_what_refers_to_itself() -> None:
    ring: list[object] = []
    gc.disable()
    try:
        held = Ring(ring)
        ring.append(held)
        watched = weakref.ref(held)
        del ring, held
        assert watched() is not None
        chores.give_back_memory()
        assert watched() is None
    finally:
        gc.enable()
