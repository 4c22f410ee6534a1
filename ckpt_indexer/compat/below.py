"""The checkpoints below a directory and the state of everything they are described by: names and stats only."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.scanner import scan
from ckpt_indexer.errors import QueryError
from ckpt_indexer.tools.selection import Scope, Wanted, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.options import Options

    Digest = Callable[[bytes, bytes], bytes]
    """(root, directory) -> the state of the files around the checkpoints in it."""

SUFFIX = b".ckpt"
"""The replaced catalog lists these, and programs that read it load them with torch."""
TICK_NS = 50_000_000
"""What changed within this time of being looked at may change again and leave the same stamps."""


@dataclass(slots=True)
class Below:
    """What lies below one directory."""

    directory: bytes
    """As it was given."""
    real: bytes
    """Its absolute real path."""
    root: bytes
    """Absolute real path of the outputs root that its checkpoints are described relative to."""
    start: bytes
    """The directory relative to the root."""
    candidates: list[Candidate] = field(default_factory=list)
    digests: dict[bytes, bytes] = field(default_factory=dict)
    """Directory relative to the root -> the state of the files around the checkpoints in it."""
    young: set[bytes] = field(default_factory=set)
    """Directories whose state is not known for sure: something in them was changed just now, or a link in them leads
    to where it was not looked."""
    signature: str = ""
    """Differs when any checkpoint, document or file around them does."""

    def path_of(self, candidate: Candidate) -> bytes:
        """Return a checkpoint's path below the directory as that was given."""
        return os.path.join(self.directory, candidate.absolute[len(self.real) :].lstrip(b"/"))  # bytes


def look_below(
    directory: str | os.PathLike[str],
    *,
    rules: Callable[[bytes], Options],
    digest: Digest,
    known_roots: Sequence[bytes] = (),
    now_ns: Callable[[], int] = time.time_ns,
) -> Below | None:
    """Return the checkpoints below a directory; None when there is no such directory. Never follows a link to one."""
    given = os.fsencode(directory)
    real = os.path.realpath(given)  # bytes
    if not os.path.isdir(real):  # bytes
        return None
    root, start = _root_of(real, rules, known_roots)
    found = Below(given, real, root, start)
    state = blake2b(digest_size=16)
    for listing in scan(root, start, options=rules(root)):
        if listing.directory != start and start and not listing.directory.startswith(start + b"/"):
            continue
        own = [one for one in listing.candidates if one.name.endswith(SUFFIX)]
        if not own:
            continue
        found.candidates += own
        found.digests[listing.directory] = around = digest(root, listing.directory)
        state.update(b"%d:%s%s%s" % (len(listing.directory), listing.directory, listing.digest, around))
        if listing.changed_since(now_ns() - TICK_NS):
            found.young.add(listing.directory)
    found.candidates.sort(key=lambda one: one.path)
    found.young |= {one.directory for one in found.candidates if _leads_away(one, found)}
    found.signature = state.hexdigest()
    return found


def list_checkpoints(directory: str | os.PathLike[str], *, recursive: bool = True) -> list[bytes]:
    """Return the paths of the checkpoints below a directory, or directly in it, sorted; none when it is not there."""
    from ckpt_indexer.discovery.options import Options

    options = Options()
    found = look_below(directory, rules=lambda _root: options, digest=lambda _root, _directory: b"")
    if found is None:
        return []
    return [found.path_of(one) for one in found.candidates if recursive or one.directory == found.start]


def _leads_away(candidate: Candidate, found: Below) -> bool:
    return candidate.target is not None and candidate.target.rpartition(b"/")[0] not in found.digests


def _root_of(real: bytes, rules: Callable[[bytes], Options], known_roots: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return (root, directory relative to it): the known root the directory lies in, else the one above its run."""
    try:
        (target,) = targets_of(Wanted(paths=(real,)), known_roots, rules)
    except QueryError:
        return real, b""
    return (target.root, target.path) if target.scope is Scope.TREE else (real, b"")
