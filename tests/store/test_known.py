from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import Arrived, Described, DirectorySettled, PresenceChanged
from tests.store.fakes import candidate, record

if TYPE_CHECKING:
    from tests.store.fakes import Catalog


def test_what_was_stored_is_what_is_known(catalog: Catalog) -> None:
    one = candidate("exp/a.ckpt", inode=2**64 - 3, device=2**63 + 5)
    catalog.writer.apply([Described(catalog.root, one, record(sidecar=b"exp/a.metadata.yaml"))])
    known = catalog.writer.known_at(catalog.root, b"exp/a.ckpt")
    assert known is not None
    assert known.fingerprint == one.fingerprint
    assert known.sidecar_inputs == ((b"exp/a.metadata.yaml", 5, 6),)
    assert (known.kind, known.presence, known.read_state, known.derivation) == ("file", "present", "ok", 1)
    assert catalog.writer.known_at(catalog.root, b"exp") is None


def test_a_directory_holds_its_direct_children_only(catalog: Catalog) -> None:
    for path in ("a.ckpt", "d/b.ckpt", "d/e/c.ckpt", "d2/x.ckpt"):
        catalog.arrive(path)
    assert set(catalog.writer.known_in(catalog.root, b"d")) == {b"b.ckpt"}
    assert set(catalog.writer.known_in(catalog.root, b"")) == {b"a.ckpt"}
    assert catalog.writer.known_in(catalog.root, b"nowhere") == {}


def test_a_subtree_includes_the_path_itself_and_no_neighbour(catalog: Catalog) -> None:
    paths = [b"d", b"d!x.ckpt", b"d/a.ckpt", b"d/e/b.ckpt", b"d0/c.ckpt", b"da.ckpt", b"d/\xff.ckpt"]
    for path in paths:
        catalog.arrive(path)
    under = [known.path for known in catalog.writer.known_under(catalog.root, b"d")]
    assert under == [b"d", b"d/a.ckpt", b"d/e/b.ckpt", b"d/\xff.ckpt"]
    assert [known.path for known in catalog.writer.known_under(catalog.root, b"")] == sorted(paths)


def test_a_subtree_of_many_pages_is_complete(catalog: Catalog) -> None:
    catalog.writer.apply([Arrived(catalog.root, candidate(f"d/{n:05}.ckpt")) for n in range(2500)])
    found = [known.path for known in catalog.writer.known_under(catalog.root, b"d")]
    assert found == [b"d/%05d.ckpt" % n for n in range(2500)]


def test_rows_may_be_changed_while_a_subtree_is_walked(catalog: Catalog) -> None:
    for path in ("a.ckpt", "b.ckpt"):
        catalog.arrive(path)
    for known in catalog.writer.known_under(catalog.root, b""):
        catalog.writer.apply([PresenceChanged(known.id, Presence.MISSING)])
    assert catalog.ask("SELECT DISTINCT presence FROM checkpoints") == [("missing",)]


def test_rows_are_found_by_inode_on_their_own_device(catalog: Catalog) -> None:
    catalog.arrive("a.ckpt", inode=2**63, device=1)
    catalog.arrive("b.ckpt", inode=2**63, device=2)
    assert [known.path for known in catalog.writer.known_by_inode(1, 2**63)] == [b"a.ckpt"]
    assert catalog.writer.known_by_inode(3, 2**63) == []
    pairs = [(1, 2**63), (2, 2**63), (9, 9)]
    assert set(catalog.writer.known_by_inodes(pairs)) == {(1, 2**63), (2, 2**63)}


def test_pending_rows_wait_unless_their_file_is_gone(catalog: Catalog) -> None:
    catalog.describe("done.ckpt")
    catalog.arrive("waits.ckpt")
    gone = catalog.arrive("gone.ckpt")
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING)])
    assert [known.path for known in catalog.writer.known_pending()] == [b"waits.ckpt"]


def test_rows_are_found_by_what_they_were_read_from(catalog: Catalog) -> None:
    other = catalog.writer.add_root(b"/other").id
    row_id = catalog.describe("a.ckpt", record(sidecar=b"a.metadata.yaml"))
    catalog.writer.apply([Described(other, candidate("a.ckpt"), record(sidecar=b"a.metadata.yaml"))])
    assert [known.id for known in catalog.writer.rows_from_input(catalog.root, b"a.metadata.yaml")] == [row_id]
    assert [known.id for known in catalog.writer.rows_from_input(catalog.root, b"a.metadata.yaml.absent")] == [row_id]
    assert catalog.writer.rows_from_input(catalog.root, b"b.metadata.yaml") == []


def test_every_directory_with_rows_is_named_with_or_without_a_digest(catalog: Catalog) -> None:
    catalog.arrive("d/a.ckpt")
    catalog.arrive("e/a.ckpt")
    catalog.writer.apply([DirectorySettled(catalog.root, b"e", b"x" * 16)])
    assert catalog.writer.directories(catalog.root) == {b"d": None, b"e": b"x" * 16}


def test_directories_below_one_are_told_apart_by_whole_names(catalog: Catalog) -> None:
    for path in ("d/e/a.ckpt", "d/a.ckpt", "de/a.ckpt", "a.ckpt"):
        catalog.arrive(path)
    assert catalog.writer.directories(catalog.root, b"d").keys() == {b"d", b"d/e"}
    assert catalog.writer.directories(catalog.root).keys() == {b"", b"d", b"d/e", b"de"}


def test_a_root_is_empty_until_it_has_a_row(catalog: Catalog) -> None:
    assert catalog.writer.is_empty(catalog.root)
    catalog.arrive("a.ckpt")
    assert not catalog.writer.is_empty(catalog.root)


def test_read_states_are_counted_below_a_path(catalog: Catalog) -> None:
    catalog.describe("d/a.ckpt")
    catalog.arrive("d/e/b.ckpt")
    catalog.arrive("da.ckpt")
    gone = catalog.arrive("d/gone.ckpt")
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING)])
    assert catalog.writer.count_states(catalog.root) == {"ok": 1, "pending": 2}
    assert catalog.writer.count_states(catalog.root, b"d") == {"ok": 1, "pending": 1}
