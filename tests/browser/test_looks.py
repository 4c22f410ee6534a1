"""Dark and light, wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import NARROW, PLACES, ROW

if TYPE_CHECKING:
    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened
    from tests.journeys.harness import Daemon

pytestmark = pytest.mark.browser

PAGES = (*PLACES.values(), "/ui/experiments?name=dbnet-resnet18-pan-20260302", "/ui/compare?ids=1,50,120", "/ui/?id=7")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def brightness(tab: Tab, selector: str = "body") -> float:
    """Return how bright the ground of an element is, 0 to 255."""
    color = tab.page.locator(selector).first.evaluate("(one) => getComputedStyle(one).backgroundColor")
    parts = [float(part) for part in color.partition("(")[2].rstrip(")").split(",")[:3]]
    return sum(parts) / 3


@pytest.mark.parametrize(("scheme", "is_dark"), [("dark", True), ("light", False)])
def test_it_follows_the_system(opened: Opened, site: Daemon, scheme: str, is_dark: bool) -> None:
    tab = opened(site.url, color_scheme=scheme)
    tab.table()
    assert (brightness(tab) < 60) is is_dark
    assert (brightness(tab, ".ag-root-wrapper") < 60) is is_dark
    tab.page.emulate_media(color_scheme="light" if is_dark else "dark")
    tab.page.wait_for_function(f"document.body.classList.contains('body--dark') === {str(not is_dark).lower()}")
    assert (brightness(tab) < 60) is not is_dark


def test_a_choice_is_kept_over_pages_and_against_the_system(opened: Opened, site: Daemon) -> None:
    tab = opened(site.url, color_scheme="light")
    tab.table()
    tab.page.get_by_role("button", name="Dark or light").click()
    tab.page.wait_for_function("document.body.classList.contains('body--dark')")
    tab.open("/ui/best")
    tab.page.wait_for_function("document.body.classList.contains('body--dark')")
    assert brightness(tab) < 60
    tab.page.get_by_role("button", name="Dark or light").click()
    tab.page.wait_for_function("!document.body.classList.contains('body--dark')")
    tab.page.emulate_media(color_scheme="dark")
    tab.open("/ui/best")
    tab.page.wait_for_function("!document.body.classList.contains('body--dark')")
    assert brightness(tab) > 200


@pytest.mark.parametrize("path", PAGES)
def test_a_telephone_shows_every_page_without_scrolling_sideways(opened: Opened, site: Daemon, path: str) -> None:
    tab = opened(site.url, viewport=NARROW)
    tab.open(path)
    expect(tab.page.locator("#ckpt-content")).to_be_visible()
    tab.page.wait_for_timeout(300)  # charts measure the room they have
    assert tab.page.evaluate(SIDEWAYS) == 0
    links = tab.page.locator(".ckpt-bar nav a")
    for place in range(links.count()):
        box = links.nth(place).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 375, "a page of the header cannot be reached"
        assert box["height"] >= 28


def test_a_telephone_shows_four_columns_and_the_filters_on_demand(opened: Opened, site: Daemon) -> None:
    tab = opened(site.url, viewport=NARROW)
    tab.table()
    titles = tab.page.locator(".ag-header-cell-text:visible").all_text_contents()
    assert [title for title in titles if title] == ["Experiment", "Backbone", "Epoch", "hmean"]
    for name in ("experiment", "hmean"):
        box = tab.page.locator(f'{ROW} [col-id="{name}"]').first.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 375
    rail = tab.page.locator(".ckpt-rail")
    expect(rail).to_be_hidden()
    tab.page.get_by_role("button", name="Filters").click()
    rail.get_by_role("button", name="dbnetpp").click()
    expect(tab.page.locator("#ckpt-total")).to_contain_text("73 checkpoints")


def test_a_telephone_turned_shows_what_fits(opened: Opened, site: Daemon) -> None:
    tab = opened(site.url, viewport=NARROW)
    tab.table()
    tab.page.set_viewport_size({"width": 1280, "height": 800})
    expect(tab.page.locator('.ag-header-cell[col-id="precision"]')).to_be_visible()
    tab.page.set_viewport_size({"width": 375, "height": 800})
    expect(tab.page.locator('.ag-header-cell[col-id="precision"]')).to_be_hidden()
