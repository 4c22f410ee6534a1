from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.web.rows import MOST, TEXTS, VALUES, cells, count, wanted_of
from tests.web import catalogs
from tests.web.catalogs import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.api.interface import Interface


def ask(page: Interface, **given: Any) -> dict[str, Any]:
    answer = page.get("/ui/data/rows", params=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_window_of_the_whole_list(page: Interface) -> None:
    found = ask(page, sort="hmean-", start=0, end=3)
    assert [row["hmean"] for row in found["rows"]] == [0.71, 0.7, 0.69]
    assert (found["total"], found["seq"], found["as_of"]) == (24, 24, "2026-06-01T00:00:00Z")


def test_windows_join_without_gap_or_overlap(page: Interface) -> None:
    parts = [ask(page, sort="epoch-,hmean+", start=start, end=start + 5)["rows"] for start in range(0, 25, 5)]
    ids = [row["id"] for part in parts for row in part]
    assert len(ids) == len(set(ids)) == 24
    assert ids == [row["id"] for row in ask(page, sort="epoch-,hmean+", end=100)["rows"]]


def test_a_query_narrows_the_list(page: Interface) -> None:
    found = ask(page, q="backbone:resnet50 epoch:10..", sort="epoch", start=0, end=10)
    assert [(row["backbone"], row["epoch"]) for row in found["rows"]] == [("resnet50", 10), ("resnet50", 11)]
    assert found["total"] == 2


def test_logged_metrics_stand_in_the_order_they_were_asked_for(page: Interface) -> None:
    found = ask(page, metrics="val/iou\nnone\nhmean", sort="val/iou-", start=0, end=1)
    assert found["rows"][0]["metrics"] == [0.36, None, pytest.approx(0.61, abs=0.11)]


def test_a_row_has_every_key_of_the_table(page: Interface) -> None:
    row = ask(page, start=0, end=1)["rows"][0]
    assert set(TEXTS) | set(VALUES) | {"problems", "conflicts", "tags"} == set(row)


def test_nothing_is_past_the_end(page: Interface) -> None:
    assert ask(page, start=24, end=100) | {"seq": 0} == {
        "rows": [],
        "total": 24,
        "seq": 0,
        "as_of": "2026-06-01T00:00:00Z",
    }
    assert ask(page, start=10**11, end=10**11 + 1)["rows"] == []
    assert ask(page, start=5, end=2)["rows"] == []


def test_no_more_than_the_limit_is_given_at_once() -> None:
    assert wanted_of({"start": "10", "end": "100000"})[2:4] == (10, 10 + MOST)
    assert len(wanted_of({"metrics": "\n".join(map(str, range(50)))}).metrics) == 20


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "", " 1", "\u0661", "9" * 13, "1e3", "+1"])
def test_a_bad_number_is_a_bad_request(page: Interface, number: str) -> None:
    answer = page.get("/ui/data/rows", params={"start": number, "end": "10"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "numbers of rows" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["q", "sort", "metrics"])
def test_too_long_a_text_is_a_bad_request(name: str) -> None:
    with pytest.raises(InvalidFilter, match="at most"):
        wanted_of({name: "x" * 5000})


@pytest.mark.parametrize("given", [{"q": "nosuch:1"}, {"q": "hmean>x"}, {"sort": "nosuch"}, {"q": "a\0b"}])
def test_a_bad_query_is_a_bad_request_that_says_why(page: Interface, given: dict[str, str]) -> None:
    answer = page.get("/ui/data/rows", params=given | {"end": 10})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":query")


def test_rows_are_not_kept_by_a_browser(page: Interface) -> None:
    assert page.get("/ui/data/rows?end=1").headers["cache-control"] == "no-store"


def test_rows_are_only_read(page: Interface) -> None:
    assert page.post("/ui/data/rows", {}).status_code in (404, 405)


def test_only_the_lists_in_use_are_kept(page: Interface) -> None:
    for sort in ("epoch", "epoch-", "hmean", "hmean-", "id"):
        assert ask(page, sort=sort, end=1)["total"] == 24
    assert ask(page, sort="hmean-", end=1)["rows"][0]["hmean"] == 0.71


def test_names_are_inert_and_ids_are_not_touched(of: Callable[[list[dict[str, Any]]], LocalCatalog]) -> None:
    row = of(catalogs.hostile()).get(1)
    made = cells(row, [HOSTILE])
    assert made["metrics"] == [0.25]
    assert (made["id"], made["problems"], made["conflicts"]) == (1, 1, 1)
    for text in [made[key] for key in TEXTS if made[key] is not None] + made["tags"]:
        assert text.isprintable()


def test_rows_are_counted_as_the_table_counts_them(of: Callable[[list[dict[str, Any]]], LocalCatalog]) -> None:
    catalog = of([{"path": f"{n}.ckpt", "epoch": n} for n in range(5)])
    assert [count(catalog, query) for query in ("", "epoch:1..3", "epoch:9")] == [5, 3, 0]
