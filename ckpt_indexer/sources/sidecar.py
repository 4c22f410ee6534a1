"""The document beside the checkpoint, as a source: which one counts, and how far it can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import FileStamp, Kind
from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.components import ReadPart, read_part
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.record import Finding, Input, Problem, SidecarState
from ckpt_indexer.metadata.runs import rebased
from ckpt_indexer.sidecar.beside import document_paths, documents_of, find_document, shared_stem, stamp_on_disk
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.cross_check import cross_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.reading import Reading
    from ckpt_indexer.readers.peek import Peek
    from ckpt_indexer.sidecar.beside import Attempt
    from ckpt_indexer.sources.base import Said

    Documents = tuple[tuple[bytes, FileStamp], ...]  # (path relative to the root, stamp)


class SidecarSource:
    """Reads `<file>.metadata.yaml`, `<stem>.metadata.yaml`, `<stem>.metadata.json` or the document inside a directory.

    Used is the first valid one that names this file, or no file at all; when none is valid, what can be read of the
    first that parses. `parse` turns bytes into a mapping: the inline parser refuses hard documents (`NeedsChild`), the
    one that has a child process takes any.
    """

    name = "sidecar"
    cost = Cost.INLINE

    def __init__(
        self,
        *,
        parse: Callable[[bytes], Any],
        peek: Callable[[bytes], Peek | None] | None = None,
        read_part: ReadPart = read_part,
    ) -> None:  # parse returns whatever the document holds
        """Take a parser of documents and, optionally, a quick look at a file's own counters by absolute path, and a
        reader of the blocks of a model."""
        self._parse = parse
        self._peek = peek
        self._read_part = read_part

    def find(self, candidate: Candidate, said: Said) -> Finding | None:  # noqa: ARG002  # it needs nobody's word
        """Return what the sidecar says; None when there is none. An unusable one is a finding with problems only."""
        beside = find_document(candidate, parse=self._parse)
        if beside is None:
            return None
        sharers = _sharers(candidate, beside.entries)
        inputs: list[Input] = []
        problems: list[Problem] = []
        second: Finding | None = None
        for attempt in beside:
            if attempt.target is not None:
                inputs.append(Input(attempt.target[0], *attempt.target[1]))
            finding, valid = self._understand(candidate, attempt, sharers, problems)
            if finding is None:
                continue
            if valid:
                second = finding
                break
            second = second or finding
        chosen = second or Finding(self.name, "", sidecar_state=_state_without_facts(problems))
        chosen.problems = problems + chosen.problems
        chosen.inputs = [Input(path, *stamp) for path, stamp in _inputs(candidate, beside.entries, sharers)] + inputs
        return chosen

    def _understand(
        self, candidate: Candidate, attempt: Attempt, sharers: tuple[bytes, ...], problems: list[Problem]
    ) -> tuple[Finding | None, bool]:
        """Return (finding, valid) of one document, or (None, False) with the reason added to `problems`."""
        where = display(attempt.name)
        if attempt.error is not None:
            problems.append(Problem("sidecar_invalid", f"{where}: {attempt.error.message}"))
            return None, False
        if attempt.document is None:
            raise AssertionError("an attempt without an error has a document")
        try:
            reading = read_document(attempt.document, detail=where, read_part=self._read_part)
        except SidecarInvalid as error:
            problems.append(Problem("sidecar_invalid", error.message))
            return None, False
        if not _is_about(reading, candidate):
            problems.append(Problem("sidecar_of_another_file", f"{where} names {_named(reading)}, not this file"))
            return None, False
        finding = reading.finding
        finding.problems = [Problem(kind, f"{where}: {message}") for kind, message in finding.problems]
        _rebase_run(finding, reading, candidate)
        finding.sidecar_state = believe(reading, candidate)
        if finding.sidecar_state is SidecarState.CONTRADICTED:
            finding.problems.append(Problem("sidecar_contradicted", f"{where} describes a file of another size"))
        self._look_inside(finding, candidate)
        if sharers and _is_by_stem(candidate, attempt.name):
            others = ", ".join(display(name) for name in sharers)
            problems.append(Problem("shared_stem", f"{where} may describe {others} as well"))
        return finding, reading.valid or reading.from_future

    def _look_inside(self, finding: Finding, candidate: Candidate) -> None:
        """Where the document does not prove that it is this file's, let the first bytes of the file decide."""
        undecided = {SidecarState.UNVERIFIED, SidecarState.CONTRADICTED}
        if self._peek is None or candidate.kind is not Kind.FILE or finding.sidecar_state not in undecided:
            return
        seen = self._peek(candidate.absolute)
        if seen is not None:
            own = {"epoch": seen.epoch, "global_step": seen.global_step}
            cross_check([finding, Finding("header", "", facts=own)])


def _state_without_facts(problems: Sequence[Problem]) -> SidecarState | None:
    """Return the state of documents that gave no fact: none is this file's, or one that might be is unusable."""
    only_foreign = all(problem.kind == "sidecar_of_another_file" for problem in problems)
    return None if only_foreign else SidecarState.INVALID


def derived_from(candidate: Candidate, before: Iterable[bytes] = ()) -> tuple[tuple[bytes, FileStamp], ...]:
    """Return (path relative to the root, stamp) of what this source would look at: the documents and, beside one that
    goes by the stem, the other checkpoints of that stem. Only the presence of these counts: their stamps are zero.

    Where a document is a symlink, it is read where it leads: files among those looked at `before` that are neither.
    """
    documents = documents_of(candidate)
    now = _inputs(candidate, documents, _sharers(candidate, documents))
    known = {path for path, _ in now}
    rest = [path for path in before if path not in known]
    names = document_paths(candidate) if rest else ()
    led_to = [(path, stamp_on_disk(candidate.root, path)) for path in rest if path not in names]
    return now + tuple((path, stamp) for path, stamp in led_to if stamp is not None)


def believe(reading: Reading, candidate: Candidate) -> SidecarState:
    """Return how far the document can be believed by what it says of its file.

    The same name, size and mtime verify it. Another size proves that it describes another state of the file. Another
    mtime alone proves nothing: copies get new times.
    """
    if reading.from_future:
        return SidecarState.FROM_FUTURE
    if not reading.valid:
        return SidecarState.INVALID
    block = reading.file
    stamp = candidate.fingerprint
    if block is None or block.size_bytes is None:
        return SidecarState.UNVERIFIED
    if block.size_bytes != stamp.size_bytes:
        return SidecarState.CONTRADICTED
    same = block.mtime_ns == stamp.mtime_ns and block.name == display(candidate.name)
    return SidecarState.VERIFIED if same else SidecarState.UNVERIFIED


def _named(reading: Reading) -> str | None:
    """Return the file name the document gives, None when it names none."""
    if reading.file is not None and reading.file.name:
        return reading.file.name
    if reading.checkpoint_path:
        return reading.checkpoint_path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return None


def _is_about(reading: Reading, candidate: Candidate) -> bool:
    named = _named(reading)
    return named is None or named == display(candidate.name)


def _rebase_run(finding: Finding, reading: Reading, candidate: Candidate) -> None:
    """Take the run directory relative to our root: the training may have called another directory its outputs."""
    run_dir = finding.facts.get("run_dir")
    if run_dir is None or reading.checkpoint_path is None:
        return
    ours = rebased(run_dir, reading.checkpoint_path, display(candidate.path))
    if ours is None:
        del finding.facts["run_dir"]
    else:
        finding.facts["run_dir"] = ours


def _sharers(candidate: Candidate, documents: Documents) -> tuple[bytes, ...]:
    """Return the names of other checkpoints that one of these documents could also describe."""
    by_stem = any(_is_by_stem(candidate, path) for path, _ in documents)
    return shared_stem(candidate) if by_stem else ()


def _inputs(candidate: Candidate, documents: Documents, sharers: tuple[bytes, ...]) -> Documents:
    prefix = candidate.path[: len(candidate.path) - len(candidate.name)]
    return documents + tuple((prefix + name, FileStamp(0, 0)) for name in sharers)


def _is_by_stem(candidate: Candidate, name: bytes) -> bool:
    return not name.rpartition(b"/")[2].startswith(candidate.name + b".")
