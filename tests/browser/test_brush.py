"""The mouse on parallel axes: what is marked is what its query finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import _page_tree
import pytest
from playwright.sync_api import expect

from ckpt_indexer import connect
from tests.journeys.harness import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

AXES = """(room) => {
  const model = getElement(Number(room.id.slice(1))).chart.getModel();
  const places = model.getComponent('parallel').coordinateSystem;
  return model.queryComponents({mainType: 'parallelAxis'}).map(({name, axis}) => ({
    name, position: places.getAxisLayout(axis.dim).position, extent: axis.getExtent(), values: axis.scale.getExtent(),
  }));
}"""


class Axes(NamedTuple):
    """The axes of the chart, and where they are on the screen."""

    tab: Tab
    chart: Locator
    found: dict[str, Any]

    def drag(self, name: str, low: float, high: float) -> None:
        """Mark a stretch of an axis, in its values or places of names; pixels round them."""
        axis = self.found[name]
        box = self.chart.bounding_box()
        assert box is not None
        (first, last), (begin, end) = axis["values"], axis["extent"]
        x, bottom = box["x"] + axis["position"][0], box["y"] + axis["position"][1]
        ys = [bottom - (begin + (value - first) / (last - first) * (end - begin)) for value in (low, high)]
        mouse = self.tab.page.mouse
        mouse.move(x, ys[0])
        mouse.down()
        mouse.move(x, sum(ys) / 2, steps=3)
        mouse.move(x, ys[1], steps=3)
        mouse.up()

    @property
    def said(self) -> Locator:
        """What the page says is marked."""
        return self.tab.page.locator(".ckpt-marked")

    @property
    def query(self) -> str:
        return self.said.locator("code").text_content() or ""

    def active(self) -> int:
        """Return how many lines the chart itself shows as marked."""
        count: int = self.chart.evaluate(
            """(room) => { let count = 0;
              const model = getElement(Number(room.id.slice(1))).chart.getModel(), series = model.getSeriesByIndex(0);
              series.coordinateSystem.eachActiveState(series.getData(), (state) => { count += state === 'active'; });
              return count; }"""
        )
        return count


def axes_of(tab: Tab, path: str = "/ui/best") -> Axes:
    tab.open(path)
    chart = tab.page.locator(".ckpt-card", has=tab.page.locator(".ckpt-marked")).locator(".nicegui-echart")
    expect(chart.locator("canvas")).to_be_visible()
    chart.scroll_into_view_if_needed()
    return Axes(tab, chart, {axis["name"]: axis for axis in chart.evaluate(AXES)})


@pytest.fixture
def growing(tmp_path: Path, outputs: Path) -> Iterator[Daemon]:
    """A daemon over a tree that tests add to."""
    _page_tree.build(outputs, runs=3, epochs=5)
    with Daemon(outputs, tmp_path / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


def test_a_mark_is_a_query_that_finds_what_is_marked(tab: Tab, site: Daemon) -> None:
    axes = axes_of(tab)
    expect(axes.said).to_contain_text("Drag along an axis")
    axes.drag("hmean", 0.85, 0.9)
    expect(axes.said).to_contain_text("of 250 marked")
    assert re.fullmatch(r"hmean:0\.8\d+\.\.0\.[89]\d*", axes.query)
    found = connect(str(site.database)).find(axes.query, limit=1000)
    expect(axes.said).to_contain_text(f"{axes.active()} of 250 marked")
    expect(axes.said).to_contain_text(f"Show all {len(found)} checkpoints")
    axes.said.get_by_role("link", name="Show all").click()
    tab.page.wait_for_url(re.compile("/ui/.q=hmean"))
    tab.rows()
    assert tab.total() == str(len(found))


def test_names_and_numbers_on_several_axes_hold_together(tab: Tab, site: Daemon) -> None:
    axes = axes_of(tab)
    axes.drag("dataset", 1.6, 2.0)
    expect(axes.said).to_contain_text("dataset:")
    axes.drag("epoch", 4.6, 8.4)
    expect(axes.said).to_contain_text("epoch:5..8")
    assert axes.query == 'dataset:"totaltext" epoch:5..8'
    top = [row["id"] for row in connect(str(site.database)).best("hmean", "none", k=250)]
    found = {row["id"] for row in connect(str(site.database)).find(axes.query, limit=1000)}
    expect(axes.said).to_contain_text(f"{len(found & set(top))} of 250 marked")
    assert axes.active() == len(found & set(top))


def test_one_axis_has_several_marks_with_shift_until_they_are_cleared(tab: Tab) -> None:
    axes = axes_of(tab)
    axes.drag("epoch", 1.6, 3.4)
    expect(axes.said.locator("code")).to_have_text("epoch:2..3")
    tab.page.keyboard.down("Shift")
    axes.drag("epoch", 7.6, 9.4)
    tab.page.keyboard.up("Shift")
    expect(axes.said.locator("code")).to_have_text("epoch:2..3,8..9")
    expect(axes.said).to_contain_text(f"{axes.active()} of 250 marked")
    axes.drag("epoch", 10.6, 11.4)
    expect(axes.said.locator("code")).to_have_text("epoch:11..11")
    axes.said.get_by_role("button", name="Clear").click()
    expect(axes.said).to_contain_text("Drag along an axis")
    tab.page.wait_for_timeout(200)  # the browser draws
    assert axes.active() == 0


def test_an_axis_that_is_turned_round_has_the_right_borders(tab: Tab, site: Daemon) -> None:
    axes = axes_of(tab, "/ui/best?metric=validation_loss&q=epoch:3..")
    axes.drag("validation loss", 0.35, 0.6)
    expect(axes.said).to_contain_text("validation_loss:0.")
    low, high = map(float, axes.query.partition(":")[2].split(".."))
    assert [low, high] == pytest.approx([0.35, 0.6], abs=0.01)
    found = connect(str(site.database)).find(f"epoch:3.. {axes.query}", limit=1000)
    expect(axes.said).to_contain_text(f"Show all {len(found)} checkpoints")
    axes.said.get_by_role("link", name="Rank only these").click()
    tab.page.wait_for_url(re.compile("q=epoch%3A3.*validation_loss"))
    tab.alive()
    assert "metric=validation_loss" in tab.page.url


def test_marks_outlive_a_new_checkpoint(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    axes = axes_of(tab)
    axes.drag("epoch", 0.6, 2.4)
    expect(axes.said.locator("code")).to_have_text("epoch:1..2")
    before = axes.active()
    expect(axes.said).to_contain_text(f"{before} of 12 marked")
    training = next(iter(_page_tree.trainings(1, 5)))
    metrics = {"hmean": 0.7, "precision": 0.7, "recall": 0.7, "validation_loss": 0.5}
    folder = outputs / training.experiment / "checkpoints"
    _page_tree.save(folder / "epoch=2-step=9.ckpt", training, 2, metrics)
    expect(axes.said).to_contain_text(f"{before + 1} of 13 marked")
    chart = tab.page.locator(".ckpt-card", has=tab.page.locator(".ckpt-marked")).locator(".nicegui-echart")
    expect(chart).to_have_count(1)
    again = axes._replace(chart=chart)
    tab.page.wait_for_function(
        """() => {
          const room = document.querySelector('.ckpt-card:has(.ckpt-marked) .nicegui-echart');
          const model = getElement(Number(room.id.slice(1)))?.chart?.getModel();
          return model?.queryComponents({mainType: 'parallelAxis'}).some((axis) => axis.activeIntervals.length); }"""
    )
    assert again.active() == before + 1
