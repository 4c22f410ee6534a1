"""Questions to a daemon as JSON: addresses in, decoded answers out; tokens, validators, problems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ckpt_indexer.client.fetched import PROBLEM, error_of, is_ours
from ckpt_indexer.client.kept import KeptAnswers
from ckpt_indexer.client.token import listens_as_this_user
from ckpt_indexer.errors import DatabaseForeign, DatabaseFromFuture, StoreError
from ckpt_indexer.metadata.naming import display, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ckpt_indexer.client.channel import Channel, Reply

    FindToken = Callable[[], str | None]

PREFIX = "/api/v1"
API = "v1"


class Asking:
    """Asks one daemon. Safe to share between threads; a copy in another process begins without answers."""

    def __init__(self, channel: Channel, *, token: str | FindToken | None) -> None:
        """`token` is sent with every request; one that is to be looked for only after the daemon wanted it, and only
        to a program of this user on this machine."""
        self.channel = channel
        self._token = token
        self._found: str | None = None
        self._kept = KeptAnswers()

    def __getstate__(self) -> dict[str, Any]:  # the attributes
        """Return what another process needs. A token that was found is not taken along: who may read it finds it."""
        return {"channel": self.channel, "_token": self._token, "_found": None}

    def __setstate__(self, state: dict[str, Any]) -> None:  # the attributes
        """Begin without answers."""
        vars(self).update(state)
        self._kept = KeptAnswers()

    def ask(self, path: str, pairs: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:  # JSON values
        """Return what the daemon answers, from here when it says that the last answer still holds.

        Raises:
            QueryError: the question is wrong.
            StoreError: the daemon cannot be asked: it is not there, is none, is newer, or refuses the token.
        """
        target = target_of(path, pairs)
        kept = self._kept.find(target)
        reply = self._get(target, None if kept is None else kept[0])
        if reply.status == 304 and kept is not None:
            return self._decoded(kept[1])
        if reply.status != 200:
            raise self._error(reply)
        answer = self._answer(reply)
        if reply.etag is not None:
            self._kept.keep(target, reply.etag, reply.body)
        return answer

    def ask_whole(self, path: str, pairs: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:  # JSON values
        """As `ask`, for an answer that comes without a validator: it is kept as long as the catalog stays as it is."""
        target = target_of(path, pairs)
        kept, now = self._kept.find(target), self.ask("/version")
        if kept is not None and kept[0] == _state(now):
            return self._decoded(kept[1])
        reply = self._get(target, None)
        if reply.status != 200:
            raise self._error(reply)
        answer = self._answer(reply)
        self._kept.keep(target, _state(answer), reply.body)
        return answer

    def check(self) -> None:
        """Make sure that a daemon of a release that answers as this one asks is there. Raises StoreError."""
        where = self.channel.address.shown
        reply = self._get(PREFIX + "/version", None)
        if reply.status == 200 and self._decoded(reply.body).get("api") == API:
            return
        if reply.status in (200, 404):
            raise self._stranger(reply, where)
        raise self._error(reply)

    def _get(self, target: str, etag: str | None) -> Reply:
        headers = {"Accept": "application/json"}
        if etag is not None:
            headers["If-None-Match"] = etag
        token = self._found if callable(self._token) else self._token
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        reply = self.channel.get(target, headers)
        if reply.status == 401 and self._look_for_token():
            headers["Authorization"] = f"Bearer {self._found}"
            reply = self.channel.get(target, headers)
        return reply

    def _look_for_token(self) -> bool:
        """Look for the token; tell whether there is another one to be tried."""
        address = self.channel.address
        if not callable(self._token) or not address.is_loopback or not listens_as_this_user(address.port):
            return False
        before, self._found = self._found, self._token()
        return self._found is not None and self._found != before

    def _answer(self, reply: Reply) -> dict[str, Any]:  # JSON values
        """Return an answer that says of which catalog, in which state, it is."""
        answer = self._decoded(reply.body)
        if "catalog" not in answer or not {"seq", "catalog_seq"} & answer.keys():
            raise _foreign(self.channel.address.shown)
        return answer

    def _decoded(self, body: bytes) -> dict[str, Any]:  # JSON values
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise _foreign(self.channel.address.shown) from error
        if not isinstance(answer, dict):
            raise _foreign(self.channel.address.shown)
        return answer

    def _error(self, reply: Reply) -> Exception:
        where = self.channel.address.shown
        if reply.kind != PROBLEM:
            return _foreign(where)
        document = self._decoded(reply.body)
        if not is_ours(document):
            return _foreign(where)
        if reply.status == 401:
            sent = self._found if callable(self._token) else self._token
            said = "wants its token" if sent is None else "refuses this token"
            hint = "it is in the file <db>.token beside the catalog; give it as connect(url, token=...)"
            return StoreError(f"the daemon at {where} {said}: {hint}", path=where, status=401)
        error = error_of(reply.status, document)
        if isinstance(error, StoreError):
            error.path = where
        return error

    def _stranger(self, reply: Reply, where: str) -> StoreError:
        """Return what to say of a server that has no such address, or another interface."""
        try:
            document = self._decoded(reply.body)
        except DatabaseForeign as error:
            return error
        if not is_ours(document) and not ("api" in document and "catalog" in document):
            return _foreign(where)
        message = f"the daemon at {where} is of a release that no longer answers interface {API}; install it here, too"
        return DatabaseFromFuture(message, path=where)


def target_of(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return what a request names."""
    query = urlencode([(name, text_of(value)) for name, value in pairs], quote_via=quote)
    return f"{PREFIX}{path}?{query}" if query else PREFIX + path


def text_of(text: str) -> str:
    """Return a text that can be sent: undecodable bytes of a path become the form in which the catalog shows them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return display(raw(text))
        except UnicodeEncodeError:
            return text.encode("utf-8", "backslashreplace").decode()
    return text


def _state(answer: dict[str, Any]) -> str:  # JSON values
    return f"{answer['catalog']}-{answer['seq']}"


def _foreign(where: str) -> DatabaseForeign:
    return DatabaseForeign(f"what answers at {where} is no ckpt-indexer daemon", path=where)
