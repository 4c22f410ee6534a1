"""The page of the demo: its address, a browser to show it in, and whether page and API say what the command says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Rows = Sequence[Mapping[str, Any]]  # Any: JSON values

VIEWS = ("", "best", "experiments", "compare", "disk", "health")
ANSWER_S = 30.0
"""The first look at the page imports NiceGUI, which takes a while on a busy machine."""


class Disagreement(Exception):
    """Page or API did not answer, or said something else than the command; the message says which."""


def url_of(serving: str) -> str:
    """Return the daemon's address from the line `serve` prints."""
    return serving.rpartition(" url=")[2]


def page_address(url: str, catalog: Path) -> str:
    """Return the address to open in a browser. It carries the token once, so that tags and notes can be written."""
    token = catalog.with_name(catalog.name + ".token").read_text(encoding="ascii").strip()
    return f"{url}/ui/?token={token}"


def has_display(environ: Mapping[str, str], platform: str) -> bool:
    """Tell whether a browser could show anything here."""
    return platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_browser(address: str) -> None:
    """Hand the address to the user's browser, away from this terminal; whether it opens is not waited for."""
    nowhere = subprocess.DEVNULL
    command = [sys.executable, "-m", "webbrowser", address]
    subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)


def compare(address: str, command: Callable[[], Rows]) -> None:
    """Open every view as a browser would, and hold leaderboard and API against what the command answers.

    A daemon that has nothing else to do fills in what files say beyond their documents; the two are asked again until
    no such change came between them.

    Raises:
        Disagreement: one of them does not answer, or says something else.
    """
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor())
    url, _, _ = address.partition("/ui/")
    _opened(browser, address)  # the answer is a cookie, and the address without the token
    views = {name: _opened(browser, f"{url}/ui/{name}") for name in VIEWS}
    deadline = time.monotonic() + ANSWER_S
    while True:
        best = list(command())
        answered = json.loads(_opened(browser, f"{url}/api/v1/best?by=backbone&metric=hmean"))["items"]
        if answered == best:
            break
        if time.monotonic() > deadline:
            raise Disagreement(f"the API says {answered}\nthe command says {best}")
        time.sleep(0.1)
    for row in best:
        if f"{row['hmean']:.4f}" not in views["best"]:
            raise Disagreement(f"the leaderboard does not show {row['hmean']:.4f}, the best hmean of {row['backbone']}")


def _opened(browser: OpenerDirector, address: str) -> str:
    shown = address.partition("?token=")[0]
    try:
        with browser.open(address, timeout=ANSWER_S) as answer:
            text: str = answer.read().decode()
    except HTTPError as error:
        with error:
            said = error.read(500).decode(errors="replace")
        raise Disagreement(f"{shown} answers {error.code}: {said}") from error
    except OSError as error:
        raise Disagreement(f"{shown} does not answer: {error}") from error
    return text
