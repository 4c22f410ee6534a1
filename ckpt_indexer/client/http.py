"""A catalog behind a daemon's HTTP interface, asked with the standard library."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ckpt_indexer.catalog.compare import compared
from ckpt_indexer.client.address import read_address
from ckpt_indexer.client.asking import Asking, text_of
from ckpt_indexer.client.channel import Channel
from ckpt_indexer.client.fetched import joined, page_of, row_of
from ckpt_indexer.errors import CheckpointNotFound, DatabaseForeign, InvalidFilter, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from ckpt_indexer.catalog.protocol import Ref
    from ckpt_indexer.catalog.views import Page, Row

    Pairs = list[tuple[str, str]]

PAGE = 1000
"""Most rows of one answer."""
TIMEOUT_S = 10.0
_BEYOND = 2**62 - 1
"""The largest seq that can be asked about."""


class HttpCatalog:
    """Answers as `LocalCatalog` does, from a daemon. An answer that has not changed is not sent again.

    Safe to share between threads, processes and pickles.
    """

    def __init__(
        self, url: str, *, token: str | Callable[[], str | None] | None = None,
        directions: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S,
    ) -> None:  # fmt: skip
        """Ask whether a daemon answers at `http://host:port`, `https://host/prefix` or `unix:/path`.

        `token` is needed where the daemon wants one for reading; a function is asked for it when that turns out.
        `directions` (metric -> `min` or `max`) win over what documents say. `timeout_s` is how long a daemon may keep
        silent.

        Raises:
            SettingsError: `url` is no address.
            StoreError: `DatabaseAbsent` (nothing listens), `DatabaseForeign` (something else does),
                `DatabaseFromFuture` (it is too new), or another, when no answer comes or a token is wanted.
        """
        address = read_address(url)
        self.url = address.shown
        self._directions = dict(directions or {})
        self._asking = Asking(Channel(address, timeout_s=timeout_s), token=_sendable(address.token or token))
        try:
            self._asking.check()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<HttpCatalog {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections. Pages and rows stay usable."""
        self._asking.channel.close()

    def version(self) -> int:
        """Return the current seq."""
        return int(self._ask("/version")["seq"])

    def find(
        self, query: str | Sequence[str] = "", *, sort: str | None = None, limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """Return matching rows by path, or as the query or `sort` says. Raises InvalidFilter, InvalidCursor."""
        pairs = _queries(query)
        if sort is not None:
            pairs.append(("sort", ",".join(sort.replace(",", " ").split())))

        def ask(size: int, cursor: str | None) -> Page:
            after = [] if cursor is None else [("cursor", cursor)]
            return self._page("/checkpoints", [*pairs, ("limit", str(size)), *after])

        return _gathered(ask, limit, cursor)

    def count(self, query: str | Sequence[str] = "") -> int:
        """Return how many rows `find` gives. Raises InvalidFilter."""
        return int(self._ask("/checkpoints", [*_queries(query), ("limit", "1"), ("count", "exact")])["total"])

    def get(self, ref: Ref) -> Row:
        """Return one checkpoint by id, path (relative, ROOT:path, absolute, or its unique end) or query.

        Raises CheckpointNotFound, InvalidFilter.
        """
        if isinstance(ref, os.PathLike):
            ref = os.fsdecode(ref)
        if isinstance(ref, str):
            return self._row("/checkpoints/by-ref", [("ref", ref)])
        number = operator.index(ref)  # numpy's integers are ids, too
        if not 0 <= number < 2**63:
            raise CheckpointNotFound(f"there is no checkpoint with the id {number}", ref=str(number))
        return self._row(f"/checkpoints/{number}", [])

    def best(
        self, metric: str = "hmean", by: str = "backbone", query: str | Sequence[str] = "", *, k: int = 1,
        mode: str | None = None,
    ) -> Page:  # fmt: skip
        """Return the best `k` rows of each group, best group first, the unknown group last. Raises InvalidFilter."""
        if text_of(metric) != metric:
            raise InvalidFilter("the metric's name is no text", metric=text_of(metric))
        mode = mode or self._directions.get(metric)
        pairs = [("metric", metric), ("by", by), *_queries(query), ("k", str(k))]
        return self._page("/best", pairs if mode is None else [*pairs, ("mode", mode)])

    def compare(self, refs: Sequence[Ref]) -> Mapping[str, Any]:
        """Return {rows, fields: {field: [value per row]}} of the fields in which the checkpoints differ."""
        return compared([self.get(ref) for ref in refs])

    def experiments(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {name, count, size_bytes, best, best_epoch, best_id, last_epoch, newest} of each experiment."""
        return self._items("/experiments", _queries(query))

    def curve(self, experiment: str, metric: str = "hmean") -> Sequence[Mapping[str, Any]]:
        """Return {epoch, global_step, value, id, path} of one metric over the checkpoints of an experiment."""
        if text_of(experiment) != experiment or text_of(metric) != metric:
            return []  # no name of the catalog holds such bytes
        return self._items(f"/experiments/{quote(experiment, safe='')}/curve", [("metric", metric)])

    def facets(self, fields: Sequence[str] = ()) -> Mapping[str, Mapping[str | None, int]]:
        """Return how many present checkpoints each value of each field has. Raises InvalidFilter."""
        found = self._ask("/facets", [("fields", ",".join(fields))] if fields else [])["facets"]
        return {field: {one["value"]: one["n"] for one in values} for field, values in found.items()}

    def disk(self, by: Sequence[str] = ("experiment",)) -> Sequence[Mapping[str, Any]]:
        """Return {field: value..., count, size_bytes} of present checkpoints, largest first. Raises InvalidFilter."""
        return self._items("/disk", [("by", ",".join(by))])

    def stats(self) -> Mapping[str, Any]:
        """Return totals: checkpoints by presence and read state, bytes, experiments, metric names, roots."""
        found = self._ask("/stats")
        return {key: value for key, value in found.items() if key != "as_of"}

    def problems(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {path, root, kind, message, first_seen, last_seen, count, checkpoint_id} of every open problem."""
        return self._items("/problems", _queries(query))

    def changes_since(self, seq: int, *, limit: int | None = None) -> Page:
        """Return rows changed after `seq`, oldest change first, whatever their presence."""
        began = str(max(0, min(seq, _BEYOND)))

        def ask(size: int, after: str | None) -> Page:
            return self._page("/changes", [("since", began if after is None else after), ("limit", str(size))])

        return _gathered(ask, limit, None)

    def options(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {value, label, path, config_path} for a dropdown: id, one line of text, absolute paths."""
        return _items_of(self._asking.ask_whole("/options", _queries(query)), self.url)

    def _ask(self, path: str, pairs: Pairs | None = None) -> dict[str, Any]:  # JSON values
        return self._asking.ask(path, pairs or [])

    def _items(self, path: str, pairs: Pairs) -> list[dict[str, Any]]:  # JSON values
        return _items_of(self._ask(path, pairs), self.url)

    def _page(self, path: str, pairs: Pairs) -> Page:
        answer = self._ask(path, pairs)
        try:
            return page_of(answer)
        except (KeyError, TypeError, AttributeError) as error:
            raise _unintelligible(self.url) from error

    def _row(self, path: str, pairs: Pairs) -> Row:
        return row_of(self._ask(path, pairs))


def _sendable(token: str | Callable[[], str | None] | None) -> str | Callable[[], str | None] | None:
    if not isinstance(token, str):
        return token
    stripped = token.strip()  # as read from its file
    if not stripped.isascii() or not stripped.isprintable() or not stripped:
        raise SettingsError("this is no token: it is the one line of text in the file <db>.token beside the catalog")
    return stripped


def _gathered(ask: Callable[[int, str | None], Page], limit: int | None, cursor: str | None) -> Page:
    """Return what may be more than one answer holds: ask on until there is nothing more, or enough."""
    left = limit
    pages: list[Page] = []
    while True:
        page = ask(PAGE if left is None else min(PAGE, left), cursor)
        pages.append(page)
        cursor = page.next
        left = None if left is None else left - len(page)
        if cursor is None or (left is not None and left <= 0):
            return page if len(pages) == 1 else joined(pages)


def _queries(query: str | Sequence[str]) -> Pairs:
    """Return a query as parameters: a text as it stands, several words each as one, spaces included."""
    if isinstance(query, str):
        return [("q", query)] if query else []
    words = [("q", word) for word in query]
    return [*words, ("q", "")] if len(words) == 1 else words  # a single one would be taken for a text


def _items_of(answer: dict[str, Any], where: str) -> list[dict[str, Any]]:  # JSON values
    items = answer.get("items")
    if not isinstance(items, list):
        raise _unintelligible(where)
    return items


def _unintelligible(where: str) -> DatabaseForeign:
    return DatabaseForeign(f"the answer of {where} is none that a ckpt-indexer daemon gives", path=where)
