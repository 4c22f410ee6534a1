"""What is known of a checkpoint as a document of version 2.0. Pure, and imported without a model library.

Only facts are written: what is unknown is left out, flags that an old writer filled in are no facts, the last values of
a whole run are not this checkpoint's, stale values are null. Every value keeps its origin: `environment.sources` names
the source of each field in the row's words, `environment.read_from` where in it. What the strict schema has no place
for (nested values, text with NUL) is left out too, so that the outcome is always a valid document.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Kind
from ckpt_indexer.metadata.fields import INT_LIMIT, is_clean, is_mapping, is_relative
from ckpt_indexer.metadata.model_block import model_block
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.provenance import FIELDS
from ckpt_indexer.metadata.record import SidecarState
from ckpt_indexer.metadata.runs import place_of
from ckpt_indexer.metadata.schema import HEADLINE_NAMES, LATEST, MODES, PHASES
from ckpt_indexer.metadata.writable import Block, aware, block, name, one_word, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Record

SUMMARY = "wandb:summary"
"""The source of a run's last values."""
_PACKING = frozenset({"schema_version", "format", "content_id", "weights_id"})
"""Fields that say how a file is packed or told apart, not what it is."""
_PLACE = frozenset({"run_dir", "experiment"})
"""Fields that every path suggests."""
_HYDRA = ".hydra/config.yaml"
_MADE = ("converted_by", "converted_at", "sources", "read_from")
"""Keys of `environment` that are ours."""


def is_known(record: Record) -> bool:
    """Tell whether anything but the path says what the checkpoint is."""
    silent = {"names", "default"}
    return any(source not in silent and field not in _PACKING | _PLACE for field, source in record.provenance.items())


def is_proven(record: Record) -> bool:
    """Tell whether a document made of this record describes the file as it is now: neither its counters nor its
    metrics rest on a document that nobody could hold against the file."""
    if record.sidecar_state in {None, SidecarState.VERIFIED, SidecarState.CONTRADICTED}:
        return True
    return not any(source == "sidecar" and _is_measured(field) for field, source in record.provenance.items())


def _is_measured(field: str) -> bool:
    """Tell whether a field says how far training was or what came of it."""
    return FIELDS.get(field) in {"progress", "metrics"} or field.partition(".")[0] == "metrics"


def author(
    record: Record, candidate: Candidate, *, program: str, at: str, kept: Mapping[str, Any] | None = None
) -> Block:
    """Return what a record says about a candidate as a document of version 2.0, plain values only.

    `program` and `at` (an ISO 8601 moment with its zone) say who made the document and when. `kept` are the parts of an
    earlier document for which a record has no place, by key path (`Reading.extra`); unknown ones are left out.
    """
    facts, extra = record.facts, kept or {}
    metrics = _metrics(record)
    split, version = name(facts.get("split")), name(extra.get("dataset.version"))
    experiment = _experiment(record, candidate)
    return block(
        schema_version=LATEST,
        checkpoint_path=_path(candidate.path),
        exp_name=experiment,
        created_at=aware(facts.get("created_at")),
        file=_file(record, candidate),
        training=_training(facts),
        model=model_block(record),
        metrics=metrics,
        metrics_step=_metrics_step(facts) if metrics else None,
        checkpointing=_checkpointing(facts, extra),
        run=_run(record, extra),
        dataset=block(name=name(facts.get("dataset")), version=version, split=split),
        lineage=_lineage(extra.get("lineage")),
        params=flatten(record.params, "", []),
        environment=_environment(record, extra.get("environment"), program, at, is_named=experiment is not None),
        saved_as=one_word(facts.get("saved_as")),
        tags=[tag for tag in map(name, record.tags) if tag is not None],
        notes=text(facts.get("notes")),
        hydra_config_path=_hydra_config(facts.get("config_path"), extra),
        wandb_run_id=name(facts.get("wandb_run_id")),
    )


def _path(path: bytes) -> str | None:
    """Return the path as documents hold it; None for a name that is no UTF-8: `file.name` shows that one escaped."""
    try:
        found = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return found if is_relative(found) and is_clean(found) else None


def _experiment(record: Record, candidate: Candidate) -> str | None:
    """Return the experiment; one that only the place suggests has to be named for it: `outputs` names no experiment."""
    said = name(record.facts.get("experiment"))
    if record.provenance.get("experiment", "names") != "names":
        return said
    root_name = candidate.root.rpartition(b"/")[2]
    return said if place_of(root_name + b"/" + candidate.path, "").experiment else None


def _file(record: Record, candidate: Candidate) -> Block:
    """Return what ties the document to its file: by name alone where not everything in it was checked."""
    own: Block = {"name": display(candidate.name)}
    stamp = candidate.fingerprint
    if candidate.kind is Kind.DIRECTORY or not is_proven(record) or abs(stamp.mtime_ns) >= INT_LIMIT:
        return own
    return {**own, "size_bytes": stamp.size_bytes, "mtime_ns": stamp.mtime_ns}


def _training(facts: Mapping[str, Any]) -> Block:
    phase = facts.get("training_phase")
    return block(
        epoch=whole(facts.get("epoch")),
        global_step=whole(facts.get("global_step")),
        training_phase=phase if phase in PHASES else None,
        max_epochs=whole(facts.get("max_epochs"), low=-1),
    )


def _checkpointing(facts: Mapping[str, Any], extra: Mapping[str, Any]) -> Block:
    mode, last = facts.get("monitor_mode"), extra.get("checkpointing.save_last")
    return block(
        monitor=name(facts.get("monitor")),
        mode=mode if mode in MODES else None,
        save_top_k=whole(extra.get("checkpointing.save_top_k"), low=-1),
        save_last=last if isinstance(last, bool) else None,
    )


def _run(record: Record, extra: Mapping[str, Any]) -> Block:
    """Return the run. A directory that only the place of the file suggests is left out: it changes with the root."""
    directory = text(record.facts.get("run_dir"))
    is_said = record.provenance.get("run_dir", "names") != "names"
    place = directory if is_said and directory is not None and is_relative(directory) else None
    return block(id=name(record.facts.get("run_id")), dir=place, name=name(extra.get("run.name")))


def _lineage(given: object) -> Block:
    earlier = given if is_mapping(given) else {}
    return block(**{key: text(earlier.get(key)) for key in ("resumed_from", "finetuned_from")})


def _hydra_config(found: object, extra: Mapping[str, Any]) -> str | None:
    """Return the path of the run's Hydra configuration below the root: the one found there, else the one known."""
    for path in (text(found), text(extra.get("hydra_config_path"))):
        if path is not None and is_relative(path) and path.endswith(_HYDRA):
            return path
    return None


def _metrics(record: Record) -> Block:
    """Return the measured numbers: headline names at the top, by their alias where only that was logged."""
    values: dict[str, float | None] = {}
    for logged, metric in record.metrics.items():
        if logged and is_clean(logged) and _source_of(record, logged) != SUMMARY:
            is_own = metric.value is not None and isfinite(metric.value) and not metric.stale
            values[logged] = float(metric.value) if is_own and metric.value is not None else None
    top: dict[str, float] = {}
    for wanted in HEADLINE_NAMES:
        value = values.get(wanted)
        alias = record.headline.get(wanted)
        if value is None and alias is not None and alias in values.values():
            value = alias
        if value is not None:
            top[wanted] = value
            values.pop(wanted, None)
    known = top.keys() | values.keys()
    directions = {logged: mode for logged, mode in record.directions.items() if logged in known and mode in MODES}
    return block(**top, additional_metrics=values, directions=directions)


def _source_of(record: Record, metric: str) -> str | None:
    return record.provenance.get(f"metrics.{metric}", record.provenance.get("metrics"))


def _metrics_step(facts: Mapping[str, Any]) -> int | None:
    """Return the step of the metrics, when it is the checkpoint's: values of another one are null here."""
    step = whole(facts.get("metrics_step"))
    return step if step == facts.get("global_step", step) else None


def _environment(record: Record, given: object, program: str, at: str, *, is_named: bool) -> Block:
    """Return what an earlier document knew of the training's environment, and who made this one from what."""
    earlier = given if is_mapping(given) else {}
    before = earlier.get("sources")
    sources = _sources(record, before if is_mapping(before) else {}, is_named=is_named)
    said = {record.provenance[field] for field in sources if field in record.provenance}
    read_from = {source: detail for source, detail in record.details.items() if source in said and text(detail)}
    made = block(converted_by=program, converted_at=at, sources=sources, read_from=read_from)
    return {**_open_block(earlier), **made}


def _sources(record: Record, before: Mapping[Any, Any], *, is_named: bool) -> Block:
    """Return field -> source of what the document holds; what an earlier one had from elsewhere keeps that origin."""
    sources: Block = {}
    for field, source in record.provenance.items():
        if _is_written(field, source, record) and (is_named or field != "experiment"):
            origin = before.get(field) if source == "sidecar" else None
            sources[field] = text(origin) or source
    for logged in record.metrics:
        origin = before.get(f"metrics.{logged}")
        if _source_of(record, logged) == "sidecar" and text(origin) and text(logged):
            sources[f"metrics.{logged}"] = origin
    return sources


def _open_block(given: Mapping[Any, Any]) -> Block:
    """Return the user's own keys of `environment`: values, lists, and one level of them."""
    own: Block = {}
    for key, value in given.items():
        if text(key) is None or key in _MADE:
            continue
        flat = flatten(value if is_mapping(value) else {key: value}, "", [])
        if flat:
            own[key] = flat if is_mapping(value) else flat[key]
    return own


def _is_written(field: str, source: str, record: Record) -> bool:
    """Tell whether the document holds what the source said of a field."""
    if source in {"default", SUMMARY} or field in _PACKING or text(field) is None:
        return False
    if field == "config_path":
        return str(record.facts.get(field)).endswith(_HYDRA)
    return field != "run_dir" or source != "names"
