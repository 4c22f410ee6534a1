from __future__ import annotations

from typing import Any

from ckpt_indexer.web import configuration
from ckpt_indexer.web.configuration import section
from tests.web.catalogs import HOSTILE
from tests.web.drawing import rows_of, tags_of, text_of


def row(**said: Any) -> dict[str, Any]:
    return dict.fromkeys(configuration.FACTS) | {"components": [], "params": {}} | said


def test_facts_components_and_parameters_have_the_names_of_queries() -> None:
    head = {"role": "head", "name": "db_head", "params": {"k": 50}}
    one = row(architecture="dbnet", max_epochs=0, components=[head], params={"lr": 0.001, "amp": False})
    assert configuration.configuration([one]) == {
        "architecture": ["dbnet"], "max_epochs": ["0"], "components.head": ["db_head"], "components.head.k": ["50"],
        "param.lr": ["0.001"], "param.amp": ["no"],
    }  # fmt: skip


def test_values_that_changed_on_the_way_are_each_said_once() -> None:
    rows = [row(params={"lr": lr, "seed": 1}) for lr in (0.1, 0.1, 0.01, 0.1)]
    assert configuration.configuration(rows) == {"param.lr": ["0.1", "0.01"], "param.seed": ["1"]}


def test_what_nobody_says_is_left_out() -> None:
    assert section([row(), row(params={"lr": None})]) is None
    assert section([]) is None


def test_what_is_searched_is_named_and_counted() -> None:
    made = section([row(params={"lr": 0.1, "seed": 1})])
    assert made is not None
    (field,) = [attributes for name, attributes in tags_of(made) if name == "input"]
    assert field["data-narrows"] in [attributes.get("id") for _, attributes in tags_of(made)]
    assert field["aria-label"] == "Search the configuration"
    assert "2 values" in text_of(made)
    assert rows_of(made)[1:] == [["param.lr", "0.1"], ["param.seed", "1"]]


def test_more_than_anybody_reads_is_cut_and_told() -> None:
    many = section([row(params={f"k{n}": n for n in range(configuration.MOST + 1)})])
    assert many is not None
    assert len(rows_of(many)) == configuration.MOST + 1
    assert f"The first {configuration.MOST:,} of {configuration.MOST + 1:,}." in text_of(many)
    changing = section([row(params={"lr": n, "long": "x" * 5000}) for n in range(9)])
    assert changing is not None
    found = {cells[0]: cells[1] for cells in rows_of(changing)}
    assert found["param.lr"].endswith("and 4 more")
    assert len(found["param.long"]) == configuration.LONGEST + 1


def test_names_and_values_are_inert() -> None:
    made = section([row(params={HOSTILE: HOSTILE}, components=[{"role": HOSTILE, "name": HOSTILE, "params": None}])])
    assert made is not None
    assert "<img" not in made
    assert "\u202e" not in text_of(made)
