from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import connect
from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS

if TYPE_CHECKING:
    from tests.api.interface import Interface

FRESH = {"catalog", "seq", "as_of", "roots", "items", "next"}


def test_a_list_is_items_and_how_fresh_they_are(http: Interface) -> None:
    answer = http.get("/api/v1/checkpoints").json()
    assert set(answer) >= FRESH
    assert len(answer["items"]) == 24
    assert answer["as_of"] == "2026-06-01T00:00:00Z"
    assert answer["roots"][0]["name"] == "outputs"


def test_a_row_is_what_the_python_client_gives(http: Interface) -> None:
    with_client = [dict(row) for row in connect(http.database).find()]
    items = http.get("/api/v1/checkpoints").json()["items"]
    assert items == json.loads(json.dumps(with_client))
    assert list(items[0]) == list(ROW_KEYS)


def test_pages_by_cursor_give_every_row_once(http: Interface) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        parameters = {"limit": "7", "sort": "hmean-"} | ({"cursor": cursor} if cursor else {})
        page = http.get("/api/v1/checkpoints", params=parameters).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 24


def test_the_next_page_stands_in_a_header_too(http: Interface) -> None:
    first = http.get("/api/v1/checkpoints", params={"q": ["exp:dbnet-r18", "epoch>1"], "limit": 7, "sort": "-hmean"})
    assert first.links["next"]["url"].startswith("/api/v1/checkpoints?q=exp%3Adbnet-r18&q=epoch%3E1&limit=7&sort=")
    second = http.get(first.links["next"]["url"])
    assert [row["epoch"] for row in second.json()["items"]] == [4, 3, 2]
    assert "link" not in second.headers


def test_a_total_is_counted_when_asked_for(http: Interface) -> None:
    page = http.get("/api/v1/checkpoints", params={"q": "exp:dbnet-r18", "limit": 2, "count": "exact"}).json()
    assert (len(page["items"]), page["total"]) == (2, 12)
    assert "total" not in http.get("/api/v1/checkpoints", params={"count": "none"}).json()
    assert http.get("/api/v1/checkpoints", params={"count": "all"}).status_code == 400


@pytest.mark.parametrize("sort", ["hmean-", "-hmean", "-hmean epoch", "-hmean,-epoch", " -hmean  epoch- "])
def test_a_sort_is_written_either_way(http: Interface, sort: str) -> None:
    items = http.get("/api/v1/checkpoints", params={"sort": sort, "limit": 3}).json()["items"]
    assert [row["hmean"] for row in items] == [0.71, 0.7, 0.69]


def test_fields_choose_keys(http: Interface) -> None:
    items = http.get("/api/v1/checkpoints?fields=path,hmean&limit=1").json()["items"]
    assert list(items[0]) == ["path", "hmean"]


def test_several_queries_are_joined(http: Interface) -> None:
    items = http.get("/api/v1/checkpoints?q=backbone:resnet18&q=epoch:3").json()["items"]
    assert [row["path"] for row in items] == ["dbnet-r18/epoch=3.ckpt"]


def test_best_is_what_the_python_client_gives(http: Interface) -> None:
    answer = http.get("/api/v1/best").json()
    assert answer["items"] == json.loads(json.dumps([dict(row) for row in connect(http.database).best()]))
    assert [(row["group"], row["value"]) for row in answer["items"]] == [("resnet50", 0.71), ("resnet18", 0.61)]
    assert set(BEST_KEYS) <= set(answer["items"][0])


def test_best_of_a_metric_nobody_has_is_empty_and_says_what_there_is(http: Interface) -> None:
    answer = http.get("/api/v1/best?metric=val/nothing&mode=max").json()
    assert answer["items"] == []
    assert "val/iou" in answer["known_metrics"]
    assert answer["warnings"]


def test_best_takes_any_metric(http: Interface) -> None:
    answer = http.get("/api/v1/best?metric=val/iou&k=2&mode=max&by=none").json()
    assert [row["value"] for row in answer["items"]] == [0.36, 0.36]


def test_one_row_says_where_its_facts_come_from(http: Interface) -> None:
    row = http.get("/api/v1/checkpoints/1").json()
    assert row["path"] == "dbnet-r18/epoch=0.ckpt"
    assert {"catalog", "catalog_seq", "as_of", "roots", "details"} <= set(row)


@pytest.mark.parametrize(
    "address",
    ["by-path?path=dbnet-r18/epoch=3.ckpt", "by-path?path=/data/outputs/dbnet-r18/epoch=3.ckpt", "by-ref?ref=4",
     "by-ref?ref=backbone:resnet18+epoch:3", "by-path?path=outputs:dbnet-r18/epoch=3.ckpt"],
)  # fmt: skip
def test_one_row_has_several_names(http: Interface, address: str) -> None:
    assert http.get(f"/api/v1/checkpoints/{address}").json()["id"] == 4


@pytest.mark.parametrize("path", ["4", "resnet18", "epoch:3", "nothing.ckpt", "../../etc/passwd"])
def test_what_is_no_path_is_not_found_as_one(http: Interface, path: str) -> None:
    answer = http.get("/api/v1/checkpoints/by-path", params={"path": path})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:ckpt-indexer:problem:not-found"


def test_compare_names_the_fields_that_differ(http: Interface) -> None:
    answer = http.get("/api/v1/compare?ids=1,13").json()
    assert answer["fields"]["backbone"] == ["resnet18", "resnet50"]
    assert [row["id"] for row in answer["items"]] == [1, 13]


def test_experiments_and_their_curves(http: Interface) -> None:
    names = [one["name"] for one in http.get("/api/v1/experiments").json()["items"]]
    assert names == ["dbnet-r18", "dbnet-r50"]
    assert http.get("/api/v1/experiments/dbnet-r18").json()["best"] == 0.61
    points = http.get("/api/v1/experiments/dbnet-r18/curve?metric=val/iou").json()["items"]
    assert [point["epoch"] for point in points] == list(range(12))
    assert http.get("/api/v1/experiments/nobody").status_code == 404


def test_counts_sizes_and_totals(http: Interface) -> None:
    facets = http.get("/api/v1/facets?fields=backbone,source").json()["facets"]
    assert facets["backbone"] == [{"value": "resnet18", "n": 12}, {"value": "resnet50", "n": 12}]
    assert http.get("/api/v1/stats").json()["present"] == 24
    disk = http.get("/api/v1/disk?by=architecture,backbone").json()["items"]
    assert disk[0] == {"architecture": "dbnet", "backbone": "resnet18", "count": 12, "size_bytes": 12066}
    assert http.get("/api/v1/disk").json()["items"][0]["experiment"] == "dbnet-r18"
    by_month = http.get("/api/v1/disk?by=month").json()
    assert by_month["by"] == ["month"]
    (one,) = by_month["items"]
    assert one == {"month": None, "count": 24, "size_bytes": disk[0]["size_bytes"] + disk[1]["size_bytes"]}


def test_options_are_the_lines_of_a_dropdown(http: Interface) -> None:
    answer = http.get("/api/v1/options?q=epoch:3").json()
    assert answer["items"] == [dict(one) for one in connect(http.database).options("epoch:3")]
    assert answer["items"][0]["path"] == "/data/outputs/dbnet-r18/epoch=3.ckpt"


def test_changes_go_on_from_a_seq(http: Interface) -> None:
    first = http.get("/api/v1/changes?since=0&limit=10").json()
    rest = http.get(f"/api/v1/changes?since={first['next']}").json()
    assert len(first["items"]) + len(rest["items"]) == 24
    assert rest["next"] is None


def test_exports_hold_every_row(http: Interface) -> None:
    lines = http.get("/api/v1/export.jsonl?q=backbone:resnet18").text.splitlines()
    assert len([json.loads(line) for line in lines]) == 12
    table = http.get("/api/v1/export.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) == 25


def test_the_schema_describes_every_key(http: Interface) -> None:
    answer = http.get("/api/v1/schema").json()
    assert [field["name"] for field in answer["fields"]] == list(ROW_KEYS)


def test_head_is_get_without_its_body(http: Interface) -> None:
    import httpx

    got, headed = http.get("/api/v1/best"), httpx.head(http.url + "/api/v1/best")
    assert headed.status_code == 200
    assert headed.content == b""
    assert headed.headers["etag"] == got.headers["etag"]
    assert headed.headers["content-length"] == got.headers["content-length"]


def test_an_unchanged_answer_is_304_and_still_says_how_fresh_it_is(http: Interface) -> None:
    first = http.get("/api/v1/best")
    etag = first.headers["etag"]
    assert etag == f'W/"{first.json()["catalog"]}-{first.json()["seq"]}"'
    again = http.get("/api/v1/best", headers={"if-none-match": f'"x", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["as-of"] == first.json()["as_of"]
    assert http.get("/api/v1/best", headers={"if-none-match": 'W/"other-1"'}).status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "kind"),
    [
        ("/api/v1/checkpoints?limit=1001", 400, "validation"),
        ("/api/v1/checkpoints?limit=0", 400, "validation"),
        ("/api/v1/checkpoints?limt=5", 400, "validation"),
        ("/api/v1/checkpoints?q=nofield:1", 400, "query"),
        ("/api/v1/checkpoints?sort=nofield", 400, "query"),
        ("/api/v1/checkpoints?fields=nofield", 400, "query"),
        ("/api/v1/checkpoints?cursor=abc", 400, "cursor"),
        ("/api/v1/best?by=colour", 400, "query"),
        ("/api/v1/best?metric=val/iou&mode=up", 400, "validation"),
        ("/api/v1/compare?ids=1,x", 400, "query"),
        ("/api/v1/compare?ids=1,999", 404, "not-found"),
        ("/api/v1/disk?by=path", 400, "query"),
        ("/api/v1/facets?fields=path", 400, "query"),
        ("/api/v1/checkpoints/99999999999999999999999", 404, "not-found"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/nothing", 404, "not-found"),
    ],
)
def test_every_refusal_is_a_problem_document(http: Interface, address: str, status: int, kind: str) -> None:
    answer = http.get(address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:ckpt-indexer:problem:{kind}"
    assert answer.json()["status"] == status


def test_a_method_nobody_takes_is_405_and_says_which_are(http: Interface) -> None:
    answer = http.post("/api/v1/best", {})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert http.get("/api/v1/sql").status_code == 405


def test_the_missing_page_says_how_to_get_it(http: Interface) -> None:
    answer = http.get("/ui/anything")
    assert answer.status_code == 404
    assert "ckpt-indexer[ui]" in answer.json()["detail"]


def test_health_readiness_and_numbers(http: Interface) -> None:
    assert http.get("/healthz").json()["status"] == "ok"
    assert http.get("/readyz").status_code == 200
    http.control.ready = False
    try:
        assert http.get("/readyz").status_code == 503
    finally:
        http.control.ready = True
    text = http.get("/metrics").text
    assert 'ckpt_indexer_rows_by_presence{presence="present"} 24.0' in text
    assert 'ckpt_indexer_rows_by_source{source="sidecar"} 24.0' in text
    assert 'ckpt_indexer_http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert "ckpt_indexer_scan_age_seconds" in text
