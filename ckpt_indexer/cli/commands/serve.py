"""`ckpt-indexer serve`: the daemon, in the foreground."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, logs, stdout
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import root_argument, roots_are_typed
from ckpt_indexer.cli.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.daemon.service import ServeStarted


log = logging.getLogger(__name__)


@click.command(
    "serve",
    cls=Command,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer serve outputs/",
        "ckpt-indexer serve outputs/ /data/archive --db team.db",
        "ckpt-indexer serve --port 0 --log-format json 2> serve.log",
    ),
)
@root_argument
@click.option("--host", metavar="ADDRESS", help="Address to answer on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Port; 0 takes a free one.  [default: 8765]")
@click.option("--uds", metavar="PATH", help="Unix socket to answer on, too.")
@click.option("--auth", type=click.Choice(["writes", "all"]), help="What needs the token.  [default: writes]")
@click.option("--no-ui", "ui", flag_value=False, type=bool, default=None, help="Answer without the page at /ui.")
@click.pass_obj
def command(session: Session, /, roots: tuple[Path, ...], **flags: str | int | bool | None) -> int:
    """Watch directories and keep the catalog fresh until Ctrl-C or SIGTERM.

    Known roots and those of the settings are watched too. While a daemon runs for the catalog, `serve NEW_ROOT` hands
    the root to it and ends.

    It answers over HTTP on this machine. Changes and SQL need the token that lies beside the database in DB.token;
    with `--auth all` reads do, too, which an address that other machines can reach demands.

    Where the extra `ui` is installed, the page is at /ui. Its address is told on stderr before the line for scripts;
    opened once with its token, it may change things, too.

    Once it watches it prints a line for scripts: `serving ROOT... db=PATH url=URL`. A path with spaces or quotes in it
    stands in shell quotes there, so that `shlex.split` (or the shell) takes the line apart.
    """
    session.add_flags({f"server.{name}": value for name, value in flags.items()})
    logs.configure(session, daemon=True)
    with roots_are_typed(roots):
        return session.app.serve(
            session.settings,
            roots,
            on_ready=lambda started: _announce(session, started),
            reload=session.read_settings,
        )


def _tell_page(session: Session, address: str) -> None:
    """Say where the page is. The journal, which others may read, is not told the token."""
    if sys.stderr.isatty():
        session.say(f"page: {address}")
    else:
        log.info("the page is at %s", address.partition("?")[0] if logs.is_journal(session) else address)


def _word(path: str) -> str:
    """Return a path as one word for `shlex.split` and the shell: quoted only where it would be several, or another."""
    path = shown(path)
    return shlex.quote(path) if any(char.isspace() or char in "'\"\\" for char in path) else path


def _announce(session: Session, started: ServeStarted) -> None:
    """Print the line that scripts wait for; another one when the running daemon took the roots over."""
    if started.page is not None:
        _tell_page(session, started.page)
    roots, database = " ".join(map(_word, started.roots)), _word(started.database)
    if started.handed_to is None:
        line = f"serving {roots} db={database} url={started.url}"
    else:
        line = f"process {started.handed_to} now watches {roots} too db={database}"
    try:
        stdout.lines([line])
        stdout.flush()
    except stdout.ReaderLeft:  # nobody waits for the line: no reason not to serve
        stdout.abandon()
