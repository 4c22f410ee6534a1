from __future__ import annotations

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.ingest.identity import Itself, LinkOf, MovedFrom, identify, moved_from
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

    assert identify(HERE, 1, None, [other], still_there=in_place) == LinkOf(other)


def test_a_file_with_many_names_is_known_by_the_first_that_is_in_place() -> None:
    names = [row(number, b"%d.ckpt" % number) for number in range(1, 1000)]
    looked_at: list[Known] = []

    def still_there(row: Known) -> bool:
        looked_at.append(row)
        return row.id > 1

    assert identify(HERE, 1, None, names, still_there=still_there) == LinkOf(names[1])
    assert looked_at == names[:2]


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


# -- by way of another disk


def test_a_file_whose_content_was_known_of_one_that_is_gone_keeps_its_row() -> None:
    old, new = row(1, b"old.ckpt"), row(2, b"new.ckpt")
    assert moved_from(new, [old], is_gone=lambda _: True, still_there=lambda _: False) is old


@pytest.mark.parametrize(
    ("others", "gone", "why"),
    [
        ([1], [], "the other one is still in place"),
        ([1, 3], [1, 3], "two of that content are gone"),
        ([1, 3], [1], "another copy is in place"),
        ([], [], "nobody had that content"),
    ],
)
def test_what_is_not_certain_is_a_file_of_its_own(others: list[int], gone: list[int], why: str) -> None:
    rows = [row(number, b"%d.ckpt" % number) for number in others]
    found = moved_from(
        row(9, b"new.ckpt"), rows, is_gone=lambda one: one.id in gone, still_there=lambda one: one.id not in gone
    )
    assert found is None, why


def test_a_younger_row_or_one_that_was_read_before_is_no_move() -> None:
    old = row(5, b"old.ckpt")
    assert moved_from(row(2, b"new.ckpt"), [old], is_gone=lambda _: True, still_there=lambda _: False) is None
    read = row(9, b"new.ckpt")._replace(header_read=True)
    assert moved_from(read, [old], is_gone=lambda _: True, still_there=lambda _: False) is None
