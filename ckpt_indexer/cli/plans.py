"""A plan as people read it: what is to be written, what became of it, in lines."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ckpt_indexer.cli import stdout, text
from ckpt_indexer.cli.progress import showing
from ckpt_indexer.metadata.naming import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ckpt_indexer.cli.progress import Listener
    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.ingest.summary import ScanProgress
    from ckpt_indexer.tools.plan import Plan, Step

SHOWN_PLACES = 10


class Progress:
    """Shows how far things are, and can be put away for something to be printed: a line that moves on the terminal and
    other output do not go together."""

    def __init__(self, session: Session) -> None:
        """Show nothing yet."""
        self._session = session
        self._shown = ExitStack()
        self._listener: Listener | None = None

    def __call__(self, report: ScanProgress) -> None:
        """Take one report."""
        if self._session.quiet:
            return
        if self._listener is None:
            self._listener = self._shown.enter_context(showing(self._session))
        if self._listener is not None:
            self._listener(report)

    def close(self) -> None:
        """Put it away; the next report brings it back."""
        self._listener = None
        self._shown.close()


def told(step: Step, plan: Plan, *, verbose: bool, detail: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of one step: always what is written and what failed; what is skipped only when asked to."""
    from ckpt_indexer.tools.plan import Outcome

    path = text.shown(display(step.path))
    if step.outcome is Outcome.WRITE and step.target is not None:
        yield f"{'would write' if plan.dry_run else 'write'}  {text.shown(display(step.target))}"
        if verbose:
            yield from (f"    {text.shown(line)}" for line in detail)
        left_out = step.told.get("left_out")
        if left_out:
            yield f"    left out, too large: {', '.join(left_out)}"
    elif step.outcome is Outcome.FAIL:
        yield f"fail  {path}: {text.shown(step.message)}"
    elif verbose:
        yield f"skip  {path}: {text.shown(step.message)}"


def show(lines: Iterable[str], progress: Progress) -> None:
    """Print the lines of a plan. That nobody reads on (`| head`) keeps it from being shown, not from being executed."""
    progress.close()
    with suppress(stdout.ReaderLeft):
        stdout.lines(lines)


def summary_lines(plan: Plan, done: str) -> Iterator[str]:
    """Yield the steps that went otherwise than planned, then how many there were and what became of them."""
    from ckpt_indexer.tools.plan import Outcome

    for step in plan.turned:
        yield from told(step, plan, verbose=True)

    skipped, failed = plan.reasons(Outcome.SKIP), plan.reasons(Outcome.FAIL)
    lines = [
        ("found", f"{len(plan.steps):,}"),
        (f"to be {done}" if plan.dry_run else done, f"{plan.count(Outcome.WRITE):,}"),
        ("skipped", f"{plan.count(Outcome.SKIP):,}{_because(skipped)}"),
        ("failed", f"{plan.count(Outcome.FAIL):,}{_because(failed)}"),
    ]
    backups = sum(step.backup is not None for step in plan.steps)
    if backups:
        lines.append(("kept as .bak", f"{backups:,}"))
    yield from text.columns(lines)


def _because(reasons: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {word}' for word, number in reasons.items())})" if reasons else ""


def tell_of_places(session: Session, places: Sequence[Mapping[str, str]], *, complete: bool) -> None:
    """Say which places were not looked into."""
    for place in places[:SHOWN_PLACES]:
        session.say(f"{place['path']}: {place['message']}")
    if len(places) > SHOWN_PLACES:
        session.say(f"and {len(places) - SHOWN_PLACES} more places like these")
    if not complete:
        session.say("not every directory could be listed; what lies there was not looked at")
