"""Checkpoints: find the file I want."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import ROW

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.browsing import Tab

pytestmark = pytest.mark.browser


def asked(page: Page) -> dict[str, str]:
    """Return what stands in the address."""
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def search(tab: Tab, query: str, total: str) -> None:
    """Type a query and wait for as many checkpoints."""
    tab.page.locator("#ckpt-q").fill(query)
    expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{total} checkpoint")


def test_the_best_are_on_top(tab: Tab) -> None:
    tab.table()
    values = [float(one) for one in tab.column("hmean")]
    assert len(values) > 20
    assert values == sorted(values, reverse=True)
    assert tab.total() == "300"


def test_a_search_narrows_the_table_and_stands_in_the_address(tab: Tab) -> None:
    tab.table()
    search(tab, "backbone:resnet50 epoch:5..7", "6")
    assert set(tab.column("backbone")) == {"resnet50"}
    assert asked(tab.page) == {"q": "backbone:resnet50 epoch:5..7"}
    assert "backbone%3Aresnet50" in (tab.page.locator("#ckpt-export").get_attribute("href") or "")


def test_a_query_that_is_none_says_what_is_wrong_with_it(tab: Tab) -> None:
    tab.table()
    tab.may_fail = True
    tab.page.locator("#ckpt-q").fill("backbone:resnet50 hmaen>0.8")
    error = tab.page.locator("#ckpt-q-error")
    expect(error).to_be_visible()
    expect(error).to_contain_text("hmaen")
    assert len(error.text_content() or "") < 300
    expect(tab.page.locator(ROW)).to_have_count(0)
    expect(tab.page.locator("#ckpt-q")).to_have_attribute("aria-invalid", "true")
    expect(tab.page.locator("#ckpt-banner")).to_be_hidden()
    search(tab, "backbone:resnet50 hmean>0.8", "19")
    expect(error).to_be_hidden()
    expect(tab.page.locator("#ckpt-q")).to_have_attribute("aria-invalid", "false")


def test_what_matches_nothing_says_so(tab: Tab) -> None:
    tab.table()
    tab.page.locator("#ckpt-q").fill("epoch:>999")
    expect(tab.page.get_by_role("heading", name="No checkpoint matches")).to_be_visible()
    tab.page.get_by_role("button", name="Clear the query").click()
    expect(tab.page.locator("#ckpt-total")).to_contain_text("300 checkpoints")
    assert asked(tab.page) == {}


def test_a_click_on_a_title_sorts(tab: Tab) -> None:
    tab.table()
    tab.page.locator('.ag-header-cell[col-id="validation_loss"]').click()
    expect(tab.page.locator('.ag-header-cell[col-id="validation_loss"]')).to_have_attribute("aria-sort", "descending")
    tab.page.wait_for_function("new URLSearchParams(location.search).get('sort') === 'validation_loss-'")
    tab.page.locator('.ag-header-cell[col-id="validation_loss"]').click()
    tab.page.wait_for_function("new URLSearchParams(location.search).get('sort') === 'validation_loss+'")
    tab.page.wait_for_function(
        "document.querySelector('.ag-row[row-index=\"0\"] [col-id=validation_loss]').textContent.startsWith('0.2')"
    )
    values = [float(one) for one in tab.column("validation_loss")]
    assert values == sorted(values)


def test_an_address_brings_everything_back(tab: Tab) -> None:
    given = {
        "q": "architecture:dbnet epoch:>3", "sort": "backbone+,epoch-", "cols": "name,backbone,epoch,hmean",
        "metrics": "val/iou",
    }  # fmt: skip
    tab.table("/ui/?" + urlencode(given))
    first = tab.page.locator('.ag-center-cols-container .ag-row[row-index="0"]')
    number = first.get_attribute("row-id") or ""
    before = {name: tab.column(name) for name in ("name", "backbone", "epoch", "metric:val/iou")}
    titles = tab.page.locator(".ag-header-cell-text:visible").all_text_contents()
    first.locator('[col-id="backbone"]').click()
    expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
    assert asked(tab.page) == given | {"id": number}
    tab.page.reload()
    tab.alive()
    expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
    expect(tab.page.locator("#ckpt-q")).to_have_value(given["q"])
    expect(tab.page.locator(f'.ag-row[row-index="0"][row-id="{number}"] [col-id="epoch"]')).to_be_visible()
    assert {name: tab.column(name) for name in before} == before
    assert tab.page.locator(".ag-header-cell-text:visible").all_text_contents() == titles
    assert set(titles) - {""} == {"File", "Backbone", "Epoch", "hmean", "val/iou"}
    pairs = list(zip(before["backbone"], (-int(one) for one in before["epoch"]), strict=True))
    assert pairs == sorted(pairs)
    assert asked(tab.page) == given | {"id": number}


def test_values_of_the_rail_filter_and_are_taken_back(tab: Tab) -> None:
    tab.table()
    value = tab.page.locator(".ckpt-rail button[data-term='decoder:\"unet\"']")
    many = value.locator(".n").text_content() or ""
    value.click()
    expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{many} checkpoints")
    expect(value).to_have_attribute("aria-pressed", "true")
    expect(tab.page.locator("#ckpt-q")).to_have_value('decoder:"unet"')
    value.click()
    expect(tab.page.locator("#ckpt-total")).to_contain_text("300 checkpoints")
    expect(value).to_have_attribute("aria-pressed", "false")


def test_columns_and_metrics_are_chosen_and_remembered(tab: Tab) -> None:
    tab.table()
    button = tab.page.get_by_role("button", name="Columns")
    button.click()
    box = tab.page.locator("#ckpt-columns")
    box.get_by_label("File").check()
    box.get_by_label("Recall", exact=True).uncheck()
    box.get_by_label("val/iou").check()
    box.get_by_label("cleval/hmean").check()
    box.get_by_label("cleval/hmean").uncheck()
    tab.page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(button).to_be_focused()
    expect(tab.page.locator('.ag-header-cell[col-id="metric:val/iou"]')).to_be_visible()
    tab.page.reload()
    tab.alive()
    for name, is_there in (("name", 1), ("recall", 0), ("metric:val/iou", 1), ("metric:cleval/hmean", 0)):
        expect(tab.page.locator(f'.ag-header-cell[col-id="{name}"]')).to_have_count(is_there)
    expect(tab.page.locator('.ag-row[row-index="0"] [col-id="metric:val/iou"]')).to_have_text("0.7765")


def test_the_last_row_is_a_scroll_away(tab: Tab) -> None:
    tab.table()
    tab.page.locator(".ag-body-viewport").hover()
    tab.page.mouse.wheel(0, 100_000)
    last = tab.page.locator('.ag-center-cols-container .ag-row[row-index="299"] [col-id="hmean"]')
    expect(last).to_have_text("0.5079")
    tab.page.mouse.wheel(0, -100_000)
    expect(tab.page.locator('.ag-center-cols-container .ag-row[row-index="0"] [col-id="hmean"]')).to_have_text("0.9356")


def test_what_is_seen_can_be_taken_along(tab: Tab) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=tab.url)
    tab.table("/ui/?q=epoch:0")
    with tab.page.expect_download() as started:
        tab.page.get_by_role("link", name="Export").click()
    lines = started.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 25
    tab.page.get_by_role("button", name="Link").click()
    expect(tab.page.locator(".ckpt-toast")).to_have_text("Copied.")
    assert tab.page.evaluate("navigator.clipboard.readText()") == f"{tab.url}/ui/?q=epoch:0"
