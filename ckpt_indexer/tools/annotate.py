"""Tags and notes into the document beside a checkpoint, because somebody asked for it.

A checkpoint without a document gets one of everything that is known, as `convert` writes it. Left alone: documents of
other versions than the latest (older ones have no place for tags), invalid ones, links.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.candidate import Kind
from ckpt_indexer.errors import CkptIndexerError, SidecarUnreadable
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.tools.existing import chosen, examine
from ckpt_indexer.tools.plan import Outcome, Plan, Step, failed
from ckpt_indexer.tools.writing import CHANGED, Stamp, replace_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.tools.convert import Converter
    from ckpt_indexer.tools.existing import Examined, Parse
    from ckpt_indexer.tools.selection import Found

    Plain = dict[str, Any]  # a document: JSON values


class Said(NamedTuple):
    """What documents shall say. None leaves a thing as it is."""

    tags: tuple[str, ...] | None = None
    """All tags; empty takes them away."""
    notes: str | None = None
    """Empty takes the notes away."""


class Annotator:
    """Plans documents with other tags and notes, and writes them."""

    def __init__(self, *, parse: Parse, converter: Converter) -> None:
        """`parse` turns the bytes of a document into its value; `converter` makes documents where there are none."""
        self._parse = parse
        self._converter = converter
        self._converted: set[bytes] = set()

    def plan(self, found: Found, said: Said) -> Plan:
        """Return what is to become of the document of each checkpoint found. Writes nothing."""
        plan = Plan(problems=found.problems, complete=found.complete)
        for candidate in found.candidates:
            try:
                plan.steps.append(self._decide(candidate, said, found))
            except (CkptIndexerError, OSError) as error:
                plan.steps.append(failed(Step(candidate.absolute, Outcome.FAIL), error))
        return plan

    def act(self, step: Step) -> Step:
        """Write the document of a step; one that changed since is left alone.

        Raises:
            MetadataError, OSError: it could not be written.
        """
        if step.target is None or step.document is None:
            raise AssertionError("a step that writes has a document and its place")
        if step.path in self._converted:
            return self._converter.act(step)
        return replace(step, backup=replace_document(step.document, step.target, step.replaces))

    def _decide(self, candidate: Candidate, said: Said, found: Found) -> Step:
        path = candidate.absolute
        step = Step(path, Outcome.SKIP)
        if candidate.kind is Kind.SYMLINK:
            message = f"a link to {display(candidate.target or b'')}, whose document counts for it, too"
            return replace(step, reason="link", message=message)
        documents = list(examine(candidate, self._parse))
        newer = next((one.future for one in documents if one.future is not None), None)
        if newer is not None:
            message = f"a document of version {newer} describes it; this release never rewrites one"
            return replace(step, reason="from_future", message=message)
        own = chosen(documents, candidate)
        if own is not None:
            return self._rewritten(candidate, own, said)
        return self._made(candidate, said, found)

    def _made(self, candidate: Candidate, said: Said, found: Found) -> Step:
        """Return the step that writes a first document."""
        alone = replace(found, candidates=[candidate], documents=[], problems=[])
        (step,) = self._converter.plan(alone).steps
        if step.outcome is not Outcome.WRITE or step.document is None:
            return step
        self._converted.add(step.path)
        return replace(step, document=_saying(step.document, said))

    def _rewritten(self, candidate: Candidate, own: Examined, said: Said) -> Step:
        """Return the step that changes an existing document."""
        target = candidate.root.rstrip(b"/") + b"/" + own.attempt.path
        name = display(own.attempt.name)
        step = Step(candidate.absolute, Outcome.SKIP, target=target)
        if own.reading is None or not own.is_valid:
            message = f"{name} is not valid (see `ckpt-indexer validate`); mend it first"
            return replace(step, outcome=Outcome.FAIL, reason="invalid", message=message)
        if own.reading.version != LATEST:
            message = f"{name} is of version {own.reading.version}, which has no place for tags and notes: "
            return replace(step, reason="older", message=message + "run `ckpt-indexer migrate-metadata` on it first")
        if own.attempt.target is not None:
            return replace(step, reason="link", message=f"{name} is a link; change the document it leads to")
        raw = dict(own.attempt.document or {})
        document = _saying(raw, said)
        if document == raw:
            return replace(step, reason="unchanged", message=f"{name} says so already")
        emit(document)
        return replace(step, outcome=Outcome.WRITE, document=document, replaces=_stamp(own, target))


def _saying(document: Mapping[str, Any], said: Said) -> Plain:  # JSON values
    """Return a document with these tags and notes; the order of its keys stays."""
    made = dict(document)
    for key, value in (("tags", None if said.tags is None else list(said.tags)), ("notes", said.notes)):
        if value:
            made[key] = value
        elif value is not None:
            made.pop(key, None)
    return made


def _stamp(own: Examined, target: bytes) -> Stamp:
    """Return the stamp of the document that was read.

    Raises:
        SidecarUnreadable: it is another one by now.
    """
    now = Stamp.of(target)
    if now is None or (now.size_bytes, now.mtime_ns) != tuple(own.attempt.stamp):
        message = f"{display(own.attempt.name)} changed while it was read; run the command again"
        raise SidecarUnreadable(message, reason=CHANGED)
    return now
