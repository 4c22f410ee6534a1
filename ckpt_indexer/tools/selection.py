"""Which checkpoints and documents a person named: directories, experiments, single files. Looks, never reads.

Paths in documents are relative to the outputs root, so every place named needs one: the known root it lies in, else the
directory above the run it belongs to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.candidate import Kind
from ckpt_indexer.discovery import rules
from ckpt_indexer.discovery.roots import contains
from ckpt_indexer.discovery.scanner import list_directory, look, scan
from ckpt_indexer.errors import QueryError
from ckpt_indexer.ingest.expand import described_by
from ckpt_indexer.metadata.naming import CHECKPOINT_SUFFIXES, display, is_sidecar
from ckpt_indexer.metadata.runs import CONTAINERS, place_of, split_path
from ckpt_indexer.sidecar.beside import documents_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.listing import Listing
    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.metadata.record import Problem

    Rules = Callable[[bytes], Options]
    Progress = Callable[[str, int, int], None]
    """(phase, how many are done, how many there are)"""


class Scope(Enum):
    """How far a target reaches."""

    TREE = "tree"
    DIRECTORY = "directory"
    """What lies directly in it."""
    CHECKPOINT = "checkpoint"
    DOCUMENT = "document"


class Target(NamedTuple):
    """One place to look at."""

    root: bytes
    """Absolute real path of the outputs root that paths are relative to."""
    path: bytes
    """Relative to the root; empty for the root itself."""
    scope: Scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person named, as typed."""

    paths: tuple[bytes, ...] = ()
    """Directories, checkpoints or documents."""
    checkpoints: tuple[bytes, ...] = ()
    exp_dirs: tuple[bytes, ...] = ()
    outputs_dirs: tuple[bytes, ...] = ()
    recursive: bool = True


class Document(NamedTuple):
    """A metadata document on disk."""

    root: bytes
    path: bytes
    """Relative to the root."""

    @property
    def absolute(self) -> bytes:
        """Absolute path, for opening."""
        return (self.root if self.root.endswith(b"/") else self.root + b"/") + self.path


@dataclass(slots=True)
class Found:
    """What lies at the places named; each file once, by path."""

    candidates: list[Candidate] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    problems: list[tuple[bytes, Problem]] = field(default_factory=list)
    """(absolute path, problem) of places that are not looked into or could not be."""
    complete: bool = True
    """False when a directory could not be listed."""


def targets_of(wanted: Wanted, known_roots: Sequence[bytes], rules_of: Rules) -> list[Target]:
    """Return where to look; all known roots when nothing was named.

    Raises:
        QueryError: a path is none of a directory, a checkpoint and a document; or nothing was named and none is known.
    """
    scope = Scope.TREE if wanted.recursive else Scope.DIRECTORY
    finder = _Finder(known_roots, rules_of, scope)
    targets = [
        Target(os.path.realpath(path), b"", scope) for path in wanted.outputs_dirs
    ]  # bytes, which pathlib refuses
    targets += [finder.experiment(os.path.realpath(path)) for path in wanted.exp_dirs]  # likewise
    targets += [finder.checkpoint(_own_path(path)) for path in wanted.checkpoints]
    targets += [finder.anything(_own_path(path)) for path in wanted.paths]
    if targets:
        return targets
    if not known_roots:
        raise QueryError("no directory is known yet: name a directory, a checkpoint or a document")
    return [Target(root, b"", scope) for root in known_roots]


def find(targets: Iterable[Target], rules_of: Rules, progress: Progress | None = None) -> Found:
    """Return what lies at the targets. A directory that cannot be listed hides nothing else."""
    found = Found()
    candidates: dict[bytes, Candidate] = {}
    documents: dict[bytes, Document] = {}
    for target in targets:
        for listing in _listings(target, rules_of(target.root)):
            _take(found, target, listing, candidates, documents)
            if progress is not None:
                progress("walking", 0, len(candidates))
        if target.scope in {Scope.CHECKPOINT, Scope.DOCUMENT}:
            _take_one(target, rules_of(target.root), candidates, documents)
    for candidate in candidates.values():
        if candidate.kind is Kind.DIRECTORY:
            documents |= {one.absolute: one for one in _documents(candidate)}
    found.candidates = [candidates[path] for path in sorted(candidates)]
    found.documents = [documents[path] for path in sorted(documents)]
    return found


def _own_path(path: bytes) -> bytes:
    """Return the absolute path with links resolved but for the last name: a link to a checkpoint is an alias of it."""
    directory, name = os.path.split(path.rstrip(b"/"))  # bytes, which pathlib refuses
    if name in {b"", b".", b".."}:
        return os.path.realpath(path)  # bytes
    return os.path.join(os.path.realpath(directory or b"."), name)  # bytes


class _Finder:
    """Gives every place its root."""

    def __init__(self, known_roots: Sequence[bytes], rules_of: Rules, scope: Scope) -> None:
        self._known = sorted(known_roots, key=len, reverse=True)
        self._rules = rules_of
        self._scope = scope

    def anything(self, path: bytes) -> Target:
        """Return the target of a path of any kind."""
        if is_sidecar(path.rpartition(b"/")[2]) and not os.path.isdir(path):  # bytes
            return Target(*self._below(path, path, _above_run(path)), Scope.DOCUMENT)
        real = os.path.realpath(path)  # bytes
        if not os.path.isdir(real) or self._is_checkpoint(real):  # bytes
            return self.checkpoint(path if not os.path.isdir(real) else real)  # bytes
        if real.rpartition(b"/")[2].lower() in CONTAINERS or os.path.isdir(real + b"/.hydra"):  # bytes
            return self.experiment(real)
        return Target(*self._below(real, real, real), self._scope)

    def experiment(self, directory: bytes) -> Target:
        """Return the target of a run's directory, or of the one in it that holds its checkpoints."""
        return Target(*self._below(directory, directory, _above_run(directory + b"/x.ckpt")), self._scope)

    def checkpoint(self, path: bytes) -> Target:
        """Return the target of one checkpoint.

        Raises:
            QueryError: it is none.
        """
        root, relative = self._below(path, path.rpartition(b"/")[0] or b"/", _above_run(path))
        if look(root, relative, options=self._rules(root)) is None:
            endings = " ".join(suffix.decode() for suffix in CHECKPOINT_SUFFIXES)
            message = (
                f"{display(path)} is no checkpoint: a file that ends with one of {endings}, or a directory checkpoint"
            )
            raise QueryError(message, path=display(path))
        return Target(root, relative, Scope.CHECKPOINT)

    def _is_checkpoint(self, directory: bytes) -> bool:
        above, _, name = directory.rpartition(b"/")
        return bool(name) and look(above or b"/", name, options=self._rules(above)) is not None

    def _below(self, path: bytes, nearest: bytes, wished: bytes) -> tuple[bytes, bytes]:
        """Return (root, path below it): the known root the path lies in, else the wished one; the nearest directory
        where a walk from there would leave the path out (a hidden directory on the way)."""
        known = next((root for root in self._known if contains(root, path)), None)
        for root in (known, wished):
            if root is not None and contains(root, path):
                relative = path[len(root) :].lstrip(b"/")
                if rules.is_walked(relative, self._rules(root)):
                    return root, relative
        return nearest, path[len(nearest) :].lstrip(b"/")


def _above_run(path: bytes) -> bytes:
    """Return the directory that holds the run a checkpoint belongs to: one called `outputs` where there is one, else
    the nearest from which the experiment has the name it has from afar."""
    inside = path.lstrip(b"/")
    parts = split_path(inside).run
    for end in range(len(parts) - 1, 0, -1):
        if parts[end - 1].lower() == b"outputs":
            return b"/" + b"/".join(parts[:end])
    name = place_of(inside, "").experiment
    for end in range(len(parts) - 1, 0, -1):
        if place_of(b"/".join(inside.split(b"/")[end:]), "").experiment == name:
            return b"/" + b"/".join(parts[:end])
    return b"/" + b"/".join(parts)


def _listings(target: Target, options: Options) -> Iterator[Listing]:
    if target.scope is Scope.TREE:
        yield from scan(target.root, target.path, options=options)
    elif target.scope is Scope.DIRECTORY:
        listing = list_directory(target.root, target.path, options=options)
        if listing is not None:
            yield listing


def _take(
    found: Found,
    target: Target,
    listing: Listing,
    candidates: dict[bytes, Candidate],
    documents: dict[bytes, Document],
) -> None:
    """Add what a listing holds of the target: a scan may show the directory around it, too."""
    found.complete = found.complete and listing.complete
    prefix = listing.root if listing.root.endswith(b"/") else listing.root + b"/"
    found.problems += [((prefix + path).rstrip(b"/") or b"/", problem) for path, problem in listing.problems]
    for candidate in listing.candidates:
        if _is_within(candidate.path, target.path):
            candidates.setdefault(candidate.absolute, candidate)
    below = listing.directory + b"/" if listing.directory else b""
    for name in listing.neighbours:
        if is_sidecar(name) and _is_within(below + name, target.path):
            document = Document(listing.root, below + name)
            documents.setdefault(document.absolute, document)


def _take_one(
    target: Target, options: Options, candidates: dict[bytes, Candidate], documents: dict[bytes, Document]
) -> None:
    """Add one checkpoint with its documents, or one document with the checkpoints it may describe."""
    paths = [target.path] if target.scope is Scope.CHECKPOINT else described_by(target.path)
    for path in paths:
        candidate = look(target.root, path, options=options)
        if candidate is None:
            continue
        own = {one.absolute: one for one in _documents(candidate)}
        if target.scope is Scope.CHECKPOINT:
            documents |= own
        elif Document(target.root, target.path).absolute not in own:
            continue
        candidates.setdefault(candidate.absolute, candidate)
    if target.scope is Scope.DOCUMENT:
        document = Document(target.root, target.path)
        documents.setdefault(document.absolute, document)


def _documents(candidate: Candidate) -> list[Document]:
    return [Document(candidate.root, path) for path, _ in documents_of(candidate)]


def _is_within(path: bytes, start: bytes) -> bool:
    return not start or path == start or path.startswith(start + b"/")
