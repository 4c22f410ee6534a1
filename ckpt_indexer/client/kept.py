"""Answers that came before, with the validators by which a daemon tells that they still hold."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

MAX_BYTES = 32 * 1024 * 1024
MAX_ANSWERS = 256


class KeptAnswers:
    """Bodies by address, those not asked for the longest go first. Safe to share between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._process = os.getpid()

    def find(self, target: str) -> tuple[str, bytes] | None:
        """Return (validator, body) of the last answer from this address."""
        with self._own_lock():
            found = self._kept.get(target)
            if found is not None:
                self._kept.move_to_end(target)
            return found

    def keep(self, target: str, etag: str, body: bytes) -> None:
        """Keep an answer, unless it is larger than everything that may be kept."""
        with self._own_lock():
            self._size -= len(self._kept.pop(target, ("", b""))[1])
            if len(body) > self._max_bytes:
                return
            self._kept[target] = (etag, body)
            self._size += len(body)
            while self._size > self._max_bytes or len(self._kept) > MAX_ANSWERS:
                self._size -= len(self._kept.popitem(last=False)[1][1])

    def _own_lock(self) -> threading.Lock:
        """Return the lock: another one in a forked child, where the old may stay locked for ever."""
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
            self._kept, self._size = OrderedDict(), 0
        return self._lock
