"""What the store keeps of headers: equal contents, rows that wait for their header, surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import Described, DirectorySettled, PresenceChanged
from ckpt_indexer.store.drafts import Batch
from tests.store.fakes import candidate, record

if TYPE_CHECKING:
    import pytest

    from tests.store.fakes import Catalog


def duplicates(catalog: Catalog) -> dict[str, int | None]:
    return dict(catalog.ask("SELECT path, duplicate_of FROM checkpoints ORDER BY path"))


def test_files_of_equal_content_name_the_first_of_them(catalog: Catalog) -> None:
    first = catalog.describe("b.ckpt", record(content_id="c1"))
    catalog.describe("a.ckpt", record(content_id="c1"))
    catalog.describe("other.ckpt", record(content_id="c2"))
    catalog.describe("unread.ckpt", record())
    assert duplicates(catalog) == {"a.ckpt": first, "b.ckpt": None, "other.ckpt": None, "unread.ckpt": None}
    assert catalog.ask("SELECT path, original_path FROM duplicates") == [("a.ckpt", "b.ckpt")]


def test_when_the_first_goes_the_next_takes_its_place(catalog: Catalog) -> None:
    ids = [catalog.describe(name, record(content_id="c1")) for name in ("a.ckpt", "b.ckpt", "c.ckpt")]
    catalog.writer.apply([PresenceChanged(ids[0], Presence.MISSING)])
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": None, "c.ckpt": ids[1]}
    catalog.writer.apply([PresenceChanged(ids[0], Presence.PRESENT)])
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": ids[0], "c.ckpt": ids[0]}


def test_a_file_that_is_rewritten_is_no_duplicate_any_more(catalog: Catalog) -> None:
    first = catalog.describe("a.ckpt", record(content_id="c1"))
    catalog.describe("b.ckpt", record(content_id="c1"))
    catalog.describe("b.ckpt", record(content_id="c9"))
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": None}
    catalog.describe("a.ckpt", record(content_id="c9"))
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": first}


def test_a_row_that_becomes_equal_to_later_ones_is_the_first_of_them(catalog: Catalog) -> None:
    first = catalog.describe("a.ckpt", record(content_id="c9"))
    others = [catalog.describe(name, record(content_id="c1")) for name in ("b.ckpt", "c.ckpt")]
    catalog.describe("a.ckpt", record(content_id="c1"))
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": first, "c.ckpt": first}
    catalog.describe("a.ckpt", record(content_id="c9"))
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": None, "c.ckpt": others[0]}


def test_one_more_of_many_equal_files_reads_none_of_the_others(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = catalog.describe("a.ckpt", record(content_id="c1"))
    for number in range(20):
        catalog.describe(f"b{number}.ckpt", record(content_id="c1"))
    adopted: list[object] = []
    monkeypatch.setattr(Batch, "adopt", lambda _batch, row: adopted.append(row))
    catalog.describe("c.ckpt", record(content_id="c1"))
    assert duplicates(catalog)["c.ckpt"] == first
    assert adopted == []


def test_rows_of_a_content_come_in_id_order_however_many(catalog: Catalog) -> None:
    ids = [catalog.describe(f"{name}.ckpt", record(content_id="c1")) for name in range(20)]
    assert [row.id for row in catalog.writer.known_by_content("c1")] == ids


def test_an_alias_is_no_duplicate(catalog: Catalog) -> None:
    first = catalog.describe("a.ckpt", record(content_id="c1"))
    catalog.describe("link.ckpt", record(content_id="c1"), alias_of=first)
    assert duplicates(catalog) == {"a.ckpt": None, "link.ckpt": None}


def test_rows_without_their_header_are_found_by_id(catalog: Catalog) -> None:
    ids = [catalog.describe(f"{name}.ckpt", record()) for name in "abc"]
    catalog.describe("read.ckpt", record(header={}))
    catalog.describe("link.ckpt", record(), alias_of=ids[0])
    catalog.arrive("waits.ckpt")
    assert [row.id for row in catalog.writer.unread(0, 2)] == ids[:2]
    assert [row.id for row in catalog.writer.unread(ids[1], 9)] == ids[2:]


def test_what_the_header_says_is_part_of_the_row(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(header={"tensors": 2}, content_id="c1", weights_id="w1"))
    assert catalog.row("a.ckpt")["header_read"] == 1
    found = catalog.ask("SELECT content_id, weights_id, header FROM catalog")
    assert found == [("c1", "w1", '{"tensors":2}')]


def test_rows_derived_from_other_surroundings_are_found_per_directory(catalog: Catalog) -> None:
    catalog.describe("run/a.ckpt", record(surroundings=b"old"))
    catalog.describe("run/b.ckpt", record(surroundings=b"new"))
    catalog.describe("run/c.ckpt", record())
    catalog.describe("else/d.ckpt", record(surroundings=b"old"))
    catalog.describe("run/deep/e.ckpt", record(surroundings=b"old"))
    assert catalog.writer.surroundings(catalog.root) == {
        b"run": {b"old", b"new"}, b"run/deep": {b"old"}, b"else": {b"old"},
    }  # fmt: skip
    assert catalog.writer.surroundings(catalog.root, b"run").keys() == {b"run", b"run/deep"}
    assert catalog.writer.surroundings_of(catalog.root, b"run") == {b"run": {b"old", b"new"}}
    stale = catalog.writer.surrounded_otherwise(catalog.root, b"run", b"new")
    assert [row.path for row in stale] == [b"run/a.ckpt"]


def test_an_alias_keeps_no_surroundings_of_its_target(catalog: Catalog) -> None:
    first = catalog.describe("run/a.ckpt", record(surroundings=b"old"))
    catalog.describe("else/link.ckpt", record(surroundings=b"old"), alias_of=first)
    assert catalog.writer.surroundings(catalog.root) == {b"run": {b"old"}}


def test_equal_contents_in_one_batch_are_paired(catalog: Catalog) -> None:
    changes = [
        Described(catalog.root, candidate(f"{name}.ckpt", inode=number), record(content_id="c1"))
        for number, name in enumerate("ab", 70)
    ]
    catalog.writer.apply(changes)
    rows = list(catalog.writer.known_by_content("c1"))
    assert [row.path for row in rows] == [b"a.ckpt", b"b.ckpt"]
    assert duplicates(catalog) == {"a.ckpt": None, "b.ckpt": rows[0].id}


def test_a_known_row_says_whether_its_header_was_read(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record())
    catalog.describe("b.ckpt", record(header={}))
    known = catalog.writer.known_in(catalog.root, b"")
    assert (known[b"a.ckpt"].header_read, known[b"b.ckpt"].header_read) == (False, True)


def test_what_only_adds_to_a_row_leaves_the_listing_it_was_compared_with(catalog: Catalog) -> None:
    catalog.describe("run/a.ckpt", record())
    settled = DirectorySettled(catalog.root, b"run", b"digest")
    catalog.writer.apply([settled])
    one = candidate("run/a.ckpt")
    catalog.writer.apply([Described(catalog.root, one, record(header={"tensors": 1}), refines=True)])
    assert catalog.writer.digest_of(catalog.root, b"run") == b"digest"
    catalog.writer.apply([Described(catalog.root, one, record())])
    assert catalog.writer.digest_of(catalog.root, b"run") is None
