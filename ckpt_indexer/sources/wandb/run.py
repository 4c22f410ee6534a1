"""What is known of one W&B run, wherever it was read: a value that crosses process borders, and what it says of one
checkpoint. Pure."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ckpt_indexer.metadata.fields import INT_LIMIT, is_clean, is_mapping
from ckpt_indexer.metadata.record import Component, Finding, Metric, Problem
from ckpt_indexer.sources.wandb.config import config_facts, unwrapped
from ckpt_indexer.sources.wandb.match import (
    Progress,
    ends_at,
    history_denies,
    is_counter,
    is_metric,
    is_validation,
    last_values_fit,
    match,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_ID = "wandb_run_id"
"""The field of the row that names a run."""
SUMMARY = "wandb:summary"
"""The voice of a run's last values, which need not be this checkpoint's."""
SENDABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a run id must be to be sent anywhere."""
_SENDABLE_PART = re.compile(r"[A-Za-z0-9_.-]{1,128}")
FINAL_STATES = frozenset({"finished"})
MAX_NAMES = 1_000
"""Names of one row, or of a summary, that are kept."""
MAX_NAME_LENGTH = 300
_MAX_PARAM_LENGTH, _MAX_PARAMS_LENGTH = 4_096, 256 << 10
"""Characters of one parameter, its name included, and of all of them."""
_OF_THE_RUN = re.compile(r"(?:^|[/_.])best(?:$|[/_.])|\.(?:max|min|mean|first|best)$", re.IGNORECASE)
"""Names of last values that sum up a run, whichever checkpoint was the last."""
_NO_NUMBER = frozenset({"NaN", "Infinity", "-Infinity"})
"""How W&B spells what JSON has no number for."""


class RunRef(NamedTuple):
    """A run as documents name it: a bare id, or `entity/project/id`."""

    id: str
    project: str | None = None
    entity: str | None = None

    @classmethod
    def parse(cls, text: object) -> RunRef | None:
        """Return the run that a text names; None when it names none."""
        if not isinstance(text, str):
            return None
        parts = text.strip().strip("/").split("/")
        if len(parts) == 4 and parts[2] == "runs":  # as in the address of its page
            del parts[2]
        if len(parts) > 3 or not all(parts):
            return None
        return cls(*reversed(parts))

    @property
    def sendable(self) -> bool:
        """Tell whether it may be put into a question to a server: complete but for the entity, and harmless."""
        named = self.project is not None and _is_part(self.project)
        return named and SENDABLE_ID.fullmatch(self.id) is not None and (self.entity is None or _is_part(self.entity))

    @property
    def key(self) -> str:
        """Return `entity/project/id`, as far as known."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part is not None)


@dataclass(slots=True)
class RunSaid:
    """What one run says of itself."""

    run_id: str
    entity: str | None = None
    project: str | None = None
    state: str | None = None
    """running, finished, crashed, failed, killed...; None: not known."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Row fields, from its configuration; JSON values."""
    components: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    """Its configuration, flat; JSON scalars and lists of them."""
    summary: dict[str, float | None] = field(default_factory=dict)
    """Its last values by logged name, counters among them; None for NaN and the infinities."""
    rows: list[dict[str, float | None]] = field(default_factory=list)
    """History rows that hold validation values, in logged order."""
    whole: bool = True
    """Every validation row there is so far is in `rows`."""
    program: str | None = None
    """Name of the script, without its directory."""
    git_commit: str | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def final(self) -> bool:
        """Tell whether the run will not change any more."""
        return self.state in FINAL_STATES

    def add_config(self, config: Mapping[Any, Any]) -> None:
        """Take facts, components and parameters from a configuration, wrapped or not."""
        found = config_facts(unwrapped(config))
        self.facts = found.facts
        self.components = [(part.role, part.name, _short(part.params)) for part in found.components]
        self.params = _short(found.params)

    def to_json(self) -> dict[str, Any]:  # JSON values
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the run another process, or the cache, answered with.

        Raises:
            ValueError, TypeError, KeyError: it is not what `to_json` made.
        """
        said = cls(**{name: value[name] for name in cls.__dataclass_fields__})
        said.components = [(role, name, dict(params)) for role, name, params in said.components]
        said.problems = [(kind, message) for kind, message in said.problems]
        return said


class RunAnswer(NamedTuple):
    """What a run says of one checkpoint."""

    findings: list[Finding]
    """The history and the configuration first; then, under `wandb:summary`, the run's last values where it has any."""
    denies: bool
    """The history proves that no validation ran at the checkpoint's step (`wandb_match.history_denies`)."""


def speak(said: RunSaid, progress: Progress, *, detail: str, alone: bool = False) -> RunAnswer:
    """Return what a run says of a checkpoint that belongs to it.

    `detail` names where it was read. Its last values are marked as stale, unless its counters say that they were logged
    at the checkpoint's step, or do not tell and the run has this one checkpoint only (`alone`).
    """
    found = match(said.rows, progress)
    main = Finding("wandb", detail, facts={**said.facts, RUN_ID: said.run_id}, params=dict(said.params))
    for name in ("program", "git_commit"):
        value = getattr(said, name)
        if value is not None:
            main.params.setdefault(f"environment.{name}", value)
    main.components = [Component(role, name, dict(params)) for role, name, params in said.components]
    main.metrics = found.metrics
    main.problems = [Problem(kind, message) for kind, message in said.problems] + found.problems
    if found.metrics:
        if progress.global_step is not None:
            main.facts["metrics_step"] = progress.global_step
        elif found.epoch is not None and progress.epoch is None:
            main.facts["epoch"] = found.epoch
    findings = [main]
    ended = said.state is not None and said.state != "running"
    denies = said.whole and history_denies(said.rows, progress, ended=ended)
    own = not denies and _summary_is_own(said, progress, alone=alone)
    summary = {
        name: Metric(value if value is None else float(value), stale=not own or _OF_THE_RUN.search(name) is not None)
        for name, value in said.summary.items()
        if is_metric(name)
    }
    if summary:
        findings.append(Finding(SUMMARY, f"{detail} (summary)", metrics=summary))
    return RunAnswer(findings, denies)


def _summary_is_own(said: RunSaid, progress: Progress, *, alone: bool) -> bool:
    """Tell whether the last values of a run are a checkpoint's."""
    if said.rows and progress != Progress() and not ends_at(said.rows, progress):
        return False
    fit = last_values_fit(said.summary, progress)
    return alone if fit is None else fit


def row_of(values: Mapping[str, Any], monitor: str | None = None) -> dict[str, float | None] | None:
    """Return the numbers of one history row by logged name; None when no validation value is among them."""
    row = {name: number for name, number in _numbers(values) if is_metric(name) or is_counter(name)}
    return row if any(is_validation(name, monitor) for name in row) else None


def summary_of(values: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the numbers of a summary by logged name, counters among them, without W&B's own values."""
    return {name: number for name, number in _numbers(values) if is_metric(name) or is_counter(name)}


def number_of(value: object) -> tuple[float | None] | None:
    """Return (the number,), (None,) for NaN and the infinities, None for what is no number."""
    if type(value) is int:
        return (value,) if -INT_LIMIT <= value < INT_LIMIT else None
    if isinstance(value, float):
        return (value if isfinite(value) else None,)
    return (None,) if isinstance(value, str) and value in _NO_NUMBER else None


def _short(params: dict[str, Any]) -> dict[str, Any]:  # JSON scalars and lists of them
    """Return the parameters without the few that are too long to be ones, whole prompts and vocabularies, and without
    those there is no room for."""
    room = _MAX_PARAMS_LENGTH
    kept = {}
    for name, value in params.items():
        length = len(name) + _length(value)
        if length <= _MAX_PARAM_LENGTH and length <= room:
            kept[name] = value
            room -= length
    return kept


def _length(value: object) -> int:
    if isinstance(value, list):
        return sum(_length(item) + 2 for item in value)
    return len(value) if isinstance(value, str) else 1


def is_name(name: object) -> bool:
    """Tell whether a key can be the name of a metric."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH and is_clean(name)


def _numbers(values: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Return (logged name, number) of every number; nested mappings get dotted names, as on W&B's pages. What W&B made
    of an image, table or histogram says `_type` and is none."""
    found: list[tuple[str, float | None]] = []
    waiting: list[tuple[str, Any, int]] = [(name, value, 1) for name, value in reversed(list(values.items()))]
    while waiting and len(found) < MAX_NAMES:
        name, value, depth = waiting.pop()
        if not is_name(name):
            continue
        if is_mapping(value):
            if "_type" not in value and depth < 8 and len(waiting) < MAX_NAMES:
                inner = [(key, below) for key, below in value.items() if isinstance(key, str)]
                waiting += [(f"{name}.{key}", below, depth + 1) for key, below in reversed(inner)]
            continue
        number = number_of(value)
        if number is not None:
            found.append((name, number[0]))
    return found


def _is_part(text: str) -> bool:
    return _SENDABLE_PART.fullmatch(text) is not None and text.strip(".") != ""
