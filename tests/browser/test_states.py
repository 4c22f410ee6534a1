"""What the page shows when not everything is well: nothing there, nobody there, half of it, the wrong thing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import _page_tree
import _trees
import pytest
from playwright.sync_api import expect

from tests.browser.browsing import PLACES, ROW
from tests.journeys.harness import Daemon, rows, write_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon over a directory that is empty at first."""
    place = tmp_path_factory.mktemp("bare")
    (place / "outputs").mkdir()
    with Daemon(place / "outputs", place / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES)
def test_an_empty_catalog_says_how_to_begin(bare: Daemon, opened: Opened, path: str) -> None:
    tab = opened(bare.url)
    tab.open(path)
    if path == "/ui/compare":
        expect(tab.page.get_by_role("heading", name="Nothing to compare yet")).to_be_visible()
    elif path == "/ui/health":
        expect(tab.page.locator("#ckpt-content")).to_contain_text(str(bare.database.parent / "outputs"))
    else:
        expect(tab.page.get_by_role("heading", name="No checkpoints yet")).to_be_visible()
        expect(tab.page.locator(".ckpt-page")).to_contain_text(str(bare.database.parent / "outputs"))


def test_the_first_checkpoint_takes_the_place_of_the_notice(bare: Daemon, opened: Opened) -> None:
    tab = opened(bare.url)
    tab.open("/ui/")
    notice = tab.page.get_by_role("heading", name="No checkpoints yet")
    expect(notice).to_be_visible()
    _page_tree.build(bare.database.parent / "outputs", runs=1, epochs=3)
    expect(tab.page.locator(ROW)).to_have_count(3)
    expect(notice).to_be_hidden()


def test_many_files_at_once_show_how_far_they_are(bare: Daemon, opened: Opened) -> None:
    tab = opened(bare.url)
    tab.open("/ui/")
    tab.page.evaluate("""() => {
      window.told = [];
      const box = document.querySelector('#ckpt-scan');
      const look = () => box.hidden || window.told.push(box.textContent);
      new MutationObserver(look).observe(box, {attributes: true, childList: true, subtree: true});
    }""")
    place = bare.database.parent
    _trees.build(place / "arriving", 1500, document=None)
    os.rename(place / "arriving", place / "outputs" / "arrived")
    tab.page.wait_for_function("window.told.length > 0", timeout=20_000)
    assert "read" in tab.page.evaluate("window.told[0]")
    bare.settle(timeout_s=60)
    expect(tab.page.locator("#ckpt-scan")).to_be_hidden()
    many = len(rows(bare.database, "path_bytes"))
    assert many >= 1500
    expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{many:,}")


def test_a_daemon_that_is_away_is_said_and_what_was_seen_stays(tmp_path: Path, outputs: Path, opened: Opened) -> None:
    _page_tree.build(outputs, runs=3, epochs=6)
    daemon = Daemon(outputs, tmp_path / "catalog.db")
    daemon.settle()
    tab = opened(daemon.url)
    tab.table("/ui/?q=epoch:%3E0")
    tab.may_fail = True
    before = tab.column("hmean")
    assert daemon.stop() == 0
    expect(tab.page.locator("#ckpt-banner")).to_contain_text("does not answer")
    expect(tab.page.locator("#ckpt-state")).to_have_attribute("data-mood", "offline")
    assert tab.column("hmean") == before
    tab.page.locator(ROW).first.locator('[col-id="epoch"]').click()
    expect(tab.page.locator(".ckpt-toast")).to_contain_text("does not answer")
    _page_tree.build(outputs / "more", runs=1, epochs=4)
    with Daemon(outputs, tmp_path / "catalog.db", port=urlsplit(daemon.url).port or 0) as again:
        assert again.url == daemon.url
        expect(tab.page.locator("#ckpt-state")).to_have_attribute("data-mood", "live", timeout=20_000)
        expect(tab.page.locator("#ckpt-banner")).to_be_hidden()
        expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{len(before) + 3} checkpoints", timeout=15_000)
        expect(tab.page.locator("#ckpt-q")).to_have_value("epoch:>0")
        tab.page.goto("about:blank")


def test_a_catalog_that_cannot_be_read_now_is_asked_again(tab: Tab) -> None:
    tab.may_fail = True
    problem = '{"title": "busy", "status": 503, "detail": "the database is locked"}'
    tab.page.route("**/ui/data/rows*", lambda route: route.fulfill(status=503, body=problem))
    tab.open("/ui/")
    expect(tab.page.locator("#ckpt-banner")).to_contain_text("the database is locked")
    tab.page.unroute("**/ui/data/rows*")
    expect(tab.page.locator(ROW).first).to_be_visible(timeout=10_000)
    expect(tab.page.locator("#ckpt-banner")).to_be_hidden()


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon over files that are cut off, lie, disagree with their documents, or are links."""
    place = tmp_path_factory.mktemp("troubled")
    outputs = place / "outputs"
    _page_tree.build(outputs, runs=2, epochs=4)
    folder = outputs / "broken" / "checkpoints"
    folder.mkdir(parents=True)
    whole = _trees.checkpoint(7, 700)
    (folder / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (folder / "prose.ckpt").write_text("this is no checkpoint")
    (folder / "epoch=7-step=700.ckpt").write_bytes(whole)
    write_sidecar(folder / "epoch=7-step=700.ckpt", epoch=3, hmean=0.99)
    first = min(outputs.glob("dbnet-*/checkpoints/*.ckpt"))
    (first.parent / "last.ckpt").symlink_to(first.name)
    with Daemon(outputs, place / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


def test_what_cannot_be_read_is_a_row_that_says_so(troubled: Daemon, opened: Opened) -> None:
    tab = opened(troubled.url)
    found = tab.table("/ui/?q=read_state:unreadable,degraded&cols=name,source")
    assert set(tab.column("name")) >= {"cut.ckpt", "prose.ckpt"}
    assert any("unreadable" in one for one in tab.column("source"))
    expect(tab.page.locator(f"{ROW} .ckpt-warn").first).to_be_visible()
    expect(tab.page.locator(f"{ROW}.ckpt-unread").first).to_be_visible()
    found.first.locator('[col-id="name"]').click()
    expect(tab.page.locator("#ckpt-drawer .ckpt-trouble li").first).to_be_visible()


def test_sources_that_disagree_are_shown_side_by_side(troubled: Daemon, opened: Opened) -> None:
    tab = opened(troubled.url)
    found = tab.table("/ui/?q=sidecar_state:contradicted")
    assert any("≠" in one for one in tab.column("source"))
    found.first.locator('[col-id="epoch"]').click()
    conflicts = tab.page.locator("#ckpt-conflicts")
    line = conflicts.locator("tr", has=tab.page.locator('th:text-is("epoch")'))
    expect(line).to_contain_text("7")
    expect(line).to_contain_text("3")
    expect(line).to_contain_text("sidecar")


def test_a_link_leads_to_its_target(troubled: Daemon, opened: Opened) -> None:
    tab = opened(troubled.url)
    tab.table("/ui/?q=last&cols=name").first.locator('[col-id="name"]').click()
    drawer = tab.page.locator("#ckpt-drawer")
    expect(drawer.locator("h2")).to_have_text("last.ckpt")
    drawer.locator("a[data-open]").first.click()
    expect(drawer.locator("h2")).to_contain_text("epoch=")


def test_health_lists_every_problem_and_leads_to_its_file(troubled: Daemon, opened: Opened) -> None:
    tab = opened(troubled.url)
    tab.open("/ui/health")
    table = tab.page.get_by_role("region", name="Problems")
    table.get_by_role("link", name="prose.ckpt").first.click()
    expect(tab.page.locator("#ckpt-drawer h2")).to_have_text("prose.ckpt")
