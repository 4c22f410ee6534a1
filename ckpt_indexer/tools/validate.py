"""Is there a valid document for every checkpoint, and is it true? One bad document never hides the others.

The schema is what the catalog reads by (`metadata.reading`), so that "valid" means the same everywhere. Whether a valid
document contradicts its file is asked through `describe`, and so is which family of models a checkpoint belongs to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Kind
from ckpt_indexer.errors import CkptIndexerError, MetadataError
from ckpt_indexer.metadata.families import Match
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.record import SidecarState
from ckpt_indexer.sidecar.beside import shared_stem
from ckpt_indexer.sidecar.opening import read_whole
from ckpt_indexer.sources.sidecar import believe
from ckpt_indexer.tools.existing import Examined, chosen, examine, is_foreign, named_file
from ckpt_indexer.tools.families import match_record
from ckpt_indexer.tools.faults import Fault, contradictions, fault_of, missing_metrics, unknown_keys, unreadable
from ckpt_indexer.tools.told import Told

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.families import Families
    from ckpt_indexer.metadata.reading import Reading
    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.tools.existing import Parse
    from ckpt_indexer.tools.selection import Document, Found, Progress
    from ckpt_indexer.tools.told import Describe


class Verdict(StrEnum):
    """What came out for one checkpoint, or for a document whose checkpoint is gone."""

    VALID = "valid"
    INVALID = "invalid"
    MISSING = "missing"
    CONTRADICTED = "contradicted"
    """Valid, and the file says otherwise."""
    FROM_FUTURE = "from_future"
    """Nobody here can tell: it is newer than this release."""
    ALIAS = "alias"
    """A link without a document of its own: that of its target counts."""


@dataclass(slots=True)
class Checked:
    """The verdict on one checkpoint."""

    path: bytes
    """Absolute, of the checkpoint, or of the document when there is no checkpoint."""
    verdict: Verdict
    document: bytes | None = None
    """Absolute path of the document that counts."""
    version: str | None = None
    errors: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    match: Match | None = None
    """The family of models it belongs to; None when no families were given."""

    def to_dict(self) -> dict[str, Any]:  # JSON values
        """Return the verdict as JSON values."""
        family = {} if self.match is None else {"family": self.match.family_id, "family_issues": [*self.match.issues]}
        return {
            "checkpoint": display(self.path),
            "verdict": str(self.verdict),
            "document": None if self.document is None else display(self.document),
            "version": self.version,
            "errors": [fault._asdict() for fault in self.errors],
            "warnings": [fault._asdict() for fault in self.warnings],
            **family,
        }


@dataclass(slots=True)
class Validation:
    """The verdicts by path, and what has none."""

    checked: list[Checked] = field(default_factory=list)
    orphans: list[Checked] = field(default_factory=list)
    """Documents that describe no checkpoint there is; their path is the document's."""
    problems: list[tuple[bytes, Problem]] = field(default_factory=list)
    """(absolute path, problem) of places that were not or could not be looked into."""
    complete: bool = True
    seconds: float = 0.0
    families: Families | None = None
    """What checkpoints were matched with; None when nobody asked."""

    def count(self, verdict: Verdict) -> int:
        """Return how many checkpoints have this verdict."""
        return sum(one.verdict is verdict for one in self.checked)

    def error_types(self) -> dict[str, int]:
        """Return type of error -> how often it occurs, the commonest first."""
        return dict(Counter(fault.type for one in self.checked for fault in one.errors).most_common())

    def matched(self) -> int:
        """Return how many checkpoints belong to a family and fit it."""
        return sum(one.match is not None and one.match.valid for one in self.checked)

    def mismatched(self) -> int:
        """Return how many checkpoints belong to no family, or contradict theirs."""
        return sum(one.match is not None and not one.match.valid for one in self.checked)

    def ok(self, *, allow_missing: bool = False) -> bool:
        """Tell whether everything could be looked at, has a valid document (missing ones may be allowed), and fits a
        family when families were given."""
        fine = {Verdict.VALID, Verdict.ALIAS} | ({Verdict.MISSING} if allow_missing else set())
        return self.complete and not self.mismatched() and all(one.verdict in fine for one in self.checked)


class Validator:
    """Gives verdicts."""

    def __init__(self, *, parse: Parse, describe: Describe | None = None, families: Families | None = None) -> None:
        """`parse` turns the bytes of a document into its value, whatever they are. `describe` tells what all sources
        say about a candidate, and is asked at most once about each; without it only sizes are compared, and nothing is
        matched with `families`."""
        self._parse = parse
        self._describe = describe
        self._families = families

    def validate(self, found: Found, progress: Progress | None = None) -> Validation:
        """Return the verdict on everything found."""
        result = Validation(problems=found.problems, complete=found.complete, families=self._families)
        described: set[bytes] = set()
        inodes: set[tuple[int, int]] = set()
        for number, candidate in enumerate(found.candidates, start=1):
            is_alias = candidate.kind is Kind.SYMLINK or (
                candidate.kind is Kind.FILE and candidate.fingerprint[:2] in inodes
            )
            inodes.add(candidate.fingerprint[:2])
            documents = list(examine(candidate, self._parse))
            described |= {_absolute(candidate, one) for one in documents}
            described_once = None if self._describe is None else Told(self._describe, candidate)
            checked = self._check(candidate, documents, described_once, is_alias=is_alias)
            if self._families is not None and described_once is not None:
                checked.match = _match(described_once, self._families)
            result.checked.append(checked)
            if progress is not None:
                progress("checking", number, len(found.candidates))
        for document in found.documents:
            if document.absolute not in described:
                result.orphans.append(self._check_alone(document))
        return result

    def _check(
        self, candidate: Candidate, documents: list[Examined], described: Told | None, *, is_alias: bool
    ) -> Checked:
        checked = Checked(candidate.absolute, Verdict.ALIAS if is_alias else Verdict.MISSING)
        own = chosen(documents, candidate)
        for one in documents:
            if one is not own:
                checked.warnings += _of_another(one, candidate, own)
        if own is None:
            return checked
        checked.document = _absolute(candidate, own)
        _judge(checked, own.reading, own.error, own.future)
        others = shared_stem(candidate)
        if others and not own.attempt.name.startswith(candidate.name + b"."):
            told = f"it may describe {', '.join(map(display, others))} as well; name it after the file"
            checked.warnings.append(Fault("shared_stem", None, told))
        if checked.verdict is Verdict.VALID and own.reading is not None:
            _compare(checked, own.reading, candidate, described)
        return checked

    def _check_alone(self, document: Document) -> Checked:
        """Return the verdict on a document that describes no checkpoint there is."""
        checked = Checked(document.absolute, Verdict.INVALID, document.absolute)
        try:
            reading = read_document(self._parse(read_whole(document.absolute).data), detail=display(document.path))
        except MetadataError as error:
            checked.errors.append(unreadable(error))
        except FileNotFoundError:
            checked.errors.append(Fault("gone", None, "it was removed while documents were checked"))
        else:
            _judge(checked, reading, None, reading.version if reading.from_future else None)
            named = named_file(reading)
            if named is not None:
                checked.warnings.append(Fault("orphan", None, f"{named} is not there"))
        return checked


def _compare(checked: Checked, reading: Reading, candidate: Candidate, described: Told | None) -> None:
    """Ask whether the file says otherwise."""
    state = believe(reading, candidate)
    if state is SidecarState.CONTRADICTED and reading.file is not None:
        said, size = reading.file.size_bytes, candidate.fingerprint.size_bytes
        told = f"file.size_bytes: it says {said}, the file has {size}"
        checked.errors.append(Fault("contradicted", "file.size_bytes", told))
    if state is SidecarState.UNVERIFIED and described is not None:
        try:
            record = described.record()
        except CkptIndexerError as error:
            checked.warnings.append(Fault("not_cross_checked", None, error.message))
            return
        if record.sidecar_state is SidecarState.CONTRADICTED:
            checked.errors += contradictions(record)
    if checked.errors:
        checked.verdict = Verdict.CONTRADICTED


def _match(described: Told, families: Families) -> Match:
    """Return the family of a checkpoint; one that cannot be described belongs to none, and why is its issue."""
    try:
        return match_record(described.record(), families)
    except CkptIndexerError as error:
        return Match(None, (error.message,))


def _judge(checked: Checked, reading: Reading | None, error: MetadataError | None, future: str | None) -> None:
    """Set the verdict by the document alone."""
    if future is not None:
        checked.verdict, checked.version = Verdict.FROM_FUTURE, future
        checked.errors.append(Fault("from_future", "schema_version", f"version {future} is newer than this release"))
        return
    if reading is None:
        checked.verdict = Verdict.INVALID
        checked.errors.append(unreadable(error or MetadataError("it cannot be read")))
        return
    checked.version = reading.version
    checked.verdict = Verdict.VALID if reading.valid else Verdict.INVALID
    for kind, message in reading.finding.problems:
        (checked.warnings if kind == "conflict" else checked.errors).append(fault_of(kind, message))
    checked.warnings += missing_metrics(reading)
    checked.warnings += unknown_keys(reading.extra)


def _of_another(one: Examined, candidate: Candidate, own: Examined | None) -> list[Fault]:
    """Return what to say of a document that does not count."""
    name = display(one.attempt.name)
    if is_foreign(one, candidate) and one.reading is not None:
        return [Fault("of_another_file", None, f"{name} names {named_file(one.reading)}, not this file")]
    if own is not None and one.reading is None:
        return [Fault("unused", None, f"{name} is not read: {display(own.attempt.name)} is used")]
    return []


def _absolute(candidate: Candidate, one: Examined) -> bytes:
    return candidate.root.rstrip(b"/") + b"/" + one.attempt.path
