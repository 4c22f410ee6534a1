from __future__ import annotations

import copy
import math
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SchemaFromFuture, SidecarInvalid
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.upgrade import from_0_to_1, upgrade, version_of

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

KST = timezone(timedelta(hours=9))
EXAMPLES = [f"example_{name}.metadata.yaml" for name in ("architecture", "modules", "callback", "converter")]
GOLDEN = ["best.ckpt.metadata.yaml", *EXAMPLES]

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5)
words = st.sampled_from(["unknown", "", "UNKNOWN", "resnet18", "2025-10-18T14:32:15", "2025-10-18T14:32:15Z"])
trees = st.recursive(
    scalars | words, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3)
)
blocks = st.fixed_dictionaries(
    {},
    optional={
        "checkpoint_path": scalars | words,
        "exp_name": scalars | words,
        "created_at": scalars | words,
        "training": trees | st.dictionaries(st.sampled_from(["epoch", "training_phase", "x"]), trees),
        "model": trees
        | st.fixed_dictionaries(
            {},
            optional={
                "architecture": words,
                "encoder": trees
                | st.fixed_dictionaries({}, optional={"model_name": words, "pretrained": trees, "frozen": trees}),
                "head": trees | st.fixed_dictionaries({}, optional={"name": words, "more": trees}),
                "components": trees,
            },
        ),
        "metrics": trees | st.dictionaries(st.sampled_from(["hmean", "val/x", "additional_metrics"]), trees),
        "config": trees | st.dictionaries(st.sampled_from(["monitor", "mode", "save_top_k", "x"]), trees),
        "checkpointing": trees | st.dictionaries(st.sampled_from(["monitor", "mode", "x"]), trees | words),
        "upgraded_from": trees,
        "more": trees,
        "file": trees,
    },
)
versions = st.sampled_from(["0", "1.0", "2.0", 0, 1, 2, 1.0, None])


def leaves(value: Any) -> list[str]:
    """Return every value that is no container, as comparable text; null and absent mean the same."""
    if isinstance(value, dict):
        return [leaf for below in value.values() for leaf in leaves(below)]
    if isinstance(value, list):
        return [leaf for below in value for leaf in leaves(below)]
    return [] if value is None else [repr(value)]


@pytest.mark.parametrize(
    ("named", "version"),
    [
        ("1.0", "1.0"), (1.0, "1.0"), (1, "1.0"), ("1", "1.0"), (" 1.0 ", "1.0"), ("1.0.0", "1.0"), ("01", "1.0"),
        ("2.0", "2.0"), (2, "2.0"), ("2", "2.0"), (2.0, "2.0"), ("0", "0"), (0, "0"), (0.0, "0"),
        ("9.9", "9.9"), (9.9, "9.9"), ("2.1", "2.1"), (3, "3"), ("10", "10"), (" 2.0.1", "2.0.1"),
    ],
)  # fmt: skip
def test_a_document_names_its_version_in_many_ways(named: object, version: str) -> None:
    assert version_of({"schema_version": named}) == version


@pytest.mark.parametrize(
    "named", ["abc", "", "v1", "-1", -1, True, [1], {}, math.nan, math.inf, "1.", "1.5", 1.5, 0.9, "1." * 9]
)
def test_a_version_that_never_was_is_refused(named: object) -> None:
    with pytest.raises(SidecarInvalid, match="schema_version"):
        version_of({"schema_version": named, "training": {}})


def test_a_huge_version_number_is_refused() -> None:
    with pytest.raises(SidecarInvalid, match="a number beyond 64 bits"):
        version_of({"schema_version": 10**5000, "training": {}})


@pytest.mark.parametrize(
    ("raw", "version"),
    [
        ({"training": {"epoch": 1}, "metrics": {"val/hmean": 0.5}}, "0"),
        ({"config": {"monitor": "x"}}, "0"),
        ({"model": {"encoder": "resnet18"}}, "0"),
        ({"schema_version": None, "training": {"epoch": 1}}, "1.0"),
        ({"training": {"epoch": 1}, "metrics": {"hmean": 0.5}}, "1.0"),
        ({"training": {"epoch": 1}, "metrics": {}}, "1.0"),
        ({"metrics": {"val/hmean": 0.5}}, "1.0"),
        ({"exp_name": "a"}, "1.0"),
        ({"file": {"name": "x.ckpt"}}, "2.0"),
        ({"saved_as": "last", "training": {}}, "2.0"),
    ],
)
def test_a_document_without_a_version_is_known_by_its_shape(raw: dict[str, Any], version: str) -> None:
    assert version_of(raw) == version


def test_a_document_of_no_known_shape_is_refused() -> None:
    with pytest.raises(SidecarInvalid, match="none of its keys is known"):
        version_of({"colour": "blue"})


def test_version_0_gets_the_shape_of_1(documents: Documents) -> None:
    old = from_0_to_1(documents.v0())
    assert old["schema_version"] == "1.0"
    assert old["model"]["encoder"] == {"model_name": "resnet18"}
    assert old["model"]["components"] == [
        {"role": "decoder", "name": "pan_decoder"},
        {"role": "head", "name": "db_head", "k": 50},
    ]
    assert old["metrics"] == {"additional_metrics": {"val/hmean": 0.7, "val/loss": 0.4}}
    assert old["checkpointing"] == {"monitor": "val/hmean", "mode": "max", "save_top_k": 3}
    assert "config" not in old


def test_version_0_keeps_what_it_does_not_know() -> None:
    raw = {"config": {"monitor": "a", "x": 1}, "checkpointing": {"monitor": "b"}, "metrics": 3, "model": None, "y": 2}
    old = from_0_to_1(raw)
    assert old["config"] == {"monitor": "a", "x": 1}
    assert old["checkpointing"] == {"monitor": "b"}
    assert (old["metrics"], old["model"], old["y"]) == (3, None, 2)


def test_a_part_of_version_0_that_has_a_role_of_its_own_keeps_it() -> None:
    old = from_0_to_1({"model": {"components": {"neck": {"role": "fuse"}}}})
    assert old["model"]["components"] == [{"role": "neck", "params": {"role": "fuse"}}]


def test_version_0_leaves_a_checkpointing_block_of_another_type_alone() -> None:
    raw = {"config": {"monitor": "a"}, "checkpointing": "best"}
    assert from_0_to_1(raw) == {"schema_version": "1.0", **raw}


def test_what_was_no_fact_moves_aside(documents: Documents) -> None:
    raw = documents.changed(documents.golden("best.ckpt.metadata.yaml"), "more", {"a": 1})
    new = upgrade(raw, zone=KST)
    assert new["schema_version"] == "2.0"
    assert new["upgraded_from"] == {
        "schema_version": "1.0",
        "original": {
            "created_at": "2025-10-19T13:36:50.323967",
            "model": {
                "encoder": {"pretrained": True, "frozen": False},
                "head": {"name": "unknown"},
                "loss": {"name": "unknown"},
            },
        },
    }
    assert new["created_at"] == "2025-10-19T04:36:50.323967Z"
    assert new["model"]["encoder"] == {"model_name": "mobilenetv3_small_050"}
    assert new["more"] == {"a": 1}


def test_a_mode_without_a_monitor_moves_with_it(documents: Documents) -> None:
    new = upgrade(documents.changed(documents.v1(), "checkpointing.monitor", "unknown"), zone=UTC)
    assert new["checkpointing"] == {"save_top_k": 3, "save_last": True}
    assert new["upgraded_from"]["original"]["checkpointing"] == {"monitor": "unknown", "mode": "max"}


def test_a_time_that_is_utc_already_stays() -> None:
    raw = {"schema_version": "1.0", "created_at": "2025-10-18T14:32:15.000000Z"}
    assert upgrade(raw) == {**raw, "schema_version": "2.0", "upgraded_from": {"schema_version": "1.0"}}


def test_a_key_of_the_same_name_is_not_lost() -> None:
    new = upgrade({"schema_version": "1.0", "upgraded_from": "0"})
    assert new["upgraded_from"] == {"schema_version": "1.0", "original": {"upgraded_from": "0"}}


@pytest.mark.parametrize("name", GOLDEN)
def test_real_documents_become_true_documents_of_2(documents: Documents, name: str) -> None:
    new = upgrade(documents.golden(name), zone=UTC)
    assert MetadataV2.model_validate(new).schema_version == "2.0"


@pytest.mark.parametrize("name", GOLDEN)
def test_real_documents_say_the_same_after_the_upgrade(documents: Documents, name: str) -> None:
    raw = documents.golden(name)
    before = read_document(raw, detail="d", zone=UTC)
    after = read_document(upgrade(raw, zone=UTC), detail="d", zone=UTC)
    assert after.valid
    assert {**after.finding.facts, "schema_version": "1.0"} == before.finding.facts
    assert after.finding.metrics == before.finding.metrics
    assert after.finding.directions == before.finding.directions


def test_version_0_says_the_same_after_the_upgrade(documents: Documents) -> None:
    before = read_document(documents.v0(), detail="d", zone=UTC).finding
    after = read_document(upgrade(documents.v0(), zone=UTC), detail="d", zone=UTC).finding
    assert {**after.facts, "schema_version": "0"} == before.facts
    assert after.metrics == before.metrics
    assert after.components == before.components


def test_the_chain_can_stop_at_1(documents: Documents) -> None:
    assert upgrade(documents.v0(), to="1.0")["schema_version"] == "1.0"
    assert upgrade(documents.v1(), to="1.0") == documents.v1()


def test_a_newer_document_is_never_taken_back(documents: Documents) -> None:
    assert upgrade(documents.v2(), to="1.0") == documents.v2()


def test_a_version_we_do_not_have_is_no_target(documents: Documents) -> None:
    with pytest.raises(ValueError, match=r"3\.0"):
        upgrade(documents.v1(), to="3.0")


def test_a_document_from_the_future_is_refused() -> None:
    with pytest.raises(SchemaFromFuture) as refused:
        upgrade({"schema_version": "9.9"})
    assert refused.value.details == {"version": "9.9"}


@settings(deadline=None, max_examples=200)
@given(blocks, versions, st.sampled_from(["1.0", "2.0"]))
def test_upgrading_loses_nothing_and_changes_nothing_the_second_time(
    raw: dict[str, Any], version: object, to: str
) -> None:
    document = {"schema_version": version, "training": {"epoch": 3}, **raw}
    before = copy.deepcopy(document)
    new = upgrade(document, to=to, zone=UTC)
    assert document == before
    assert upgrade(new, to=to, zone=UTC) == new
    kept = leaves(new)
    for leaf in leaves({key: value for key, value in document.items() if key != "schema_version"}):
        assert leaf in kept
        kept.remove(leaf)
