from __future__ import annotations

import pytest

from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.metadata.provenance import FIELDS, SOURCES, Group, first_source, group_of, rank

GROUPS: tuple[Group, ...] = ("progress", "metrics", "model", "rest")


@pytest.mark.parametrize(
    ("group", "order"),
    [
        ("progress", ["header", "sidecar", "wandb", "trainer", "config", "names"]),
        ("metrics", ["sidecar", "wandb", "header", "trainer", "header:monitor", "names", "config", "wandb:summary"]),
        ("model", ["sidecar", "wandb", "config", "header", "trainer", "names"]),
        ("rest", ["sidecar", "config", "wandb", "header", "trainer", "names"]),
    ],
)
def test_sources_are_trusted_in_the_designed_order(group: Group, order: list[str]) -> None:
    assert sorted(order, key=lambda source: rank(group, source)) == order
    assert rank(group, order[0]) == 0


@pytest.mark.parametrize("group", GROUPS)
def test_every_source_has_a_rank_of_its_own(group: Group) -> None:
    ranks = {rank(group, source) for source in SOURCES}
    assert len(ranks) == len(SOURCES)


@pytest.mark.parametrize("group", ["progress", "metrics"])
def test_a_contradicted_sidecar_comes_last_for_progress_and_metrics(group: Group) -> None:
    others = [rank(group, source) for source in (*SOURCES, "wandb:summary", "header:monitor")]
    assert rank(group, "sidecar", contradicted=True) > max(others)


@pytest.mark.parametrize("group", ["model", "rest"])
def test_a_contradicted_sidecar_keeps_its_rank_for_the_rest(group: Group) -> None:
    assert rank(group, "sidecar", contradicted=True) == rank(group, "sidecar")


@pytest.mark.parametrize(
    ("field", "group"),
    [
        ("epoch", "progress"),
        ("params", "progress"),
        ("params.lr", "progress"),
        ("metrics", "metrics"),
        ("metrics.val/hmean", "metrics"),
        ("metrics_step", "metrics"),
        ("backbone", "model"),
        ("components.encoder.pretrained", "model"),
        ("experiment", "rest"),
        ("tags", "rest"),
    ],
)
def test_every_field_has_a_group(field: str, group: Group) -> None:
    assert group_of(field) == group


def test_unknown_fields_and_sources_are_bugs() -> None:
    with pytest.raises(KeyError):
        group_of("wheels")
    with pytest.raises(KeyError):
        rank("metrics", "hearsay")


def test_every_field_is_one_of_the_row() -> None:
    assert set(FIELDS) <= set(ROW_KEYS)


def test_the_row_names_its_most_trusted_source() -> None:
    assert first_source({"names", "header"}) == "header"
    assert first_source(set()) is None
