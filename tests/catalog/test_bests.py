from __future__ import annotations

from typing import Any

from ckpt_indexer.catalog.bests import NewBest, Winner, new_bests, winners
from tests.fakes.catalog import FakeCatalog


def ranking(**values: float) -> list[Any]:
    catalog = FakeCatalog()
    for backbone, value in values.items():
        catalog.having(f"{backbone}.ckpt", hmean=value, backbone=backbone)
    return list(catalog.best())


def told(found: list[NewBest]) -> list[tuple[str | None, float | None]]:
    return [(one.group, one.previous) for one in found]


def test_the_first_of_each_group_wins() -> None:
    catalog = FakeCatalog().having("a", hmean=0.5, backbone="r").having("b", hmean=0.7, backbone="r")
    assert winners(catalog.best(k=2)) == {"r": Winner(2, 0.7)}


def test_a_better_value_and_a_first_one_are_told() -> None:
    before = winners(ranking(r18=0.5, r50=0.6))
    assert told(new_bests(before, ranking(r18=0.55, r50=0.6, swin=0.1), "max")) == [("r18", 0.5), ("swin", None)]


def test_a_successor_of_one_that_is_gone_is_no_new_best() -> None:
    assert new_bests({"r18": Winner(9, 0.9)}, ranking(r18=0.5), "max") == []


def test_an_equal_value_is_no_new_best() -> None:
    assert new_bests({"r18": Winner(9, 0.5)}, ranking(r18=0.5), "max") == []


def test_lower_is_better_where_the_mode_says_so() -> None:
    before: dict[str | None, Winner] = {"r18": Winner(9, 0.5)}
    assert told(new_bests(before, ranking(r18=0.4), "min")) == [("r18", 0.5)]
    assert new_bests(before, ranking(r18=0.6), "min") == []
