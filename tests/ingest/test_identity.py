from __future__ import annotations

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.ingest.identity import Itself, LinkOf, MovedFrom, identify
from ckpt_indexer.store.changes import Known

PRINT = Fingerprint(1, 2, 30, 40, 50)
HERE = Candidate(b"/r", b"new.ckpt", Kind.FILE, PRINT._replace(ctime_ns=51))


def row(number: int, path: bytes, *, kind: str = "file", fingerprint: Fingerprint = PRINT) -> Known:
    return Known(number, 1, path, kind, fingerprint, (), "present", "ok", 1, None)


def nowhere(_: Known) -> bool:
    return False


def in_place(_: Known) -> bool:
    return True


def test_a_file_nobody_shares_an_inode_with_is_itself() -> None:
    assert identify(HERE, 1, None, [], still_there=nowhere) == Itself()


def test_a_file_whose_former_place_is_empty_has_moved() -> None:
    old = row(3, b"old.ckpt")

    assert identify(HERE, 1, None, [old], still_there=nowhere) == MovedFrom(old)


def test_a_reused_inode_with_another_size_or_mtime_is_no_move() -> None:
    other = row(3, b"old.ckpt", fingerprint=PRINT._replace(mtime_ns=41))

    assert identify(HERE, 1, None, [other], still_there=nowhere) == Itself()


def test_a_file_that_is_still_at_its_other_place_is_a_hard_link() -> None:
    other = row(3, b"old.ckpt")

    assert identify(HERE, 1, None, [other], still_there=in_place) == LinkOf((other,))


def test_a_file_moved_over_a_present_row_takes_over_that_row() -> None:
    here = row(9, b"new.ckpt", fingerprint=Fingerprint(1, 99, 1, 1, 1))

    assert identify(HERE, 1, here, [row(3, b"old.ckpt")], still_there=nowhere) == Itself()


def test_a_file_moved_over_a_missing_row_keeps_its_own_id() -> None:
    here = row(9, b"new.ckpt")._replace(presence="missing")
    old = row(3, b"old.ckpt")

    assert identify(HERE, 1, here, [here, old], still_there=nowhere) == MovedFrom(old)


def test_its_own_row_is_no_twin() -> None:
    assert identify(HERE, 1, None, [row(3, b"new.ckpt")], still_there=in_place) == Itself()


def test_a_symlink_row_to_the_same_file_is_no_hard_link() -> None:
    link = row(3, b"last.ckpt", kind="symlink")

    assert identify(HERE, 1, None, [link], still_there=in_place) == Itself()


def test_of_several_vanished_twins_the_oldest_row_moves() -> None:
    rows = [row(7, b"b.ckpt"), row(4, b"a.ckpt")]

    assert identify(HERE, 1, None, rows, still_there=nowhere) == MovedFrom(rows[1])
