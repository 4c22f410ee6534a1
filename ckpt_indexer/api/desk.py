"""Where routes bring their questions: on the loop when an index answers, else on one of a few threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from ckpt_indexer.api.encoding import RowBytes
from ckpt_indexer.api.kept import KeptAnswers, reply_of
from ckpt_indexer.errors import DaemonError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starlette.types import Scope

    from ckpt_indexer.api.control import Control
    from ckpt_indexer.api.freshness import Answer
    from ckpt_indexer.api.options import Options
    from ckpt_indexer.catalog.protocol import Catalog

T = TypeVar("T")

THREADS = 3


class Desk:
    """What every route shares. Made on any thread, used on the event loop's."""

    def __init__(self, *, catalog: Catalog, stamp: Callable[[], Hashable], control: Control, options: Options) -> None:
        self.catalog = catalog
        self.stamp = stamp
        self.control = control
        self.options = options
        self.rows = RowBytes()
        self.kept = KeptAnswers(stamp)
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="http-read")
        self._controls = ThreadPoolExecutor(2, thread_name_prefix="http-control")
        self._statements = ThreadPoolExecutor(1, thread_name_prefix="http-sql")
        self._waiting = 0

    def close(self) -> None:
        """Let go of the threads; questions under way come to their end."""
        for pool in (self._readers, self._controls, self._statements):
            pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, ask: Callable[[Catalog], T]) -> T:
        """Return what the catalog says, asked on a thread.

        Raises:
            DaemonError: too many questions wait.
        """
        return await self._on(self._readers, lambda: ask(self.catalog))

    async def order(self, ask: Callable[[Control], T]) -> T:
        """Return what the daemon says, asked on a thread. Raises DaemonError."""
        return await self._on(self._controls, lambda: ask(self.control))

    async def select(self, ask: Callable[[Control], T]) -> T:
        """Return what free SQL yields: one statement at a time. Raises DaemonError, QueryError."""
        return await self._on(self._statements, lambda: ask(self.control))

    async def answer(self, scope: Scope, ask: Callable[[Catalog], Answer], *, quick: bool = False) -> Response:
        """Return the response to a question, and keep it for the next who asks at the same address. `quick`: an index
        answers in well under a millisecond, so that the loop itself may ask."""
        stamp = self.kept.stamp()
        answer = ask(self.catalog) if quick else await self.read(ask)
        reply = reply_of(answer)
        self.kept.keep(address_of(scope), stamp, reply)
        if is_known(scope, reply.etag):
            return _response(304, reply.short_head, b"")
        return _response(200, reply.head, reply.body)

    async def _on(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._waiting >= self.options.limits.waiting:
            raise DaemonError("too many questions wait for an answer")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        finally:
            self._waiting -= 1


def address_of(scope: Scope) -> bytes:
    """Return what an answer is kept under."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query


def is_known(scope: Scope, etag: bytes) -> bool:
    """Tell whether the client holds the answer with this validator."""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            known = [one.strip() for one in value.split(b",")]
            return etag in known or b"*" in known or etag.removeprefix(b"W/") in known
    return False


def _response(status: int, head: list[tuple[bytes, bytes]], body: bytes) -> Response:
    response = Response(status_code=status)
    response.body = body
    response.raw_headers = list(head)
    return response
