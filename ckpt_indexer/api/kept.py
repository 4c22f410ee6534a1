"""Answers given before, as long as nothing was committed since. Belongs to the event loop's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ckpt_indexer.api.freshness import Answer

MAX_BYTES = 8 * 1024 * 1024
MAX_ONE = 256 * 1024
"""A longer answer is not kept."""


class Reply(NamedTuple):
    """An answer ready to be sent."""

    etag: bytes
    head: list[tuple[bytes, bytes]]
    """Headers of the answer in full."""
    short_head: list[tuple[bytes, bytes]]
    """Headers of `304 Not Modified`."""
    body: bytes


def reply_of(answer: Answer) -> Reply:
    """Return what is sent for an answer."""
    etag = answer.freshness.etag.encode()
    short = [(b"etag", etag), (b"cache-control", b"no-cache")]
    if answer.freshness.as_of is not None:
        short.append((b"as-of", answer.freshness.as_of.encode()))
    length = str(len(answer.body)).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", length), *short]
    if answer.next is not None:
        head.append((b"link", f'<{answer.next}>; rel="next"'.encode("ascii")))
    return Reply(etag, head, short, answer.body)


class KeptAnswers:
    """Replies by address. `stamp` returns something else after every commit another connection could see."""

    def __init__(self, stamp: Callable[[], Hashable], *, max_bytes: int = MAX_BYTES) -> None:
        self._stamp_of = stamp
        self._max_bytes = max_bytes
        self._stamp: Hashable = None
        self._size = 0
        self._kept: dict[bytes, Reply] = {}

    def find(self, address: bytes) -> Reply | None:
        """Return the reply to this address when nothing was committed since it was made."""
        self.stamp()
        return self._kept.get(address)

    def stamp(self) -> Hashable:
        """Return the present stamp, to be passed to `keep`. Take it before the question is asked."""
        now = self._stamp_of()
        if now != self._stamp:
            self._kept, self._size, self._stamp = {}, 0, now
        return now

    def keep(self, address: bytes, stamp: Hashable, reply: Reply) -> None:
        """Keep a reply made from the state that the stamp stands for."""
        size = len(reply.body) + len(address)
        if stamp is None or stamp != self._stamp or size > MAX_ONE:
            return
        if self._size + size > self._max_bytes:
            self._kept, self._size = {}, 0
        self._kept[address] = reply
        self._size += size
