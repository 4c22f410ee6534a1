"""Names of files, and words in documents, that would rather be a program: they are text, here as everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import _trees
import pytest
from playwright.sync_api import expect

from ckpt_indexer import connect
from ckpt_indexer.sidecar.io import write_document
from tests.browser.browsing import PLACES, ROW
from tests.journeys.harness import Daemon, document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>"
WORDS = (
    MARKUP,
    "\"'><svg onload=window.owned=1>",
    "{{constructor.constructor('window.owned=1')()}}",
    "javascript:window.owned=1",
    ":formatter",
    "__proto__",
    "constructor",
    "\u202egnp.\u2066exe\u200b",
    "\x1b[31mred\x07\x00\r\n",
    '=HYPERLINK("http://evil.example")',
    "a,b;c %41 &lt;b&gt;",
)  # fmt: skip
HIDDEN = r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    place = tmp_path_factory.mktemp("hostile")
    for number, word in enumerate(WORDS):
        name = word.replace("/", "|").replace("\x00", "").encode()
        folder = os.path.join(os.fsencode(place), b"outputs", b"%d-" % number + name[:100])
        os.makedirs(folder)
        for epoch in (0, 1):
            path = os.path.join(folder, b"epoch=%d-" % epoch + name[:150] + b".ckpt")
            with open(path, "wb") as file:
                file.write(_trees.checkpoint(epoch, 10 * epoch))
    for number, word in enumerate(WORDS):
        folder_text = place / "outputs" / f"said-{number}"
        folder_text.mkdir()
        for epoch in (0, 1):
            checkpoint = folder_text / f"epoch={epoch}.ckpt"
            checkpoint.write_bytes(_trees.checkpoint(epoch, 100 * epoch))
            said = word.replace("\x00", "")
            told = document(checkpoint, epoch=epoch, hmean=0.5 + number / 100, backbone=said) | {
                "exp_name": said, "tags": [said], "notes": said, "params": {said: said},
                "dataset": {"name": said}, "metrics": {"hmean": 0.5 + number / 100, "additional_metrics": {said: 0.5}},
            }  # fmt: skip
            told["training"]["global_step"] = 100 * epoch
            write_document(told, folder_text / f"epoch={epoch}.metadata.yaml")
    with Daemon(place / "outputs", place / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


def inert(tab: Tab) -> None:
    """Open everything on the page, and look for what came alive or hides."""
    for summary in tab.page.locator("summary:visible").all():
        summary.click()
    tab.page.wait_for_timeout(150)
    assert tab.page.evaluate("window.owned === undefined")
    assert tab.page.evaluate("Object.keys(Object.prototype)") == []
    assert tab.page.locator(".ckpt-page img, #ckpt-drawer img, .ckpt-page script, #ckpt-drawer script").count() == 0
    for text in ("document.body.innerText", "document.title"):
        assert tab.page.evaluate(f"{text}.match(/{HIDDEN}/u)?.index ?? null") is None


@pytest.fixture
def tab(hostile: Daemon, opened: Opened) -> Tab:
    found = opened(hostile.url)
    found.page.on("dialog", lambda dialog: found.complaints.append(f"dialog: {dialog.message}"))
    return found


def numbers(daemon: Daemon, prefix: str) -> list[int]:
    """Return the rows below the directories that begin so."""
    found = connect(str(daemon.database)).find("", limit=100)
    return [row["id"] for row in found if row["path"].startswith(prefix)]


@pytest.mark.parametrize("path", [*PLACES.values(), "/ui/best?by=experiment", "/ui/disk?by=dataset,backbone"])
def test_they_are_text_on_every_page(tab: Tab, path: str) -> None:
    tab.open(path)
    if path == "/ui/":
        expect(tab.page.locator(ROW).first).to_be_visible()
    inert(tab)


def test_they_are_text_in_the_drawer(hostile: Daemon, tab: Tab) -> None:
    tab.table()
    found = [numbers(hostile, f"{kind}{number}")[0] for number in range(len(WORDS)) for kind in ("", "said-")]
    for number in found:
        tab.page.evaluate("(id) => ckpt.open(id)", number)
        expect(tab.page.locator("#ckpt-drawer h2")).to_be_visible()
        inert(tab)
    assert len(set(found)) == 2 * len(WORDS)


def test_they_are_text_side_by_side(hostile: Daemon, tab: Tab) -> None:
    found = [numbers(hostile, f"said-{number}/")[0] for number in range(len(WORDS))]
    tab.open("/ui/compare?ids=" + ",".join(map(str, found)))
    expect(tab.page.locator(".ckpt-compare thead th")).to_have_count(len(WORDS) + 1)
    inert(tab)


@pytest.mark.parametrize("number", range(len(WORDS)))
def test_they_are_text_as_names_of_experiments(hostile: Daemon, tab: Tab, number: int) -> None:
    row = connect(str(hostile.database)).get(numbers(hostile, f"said-{number}/")[0])
    tab.open("/ui/experiments?" + urlencode({"name": row["experiment"], "over": MARKUP}))
    expect(tab.page.locator(".ckpt-chart canvas").first).to_be_visible()
    inert(tab)


def test_markup_is_shown_as_it_is_written(hostile: Daemon, tab: Tab) -> None:
    tab.open(f"/ui/?id={numbers(hostile, 'said-0/')[0]}")
    expect(tab.page.locator("#ckpt-drawer")).to_contain_text(MARKUP)


@pytest.mark.parametrize("path", ["/ui/", "/ui/best", "/ui/experiments", "/ui/compare", "/ui/disk", "/ui/health"])
def test_an_address_is_text_too(tab: Tab, path: str) -> None:
    tab.may_fail = True
    names = ("q", "sort", "cols", "metrics", "metric", "by", "over", "order", "mode", "ids", "id", "token")
    for given in (MARKUP, "\"'><svg onload=window.owned=1>"):
        tab.open(f"{path}?{urlencode(dict.fromkeys(names, given))}")
        tab.page.wait_for_timeout(150)
        assert tab.page.evaluate("window.owned === undefined")
