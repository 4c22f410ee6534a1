"""The page of a catalog without a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.drawing import Drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface
    from tests.web.conftest import Opened


@pytest.fixture(scope="module")
def empty(opened: Opened) -> Iterator[Interface]:
    with opened([]) as running:
        yield running


@pytest.mark.parametrize("address", ["", "best", "experiments", "disk"])
def test_an_empty_catalog_says_how_to_begin(empty: Interface, address: str) -> None:
    drawing = Drawing(empty.get("/ui/" + address))
    assert drawing.status == 200
    assert "No checkpoints yet" in drawing.text
    assert drawing.charts == []


@pytest.mark.parametrize("address", ["compare", "compare?ids=1", "health", "experiments?name=x"])
def test_other_pages_of_an_empty_catalog(empty: Interface, address: str) -> None:
    assert Drawing(empty.get("/ui/" + address)).status == 200
    assert empty.get("/ui/data/rows?end=10").json()["total"] == 0
