"""What the daemon does for other commands: ping, health, scan, add_roots, annotate."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Protocol

from ckpt_indexer.errors import DaemonError
from ckpt_indexer.ingest.annotate import annotate
from ckpt_indexer.ingest.oneshot import Patience, Watch
from ckpt_indexer.ingest.targets import targets_of
from ckpt_indexer.store.notes import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ckpt_indexer.daemon.wire import Answer
    from ckpt_indexer.daemon.worker import Worker
    from ckpt_indexer.ingest.indexer import Indexer

POLL_S = 0.02
PROGRESS_S = 0.2


class Serving(Protocol):
    """What requests need of the service."""

    worker: Worker

    def health(self) -> Answer:
        """Return how the service is."""
        ...

    def add_roots(self, paths: Sequence[bytes], names: Mapping[bytes, str]) -> list[bytes]:
        """Watch and scan more directories; return the new ones."""
        ...

    def watch(self, paths: Sequence[bytes]) -> None:
        """Watch and scan roots that the catalog knows already."""
        ...


class Requests:
    """Answers requests from the socket, each on its connection's thread. The catalog is the writer thread's."""

    def __init__(self, service: Serving) -> None:
        self._service = service
        self._operations: dict[str, Callable[[Answer, Callable[[Answer], None]], Answer]] = {
            "ping": self._ping,
            "health": self._health,
            "scan": self._scan,
            "add_roots": self._add_roots,
            "annotate": self._annotate,
        }

    def handle(self, request: Answer, progress: Callable[[Answer], None]) -> Answer:
        """Carry out one request.

        Raises:
            DaemonError: there is no such operation, or the daemon is ending.
        """
        operation = self._operations.get(request["op"])
        if operation is None:
            raise DaemonError(f"no operation {request['op']!r}; known are {', '.join(self._operations)}")
        return operation(request, progress)

    def _ping(self, _request: Answer, _progress: Callable[[Answer], None]) -> Answer:
        return {"pid": os.getpid()}

    def _health(self, _request: Answer, _progress: Callable[[Answer], None]) -> Answer:
        return self._service.health()

    def _add_roots(self, request: Answer, _progress: Callable[[Answer], None]) -> Answer:
        """Watch more roots; the answer names the new ones."""
        added = self._service.add_roots(_paths(request), {})
        return {"added": [os.fsdecode(path) for path in added], "pid": os.getpid()}

    def _annotate(self, request: Answer, _progress: Callable[[Answer], None]) -> Answer:
        """Write down what somebody says about the checkpoints at `spots`, pairs of a root and a path relative to it."""
        spots, edit = _spots(request), _edit(request)
        return {"seq": self._service.worker.call(lambda indexer: annotate(indexer.writer, spots, edit))}

    def _scan(self, request: Answer, progress: Callable[[Answer], None]) -> Answer:
        """Scan and wait until nothing is pending, as `ckpt-indexer scan` does by itself."""
        paths, began = _paths(request), time.monotonic()

        def begin(indexer: Indexer) -> tuple[Watch, list[bytes]]:
            known = {root.path for root in indexer.intake.roots.values()}
            watch = Watch(indexer, targets_of(indexer, paths, {}), full=bool(request.get("full")))
            return watch, [root.path for root in indexer.intake.roots.values() if root.path not in known]

        watch, added = self._service.worker.call(begin)
        self._service.watch(added)
        self._wait(watch, progress)
        summary = self._service.worker.call(lambda _: watch.summary(time.monotonic() - began))
        summary.by_daemon = True
        return summary.to_dict()

    def _wait(self, watch: Watch, progress: Callable[[Answer], None]) -> None:
        told, patience = 0.0, Patience()
        while True:
            now = time.monotonic()
            if watch.walked and (not self._is_busy() or patience.is_over(self._waiting(), now)):
                return
            if now - told > PROGRESS_S:
                told = now
                progress(_as_dict(self._service.worker.call(lambda _: watch.progress())))
            time.sleep(POLL_S)

    def _is_busy(self) -> bool:
        return self._service.worker.call(lambda indexer: indexer.busy)

    def _waiting(self) -> int:
        return self._service.worker.call(lambda indexer: indexer.intake.waiting)


def _paths(request: Answer) -> list[bytes]:
    paths = request.get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise DaemonError("`paths` is a list of texts")
    return [os.fsencode(path) for path in paths]


def _spots(request: Answer) -> list[tuple[bytes, bytes]]:
    spots = request.get("spots")
    if not isinstance(spots, list) or not all(
        isinstance(spot, list) and len(spot) == 2 and all(isinstance(part, str) for part in spot) for spot in spots
    ):
        raise DaemonError("`spots` is a list of pairs of texts: a root, and a path relative to it")
    return [(os.fsencode(root), os.fsencode(path)) for root, path in spots]


def _edit(request: Answer) -> Edit:
    adds, removes = request.get("tags_add", []), request.get("tags_remove", [])
    notes, pinned = request.get("notes"), request.get("pinned")
    lists = all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in (adds, removes))
    if not (lists and isinstance(notes, str | None) and isinstance(pinned, bool | None)):
        raise DaemonError("`tags_add` and `tags_remove` are lists of texts, `notes` a text, `pinned` true or false")
    return Edit(tuple(adds), tuple(removes), notes, pinned)


def _as_dict(progress: Any) -> Answer:  # noqa: ANN401  # a ScanProgress, a slots dataclass
    return {name: getattr(progress, name) for name in ("phase", "root", "found", "done", "pending")}
