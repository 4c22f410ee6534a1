"""The one door: hints from the watcher, finished readings and requests meet here. Bounded, coalescing, thread-safe.

A hint that does not fit is never lost silently: many paths become "scan this directory", many directories become "scan
this root", and `dropped` counts what was folded away. A dropped event costs a scan, never a checkpoint.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ckpt_indexer.discovery.listing import Hint, HintKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.ingest.describe import Description

T = TypeVar("T")


@dataclass(slots=True)
class Delivery:
    """What was taken out of the inbox at once."""

    paths: list[Hint] = field(default_factory=list)
    trees: list[Hint] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)
    readings: list[Description] = field(default_factory=list)
    calls: list[tuple[Callable[[], Any], Future[Any]]] = field(default_factory=list)  # each call returns its own type

    @property
    def has_work(self) -> bool:
        """Tell whether there is more than calls."""
        return bool(self.hints or self.readings)

    @property
    def hints(self) -> bool:
        """Tell whether there is any hint."""
        return bool(self.paths or self.trees or self.roots)

    def __bool__(self) -> bool:
        return self.has_work or bool(self.calls)


class Inbox:
    """Reasons to look at the disk, waiting for the one writer."""

    def __init__(self, *, max_paths: int = 50_000, max_trees: int = 5_000) -> None:
        self._limits = (max_paths, max_trees)
        self._wake = threading.Condition()
        self._paths: dict[tuple[bytes, bytes], Hint] = {}
        self._trees: dict[tuple[bytes, bytes], Hint] = {}
        self._roots: dict[bytes, None] = {}
        self._readings: list[Description] = []
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []  # each call returns its own type
        self._poked = False
        self.dropped = 0
        """Hints folded into a wider one since the start."""

    def put(self, hint: Hint) -> None:
        """Take one hint from any thread. Never blocks on the disk or the database, never raises."""
        with self._wake:
            if hint.root not in self._roots or hint.gone:
                self._keep(hint)
            else:
                self.dropped += 1
            self._wake.notify()

    def put_reading(self, reading: Description) -> None:
        """Take the outcome of a background reading."""
        with self._wake:
            self._readings.append(reading)
            self._wake.notify()

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Ask the writer's thread to run `function`; the future holds what it returned or raised."""
        future: Future[T] = Future()
        with self._wake:
            self._calls.append((function, future))
            self._wake.notify()
        return future

    def poke(self) -> None:
        """Wake the writer's thread without a reason of its own, for a stop."""
        with self._wake:
            self._poked = True
            self._wake.notify()

    def take(self, *, max_paths: int, timeout_s: float) -> Delivery:
        """Return what waits, at most `max_paths` path hints; wait up to `timeout_s` when there is nothing."""
        with self._wake:
            if not self._has_any():
                self._wake.wait_for(lambda: self._has_any() or self._poked, timeout_s)
            self._poked = False
            delivery = Delivery(
                trees=list(self._trees.values()),
                roots=list(self._roots),
                readings=self._readings,
                calls=self._calls,
            )
            keys = list(self._paths)[:max_paths] if len(self._paths) > max_paths else list(self._paths)
            delivery.paths = [self._paths.pop(key) for key in keys]
            self._trees, self._roots, self._readings, self._calls = {}, {}, [], []
            return delivery

    def take_calls(self, *, timeout_s: float) -> Delivery:
        """Return only the waiting calls; everything else stays. For when nothing can be written."""
        with self._wake:
            self._wake.wait_for(lambda: bool(self._calls) or self._poked, timeout_s)
            self._poked = False
            delivery = Delivery(calls=self._calls)
            self._calls = []
            return delivery

    def depth(self) -> int:
        """Return how many hints wait."""
        with self._wake:
            return len(self._paths) + len(self._trees) + len(self._roots)

    def _has_any(self) -> bool:
        return bool(self._paths or self._trees or self._roots or self._readings or self._calls)

    def _keep(self, hint: Hint) -> None:
        if hint.kind is HintKind.ROOT:
            self._fold_root(hint.root)
            return
        box = self._paths if hint.kind is HintKind.PATH else self._trees
        key = (hint.root, hint.path)
        before = box.get(key)
        if before is not None:
            hint = hint._replace(finished=hint.finished or before.finished)
        box[key] = hint
        if len(self._paths) > self._limits[0]:
            self._fold_paths()
        if len(self._trees) > self._limits[1]:
            for root in {root for root, _ in self._trees}:
                self._fold_root(root)

    def _fold_paths(self) -> None:
        """Turn every waiting path into "scan its directory"."""
        for root, path in self._paths:
            directory = path.rpartition(b"/")[0]
            self._trees[root, directory] = Hint(HintKind.TREE, root, directory)
        self.dropped += len(self._paths)
        self._paths = {}

    def _fold_root(self, root: bytes) -> None:
        for box in (self._paths, self._trees):
            folded = [key for key in box if key[0] == root]
            self.dropped += len(folded)
            for key in folded:
                del box[key]
        self._roots[root] = None


def answer_all(delivery: Delivery) -> None:
    """Do what the waiting calls ask for, on this thread, and answer each."""
    for function, future in delivery.calls:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001  # handed to the caller, which raises it
                future.set_exception(error)


def fail_all(delivery: Delivery, error: Exception) -> None:
    """Answer every waiting call with `error`, because the writer's thread ends."""
    for _, future in delivery.calls:
        cast("Future[object]", future).set_exception(error)
