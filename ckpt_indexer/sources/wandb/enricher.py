"""The thread that asks the W&B server about wanted runs, and what keeps it polite. Knows no row and no table.

Whoever owns it describes the checkpoints of an answered run anew. Being offline is normal: one line at INFO, then
silence until the state changes.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ckpt_indexer.errors import SourceRejected, SourceUnavailable
from ckpt_indexer.sources.wandb.api import Outcome, complete, kept_answer
from ckpt_indexer.sources.wandb.breaker import Breaker
from ckpt_indexer.sources.wandb.process import COMMAND, WandbProcess
from ckpt_indexer.sources.wandb.run import RunRef, RunSaid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from ckpt_indexer.sources.wandb.api import WandbOptions
    from ckpt_indexer.sources.wandb.cache import WandbCache

_log = logging.getLogger(__name__)
_MAX_WISHES = 10_000
_QUESTIONS_PER_CHILD = 100
_LINGER_S = 2.0
"""How long an idle child is kept for further wishes."""


class Answered(NamedTuple):
    """A run the server answered about."""

    run: RunRef
    outcome: Outcome


class WandbEnricher:
    """Asks the server about wanted runs, one after the other, on a thread of its own.

    `environ` is where the child looks for its key and for proxies. `on_change` is called on the enricher's thread after
    every question: there may be `answers()`, and the breaker may have moved.
    """

    def __init__(
        self,
        *,
        options: WandbOptions,
        cache: WandbCache,
        environ: Mapping[str, str],
        on_change: Callable[[], None] | None = None,
        command: Sequence[str] = COMMAND,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._cache = cache
        self._environ = environ
        self._on_change = on_change
        self._command = command
        self._now = now
        self._monotonic = monotonic
        self._wishes: dict[str, RunRef] = {}
        self._answered: list[Answered] = []
        self._changed = threading.Condition()
        self._closed = False
        self._breaker = Breaker()
        self._child: WandbProcess | None = None
        self._questions = 0
        self._warned = False
        self._thread = threading.Thread(target=self._work, name="wandb-enricher", daemon=True)

    def start(self) -> Self:
        """Start the thread, unless the source is switched off."""
        if self._options.enabled:
            self._thread.start()
        return self

    def want(self, run: RunRef, steps: Iterable[int] = ()) -> None:  # noqa: ARG002  # one answer holds all steps of a run
        """Ask about a run soon. An answer holds every validation row of the run, so the steps only say why."""
        whole = complete(run, self._options)
        if not self._options.enabled or whole is None:
            return
        with self._changed:
            if whole.key not in self._wishes and len(self._wishes) < _MAX_WISHES and not self._closed:
                self._wishes[whole.key] = whole
                self._changed.notify_all()

    def answers(self) -> list[Answered]:
        """Return the runs answered about since the last call; the answers themselves are in the cache."""
        with self._changed:
            answered, self._answered = self._answered, []
        return answered

    def waiting(self) -> int:
        """Return how many runs are still to be asked about."""
        with self._changed:
            return len(self._wishes)

    def breaker(self) -> Breaker:
        """Return the state of the breaker, for health."""
        return self._breaker

    def close(self) -> None:
        """End the thread and the child; wishes that are left are dropped."""
        with self._changed:
            self._closed = True
            child = self._child
            self._changed.notify_all()
        if child is not None:
            child.close()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        while (run := self._next()) is not None:
            outcome, said = self._ask(run)
            answered = outcome in {Outcome.OK, Outcome.NOTFOUND}
            if answered:
                final = said is not None and said.final
                self._cache.put(run.key, kept_answer(outcome, said), self._now(), final=final)
            with self._changed:
                if answered:
                    self._wishes.pop(run.key, None)
                    self._answered.append(Answered(run, outcome))
                elif not self._closed:
                    self._put_last(run)
            self._note(outcome)
            if self._on_change is not None and not self._closed:
                self._on_change()
        self._drop_child()

    def _next(self) -> RunRef | None:
        """Wait for a wish, and for the breaker; None when closed."""
        with self._changed:
            while not self._closed:
                if not self._wishes:
                    self._changed.wait(None if self._child is None else _LINGER_S)
                    if not self._wishes:
                        self._drop_child()
                    continue
                wait_s = self._breaker.wait_s(self._monotonic())
                if wait_s <= 0:
                    return next(iter(self._wishes.values()))
                self._changed.wait(wait_s)
        return None

    def _ask(self, run: RunRef) -> tuple[Outcome, RunSaid | None]:
        """Ask the child, a new one where there is none."""
        try:
            if self._child is None or self._questions >= _QUESTIONS_PER_CHILD:
                self._drop_child()
                self._start_child()
            if self._child is None:  # closed meanwhile
                return Outcome.UNREACHABLE, None
            self._questions += 1
            answer = self._child.ask(run.key)
        except (SourceUnavailable, SourceRejected) as error:
            self._drop_child()
            _log.debug("the W&B server was not asked", extra={"run": run.key, "reason": error.message})
            if isinstance(error, SourceRejected):
                self._warn(error.message)
            return Outcome.UNREACHABLE, None
        return self._understand(run, answer)

    def _understand(self, run: RunRef, answer: dict[str, Any]) -> tuple[Outcome, RunSaid | None]:  # JSON values
        try:
            outcome = Outcome(answer["outcome"])
            said = RunSaid.from_json(answer["run"]) if outcome is Outcome.OK else None
        except (KeyError, TypeError, ValueError):
            self._drop_child()
            return Outcome.UNREACHABLE, None
        if outcome not in {Outcome.OK, Outcome.NOTFOUND}:
            self._drop_child()  # its login, or its connection, is not worth keeping
            _log.debug("the W&B server was asked in vain", extra={"run": run.key, "reason": answer.get("reason")})
        return outcome, said

    def _start_child(self) -> None:
        options = self._options
        asked = {"base_url": options.base_url, "entity": options.entity, "project": options.project}
        child = WandbProcess.start({**asked, "timeout_s": options.timeout_s}, self._environ, self._command)
        with self._changed:
            closed = self._closed
            if not closed:
                self._child, self._questions = child, 0
        if closed:
            child.close()
        else:
            child.wait_until_ready()

    def _drop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _put_last(self, run: RunRef) -> None:
        """Let the others go first next time: one run that kills the child must not keep them waiting."""
        if run.key in self._wishes:
            self._wishes[run.key] = self._wishes.pop(run.key)

    def _note(self, outcome: Outcome) -> None:
        """Move the breaker, and log where its state changes."""
        before = self._breaker
        if outcome in {Outcome.OK, Outcome.NOTFOUND}:
            self._breaker = before.succeeded()
            if before.failures:
                _log.info("the W&B server answers again")
            return
        self._breaker = before.failed(self._monotonic(), self._options.breaker)
        if not before.failures and not self._closed:
            _log.info("the W&B server is not available; asking again later", extra={"reason": str(outcome)})

    def _warn(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("the W&B API is configured and cannot be used", extra={"reason": message})
