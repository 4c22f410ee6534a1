"""The drawer: everything about one checkpoint, who said so, and what a person adds to it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import ROW
from tests.journeys.harness import rows

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened
    from tests.journeys.harness import Daemon

pytestmark = pytest.mark.browser


def drawer_of(tab: Tab, path: str = "/ui/") -> Locator:
    """Open the first row of the table."""
    tab.table(path).first.locator('[col-id="experiment"]').click()
    found = tab.page.locator("#ckpt-drawer")
    expect(found.locator("h2")).to_be_visible()
    return found


def hold(tab: Tab) -> list[Route]:
    """Keep what is asked for the drawer waiting: return the list of it, which fills itself."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    tab.page.route("**/ui/data/detail?*", keep)
    return held


def await_held(tab: Tab, held: list[Route], count: int) -> None:
    """Wait until so many requests are kept waiting."""
    until = time.monotonic() + 15
    while len(held) < count:
        assert time.monotonic() < until, f"{len(held)} of {count} requests after 15 s"
        tab.page.wait_for_timeout(10)


def test_every_value_says_where_it_comes_from(tab: Tab) -> None:
    drawer = drawer_of(tab)
    for field, who in (("hmean", "sidecar"), ("architecture", "sidecar"), ("run_dir", "names")):
        line = drawer.locator("tr", has=tab.page.locator(f'th:text-is("{field}")'))
        expect(line.locator(".who")).to_have_text(who)
    expect(drawer.locator("section", has_text="Found in")).to_contain_text(".metadata.yaml")
    expect(drawer.locator(".ckpt-code").first).to_contain_text("weights_only=True")


def test_it_closes_and_gives_the_focus_back(tab: Tab) -> None:
    drawer = drawer_of(tab)
    assert "id=" in tab.page.url
    tab.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    assert "id=" not in tab.page.url
    expect(tab.page.locator(ROW).first).to_be_visible()


def test_escape_calls_back_what_is_still_on_its_way(tab: Tab) -> None:
    tab.table()
    held = hold(tab)
    row = tab.page.locator(ROW).nth(2)
    row.locator('[col-id="epoch"]').click()
    await_held(tab, held, 1)
    tab.page.keyboard.press("Escape")
    with tab.page.expect_response("**/ui/data/detail?*") as answered:
        held[0].continue_()
    answered.value.finished()
    tab.page.keyboard.press("Space")
    expect(row).to_have_attribute("aria-selected", "true")
    expect(tab.page.locator("#ckpt-drawer")).to_be_hidden()
    assert "id=" not in tab.page.url


def test_the_last_row_that_was_clicked_is_the_one_that_is_shown(tab: Tab) -> None:
    tab.table()
    held = hold(tab)
    numbers = [tab.page.locator(ROW).nth(place).get_attribute("row-id") for place in (1, 3)]
    for place in (1, 3):
        tab.page.locator(ROW).nth(place).locator('[col-id="epoch"]').click()
    await_held(tab, held, 2)
    for one in (held[1], held[0]):
        with tab.page.expect_response("**/ui/data/detail?*") as answered:
            one.continue_()
        answered.value.finished()
    expect(tab.page.locator("#ckpt-drawer")).to_have_attribute("data-id", numbers[1] or "")
    assert f"id={numbers[1]}" in tab.page.url


def test_the_path_is_copied(tab: Tab, site: Daemon) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=tab.url)
    drawer = drawer_of(tab)
    drawer.get_by_role("button", name="Copy path").click()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert os.path.isfile(copied)
    assert copied in {
        f"{site.database.parent}/outputs/{row['path']}" for row in rows(site.database, "path, path_bytes")
    }


def test_what_is_not_there_says_so(tab: Tab) -> None:
    tab.may_fail = True
    tab.table("/ui/?id=123456")
    expect(tab.page.locator("#ckpt-drawer")).to_contain_text("No such checkpoint")


def test_without_the_token_nothing_changes_and_the_page_says_why(tab: Tab, site: Daemon) -> None:
    tab.may_fail = True
    drawer = drawer_of(tab)
    drawer.get_by_role("button", name="Pin", exact=True).click()
    expect(tab.page.locator(".ckpt-toast")).to_contain_text("token")
    assert [row["id"] for row in rows(site.database, "id, path_bytes", "pinned")] == []


def test_with_the_token_tags_notes_and_pins_are_kept(opened: Opened, site: Daemon) -> None:
    token = site.database.with_name(site.database.name + ".token").read_text().strip()
    tab = opened(site.url)
    tab.page.goto(f"{site.url}/ui/?token={token}&q=epoch:3")
    tab.alive()
    assert token not in tab.page.url
    drawer = drawer_of(tab, "/ui/?q=epoch:3")
    drawer.get_by_label("Add a tag").fill("shipped <b>")
    drawer.get_by_role("button", name="Add", exact=True).click()
    expect(drawer.locator(".ckpt-tag")).to_contain_text("shipped <b>")
    drawer.get_by_label("Note").fill("for the demo\nof March")
    drawer.get_by_role("button", name="Pin", exact=True).click()
    expect(drawer.get_by_role("button", name="Unpin")).to_be_visible()
    expect(drawer.get_by_label("Note")).to_have_value("for the demo\nof March")
    drawer.get_by_role("button", name="Save note").click()
    expect(tab.page.locator(".ckpt-toast")).to_contain_text("Saved")
    tab.page.reload()
    tab.alive()
    expect(drawer.get_by_label("Note")).to_have_value("for the demo\nof March")
    expect(drawer.get_by_role("button", name="Unpin")).to_be_visible()
    drawer.get_by_role("button", name="Remove the tag").click()
    expect(drawer.locator(".ckpt-tag")).to_have_count(0)
    drawer.get_by_role("button", name="Unpin").click()
    expect(drawer.get_by_role("button", name="Pin", exact=True)).to_be_visible()
