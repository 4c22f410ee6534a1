"""Leaderboard, Experiments, Compare, Disk, Health: the catalog's own numbers, and a table for every chart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import _page_tree
import pytest
from playwright.sync_api import expect

from ckpt_indexer import connect
from tests.journeys.harness import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

ONE = "/ui/experiments?name=dbnet-resnet18-pan-20260302"


def cells(table: Locator, column: int) -> list[str]:
    """Return what a column of a table shows."""
    return table.locator(f"tbody tr td:nth-child({column})").all_text_contents()


def test_the_leaderboard_ranks_as_the_catalog_does(tab: Tab, site: Daemon) -> None:
    tab.open("/ui/best")
    best = connect(str(site.database)).best("hmean", "backbone")
    table = tab.page.get_by_role("region", name="Best hmean by backbone").last
    assert cells(table, 1) == [row["group"] for row in best]
    assert cells(table, 2) == [f"{row['value']:.4f}" for row in best]
    expect(tab.page.locator(".ckpt-page")).to_contain_text("dataset:NAME")


def test_a_group_leads_to_its_checkpoints(tab: Tab) -> None:
    tab.open("/ui/best")
    tab.page.get_by_role("region", name="Best hmean by backbone").last.get_by_role(
        "link", name="resnet50", exact=True
    ).click()
    tab.page.wait_for_url(re.compile("q=backbone"))
    tab.rows()
    assert set(tab.column("backbone")) == {"resnet50"}


def test_metric_grouping_and_query_are_chosen(tab: Tab) -> None:
    tab.open("/ui/best")
    tab.page.locator("select[name=metric]").select_option("validation_loss")
    tab.page.wait_for_url(re.compile("metric=validation_loss"))
    tab.alive()
    tab.page.locator("select[name=by]").select_option("architecture")
    tab.page.wait_for_url(re.compile("by=architecture"))
    tab.alive()
    tab.page.locator("#ckpt-q").fill("dataset:receipts")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(re.compile("q=dataset"))
    tab.alive()
    table = tab.page.get_by_role("region", name="Best validation_loss by architecture").last
    values = [float(one) for one in cells(table, 2)]
    assert len(values) > 1
    assert values == sorted(values)


def test_what_cannot_be_ranked_says_what_can(tab: Tab) -> None:
    tab.open("/ui/best?metric=val/nothing")
    expect(tab.page.locator(".ckpt-notice")).to_contain_text("val/iou")


def test_tables_sort_by_their_titles(tab: Tab) -> None:
    tab.open("/ui/experiments")
    table = tab.page.get_by_role("region", name="Experiments")
    head = table.locator("th", has_text="best hmean")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    values = [float(one) for one in cells(table, 2)]
    assert len(values) == 24
    assert values == sorted(values, reverse=True)
    head.get_by_role("button").click()
    assert [float(one) for one in cells(table, 2)] == values[::-1]


def test_an_experiment_shows_its_curve_and_its_files(tab: Tab) -> None:
    tab.open("/ui/experiments")
    tab.page.get_by_role("link", name="dbnet-resnet18-pan-20260302").click()
    tab.page.wait_for_url(re.compile("name=dbnet-resnet18-pan-20260302"))
    tab.alive()
    expect(tab.page.get_by_role("heading", name="dbnet-resnet18-pan-20260302")).to_be_visible()
    assert len(cells(tab.page.get_by_role("region", name="Files of the experiment"), 1)) == 14
    expect(tab.page.locator(".ckpt-chart canvas")).to_have_count(1)


def test_another_experiment_is_laid_over_and_taken_away(tab: Tab) -> None:
    tab.open(ONE)
    tab.page.get_by_label("Another experiment").fill("pan-resnet18-pan-20260307")
    tab.page.get_by_role("button", name="Lay over").click()
    tab.page.wait_for_url(re.compile("over=pan-resnet18-pan-20260307"))
    tab.alive()
    tab.page.locator(".ckpt-as-table > summary").click()
    table = tab.page.get_by_role("region", name="Values of the curves")
    assert set(cells(table, 1)) == {"dbnet-resnet18-pan-20260302", "pan-resnet18-pan-20260307"}
    tab.page.get_by_role("link", name="Take pan-resnet18-pan-20260307 away").click()
    tab.page.wait_for_url(re.compile(r"name=dbnet-resnet18-pan-20260302(&metric=\w+)?$"))


def test_an_experiment_that_is_not_there_says_so(tab: Tab) -> None:
    tab.open("/ui/experiments?name=nothing-like-it")
    expect(tab.page.get_by_role("heading", name="There is no such experiment")).to_be_visible()
    expect(tab.page.locator(".ckpt-chart canvas")).to_have_count(0)


def test_comparing_marks_what_differs_and_what_is_best(tab: Tab, site: Daemon) -> None:
    best = connect(str(site.database)).best("hmean", "backbone")[:3]
    tab.open("/ui/compare?ids=" + ",".join(str(row["id"]) for row in reversed(best)))
    hmean = tab.page.locator(".ckpt-compare tr", has=tab.page.locator('th:text-is("hmean")'))
    expect(hmean.locator("td.best")).to_have_count(1)
    expect(hmean.locator("td").nth(2)).to_have_class("best")
    expect(hmean).to_have_class("differs")
    same = tab.page.locator(".ckpt-compare tr.same")
    expect(same.first).to_be_visible()
    tab.page.get_by_role("button", name="Only differences").click()
    expect(same.first).to_be_hidden()
    assert "only=1" in tab.page.url
    tab.page.reload()
    tab.alive()
    expect(same.first).to_be_hidden()
    tab.page.locator(".ckpt-compare thead").get_by_role("link", name="Take").first.click()
    tab.page.wait_for_function("document.querySelectorAll('.ckpt-compare thead th').length === 3")


def test_comparing_what_is_gone_says_so(tab: Tab) -> None:
    tab.open("/ui/compare?ids=1,999999")
    expect(tab.page.locator(".ckpt-notice")).to_contain_text("999999")


def test_the_disk_says_where_the_room_went(tab: Tab, site: Daemon) -> None:
    tab.open("/ui/disk")
    expect(tab.page.locator(".ckpt-chart canvas").first).to_be_visible()
    disk = connect(str(site.database)).disk(("experiment",))
    table = tab.page.get_by_role("region", name="Largest experiments")
    assert cells(table, 1)[0] == disk[0]["experiment"]
    tab.page.get_by_label("Room by").select_option("dataset,architecture")
    tab.page.wait_for_url(re.compile("by=dataset"))
    expect(tab.page.get_by_role("heading", name=re.compile("dataset"))).to_be_visible()


def test_a_bar_of_the_disk_opens_the_checkpoints_of_its_month(tab: Tab, site: Daemon) -> None:
    tab.open("/ui/disk")
    (month,) = connect(str(site.database)).disk(("month",))
    card = tab.page.locator(".ckpt-card", has=tab.page.get_by_role("heading", name="Age, by month of creation"))
    card.locator(".ckpt-as-table > summary").click()
    table = card.get_by_role("region", name="Age, by month of creation")
    assert (cells(table, 1), cells(table, 2)) == ([month["month"]], [str(month["count"])])
    canvas = card.locator("canvas")
    canvas.scroll_into_view_if_needed()
    drawn = canvas.bounding_box()
    assert drawn is not None
    canvas.click(position={"x": drawn["width"] * 0.51, "y": drawn["height"] * 0.6})
    tab.page.wait_for_url(re.compile("q=created"))
    tab.rows()
    expect(tab.page.locator("#ckpt-q")).to_have_value(f"created:{month['month']}")
    assert tab.total() == str(month["count"])


def test_months_without_files_are_gaps_and_what_happens_is_listed(
    opened: Opened, outputs: Path, tmp_path: Path
) -> None:
    write(outputs, 0)
    write(outputs, 250)
    with Daemon(outputs, tmp_path / "catalog.db") as daemon:
        daemon.settle()
        tab = opened(daemon.url)
        tab.open("/ui/disk")
        tab.page.locator(".ckpt-as-table > summary").last.click()
        ages = tab.page.get_by_role("region", name="Age, by month of creation")
        expect(ages.locator("tbody tr")).to_have_count(4)
        assert cells(ages, 2) == ["1", "0", "0", "1"]
        tab.open("/ui/health")
        tail = tab.page.get_by_role("region", name="Latest changes")
        expect(tail.locator("tbody tr")).to_have_text([re.compile("written"), re.compile("written")])
        name = write(outputs, 3)
        first = tail.locator("tbody tr").first
        expect(first).to_contain_text("new best")
        expect(tail.locator("tbody tr", has_text=name).nth(1)).to_contain_text("new")
        (outputs / name).unlink()
        expect(first).to_contain_text("missing")
        expect(first).to_contain_text("no file lies there any more")
        first.get_by_role("link").click()
        expect(tab.page.locator("#ckpt-drawer")).to_contain_text(name)


def write(outputs: Path, number: int) -> str:
    """Write the first checkpoint of a run; return its name."""
    training = list(_page_tree.trainings(number + 1, 14))[number]
    path = outputs / f"run{number}.ckpt"
    _page_tree.save(path, training, 0, _page_tree.measured(training)[0])
    return path.name


def test_health_says_what_is_watched(tab: Tab, site: Daemon) -> None:
    tab.open("/ui/health")
    expect(tab.page.get_by_role("region", name="Watched directories")).to_contain_text(
        str(site.database.parent / "outputs")
    )
    expect(tab.page.locator(".ckpt-page")).to_contain_text("Everything works.")


@pytest.mark.parametrize("path", ["/ui/best", ONE, "/ui/compare?ids=1,50", "/ui/disk"])
def test_every_chart_is_spoken_and_has_a_table(tab: Tab, path: str) -> None:
    tab.open(path)
    expect(tab.page.locator(".ckpt-chart canvas").first).to_be_visible()
    charts = tab.page.locator(".ckpt-card", has=tab.page.locator(".ckpt-chart"))
    assert charts.count() > 0
    for place in range(charts.count()):
        chart = charts.nth(place)
        assert re.search(r"\w{3}", chart.locator('[role="img"]').first.get_attribute("aria-label") or "")
        chart.locator(".ckpt-as-table > summary").click()
        expect(chart.locator("tbody tr").first).to_be_visible()
