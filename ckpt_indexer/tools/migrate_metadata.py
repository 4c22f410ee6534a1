"""Documents of one version as documents of another: plan what becomes of each, then rewrite in place.

Upgrading loses nothing: what the newer version has no place for stays under its key or moves to `upgraded_from`. A
document of 1.0 as JSON becomes YAML beside it and is kept as `.bak`. Never touched: documents from the future, invalid
ones, links.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import CkptIndexerError, MetadataError, SidecarUnreadable
from ckpt_indexer.ingest.expand import described_by
from ckpt_indexer.metadata.naming import INSIDE_SIDECAR, JSON_SIDECAR, YAML_SIDECAR, checkpoint_suffix, display
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.metadata.upgrade import upgrade
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.opening import read_whole
from ckpt_indexer.tools.existing import named_file
from ckpt_indexer.tools.plan import Outcome, Plan, Step, failed
from ckpt_indexer.tools.strict import as_version, lost_keys, without_unknown
from ckpt_indexer.tools.writing import CHANGED, Stamp, replace_document, retire

if TYPE_CHECKING:
    from ckpt_indexer.metadata.reading import Reading
    from ckpt_indexer.tools.existing import Parse
    from ckpt_indexer.tools.selection import Document, Found, Progress

    Plain = dict[str, Any]  # a document: JSON values

VERSIONS = ("1.0", "2.0")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose."""

    to: str = LATEST
    """The version documents shall have."""
    force: bool = False
    """Rewrite documents of a newer version too, losing what the older one has no place for."""


class Migrator:
    """Plans new versions of documents and writes them."""

    def __init__(self, *, parse: Parse, options: Options | None = None) -> None:
        """`parse` turns the bytes of a document into its value, whatever they are."""
        self._parse = parse
        self._options = options or Options()
        self._bytes: dict[bytes, bytes] = {}
        """Absolute path -> the document as it was when the plan was made."""

    def plan(self, found: Found, progress: Progress | None = None) -> Plan:
        """Return what is to become of every document found. Writes nothing."""
        plan = Plan(problems=found.problems, complete=found.complete)
        names = {candidate.absolute: candidate.name for candidate in found.candidates}
        for number, document in enumerate(found.documents, start=1):
            step = Step(document.absolute, Outcome.SKIP, target=document.absolute)
            try:
                plan.steps.append(self._decide(document, step, names))
            except FileNotFoundError:
                plan.steps.append(replace(step, reason="gone", message="it was removed while documents were read"))
            except SidecarUnreadable as error:
                plan.steps.append(_unreadable(step, error))
            except MetadataError as error:
                plan.steps.append(replace(step, reason="invalid", message=error.message))
            except (CkptIndexerError, OSError) as error:
                plan.steps.append(failed(step, error))
            if progress is not None:
                progress("reading", number, len(found.documents))
        return plan

    def act(self, step: Step) -> Step:
        """Write the new document of a step; one that changed since is left alone.

        Raises:
            MetadataError, OSError: it could not be written.
        """
        if step.target is None or step.document is None or step.replaces is None:
            raise AssertionError("a step that writes has a document and what it replaces")
        if read_whole(step.path).data != self._bytes[step.path]:
            raise SidecarUnreadable(f"{display(step.path)} changed since it was read; run it again", reason=CHANGED)
        if step.target == step.path:
            return replace(step, backup=replace_document(step.document, step.path, step.replaces))
        replace_document(step.document, step.target, None)
        return replace(step, backup=retire(step.path, step.replaces))

    def _decide(self, document: Document, step: Step, names: dict[bytes, bytes]) -> Step:
        path = document.absolute
        before = Stamp.of(path)
        data = read_whole(path).data
        raw = self._parse(data)
        reading = read_document(raw, detail=display(path.rpartition(b"/")[2]))
        step = replace(step, told={"from": reading.version, "to": self._options.to})
        if reading.from_future:
            return replace(step, reason="from_future", message=f"version {reading.version} is newer than this release")
        if reading.version == self._options.to:
            return replace(step, reason="current", message=f"it is of version {self._options.to} already")
        if not reading.valid:
            told = "; ".join(message for kind, message in reading.finding.problems if kind != "conflict")
            return replace(step, reason="invalid", message=f"mend it first: {told}")
        if path.endswith(JSON_SIDECAR) and checkpoint_suffix(_base(path)) is not None:
            return replace(step, reason="hidden", message="no checkpoint's document has such a name; nobody reads it")
        target = _yaml_name(path)
        if target != path and Stamp.of(target) is not None:
            name = display(target.rpartition(b"/")[2])
            return replace(step, reason="hidden", message=f"{name} is read before it; it describes nothing any more")
        self._bytes[path] = data
        step = replace(step, replaces=before, target=target)
        if VERSIONS.index(self._options.to) < _rank(reading.version):
            return self._older(step, raw)
        return self._newer(step, raw, reading, _checkpoint_name(document, names))

    def _newer(self, step: Step, raw: Plain, reading: Reading, checkpoint: str | None) -> Step:
        """Plan the upgrade; one whose outcome would not be valid is not made."""
        made = _placeable(upgrade(raw, to=self._options.to), reading, checkpoint, self._options.to)
        after = read_document(made, detail=display(step.path))
        if not after.valid:
            told = "; ".join(message for kind, message in after.finding.problems if kind != "conflict")
            message = f"as version {self._options.to} it would not be valid: {told}"
            return replace(step, reason="impossible", message=message, target=step.path)
        emit(made)
        return replace(step, outcome=Outcome.WRITE, document=made)

    def _older(self, step: Step, raw: Plain) -> Step:
        """Plan the downgrade: what is lost is said, and it takes `force`."""
        made = as_version(without_unknown(raw), self._options.to)
        lost = [key for key in lost_keys(raw, made) if key != "upgraded_from"]
        told = {**step.told, "lost": lost}
        if not self._options.force:
            what = f"{', '.join(lost)} would be lost; " if lost else ""
            message = f"{what}--force writes version {self._options.to} all the same and keeps a .bak"
            return replace(step, reason="newer", message=message, told=told)
        return replace(step, outcome=Outcome.WRITE, document=made, told=told)


def _rank(version: str) -> int:
    """Return the place of a version in the order of versions; version 0 comes before all."""
    return VERSIONS.index(version) if version in VERSIONS else -1


def _base(path: bytes) -> bytes:
    return path.rpartition(b"/")[2].removesuffix(JSON_SIDECAR)


def _yaml_name(path: bytes) -> bytes:
    return path.removesuffix(JSON_SIDECAR) + YAML_SIDECAR if path.endswith(JSON_SIDECAR) else path


def _checkpoint_name(document: Document, names: dict[bytes, bytes]) -> str | None:
    """Return the name of the one checkpoint there is that the document can describe; None for none or several."""
    prefix = document.absolute[: len(document.absolute) - len(document.path)]
    found = [names[prefix + path] for path in described_by(document.path) if prefix + path in names]
    if document.path.rpartition(b"/")[2] == INSIDE_SIDECAR:
        found = found[-1:]
    return display(found[0]) if len(found) == 1 else None


def _placeable(made: Plain, reading: Reading, checkpoint: str | None, to: str) -> Plain:
    """Return an upgraded document that version 2.0 accepts: a path that is not below the outputs root moves to
    `upgraded_from.original`, and a document that then names no file names the one it lies beside."""
    if to != LATEST:
        return made
    original: Plain = {}
    for key in ("checkpoint_path", "hydra_config_path"):
        faults = read_document(made, detail="").finding.problems
        if key in made and any(message.startswith(f"{key}: ") for _, message in faults):
            original[key] = made[key]
            made = {name: value for name, value in made.items() if name != key}
    if original:
        before = made.get("upgraded_from", {})
        made = {**made, "upgraded_from": {**before, "original": {**before.get("original", {}), **original}}}
    block = made.get("file")
    has_name = isinstance(block, dict) and block.get("name") is not None
    name = named_file(reading) or checkpoint
    if made.get("checkpoint_path") is None and not has_name and name is not None:
        made = {"schema_version": made["schema_version"], "file": {**(block or {}), "name": name}, **_rest(made)}
    return made


def _rest(made: Plain) -> Plain:
    return {key: value for key, value in made.items() if key not in {"schema_version", "file"}}


def _unreadable(step: Step, error: SidecarUnreadable) -> Step:
    if error.details.get("errno") == errno.ELOOP:
        return replace(step, reason="link", message="a link; the document it leads to is migrated where it lies")
    return replace(step, reason="invalid", message=error.message)
