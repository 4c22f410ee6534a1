"""One Chromium and one daemon over a realistic tree, for every test that only looks; tabs and daemons for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import _page_tree
import pytest

from tests.browser.browsing import Tab, launched
from tests.journeys.harness import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    Opened = Callable[..., Tab]

RUNS, EPOCHS = 24, 14


SAID = pytest.StashKey[list[str]]()


@pytest.fixture
def said(request: pytest.FixtureRequest) -> list[str]:
    """Lines to be told at the end of the run."""
    return request.config.stash.setdefault(SAID, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(SAID, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    yield from launched()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Daemon]:
    """A daemon over three hundred checkpoints, which nothing changes."""
    assert chromium.is_connected()
    place = tmp_path_factory.mktemp("site")
    _page_tree.build(place / "outputs", runs=RUNS, epochs=EPOCHS)
    with Daemon(place / "outputs", place / "catalog.db") as daemon:
        daemon.settle()
        yield daemon


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Open tabs; at the end none may have complained or asked anybody else. Asked for after the daemon it looks at, so
    that it is closed before."""
    tabs: list[Tab] = []

    def open_(url: str, **options: Any) -> Tab:
        tabs.append(Tab(chromium, url, **options))
        return tabs[-1]

    yield open_
    for tab in tabs:
        tab.close()


@pytest.fixture
def tab(opened: Opened, site: Daemon) -> Tab:
    """A tab on the daemon that nothing changes."""
    return opened(site.url)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """An empty directory to watch."""
    path = tmp_path / "outputs"
    path.mkdir()
    return path
