from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web import disk
from ckpt_indexer.web.disk import MOST_RECTANGLES, fields_of, going, nodes
from ckpt_indexer.web.disk import look as look_at
from ckpt_indexer.web.words import UNKNOWN, address
from tests.web import catalogs
from tests.web.drawing import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_room_is_drawn_and_listed(look: Look) -> None:
    drawing = look("disk")
    chart, _ages = drawing.charts
    (node,) = chart["series"][0]["data"]
    assert (node["name"], node["value"]) == ("dbnet · 24 MB", 24_000_132)
    assert [child["name"] for child in node["children"]] == ["resnet18\n12 MB", "resnet50\n12 MB"]
    assert ["dbnet", "resnet18", "12", "12 MB"] in rows_of(drawing.html)
    assert "Room taken by architecture, then backbone" in drawing.text


def test_the_largest_experiments_and_what_of_them_could_go(look: Look) -> None:
    drawing = look("disk")
    assert ["dbnet-r18", "12", "12 MB", "11 MB", "11"] in rows_of(drawing.html)
    assert "22 MB\ncould go in the 2 largest experiments" in drawing.text
    assert "24 MB\non disk" in drawing.text


@pytest.mark.parametrize("by", ["root,experiment", "dataset", "format,read_state", "decoder,experiment", "month"])
def test_room_by_anything(look: Look, by: str) -> None:
    drawing = look(f"disk?by={by}")
    assert len(drawing.charts) == 2
    assert "Room taken by " + ", then ".join(by.split(",")) in drawing.text


@pytest.mark.parametrize("by", ["arch,encoder", "Architecture,BACKBONE"])
def test_fields_may_be_called_by_their_other_names(look: Look, by: str) -> None:
    assert "Room taken by architecture, then backbone" in look(f"disk?by={by}").text
    assert "Room taken by architecture\n" in look("disk?by=arch,architecture").text


def test_the_age_of_what_takes_room_is_drawn_and_listed(look: Look) -> None:
    drawing = look("disk")
    _room, chart = drawing.charts
    assert chart["xAxis"]["data"] == ["2026-06"]
    (bar,) = chart["series"][0]["data"]
    assert disk._opened(0, bar) == "/ui/?q=created%3A2026-06"
    assert ["2026-06", "24", "24 MB"] in rows_of(drawing.html)
    assert "Age, by month of creation" in drawing.text


def test_a_rectangle_of_a_month_leads_to_its_checkpoints(of: Of) -> None:
    catalog = of(catalogs.detectors())
    (node,) = nodes(catalog.disk(("month", "experiment")), ("month", "experiment"))
    assert node["query"] == "created:2026-06"
    assert len(catalog.find(node["children"][0]["query"])) == 12


def test_an_unknown_field_says_so(look: Look) -> None:
    drawing = look("disk?by=nosuch")
    assert "That cannot be shown" in drawing.text
    assert drawing.charts == []


@pytest.mark.parametrize(
    ("by", "fields"),
    [("", ("architecture", "backbone")), (" , ", ("architecture", "backbone")), ("a", ("a",)), ("a, b ,c", ("a", "b"))],
)
def test_fields_of_an_address(by: str, fields: tuple[str, ...]) -> None:
    assert fields_of(by) == fields


def test_what_is_unknown_can_be_looked_at_too() -> None:
    (node,) = nodes([{"backbone": None, "count": 1, "size_bytes": 5}], ("backbone",))
    assert (node["name"], node["query"]) == ("unknown\n5 B", "backbone:")


def test_rectangles_too_many_to_see_are_drawn_as_one() -> None:
    sizes = [{"a": "x", "b": f"{n:03}", "count": 1, "size_bytes": 10} for n in range(MOST_RECTANGLES + 5)]
    (node,) = nodes(sizes, ("a", "b"))
    assert len(node["children"]) == MOST_RECTANGLES + 1
    assert node["children"][-1]["name"] == "5 more\n50 B"
    assert sum(child["value"] for child in node["children"]) == node["value"]


def test_a_rectangle_leads_to_its_checkpoints(of: Of) -> None:
    found = nodes(of(catalogs.detectors()).disk(("architecture", "backbone")), ("architecture", "backbone"))
    query = found[0]["children"][0]["query"]
    assert len(of(catalogs.detectors()).find(query)) == 12
    assert disk._opened(0, found[0]["children"][0]) == address(q=query)
    assert disk._opened(0, {"name": "x"}) is None
    assert disk._opened(0, None) is None


def test_of_an_experiment_with_too_many_files_nothing_is_said(of: Of, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = of(catalogs.detectors())
    assert going(catalog, "dbnet-r18") == (11, sum(1_000_000 + epoch for epoch in range(11)))
    monkeypatch.setattr(disk, "MOST_FILES", 5)
    assert going(catalog, "dbnet-r18") is None
    found = look_at(catalog, ("architecture",))
    assert found.going == {}
    assert ["dbnet-r18", "12", "12 MB", UNKNOWN, UNKNOWN] in rows_of(disk.largest(found))
