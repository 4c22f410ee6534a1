from __future__ import annotations

from ckpt_indexer.web import parts
from ckpt_indexer.web.parts import Cell, Column
from ckpt_indexer.web.words import UNKNOWN
from tests.web.catalogs import HOSTILE
from tests.web.drawing import rows_of, tags_of, text_of


def test_a_table_says_what_it_sorts_by() -> None:
    made = parts.table(
        "Sizes", (Column("name"), Column("size", is_number=True)),
        [(parts.said("a"), parts.size(1500)), (parts.said(None), parts.size(None))],
    )  # fmt: skip
    assert rows_of(made) == [["name", "size"], ["a", "1.5 kB"], [UNKNOWN, UNKNOWN]]
    cells = [attributes.get("data-v") for name, attributes in tags_of(made) if name == "td"]
    assert cells == ["a", "1500", "", None]
    assert [name for name, attributes in tags_of(made) if name == "th" and attributes["scope"] == "col"] == ["th", "th"]


def test_a_zero_is_a_value() -> None:
    assert parts.metric(0.0) == Cell("0.0000", 0.0)
    assert parts.number(0) == Cell("0", 0)
    assert parts.number(None) == Cell(UNKNOWN, None)
    assert parts.moment(None) == Cell(UNKNOWN, "")


def test_a_choice_shows_what_is_chosen() -> None:
    made = parts.choice("Metric", "metric", ["hmean", ("x", "another")], "x")
    chosen = [attributes for name, attributes in tags_of(made) if name == "option" and "selected" in attributes]
    assert [one["value"] for one in chosen] == ["x"]
    assert text_of(made) == "Metric\nhmean\nanother"


def test_which_end_is_better_can_be_chosen() -> None:
    for mode in (None, "max", "min"):
        chosen = [one for name, one in tags_of(parts.mode(mode)) if name == "option" and "selected" in one]
        assert [one["value"] for one in chosen] == [mode or ""]


def test_hostile_texts_stay_text_everywhere() -> None:
    made = "".join(
        [
            parts.table(HOSTILE, (Column(HOSTILE),), [(parts.link(HOSTILE, HOSTILE),), (parts.said(HOSTILE),)]),
            parts.cards((HOSTILE, HOSTILE)), parts.notice(HOSTILE, HOSTILE), parts.search(HOSTILE, HOSTILE),
            parts.choice(HOSTILE, "x", [HOSTILE], HOSTILE), parts.starting([HOSTILE]),
        ]
    )  # fmt: skip
    assert {"img", "script"}.isdisjoint(name for name, _ in tags_of(made))
    assert "\u202e" not in text_of(made)
    assert not [name for _, attributes in tags_of(made) for name in attributes if name.startswith("on")]


def test_an_empty_catalog_says_how_to_begin() -> None:
    assert "ckpt-indexer serve outputs/" in text_of(parts.starting([]))
    assert "no directory yet" in text_of(parts.starting([]))
    assert "/data/a, /data/b" in text_of(parts.starting(["/data/a", "/data/b"]))
