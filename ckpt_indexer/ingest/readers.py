"""Readings that take a child process: a few threads that wait for children, so that the writer never does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ckpt_indexer.ingest.describe import Description, Outcome, describe
from ckpt_indexer.metadata.record import Problem, ReadState, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.sources.chain import Chain


class ThreadReaders:
    """Describes candidates with the chain that has children, on its own threads; answers go to the inbox."""

    def __init__(self, *, chain: Chain, inbox: Inbox, close: Callable[[], None], threads: int = 2) -> None:
        self._chain = chain
        self._inbox = inbox
        self._close = close
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")

    def submit(self, root_id: int, candidate: Candidate) -> None:
        """Describe the candidate on another thread."""
        self._threads.submit(self._read, root_id, candidate)

    def close(self) -> None:
        """Forget what waits, kill the children and stop."""
        self._close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, root_id: int, candidate: Candidate) -> None:
        reading = describe(root_id, candidate, self._chain)
        if reading.outcome is Outcome.NEEDS_CHILD:  # a chain without children: say so rather than ask forever
            record = Record(
                problems=[Problem("not_read", "reading this file safely takes a child process, and none is to be had")],
                read_state=ReadState.DEGRADED,
            )
            reading = Description(root_id, candidate, Outcome.DONE, record)
        self._inbox.put_reading(reading)
