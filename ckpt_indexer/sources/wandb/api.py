"""The W&B API as a source: what the cache holds of a run, at once. Off unless configured; no row ever waits for it.

chain -> WandbApiSource -> cache: what is known now, and a wish for the rest
                             ^
WandbEnricher, its own thread: wishes -> back-off and breaker -> child process -> cache -> `answers()`
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ckpt_indexer.sources.around import run_levels
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.company import checkpoints_below, company
from ckpt_indexer.sources.wandb.breaker import BreakerOptions
from ckpt_indexer.sources.wandb.match import Progress
from ckpt_indexer.sources.wandb.run import RUN_ID, RunRef, RunSaid, speak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.metadata.record import Finding
    from ckpt_indexer.sources.base import Said
    from ckpt_indexer.sources.wandb.cache import Cached, WandbCache

_ANSWER_VERSION = 1
"""Kept answers of another version are asked for again."""


class Outcome(StrEnum):
    """How asking about a run ended."""

    OK = "ok"
    NOTFOUND = "notfound"
    UNAUTHORISED = "unauthorised"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class WandbOptions:
    """Whether and whom to ask. The key is none of these: the child finds it in the environment or the netrc file."""

    enabled: bool = False
    entity: str | None = None
    """For run ids that name none; None: the account's own."""
    project: str | None = None
    """Likewise; without one a bare id is never sent."""
    base_url: str | None = None
    """The one server asked; None: the one the package knows."""
    timeout_s: float = 5.0
    running_ttl_s: float = 300.0
    """Answers about runs that go on are asked for again after this long."""
    absent_ttl_s: float = 86_400.0
    """Likewise for runs the server does not know."""
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


def complete(run: RunRef, options: WandbOptions) -> RunRef | None:
    """Return the run with entity and project filled in from the options; None when it must not be sent."""
    project = run.project if run.project is not None else options.project
    whole = RunRef(run.id, project, run.entity if run.entity is not None else options.entity)
    return whole if whole.sendable else None


class WandbApiSource:
    """Says what the cache holds on a checkpoint's run, and wishes for what it does not hold. Never blocks."""

    name = "wandb"
    cost = Cost.INLINE

    def __init__(
        self,
        *,
        options: WandbOptions,
        cache: WandbCache,
        want: Callable[[RunRef, Iterable[int]], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._cache = cache
        self._want = want
        self._now = now

    def find(self, candidate: Candidate, said: Said) -> Finding | None:
        """Return what the API said of this checkpoint's run; the summary is in its `also`. None when it is not asked:
        no run id, or the run's own directory told the metrics already."""
        found = self.findings(candidate, said)
        if not found:
            return None
        found[0].also = found[1:]
        return found[0]

    def findings(self, candidate: Candidate, said: Said) -> list[Finding]:
        """Return history and configuration first, then the summary where the run has one."""
        run = self._run_of(said)
        if run is None or any(one.source == self.name and one.metrics for one in said.findings):
            return []
        step = said.fact("global_step")
        cached = self._cache.get(run.key)
        if cached is None or is_stale(cached, self._now(), self._options):
            self._want(run, () if step is None else (step,))
        known = None if cached is None else run_said(cached.answer)
        if known is None:
            return []
        alone = checkpoints_below(candidate.root, _run_dir(candidate.directory)) == 1
        findings = speak(known, Progress(said.fact("epoch"), step), detail=f"api:{run.key}", alone=alone).findings
        findings[0].facts.pop(RUN_ID, None)  # whoever named the run spells it as they like
        return findings

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return whether a run has one checkpoint or several: it consults no files."""
        return company(root, _run_dir(directory)) if self._options.enabled else []

    def _run_of(self, said: Said) -> RunRef | None:
        run = RunRef.parse(said.fact(RUN_ID)) if self._options.enabled else None
        return None if run is None else complete(run, self._options)


def _run_dir(directory: bytes) -> bytes:
    return run_levels(directory)[-1]


def kept_answer(outcome: Outcome, run: RunSaid | None) -> dict[str, Any]:  # JSON values
    """Return an answer as the cache keeps it."""
    return {"version": _ANSWER_VERSION, "outcome": outcome, "run": None if run is None else run.to_json()}


def run_said(answer: Mapping[str, Any]) -> RunSaid | None:  # JSON values
    """Return the run in a kept answer; None when there is none, or a release with other answers kept it."""
    if answer.get("version") != _ANSWER_VERSION or answer.get("run") is None:
        return None
    return RunSaid.from_json(answer["run"])


def is_stale(cached: Cached, now: float, options: WandbOptions) -> bool:
    """Tell whether a kept answer should be asked for again: never for a run that has ended. A moment in the future,
    which a clock that was set back leaves, counts like one as long ago."""
    if cached.answer.get("version") != _ANSWER_VERSION:
        return True
    absent = cached.answer.get("outcome") != Outcome.OK
    return not cached.final and abs(now - cached.fetched_at) > (
        options.absent_ttl_s if absent else options.running_ttl_s
    )
