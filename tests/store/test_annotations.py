from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CheckpointNotFound
from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import Described, Moved, PresenceChanged
from ckpt_indexer.store.identity import journal_path
from ckpt_indexer.store.journal import read_journal
from ckpt_indexer.store.maintenance import Replayed, check, replay
from ckpt_indexer.store.notes import Edit, Note, edited, merged
from ckpt_indexer.store.writer import open_writer
from tests.store.fakes import ROOT, Catalog, candidate, record

if TYPE_CHECKING:
    from pathlib import Path


def tags(catalog: Catalog, path: str) -> list[str]:
    found: list[str] = json.loads(catalog.row(path)["nested"])["tags"]
    return found


def test_tags_are_the_union_of_document_and_person(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(tags=("doc",)))
    seq = catalog.writer.seq
    assert catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("mine", "doc"))) == seq + 1
    assert tags(catalog, "a.ckpt") == ["doc", "mine"]
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_remove=("mine", "doc")))
    assert tags(catalog, "a.ckpt") == ["doc"]
    assert check(catalog.path).findings == ()


def test_a_person_s_notes_come_before_the_document_s_and_give_them_back(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(notes="of the document"))
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(notes="mine", pinned=True))
    assert (catalog.row("a.ckpt")["notes"], catalog.row("a.ckpt")["pinned"]) == ("mine", 1)
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(notes="", pinned=False))
    assert (catalog.row("a.ckpt")["notes"], catalog.row("a.ckpt")["pinned"]) == ("of the document", 0)


def test_describing_anew_keeps_what_people_said(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(tags=("doc",)))
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("mine",), pinned=True))
    catalog.describe("a.ckpt", record(tags=("newer",)))
    assert tags(catalog, "a.ckpt") == ["newer", "mine"]
    assert catalog.row("a.ckpt")["pinned"] == 1


def test_a_rewrite_in_place_keeps_annotations_and_flags_them(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(pinned=True))
    catalog.describe("a.ckpt", ctime=77)
    assert catalog.ask("SELECT rewritten FROM annotations") == [(0,)]
    catalog.arrive("a.ckpt", size=101)
    assert catalog.ask("SELECT pinned, rewritten FROM annotations") == [(1, 1)]
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("still",)))
    assert catalog.ask("SELECT pinned, rewritten FROM annotations") == [(1, 0)]


def test_annotating_what_is_not_there_says_so_and_writes_nothing(catalog: Catalog) -> None:
    before = journal_path(catalog.path).read_bytes()
    with pytest.raises(CheckpointNotFound):
        catalog.writer.annotate(catalog.root, b"none.ckpt", Edit(pinned=True))
    assert journal_path(catalog.path).read_bytes() == before


def test_a_note_waits_for_its_file_to_come_back(catalog: Catalog) -> None:
    row_id = catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("mine",)))
    catalog.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    catalog.writer.forget_missing("2027")
    catalog.describe("a.ckpt")
    assert tags(catalog, "a.ckpt") == ["mine"]


def test_a_rebuild_gets_back_what_people_said(catalog: Catalog, tmp_path: Path) -> None:
    for path in (b"a.ckpt", b"\xff.ckpt", b"old.ckpt"):
        catalog.describe(path, inode=len(path))
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("x",), notes="n", pinned=True))
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("y",)))
    catalog.writer.annotate(catalog.root, b"\xff.ckpt", Edit(tags_add=("raw",)))
    catalog.writer.annotate(catalog.root, b"old.ckpt", Edit(notes="moved along"))
    catalog.writer.apply([Moved(catalog.id_of("old.ckpt"), catalog.root, candidate("new.ckpt", inode=8))])
    new = Catalog(tmp_path / "new.db")
    new.describe("a.ckpt")
    assert replay(catalog.path, new.writer) == Replayed(restored=3, unknown_root=0, unreadable=0)
    assert tags(new, "a.ckpt") == ["x", "y"]
    assert (new.row("a.ckpt")["notes"], new.row("a.ckpt")["pinned"]) == ("n", 1)
    new.writer.apply(
        [Described(new.root, candidate(path), record()) for path in (b"\xff.ckpt", b"new.ckpt", b"old.ckpt")]
    )
    assert tags(new, r"\xff.ckpt") == ["raw"]
    assert new.row("new.ckpt")["notes"] == "moved along"
    assert new.row("old.ckpt")["notes"] is None
    new.writer.close()


def test_a_torn_last_line_is_survived_and_the_next_one_starts_afresh(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(notes="first"))
    journal = journal_path(catalog.path)
    journal.write_bytes(journal.read_bytes() + journal.read_bytes().splitlines()[-1][:20])
    assert read_journal(catalog.path).unreadable == 1
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("second",)))
    contents = read_journal(catalog.path)
    assert contents.unreadable == 1
    (entry,) = contents.entries
    assert (entry.root, entry.path) == (ROOT, b"a.ckpt")
    assert entry.note is not None
    assert (entry.note.tags, entry.note.notes) == (("second",), "first")


def test_a_lost_journal_is_written_again_from_the_database(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("kept",)))
    journal_path(catalog.path).unlink()
    catalog.writer.close()
    catalog.writer = catalog.open()
    (entry,) = read_journal(catalog.path).entries
    assert entry.note is not None
    assert entry.note.tags == ("kept",)
    assert journal_path(catalog.path).stat().st_mode & 0o777 == 0o600


def test_lines_of_other_kinds_are_counted_and_skipped(catalog: Catalog) -> None:
    with journal_path(catalog.path).open("ab") as file:
        file.write(
            b'{"time":1}\n[]\nnull\n\xff\n{"time":"t","root":"/r","path_base64":"!","tags":[],"notes":null,"pinned":1}\n'
        )
    assert read_journal(catalog.path).unreadable == 5


def test_notes_of_roots_the_catalog_does_not_have_are_counted(catalog: Catalog, tmp_path: Path) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(pinned=True))
    with open_writer(tmp_path / "new.db") as other:
        assert replay(catalog.path, other) == Replayed(restored=0, unknown_root=1, unreadable=0)
        assert replay(tmp_path / "absent.db", other) == Replayed(restored=0, unknown_root=0, unreadable=0)


def test_edits_and_merges_lose_no_words() -> None:
    one = edited(None, Edit(tags_add=("a", "b", "a"), notes="x\0y", pinned=True), now="1")
    assert one == Note(("a", "b"), "x\\x00y", pinned=True, updated_at="1")
    assert edited(one, Edit(), now="2") == Note(("a", "b"), "x\\x00y", pinned=True, updated_at="2")
    assert merged(one, None) == one
    assert merged(None, one) == one
    both = merged(one, Note(("c", "a"), "z", rewritten=True, updated_at="3"))
    assert both == Note(("a", "b", "c"), "x\\x00y\nz", pinned=True, rewritten=True, updated_at="3")
