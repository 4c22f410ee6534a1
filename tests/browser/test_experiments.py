"""One experiment: several metrics, the search in its configuration, what people said about its files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import _page_tree
import pytest
from playwright.sync_api import expect

from tests.browser.browsing import NARROW
from tests.journeys.harness import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Locator

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

NAME = "dbnet-resnet18-pan-20260302"
ONE = f"/ui/experiments?name={NAME}"
TWO = f"{ONE}&over=pan-resnet18-pan-20260307&also=validation_loss"
DRAWN = """(room) => getElement(Number(room.id.slice(1))).chart.getOption()"""


@pytest.fixture
def small(tmp_path: Path, outputs: Path) -> Iterator[Daemon]:
    """A daemon over one run, which tests may change."""
    _page_tree.build(outputs, runs=1, epochs=5)
    with Daemon(outputs, tmp_path / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


def drawn(tab: Tab) -> dict[str, Any]:
    """Return the options of the chart as it is drawn."""
    chart = tab.page.locator(".ckpt-chart .nicegui-echart")
    expect(chart.locator("canvas")).to_be_visible()
    found: dict[str, Any] = chart.evaluate(DRAWN)
    return found


def left(tab: Tab) -> list[str]:
    """Return the names of the configuration that are seen."""
    return tab.page.locator("#ckpt-configuration tbody tr:visible td:first-child").all_text_contents()


def search(tab: Tab) -> Locator:
    """Return the field that searches the configuration."""
    return tab.page.get_by_role("searchbox", name="Search the configuration")


def test_metrics_are_added_kept_in_the_address_and_taken_away(tab: Tab) -> None:
    tab.open(ONE)
    tab.page.get_by_label("Another metric").select_option("validation_loss")
    tab.page.get_by_role("button", name="Add metric").click()
    tab.page.wait_for_url(re.compile("also=validation_loss"))
    tab.alive()
    assert [one["text"] for one in drawn(tab)["title"]] == ["hmean", "validation_loss"]
    expect(tab.page.get_by_role("heading", name="hmean, validation_loss by epoch")).to_be_visible()
    tab.page.get_by_role("link", name="Take validation_loss away").click()
    tab.page.wait_for_url(lambda url: "also" not in url)
    tab.alive()
    assert len(drawn(tab)["grid"]) == 1


def test_no_metric_flattens_another(tab: Tab) -> None:
    tab.open(TWO)
    options = drawn(tab)
    assert len(options["grid"]) == 2
    chart = tab.page.locator(".ckpt-chart .nicegui-echart")
    extents = chart.evaluate(
        """(room) => getElement(Number(room.id.slice(1))).chart.getModel()
          .queryComponents({mainType: 'yAxis'}).map((axis) => axis.axis.scale.getExtent())"""
    )
    for panel, (low, high) in enumerate(extents):
        lines = [one["data"] for one in options["series"] if one["yAxisIndex"] == panel]
        values = [value for line in lines for _, value in line]
        assert len(lines) == 2
        assert max(values) - min(values) > 0.5 * (high - low), "the curves use less than half of their panel"
        assert all(one["markPoint"]["data"] for one in options["series"])


def test_the_table_has_a_column_for_each_metric(tab: Tab) -> None:
    tab.open(TWO)
    tab.page.locator(".ckpt-as-table > summary").click()
    table = tab.page.get_by_role("region", name="Values of the curves")
    expect(table.locator("th")).to_have_text(["experiment", "epoch", "step", "hmean", "validation_loss", "checkpoint"])
    assert {len(row.locator("td").all()) for row in table.locator("tbody tr").all()} == {6}


def test_the_configuration_is_searched_as_one_types(tab: Tab) -> None:
    tab.open(ONE)
    every = left(tab)
    assert {"backbone", "components.head.thresh", "param.lr", "param.optimizer"} <= set(every)
    asked = len(tab.requests)
    tab.page.keyboard.press("/")
    expect(search(tab)).to_be_focused()
    tab.page.keyboard.type("ADAM")
    assert left(tab) == ["param.optimizer"]
    status = tab.page.locator(".ckpt-find [role=status]")
    expect(status).to_have_text(f"1 of {len(every)} values")
    search(tab).fill("head 50")
    assert left(tab) == ["components.head.k"]
    search(tab).fill("<b>&\"'")
    assert left(tab) == []
    expect(status).to_have_text("nothing matches")
    tab.page.keyboard.press("Escape")
    expect(search(tab)).to_have_value("")
    assert left(tab) == every
    expect(search(tab)).to_be_focused()
    tab.page.keyboard.press("Escape")
    expect(search(tab)).not_to_be_focused()
    assert tab.requests[asked:] == []


def test_escape_clears_the_search_before_it_closes_the_drawer(tab: Tab) -> None:
    tab.open(ONE)
    tab.page.get_by_role("region", name="Files of the experiment").get_by_role("link").first.click()
    expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
    search(tab).fill("lr")
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#ckpt-drawer")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#ckpt-drawer")).to_be_hidden()


def test_a_search_stands_in_the_address(tab: Tab) -> None:
    tab.open(ONE)
    search(tab).fill("seed")
    tab.page.keyboard.press("Tab")
    tab.page.wait_for_url(re.compile("find=seed"))
    tab.page.reload()
    tab.alive()
    expect(search(tab)).to_have_value("seed")
    expect(tab.page.locator("#ckpt-configuration tbody tr:visible")).to_have_count(1)


def test_what_people_say_appears_and_a_search_outlives_it(small: Daemon, opened: Opened) -> None:
    tab = opened(small.url)
    token = small.database.with_name(small.database.name + ".token").read_text().strip()
    tab.open(f"{ONE}&token={token}")
    expect(tab.page.get_by_role("heading", name="Tags and notes")).to_have_count(0)
    search(tab).fill("optimizer")
    tab.page.get_by_role("region", name="Files of the experiment").get_by_role("link").nth(2).click()
    drawer = tab.page.locator("#ckpt-drawer")
    drawer.get_by_label("Add a tag").fill("a <b>tag</b>")
    drawer.get_by_role("button", name="Add", exact=True).click()
    said = tab.page.get_by_role("region", name="Tags and notes")
    expect(said).to_contain_text("a <b>tag</b>")
    expect(said.locator("tbody tr")).to_have_count(1)
    expect(search(tab)).to_have_value("optimizer")
    assert left(tab) == ["param.optimizer"]
    drawer.get_by_label("Note").fill("good on receipts\nbad on totaltext")
    drawer.get_by_role("button", name="Save note").click()
    expect(said).to_contain_text("bad on totaltext")
    tab.page.get_by_role("link", name="a <b>tag</b> · 1").click()
    tab.page.wait_for_url(re.compile("q=experiment"))
    tab.rows()
    assert tab.total() == "1"


def test_a_telephone_shows_panels_and_configuration(opened: Opened, site: Daemon) -> None:
    tab = opened(site.url, viewport=NARROW)
    tab.open(TWO)
    expect(tab.page.locator(".ckpt-chart canvas")).to_be_visible()
    box = search(tab).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 375
    assert tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_comparing_names_metrics_as_they_were_logged(tab: Tab) -> None:
    tab.open("/ui/compare?ids=1,50")
    names = tab.page.locator(".ckpt-compare tbody th[scope=row]").all_text_contents()
    assert {"hmean", "val/iou", "cleval/hmean"} <= set(names)
    assert [name for name in names if name.startswith("metrics.")] == []
