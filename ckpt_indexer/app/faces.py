"""The HTTP interface of a daemon: sockets, token, and the daemon as the API sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer import __version__, web
from ckpt_indexer.api.control import Annotation, SqlAnswer
from ckpt_indexer.api.hosts import is_loopback
from ckpt_indexer.api.options import Options
from ckpt_indexer.api.server import HttpServer, listen, listen_on_path, url_of
from ckpt_indexer.api.token import ensure_token
from ckpt_indexer.daemon.orders import Orders
from ckpt_indexer.errors import SettingsError, StoreError
from ckpt_indexer.settings.values import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    from ckpt_indexer.api.application import Face
    from ckpt_indexer.client.local import LocalCatalog
    from ckpt_indexer.daemon.service import Service
    from ckpt_indexer.settings import Settings

SWITCHED_OFF = "the page is switched off, by --no-ui or the setting server.ui"
SQL_S = 1.0
SQL_ROWS = 1000
SQL_BYTES = 1024 * 1024


class DaemonControl:
    """The service, as `api.control.Control` describes it."""

    def __init__(self, service: Service, database: Path) -> None:
        self._service = service
        self._database = database
        self._orders = Orders(service)

    def health(self) -> Mapping[str, Any]:  # JSON values
        """Return how the service is."""
        return self._service.health()

    def is_ready(self) -> bool:
        """Tell whether answers are complete, and the catalog can be written."""
        return self._orders.is_ready()

    def progress(self) -> Mapping[str, Any] | None:  # JSON values
        """Return how far the scan under way is."""
        return self._orders.progress()

    def rescan(self, root: str | None, *, full: bool) -> Sequence[str]:
        """Begin to scan."""
        return self._orders.rescan(root, full=full)

    def annotate(self, row_id: int, said: Annotation) -> int:
        """Write down what somebody said."""
        from ckpt_indexer.store.notes import Edit

        return self._orders.annotate(row_id, Edit(said.tags_add, said.tags_remove, said.notes, said.pinned))

    def sql(self, statement: str) -> SqlAnswer:
        """Return what one SELECT yields."""
        from ckpt_indexer.store.readonly import run_sql

        found = run_sql(self._database, statement, deadline_s=SQL_S, max_rows=SQL_ROWS, max_bytes=SQL_BYTES)
        return SqlAnswer(found.columns, found.rows, found.truncated)


class Http:
    """Sockets that listen already, and the server to be put behind them. Close it when no server was made of it."""

    def __init__(self, settings: Settings) -> None:
        """Listen.

        Raises:
            AddressInUse: another program listens there.
            SettingsError: the address cannot be used, or would open the catalog to others without a token.
            StoreError: the token cannot be written.
        """
        server = settings.server
        require_guarded(server.host, auth=server.auth)
        token = ensure_token(settings.catalog.db)
        self._settings = settings
        self._options = Options(
            page=server.ui and web.is_installed(),
            no_page="" if server.ui else SWITCHED_OFF,
            token=token,
            version=__version__,
            guards_reads=server.auth == "all",
            allowed_hosts=_names(server.host, server.allowed_hosts),
        )
        chosen = settings.origins.get("server.port", DEFAULT) != DEFAULT
        self._listeners = [listen(server.host, server.port, or_any=not chosen)]
        self.url = url_of(server.host, self._listeners[0])
        self.page = page_of(self.url, token) if self._options.page else None
        """Where the page is, with the token; None where there is none."""
        if server.uds is not None:
            self._listen_too(server.uds)

    def server(self, service: Service) -> HttpServer:
        """Return the server for a service, not started yet; it takes the sockets over."""
        listeners, self._listeners = self._listeners, []
        face = lambda: self._face(service)  # noqa: E731  # built when the catalog is there to be opened
        return HttpServer(url=self.url, listeners=listeners, build=face, options=self._options)

    def close(self) -> None:
        """Stop listening, when no server was made."""
        for listener in self._listeners:
            listener.close()
        self._listeners = []

    def _listen_too(self, path: Path) -> None:
        try:
            self._listeners.append(listen_on_path(path))
        except BaseException:
            self.close()
            raise

    def _face(self, service: Service) -> Face:
        from ckpt_indexer.api.application import Face
        from ckpt_indexer.client.local import LocalCatalog

        database = self._settings.catalog.db
        catalog = LocalCatalog(database, directions=self._settings.metrics.directions)
        control = DaemonControl(service, database)
        face = Face(catalog=catalog, stamp=stamp_of(catalog), control=control, options=self._options)
        if self._options.page:
            from ckpt_indexer.ingest.chores import give_back_memory

            web.mount(face, tidy=give_back_memory)
        return face


def page_of(url: str, token: str) -> str:
    """Return the address that a browser on this machine opens once: it carries the token."""
    for everywhere, here in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
        url = url.replace(everywhere, here)
    return f"{url}{web.ADDRESS}/?token={token}"


def stamp_of(catalog: LocalCatalog) -> Callable[[], Hashable]:
    """Return what tells whether anything was committed; None while the file cannot be read."""

    def stamp() -> Hashable:
        try:
            return catalog.stamp()
        except StoreError:
            return None

    return stamp


def require_guarded(host: str, *, auth: str) -> None:
    """Refuse to let other machines read the catalog without a token.

    Raises:
        SettingsError: the host is none of this machine's own, and reads are open.
    """
    if not is_loopback(host) and auth != "all":
        message = f"other machines can reach {host}: reads need the token there; add `--auth all` (server.auth = 'all')"
        raise SettingsError(message, key="server.auth")


def _names(host: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which requests may come, beside those that are always allowed."""
    return (*allowed, host) if not is_loopback(host) and any(map(str.isalpha, host)) else tuple(allowed)
