"""The event stream: what changed, for everybody who listens, from one look at the catalog.

One task looks whether anything was committed, and only while somebody listens. Each event is encoded once. A client
that does not keep up, or comes back from too long ago, is told to start anew: `reset`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.api import freshness
from ckpt_indexer.api.best_news import BestNews
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.api.metrics import Traffic
    from ckpt_indexer.catalog.views import Page, Row

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""Between two looks whether anything was committed."""
PROGRESS_S = 0.5
PING_S = 15.0
QUEUED = 64
"""Events that wait for one client."""
TOLD_ROWS = 500
"""Most rows one event names; with more a client does better to ask again."""
REPLAYED_ROWS = 5000

CHANGED_KEYS = (
    "id", "root", "path", "name", "presence", "read_state", "experiment", "architecture", "backbone", "epoch",
    "global_step", "hmean", "seq",
)  # fmt: skip
"""What an event says of a changed row; the rest is asked for by id."""


class Event(NamedTuple):
    """One event, and the seq after which it belongs."""

    seq: int
    text: bytes


def event(name: str, data: Mapping[str, Any], *, seq: int | None = None) -> bytes:  # JSON values
    """Return an event as it is sent; one with a seq moves the client's place."""
    head = b"" if seq is None else b"id: %d\n" % seq
    return head + b"event: " + name.encode() + b"\ndata: " + encoded(dict(data)) + b"\n\n"


def changed(page: Page, *, truncated: bool) -> bytes:
    """Return the event that names changed rows."""
    rows = [] if truncated else [_brief(row) for row in page]
    data = {
        "catalog": page.catalog, "seq": page.seq, "as_of": page.as_of, "changed": rows, "truncated": truncated,
    }  # fmt: skip
    return event("catalog", data, seq=page.seq)


def _brief(row: Row) -> dict[str, Any]:  # JSON values
    return {key: row[key] for key in CHANGED_KEYS}


class _Client:
    """Events on their way to one listener."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """What the client has seen."""
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUED)
        self.is_late = False

    def put(self, one: Event | None) -> None:
        """Queue an event; a client that is too slow loses them all and hears `reset`."""
        if self.is_late:
            return
        try:
            self.queue.put_nowait(one)
        except asyncio.QueueFull:
            self.is_late = True


def _reset(client: _Client, now: freshness.Freshness, reason: str) -> bytes:
    """Return the event that has a client begin anew with the present state."""
    client.seq = now.seq
    return event("reset", now.keys() | {"reason": reason}, seq=now.seq)


class Stream:
    """Everybody who listens, and the task that looks for them. Belongs to the event loop's thread."""

    def __init__(self, desk: Desk, traffic: Traffic, *, look_s: float = LOOK_S, ping_s: float = PING_S) -> None:
        self._desk = desk
        self._traffic = traffic
        self._look_s = look_s
        self._ping_s = ping_s
        self._clients: set[_Client] = set()
        self._task: asyncio.Task[None] | None = None
        self._now: freshness.Freshness | None = None
        self._best = BestNews()
        self._is_scanning = False
        """A scan was told of, or asked for, whose end was not told yet."""
        self._closed = False

    def now(self) -> freshness.Freshness:
        """Return the state that a stream begins with: one look that an index answers, so that hundreds who come at once
        need not wait for threads. Raises StoreError."""
        return freshness.now(self._desk.catalog)

    async def listen(self, since: int | None, now: freshness.Freshness) -> AsyncIterator[bytes]:
        """Yield what happens after `now`, and first what happened between `since` and then."""
        client = _Client(now.seq if since is None else since)
        self._join(client, now)
        try:
            yield event(
                "hello",
                now.keys() | {"version": self._desk.options.version},
                seq=None if since is not None else now.seq,
            )
            for text in await self._missed(client, now):
                yield text
            while not self._closed:
                async for text in self._next(client):
                    yield text
        finally:
            self._leave(client)

    def expect_scan(self) -> None:
        """Remember that a scan was asked for: its end is told of even when it takes less than a look."""
        self._is_scanning = True

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for client in self._clients:
            client.is_late = False
            while client.queue.full():
                client.queue.get_nowait()
            client.put(None)

    async def _next(self, client: _Client) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(self._ping_s):
                one = await client.queue.get()
        except TimeoutError:
            yield b": ping\n\n"
            return
        if client.is_late:
            now = self.now()
            while not client.queue.empty():
                client.queue.get_nowait()
            client.is_late = False
            yield _reset(client, now, "too slow")
        elif one is not None and one.seq > client.seq:
            client.seq = one.seq
            yield one.text
        elif one is not None and one.seq == 0:
            yield one.text

    async def _missed(self, client: _Client, now: freshness.Freshness) -> list[bytes]:
        """Return the events that bring a returning client up to date."""
        since = client.seq
        if since == now.seq:
            return []
        if since > now.seq:
            return [_reset(client, now, "that seq is of another catalog")]
        try:
            page = await self._desk.read(lambda catalog: catalog.changes_since(since, limit=REPLAYED_ROWS))
        except CkptIndexerError as error:
            log.debug("what a listener missed cannot be told: %s", error)
            return [_reset(client, now, "what was missed cannot be told now")]
        if page.next is not None:
            return [_reset(client, freshness.of_page(page), "too much happened")]
        client.seq = page.seq
        return [changed(page, truncated=False)]

    def _join(self, client: _Client, now: freshness.Freshness) -> None:
        self._clients.add(client)
        self._traffic.streams = len(self._clients)
        if self._task is None or self._task.done():
            self._now = now
            self._task = asyncio.get_running_loop().create_task(self._look_for_changes())

    def _leave(self, client: _Client) -> None:
        self._clients.discard(client)
        self._traffic.streams = len(self._clients)

    def _tell(self, one: Event) -> None:
        for client in self._clients:
            client.put(one)

    async def _look_for_changes(self) -> None:
        """Look until nobody listens any more."""
        loop = asyncio.get_running_loop()
        stamp, progress_at = None, 0.0
        await self._guarded(self._best.begin)
        while self._clients and not self._closed:
            now = self._desk.stamp()
            if now != stamp and await self._guarded(self._tell_changes):
                stamp = now
            if loop.time() >= progress_at:
                progress_at = loop.time() + PROGRESS_S
                await self._tell_progress()
            await asyncio.sleep(self._look_s)

    async def _guarded(self, work: Any) -> bool:  # noqa: ANN401  # a bound method of either kind
        """Do something that asks the catalog; False when it cannot be asked now: the next look tries again."""
        try:
            await work(self._desk)
        except CkptIndexerError as error:
            log.debug("the event stream could not look: %s", error)
            return False
        return True

    async def _tell_changes(self, desk: Desk) -> None:
        before = self._now
        since = 0 if before is None else before.seq
        page = await desk.read(lambda catalog: catalog.changes_since(since, limit=TOLD_ROWS))
        self._now = freshness.of_page(page)
        if before is not None and page.catalog != before.catalog:
            self._best = BestNews()
            await self._best.begin(desk)
            text = event("reset", self._now.keys() | {"reason": "the catalog was made anew"}, seq=page.seq)
            for client in self._clients:
                client.seq = 0
            self._tell(Event(page.seq or 1, text))
            return
        if page.seq > since:
            self._tell(Event(page.seq, changed(page, truncated=page.next is not None)))
            for data in await self._best.look(desk):
                self._tell(Event(0, event("new_best", data)))

    async def _tell_progress(self) -> None:
        """Tell of a scan under way, and once of its end."""
        expected, self._is_scanning = self._is_scanning, False
        try:
            progress = await self._desk.order(lambda control: control.progress())
        except CkptIndexerError:
            self._is_scanning |= expected
            return
        if progress is not None:
            self._is_scanning = True
            self._tell(Event(0, event("scan", progress)))
        elif expected:
            self._tell(Event(0, event("scan", {"phase": "done"})))
