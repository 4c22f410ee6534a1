"""Ask the sources in order, then merge what they said by trust. The merging is pure; asking only calls the sources.

    candidate -> [sidecar, header] -> cross-check -> [config, wandb, trainer] -> [names] -> findings -> merge -> record

What lies around a checkpoint is asked only when a document that can be believed and the file itself leave something
open: epoch, global step, architecture, encoder, experiment, one metric.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import NeedsChild, SourceError
from ckpt_indexer.metadata.metrics import HEADLINES, headline
from ckpt_indexer.metadata.provenance import SOURCES, group_of, rank
from ckpt_indexer.metadata.record import Conflict, Problem, Record, SidecarState
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.cross_check import COUNTERS, cross_check
from ckpt_indexer.sources.surroundings import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.metrics import Headline
    from ckpt_indexer.metadata.record import Component, Finding
    from ckpt_indexer.sources.base import Source, SurroundingSource

DOUBTED = frozenset({*COUNTERS, "metrics_step"})
"""What a contradicted document is not believed in, beside its metrics."""
COMPLETE = ("epoch", "global_step", "architecture", "backbone", "experiment")
"""With these and one fresh metric nothing further is asked."""


@dataclass(slots=True)
class Asked:
    """What the sources of one chain said about one candidate."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """From sources that should have had an answer and could not give it."""
    needs_child: bool = False
    """A source can answer only in a limited child: ask the chain that has one."""
    surroundings: bytes | None = None
    """State of the files around it when they were asked; None when they were not."""


def is_complete(findings: Sequence[Finding]) -> bool:
    """Tell whether the findings together answer everything the catalog ranks and groups by."""
    if any(finding.sidecar_state is SidecarState.CONTRADICTED for finding in findings):
        return False
    known: set[str] = set()
    for finding in findings:
        known.update(finding.facts)
    return known.issuperset(COMPLETE) and any(
        metric.value is not None and not metric.stale for finding in findings for metric in finding.metrics.values()
    )


def is_settled(findings: Sequence[Finding]) -> bool:
    """Tell whether a document that nothing speaks against and the file itself leave nothing open."""
    states = {finding.sidecar_state for finding in findings}
    return not states.isdisjoint({SidecarState.VERIFIED, SidecarState.UNVERIFIED}) and is_complete(findings)


class Chain:
    """An ordered list of sources: the file and its document, then what lies around it, then its name."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        around: Sequence[SurroundingSource] = (),
        last: Sequence[Source] = (),
        reads_files: bool = False,
    ) -> None:
        """Take the sources in the order in which they are asked; `reads_files`: one of them reads checkpoints."""
        self.reads_files = reads_files
        self._sources = tuple(sources)
        self._around = tuple(around)
        self._last = tuple(last)

    def ask(self, candidate: Candidate) -> Asked:
        """Return what the sources say, stopping when nothing is left open. One failing source never hides others."""
        asked = Asked()
        self._ask(self._sources, candidate, asked)
        if asked.needs_child:
            return asked
        cross_check(asked.findings)
        if is_settled(asked.findings):
            return asked
        if self._around:
            asked.surroundings = digest_of(self._around, candidate.root, candidate.directory)
            self._ask(self._around, candidate, asked)
        self._ask(self._last, candidate, asked)
        return asked

    @staticmethod
    def _ask(sources: Sequence[Source], candidate: Candidate, asked: Asked) -> None:
        said = Said(asked.findings)
        for source in sources:
            try:
                finding = source.find(candidate, said)
            except NeedsChild:
                asked.needs_child = True
                return
            except SourceError as error:
                asked.problems.append(Problem(f"{source.name}_failed", error.message))
                continue
            if finding is not None:
                asked.findings += [finding, *finding.also]


def merge(asked: Asked, headlines: Sequence[Headline] = HEADLINES) -> Record:
    """Return the record these findings add up to: each field from the most trusted source that knows it.

    Order of the findings does not matter, except between two of equal rank, where the first wins.
    """
    record = Record(problems=list(asked.problems), surroundings=asked.surroundings)
    contradicted = [f for f in asked.findings if f.sidecar_state is SidecarState.CONTRADICTED]
    for finding in asked.findings:
        record.problems += finding.problems
        record.inputs += finding.inputs
        record.details[finding.source] = finding.detail
        if finding.header is not None:
            record.header = finding.header
        record.tags += [tag for tag in finding.tags if tag not in record.tags]
        if finding.source == "sidecar":
            record.sidecar_state = finding.sidecar_state
            record.has_sidecar = finding.sidecar_state is not None
    _merge_facts(record, asked.findings)
    _merge_metrics(record, _fresh([f for f in asked.findings if f not in contradicted]))
    for finding in contradicted:
        _set_aside(record, finding)
    _merge_lists(record, asked.findings)
    values, problems = headline(record.metrics, headlines)
    record.headline = values
    record.problems += problems
    record.source = _speaker(record)
    return record


def _merge_facts(record: Record, findings: Sequence[Finding]) -> None:
    said_by: dict[str, Finding] = {}
    contested: dict[str, list[Finding]] = {}
    for finding in findings:
        facts = _trusted(finding) if finding.sidecar_state is SidecarState.CONTRADICTED else finding.facts
        for name in facts:
            if said_by.setdefault(name, finding) is not finding:
                contested.setdefault(name, [said_by[name]]).append(finding)
    for name, claims in contested.items():
        claims.sort(key=lambda finding: _weight(name, finding))
        said_by[name] = first = claims[0]
        record.conflicts += [
            Conflict(name, first.facts[name], other.facts[name], first.source, other.source)
            for other in claims[1:]
            if other.facts[name] != first.facts[name] and name not in other.defaults
        ]
    record.facts = {name: finding.facts[name] for name, finding in said_by.items()}
    record.provenance = {name: finding.source for name, finding in said_by.items()}


def _trusted(finding: Finding) -> dict[str, Any]:  # JSON values
    """Return what a contradicted sidecar is still believed in."""
    return {name: value for name, value in finding.facts.items() if name not in DOUBTED}


def _weight(name: str, finding: Finding) -> int:
    """Return how far a finding is trusted for a field, the lowest most; a default comes after any measurement."""
    return rank(group_of(name), finding.source) + (100 if name in finding.defaults else 0)


def _fresh(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings, the file's own metrics stale where a history of the run denies that they are its own, or
    where the file is cut off: what cannot be loaded is not the best by its own word."""
    denied = any(finding.denies for finding in findings)
    return [
        replace(f, metrics={name: metric._replace(stale=True) for name, metric in f.metrics.items()})
        if f.source == "header" and (denied or (f.header or {}).get("complete") is False)
        else f
        for f in findings
    ]


def _merge_metrics(record: Record, findings: Iterable[Finding]) -> None:
    ordered = sorted((f for f in findings if f.metrics), key=lambda f: rank("metrics", f.source))
    for place, finding in enumerate(ordered):
        for name, metric in finding.metrics.items():
            kept = record.metrics.get(name)
            if kept is None:
                record.metrics[name] = metric
                if place:
                    record.provenance[f"metrics.{name}"] = finding.source
            elif kept.value != metric.value and not (kept.stale or metric.stale):
                source = record.provenance.get(f"metrics.{name}", ordered[0].source)
                record.conflicts.append(Conflict(f"metrics.{name}", kept.value, metric.value, source, finding.source))
    if ordered:
        record.provenance["metrics"] = ordered[0].source


def _set_aside(record: Record, finding: Finding) -> None:
    """Keep what a contradicted sidecar says of progress and metrics as conflicts: shown, never ranked."""
    for name, value in finding.facts.items():
        if name in DOUBTED and record.facts.get(name) != value:
            kept = record.facts.get(name)
            record.conflicts.append(Conflict(name, kept, value, record.provenance.get(name, ""), finding.source))
    for name, metric in finding.metrics.items():
        mine = record.metrics.get(name)
        if mine is None or mine.value != metric.value:
            value = None if mine is None else mine.value
            who = record.provenance.get(f"metrics.{name}", record.provenance.get("metrics", ""))
            record.conflicts.append(Conflict(f"metrics.{name}", value, metric.value, who, finding.source))


def _merge_lists(record: Record, findings: Sequence[Finding]) -> None:
    """Directions and hyper-parameters fill gaps key by key; components role by role."""
    _merge_params(record, findings)
    roles: set[str] = set()
    said = [finding for finding in findings if finding.directions or finding.components]
    for finding in sorted(said, key=lambda f: rank("model", f.source)):
        for name, direction in finding.directions.items():
            record.directions.setdefault(name, direction)
        fresh = [component for component in finding.components if component.role not in roles]
        record.components += fresh
        roles.update(component.role for component in fresh)
        if fresh:
            record.provenance.setdefault("components", finding.source)
            record.provenance.update(dict.fromkeys(_defaults_of(fresh, finding), "default"))


def _merge_params(record: Record, findings: Sequence[Finding]) -> None:
    """Fill hyper-parameters key by key; `params` names who gave most of them, `params.KEY` who gave another one."""
    given: dict[str, list[str]] = {}
    for finding in sorted((f for f in findings if f.params), key=lambda f: rank("progress", f.source)):
        fresh = [key for key in finding.params if key not in record.params]
        record.params.update((key, finding.params[key]) for key in fresh)
        given.setdefault(finding.source, []).extend(fresh)
    if not given:
        return
    main = max(given, key=lambda source: len(given[source]))
    record.provenance["params"] = main
    record.provenance.update(
        (f"params.{key}", source) for source, keys in given.items() if source != main for key in keys
    )


def _defaults_of(components: Sequence[Component], finding: Finding) -> list[str]:
    """Return `components.ROLE.PARAM` of the values that the writer of a document is known to have filled in."""
    roles = {component.role for component in components}
    return sorted(name for name in finding.defaults if name.startswith("components.") and name.split(".")[1] in roles)


def _speaker(record: Record) -> str | None:
    """Return the most trusted source of the metrics, else of the epoch, else of anything."""
    for name in ("metrics", "epoch"):
        if name in record.provenance:
            return record.provenance[name].partition(":")[0]
    said = set(record.provenance.values())
    return next((source for source in SOURCES if source in said), None)
