from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from ckpt_indexer.candidate import Kind
from ckpt_indexer.metadata.record import Presence, Problem
from ckpt_indexer.store.changes import (
    Arrived,
    Described,
    DirectorySettled,
    Dissolved,
    Moved,
    PlaceProblem,
    PresenceChanged,
    RootChanged,
)
from ckpt_indexer.store.maintenance import check
from tests.store.fakes import candidate, record

if TYPE_CHECKING:
    from ckpt_indexer.store.changes import Change
    from tests.store.fakes import Catalog


def test_a_file_seen_is_a_pending_row_before_anything_is_read(catalog: Catalog) -> None:
    catalog.arrive("exp/last.ckpt")
    row = catalog.row("exp/last.ckpt")
    assert (row["read_state"], row["presence"], row["name"], row["root"]) == (
        "pending",
        "present",
        "last.ckpt",
        "outputs",
    )
    assert row["first_seen_at"] == "2026-01-02T03:04:05.000000Z"
    assert row["mtime"] == "2001-09-09T01:46:40.000000Z"


def test_a_described_row_says_what_the_record_says(catalog: Catalog) -> None:
    row_id = catalog.describe("exp/a.ckpt", record(epoch=0, sidecar=b"exp/a.metadata.yaml"))
    row = catalog.row("exp/a.ckpt")
    assert (row["id"], row["epoch"], row["hmean"], row["backbone"], row["read_state"]) == (
        row_id,
        0,
        0.8,
        "resnet18",
        "ok",
    )
    assert (row["source"], row["sidecar_state"], row["has_sidecar"], row["rankable"]) == ("sidecar", "verified", 1, 1)
    assert catalog.ask("SELECT name, value, stale FROM metrics ORDER BY name") == [
        ("hmean", 0.8, 0),
        ("val/iou", 0.5, 0),
        ("val/nothing", None, 0),
    ]
    assert catalog.ask("SELECT position, role, name, params FROM components") == [
        (0, "encoder", "resnet18", '{"depth":18}'),
        (1, "head", None, "{}"),
    ]
    assert catalog.ask("SELECT key, num, text FROM params") == [("amp", None, "true"), ("lr", 0.001, "0.001")]
    assert catalog.ask("SELECT path, size, mtime_ns, absent FROM inputs") == [
        (b"exp/a.metadata.yaml", 5, 6, 0),
        (b"exp/a.metadata.yaml.absent", None, None, 1),
    ]
    assert check(catalog.path).findings == ()


def test_describing_anew_replaces_everything_and_keeps_the_id(catalog: Catalog) -> None:
    first = catalog.describe("a.ckpt", record(sidecar=b"a.metadata.yaml", dataset="icdar"))
    again = catalog.describe("a.ckpt", record(hmean=None, metrics={"other": 1.0}), ctime=5)
    assert again == first
    assert catalog.row("a.ckpt")["hmean"] is None
    assert catalog.row("a.ckpt")["dataset"] is None
    assert catalog.ask("SELECT name FROM metrics") == [("other",)]
    assert catalog.ask("SELECT count(*) FROM inputs") == [(0,)]


def test_a_changed_file_turns_pending_and_keeps_what_it_said(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.arrive("a.ckpt", size=200)
    row = catalog.row("a.ckpt")
    assert (row["read_state"], row["hmean"], row["size_bytes"], row["rankable"]) == ("pending", 0.8, 200, 1)


def test_seeing_an_unchanged_file_changes_nothing(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    before, seq = catalog.row("a.ckpt"), catalog.writer.seq
    catalog.arrive("a.ckpt")
    assert (catalog.row("a.ckpt"), catalog.writer.seq) == (before, seq)


def test_a_new_ctime_alone_is_no_new_seq(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    seq = catalog.writer.seq
    catalog.describe("a.ckpt", ctime=5)
    assert catalog.writer.seq == seq
    known = catalog.writer.known_at(catalog.root, b"a.ckpt")
    assert known is not None
    assert known.fingerprint.ctime_ns == 5


def test_one_transaction_has_one_seq_on_every_row_it_changed(catalog: Catalog) -> None:
    catalog.describe("old.ckpt")
    seq = catalog.writer.seq
    changes = [Described(catalog.root, candidate(f"{n}.ckpt"), record()) for n in range(3)]
    assert catalog.writer.apply(changes) == seq + 1
    assert catalog.ask("SELECT seq, count(*) FROM checkpoints GROUP BY seq") == [(seq, 1), (seq + 1, 3)]


def test_ids_are_never_used_again(catalog: Catalog) -> None:
    first = catalog.describe("a.ckpt")
    catalog.writer.apply([PresenceChanged(first, Presence.MISSING)])
    catalog.writer.forget_missing("2027")
    assert catalog.describe("b.ckpt") == first + 1
    assert catalog.ask("SELECT count(*) FROM checkpoints") == [(1,)]


def test_a_missing_row_ends_when_its_file_is_part_of_another(catalog: Catalog) -> None:
    gone, there = catalog.describe("gone.ckpt"), catalog.describe("there.ckpt")
    before = catalog.writer.seq
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING), Dissolved(gone), Dissolved(there), Dissolved(99)])
    assert catalog.ask("SELECT path FROM checkpoints") == [("there.ckpt",)]
    assert catalog.writer.seq > before


def test_missing_rows_are_kept_for_a_while(catalog: Catalog) -> None:
    row_id = catalog.describe("a.ckpt")
    catalog.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    row = catalog.row("a.ckpt")
    assert (row["presence"], row["missing_since"], row["rankable"]) == ("missing", "2026-01-02T03:04:05.000000Z", 0)
    assert catalog.writer.forget_missing("2026-01-02T03:04:05.000000Z") == 0
    assert catalog.writer.forget_missing("2026-02-02T03:04:05.000000Z") == 1
    assert catalog.ask("SELECT count(*) FROM metrics") == [(0,)]


def test_a_file_that_comes_back_is_the_same_row(catalog: Catalog) -> None:
    row_id = catalog.describe("a.ckpt")
    catalog.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    assert catalog.arrive("a.ckpt") == row_id
    row = catalog.row("a.ckpt")
    assert (row["presence"], row["missing_since"], row["rankable"], row["read_state"]) == ("present", None, 1, "ok")


def test_rows_of_an_unreachable_root_are_found_and_a_scan_brings_them_back(catalog: Catalog) -> None:
    other = catalog.writer.add_root(b"/other").id
    catalog.writer.apply([Described(other, candidate("x.ckpt", root=b"/other"), record())])
    first = catalog.describe("a.ckpt")
    catalog.writer.apply(
        [
            Described(catalog.root, candidate("b.ckpt"), record()),
            DirectorySettled(catalog.root, b"", b"d" * 16),
            RootChanged(catalog.root, state="unreachable"),
        ]
    )
    second = catalog.id_of("b.ckpt")
    assert catalog.writer.roots()[0].state == "unreachable"
    assert catalog.writer.present_ids(catalog.root, 0, 9) == [first, second]
    assert catalog.writer.present_ids(catalog.root, 0, 1) == [first]
    catalog.writer.apply([PresenceChanged(first, Presence.UNREACHABLE)])
    assert catalog.writer.present_ids(catalog.root, 0, 9) == [second]
    assert catalog.writer.digests(catalog.root) == {}
    catalog.writer.apply([RootChanged(catalog.root, state="present"), Arrived(catalog.root, candidate("a.ckpt"))])
    assert catalog.row("a.ckpt")["presence"] == "present"
    assert check(catalog.path).findings == ()


def test_a_root_s_identity_is_kept_whatever_its_size(catalog: Catalog) -> None:
    inode = 2**64 - 1
    catalog.writer.apply([RootChanged(catalog.root, device=9, inode=inode, mode="events", scanned_at="2026")])
    (root,) = catalog.writer.roots()
    assert (root.device, root.inode, root.mode, root.scanned_at, root.state) == (9, inode, "events", "2026", "present")


def test_the_end_of_a_scan_is_no_new_seq_but_another_mode_is(catalog: Catalog) -> None:
    seq = catalog.writer.seq
    assert catalog.writer.apply([RootChanged(catalog.root, scanned_at="2026")]) == seq
    assert catalog.writer.apply([RootChanged(catalog.root, mode="poll")]) == seq + 1


def test_root_names_are_unique(catalog: Catalog) -> None:
    assert catalog.writer.add_root(b"/elsewhere/outputs").name == "outputs-2"
    assert catalog.writer.add_root(b"/third", "outputs").name == "outputs-3"
    assert catalog.writer.add_root(b"/").name == "root"
    assert catalog.writer.add_root(b"/elsewhere/outputs").name == "outputs-2"
    assert len(catalog.writer.roots()) == 4


def test_an_alias_is_listed_and_not_ranked(catalog: Catalog) -> None:
    target = catalog.describe("best.ckpt")
    catalog.describe("last.ckpt", alias_of=target, kind=Kind.SYMLINK)
    row = catalog.row("last.ckpt")
    assert (row["alias_of"], row["rankable"], row["hmean"]) == (target, 0, 0.8)
    assert [known.path for known in catalog.writer.aliases_of(target)] == [b"last.ckpt"]


def test_an_alias_of_a_deleted_row_is_ranked_by_itself(catalog: Catalog) -> None:
    target = catalog.describe("a.ckpt")
    catalog.describe("b.ckpt", alias_of=target)
    catalog.writer.apply([PresenceChanged(target, Presence.MISSING)])
    catalog.writer.forget_missing("2027")
    row = catalog.row("b.ckpt")
    assert (row["alias_of"], row["rankable"]) == (None, 1)
    assert check(catalog.path).findings == ()


def test_problems_keep_when_they_were_first_seen(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(problems=(Problem("scale", "84.3"), Problem("suffix", "odd"))))
    catalog.clock.tick(hours=1)
    catalog.describe("a.ckpt", record(problems=(Problem("scale", "84.4"), Problem("new", "x"))))
    found = catalog.ask("SELECT kind, message, first_seen, last_seen, count FROM problems ORDER BY kind")
    early, late = "2026-01-02T03:04:05.000000Z", "2026-01-02T04:04:05.000000Z"
    assert found == [("new", "x", late, late, 1), ("scale", "84.4", early, late, 2)]
    assert json.loads(catalog.row("a.ckpt")["nested"])["problems"] == [
        {"kind": "scale", "message": "84.4"},
        {"kind": "new", "message": "x"},
    ]


def test_place_problems_are_seen_bumped_and_cleared(catalog: Catalog) -> None:
    problem = PlaceProblem(catalog.root, b"locked", Problem("unreadable", "permission denied"))
    seq = catalog.writer.apply([problem])
    catalog.clock.tick(hours=1)
    assert catalog.writer.apply([problem]) == seq
    assert catalog.ask("SELECT path, kind, count, checkpoint_id FROM problems") == [("locked", "unreadable", 2, None)]
    assert catalog.writer.stale_places(catalog.root, "2026-01-02T05") == [b"locked"]
    assert catalog.writer.stale_places(catalog.root, "2026-01-02T04") == []
    assert catalog.writer.apply([PlaceProblem(catalog.root, b"locked", None)]) == seq + 1
    assert catalog.ask("SELECT count(*) FROM problems") == [(0,)]


def test_clearing_a_place_leaves_the_problems_of_a_checkpoint_there(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(problems=(Problem("scale", "x"),)))
    catalog.writer.apply([PlaceProblem(catalog.root, b"a.ckpt", None)])
    assert catalog.ask("SELECT kind FROM problems") == [("scale",)]


@pytest.mark.parametrize(
    "changed", ["arrived", "described", "moved", "missing"], ids=lambda how: f"a_{how}_row_forgets_it"
)
def test_a_directory_digest(catalog: Catalog, changed: str) -> None:
    row_id = catalog.describe("d/a.ckpt")
    catalog.writer.apply([DirectorySettled(catalog.root, b"d", b"x" * 16)])
    assert catalog.writer.digest_of(catalog.root, b"d") == b"x" * 16
    changes: dict[str, list[Change]] = {
        "arrived": [Arrived(catalog.root, candidate("d/new.ckpt"))],
        "described": [Described(catalog.root, candidate("d/a.ckpt"), record())],
        "moved": [Moved(row_id, catalog.root, candidate("e/a.ckpt"))],
        "missing": [PresenceChanged(row_id, Presence.MISSING)],
    }
    catalog.writer.apply(changes[changed])
    assert catalog.writer.digest_of(catalog.root, b"d") is None


def test_a_digest_settled_with_its_rows_stays(catalog: Catalog) -> None:
    one = candidate("d/a.ckpt")
    catalog.writer.apply([Described(catalog.root, one, record()), DirectorySettled(catalog.root, b"d", b"y" * 16)])
    catalog.writer.apply([Arrived(catalog.root, one), Arrived(catalog.root, candidate("other/b.ckpt"))])
    assert catalog.writer.digests(catalog.root) == {b"d": b"y" * 16}


def test_a_batch_is_all_or_nothing(catalog: Catalog) -> None:
    seq = catalog.writer.seq
    with pytest.raises(IntegrityError):
        catalog.writer.apply([Arrived(catalog.root, candidate("a.ckpt")), Arrived(999, candidate("b.ckpt"))])
    assert catalog.ask("SELECT count(*) FROM checkpoints") == [(0,)]
    assert catalog.writer.seq == seq
    assert catalog.arrive("a.ckpt") == 1


def test_arriving_and_described_in_one_batch_is_one_row(catalog: Catalog) -> None:
    one = candidate("a.ckpt")
    catalog.writer.apply([Arrived(catalog.root, one), Described(catalog.root, one, record())])
    assert catalog.row("a.ckpt")["read_state"] == "ok"
    assert check(catalog.path).findings == ()


def test_old_derivations_are_found_until_they_are_made_anew(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.describe("b.ckpt")
    catalog.writer.close()
    catalog.writer = catalog.open(derivation=2)
    assert [known.path for known in catalog.writer.outdated(2, 10)] == [b"a.ckpt", b"b.ckpt"]
    assert [known.path for known in catalog.writer.outdated(2, 1)] == [b"a.ckpt"]
    catalog.describe("a.ckpt")
    missing = catalog.id_of("b.ckpt")
    catalog.writer.apply([PresenceChanged(missing, Presence.MISSING)])
    assert catalog.writer.outdated(2, 10) == []
    assert catalog.ask("SELECT value FROM meta WHERE key = 'derivation'") == [("2",)]
    catalog.writer.apply([PresenceChanged(missing, Presence.PRESENT)])
    assert [known.path for known in catalog.writer.outdated(2, 10)] == [b"b.ckpt"]


def test_a_deleted_database_is_noticed(catalog: Catalog) -> None:
    assert catalog.writer.is_current()
    catalog.path.unlink()
    assert not catalog.writer.is_current()
    catalog.path.touch()
    assert not catalog.writer.is_current()


def test_the_write_ahead_log_can_be_emptied(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    wal = catalog.path.with_name("catalog.db-wal")
    assert wal.stat().st_size > 0
    assert catalog.writer.checkpoint_wal()
    assert wal.stat().st_size == 0


def test_closing_leaves_one_file(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.close()
    names = sorted(path.name for path in catalog.path.parent.iterdir())
    assert names == ["catalog.db", "catalog.db.annotations.jsonl"]
