"""Readings by children: who waits for them, and which are of no use any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.ingest.describe import Description, Outcome
from ckpt_indexer.ingest.elsewhere import AT_ONCE, Elsewhere
from ckpt_indexer.ingest.sighting import Look, Sighting
from ckpt_indexer.metadata.record import Record
from ckpt_indexer.store.changes import RootRow

if TYPE_CHECKING:
    from ckpt_indexer.ingest.sighting import Place

ROOT = RootRow(1, "r", b"/r", None, None, "present", "manual", None)


class Readers:
    """Notes what it was asked to read."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def submit(self, root_id: int, candidate: Candidate) -> None:
        assert root_id == 1
        self.asked.append(candidate.path)

    def close(self) -> None: ...


def candidate(path: bytes = b"a.ckpt", inode: int = 1) -> Candidate:
    return Candidate(b"/r", path, Kind.FILE, Fingerprint(1, inode, 3, 4, 5))


def done(one: Candidate) -> Description:
    return Description(1, one, Outcome.DONE, Record())


def place(one: Candidate) -> Place:
    return (one.root, one.path)


def test_a_file_is_read_once_at_a_time_and_anew_when_it_changed() -> None:
    readers = Readers()
    elsewhere = Elsewhere(readers)
    elsewhere.read(1, candidate())
    elsewhere.read(1, candidate())
    assert (readers.asked, len(elsewhere), place(candidate()) in elsewhere) == ([b"a.ckpt"], 1, True)
    elsewhere.read(1, candidate(inode=2))
    assert readers.asked == [b"a.ckpt", b"a.ckpt"]
    assert elsewhere.claim(done(candidate())) is None  # of the former state
    claim = elsewhere.claim(done(candidate(inode=2)))
    assert claim is not None
    assert (claim.is_fill, claim.aliases, len(elsewhere)) == (False, {}, 0)


def test_links_wait_for_the_file_they_lead_to() -> None:
    elsewhere = Elsewhere(Readers())
    elsewhere.read(1, candidate())
    link = Sighting(ROOT, candidate(b"link.ckpt"), None)
    elsewhere.wait_for(place(candidate()), link, 7)
    claim = elsewhere.claim(done(candidate()))
    assert claim is not None
    assert claim.aliases == {place(candidate(b"link.ckpt")): (link, 7)}


def test_a_place_described_otherwise_gives_its_links_back() -> None:
    elsewhere = Elsewhere(Readers())
    elsewhere.read(1, candidate())
    elsewhere.wait_for(place(candidate()), Sighting(ROOT, candidate(b"link.ckpt"), None), 7)
    assert elsewhere.overtake(place(candidate())) == [place(candidate(b"link.ckpt"))]
    assert elsewhere.overtake(place(candidate())) == []
    assert elsewhere.claim(done(candidate())) is None


def test_a_file_that_was_at_rest_is_until_it_changes_or_is_described() -> None:
    elsewhere = Elsewhere(Readers())
    assert not elsewhere.was_at_rest(candidate())
    elsewhere.read(1, candidate())
    assert elsewhere.claim(done(candidate())) is not None
    assert elsewhere.was_at_rest(candidate()), "what was read may be of no use, the file is as still as before"
    assert not elsewhere.was_at_rest(candidate(inode=2))
    elsewhere.overtake(place(candidate()))
    assert not elsewhere.was_at_rest(candidate())
    elsewhere.read(1, candidate())
    elsewhere.forget(place(candidate()))
    assert not elsewhere.was_at_rest(candidate())


def test_of_many_files_some_are_read_at_a_time_and_the_newest_of_the_others_next() -> None:
    readers, many = Readers(), [candidate(b"%d.ckpt" % number) for number in range(AT_ONCE + 3)]
    elsewhere = Elsewhere(readers)
    for one in many:
        elsewhere.read(1, one, whole=one is many[-1])
    assert (len(readers.asked), len(elsewhere), elsewhere.due()) == (AT_ONCE, AT_ONCE + 3, [])
    elsewhere.read(1, candidate(b"0.ckpt", inode=9))
    assert len(readers.asked) == AT_ONCE + 1, "who changes while it is read does not queue again"
    elsewhere.overtake(place(many[-2]))
    for one in many[1 : AT_ONCE // 2 + 1]:
        assert not elsewhere.has_due
        assert elsewhere.claim(done(one)) is not None
    assert elsewhere.has_due
    newest, next_newest = (place(many[number]) for number in (-1, -3))
    assert elsewhere.due() == [Look(newest, forced=True, whole=True), Look(next_newest, forced=True)]
    assert (elsewhere.has_due, len(elsewhere)) == (False, AT_ONCE // 2)


def test_nobody_waits_for_what_is_read_in_idle_time() -> None:
    readers = Readers()
    elsewhere = Elsewhere(readers)
    elsewhere.fill(1, candidate())
    elsewhere.fill(1, candidate())
    assert (readers.asked, len(elsewhere), elsewhere.filling) == ([b"a.ckpt"], 0, 1)
    claim = elsewhere.claim(done(candidate()))
    assert claim is not None
    assert claim.is_fill
    assert elsewhere.filling == 0


def test_a_reading_is_remembered_for_exactly_that_state_of_the_file() -> None:
    elsewhere = Elsewhere(Readers())
    reading = done(candidate())
    elsewhere.remember(reading)
    assert elsewhere.recent(candidate()) is reading
    assert elsewhere.recent(candidate(inode=2)) is None
    for number in range(100):
        elsewhere.remember(done(candidate(b"%d.ckpt" % number)))
    assert elsewhere.recent(candidate()) is None
