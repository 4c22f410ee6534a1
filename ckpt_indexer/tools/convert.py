"""Documents for checkpoints that have none: plan what is known of each, then write.

    candidates -> links, documents from the future, existing ones set aside -> described -> authored -> plan -> written

Reads through `describe`; refuses to know which sources there are. Nothing that exists is overwritten unless asked to,
and then it is kept as `.bak`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Kind
from ckpt_indexer.errors import CkptIndexerError, SidecarInvalid, SidecarUnreadable
from ckpt_indexer.ingest.describe import is_same
from ckpt_indexer.metadata.authoring import author, is_known
from ckpt_indexer.metadata.naming import YAML_SIDECAR, display
from ckpt_indexer.metadata.record import ReadState, Record
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.io import future_version, written_path
from ckpt_indexer.tools.existing import Examined, chosen, examine, is_foreign
from ckpt_indexer.tools.leftovers import Leftovers
from ckpt_indexer.tools.plan import Outcome, Plan, Step, failed
from ckpt_indexer.tools.strict import as_version
from ckpt_indexer.tools.writing import CHANGED, Stamp, replace_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.tools.existing import Parse
    from ckpt_indexer.tools.selection import Found, Progress

    Describe = Callable[[Candidate], Record]

THREADS = 2
"""As many as there are children to read headers."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose."""

    force: bool = False
    """Replace documents that exist; they are kept as `.bak`."""
    version: str = LATEST
    """Of the documents written: `2.0`, or `1.0` for old readers."""
    program: str = "ckpt-indexer convert"
    """Who wrote the documents, as they say it."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A checkpoint that is to get a document."""

    candidate: Candidate
    target: bytes
    replaces: Stamp | None
    before: Mapping[str, Any] | None = None  # the document that is there: values as the loader gave them
    kept: Mapping[str, Any] = field(default_factory=dict)  # what it says beyond the record, likewise


class Converter:
    """Plans documents and writes them."""

    def __init__(
        self, *, describe: Describe, parse: Parse, now: Callable[[], datetime], options: Options | None = None
    ) -> None:
        """`describe` tells what all sources say about a candidate and raises CkptIndexerError when it cannot; it is
        called from several threads. `parse` turns the bytes of a document into its value, whatever they are."""
        self._describe = describe
        self._parse = parse
        self._now = now
        self._options = options or Options()
        self._candidates: dict[bytes, Candidate] = {}
        self._leftovers = Leftovers()

    def plan(self, found: Found, progress: Progress | None = None) -> Plan:
        """Return what is to be written for each checkpoint found, and why not for the others. Writes nothing."""
        plan = Plan(problems=found.problems, complete=found.complete)
        first_names: dict[tuple[int, int], bytes] = {}
        waiting: list[tuple[int, _Job]] = []
        for candidate in found.candidates:
            try:
                decided = self._decide(candidate, first_names)
            except (CkptIndexerError, OSError) as error:
                decided = failed(Step(candidate.absolute, Outcome.FAIL), error)
            if isinstance(decided, _Job):
                waiting.append((len(plan.steps), decided))
                plan.steps.append(Step(candidate.absolute, Outcome.WRITE, target=decided.target))
            else:
                plan.steps.append(decided)
        self._candidates = {job.candidate.absolute: job.candidate for _, job in waiting}
        self._leftovers = Leftovers()
        for number, (place, step) in enumerate(self._read(waiting), start=1):
            plan.steps[place] = step
            if progress is not None:
                progress("reading", number, len(waiting))
        late = self._leftovers.late()
        for place, job in waiting:
            if job.candidate.absolute in late:
                plan.steps[place] = self._authored(job, late[job.candidate.absolute])
        return plan

    def act(self, step: Step) -> Step:
        """Write the document of a step; one whose checkpoint or document changed since is skipped.

        Raises:
            MetadataError, OSError: it could not be written.
        """
        if step.target is None or step.document is None:
            raise AssertionError("a step that writes has a document and its place")
        if not is_same(self._candidates[step.path]):
            message = f"{display(step.path)} changed since it was read; nothing was written, run the command again"
            raise SidecarUnreadable(message, reason=CHANGED)
        if future_version(step.target) is not None:
            return replace(step, outcome=Outcome.SKIP, reason="from_future", message=_FUTURE)
        return replace(step, backup=replace_document(step.document, step.target, step.replaces))

    def _decide(self, candidate: Candidate, first_names: dict[tuple[int, int], bytes]) -> _Job | Step:
        """Return the job, or why there is none, from names and existing documents alone."""
        path = candidate.absolute
        if candidate.kind is Kind.SYMLINK:
            return _skip(
                path, "link", f"a link to {display(candidate.target or b'')}, whose document counts for it, too"
            )
        first = first_names.setdefault(candidate.fingerprint[:2], path) if candidate.kind is Kind.FILE else path
        if first != path:
            return _skip(path, "link", f"another name of {display(first)}, whose document counts for it, too")
        documents = list(examine(candidate, self._parse))
        target = self._target(candidate, documents)
        newer = next((one.future for one in documents if one.future is not None), None) or future_version(target)
        if newer is not None:
            return _skip(path, "from_future", _FUTURE, target)
        own = chosen(documents, candidate)
        replaces = Stamp.of(target)
        if (own is not None or replaces is not None) and not self._options.force:
            return _skip(path, "existing", _described(own, candidate, target), _place(own, candidate, target))
        if own is not None and replaces is not None and _absolute(candidate, own) == target:
            _check_unchanged(own, replaces)
        if own is None or own.reading is None:
            return _Job(candidate, target, replaces)
        before = own.attempt.document if _absolute(candidate, own) == target else None
        return _Job(candidate, target, replaces, before, own.reading.extra)

    @staticmethod
    def _target(candidate: Candidate, documents: list[Examined]) -> bytes:
        """Return where the document goes: never over that of another file where there is another name for it."""
        target = os.fsencode(written_path(candidate.absolute))
        own_name = candidate.absolute + YAML_SIDECAR
        for one in documents:
            if _absolute(candidate, one) == target and is_foreign(one, candidate) and not os.path.lexists(own_name):
                return own_name
        return target

    def _read(self, waiting: list[tuple[int, _Job]]) -> Iterator[tuple[int, Step]]:
        """Yield (place, step) of every job, described a few at a time."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="describe") as threads:
            try:
                yield from zip(
                    (place for place, _ in waiting),
                    threads.map(self._authored, (job for _, job in waiting)),
                    strict=True,
                )
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _authored(self, job: _Job, leftover: Sequence[str] = ()) -> Step:
        """Return the step that writes what is known of a checkpoint, or says why nothing is. `leftover`: metrics in the
        file that were measured for an earlier one."""
        path = job.candidate.absolute
        step = Step(path, Outcome.WRITE, target=job.target, replaces=job.replaces)
        try:
            record = self._describe(job.candidate)
            self._leftovers.note(job.candidate, record)
            record.metrics |= {n: m._replace(stale=True) for n, m in record.metrics.items() if n in leftover}
            unusable = _why_not(record)
            if unusable is not None:
                return replace(step, outcome=unusable[0], reason=unusable[1], message=unusable[2], target=None)
            at = self._now().isoformat(timespec="seconds").replace("+00:00", "Z")
            full = author(record, job.candidate, program=self._options.program, at=at, kept=job.kept)
            told = {"sources": full.get("environment", {}).get("sources", {})}
            mtime_ns = job.candidate.fingerprint.mtime_ns
            document, left_out = _fitting(full, self._options.version, mtime_ns)
        except (CkptIndexerError, OSError) as error:
            return failed(step, error)
        if job.before is not None and _timeless(job.before) == _timeless(document):
            return replace(step, outcome=Outcome.SKIP, reason="unchanged", message="its document says so already")
        return replace(step, document=document, told={**told, "left_out": left_out})


_FUTURE = "a document of a newer version than this release knows describes it; it is never touched"


def _fitting(document: dict[str, Any], version: str, mtime_ns: int) -> tuple[dict[str, Any], list[str]]:
    """Return the document in the version asked for, and what had to be left out of it: parameters, and then origins,
    when all of it is more than a document may hold.

    Raises:
        SidecarInvalid: even the rest does not fit, or the version demands what is not known.
    """
    left_out: list[str] = []
    while True:
        made = as_version(document, version, mtime_ns=mtime_ns)
        try:
            emit(made)
        except SidecarInvalid:
            droppable = next((key for key in ("params", "environment") if key in made), None)
            if droppable is None:
                raise
            left_out.append(droppable)
            document = {key: value for key, value in document.items() if key != droppable}
        else:
            return made, left_out


def _why_not(record: Record) -> tuple[Outcome, str, str] | None:
    """Return why a record gives no document; None when it does."""
    if is_known(record):
        return None
    could_not = [kind for kind, _ in record.problems if kind == "internal_error" or kind.endswith("_failed")]
    if record.read_state is ReadState.UNREADABLE or could_not:
        told = "; ".join(message for kind, message in record.problems if kind != "no_metadata")
        return Outcome.FAIL, "unreadable", told or "the file cannot be read"
    return Outcome.SKIP, "unknown", "nothing is known about it but its path"


def _check_unchanged(own: Examined, now: Stamp) -> None:
    """Refuse to go on when the document changed after it was read.

    Raises:
        SidecarUnreadable: it did.
    """
    if (now.size_bytes, now.mtime_ns) != tuple(own.attempt.stamp):
        message = f"{display(own.attempt.name)} changed while it was read; run the command again"
        raise SidecarUnreadable(message, reason=CHANGED)


def _timeless(document: Mapping[str, Any]) -> dict[str, Any]:  # JSON values
    """Return a document without who made it and when."""
    made = document.get("environment")
    if not isinstance(made, Mapping):
        return dict(document)
    return {**document, "environment": {k: v for k, v in made.items() if k not in {"converted_by", "converted_at"}}}


def _described(own: Examined | None, candidate: Candidate, target: bytes) -> str:
    """Return the sentence about an existing document."""
    name = display(_place(own, candidate, target).rpartition(b"/")[2])
    if own is None:
        return f"{name} describes another file; --force replaces it and keeps a .bak"
    if own.is_valid:
        return f"{name} describes it already; --force writes it anew and keeps a .bak"
    return f"{name} is there, but not valid (see `ckpt-indexer validate`); --force replaces it and keeps a .bak"


def _place(own: Examined | None, candidate: Candidate, target: bytes) -> bytes:
    return target if own is None else _absolute(candidate, own)


def _absolute(candidate: Candidate, one: Examined) -> bytes:
    return candidate.root.rstrip(b"/") + b"/" + one.attempt.path


def _skip(path: bytes, reason: str, message: str, target: bytes | None = None) -> Step:
    return Step(path, Outcome.SKIP, reason, message, target)


def sources_of(steps: Iterable[Step]) -> dict[str, int]:
    """Return source -> how many of the documents written have something from it, the commonest first."""
    counts: dict[str, int] = {}
    for step in steps:
        if step.outcome is Outcome.WRITE:
            for source in set(step.told.get("sources", {}).values()):
                counts[source] = counts.get(source, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
