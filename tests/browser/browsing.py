"""A tab of a real Chromium that writes down everything it asks for and complains about."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

WIDE = {"width": 1600, "height": 900}
NARROW = {"width": 375, "height": 812}
INSIDE = {"data", "blob", "about", "chrome-error"}
"""Schemes of addresses that nobody is asked for."""
PLACES = {
    "Checkpoints": "/ui/", "Leaderboard": "/ui/best", "Experiments": "/ui/experiments", "Compare": "/ui/compare",
    "Disk": "/ui/disk", "Health": "/ui/health",
}  # fmt: skip
ROW = ".ag-center-cols-container .ag-row:has(.ag-cell)"


expect.set_options(timeout=15_000)
"""For machines that have other work, too."""


def launched() -> Iterator[Browser]:
    """Yield Chromium; skip, naming what is missing, where there is none."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is missing on this machine: apt-get install chromium, or CHROMIUM=/path/to/it")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Tab:
    """One tab. `close` says what went wrong in it unasked: errors in the console, requests to anybody else."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        """Open it, empty. `url` is where the interface is; options are those of a Playwright context."""
        self.url = url
        self.context = browser.new_context(**{"viewport": WIDE} | options)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.may_fail = False
        """Set while the daemon is away, or a request is meant to be refused: the browser reports both as errors."""
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        is_refusal = message.text.startswith(("Failed to load resource", "WebSocket connection to"))
        if message.type == "error" and not (self.may_fail and is_refusal):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    @property
    def foreign(self) -> list[str]:
        """Requests that went elsewhere."""
        own = urlsplit(self.url).netloc
        return [url for url in self.requests if urlsplit(url).scheme not in INSIDE and urlsplit(url).netloc != own]

    def open(self, path: str) -> Page:
        """Open a page of the interface, and wait until it is alive."""
        self.page.goto(self.url + path)
        self.alive()
        return self.page

    def alive(self) -> None:
        """Wait until the page has said how fresh it is."""
        expect(self.page.locator("#ckpt-state")).to_have_attribute("data-mood", "live", timeout=15_000)

    def table(self, path: str = "/ui/") -> Locator:
        """Open the table of checkpoints, and wait for its rows."""
        self.open(path)
        return self.rows()

    def rows(self) -> Locator:
        """Wait until the first row of the table has its values; return those that are drawn."""
        self.page.wait_for_function("window.ckpt?.grid?.state.api?.getDisplayedRowAtIndex(0)?.data", timeout=15_000)
        expect(self.page.locator(ROW).first).to_be_visible()
        return self.page.locator(ROW)

    def column(self, name: str) -> list[str]:
        """Return what a column of the table shows, from the top."""
        cells: list[str] = self.page.evaluate(
            """(name) => [...document.querySelectorAll('.ag-center-cols-container .ag-row')]
              .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))
              .map((row) => row.querySelector(`[col-id="${name}"]`)?.textContent ?? '')""",
            name,
        )
        return cells

    def total(self) -> str:
        """Return how many checkpoints the table says it has."""
        return (self.page.locator("#ckpt-total").text_content() or "").partition(" checkpoint")[0]

    def close(self) -> None:
        """Close it, and say what went wrong."""
        self.context.close()
        if self.complaints or self.foreign:
            raise AssertionError(f"errors: {self.complaints}; asked of others: {self.foreign}")
