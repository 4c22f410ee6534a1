"""The page while its catalog cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.web import catalogs
from tests.web.drawing import Drawing, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface
    from tests.web.conftest import Opened


@pytest.mark.parametrize(
    "address", ["", "best", "experiments", "experiments?name=x", "compare?ids=1", "disk", "health"]
)
def test_a_catalog_that_cannot_be_read_now_is_told_by_every_page(broken: Interface, address: str) -> None:
    drawing = Drawing(broken.get("/ui/" + address))
    assert drawing.status == 200
    (state,) = [one for _, one in tags_of(drawing.header) if one.get("id") == "ckpt-state"]
    assert state["data-state"] == ""
    if address:
        assert "cannot be" in drawing.text
    assert str(broken.database.parent) not in drawing.header


def test_its_rows_are_a_problem_not_an_empty_list(broken: Interface) -> None:
    for path in ("rows?end=10", "detail?id=1"):
        answer = broken.get("/ui/data/" + path)
        assert answer.status_code == 503
        assert json.loads(answer.content)["type"].startswith("urn:ckpt-indexer:problem:")


@pytest.fixture(scope="module")
def broken(opened: Opened) -> Iterator[Interface]:
    with opened(catalogs.detectors()) as running:
        running.database.unlink()
        yield running
