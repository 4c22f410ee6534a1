"""What every catalog must answer, wherever it lives. Mix `CatalogContract` into a test class that has a fixture
`opened`: it takes the path of a catalog file and returns a `Catalog` over it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS, Page
from ckpt_indexer.errors import CheckpointNotFound, InvalidCursor, InvalidFilter
from tests.client.catalog_database import CatalogFile, build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.catalog.protocol import Catalog

    Opened = Callable[[Path], Catalog]


def rows() -> list[dict[str, Any]]:
    """Return a small catalog with every case a ranking must get right."""
    common = {"dataset": "icdar15", "architecture": "dbnet", "read_state": "ok"}
    return [
        {"path": "a/checkpoints/epoch=3.ckpt", "backbone": "resnet18", "hmean": 0.80, "epoch": 3, "experiment": "a",
         "metrics": {"hmean": 0.80, "val/iou": 0.7, "loss": 0.3}, "params": {"lr": 0.001, "opt": "adam"},
         "created_at": "2026-06-01T10:00:00Z", "tags": ["good"], "has_sidecar": 1, "source": "sidecar",
         "precision": 0.85, "recall": 0.83, "directions": {"val/iou": "max"}, "config_path": "a/.hydra/config.yaml",
         "components": [{"role": "head", "name": "db_head", "params": {}}], **common},
        {"path": "a/checkpoints/epoch=9.ckpt", "backbone": "resnet18", "hmean": 0.90, "epoch": 9, "experiment": "a",
         "metrics": {"hmean": 0.90, "val/iou": 0.6}, "params": {"lr": 0.01, "opt": "sgd"}, "pinned": 1,
         "created_at": "2026-06-30T23:59:59.5Z", **common},
        {"path": "b/checkpoints/epoch=1.ckpt", "backbone": "resnet50", "hmean": 0.90, "epoch": 1, "experiment": "b",
         "metrics": {"hmean": 0.90, "val/iou": 0.8}, "created_at": "2026-07-01T00:00:00Z", "size_bytes": 400_000_000,
         "provenance": {"epoch": "names"}, "source": "names", **common},
        {"path": "b/checkpoints/epoch=0.ckpt", "backbone": "resnet50", "hmean": 0.90, "epoch": 0, "experiment": "b",
         "metrics": {"hmean": 0.90, "val/iou": 0.95}, "stale": ["val/iou"], **common},
        {"path": "c/best.ckpt", "hmean": 0.99, "experiment": "c", "metrics": {"hmean": 0.99}, **common},
        {"path": "c/last.ckpt", "backbone": "resnet50", "hmean": 0.95, "alias_of": 5, "experiment": "c",
         "kind": "symlink", "metrics": {"hmean": 0.95, "val/iou": 0.99}, **common},
        {"path": "c/gone.ckpt", "backbone": "swin_t", "hmean": 0.97, "presence": "missing", "experiment": "c",
         "metrics": {"hmean": 0.97, "val/iou": 0.9}, **common},
        {"path": "d/epoch=2.ckpt", "backbone": "Swin_T", "epoch": 2, "experiment": "d d", "read_state": "degraded",
         "problems": [{"kind": "truncated", "message": "ends early"}], "conflicts": [{"field": "epoch"}]},
    ]  # fmt: skip


def names(page: Sequence[Any]) -> list[str]:
    return [row["name"] if row["name"] != "best.ckpt" else "best" for row in page]


class CatalogContract:
    """The questions of the `Catalog` protocol over the rows above."""

    @pytest.fixture
    def catalog(self, tmp_path: Path, opened: Opened) -> Catalog:
        return opened(build(tmp_path / "catalog.db", rows()))

    def test_the_row_has_the_public_keys_and_plain_values(self, catalog: Catalog) -> None:
        row = catalog.get(1)
        assert tuple(row) == ROW_KEYS
        assert row["has_sidecar"] is True
        assert row["pinned"] is False
        assert row["abs_path"] == "/data/outputs/a/checkpoints/epoch=3.ckpt"
        assert json.loads(json.dumps(dict(row)))["metrics"] == {"hmean": 0.80, "val/iou": 0.7, "loss": 0.3}
        assert row["decoder"] is None

    def test_best_ranks_groups_best_first_and_the_unknown_one_last(self, catalog: Catalog) -> None:
        page = catalog.best()
        assert [(row["group"], row["value"], row["rank"], row["n"], row["ties"]) for row in page] == [
            ("resnet50", 0.90, 1, 2, 2), ("resnet18", 0.90, 1, 2, 1), (None, 0.99, 1, 1, 1),
        ]  # fmt: skip
        assert tuple(page[0]) == (*ROW_KEYS, *BEST_KEYS)

    def test_ties_go_to_the_lower_epoch(self, catalog: Catalog) -> None:
        assert [row["epoch"] for row in catalog.best(k=2)] == [0, 1, 9, 3, None]
        assert [row["rank"] for row in catalog.best(k=2)] == [1, 2, 1, 2, 1]

    def test_links_and_missing_files_are_not_ranked(self, catalog: Catalog) -> None:
        assert {row["name"] for row in catalog.best(by="none", k=100)} == {
            "epoch=3.ckpt", "epoch=9.ckpt", "epoch=1.ckpt", "epoch=0.ckpt", "best.ckpt",
        }  # fmt: skip

    def test_one_ranking_over_all_counts_on(self, catalog: Catalog) -> None:
        page = catalog.best(by="none", k=3)
        assert [(row["value"], row["rank"], row["n"], row["ties"], row["group"]) for row in page] == [
            (0.99, 1, 5, 1, None), (0.90, 2, 5, 3, None), (0.90, 3, 5, 3, None),
        ]  # fmt: skip

    def test_the_other_end_can_be_asked_for(self, catalog: Catalog) -> None:
        assert [row["value"] for row in catalog.best(mode="min")] == [0.80, 0.90, 0.99]

    def test_any_logged_metric_ranks_by_its_own_fresh_values(self, catalog: Catalog) -> None:
        page = catalog.best("val/iou")
        assert [(row["group"], row["value"], row["n"], row["ties"]) for row in page] == [
            ("resnet50", 0.8, 1, 1), ("resnet18", 0.7, 2, 1),
        ]  # fmt: skip

    @pytest.mark.parametrize("metric", ["hmean", "val/iou"])
    @pytest.mark.parametrize("by", ["backbone", "experiment", "root", "none"])
    def test_a_query_that_excludes_nothing_changes_no_ranking(self, catalog: Catalog, metric: str, by: str) -> None:
        plain = catalog.best(metric, by, k=2, mode="max")
        under_query = catalog.best(metric, by, "id>0", k=2, mode="max")
        assert [dict(row) for row in plain] == [dict(row) for row in under_query]
        assert plain.warnings == under_query.warnings

    def test_a_query_narrows_a_ranking(self, catalog: Catalog) -> None:
        page = catalog.best(query="epoch:1..3")
        assert [(row["group"], row["value"], row["n"]) for row in page] == [("resnet50", 0.9, 1), ("resnet18", 0.8, 1)]

    def test_an_absent_metric_is_an_empty_page_that_says_what_there_is(self, catalog: Catalog) -> None:
        for query in ("", "epoch>0"):
            page = catalog.best("nope", query=query)
            assert len(page) == 0
            assert "val/iou" in page.known_metrics
            assert "no checkpoint has the metric nope" in page.warnings[0]
            assert "hmean" in page.warnings[0]

    def test_a_query_without_ranked_rows_says_so(self, catalog: Catalog) -> None:
        page = catalog.best(query="exp:nothing")
        assert len(page) == 0
        assert "of this query" in page.warnings[0]

    @pytest.mark.parametrize(
        "arguments",
        [{"by": "colour"}, {"mode": "up"}, {"k": 0}, {"metric": ""}, {"metric": "x" * 501}, {"metric": "a\x00"},
         {"metric": "a\udcff"}],
    )  # fmt: skip
    def test_wrong_ranking_arguments_are_refused(self, catalog: Catalog, arguments: dict[str, Any]) -> None:
        with pytest.raises(InvalidFilter):
            catalog.best(**arguments)

    def test_contradictory_directions_ask_for_a_mode(self, tmp_path: Path, opened: Opened) -> None:
        both = [
            {"path": "a.ckpt", "metrics": {"odd": 1.0}, "directions": {"odd": "min"}},
            {"path": "b.ckpt", "metrics": {"odd": 2.0}, "monitor": "odd", "monitor_mode": "max"},
        ]
        catalog = opened(build(tmp_path / "c.db", both))
        for query in ("", "id>0"):
            with pytest.raises(InvalidFilter, match="--mode"):
                catalog.best("odd", query=query)
        assert catalog.best("odd", mode="min")[0]["value"] == 1.0

    def test_a_declared_direction_counts(self, tmp_path: Path, opened: Opened) -> None:
        made = [{"path": f"{n}.ckpt", "metrics": {"odd": float(n)}, "directions": {"odd": "min"}} for n in (3, 1, 2)]
        assert opened(build(tmp_path / "c.db", made)).best("odd")[0]["value"] == 1.0

    def test_mixed_datasets_are_warned_of(self, tmp_path: Path, opened: Opened) -> None:
        made = [{"path": f"{d}.ckpt", "hmean": 0.5, "dataset": d, "metrics": {"m/x": 1.0}} for d in ("x", "y")]
        catalog = opened(build(tmp_path / "c.db", made))
        for page in (catalog.best(), catalog.best(query="id>0"), catalog.best("m/x", mode="max")):
            assert "different datasets (x, y)" in page.warnings[0]
        assert catalog.best(by="dataset").warnings == ()
        assert catalog.best(query="dataset:x").warnings == ()

    def test_find_lists_present_rows_by_path(self, catalog: Catalog) -> None:
        page = catalog.find()
        assert isinstance(page, Page)
        assert [row["path"] for row in page] == sorted(row["path"] for row in page)
        assert len(page) == 7
        assert page.hidden == 1
        assert page.next is None

    @pytest.mark.parametrize(
        "query", ["", "presence:any", "backbone:resnet18", "hmean>0.5 -backbone:resnet18", "nothing"]
    )
    def test_a_count_is_the_number_of_rows_found(self, catalog: Catalog, query: str) -> None:
        assert catalog.count(query) == len(catalog.find(query))

    def test_presence_shows_what_is_hidden(self, catalog: Catalog) -> None:
        assert len(catalog.find("presence:any")) == 8
        assert catalog.find("presence:any").hidden == 0
        assert names(catalog.find("presence:missing")) == ["gone.ckpt"]

    @pytest.mark.parametrize("query", ["", "path:c/*"])
    def test_pages_travel_through_caches(self, catalog: Catalog, query: str) -> None:
        for page in (catalog.find(query), catalog.best(query=query)):
            kept = pickle.loads(pickle.dumps(page))
            assert (list(kept), kept.hidden, kept.roots) == (list(page), page.hidden, page.roots)
            assert repr(kept) == f"<Page of {len(page)} rows, seq {page.seq}>"

    def test_hidden_rows_of_a_query_are_counted(self, catalog: Catalog) -> None:
        page = catalog.find("exp:c")
        assert (len(page), page.hidden) == (2, 1)
        assert catalog.find("exp:a").hidden == 0

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("backbone:resnet18,resnet50", [1, 2, 3, 4, 6]),
            ("backbone:RESNET18", [1, 2]),
            ("backbone:swin_t", [8]),
            ("backbone:", [5]),
            ("backbone:,", None),
            ("-backbone:resnet50", [1, 2, 5, 8]),
            ("backbone:*50", [3, 4, 6]),
            ('exp:"d d"', [8]),
            ("exp:a,b epoch>2", [1, 2]),
            ("hmean>0.9", [5, 6]),
            ("hmean>=0.9", [2, 3, 4, 5, 6]),
            ("-hmean>=0.9", [1, 8]),
            ("epoch:0", [4]),
            ("epoch:1..3", [1, 3, 8]),
            ("epoch:0,9", [2, 4]),
            ("val/iou>0.65", [1, 3, 6]),
            ("val/iou:", [4, 5, 8]),
            ("-val/iou>0.65", [2, 4, 5, 8]),
            ("loss<1", [1]),
            ("param.lr:<0.01", [1]),
            ("param.lr:0.001", [1]),
            ("param.opt:ADAM", [1]),
            ("param.opt:*d*", [1, 2]),
            ("param.opt:", [3, 4, 5, 6, 8]),
            ("created:2026-06", [1, 2]),
            ("created:2026-06..", [1, 2, 3]),
            ("created>2026-06", [3]),
            ("created<=2026-06", [1, 2]),
            ("size>300M", [3]),
            ("tag:good", [1]),
            ("tags:", [2, 3, 4, 5, 6, 8]),
            ("pinned:true", [2]),
            ("has_sidecar:false", [2, 3, 4, 5, 6, 8]),
            ("root:outputs", [1, 2, 3, 4, 5, 6, 8]),
            ("root:other", []),
            ("problems:truncated", [8]),
            ("conflicts:epoch", [8]),
            ("provenance:names", [3]),
            ("components:db_head", [1]),
            ("metrics:val/*", [1, 2, 3, 6]),
            ("params:lr", [1, 2]),
            ("state:degraded", [8]),
            ("alias_of:5", [6]),
            ("epoch=3.ckpt", [1]),
            ("EPOCH=3.ckpt", [1]),
            ("epoch=?.ckpt -b/", [1, 2, 8]),
            ("best", [5]),
            ("abs_path:/data/outputs/c/best.ckpt", [5]),
            ("path:c/best.ckpt", [5]),
            ("name:*.ckpt id<3", [1, 2]),
            ("'; DROP TABLE checkpoints; --", []),
            ("id:9223372036854775808", []),
            ("100%", []),
            ("_", []),
        ],
    )
    def test_the_query_language_finds(self, catalog: Catalog, query: str, ids: list[int] | None) -> None:
        if ids is None:
            with pytest.raises(InvalidFilter):
                catalog.find(query)
            return
        if query.startswith("'"):
            query = f'"{query}"'
        assert sorted(row["id"] for row in catalog.find(query)) == ids

    @pytest.mark.parametrize(
        ("query", "sort", "ids"),
        [
            ("hmean-", None, [5, 6, 2, 3, 4, 1, 8]),
            ("hmean+", None, [1, 2, 3, 4, 6, 5, 8]),
            ("epoch+", None, [4, 3, 8, 1, 2, 5, 6]),
            ("", "-epoch", [2, 1, 8, 3, 4, 5, 6]),
            ("hmean-", "epoch,id-", [4, 3, 8, 1, 2, 6, 5]),
            ("backbone+ epoch-", None, [8, 2, 1, 3, 4, 6, 5]),
            ("val/iou-", None, [6, 3, 1, 2, 4, 5, 8]),
            ("param.lr+", None, [1, 2, 3, 4, 5, 6, 8]),
            ("path-", None, [8, 6, 5, 3, 4, 2, 1]),
            ("presence:any hmean-", None, [5, 7, 6, 2, 3, 4, 1, 8]),
            ("exp:a,c hmean-", None, [5, 6, 2, 1]),
        ],
    )
    @pytest.mark.parametrize("size", [None, 1, 2, 3, 100])
    def test_pages_put_together_are_the_whole(
        self, catalog: Catalog, query: str, sort: str | None, ids: list[int], size: int | None
    ) -> None:
        found: list[int] = []
        cursor: str | None = None
        for _ in range(20):
            page = catalog.find(query, sort=sort, limit=size, cursor=cursor)
            assert size is None or len(page) <= size
            found += [row["id"] for row in page]
            cursor = page.next
            if cursor is None:
                break
        assert found == ids

    def test_pages_by_path_go_through_every_root(self, tmp_path: Path, opened: Opened) -> None:
        file = CatalogFile(tmp_path / "c.db")
        for root in ("z", "a", "m"):
            file.root(root)
        file.add_all([{"path": f"{n}.ckpt", "root": root} for root in ("z", "a", "m") for n in (2, 1)])
        file.close()
        catalog = opened(tmp_path / "c.db")
        seen, cursor = [], None
        for _ in range(6):
            page = catalog.find(limit=1, cursor=cursor)
            seen.append((page[0]["root"], page[0]["path"]))
            cursor = page.next
        assert seen == [(root, f"{n}.ckpt") for root in "amz" for n in (1, 2)]
        assert cursor is None

    def test_foreign_and_altered_cursors_are_refused(self, catalog: Catalog) -> None:
        cursor = catalog.find("hmean-", limit=1).next
        assert cursor is not None
        for query, text in (("epoch-", cursor), ("", cursor), ("hmean-", cursor[:-1]), ("hmean-", "x")):
            with pytest.raises(InvalidCursor):
                catalog.find(query, limit=1, cursor=text)

    def test_unknown_fields_and_bad_limits_are_refused(self, catalog: Catalog) -> None:
        with pytest.raises(InvalidFilter, match="did you mean backbone"):
            catalog.find("backbon:x")
        with pytest.raises(InvalidFilter, match="limit"):
            catalog.find(limit=0)
        with pytest.raises(InvalidFilter):
            catalog.find(sort="nope")

    @pytest.mark.parametrize(
        ("ref", "row_id"),
        [
            (1, 1), ("1", 1), ("a/checkpoints/epoch=3.ckpt", 1), ("outputs:c/best.ckpt", 5), ("c/gone.ckpt", 7),
            ("/data/outputs/c/best.ckpt", 5), ("epoch=3.ckpt", 1), ("checkpoints/epoch=9.ckpt", 2), ("best.ckpt", 5),
            ("./c/best.ckpt", 5), ("c/best.ckpt/", 5), ("exp:a epoch:9", 2), ("tag:good", 1), ("7", 7), ("best", 5),
        ],
    )  # fmt: skip
    def test_a_reference_is_an_id_a_path_or_a_query(self, catalog: Catalog, ref: int | str, row_id: int) -> None:
        assert catalog.get(ref)["id"] == row_id

    def test_a_reference_may_be_another_integer_or_a_path_object(self, catalog: Catalog) -> None:
        class Whole:
            """As numpy's integers, which are no `int`."""

            def __index__(self) -> int:
                return 5

        assert catalog.get(Whole())["id"] == 5
        assert catalog.get(Path("c/best.ckpt"))["id"] == 5
        assert len(catalog.compare([Whole(), Path("c/gone.ckpt")])["rows"]) == 2

    @pytest.mark.parametrize("ref", [None, 1.5])
    def test_anything_else_is_no_reference(self, catalog: Catalog, ref: Any) -> None:
        with pytest.raises(TypeError):
            catalog.get(ref)

    @pytest.mark.parametrize(
        "ref",
        [
            99,
            "99",
            "nope.ckpt",
            "exp:nope",
            2**70,
            str(2**70),
            "/nowhere/x.ckpt",
            "/c/best.ckpt",
            "a\udcff",
            "/data/outputs/x\\xff",
        ],
    )
    def test_nothing_found_is_an_error(self, catalog: Catalog, ref: int | str) -> None:
        with pytest.raises(CheckpointNotFound):
            catalog.get(ref)

    @pytest.mark.parametrize("ref", ["", " ", "backbon:x"])
    def test_a_reference_must_mean_something(self, catalog: Catalog, ref: str) -> None:
        with pytest.raises(InvalidFilter):
            catalog.get(ref)

    def test_several_answers_are_listed(self, catalog: Catalog) -> None:
        with pytest.raises(CheckpointNotFound, match=r"means 2 checkpoints.*1 outputs:a/checkpoints/epoch=3.ckpt; 2 "):
            catalog.get("exp:a")
        with pytest.raises(CheckpointNotFound, match="more than 5") as caught:
            catalog.get("presence:any")
        assert len(caught.value.details["matches"]) == 5  # type: ignore[arg-type]  # a tuple here

    def test_undecodable_names_are_found_by_what_is_shown_and_by_bytes(self, tmp_path: Path, opened: Opened) -> None:
        catalog = opened(build(tmp_path / "c.db", [{"path": b"x/a\xff.ckpt"}, {"path": "x/b.ckpt"}]))
        assert catalog.get("x/a\\xff.ckpt")["id"] == 1
        assert catalog.get("a\udcff.ckpt")["id"] == 1
        assert catalog.get("/data/outputs/x/a\udcff.ckpt")["id"] == 1
        assert catalog.get("/data/outputs/x/a\\xff.ckpt")["id"] == 1
        assert [row["id"] for row in catalog.find("a\udcff")] == [1]

    def test_compare_shows_what_differs(self, catalog: Catalog) -> None:
        found = catalog.compare([1, "epoch=9.ckpt"])
        assert [row["id"] for row in found["rows"]] == [1, 2]
        fields = found["fields"]
        assert fields["hmean"] == [0.80, 0.90]
        assert fields["param.lr"] == [0.001, 0.01]
        assert fields["metrics.loss"] == [0.3, None]
        assert "backbone" not in fields
        with pytest.raises(InvalidFilter):
            catalog.compare([])

    def test_experiments_are_summed_up(self, catalog: Catalog) -> None:
        found = {row["name"]: row for row in catalog.experiments()}
        assert list(found) == ["a", "b", "c", "d d"]
        a = found["a"]
        assert (a["count"], a["size_bytes"], a["best"], a["best_epoch"], a["last_epoch"], a["newest"]) == (
            2, 200, 0.90, 9, 9, "2026-06-30T23:59:59.5Z",
        )  # fmt: skip
        assert found["b"]["best_epoch"] == 0
        assert found["d d"]["best"] is None
        assert [row["name"] for row in catalog.experiments("epoch:9")] == ["a"]

    def test_a_curve_follows_the_epochs(self, catalog: Catalog) -> None:
        assert [(p["epoch"], p["value"], p["id"]) for p in catalog.curve("b")] == [(0, 0.9, 4), (1, 0.9, 3)]
        assert [(p["epoch"], p["value"]) for p in catalog.curve("b", "val/iou")] == [(1, 0.8)]
        assert list(catalog.curve("nope")) == list(catalog.curve("a\udcff", "\udcff")) == []

    def test_facets_count_present_rows(self, catalog: Catalog) -> None:
        found = catalog.facets(["backbone", "presence", "pinned", "arch"])
        assert found["backbone"] == {"resnet50": 3, "resnet18": 2, None: 1, "Swin_T": 1}
        assert found["presence"] == {"present": 7, "missing": 1}
        assert found["pinned"] == {"false": 6, "true": 1}
        assert found["architecture"] == {"dbnet": 6, None: 1}
        assert "backbone" in catalog.facets()
        with pytest.raises(InvalidFilter):
            catalog.facets(["epoch"])

    def test_room_is_added_up_over_present_rows(self, catalog: Catalog) -> None:
        assert [tuple(one.values()) for one in catalog.disk(["backbone"])] == [
            ("resnet50", 3, 400_000_200), ("resnet18", 2, 200), ("Swin_T", 1, 100), (None, 1, 100),
        ]  # fmt: skip
        by_two = catalog.disk(["arch", "experiment"])
        assert dict(by_two[0]) == {"architecture": "dbnet", "experiment": "b", "count": 2, "size_bytes": 400_000_100}
        assert sum(one["count"] for one in by_two) == 7
        assert [dict(one) for one in catalog.disk(["exp", "experiment"])] == [dict(one) for one in catalog.disk()]

    def test_room_by_month_is_what_a_query_for_the_month_finds(self, catalog: Catalog) -> None:
        found = {one["month"]: (one["count"], one["size_bytes"]) for one in catalog.disk(["Month"])}
        assert found == {"2026-07": (1, 400_000_000), "2026-06": (2, 200), None: (4, 400)}
        for month, (count, size_bytes) in found.items():
            rows = catalog.find(f"created:{month or ''}")
            assert (len(rows), sum(row["size_bytes"] for row in rows)) == (count, size_bytes)
        both = catalog.disk(["month", "experiment"])
        assert dict(both[0]) == {"month": "2026-07", "experiment": "b", "count": 1, "size_bytes": 400_000_000}
        assert {"month": None, "experiment": "c", "count": 2, "size_bytes": 200} in [dict(one) for one in both]

    @pytest.mark.parametrize("by", [[], ["path"], ["months"], ["root", "format", "month", "loss"]])
    def test_room_by_what_is_not_added_up_says_what_is(self, catalog: Catalog, by: list[str]) -> None:
        with pytest.raises(InvalidFilter, match="sidecar_state, month"):
            catalog.disk(by)

    def test_stats_are_totals(self, catalog: Catalog) -> None:
        stats = catalog.stats()
        assert stats["checkpoints"] == 8
        assert stats["presence"] == {"present": 7, "missing": 1}
        assert stats["read_state"] == {"degraded": 1, "ok": 7}
        assert stats["size_bytes"] == 400_000_600
        assert stats["experiments"] == 4
        assert set(stats["metrics"]) == {"hmean", "val/iou", "loss", "precision", "recall"}
        assert stats["roots"][0]["name"] == "outputs"
        assert stats["problems"] == 1

    def test_read_states_are_those_of_all_rows(self, tmp_path: Path, opened: Opened) -> None:
        made = [
            {"path": f"{n}.ckpt", "read_state": state, "presence": presence, "alias_of": alias}
            for n, (state, presence, alias) in enumerate(
                [("ok", "present", None), ("ok", "present", 1), ("ok", "missing", None), ("pending", "missing", None),
                 ("unreadable", "unreachable", None), ("degraded", "present", None)]
            )
        ]  # fmt: skip
        stats = opened(build(tmp_path / "c.db", made)).stats()
        assert stats["read_state"] == {"degraded": 1, "ok": 3, "pending": 1, "unreadable": 1}

    def test_problems_are_listed(self, catalog: Catalog) -> None:
        (problem,) = catalog.problems()
        assert problem["kind"] == "truncated"
        assert problem["path"] == "d/epoch=2.ckpt"
        assert problem["root"] == "outputs"
        assert problem["checkpoint_id"] == 8
        assert list(catalog.problems("exp:a")) == []
        assert len(catalog.problems("state:degraded")) == 1

    def test_changes_come_oldest_first_whatever_their_presence(self, catalog: Catalog) -> None:
        assert [row["id"] for row in catalog.changes_since(5)] == [6, 7, 8]
        page = catalog.changes_since(0, limit=2)
        assert ([row["id"] for row in page], page.next) == ([1, 2], "2")
        assert list(catalog.changes_since(catalog.version())) == []
        with pytest.raises(InvalidFilter):
            catalog.changes_since(0, limit=0)

    def test_rows_of_one_change_are_not_torn_apart(self, tmp_path: Path, opened: Opened) -> None:
        made = [{"path": f"{n}.ckpt", "seq": n // 2} for n in range(2, 8)]
        page = opened(build(tmp_path / "c.db", made)).changes_since(0, limit=3)
        assert ([row["seq"] for row in page], page.next) == ([1, 1, 2, 2], "2")

    def test_options_are_ready_for_a_dropdown(self, catalog: Catalog) -> None:
        option = catalog.options("id:1")[0]
        assert option == {
            "value": 1,
            "label": "dbnet · resnet18 · a (ep3 • hmean 0.800 • prec 0.850 • rec 0.830 • 20260601_1000)",
            "path": "/data/outputs/a/checkpoints/epoch=3.ckpt",
            "config_path": "/data/outputs/a/.hydra/config.yaml",
        }

    def test_every_page_says_how_fresh_it_is(self, catalog: Catalog) -> None:
        for page in (catalog.find(), catalog.best(), catalog.changes_since(0)):
            assert (page.catalog, page.seq) == ("cafe0123", 8)
            assert page.as_of == "2026-06-01T00:00:00Z"
            assert page.roots[0].path == "/data/outputs"
        assert catalog.version() == 8

    def test_an_empty_catalog_answers(self, tmp_path: Path, opened: Opened) -> None:
        catalog = opened(build(tmp_path / "c.db", []))
        assert list(catalog.find()) == list(catalog.best()) == list(catalog.experiments()) == []
        assert catalog.best().warnings == ("no checkpoint has the metric hmean; nor any other metric",)
        assert catalog.stats()["checkpoints"] == 0
        assert catalog.find().as_of is None
