from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.catalog.query import parse
from ckpt_indexer.web.checkpoints import EMPTY, SHOWN_VALUES, Shape, columns, facets, grid, nothing, shape
from ckpt_indexer.web.rows import TEXTS, VALUES
from tests.web import catalogs
from tests.web.drawing import tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def shown(given: Shape) -> list[str]:
    return [column["field"] for column in columns(given) if not column.get("hide")]


def first(given: Shape) -> dict[str, Any]:
    found = re.fullmatch(r"ckpt\.grid\.columns\((\[.*\]), (\{.*\})\)", grid(given)[":columnDefs"])
    assert found is not None
    assert json.loads(found[1]) == columns(given)
    made: dict[str, Any] = json.loads(found[2])
    return made


def test_detectors_are_shown_by_hmean(of: Of) -> None:
    given = shape(of(catalogs.detectors()))
    assert first(given) == {"metrics": [], "sort": "hmean-"}
    assert {"backbone", "decoder", "epoch", "hmean", "precision", "recall"} <= set(shown(given))
    assert "validation_loss" not in shown(given)


def test_classifiers_are_shown_by_their_accuracy(of: Of) -> None:
    given = shape(of(catalogs.classifiers()))
    assert first(given) == {"metrics": ["val/acc"], "sort": "val/acc-"}
    assert {"hmean", "precision", "recall", "decoder"}.isdisjoint(shown(given))
    assert "validation_loss" in shown(given)


def test_language_models_are_shown_by_their_loss_and_steps(of: Of) -> None:
    given = shape(of(catalogs.language_models()))
    assert first(given) == {"metrics": [], "sort": "validation_loss+"}
    assert {"global_step", "architecture", "validation_loss"} <= set(shown(given))
    assert {"epoch", "backbone", "hmean"}.isdisjoint(shown(given))
    assert [column["field"] for column in columns(given) if column.get("strong")] == ["validation_loss"]


def test_an_empty_catalog_shows_the_usual_columns(of: Of) -> None:
    assert shape(of([])) == EMPTY
    assert {"backbone", "epoch", "hmean"} <= set(shown(EMPTY))


def test_every_column_has_its_values() -> None:
    assert {column["field"] for column in columns(EMPTY)} <= {*TEXTS, *VALUES, "tags"}


def test_a_hostile_metric_is_no_code() -> None:
    made = grid(Shape('x"); alert(1); ("\u2028</script>', None, frozenset()))[":columnDefs"]
    assert made.isascii()
    assert first(Shape('x"); alert(1); ("\u2028', None, frozenset()))["metrics"] == ['x"); alert(1); ("\u2028']


def test_what_is_run_in_the_browser_are_constants() -> None:
    run = {key: value for key, value in grid(EMPTY).items() if key.startswith(":") and key != ":columnDefs"}
    assert all(re.fullmatch(r"ckpt\.grid\.\w+", value) for value in run.values())


def test_the_page_has_its_query_and_its_filters(look: Look) -> None:
    drawing = look("?q=epoch:3&sort=epoch-")
    (field,) = [one for name, one in tags_of(drawing.html) if name == "input" and one.get("id") == "ckpt-q"]
    assert field["value"] == "epoch:3"
    assert "resnet18\n12" in drawing.text
    assert drawing.grid["rowModelType"] == "infinite"
    assert drawing.title == "Checkpoints · ckpt-indexer"


@pytest.mark.parametrize("value", ["a b", 'q"uote', "back\\slash", "x,y", "*", catalogs.HOSTILE])
def test_a_filter_finds_its_rows(of: Of, value: str) -> None:
    catalog = of([{"path": "a.ckpt", "backbone": value}, {"path": "b.ckpt", "backbone": "other"}, {"path": "c.ckpt"}])
    terms = [str(one["data-term"]) for name, one in tags_of(facets(catalog)) if one.get("data-do") == "facet"]
    found = {term: len(catalog.find(term)) for term in terms if term.startswith("backbone:")}
    assert sorted(found.values()) == [1, 1, 1]
    assert all(parse(term).terms for term in terms)


def test_a_field_nobody_knows_anything_of_is_no_filter(of: Of) -> None:
    said = text_of(facets(of([{"path": "a.ckpt"}])))
    assert "decoder" not in said
    assert "root" in said


def test_more_values_than_are_shown_are_counted(of: Of) -> None:
    catalog = of([{"path": f"{n}.ckpt", "backbone": f"net{n}"} for n in range(SHOWN_VALUES + 3)])
    assert "and 3 more" in text_of(facets(catalog))


def test_an_empty_table_says_how_to_begin_or_what_to_change(of: Of) -> None:
    said = text_of(nothing(of([{"path": "a.ckpt"}])))
    assert "No checkpoints yet" in said
    assert "/data/outputs" in said
    assert "presence:any" in said
