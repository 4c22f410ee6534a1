"""Takes the pictures of the page that README and guide show, from a real daemon over a realistic tree.

    python scripts/make_pictures.py [--chromium /usr/bin/chromium]

Needs what `make browser` needs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import _page_tree
from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
WIDTH, HEIGHT = 1600, 900


class Picture(NamedTuple):
    """One picture: its name, the address of what it shows, and what must be there before it is taken."""

    name: str
    address: str
    shows: str


PICTURED = (
    Picture("checkpoints", "/ui/?q=hmean>0.8 epoch:5..", ".ag-center-cols-container .ag-row .ag-cell"),
    Picture("leaderboard", "/ui/best", ".ckpt-chart canvas"),
)


@contextlib.contextmanager
def serving(place: Path) -> Iterator[str]:
    """Run a daemon over a tree of its own; yield its address once everything is read."""
    _page_tree.build(place / "outputs", runs=42)
    command = [sys.executable, "-m", "ckpt_indexer", "--db", str(place / "catalog.db")]
    subprocess.run([*command, "scan", str(place / "outputs")], check=True, cwd=place, capture_output=True)
    serve = [*command, "serve", "--port", "0", str(place / "outputs")]
    with subprocess.Popen(serve, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        if daemon.stdout is None:
            raise RuntimeError("stdout is a pipe")
        line = next(line for line in daemon.stdout if line.startswith("serving "))
        try:
            yield line.rpartition("url=")[2].strip()
        finally:
            daemon.terminate()


def take(browser: Browser, url: str, picture: Picture, scheme: str) -> None:
    """Take one picture."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(url + picture.address)
    page.wait_for_selector("#ckpt-state[data-mood=live]")
    page.wait_for_selector(picture.shows)
    page.wait_for_timeout(800)  # fonts and charts
    path = PICTURES / f"{picture.name}-{scheme}.png"
    taken = Image.open(io.BytesIO(page.screenshot()))
    few = taken.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3)
    few.save(path, optimize=True)  # a third of what the browser writes
    print(f"{path.name}: {path.stat().st_size // 1024} kB")
    context.close()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description="Take the pictures of the page.")
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, serving(Path(place)) as url, sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=options.chromium, args=arguments)
        for picture in PICTURED:
            for scheme in ("light", "dark"):
                take(browser, url, picture, scheme)
        browser.close()


if __name__ == "__main__":
    main()
