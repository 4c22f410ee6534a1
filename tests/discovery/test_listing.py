"""Listings made by hand and by the scanner behave alike."""

from __future__ import annotations

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind
from ckpt_indexer.discovery.listing import Entry, Listing

_PRINT = Fingerprint(1, 2, 3, 4, 5)


def test_a_listing_given_its_values_returns_them() -> None:
    candidate = Candidate(b"/r", b"a.ckpt", Kind.FILE, _PRINT)
    listing = Listing(b"/r", b"", [candidate], {b"a.ckpt": FileStamp(3, 4)}, digest=b"d", complete=False)
    assert listing.candidates == [candidate]
    assert listing.neighbours == {b"a.ckpt": FileStamp(3, 4)}
    assert "complete=False" in repr(listing)


def test_candidates_are_made_only_when_asked_for() -> None:
    asked: list[int] = []

    def entries() -> list[Entry]:
        asked.append(1)
        return [Entry(b"b.ckpt", Kind.FILE, _PRINT), Entry(b"a.metadata.yaml", None, _PRINT)]

    listing = Listing(b"/r", b"run", digest=b"d", entries=entries)
    assert not asked
    assert [candidate.path for candidate in listing.candidates] == [b"run/b.ckpt"]
    assert listing.candidates is listing.candidates
    assert sorted(listing.neighbours) == [b"a.metadata.yaml", b"b.ckpt"]


def test_a_listing_without_anything_is_empty() -> None:
    listing = Listing(b"/r", b"")
    assert (listing.candidates, listing.neighbours, listing.problems, listing.complete) == ([], {}, [], True)
