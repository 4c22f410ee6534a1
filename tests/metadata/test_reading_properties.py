"""What must hold of every document: a valid one reads as itself, any other thing is refused or read with problems."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.document import MetadataV2, to_document
from ckpt_indexer.metadata.reading import Reading, read_document
from ckpt_indexer.metadata.schema import BLOCK_KEYS
from ckpt_indexer.metadata.versions import MetadataV1

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADLINES = ("precision", "recall", "hmean", "validation_loss")
counts = st.integers(0, 2**63 - 1)
sizes = st.integers(1, 2**40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
names = texts.map(str.strip).filter(lambda text: text.lower() not in {"", "unknown"})
logged = names.filter(lambda text: text not in HEADLINES)
places = st.lists(names.filter(lambda t: "/" not in t and t != ".."), min_size=1, max_size=3).map("/".join)
scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | st.sampled_from(["", "adam", "12e5"])
values = scalars | st.lists(scalars, max_size=3)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001  # naive, as hypothesis wants them


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return blocks that have any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


modes = st.sampled_from(["min", "max"])
phases = st.sampled_from(["training", "validation", "finetuning"])
documents_of_1 = st.fixed_dictionaries(
    {
        "schema_version": st.just("1.0"),
        "checkpoint_path": places,
        "exp_name": names,
        "created_at": moments.map(datetime.isoformat),
        "training": st.fixed_dictionaries(
            {"epoch": counts, "global_step": counts}, optional={"training_phase": phases, "max_epochs": sizes}
        ),
        "model": st.fixed_dictionaries(
            {
                "architecture": names,
                "encoder": st.fixed_dictionaries(
                    {"model_name": names}, optional={"pretrained": st.booleans(), "frozen": st.booleans()}
                ),
                "decoder": st.fixed_dictionaries(
                    {"name": names}, optional={"in_channels": st.lists(sizes), "inner_channels": sizes | st.none()}
                ),
                "head": st.fixed_dictionaries({"name": names}, optional={"params": st.dictionaries(names, scalars)}),
                "loss": st.fixed_dictionaries({"name": names}, optional={"params": st.dictionaries(names, numbers)}),
            }
        ),
        "metrics": some(
            precision=shares, recall=shares | st.none(), hmean=shares, validation_loss=st.floats(0, 1e6),
            additional_metrics=st.dictionaries(logged, numbers, max_size=4),
        ),
        "checkpointing": st.fixed_dictionaries(
            {"monitor": names, "mode": modes}, optional={"save_top_k": st.integers(-1, 9), "save_last": st.booleans()}
        ),
    },
    optional={"hydra_config_path": places, "wandb_run_id": names | st.none()},
)  # fmt: skip
documents_of_2 = st.fixed_dictionaries(
    {"schema_version": st.just("2.0"), "checkpoint_path": places},
    optional={
        "exp_name": names,
        "created_at": moments.map(lambda moment: moment.isoformat() + "+02:00"),
        "file": some(name=names.filter(lambda t: "/" not in t and t not in {".", ".."}), size_bytes=counts),
        "training": some(epoch=counts, global_step=counts, training_phase=phases, max_epochs=st.integers(-1, 99)),
        "model": some(
            architecture=names,
            encoder=some(model_name=names, pretrained=st.booleans()),
            head=some(name=names, params=st.dictionaries(names, scalars, max_size=2)),
            components=st.lists(
                st.fixed_dictionaries(
                    {"role": names}, optional={"name": names, "params": st.dictionaries(names, values)}
                ),
                max_size=2,
            ),
            num_parameters=counts,
        ),
        "metrics": some(
            precision=numbers, hmean=numbers,
            additional_metrics=st.dictionaries(logged, numbers | st.none(), max_size=4),
            directions=st.dictionaries(logged, modes, max_size=3),
        ),
        "metrics_step": counts,
        "checkpointing": some(monitor=names, mode=modes),
        "run": some(id=names, dir=places, name=names),
        "dataset": some(name=names, version=names, split=names),
        "params": st.dictionaries(texts, values, max_size=4),
        "saved_as": st.sampled_from(["top_k", "last", "step"]),
        "tags": st.lists(names, max_size=3),
        "notes": texts,
    },
)  # fmt: skip
known_keys = st.sampled_from(sorted({key for keys in BLOCK_KEYS.values() for key in keys}))
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=3)
    | st.dates()
    | st.datetimes()
    | st.sampled_from(["unknown", "1e-3", "2.0", 10**400, date(1, 1, 1), date.max, "\ud800"]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.none() | known_keys, below, max_size=5)
    ),
    max_leaves=12,
)


def same_facts(reading: Reading, raw: dict[str, Any]) -> Iterator[bool]:
    """Tell for every scalar of a valid document whether the row says the same."""
    facts = reading.finding.facts
    training, model = raw.get("training", {}), raw.get("model", {})
    for key in ("epoch", "global_step", "training_phase", "max_epochs"):
        yield facts.get(key) == training.get(key)
    yield facts.get("experiment") == raw.get("exp_name")
    yield facts.get("wandb_run_id") == raw.get("wandb_run_id")
    yield facts.get("architecture") == model.get("architecture")
    yield facts.get("num_parameters") == model.get("num_parameters")
    for key in ("saved_as", "notes", "metrics_step"):
        yield facts.get(key) == raw.get(key)
    yield facts.get("run_dir") == raw.get("run", {}).get("dir")
    yield facts.get("split") == raw.get("dataset", {}).get("split")
    yield facts.get("monitor") == raw.get("checkpointing", {}).get("monitor")
    if "created_at" in raw:
        yield datetime.fromisoformat(facts["created_at"]) == as_utc(raw["created_at"])


def as_utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def same_metrics(reading: Reading, raw: dict[str, Any]) -> bool:
    block = raw.get("metrics", {})
    said = {name: block[name] for name in HEADLINES if block.get(name) is not None}
    return {name: found.value for name, found in reading.finding.metrics.items()} == {
        **block.get("additional_metrics", {}),
        **said,
    }


@settings(deadline=None, max_examples=60)
@given(documents_of_1)
def test_a_valid_document_of_1_reads_as_itself(raw: dict[str, Any]) -> None:
    assert to_document(MetadataV1.model_validate(raw))["exp_name"] == raw["exp_name"]
    reading = read_document(raw, detail="d", zone=UTC)
    assert reading.finding.problems == []
    assert reading.valid
    assert reading.checkpoint_path == raw["checkpoint_path"]
    assert reading.finding.facts["backbone"] == raw["model"]["encoder"]["model_name"]
    assert all(same_facts(reading, raw))
    assert same_metrics(reading, raw)


@settings(deadline=None, max_examples=60)
@given(documents_of_2)
def test_a_valid_document_of_2_reads_as_itself(raw: dict[str, Any]) -> None:
    written = to_document(MetadataV2.model_validate(raw))
    for document in (raw, written):
        reading = read_document(document, detail="d", zone=UTC)
        assert reading.finding.problems == []
        assert reading.valid
        assert reading.finding.params == raw.get("params", {})
        assert reading.finding.tags == list(dict.fromkeys(raw.get("tags", [])))
        assert all(same_facts(reading, raw))
        assert same_metrics(reading, raw)


@settings(deadline=None, max_examples=60)
@given(documents_of_1, st.data())
def test_the_strict_shape_and_the_reader_agree_on_any_one_changed_value(
    raw: dict[str, Any], data: st.DataObject
) -> None:
    block = data.draw(
        st.sampled_from([raw, raw["training"], raw["metrics"], raw["checkpointing"], raw["model"]["encoder"]])
    )
    keys = sorted(key for key in block if key not in {"schema_version", "created_at", "additional_metrics"})
    if not keys:
        return
    key = data.draw(st.sampled_from(keys))
    block[key] = data.draw(
        st.sampled_from([None, -1, 2, 0.5, math.nan, "max", "resnet18", [], {}, [1], {"a": 1}, 1.5, "training"])
    )
    assume(key != "metrics" or block[key] != {"a": 1})  # an unknown key, which the reader accepts
    try:
        MetadataV1.model_validate(raw)
        valid = True
    except ValidationError:
        valid = False
    reading = read_document(raw, detail="d", zone=UTC)
    assert reading.valid is valid or NULL_IS_ABSENT in reasons(raw)


NULL_IS_ABSENT = "null for an optional key that 1.0 fills in by default"


def reasons(raw: dict[str, Any]) -> set[str]:
    """Return why the reader may be more tolerant than the strict shape."""
    defaulted = [raw["training"].get("training_phase", 1), *map(raw["checkpointing"].get, ("save_top_k", "save_last"))]
    if isinstance(raw["model"], dict) and isinstance(raw["model"]["encoder"], dict):
        defaulted += map(raw["model"]["encoder"].get, ("pretrained", "frozen"))
    return {NULL_IS_ABSENT} if None in defaulted else set()


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(known_keys | st.text(max_size=3) | st.integers(), anything, max_size=9) | anything)
def test_anything_is_read_or_refused_as_invalid(raw: Any) -> None:
    try:
        reading = read_document(raw, detail="d", zone=UTC)
    except SidecarInvalid:
        return
    finding = reading.finding
    json.dumps(
        [finding.facts, finding.metrics, finding.directions, finding.components, finding.params, finding.tags],
        allow_nan=False,
        ensure_ascii=False,
    ).encode()
    assert all(problem.kind and "\0" not in problem.message for problem in finding.problems)
    assert all(problem.message.encode() for problem in finding.problems)
    assert reading.valid is all(problem.kind == "conflict" for problem in finding.problems)


@settings(deadline=None, max_examples=150)
@given(documents_of_2, known_keys, known_keys, anything)
def test_a_document_with_anything_in_one_place_is_read(raw: dict[str, Any], key: str, below: str, value: Any) -> None:
    block = raw.get(key)
    raw[key] = {**block, below: value} if isinstance(block, dict) else value
    reading = read_document(raw, detail="d", zone=UTC)
    assert reading.finding.facts["schema_version"] == reading.version


def test_the_clock_of_this_machine_is_used_when_no_zone_is_given() -> None:
    raw = {"schema_version": "1.0", "created_at": "2025-10-18T14:32:15"}
    facts = read_document(raw, detail="d").finding.facts
    shift = datetime.fromisoformat(facts["created_at"]) - datetime(2025, 10, 18, 14, 32, 15, tzinfo=UTC)
    assert shift == -(datetime(2025, 10, 18, 14, 32, 15).astimezone().utcoffset() or timedelta(0))  # local
