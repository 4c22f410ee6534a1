"""The keyboard alone is enough."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import PLACES

if TYPE_CHECKING:
    from tests.browser.browsing import Tab

pytestmark = pytest.mark.browser

FIRST = '.ag-center-cols-container .ag-row[row-index="0"] [col-id="epoch"]'


def focused(tab: Tab) -> int | None:
    """Return the row of the table that has the focus."""
    row: int | None = tab.page.evaluate("ckpt.grid.state.api.getFocusedCell()?.rowIndex ?? null")
    return row


def start(tab: Tab) -> None:
    """Put the focus into the table, without a mouse: from the search field, by Tab, into the first row."""
    tab.table()
    tab.page.keyboard.press("/")
    expect(tab.page.locator("#ckpt-q")).to_be_focused()
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("Boolean(document.activeElement.closest('#ckpt-grid'))"):
            break
    tab.page.keyboard.press("ArrowDown")
    assert focused(tab) == 0


def test_slash_searches_and_escape_leaves(tab: Tab) -> None:
    tab.table()
    tab.page.keyboard.press("/")
    expect(tab.page.locator("#ckpt-q")).to_be_focused()
    tab.page.keyboard.type("epoch:2 c y g ?")
    expect(tab.page.locator("#ckpt-q")).to_have_value("epoch:2 c y g ?")
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#ckpt-q")).not_to_be_focused()


def test_rows_are_reached_selected_and_compared(tab: Tab) -> None:
    start(tab)
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("ArrowDown")
    assert focused(tab) == 2
    tab.page.keyboard.press("Space")
    expect(tab.page.locator("#ckpt-compare")).to_have_text("Compare 2")
    tab.page.keyboard.press("c")
    tab.page.wait_for_url(re.compile(r"/ui/compare\?ids=\d+,\d+$"))
    expect(tab.page.locator(".ckpt-compare tbody tr").first).to_be_visible()


def test_comparing_one_says_how_to_select(tab: Tab) -> None:
    start(tab)
    tab.page.keyboard.press("c")
    expect(tab.page.locator(".ckpt-toast")).to_contain_text("Select two")
    assert "/compare" not in tab.page.url


def test_enter_opens_the_drawer_and_escape_returns_to_the_row(tab: Tab) -> None:
    start(tab)
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#ckpt-drawer")).to_be_hidden()
    assert focused(tab) == 1
    assert tab.page.evaluate("Boolean(document.activeElement.closest('#ckpt-grid'))")
    tab.page.keyboard.press("ArrowDown")
    assert focused(tab) == 2


def test_page_down_goes_a_screen_further(tab: Tab) -> None:
    start(tab)
    tab.page.keyboard.press("PageDown")
    tab.page.wait_for_function("ckpt.grid.state.api.getFocusedCell().rowIndex > 10")
    tab.page.keyboard.press("PageUp")
    tab.page.wait_for_function("ckpt.grid.state.api.getFocusedCell().rowIndex === 0")


def test_y_copies_the_path_of_the_row(tab: Tab) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=tab.url)
    start(tab)
    tab.page.keyboard.press("y")
    expect(tab.page.locator(".ckpt-toast")).to_have_text("Copied.")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("/checkpoints/epoch=10-step=5687.ckpt")
    assert copied.startswith("/")


@pytest.mark.parametrize(("key", "place"), list(zip("cbemdh", PLACES.values(), strict=True)), ids=PLACES)
def test_g_and_a_letter_go_to_a_page(tab: Tab, key: str, place: str) -> None:
    tab.open("/ui/health" if key == "c" else "/ui/")
    tab.page.keyboard.press("g")
    tab.page.keyboard.press(key)
    tab.page.wait_for_url(f"{tab.url}{place}")
    tab.alive()
    expect(tab.page.locator('nav [aria-current="page"]')).to_have_attribute("href", place)


def test_a_question_mark_lists_keys_and_queries(tab: Tab) -> None:
    tab.open("/ui/best")
    tab.page.keyboard.press("?")
    dialog = tab.page.get_by_role("dialog", name="Keys and queries")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("backbone:resnet18,resnet50")
    assert dialog.evaluate("(one) => one.scrollTop") == 0
    tab.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_header_can_be_skipped(tab: Tab) -> None:
    tab.open("/ui/experiments")
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("link", name="Skip to the content")).to_be_focused()
