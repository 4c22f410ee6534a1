"""Describing checkpoints on the spot: first by their documents, then, where those leave something open, by everything.

    candidate -> document and a peek at the file -> complete: done
                                                 -> else: every source, in limited children

A document that nothing speaks against is believed without its file being read, as the replaced catalog did: what the
first bytes of the file contradict is not. Nothing is written anywhere.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.candidate import Kind
from ckpt_indexer.compat.told import BELIEVABLE, Told, from_record
from ckpt_indexer.discovery.scanner import look
from ckpt_indexer.ingest.describe import Outcome, describe
from ckpt_indexer.readers.peek import peek_file
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sources.chain import Chain, merge
from ckpt_indexer.sources.names import NamesSource, PlaceSource
from ckpt_indexer.sources.sidecar import SidecarSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.ingest.describe import Description

THREADS = 2


class Answer(NamedTuple):
    """What was found out about one checkpoint."""

    told: Told
    lasting: bool = True
    """False when it could not be read now and may be later."""


class _Open(NamedTuple):
    """A checkpoint whose document leaves something open, and what that says."""

    candidate: Candidate
    by_document: Told | None


class Describer:
    """Describes candidates; with the `thorough` chain where their documents do not suffice."""

    def __init__(self, *, thorough: Chain, rules: Callable[[bytes], Options]) -> None:
        """`rules` gives what is looked at in each root."""
        self._thorough = thorough
        self._rules = rules
        place, names = PlaceSource(), NamesSource()
        self._names = Chain([place], last=[names])
        self._documents = Chain([place, SidecarSource(parse=parse_inline, peek=peek_file)], last=[names])

    def describe(self, candidates: Iterable[Candidate]) -> dict[bytes, Answer]:
        """Return what is known of each, by path; one that went meanwhile is left out. A link has its target's."""
        wanted = list(candidates)
        found: dict[bytes, Answer] = {}
        left: list[_Open] = []
        for candidate in self._files(wanted).values():
            told, complete = self._by_document(candidate)
            if told is not None and complete:
                found[candidate.path] = Answer(told)
            else:
                left.append(_Open(candidate, told))
        if left:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="describe") as threads:
                answers = zip(left, threads.map(self._by_everything, left), strict=True)
                found |= {one.candidate.path: answer for one, answer in answers if answer is not None}
        return {one.path: found[leads_to(one)] for one in wanted if leads_to(one) in found}

    def _files(self, wanted: Iterable[Candidate]) -> dict[bytes, Candidate]:
        """Return the candidates by path, a link replaced by what it leads to."""
        files = {one.path: one for one in wanted if one.kind is not Kind.SYMLINK}
        for link in wanted:
            path = leads_to(link)
            if path not in files:
                target = look(link.root, path, options=self._rules(link.root))
                if target is not None and target.kind is not Kind.SYMLINK:
                    files[path] = target
        return files

    def _by_document(self, candidate: Candidate) -> tuple[Told | None, bool]:
        """Return (what a document says that nothing speaks against, whether that is all)."""
        record = describe(0, candidate, self._documents).record
        if record is None or record.sidecar_state not in BELIEVABLE:
            return None, False
        told = from_record(record, candidate.root)
        return told, told.is_complete

    def _by_everything(self, one: _Open) -> Answer | None:
        """Return what all sources say; where they could not be asked, what the document and the path say. None when the
        checkpoint went."""
        candidate = one.candidate
        described = self._read(candidate)
        record = None if described is None else described.record
        if record is None and look(candidate.root, candidate.path, options=self._rules(candidate.root)) is None:
            return None
        if record is not None:
            return Answer(from_record(record, candidate.root))
        by_path = from_record(merge(self._names.ask(candidate)), candidate.root)
        return Answer((one.by_document or Told()).filled(by_path), lasting=False)

    def _read(self, candidate: Candidate) -> Description | None:
        """Return what all sources say, asked once more of a file that changed meanwhile; None when it went."""
        described = describe(0, candidate, self._thorough)
        if described.outcome is not Outcome.CHANGED:
            return described
        now = look(candidate.root, candidate.path, options=self._rules(candidate.root))
        return None if now is None else describe(0, now, self._thorough)


def leads_to(candidate: Candidate) -> bytes:
    """Return the path of the file a candidate is, or leads to."""
    is_link = candidate.kind is Kind.SYMLINK and candidate.target is not None
    return candidate.target if is_link and candidate.target is not None else candidate.path
