from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import (
    CorruptCheckpoint,
    LimitExceeded,
    NeedsChild,
    ReaderDied,
    ReaderError,
    SourceUnavailable,
    UnknownFormat,
)
from ckpt_indexer.metadata.record import Component, Finding, Input, Metric, Problem
from ckpt_indexer.readers.header import Header
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.chain import Asked, merge
from ckpt_indexer.sources.header import UNREADABLE_KINDS, HeaderSource, findings

if TYPE_CHECKING:
    from collections.abc import Callable


CANDIDATE = Candidate(b"/root", b"run/a.ckpt", Kind.FILE, Fingerprint(1, 2, 3, 4, 5))


def source(header: Header) -> HeaderSource:
    return HeaderSource(read=lambda _: header)


def failing(error: Exception) -> Callable[[Candidate], Header]:
    def read(_: Candidate) -> Header:
        raise error

    return read


def found(**parts: Any) -> Finding:
    return findings(Header("torch_zip", **parts))[0]


def test_facts_metrics_and_identities_are_handed_on() -> None:
    finding = source(
        Header(
            "torch_zip",
            facts={"epoch": 0},
            metrics={"val/hmean": 0.0, "recall": None},
            directions={"val/hmean": "max"},
            params={"lr": 0.1},
            content_id="c",
            weights_id="w",
            inputs=[("run/a.bin", 3, 4)],
            problems=[("limit", "x")],
        )
    ).find(CANDIDATE, Said())
    assert finding.facts == {"format": "torch_zip", "epoch": 0, "content_id": "c", "weights_id": "w"}
    assert finding.metrics == {"val/hmean": Metric(0.0), "recall": Metric(None)}
    assert (finding.directions, finding.params) == ({"val/hmean": "max"}, {"lr": 0.1})
    assert finding.inputs == [Input(b"run/a.bin", 3, 4, source="header")]
    assert finding.problems == [Problem("limit", "x")]
    assert finding.also == []


def test_what_no_field_of_the_row_holds_is_kept_beside() -> None:
    finding = found(complete=False, tensors=3, dtypes={"float32": 9}, weights_only=False, mid_epoch=None)
    assert finding.header == {"complete": False, "tensors": 3, "dtypes": {"float32": 9}, "weights_only": False}


def test_the_score_of_the_callback_speaks_with_its_own_voice() -> None:
    finding = source(Header("torch_zip", monitor_scores={"val/hmean": 0.8})).find(CANDIDATE, Said())
    assert [(other.source, other.metrics) for other in finding.also] == [("header:monitor", {"val/hmean": Metric(0.8)})]


def test_own_metrics_go_before_the_score_of_the_callback() -> None:
    both = findings(Header("torch_zip", metrics={"val/hmean": 0.7}, monitor_scores={"val/hmean": 0.8}))
    record = merge(Asked(findings=both))
    assert record.metrics["val/hmean"].value == 0.7


@pytest.mark.parametrize(("within", "stale"), [(True, True), (False, False), (None, False)])
def test_metrics_of_a_file_saved_within_an_epoch_are_stale(within: bool | None, stale: bool) -> None:
    assert found(metrics={"hmean": 0.5}, mid_epoch=within).metrics == {"hmean": Metric(0.5, stale)}


def test_the_score_is_fresh_where_the_metrics_are_stale() -> None:
    both = findings(Header("x", metrics={"hmean": 0.5}, monitor_scores={"loss": 0.1}, mid_epoch=True))
    assert both[1].metrics == {"loss": Metric(0.1)}


def test_one_fitting_name_is_a_fact() -> None:
    finding = found(
        signature={"encoder": ["resnet18"], "head": ["db_head"]},
        components=[{"role": "head", "name": None, "params": {"in_channels": 256}}],
    )
    assert (finding.facts["backbone"], finding.facts["head"]) == ("resnet18", "db_head")
    assert finding.components == [
        Component("head", "db_head", {"in_channels": 256}),
        Component("encoder", "resnet18", {}),
    ]
    assert finding.problems == []


def test_several_fitting_names_are_candidates_and_no_fact() -> None:
    finding = found(signature={"encoder": ["resnet50", "resnet101"]})
    assert "backbone" not in finding.facts
    assert finding.components == [Component("encoder", None, {"candidates": ["resnet50", "resnet101"]})]


def test_what_is_configured_goes_before_the_structure_and_the_difference_is_told() -> None:
    finding = found(facts={"backbone": "resnet50"}, signature={"encoder": ["resnet18"]})
    assert finding.facts["backbone"] == "resnet50"
    assert [problem.kind for problem in finding.problems] == ["structure_disagrees"]
    assert "resnet50" in finding.problems[0].message
    assert "resnet18" in finding.problems[0].message


@pytest.mark.parametrize(
    ("role", "configured", "fitting"),
    [
        ("encoder", "mobilenet_v3_large", ["mobilenetv3_large_100"]),
        ("encoder", "tf_efficientnet_b0", ["efficientnet_b0"]),
        ("encoder", "timm/resnet50.a1_in1k", ["resnet50"]),
        ("encoder", "swin_t", ["swin_tiny_patch4_window7_224"]),
        ("encoder", "swinv2_tiny_window8_256", ["swin_v2_t"]),
        ("encoder", "vit_b_16", ["vit_base_patch16_384"]),
        ("encoder", "deit_base_patch16_224", ["vit_base_patch16_224"]),
        ("encoder", "efficientnet_v2_s", ["efficientnetv2_s"]),
        ("encoder", "vgg16", ["vgg16_bn"]),
        ("encoder", "my_backbone", ["resnet18"]),
        ("encoder", "resnet", ["resnet18"]),
        ("encoder", "resnet101", ["resnet50", "resnet101"]),
        ("decoder", "unet_decoder", ["unet"]),
        ("decoder", "db_unet", ["unet"]),
        ("head", "DBHead", ["db_head"]),
    ],
)
def test_names_of_one_structure_do_not_disagree(role: str, configured: str, fitting: list[str]) -> None:
    field = "backbone" if role == "encoder" else role
    assert found(facts={field: configured}, signature={role: fitting}).problems == []


@pytest.mark.parametrize(
    ("role", "configured", "fitting"),
    [
        ("encoder", "resnet50", ["resnet18"]),
        ("encoder", "ResNet50", ["resnet18"]),
        ("encoder", "mobilenetv3_small_050", ["mobilenetv3_small_100"]),
        ("encoder", "vit_b_32", ["vit_base_patch16_384"]),
        ("encoder", "convnextv2_tiny", ["convnext_tiny"]),
        ("encoder", "resnet18", ["resnet50", "resnet101"]),
        ("decoder", "pan_decoder", ["dbpp_decoder"]),
        ("head", "craft_head", ["db_head"]),
    ],
)
def test_names_of_different_structures_disagree(role: str, configured: str, fitting: list[str]) -> None:
    field = "backbone" if role == "encoder" else role
    problems = found(facts={field: configured}, signature={role: fitting}).problems
    assert [problem.kind for problem in problems] == ["structure_disagrees"]


def test_a_role_the_row_does_not_know_stays_a_component() -> None:
    assert found(signature={"neck": ["fpn"]}).components == [Component("neck", "fpn", {})]


def test_secrets_are_not_kept() -> None:
    finding = found(
        params={"wandb.api_key": "s3cret", "lr": 0.1}, metadata={"auth_token": "s3cret", "author": "me"},
        components=[{"role": "encoder", "name": "a", "params": {"access_token": "s3cret"}}],
    )  # fmt: skip
    assert "s3cret" not in repr(finding)
    assert finding.params == {"lr": 0.1}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnknownFormat("no format"), "unknown_format"),
        (CorruptCheckpoint("damaged"), "corrupt"),
        (CorruptCheckpoint("cut off", reason="truncated"), "truncated"),
        (LimitExceeded("too long"), "too_large"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_an_answer(error: ReaderError, kind: str) -> None:
    finding = HeaderSource(read=failing(error)).find(CANDIDATE, Said())
    assert finding.problems == [Problem(kind, error.message)]
    assert kind in UNREADABLE_KINDS
    assert finding.facts == {}
    assert finding.header is None


@pytest.mark.parametrize("error", [ReaderDied("killed"), ReaderError("it vanished")])
def test_a_reader_that_failed_is_no_answer(error: ReaderError) -> None:
    with pytest.raises(SourceUnavailable):
        HeaderSource(read=failing(error)).find(CANDIDATE, Said())


def test_the_quick_chain_is_told_that_a_child_is_needed() -> None:
    with pytest.raises(NeedsChild):
        HeaderSource(read=failing(NeedsChild("no child"))).find(CANDIDATE, Said())


@pytest.mark.parametrize(
    ("stated", "conflicts"),
    [(25, []), (32, []), (40, [("num_parameters", 40, 32)])],  # buffers explain a file that holds more, not less
)
def test_buffers_in_the_file_are_no_evidence_against_a_count_of_parameters(stated: int, conflicts: list[Any]) -> None:
    sidecar = Finding("sidecar", "best.metadata.yaml", facts={"num_parameters": stated})
    header = source(Header("torch_zip", facts={"num_parameters": 32})).find(CANDIDATE, Said([sidecar]))
    record = merge(Asked([sidecar, header]))
    assert record.facts["num_parameters"] == stated
    assert [(one.field, one.kept, one.other) for one in record.conflicts] == conflicts
