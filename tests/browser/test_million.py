"""A million rows scroll, sort and filter as three hundred do."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import _rows
import pytest
from playwright.sync_api import expect

from tests.api.interface import interface
from tests.browser.browsing import ROW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.interface import Interface
    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = [pytest.mark.browser, pytest.mark.prove]

MANY = 1_000_000


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Interface]:
    """The page over a catalog of a million rows, as `serve` makes it. A daemon would miss their files."""
    _rows.fill(tmp_path / "catalog.db", MANY)
    with interface(tmp_path / "catalog.db", page=True) as running:
        yield running


def jump(tab: Tab, place: int) -> float:
    """Go to a row of the table; return how many seconds it took to show."""
    began = time.monotonic()
    tab.page.evaluate("(place) => ckpt.grid.state.api.ensureIndexVisible(place, 'middle')", place)
    row = tab.page.locator(f'.ag-center-cols-container .ag-row[row-index="{place}"]')
    expect(row.locator('[col-id="epoch"]')).to_have_text(re.compile(r"\d"), timeout=15_000)
    return time.monotonic() - began


def test_a_million_rows(full: Interface, opened: Opened) -> None:
    tab = opened(full.url)
    tab.page.goto(full.url + "/ui/")
    expect(tab.page.locator(ROW).first).to_be_visible(timeout=30_000)
    expect(tab.page.locator("#ckpt-total")).to_contain_text("1,000,000 checkpoints")
    jumps = sorted(jump(tab, place) for place in (500_000, 999_990, 250_000, 10, 750_000, 123_456, 876_543))
    assert jumps[len(jumps) // 2] < 1.0
    tab.page.locator('.ag-header-cell[col-id="validation_loss"]').click()
    tab.page.wait_for_function("new URLSearchParams(location.search).get('sort') === 'validation_loss-'")
    jump(tab, 0)
    tab.page.locator("#ckpt-q").fill("backbone:resnet50 epoch:5..6")
    expect(tab.page.locator("#ckpt-total")).to_contain_text("10,000 checkpoints", timeout=15_000)
    assert set(tab.column("backbone")) <= {"resnet50", ""}
