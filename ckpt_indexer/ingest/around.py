"""Files around checkpoints (configs, logs of trainers): which rows must be derived anew because one changed.

Each row keeps a digest of what lay around it when it was read. A scan compares it per directory; an event on such a
file does so for the directories it can concern, a moment later, because logs grow in bursts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckpt_indexer.discovery.listing import Hint
    from ckpt_indexer.ingest.sighting import Place
    from ckpt_indexer.store.changes import RootRow
    from ckpt_indexer.store.known import KnownRows

    Digests = Mapping[bytes, set[bytes]]
    """Directory -> what rows in it were derived from."""

BURST_S = 0.5
"""How long a burst of changes may last before rows are derived anew."""
PAUSE_S = 2.0
"""How often the rows around one growing log are derived anew, at most."""
_MOST_PAUSES = 1_000


class Around:
    """Compares rows with what lies around them now. Without `digest` and `scope_of` nothing does."""

    def __init__(
        self,
        rows: KnownRows,
        *,
        digest: Callable[[bytes, bytes], bytes] | None = None,
        scope_of: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        """Take how to digest the surroundings of (root, directory), and where below a changed file matters."""
        self._rows = rows
        self._digest = digest
        self._scope_of = scope_of
        self._due: dict[Place, float] = {}
        self._pauses: dict[Place, float] = {}

    def known(self, root: RootRow, start: bytes, *, alone: bool = False) -> Digests:
        """Return what the rows at or below a directory were derived from; `alone`: those directly in it."""
        if self._digest is None:
            return {}
        return (self._rows.surroundings_of if alone else self._rows.surroundings)(root.id, start)

    def stale_in(self, root: RootRow, directory: bytes, known: Digests) -> frozenset[bytes]:
        """Return the paths of rows in a directory that were derived from other surroundings than there are now."""
        digests = known.get(directory)
        if not digests or self._digest is None:
            return frozenset()
        now = self._digest(root.path, directory)
        if digests == {now}:
            return frozenset()
        return frozenset(row.path for row in self._rows.surrounded_otherwise(root.id, directory, now))

    def note(self, hint: Hint, now: float) -> bool:
        """Take an event in; return whether it was on a file that rows may be derived from."""
        scope = None if self._scope_of is None else self._scope_of(hint.path)
        if scope is None:
            return False
        place = (hint.root, scope)
        self._due.setdefault(place, max(now + BURST_S, self._pauses.get(place, 0.0)))
        return True

    def due(self, now: float, roots: Mapping[bytes, RootRow]) -> list[Place]:
        """Return the places to read anew because something around them changed a moment ago."""
        places: list[Place] = []
        for place in [place for place, when in self._due.items() if when <= now]:
            del self._due[place]
            self._pause(place, now)
            root = roots.get(place[0])
            if root is not None:
                places += self._changed(root, place[1])
        return places

    def next_due(self) -> float | None:
        """Return when something is due, None when nothing is."""
        return min(self._due.values(), default=None)

    def _changed(self, root: RootRow, scope: bytes) -> list[Place]:
        known = self.known(root, scope)
        return [(root.path, path) for directory in known for path in self.stale_in(root, directory, known)]

    def _pause(self, place: Place, now: float) -> None:
        if len(self._pauses) >= _MOST_PAUSES:
            self._pauses = {kept: until for kept, until in self._pauses.items() if until > now}
        self._pauses[place] = now + PAUSE_S
