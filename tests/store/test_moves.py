from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import Presence, Problem
from ckpt_indexer.store.changes import Arrived, Described, Moved, PresenceChanged, RootChanged
from ckpt_indexer.store.maintenance import check
from ckpt_indexer.store.notes import Edit
from tests.store.fakes import candidate, record

if TYPE_CHECKING:
    from tests.store.fakes import Catalog


def test_a_move_keeps_id_facts_children_and_annotations(catalog: Catalog) -> None:
    row_id = catalog.describe("old/a.ckpt", record(problems=(Problem("scale", "x"),)), inode=5)
    catalog.writer.annotate(catalog.root, b"old/a.ckpt", Edit(tags_add=("keep",), pinned=True))
    catalog.writer.apply([Moved(row_id, catalog.root, candidate("new/b.ckpt", inode=5, ctime=9))])
    row = catalog.row("new/b.ckpt")
    assert (row["id"], row["name"], row["hmean"], row["pinned"], row["ctime_ns"]) == (row_id, "b.ckpt", 0.8, 1, 9)
    assert row["read_state"] == "pending"
    assert catalog.ask("SELECT count(*) FROM metrics") == [(3,)]
    assert catalog.ask("SELECT path, path_bytes FROM problems") == [("new/b.ckpt", b"new/b.ckpt")]
    assert catalog.ask("SELECT path_bytes, tags FROM annotations") == [(b"new/b.ckpt", '["keep"]')]
    assert catalog.writer.known_at(catalog.root, b"old/a.ckpt") is None
    assert set(catalog.writer.known_in(catalog.root, b"new")) == {b"b.ckpt"}
    assert check(catalog.path).findings == ()


def test_a_move_to_another_root_takes_its_name(catalog: Catalog) -> None:
    other = catalog.writer.add_root(b"/archive").id
    row_id = catalog.describe("a.ckpt")
    catalog.writer.apply([Moved(row_id, other, candidate("a.ckpt", root=b"/archive"))])
    row = catalog.row("a.ckpt")
    assert (row["id"], row["root"], row["root_id"]) == (row_id, "archive", other)
    assert catalog.ask("SELECT value, n FROM facets WHERE field = 'root' AND metric = 'hmean'") == [("archive", 1)]
    assert check(catalog.path).findings == ()


def test_a_missing_row_at_the_new_path_is_replaced_and_its_annotations_merged(catalog: Catalog) -> None:
    gone = catalog.describe("best.ckpt", inode=1)
    catalog.writer.annotate(catalog.root, b"best.ckpt", Edit(tags_add=("old",), notes="was here", pinned=True))
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING)])
    moved = catalog.describe("tmp.ckpt", inode=2)
    catalog.writer.annotate(catalog.root, b"tmp.ckpt", Edit(tags_add=("new",), notes="is new"))
    catalog.writer.apply([Moved(moved, catalog.root, candidate("best.ckpt", inode=2))])
    row = catalog.row("best.ckpt")
    assert (row["id"], row["notes"], row["pinned"]) == (moved, "is new\nwas here", 1)
    assert json.loads(row["nested"])["tags"] == ["new", "old"]
    assert catalog.ask("SELECT count(*) FROM checkpoints") == [(1,)]
    assert catalog.ask("SELECT path_bytes FROM annotations") == [(b"best.ckpt",)]
    assert check(catalog.path).findings == ()


def test_a_present_row_overwritten_by_a_rename_is_replaced_too(catalog: Catalog) -> None:
    over = catalog.describe("best.ckpt", inode=1)
    alias = catalog.describe("link.ckpt", alias_of=over, inode=3)
    moved = catalog.describe("tmp.ckpt", inode=2)
    catalog.writer.apply([Moved(moved, catalog.root, candidate("best.ckpt", inode=2))])
    assert catalog.row("best.ckpt")["id"] == moved
    assert catalog.row("link.ckpt")["alias_of"] == moved
    assert catalog.id_of("link.ckpt") == alias
    assert check(catalog.path).findings == ()


def test_two_files_that_trade_names_keep_their_ids_problems_and_annotations(catalog: Catalog) -> None:
    one = catalog.describe("a.ckpt", record(problems=(Problem("scale", "of one"),)), inode=1)
    two = catalog.describe("b.ckpt", record(problems=(Problem("scale", "of two"),)), inode=2)
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("one",)))
    catalog.writer.annotate(catalog.root, b"b.ckpt", Edit(tags_add=("two",)))
    catalog.writer.apply(
        [
            Moved(one, catalog.root, candidate("b.ckpt", inode=1)),
            Moved(two, catalog.root, candidate("a.ckpt", inode=2)),
        ]
    )
    assert (catalog.id_of("b.ckpt"), catalog.id_of("a.ckpt")) == (one, two)
    assert catalog.ask("SELECT path, message FROM problems ORDER BY path") == [
        ("a.ckpt", "of two"),
        ("b.ckpt", "of one"),
    ]
    assert catalog.ask("SELECT path_bytes, tags FROM annotations ORDER BY path_bytes") == [
        (b"a.ckpt", '["two"]'),
        (b"b.ckpt", '["one"]'),
    ]
    assert check(catalog.path).findings == ()


def test_a_directory_of_many_moves_in_one_batch(catalog: Catalog) -> None:
    files = [candidate(f"run/{n}.ckpt", inode=100 + n) for n in range(300)]
    catalog.writer.apply([Described(catalog.root, one, record()) for one in files])
    ids = {one.path: catalog.id_of(one.path) for one in files}
    changes = [
        Moved(ids[one.path], catalog.root, candidate(b"done/" + one.path, inode=one.fingerprint.inode)) for one in files
    ]
    catalog.writer.apply(changes)
    assert {known.path: known.id for known in catalog.writer.known_under(catalog.root, b"done")} == {
        b"done/" + path: row_id for path, row_id in ids.items()
    }


def test_a_file_rotated_away_and_written_anew_in_one_batch(catalog: Catalog) -> None:
    old = catalog.describe("last.ckpt", inode=1)
    catalog.writer.apply(
        [
            Moved(old, catalog.root, candidate("last-v1.ckpt", inode=1)),
            Described(catalog.root, candidate("last.ckpt", inode=2), record(epoch=9)),
        ]
    )
    assert (catalog.row("last-v1.ckpt")["id"], catalog.row("last.ckpt")["epoch"]) == (old, 9)
    assert catalog.id_of("last.ckpt") != old


def test_the_reverse_order_replaces_nothing_that_stays(catalog: Catalog) -> None:
    old = catalog.describe("last.ckpt", inode=1)
    catalog.writer.apply(
        [
            Arrived(catalog.root, candidate("new.ckpt", inode=2)),
            Moved(old, catalog.root, candidate("new.ckpt", inode=1)),
        ]
    )
    assert catalog.ask("SELECT id, path FROM checkpoints") == [(old, "new.ckpt")]
    assert check(catalog.path).findings == ()


def test_a_move_of_an_unknown_row_is_an_arrival(catalog: Catalog) -> None:
    catalog.writer.apply([Moved(99, catalog.root, candidate("a.ckpt"))])
    assert catalog.row("a.ckpt")["read_state"] == "pending"


def test_a_move_onto_an_annotated_path_without_a_row_takes_the_note_over(catalog: Catalog) -> None:
    gone = catalog.describe("a.ckpt", inode=1)
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(notes="good"))
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING)])
    catalog.writer.forget_missing("2027")
    moved = catalog.describe("b.ckpt", inode=2)
    catalog.writer.apply([Moved(moved, catalog.root, candidate("a.ckpt", inode=2))])
    assert catalog.row("a.ckpt")["notes"] == "good"


def test_a_file_that_passes_over_another_leaves_it_to_the_next_look(catalog: Catalog) -> None:
    one = catalog.describe("a.ckpt", inode=1)
    two = catalog.describe("b.ckpt", inode=2)
    catalog.writer.apply(
        [
            Moved(one, catalog.root, candidate("b.ckpt", inode=1)),
            Moved(one, catalog.root, candidate("c.ckpt", inode=1)),
        ]
    )
    assert catalog.ask("SELECT id, path FROM checkpoints ORDER BY id") == [(one, "c.ckpt"), (two, "b.ckpt")]
    assert check(catalog.path).findings == ()


def test_an_alias_of_a_row_that_is_gone_by_then_names_none(catalog: Catalog) -> None:
    over = catalog.describe("a.ckpt", inode=1)
    moved = catalog.describe("b.ckpt", inode=2)
    catalog.writer.apply(
        [
            Moved(moved, catalog.root, candidate("a.ckpt", inode=2)),
            RootChanged(catalog.root, state="unreachable"),
            Described(catalog.root, candidate("link.ckpt", inode=3), record(duplicate_of=over), alias_of=over),
        ]
    )
    assert (catalog.row("link.ckpt")["alias_of"], catalog.row("link.ckpt")["duplicate_of"]) == (None, None)
    assert check(catalog.path).findings == ()


def test_a_displaced_row_moved_to_where_it_was_takes_the_path_back(catalog: Catalog) -> None:
    one = catalog.describe("a.ckpt", inode=1)
    two = catalog.describe("b.ckpt", inode=2)
    catalog.writer.apply(
        [
            Moved(one, catalog.root, candidate("b.ckpt", inode=1)),
            Moved(two, catalog.root, candidate("b.ckpt", inode=2)),
        ]
    )
    assert catalog.ask("SELECT id, path FROM checkpoints") == [(two, "b.ckpt")]
    assert check(catalog.path).findings == ()
