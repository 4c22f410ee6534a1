"""What happens on the disk while somebody looks."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import _page_tree
import pytest
from playwright.sync_api import expect

from tests.journeys.harness import Daemon, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from tests.browser.browsing import Tab
    from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

SEEN = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll('.ag-center-cols-container .ag-row'))
      if (row.querySelector('.ag-cell'))
        window.seen[row.getAttribute('row-id')] ??= performance.timeOrigin + performance.now();
  };
  look();
  new MutationObserver(look).observe(document.querySelector('#ckpt-grid'), {childList: true, subtree: true});
}"""


class Commits(threading.Thread):
    """Notes when each row is first there for other connections, in seconds of the epoch, to a millisecond."""

    def __init__(self, database: Path) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._ended = threading.Event()
        self.when: dict[int, float] = {}

    def run(self) -> None:
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        known = self._newest(connection)
        while not self._ended.wait(0.001):
            newest = self._newest(connection)
            for number in range(known + 1, newest + 1):
                self.when[number] = time.time()
            known = newest
        connection.close()

    def _newest(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM checkpoints").fetchone()[0])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(5)


@pytest.fixture
def growing(tmp_path: Path, outputs: Path) -> Iterator[Daemon]:
    """A daemon over a tree that tests add to."""
    _page_tree.build(outputs, runs=14, epochs=14)
    with Daemon(outputs, tmp_path / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


def add(outputs: Path, number: int, epoch: int, hmean: float) -> str:
    """Write one more checkpoint as a training does; return its name."""
    training = list(_page_tree.trainings(number + 1, 14))[number]
    folder = outputs / training.experiment / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"epoch={epoch}-step={epoch}.ckpt"
    metrics = {"hmean": hmean, "precision": hmean, "recall": hmean, "validation_loss": 0.5}
    _page_tree.save(path, training, epoch, metrics)
    return path.name


def top_row(tab: Tab) -> int:
    """Return the number of the first row that is seen."""
    found: int = tab.page.evaluate("ckpt.grid.state.api.getFirstDisplayedRowIndex()")
    return found


def test_a_new_checkpoint_appears_and_nothing_else_moves(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    tab.table("/ui/?sort=hmean%2B")
    before = tab.total()
    tab.page.evaluate("ckpt.grid.state.api.ensureIndexVisible(60, 'top')")
    row = tab.page.locator('.ag-center-cols-container .ag-row[row-index="62"]')
    expect(row.locator('[col-id="hmean"]')).to_be_visible()
    number = row.get_attribute("row-id")
    row.locator('[col-id="epoch"]').click()
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Space")
    expect(row).to_have_attribute("aria-selected", "true")
    place, scrolled = top_row(tab), tab.page.evaluate("document.querySelector('.ag-body-viewport').scrollTop")
    add(outputs, 20, 40, 0.9999)
    expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{int(before) + 1} checkpoints")
    expect(tab.page.locator("#ckpt-new")).to_have_text("1 new")
    assert top_row(tab) == place
    assert tab.page.evaluate("document.querySelector('.ag-body-viewport').scrollTop") == scrolled
    expect(tab.page.locator(f'.ag-center-cols-container .ag-row[row-id="{number}"]')).to_have_attribute(
        "aria-selected", "true"
    )
    focused = tab.page.evaluate("ckpt.grid.state.api.getFocusedCell()?.rowIndex")
    assert focused == 62
    tab.page.locator("#ckpt-new").click()
    expect(tab.page.locator(".ag-center-cols-container .ag-row").first).to_be_visible()
    expect(tab.page.locator("#ckpt-new")).to_be_hidden()
    tab.page.wait_for_function("new URLSearchParams(location.search).get('sort') === 'created_at-'")


def test_a_file_that_goes_leaves_the_table(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    tab.table()
    before = int(tab.total())
    next(outputs.rglob("epoch=3-*.ckpt")).unlink()
    expect(tab.page.locator("#ckpt-total")).to_contain_text(f"{before - 1} checkpoints")


def test_a_new_best_is_announced_and_leads_to_it(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    tab.open("/ui/best")
    expect(tab.page.locator(".ckpt-cards")).to_contain_text("best hmean")
    name = add(outputs, 10, 50, 0.98765)
    toast = tab.page.locator("button.ckpt-toast")
    expect(toast).to_contain_text("0.9877")
    expect(tab.page.locator(".ckpt-cards")).to_contain_text("0.9877")
    toast.click()
    expect(tab.page.locator("#ckpt-drawer h2")).to_have_text(name)


def test_what_was_typed_sorted_and_focused_survives_news(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    tab.open("/ui/experiments")
    head = tab.page.locator("th", has_text="best hmean")
    head.get_by_role("button").click()
    tab.page.locator("#ckpt-q").fill("exp:dbn")
    tab.page.keyboard.press("ArrowLeft")
    add(outputs, 13, 60, 0.987)
    expect(tab.page.get_by_role("region", name="Experiments").locator("tbody td.num").first).to_have_text("0.9870")
    expect(tab.page.locator("#ckpt-q")).to_have_value("exp:dbn")
    expect(tab.page.locator("#ckpt-q")).to_be_focused()
    tab.page.keyboard.type("*")
    expect(tab.page.locator("#ckpt-q")).to_have_value("exp:db*n")
    expect(head).to_have_attribute("aria-sort", "descending")


def test_filters_stay_as_they_were_set_when_counts_change(growing: Daemon, opened: Opened, outputs: Path) -> None:
    tab = opened(growing.url)
    tab.table()
    rail = tab.page.locator(".ckpt-rail")
    rail.locator("summary", has_text="dataset").click()
    value = rail.locator("button[data-term='dataset:\"receipts\"']")
    value.click()
    expect(value).to_have_attribute("aria-pressed", "true")
    before = int(value.locator(".n").text_content() or "")
    add(outputs, 0, 60, 0.5)
    expect(value.locator(".n")).to_have_text(str(before + 1))
    expect(value).to_be_visible()
    expect(value).to_have_attribute("aria-pressed", "true")
    expect(value).to_be_focused()


def waits(tab: Tab, growing: Daemon, outputs: Path, epochs: range) -> list[float]:
    """Return the milliseconds from commit to visible row of checkpoints that arrive one by one, in order of length."""
    tab.table("/ui/?sort=id-")
    tab.page.evaluate(SEEN)
    with Commits(growing.database) as commits:
        for epoch in epochs:
            known = len(commits.when)
            add(outputs, 5, epoch, 0.5)
            eventually(lambda: len(commits.when) > known, what="a commit")  # noqa: B023  # called before it changes
            row = tab.page.locator(f'.ag-center-cols-container .ag-row[row-id="{max(commits.when)}"]')
            expect(row).to_be_visible()
    seen = tab.page.evaluate("window.seen")
    return sorted(seen[str(number)] - when * 1000 for number, when in commits.when.items())


def p95(ordered: list[float]) -> float:
    """Return what at most one of twenty exceeds."""
    return ordered[round(0.95 * (len(ordered) - 1))]


def test_from_commit_to_the_screen(growing: Daemon, opened: Opened, outputs: Path, said: list[str]) -> None:
    """How long it takes is told at the end of the run; that it takes no two seconds holds on a busy machine, too."""
    found = waits(opened(growing.url), growing, outputs, range(100, 120))
    said.append(f"commit to visible row, {len(found)} times: p50 {found[10]:.0f} ms, p95 {p95(found):.0f} ms")
    assert len(found) == 20
    assert found[-1] < 2000


@pytest.mark.prove
def test_half_a_second_from_commit_to_the_screen(growing: Daemon, opened: Opened, outputs: Path) -> None:
    """Other work on the machine may spoil a round, or two."""
    tab = opened(growing.url)
    rounds = [p95(waits(tab, growing, outputs, range(first, first + 40))) for first in (100, 200, 300)]
    assert min(rounds) < 500
