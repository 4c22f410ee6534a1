"""axe-core finds nothing serious, in light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import NARROW, PLACES, ROW

if TYPE_CHECKING:
    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened
    from tests.journeys.harness import Daemon

pytestmark = pytest.mark.browser

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
PAGES = PLACES | {
    "experiment": "/ui/experiments?name=dbnet-resnet18-pan-20260302&over=pan-resnet18-pan-20260307&also=val/iou",
    "compared": "/ui/compare?ids=1,50,120",
    "drawer": "/ui/?id=7",
    "nothing matches": "/ui/?q=epoch:>999",
    "no such experiment": "/ui/experiments?name=none",
}
GRAVE = ("serious", "critical")
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
COLORS = ["color-contrast", "link-in-text-block"]
"""What differs between light and dark."""


def findings(tab: Tab, rules: list[str]) -> list[str]:
    """Return what axe-core finds serious or critical."""
    context = {"exclude": [[".ckpt-table tbody tr:nth-child(n+8)"]]}  # rows like those above, by the hundred
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found: dict[str, Any] = axe.Axe().run(tab.page, context=context, options=options).response
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:120]}: {node['failureSummary'][-200:]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page(opened: Opened, site: Daemon, path: str) -> None:
    tab = opened(site.url, color_scheme="light")
    tab.open(path)
    if path == "/ui/":
        expect(tab.page.locator(ROW).first).to_be_visible()
    if "id=7" in path:
        expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
    for summary in tab.page.locator(".ckpt-as-table > summary:visible").all():
        summary.click()
    assert findings(tab, EVERYTHING) == []
    darken(tab)
    assert findings(tab, COLORS) == []


def darken(tab: Tab) -> None:
    """Have the system be dark."""
    tab.page.emulate_media(color_scheme="dark")
    tab.page.wait_for_function("document.body.classList.contains('body--dark')")


def test_what_opens_on_demand(opened: Opened, site: Daemon) -> None:
    tab = opened(site.url, color_scheme="light", viewport=NARROW)
    tab.table()
    tab.page.get_by_role("button", name="Filters").click()
    tab.page.get_by_role("button", name="Columns").click()
    expect(tab.page.locator("#ckpt-columns label").last).to_be_visible()
    assert findings(tab, EVERYTHING) == []
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Keys and queries").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    assert findings(tab, EVERYTHING) == []
    darken(tab)
    assert findings(tab, COLORS) == []
