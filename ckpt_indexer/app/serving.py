"""The daemon: built here, or handed more roots when one runs already."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckpt_indexer.app.build import collecting_rarely, open_indexer, real_paths, require_usable, root_names, rules_of
from ckpt_indexer.errors import AlreadyRunning, CkptIndexerError, DatabaseCorrupt, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ckpt_indexer.daemon.options import Options
    from ckpt_indexer.daemon.service import Build, ServeStarted, Service
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.settings import Settings

log = logging.getLogger(__name__)

SWITCH_S = 0.0005


def serve(
    settings: Settings,
    roots: Sequence[Path],
    *,
    on_ready: Callable[[ServeStarted], None],
    reload: Callable[[], Settings] | None = None,
) -> int:
    """Keep the catalog equal to the disk until SIGTERM or SIGINT; return 0.

    With new roots while a daemon runs: have it watch them, say so through `on_ready`, return 0. `server` in the
    settings says where the HTTP interface listens. `reload` reads the settings anew on SIGHUP.

    Raises:
        AlreadyRunning: a daemon keeps this catalog and watches all of `roots` already.
        AddressInUse: another program listens where the HTTP interface should.
        SettingsError: a path is no directory, or contains or lies in another root; or the address cannot be used.
        StoreError: the catalog cannot be opened.
    """
    paths = real_paths(roots or [root.path for root in settings.roots])
    if _hand_over(settings, paths, on_ready):
        return 0
    require_usable(settings.catalog.db)
    from ckpt_indexer.app.faces import Http
    from ckpt_indexer.daemon.notify import Notifier
    from ckpt_indexer.daemon.service import Service

    build, options = daemon_parts(settings, paths)
    settings.catalog.db.parent.mkdir(parents=True, exist_ok=True)
    with collecting_rarely(), yielding_often(), closing(Http(settings)) as http:
        service = Service(replace(build, face=http.server, notifier=Notifier.of(os.environ)), options)
        tell = lambda started: on_ready(replace(started, page=http.page))  # noqa: E731  # one more word to say
        return service.run(on_ready=tell, on_hangup=None if reload is None else lambda: _reload(service, reload))


@contextmanager
def yielding_often() -> Iterator[None]:
    """Let threads take turns more often than every 5 ms: an answer waits for the writer's thread at every step it takes
    outside of Python."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def daemon_parts(settings: Settings, paths: Sequence[bytes], *, grace_s: float = 2.0) -> tuple[Build, Options]:
    """Return what a `daemon.service.Service` on these roots (real absolute paths) is made of."""
    from ckpt_indexer.daemon.options import Options
    from ckpt_indexer.daemon.service import Build
    from ckpt_indexer.ingest.targets import add_root

    rules, names, database = rules_of(settings), root_names(settings), settings.catalog.db

    def opened(inbox: Inbox) -> Indexer:
        indexer = open_indexer(settings, inbox, grace_s=grace_s, in_background=True)
        for path in paths:
            add_root(indexer, path, names.get(path))
        if not indexer.intake.roots:
            indexer.close()
            raise QueryError("no directory to watch: name one, as in `ckpt-indexer serve outputs/`")
        return indexer

    def repair(error: DatabaseCorrupt) -> None:
        from ckpt_indexer.store import maintenance

        aside = maintenance.move_aside(database, now=datetime.now(UTC), was_open=True)
        log.error("the damaged catalog was moved to %s: %s", aside, error)

    build = Build(database, opened, repair, rules)
    watch = settings.watch
    return build, Options(rescan_s=watch.rescan_minutes * 60.0, poll_s=float(watch.poll_s))


def _hand_over(settings: Settings, paths: Sequence[bytes], on_ready: Callable[[ServeStarted], None]) -> bool:
    """Have a running daemon watch the roots; return False when there is none.

    Raises:
        AlreadyRunning: it watches all of them already.
    """
    from ckpt_indexer.daemon.service import ServeStarted
    from ckpt_indexer.daemon.wire import ask

    database = settings.catalog.db
    answer = ask(database, {"op": "add_roots", "paths": [os.fsdecode(path) for path in paths]})
    if answer is None:
        return False
    if not answer["added"]:
        message = f"process {answer['pid']} already serves {database} with these roots; nothing to do"
        raise AlreadyRunning(message, path=os.fspath(database), pid=answer["pid"])
    on_ready(ServeStarted(tuple(answer["added"]), os.fspath(database), "none", handed_to=answer["pid"]))
    return True


def _reload(service: Service, reload: Callable[[], Settings]) -> None:
    """Take over what can change while serving: the log level and new roots. Broken settings keep the old ones."""
    try:
        fresh = reload()
        logging.getLogger("ckpt_indexer").setLevel(fresh.log.level.upper())
        service.add_roots(real_paths([root.path for root in fresh.roots]), root_names(fresh))
    except CkptIndexerError as error:
        log.warning("the settings were not reloaded, the old ones stay: %s", error.message)
