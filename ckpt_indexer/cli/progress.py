"""How far a scan is, on stderr: one moving line on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckpt_indexer.cli.text import count, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.ingest.summary import ScanProgress

    Listener = Callable[[ScanProgress], None]

PAUSE_S = 5.0
"""Plain lines come this far apart."""


@contextmanager
def showing(session: Session) -> Iterator[Listener | None]:
    """Give what a scan reports its progress to; None with `-q`."""
    if session.quiet:
        yield None
    elif sys.stderr.isatty():
        from ckpt_indexer.cli.terminal import moving_line

        with moving_line("looking at the disk", color=session.color) as update:
            yield lambda progress: update(described(progress))
    else:
        yield Lines(session.say)


def described(progress: ScanProgress) -> str:
    """Return one line about a report."""
    pending = f", {progress.pending:,} pending" if progress.pending else ""
    return (
        f"{progress.phase} {shown(progress.root)}: {progress.done:,} of {count(progress.found, 'checkpoint')}{pending}"
    )


class Lines:
    """Says a line when the phase changes and then once in a while; never one per file."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Say lines through `say`; `clock` counts seconds."""
        self._say = say
        self._clock = clock
        self._last: tuple[str, str] | None = None
        self._due = 0.0

    def __call__(self, progress: ScanProgress) -> None:
        """Take one report."""
        place, now = (progress.phase, progress.root), self._clock()
        if place == self._last and now < self._due:
            return
        self._last, self._due = place, now + PAUSE_S
        self._say(described(progress))


def reconcile(session: Session) -> None:
    """Make the catalog equal the disk before a question (`--refresh`). Never makes a catalog."""
    if not session.app.database_path(session.settings).exists():
        session.app.open_catalog(session.settings).close()  # says in its own words that there is none
    with showing(session) as progress:
        session.app.scan(session.settings, (), full=False, progress=progress)
