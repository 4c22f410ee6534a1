from __future__ import annotations

from typing import Any

from ckpt_indexer.catalog.views import NESTED_KEYS, ROW_KEYS, Page, RootView, Row


def row(nested: str = "{}", **values: Any) -> Row:
    scalars = dict.fromkeys(key for key in ROW_KEYS if key not in NESTED_KEYS)
    return Row({**scalars, "id": 1, "root": "r", "path": "a.ckpt", **values}, nested)


def page(*roots: RootView, **options: Any) -> Page:
    return Page([row()], catalog="c", seq=3, roots=roots, **options)


def root(as_of: str | None) -> RootView:
    return RootView("r", "/r", "present", "manual", as_of)


def test_a_row_is_a_mapping_over_the_public_keys() -> None:
    assert tuple(row()) == ROW_KEYS
    assert len(row()) == len(ROW_KEYS)
    assert dict(row())["metrics"] == {}
    assert repr(row()) == "<Row 1 r:a.ckpt>"


def test_nested_keys_are_decoded_and_null_ones_are_empty() -> None:
    made = row('{"metrics": {"a": 1.0}, "tags": null, "details": {"sidecar": "a.yaml"}}')
    assert made.details() == {"sidecar": "a.yaml"}
    assert made["metrics"] == {"a": 1.0}
    assert made.details() == {"sidecar": "a.yaml"}
    assert made["tags"] == []
    assert row().details() == {}


def test_a_ranking_adds_its_keys_behind() -> None:
    assert tuple(row(group="g", value=1.0, rank=1, n=2, ties=1))[-5:] == ("group", "value", "rank", "n", "ties")


def test_a_page_is_as_fresh_as_its_oldest_root() -> None:
    assert page(root("2026-01-02"), root("2026-01-01")).as_of == "2026-01-01"
    assert page(root("2026-01-02"), root(None)).as_of is None
    assert page().as_of is None


def test_hidden_rows_are_counted_once_and_only_on_demand() -> None:
    asked: list[int] = []

    def count() -> int:
        asked.append(1)
        return 4

    lazy = page(hidden=count)
    assert asked == []
    assert (lazy.hidden, lazy.hidden) == (4, 4)
    assert asked == [1]
    assert page(hidden=2).hidden == 2


def test_a_page_is_a_sequence() -> None:
    made = page()
    assert len(made) == 1
    assert made[0]["id"] == 1
    assert made[0:1] == (made[0],)
