from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web.compare import best_places, grouped, ids_of, page
from ckpt_indexer.web.compare import look as look_at
from ckpt_indexer.web.words import UNKNOWN
from tests.web.drawing import rows_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


@pytest.mark.parametrize(
    ("text", "ids"),
    [("", []), ("3,1,2", [3, 1, 2]), ("1,1", [1]), ("x,-1, 2,1.5,\u0663,7", [7]),
     (",".join(map(str, range(20))), list(range(12))), ("9" * 30, [])],
)  # fmt: skip
def test_ids_of_an_address(text: str, ids: list[int]) -> None:
    assert ids_of(text) == ids


def test_checkpoints_stand_side_by_side(look: Look) -> None:
    drawing = look("compare?ids=1,24")
    rows = rows_of(drawing.html)
    assert ["hmean", "0.5000", "0.7100 +0.2100"] in rows
    assert ["backbone", "resnet18", "resnet50"] in rows
    assert ["architecture", "dbnet", "dbnet"] in rows
    assert [chart["series"][0]["name"] for chart in drawing.charts] == ["dbnet-r18"]


def test_what_differs_is_tinted_and_what_is_best_is_marked(of: Of) -> None:
    catalog = of(
        [
            {
                "path": "a.ckpt",
                "hmean": 0.5,
                "validation_loss": 2.0,
                "epoch": 1,
                "params": {"lr": 0.1},
                "metrics": {"val/acc": 0.5},
            },
            {"path": "b.ckpt", "hmean": 0.6, "validation_loss": 3.0, "epoch": 1, "metrics": {"val/acc": 0.4}},
        ]
    )
    made = page(look_at(catalog, [1, 2]), [1, 2])
    lines = made.split("<tr")
    of_ = {name: next(line for line in lines if f">{name}</th>" in line) for name in
           ("hmean", "validation_loss", "val/acc", "epoch", "param.lr")}  # fmt: skip
    assert {name for name, line in of_.items() if 'class="differs"' in line} == set(of_) - {"epoch"}
    best = {name: [cell.startswith(' class="best"') for cell in line.split("<td")[1:]] for name, line in of_.items()}
    assert best == {
        "hmean": [False, True], "validation_loss": [True, False], "val/acc": [True, False],
        "epoch": [False, False], "param.lr": [False, False],
    }  # fmt: skip


def test_a_column_can_be_taken_away_and_opened(look: Look) -> None:
    hrefs = [attributes.get("href") for _, attributes in tags_of(look("compare?ids=1,2,3").html)]
    assert "/ui/compare?ids=1%2C3" in hrefs
    assert "/ui/?id=2" in hrefs


def test_curves_of_any_metric(look: Look) -> None:
    drawing = look("compare?ids=1,24&metric=val/iou")
    assert "val/iou by epoch" in drawing.text
    assert [series["name"] for series in drawing.charts[0]["series"]] == ["dbnet-r18", "dbnet-r50"]
    assert look("compare?ids=1,24&metric=nosuch").charts == []


def test_nothing_to_compare_says_how_to_begin(look: Look) -> None:
    for address in ("compare", "compare?ids=x"):
        assert "Nothing to compare yet" in look(address).text


def test_what_is_not_there_cannot_be_compared(look: Look) -> None:
    drawing = look("compare?ids=1,999")
    assert drawing.status == 200
    assert "That cannot be compared" in drawing.text
    assert "999" in drawing.text


@pytest.mark.parametrize(
    ("values", "mode", "places"),
    [([1, 2], "max", {1}), ([1, 2], "min", {0}), ([1, 1], "max", set()), ([1, None], "max", set()),
     ([2, None, 2, 1], "max", {0, 2}), ([1, 2], None, set()), ([0.0, -1.0], "max", {0})],
)  # fmt: skip
def test_the_best_columns(values: list[Any], mode: str | None, places: set[int]) -> None:
    assert best_places(values, mode) == places


def test_every_field_stands_under_one_heading() -> None:
    names = ["hmean", "metrics.val/iou", "epoch", "param.lr", "components.head", "path", "header.dtypes"]
    assert grouped(names) == [
        ("Metrics", ["hmean", "metrics.val/iou"]), ("Training", ["epoch"]), ("Model", ["components.head"]),
        ("Hyper-parameters", ["param.lr"]), ("File", ["path", "header.dtypes"]),
    ]  # fmt: skip


def test_a_logged_metric_that_repeats_its_headline_is_said_once(of: Of) -> None:
    catalog = of([{"path": f"{n}.ckpt", "hmean": n / 2, "metrics": {"hmean": n / 2}} for n in range(2)])
    names = [row[0] for row in rows_of(page(look_at(catalog, [1, 2]), [1, 2])) if row]
    assert names.count("hmean") == 1
    assert "hmean (logged)" not in names


def test_a_logged_metric_stands_by_its_bare_name_and_beside_a_headline_that_says_otherwise(of: Of) -> None:
    rows = [
        {"path": f"{n}.ckpt", "hmean": 0.5, "metrics_step": 7, "metrics": {"hmean": 50.0 + n, "val/iou": n / 4}}
        for n in range(2)
    ]
    found = {row[0]: row[1:] for row in rows_of(page(look_at(of(rows), [1, 2]), [1, 2])) if row}
    assert found["hmean"] == ["0.5000", "0.5000"]
    assert found["hmean (logged)"] == ["50.0000", "51.0000 +1.0000"]
    assert found["val/iou"] == ["0.0000", "0.2500 +0.2500"]
    assert [name for name in found if name.startswith("metrics.")] == []


def test_a_difference_is_from_the_first_column_and_only_where_both_are_known(of: Of) -> None:
    values = ({"val/iou": 0.5, "a/b": 0.1}, {"a/b": 0.1}, {"val/iou": 0.25, "a/b": 0.1 + 1e-6, "c/d": 1.0})
    catalog = of([{"path": f"{n}.ckpt", "metrics": metrics} for n, metrics in enumerate(values)])
    found = {row[0]: row[1:] for row in rows_of(page(look_at(catalog, [1, 2, 3]), [1, 2, 3])) if row}
    assert found["val/iou"] == ["0.5000", UNKNOWN, "0.2500 -0.2500"]
    assert found["a/b"] == ["0.1000", "0.1000", "0.1000 +1.0e-06"]
    assert found["c/d"] == [UNKNOWN, UNKNOWN, "1.0000"]


def test_a_heading_over_nothing_that_differs_goes_with_what_it_heads(of: Of) -> None:
    catalog = of([{"path": f"{n}.ckpt", "epoch": n, "architecture": "dbnet"} for n in range(2)])
    made = page(look_at(catalog, [1, 2]), [1, 2])
    heads = {title: line for line in made.split("<tr") for title in ("Training", "Model") if f">{title}</th>" in line}
    assert 'class="group"' in heads["Training"]
    assert 'class="group same"' in heads["Model"]
