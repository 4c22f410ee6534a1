from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.authoring import SUMMARY, author, is_known, is_proven
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.provenance import FIELDS, SOURCES
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.record import Component, Metric, Record, SidecarState

CANDIDATE = Candidate(b"/data/outputs", b"exp/checkpoints/best.ckpt", Kind.FILE, Fingerprint(1, 2, 300, 400, 500))
AT = "2026-11-20T21:03:01Z"


def made(record: Record, candidate: Candidate = CANDIDATE, **kept: Any) -> dict[str, Any]:
    return author(record, candidate, program="convert", at=AT, kept=kept)


def full() -> Record:
    return Record(
        facts={
            "epoch": 0, "global_step": 10, "training_phase": "training", "max_epochs": -1, "monitor": "val/hmean",
            "monitor_mode": "max", "saved_as": "top_k", "metrics_step": 10, "architecture": "dbnet",
            "backbone": "resnet18", "num_parameters": 5, "created_at": "2026-11-20T21:00:00Z", "experiment": "exp",
            "run_id": "r1", "run_dir": "exp", "dataset": "icdar15", "split": "val", "wandb_run_id": "w1",
            "config_path": "exp/.hydra/config.yaml", "notes": "n", "schema_version": "1.0", "format": "torch_zip",
        },
        metrics={"val/hmean": Metric(0.5), "val/iou": Metric(0.0), "old": Metric(0.1, stale=True)},
        headline={"hmean": 0.5},
        directions={"val/iou": "max", "elsewhere": "min", "val/hmean": "sideways"},
        components=[Component("encoder", "resnet18", {"pretrained": False})],
        params={"lr": 0.1, "optimizer": {"name": "adam"}},
        tags=["paper", " ", "paper2"],
        provenance={
            "epoch": "header", "metrics": "header", "metrics.val/iou": "trainer", "run_dir": "names",
            "config_path": "config", "format": "header", "experiment": "config",
            "components.encoder.frozen": "default",
        },
        details={"header": "data.pkl", "config": ".hydra/config.yaml", "names": "exp", "trainer": ""},
        header={},
    )  # fmt: skip


def test_everything_known_is_written_with_its_origin() -> None:
    assert made(full()) == {
        "schema_version": "2.0",
        "checkpoint_path": "exp/checkpoints/best.ckpt",
        "exp_name": "exp",
        "created_at": "2026-11-20T21:00:00Z",
        "file": {"name": "best.ckpt", "size_bytes": 300, "mtime_ns": 400},
        "training": {"epoch": 0, "global_step": 10, "training_phase": "training", "max_epochs": -1},
        "model": {
            "architecture": "dbnet",
            "encoder": {"model_name": "resnet18", "pretrained": False},
            "num_parameters": 5,
        },
        "metrics": {
            "hmean": 0.5,
            "additional_metrics": {"val/hmean": 0.5, "val/iou": 0.0, "old": None},
            "directions": {"val/iou": "max"},
        },
        "metrics_step": 10,
        "checkpointing": {"monitor": "val/hmean", "mode": "max"},
        "run": {"id": "r1"},
        "dataset": {"name": "icdar15", "split": "val"},
        "params": {"lr": 0.1, "optimizer.name": "adam"},
        "environment": {
            "converted_by": "convert",
            "converted_at": AT,
            "sources": {
                "epoch": "header", "metrics": "header", "metrics.val/iou": "trainer", "config_path": "config",
                "experiment": "config",
            },
            "read_from": {"header": "data.pkl", "config": ".hydra/config.yaml"},
        },
        "saved_as": "top_k",
        "tags": ["paper", "paper2"],
        "notes": "n",
        "hydra_config_path": "exp/.hydra/config.yaml",
        "wandb_run_id": "w1",
    }  # fmt: skip


def test_a_document_reads_back_as_what_was_known() -> None:
    record = full()
    finding = read_document(made(record), detail="x").finding
    expected = {k: v for k, v in record.facts.items() if k not in {"run_dir", "config_path", "format"}}
    assert finding.facts == expected | {"schema_version": "2.0", "created_at": "2026-11-20T21:00:00.000000Z"}
    assert finding.metrics["val/iou"] == Metric(0.0)
    assert finding.metrics["old"] == Metric(None)
    assert not finding.problems


def test_nothing_known_names_the_file_only() -> None:
    document = made(Record())
    assert document == {
        "schema_version": "2.0",
        "checkpoint_path": "exp/checkpoints/best.ckpt",
        "file": {"name": "best.ckpt", "size_bytes": 300, "mtime_ns": 400},
        "environment": {"converted_by": "convert", "converted_at": AT},
    }
    assert not is_known(Record())


@pytest.mark.parametrize(
    ("field", "source", "known"),
    [
        ("epoch", "names", False),
        ("epoch", "header", True),
        ("format", "header", False),
        ("experiment", "config", False),
    ],
)
def test_a_checkpoint_is_known_by_more_than_its_path(field: str, source: str, known: bool) -> None:
    assert is_known(Record(provenance={field: source})) is known


@pytest.mark.parametrize(
    ("state", "said", "proven"),
    [
        (None, "epoch", True),
        (SidecarState.VERIFIED, "epoch", True),
        (SidecarState.CONTRADICTED, "metrics", True),
        (SidecarState.UNVERIFIED, "epoch", False),
        (SidecarState.INVALID, "metrics.val/iou", False),
        (SidecarState.UNVERIFIED, "metrics", False),
        (SidecarState.UNVERIFIED, "backbone", True),
    ],
)
def test_a_document_nobody_checked_proves_nothing(state: SidecarState | None, said: str, proven: bool) -> None:
    record = Record(sidecar_state=state, provenance={said: "sidecar", "global_step": "header"}, header={})
    assert is_proven(record) is proven
    assert ("size_bytes" in made(record)["file"]) is proven


def test_a_directory_and_an_impossible_time_are_tied_by_name() -> None:
    assert made(Record(), replace(CANDIDATE, kind=Kind.DIRECTORY))["file"] == {"name": "best.ckpt"}
    late = replace(CANDIDATE, fingerprint=Fingerprint(1, 2, 3, 2**63, 5))
    assert made(Record(), late)["file"] == {"name": "best.ckpt"}


def test_a_name_that_is_no_text_is_shown_escaped() -> None:
    document = made(Record(), replace(CANDIDATE, path=b"exp/\xff.ckpt"))
    assert document["file"]["name"] == "\\xff.ckpt"
    assert "checkpoint_path" not in document


@pytest.mark.parametrize(
    ("root", "path", "said", "expected"),
    [
        (b"/data/outputs", b"exp/best.ckpt", "exp", "exp"),
        (b"/data/outputs", b"best.ckpt", "outputs", None),
        (b"/data/dbnet-1", b"checkpoints/best.ckpt", "dbnet-1", "dbnet-1"),
        (b"/data/dbnet-1", b"checkpoints/best.ckpt", "unknown", None),
    ],
)
def test_the_experiment_is_named_by_a_directory_that_names_one(
    root: bytes, path: bytes, said: str, expected: str | None
) -> None:
    record = Record(facts={"experiment": said}, provenance={"experiment": "names"})
    assert made(record, replace(CANDIDATE, root=root, path=path)).get("exp_name") == expected


def test_a_run_directory_is_written_when_somebody_said_it() -> None:
    record = Record(facts={"run_dir": "exp"}, provenance={"run_dir": "sidecar"})
    assert made(record)["run"] == {"dir": "exp"}
    assert "run" not in made(Record(facts={"run_dir": "/exp"}, provenance={"run_dir": "sidecar"}))


def test_the_last_values_of_a_run_are_not_this_checkpoints() -> None:
    record = Record(
        metrics={"hmean": Metric(0.9), "val/iou": Metric(0.5)},
        headline={"hmean": 0.9},
        provenance={"metrics": SUMMARY, "metrics.val/iou": "header"},
    )
    document = made(record)
    assert document["metrics"] == {"additional_metrics": {"val/iou": 0.5}}
    assert document["environment"]["sources"] == {"metrics.val/iou": "header"}


def test_numbers_that_are_none_are_null() -> None:
    record = Record(metrics={"hmean": Metric(float("nan")), "a": Metric(None), "": Metric(1.0), "b\0": Metric(1.0)})
    assert made(record)["metrics"] == {"additional_metrics": {"hmean": None, "a": None}}


def test_values_of_another_step_keep_no_step() -> None:
    record = Record(facts={"metrics_step": 5, "global_step": 10}, metrics={"a": Metric(1.0, stale=True)})
    document = made(record)
    assert document["metrics"] == {"additional_metrics": {"a": None}}
    assert "metrics_step" not in document
    assert "metrics_step" not in made(Record(facts={"metrics_step": 5}))


@pytest.mark.parametrize("path", ["exp/best.config.yaml", "/exp/.hydra/config.yaml", 3, None])
def test_only_a_hydra_config_below_the_root_is_called_one(path: object) -> None:
    document = made(Record(facts={"config_path": path}, provenance={"config_path": "config"}))
    assert "hydra_config_path" not in document


def test_what_an_earlier_document_knew_beyond_the_record_is_kept() -> None:
    kept = {
        "run.name": "first", "dataset.version": "2", "checkpointing.save_top_k": 3, "checkpointing.save_last": True,
        "hydra_config_path": "exp/.hydra/config.yaml",
        "lineage": {"resumed_from": "last.ckpt", "finetuned_from": 3},
        "environment": {
            "torch": "2.13.0", "versions": {"cuda": "12", "deep": {"a": 1}}, "empty": {}, 3: "x", "bad": object(),
            "sources": {"epoch": "header", "global_step": 7}, "converted_at": "before",
        },
        "colour": "red",
    }  # fmt: skip
    record = Record(provenance={"epoch": "sidecar", "global_step": "sidecar", "a\0": "sidecar"})
    document = author(record, CANDIDATE, program="convert", at=AT, kept=kept)
    assert document["run"] == {"name": "first"}
    assert document["dataset"] == {"version": "2"}
    assert document["checkpointing"] == {"save_top_k": 3, "save_last": True}
    assert document["hydra_config_path"] == "exp/.hydra/config.yaml"
    assert document["lineage"] == {"resumed_from": "last.ckpt"}
    assert document["environment"] == {
        "torch": "2.13.0",
        "versions": {"cuda": "12", "deep.a": 1},
        "converted_by": "convert",
        "converted_at": AT,
        "sources": {"epoch": "header", "global_step": "sidecar"},
    }
    assert "colour" not in document


def test_a_metric_keeps_its_first_origin() -> None:
    record = Record(
        metrics={"a": Metric(1.0), "b": Metric(2.0), "c": Metric(3.0)},
        provenance={"metrics": "sidecar", "metrics.b": "header"},
    )
    kept = {"sources": {"metrics": "header", "metrics.a": "header:monitor", "metrics.b": "wandb", "metrics.gone": "x"}}
    sources = made(record, environment=kept)["environment"]["sources"]
    assert sources == {"metrics": "header", "metrics.a": "header:monitor", "metrics.b": "header"}


def test_an_experiment_that_is_not_named_has_no_origin() -> None:
    record = Record(facts={"experiment": "outputs"}, provenance={"experiment": "names"})
    document = made(record, replace(CANDIDATE, path=b"best.ckpt"))
    assert document["environment"] == {"converted_by": "convert", "converted_at": AT}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.text(max_size=12)
SPEAKERS = st.sampled_from([*SOURCES, SUMMARY, "header:monitor", "default"])
RECORDS = st.builds(
    Record,
    facts=st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON, max_size=12),
    metrics=st.dictionaries(WORDS, st.builds(Metric, st.none() | st.floats(), st.booleans()), max_size=5),
    headline=st.dictionaries(st.sampled_from(["hmean", "recall"]), st.floats(allow_nan=False, allow_infinity=False)),
    directions=st.dictionaries(WORDS, st.sampled_from(["min", "max", "odd"]), max_size=3),
    components=st.lists(
        st.builds(
            Component,
            st.sampled_from(["encoder", "backbone", "decoder", "head", "loss", "neck", "unknown", "a\0"]),
            st.none() | WORDS,
            st.dictionaries(
                st.sampled_from(["in_channels", "inner_channels", "frozen", "k"]) | WORDS, JSON, max_size=4
            ),
        ),
        max_size=4,
    ),
    params=st.dictionaries(WORDS, JSON, max_size=5),
    tags=st.lists(WORDS, max_size=3),
    provenance=st.dictionaries(st.sampled_from([*FIELDS, "metrics", "metrics.a", "components.encoder.k"]), SPEAKERS),
    details=st.dictionaries(SPEAKERS, WORDS, max_size=3),
    sidecar_state=st.none() | st.sampled_from(list(SidecarState)),
)
KEPT = st.dictionaries(
    st.sampled_from(
        [
            "run.name",
            "dataset.version",
            "lineage",
            "environment",
            "checkpointing.save_top_k",
            "checkpointing.save_last",
            "hydra_config_path",
            "x",
        ]
    ),
    JSON,
)


@settings(deadline=None, max_examples=300)
@given(RECORDS, KEPT, st.binary(min_size=1, max_size=8).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_whatever_is_known_the_document_is_one_the_strict_model_takes(
    record: Record, kept: dict[str, Any], name: bytes
) -> None:
    candidate = replace(CANDIDATE, path=b"exp/" + name + b".ckpt")
    document = author(record, candidate, program="convert", at=AT, kept=kept)
    assert MetadataV2.model_validate(document).file is not None
    reading = read_document(document, detail="x")
    assert reading.valid, reading.finding.problems
    assert reading.file is not None
    assert reading.file.name == display(candidate.name)
