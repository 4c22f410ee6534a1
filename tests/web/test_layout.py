from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.catalog.fields import FIELDS
from ckpt_indexer.catalog.query import parse
from ckpt_indexer.web.layout import EXAMPLES, PLACES, around, header, help_
from tests.web.drawing import tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.web.drawing import Drawing


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_the_header_leads_everywhere_and_says_where_one_is(place: object) -> None:
    made = header(place.page, "")  # type: ignore[attr-defined]  # a Place
    links = [one for name, one in tags_of(made) if name == "a" and str(one.get("class")) == "None"]
    assert [one["href"] for one in links] == [f"/ui/{one.page}" for one in PLACES]
    assert [one["href"] for one in links if one.get("aria-current")] == [f"/ui/{place.page}"]  # type: ignore[attr-defined]  # a Place


def test_how_fresh_everything_is_comes_with_the_page(look: Callable[[str], Drawing]) -> None:
    (state,) = [one for _, one in tags_of(look("").header) if one.get("id") == "ckpt-state"]
    said = json.loads(str(state["data-state"]))
    assert (said["catalog"], said["seq"], said["as_of"]) == ("cafe0123", 24, "2026-06-01T00:00:00Z")
    assert said["roots"][0]["name"] == "outputs"


@pytest.mark.parametrize("example", [example for example, _ in EXAMPLES])
def test_every_example_is_a_query(example: str) -> None:
    query = parse(example, ("val/iou", "hmean"))
    assert query.terms or query.sorts


def test_the_help_names_every_key_and_field() -> None:
    said = text_of(help_())
    assert all(field in said for field in FIELDS)
    assert all(f" {place.key}" in said for place in PLACES)


def test_drawer_and_help_are_there_and_closed() -> None:
    ids = {one.get("id"): one for _, one in tags_of(around())}
    assert "hidden" in ids["ckpt-drawer"]
    assert "open" not in ids["ckpt-keys"]
    assert ids["ckpt-toasts"]["aria-live"] == "polite"
