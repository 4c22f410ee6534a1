"""Readings by children: which files are being read, who waits for them, and what came of the last ones.

A file is read because its row needs it (`read`: the row is pending until then) or, in idle time, to learn what its
document did not say (`fill`: nobody waits). Only some are given to the readers at a time, the others are kept as mere
places: a million files that wait cost little. Runs on the writer's thread.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ckpt_indexer.ingest.sighting import Look

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, Fingerprint
    from ckpt_indexer.ingest.describe import Description
    from ckpt_indexer.ingest.sighting import Place, Sighting

AT_ONCE = 500
"""Files given to the readers at a time, so many that they never wait for the writer."""
_RECENT = 64
"""Finished readings kept for aliases that ask for the same file right after."""


class Readers(Protocol):
    """Whoever reads what must not be read on the writer's thread."""

    def submit(self, root_id: int, candidate: Candidate) -> None:
        """Describe the candidate elsewhere; the answer arrives through the inbox."""
        ...

    def close(self) -> None:
        """Forget what waits and stop."""
        ...


@dataclass(slots=True)
class Claim:
    """A reading somebody still wants."""

    is_fill: bool
    aliases: dict[Place, tuple[Sighting, int]] = field(default_factory=dict)
    """Links that wait for the same facts, with the row they lead to."""


class Elsewhere:
    """Keeps account of the readings under way."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._reading: dict[Place, Fingerprint] = {}
        self._filling: dict[Place, Fingerprint] = {}
        self._at_rest: dict[Place, Fingerprint] = {}
        """Files given to a reader and not described since."""
        self._awaited: dict[Place, dict[Place, tuple[Sighting, int]]] = {}
        self._later: dict[Place, bool] = {}
        """Files nobody reads yet; True: read them whatever their documents say."""
        self._recent: OrderedDict[Place, Description] = OrderedDict()

    def __len__(self) -> int:
        """Return how many rows wait for a reading."""
        return len(self._reading) + len(self._later)

    def __contains__(self, place: Place) -> bool:
        return place in self._reading

    @property
    def filling(self) -> int:
        """Return how many files are read in idle time now."""
        return len(self._filling)

    def read(self, root_id: int, candidate: Candidate, *, whole: bool = False) -> None:
        """Have a child read the candidate, unless one does; later, when there are many (`due`)."""
        place = (candidate.root, candidate.path)
        if self._reading.get(place) == candidate.fingerprint:
            return
        if place not in self._reading and len(self._reading) >= AT_ONCE:
            self._later[place] = whole
            return
        self._later.pop(place, None)
        self._reading[place] = self._at_rest[place] = candidate.fingerprint
        self._readers.submit(root_id, candidate)

    @property
    def has_due(self) -> bool:
        """Tell whether files that wait can be given to the readers."""
        return bool(self._later) and len(self._reading) <= AT_ONCE // 2

    def due(self) -> list[Look]:
        """Return what to look at again because there is room, the newest first: whoever just saved a file waits for
        it."""
        room = AT_ONCE - len(self._reading) if self.has_due else 0
        places = [self._later.popitem() for _ in range(min(room, len(self._later)))]
        return [Look(place, forced=True, whole=whole) for place, whole in places]

    def fill(self, root_id: int, candidate: Candidate) -> None:
        """Have a child read a candidate whose row can do without, unless one does."""
        place = (candidate.root, candidate.path)
        if place not in self._reading and place not in self._filling:
            self._filling[place] = candidate.fingerprint
            self._readers.submit(root_id, candidate)

    def wait_for(self, target: Place, sighting: Sighting, row_id: int) -> None:
        """Let a link wait for the reading of the file it leads to."""
        self._awaited.setdefault(target, {})[sighting.place] = (sighting, row_id)

    def claim(self, reading: Description) -> Claim | None:
        """Return who wants this outcome; None when it was overtaken."""
        place = (reading.candidate.root, reading.candidate.path)
        if self._reading.get(place) == reading.candidate.fingerprint:
            del self._reading[place]
            return Claim(is_fill=False, aliases=self._awaited.pop(place, {}))
        if self._filling.get(place) == reading.candidate.fingerprint:
            del self._filling[place]
            return Claim(is_fill=True)
        return None

    def was_at_rest(self, candidate: Candidate) -> bool:
        """Tell whether exactly this state of a file was at rest when it was last given to a reader, whatever became of
        the reading: documents that come meanwhile make nobody wait for the file again."""
        return self._at_rest.get((candidate.root, candidate.path)) == candidate.fingerprint

    def forget(self, place: Place) -> None:
        """Nothing lies at this place any more."""
        self._at_rest.pop(place, None)

    def overtake(self, place: Place) -> list[Place]:
        """A place was described otherwise: its reading is of no use any more. Return the links that waited for it."""
        self._filling.pop(place, None)
        self._at_rest.pop(place, None)
        self._later.pop(place, None)
        if self._reading.pop(place, None) is None:
            return []
        return list(self._awaited.pop(place, ()))

    def remember(self, reading: Description) -> None:
        """Keep a finished reading for the links that lead to its file."""
        place = (reading.candidate.root, reading.candidate.path)
        self._recent[place] = reading
        self._recent.move_to_end(place)
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def recent(self, candidate: Candidate) -> Description | None:
        """Return the last reading of exactly this state of a file, None when it was not read lately."""
        reading = self._recent.get((candidate.root, candidate.path))
        return reading if reading is not None and reading.candidate.fingerprint == candidate.fingerprint else None
