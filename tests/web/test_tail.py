from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ckpt_indexer.web.tail import MOST, REMEMBERED, Tail


class Clock:
    """A moment that a test moves on; told in another zone, as a machine may be set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, 0, 0, 900_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now.astimezone(timezone(timedelta(hours=9)))


class Told:
    """A tail, and the stream that tells it of catalog `cafe`."""

    def __init__(self, highest: int = 10) -> None:
        self.clock = Clock()
        self.tail = Tail(self.clock)
        self.tail.begin(highest)
        self.seq = 100
        self.hear("hello")

    def hear(self, kind: str, **more: Any) -> None:
        self.tail.hear(kind, json.dumps({"catalog": "cafe", "seq": self.seq} | more).encode())

    def changed(self, *rows: dict[str, Any], truncated: bool = False) -> None:
        self.seq += 1
        plain = {"root": "outputs", "presence": "present", "read_state": "ok", "seq": self.seq}
        self.hear("catalog", changed=[plain | {"path": f"{row['id']}.ckpt"} | row for row in rows], truncated=truncated)

    def said(self) -> list[tuple[str, int | None, str | None]]:
        return [(event.what, event.id, event.why) for event in self.tail.events]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_file_that_came_is_new_once_and_has_the_time_it_was_noticed(told: Told) -> None:
    for state in ("pending", "ok", "ok"):
        told.changed({"id": 11, "read_state": state})
        told.clock.now += timedelta(seconds=20)
    (event,) = told.tail.events
    assert (event.what, event.id, event.path, event.at) == ("new", 11, "11.ckpt", "2026-06-01T12:00:00Z")
    assert (event.seq, event.last) == (101, 103)


def test_what_was_there_before_changed_and_changes_again_later(told: Told) -> None:
    told.changed({"id": 10})
    told.changed({"id": 10}, {"id": 9})
    told.clock.now += timedelta(seconds=61)
    told.changed({"id": 10})
    assert told.said() == [("changed", 10, None), ("changed", 9, None), ("changed", 10, None)]
    assert told.tail.events[-1].at == "2026-06-01T12:01:01Z"


def test_a_file_moves_goes_and_comes_back(told: Told) -> None:
    told.changed({"id": 4})
    told.changed({"id": 4, "path": "b/4.ckpt"})
    told.changed({"id": 4, "path": "b/4.ckpt", "presence": "missing"})
    told.changed({"id": 4, "path": "b/4.ckpt", "presence": "missing"})
    told.changed({"id": 4, "path": "b/4.ckpt"})
    told.changed({"id": 5, "presence": "unreachable"})
    assert told.said() == [
        ("changed", 4, None), ("moved", 4, "was 4.ckpt"), ("missing", 4, None), ("changed", 4, None),
        ("there again", 4, "was missing"), ("unreachable", 5, None),
    ]  # fmt: skip


def test_a_file_moved_to_another_root_moved(told: Told) -> None:
    told.changed({"id": 4})
    told.changed({"id": 4, "root": "archive", "read_state": "pending"})
    told.changed({"id": 4, "root": "archive"})
    assert told.said() == [("changed", 4, None), ("moved", 4, "was 4.ckpt")]


@pytest.mark.parametrize(
    ("group", "previous", "why"),
    [("resnet50", 0.5, "hmean 0.6000 of resnet50, was 0.5000"), (None, None, "hmean 0.6000, the first")],
)
def test_a_new_best_says_by_how_much(told: Told, group: str | None, previous: float | None, why: str) -> None:
    told.changed({"id": 12})
    one = {"metric": "hmean", "by": "backbone", "group": group, "value": 0.6, "previous": previous, "id": 12}
    told.hear("new_best", root="outputs", path="12.ckpt", **one)
    told.changed({"id": 12})
    assert told.said() == [("new", 12, None), ("new best", 12, why)]
    assert [(event.seq, event.last) for event in told.tail.events] == [(101, 102), (101, 101)]


def test_more_than_is_told_one_by_one_is_one_event(told: Told) -> None:
    told.changed(truncated=True)
    assert told.said() == [("many changes", None, "more at once than are told one by one")]


def test_a_scan_that_changes_very_much_is_told_of_once_a_minute(told: Told) -> None:
    for _ in range(5):
        told.changed(truncated=True)
        told.clock.now += timedelta(seconds=25)
    assert [(event.what, event.seq, event.at) for event in told.tail.events] == [
        ("many changes", 103, "2026-06-01T12:00:00Z"), ("many changes", 105, "2026-06-01T12:01:15Z"),
    ]  # fmt: skip


def test_scans_and_resets_are_no_changes(told: Told) -> None:
    told.changed({"id": 4})
    told.hear("scan", phase="scan")
    told.hear("reset", reason="too slow")
    assert [event.what for event in told.tail.events] == ["changed"]


def test_a_catalog_made_anew_begins_with_nothing(told: Told) -> None:
    told.changed({"id": 4})
    told.tail.hear("reset", b'{"catalog": "beef", "seq": 1, "reason": "the catalog was made anew"}')
    assert told.said() == []
    told.tail.hear("catalog", json.dumps({"catalog": "beef", "seq": 2, "truncated": False, "changed": [
        {"id": 4, "root": "outputs", "path": "4.ckpt", "presence": "present", "read_state": "ok", "seq": 2},
    ]}).encode())  # fmt: skip
    assert told.said() == [("new", 4, None)]


def test_who_listens_again_knows_no_states_but_what_it_heard(told: Told) -> None:
    told.changed({"id": 4})
    told.tail.begin(20)
    told.clock.now += timedelta(hours=1)
    told.changed({"id": 4, "path": "b/4.ckpt"}, {"id": 20}, {"id": 21})
    assert told.said() == [("changed", 4, None), ("changed", 4, None), ("changed", 20, None), ("new", 21, None)]


def test_only_so_much_is_kept(told: Told) -> None:
    told.changed(*({"id": n} for n in range(REMEMBERED + 1)))
    assert [event.id for event in told.tail.events] == list(range(REMEMBERED + 1 - MOST, REMEMBERED + 1))
    told.changed({"id": 0, "path": "b.ckpt"}, {"id": 2, "path": "b.ckpt"})
    assert [event.what for event in told.tail.events][-2:] == ["changed", "moved"]
