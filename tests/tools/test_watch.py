"""Following a real catalog through a real writer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import DatabaseLocked, InvalidFilter
from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import PresenceChanged
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.tools.watch import Event, Follower, Options
from tests.client.catalog_database import build
from tests.store.fakes import Catalog, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckpt_indexer.metadata.record import Record


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "c.db")
    catalog.describe("old.ckpt", best(0.5))
    yield catalog
    catalog.writer.close()


@pytest.fixture
def opened(written: Catalog) -> Iterator[LocalCatalog]:
    with LocalCatalog(written.path) as catalog:
        yield catalog


def best(hmean: float, backbone: str = "resnet18") -> Record:
    return record(hmean=hmean, backbone=backbone)


def falling(value: float) -> Record:
    return replace(record(hmean=None, metrics={"err": value}), directions={"err": "min"})


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, "" if event.row is None else event.row["path"]) for event in events]


def test_nothing_is_told_of_what_was_there_before(opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    assert follower.look() == []


def test_a_new_row_is_told_once_it_was_read(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    written.arrive("new.ckpt", inode=7)
    assert follower.look() == []
    written.describe("new.ckpt", best(0.1), inode=7)
    assert told(follower.look()) == [("new", "new.ckpt")]
    written.describe("new.ckpt", best(0.2), inode=7)
    assert told(follower.look()) == [("changed", "new.ckpt")]
    assert follower.look() == []


def test_a_file_that_goes_and_comes_back(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    row_id = written.id_of("old.ckpt")
    written.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    assert told(follower.look()) == [("missing", "old.ckpt")]
    written.writer.apply([PresenceChanged(row_id, Presence.PRESENT)])
    assert ("back", "old.ckpt") in told(follower.look())


def test_a_row_that_came_and_went_between_two_looks_is_not_told(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    row_id = written.describe("new.ckpt", best(0.1), inode=7)
    written.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    assert follower.look() == []


def test_a_better_one_is_a_new_best_and_names_the_value_before(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    written.describe("b.ckpt", best(0.7), inode=7)
    written.describe("c.ckpt", best(0.1, "swin"), inode=8)
    events = follower.look()
    assert told(events)[2:] == [("new_best", "b.ckpt"), ("new_best", "c.ckpt")]
    assert [(one.group, one.previous) for one in events[2:]] == [("resnet18", 0.5), ("swin", None)]
    told_json = events[2].to_dict(Options())
    assert (told_json["metric"], told_json["by"], told_json["value"]) == ("hmean", "backbone", 0.7)


def test_the_best_going_is_no_new_best(written: Catalog, opened: LocalCatalog) -> None:
    written.describe("b.ckpt", best(0.4), inode=7)
    follower = Follower(opened, Options())
    written.writer.apply([PresenceChanged(written.id_of("old.ckpt"), Presence.MISSING)])
    assert [kind for kind, _ in told(follower.look())] == ["missing"]


def test_a_metric_that_falls_is_followed_the_way_the_catalog_ranks_it(written: Catalog, opened: LocalCatalog) -> None:
    written.describe("a.ckpt", falling(0.4), inode=7)
    follower = Follower(opened, Options(metric="err", by="none"))
    written.describe("b.ckpt", falling(0.5), inode=8)
    assert [kind for kind, _ in told(follower.look())] == ["new"]
    written.describe("c.ckpt", falling(0.3), inode=9)
    assert told(follower.look())[-1] == ("new_best", "c.ckpt")


def test_only_what_the_query_matches_is_told(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options(query=("backbone:swin",)))
    written.describe("a.ckpt", best(0.9), inode=7)
    written.describe("b.ckpt", best(0.1, "swin"), inode=8)
    assert told(follower.look()) == [("new", "b.ckpt"), ("new_best", "b.ckpt")]


def test_a_tag_is_a_change(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    written.writer.annotate(written.root, b"old.ckpt", Edit(tags_add=("x",)))
    assert told(follower.look()) == [("changed", "old.ckpt")]


def test_since_begins_earlier(opened: LocalCatalog) -> None:
    assert told(Follower(opened, Options(since=0)).look()) == [("changed", "old.ckpt")]
    assert Follower(opened, Options(since=10**6)).look() == []


def test_a_wrong_query_is_told_at_once(opened: LocalCatalog) -> None:
    with pytest.raises(InvalidFilter):
        Follower(opened, Options(query=("nonsense:1",)))


def test_unknown_direction_is_told_at_once(written: Catalog, opened: LocalCatalog) -> None:
    written.describe("a.ckpt", record(hmean=None, metrics={"odd": 0.4}), inode=7)
    with pytest.raises(InvalidFilter, match="mode"):
        Follower(opened, Options(metric="odd"))


def test_a_catalog_that_was_built_anew_is_a_reset(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [{"path": "a.ckpt"}, {"path": "b.ckpt"}], wal=False)
    with LocalCatalog(path) as catalog:
        follower = Follower(catalog, Options())
        build(tmp_path / "new.db", [{"path": "c.ckpt"}], catalog="beef", wal=False).replace(path)
        (event,) = follower.look()
        assert (event.kind, event.row, event.to_dict(Options())) == ("reset", None, {"event": "reset", "seq": 1})
        assert follower.look() == []


def test_a_locked_moment_is_looked_at_again(opened: LocalCatalog, written: Catalog) -> None:
    class Locked:
        def __init__(self) -> None:
            self.times = 1

        def version(self) -> int:
            if self.times:
                self.times -= 1
                raise DatabaseLocked("locked")
            return opened.version()

        def __getattr__(self, name: str) -> Any:
            return getattr(opened, name)

    follower = Follower(Locked(), Options())
    written.describe("a.ckpt", best(0.1), inode=7)
    assert follower.look() == []
    assert told(follower.look()) == [("new", "a.ckpt")]


def test_a_storm_of_rows_comes_page_by_page_and_each_once(written: Catalog, opened: LocalCatalog) -> None:
    follower = Follower(opened, Options())
    for number in range(30):
        written.describe(f"{number:02}.ckpt", record(), inode=100 + number)
    paths = [path for kind, path in told(follower.look()) if kind == "new"]
    assert paths == [f"{number:02}.ckpt" for number in range(30)]
