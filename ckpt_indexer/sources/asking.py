"""Asking a limited child about files around a checkpoint, and telling people what went wrong there."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import LimitExceeded, NeedsChild, ReaderDied, ReaderError
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.record import Input, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sources.around import Place

_REMEMBERED = 256
_Answer = dict[str, Any] | str
_Latest = OrderedDict[tuple[Any, ...], _Answer]


class Asking:
    """Sends one kind of job to the children. Files that cost a child all its time or memory are not tried again
    until one of them changes: every checkpoint of their run would ask for them."""

    def __init__(self, pool: Pool | None, job: str, *, answers: int = 0) -> None:
        """Send this job to the pool's children; the latest `answers` answers are kept for the same question about the
        same files. They are shared: whoever takes one must not change it."""
        self._pool = pool
        self._job = job
        self._answers = answers
        self._lock = threading.Lock()
        self._failed: _Latest = OrderedDict()
        self._told: _Latest = OrderedDict()

    def ask(self, root: bytes, places: Sequence[Place], **arguments: Any) -> _Answer:  # noqa: ANN401  # JSON values
        """Return a child's answer, or in words why there is none. `places` are the files it has to read. A child that
        dies is asked once more: it may have been killed from outside.

        Raises:
            NeedsChild: there is no pool.
        """
        if self._pool is None:
            raise NeedsChild("files around a checkpoint are read by a limited child only")
        files = (root, tuple(places))
        question = (*files, repr(arguments)) if self._answers else ()
        with self._lock:
            known = self._failed.get(files) or self._told.get(question)
        if known is not None:
            return known
        try:
            try:
                answer = self._pool.call(self._job, root=os.fsdecode(root), **arguments)
            except ReaderDied:
                answer = self._pool.call(self._job, root=os.fsdecode(root), **arguments)
        except LimitExceeded as exc:
            return self._remember(self._failed, files, f"reading them safely failed ({exc.message})", _REMEMBERED)
        except ReaderError as exc:  # a child that died twice, or a fault of the job, which the pool has logged
            return f"reading them safely failed ({exc.message})"
        if not isinstance(answer, dict):
            return "the child answered nonsense"
        return self._remember(self._told, question, answer, self._answers) if self._answers else answer

    def _remember(self, into: _Latest, key: tuple[Any, ...], answer: _Answer, limit: int) -> _Answer:
        with self._lock:
            into[key] = answer
            if len(into) > limit:
                into.popitem(last=False)
        return answer


def stamped(places: Iterable[Place]) -> list[list[Any]]:
    """Return places as a job takes them: [path as `os.fsdecode` gives it, size, mtime in ns]."""
    return [[os.fsdecode(path), stamp.size_bytes, stamp.mtime_ns] for path, stamp in places]


def shown_path(path: str) -> str:
    """Return a path that a job answered with as people read it."""
    return display(os.fsencode(path))


def inputs_of(source: str, places: Iterable[Place]) -> list[Input]:
    """Return places as what a row was derived from."""
    return [Input(path, stamp.size_bytes, stamp.mtime_ns, source=source) for path, stamp in places]


def problems_of(kind: str, told: Iterable[Iterable[str]]) -> list[Problem]:
    """Return [path, message] pairs of a job as problems."""
    return [Problem(kind, f"{shown_path(path)}: {message}") for path, message in told]
