"""The whole story in one minute: a daemon watches, trainings write, and command, API and page know the best checkpoint.

    make demo                  # ends with Ctrl-C; until then the daemon goes on watching demo/outputs
    make demo DEMO_WAIT=0      # ends by itself; exit 0 only if every answer equals what the trainings measured

The page can be opened from the first second on. Everything is written below demo/ in the checkout.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import demo_page

from ckpt_indexer import connect
from ckpt_indexer.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.catalog.views import Row

HERE = Path(__file__).resolve().parent.parent / "demo"
OUTPUTS = HERE / "outputs"
CATALOG = HERE / "catalog.db"
MEASURED = HERE / "measured.json"
LOG = HERE / "serve.log"
COMMAND = Path(sys.executable).with_name("ckpt-indexer")
READY_S = 60.0
ROWS_S = 30.0
STOP_S = 15.0
_COLUMNS = ("epoch", "global_step", "precision", "recall", "hmean", "validation_loss")
"""Of the catalog; what the trainings measured under names of their own, in the same order."""


class DemoFailed(Exception):
    """The demo did not show what it promises; the message says why."""


def main() -> int:
    """Run the demo; return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wait = os.environ.get("DEMO_WAIT", "1") != "0"
    try:
        with _alone():
            _start_afresh()
            with _daemon() as url:
                page = demo_page.page_address(url, CATALOG)
                _show_page(page, wait=wait)
                _train()
                rows = _wait_for_rows(_measured())
                _show_best()
                _compare(rows, page)
                if wait:
                    _say_what_next("In another terminal, in this directory")
                    _wait_for_ctrl_c(page)
            if not wait:
                _say_what_next("The daemon has ended; the catalog stays. In this directory")
    except DemoFailed as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted, everything stopped", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Hold demo/.lock, so that two demos never share one tree, and make sure no daemon of an earlier one is left."""
    HERE.mkdir(exist_ok=True)
    with (HERE / ".lock").open("a+b") as mine:
        if not _lock(mine):
            raise DemoFailed("another demo is running in this checkout; end it with Ctrl-C there")
        theirs = CATALOG.with_name(CATALOG.name + ".lock")
        if theirs.exists():
            with theirs.open("r+b") as lock:
                if not _lock(lock):
                    raise DemoFailed(f"a daemon is still serving {CATALOG}; end it first (its pid is in {theirs})")
        yield


def _lock(file: IO[bytes]) -> bool:
    """Take the file's lock without waiting; False when someone else holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_afresh() -> None:
    """Remove what an earlier demo left, and nothing else."""
    shutil.rmtree(OUTPUTS, ignore_errors=True)
    for left in [*HERE.glob("catalog.db*"), MEASURED, LOG]:
        left.unlink(missing_ok=True)
    OUTPUTS.mkdir()


@contextmanager
def _daemon() -> Iterator[str]:
    """Serve demo/outputs and yield the address; on leaving, end the daemon with SIGTERM and expect exit 0."""
    command = [str(COMMAND), "serve", str(OUTPUTS), "--db", str(CATALOG), "--port", "0"]
    _say(f"$ ckpt-indexer serve {_short(OUTPUTS)} --db {_short(CATALOG)}")
    with LOG.open("wb") as log:
        # a session of its own: Ctrl-C reaches this script alone, which then ends the daemon in order
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        serving = _first_line(child, "serving ")
        print(serving, flush=True)
        yield demo_page.url_of(serving)
    finally:
        code = _stop(child)
    if code != 0:
        raise DemoFailed(f"the daemon ended with exit code {code}; see {LOG}")


def _first_line(child: subprocess.Popen[bytes], start: str) -> str:
    """Wait for a line that begins with `start` in the daemon's output."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        ended = child.poll()
        text = LOG.read_text(encoding="utf-8", errors="replace")
        found = [line for line in text.splitlines(keepends=True) if line.startswith(start) and line.endswith("\n")]
        if found:
            return found[0].rstrip("\n")
        if ended is not None:
            raise DemoFailed(f"the daemon ended at once with exit code {ended}:\n{text}")
        time.sleep(0.02)
    raise DemoFailed(f"the daemon was not ready after {READY_S:.0f} s; see {LOG}")


def _stop(child: subprocess.Popen[bytes]) -> int:
    """End the daemon; return its exit code."""
    if child.poll() is None:
        child.terminate()
    try:
        return child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _show_page(page: str, *, wait: bool) -> None:
    """Say where the page is, and open it where somebody sits in front of a display and has time to look."""
    _say("the page, live while the trainings write; the address is yours alone, it lets you add tags and notes:")
    print(f"  {page}", flush=True)
    if wait and sys.stdout.isatty() and demo_page.has_display(os.environ, sys.platform):
        demo_page.open_browser(page)


def _train() -> None:
    """Train the models in a process of their own, as a user would, while the daemon watches."""
    script = Path(__file__).with_name("demo_train.py")
    command = [sys.executable, str(script), str(OUTPUTS), "--measured", str(MEASURED)]
    _say(f"$ python scripts/demo_train.py {_short(OUTPUTS)} --measured {_short(MEASURED)}")
    child = subprocess.Popen(command, start_new_session=True)
    try:
        code = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    if code != 0:
        raise DemoFailed(f"the training ended with exit code {code}")


def _measured() -> list[dict[str, Any]]:  # Any: JSON values
    """Return what the trainings measured themselves, one mapping per checkpoint."""
    measured: list[dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))  # Any: JSON values
    return measured


def _wait_for_rows(measured: list[dict[str, Any]]) -> list[Row]:  # Any: JSON values
    """Wait until the catalog holds every checkpoint the trainings wrote, read to the end; return the rows."""
    wanted = {result["path"] for result in measured}
    began = time.monotonic()
    seen: set[str] = set()
    while time.monotonic() < began + ROWS_S:
        try:
            catalog = connect(CATALOG)
        except StoreError:
            time.sleep(0.05)
            continue
        try:
            rows = [row for row in catalog.find("") if row["read_state"] != "pending"]
        finally:
            catalog.close()
        seen = {row["path"] for row in rows}
        if seen >= wanted:
            late = time.monotonic() - began
            _say(f"the catalog holds {len(rows)} checkpoints, {late:.2f} s after the trainings ended")
            return rows
        time.sleep(0.05)
    raise DemoFailed(f"no rows for {sorted(wanted - seen)} after {ROWS_S:.0f} s; see {LOG}")


def _show_best() -> None:
    """Print the best checkpoint per backbone, as the command prints it."""
    _say(f"$ ckpt-indexer best --db {_short(CATALOG)}")
    subprocess.run([str(COMMAND), "best", "--db", str(CATALOG)], check=True)


def _compare(rows: list[Row], page: str) -> None:
    """Hold every answer against what the trainings measured: the command's, the catalog's, the API's and the page's."""
    best, measured = _best(), _measured()
    given = {row["backbone"]: (row["path"], row["hmean"]) for row in best}
    expected: dict[str, tuple[str, float]] = {}
    for result in measured:  # in epoch order: of equal scores the earlier epoch wins
        known = expected.get(result["backbone"])
        if known is None or result["hmean"] > known[1]:
            expected[result["backbone"]] = (result["path"], result["hmean"])
    if given != expected:
        raise DemoFailed(f"the catalog says {given}\nthe trainings measured {expected}")
    stored = {row["path"]: row for row in rows}
    for result in measured:
        row = stored[result["path"]]
        mine = tuple(result[name] for name in ("epoch", "step", "precision", "recall", "hmean", "loss"))
        theirs = tuple(row[name] for name in _COLUMNS)
        if mine != theirs:
            raise DemoFailed(f"{result['path']}: the training measured {mine}, the catalog says {theirs}")
        if row["sidecar_state"] != "verified":
            raise DemoFailed(f"{result['path']}: its document is {row['sidecar_state']}")
    try:
        demo_page.compare(page, _best)
    except demo_page.Disagreement as error:
        raise DemoFailed(str(error)) from error
    _say(f"equal to what the trainings measured: {len(given)} winners, {len(measured)} checkpoints, every score")
    print("page and API answer, and say the same", flush=True)


def _best() -> list[dict[str, Any]]:  # Any: JSON values
    """Return what the command answers."""
    command = [str(COMMAND), "best", "--db", str(CATALOG), "-q", "--json"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    answer: list[dict[str, Any]] = json.loads(printed)  # Any: JSON values
    return answer


def _say_what_next(where: str) -> None:
    """Say what to type next."""
    command, catalog = _short(COMMAND), _short(CATALOG)
    _say(f"now it is yours. {where}:")
    print(f"""\
  export CKPT_INDEXER_DB={catalog}
  {command} ls 'backbone:resnet18,resnet50 hmean>0.5 hmean-'
  {command} best --by backbone -k 2 --metric val/loss
  {command} show 'backbone:resnet50 epoch:0' --explain
  {command} sql 'SELECT backbone, count(*), max(hmean) FROM catalog GROUP BY 1'
  {command} status
""", flush=True)  # fmt: skip


def _wait_for_ctrl_c(page: str) -> None:
    """Let the daemon serve until the user has seen enough."""
    print(f"Or on the page: {page}", flush=True)
    _say("still watching demo/outputs: copy, rename or delete checkpoints there and look again. Ctrl-C ends it.")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print("\nstopping the daemon", flush=True)


def _short(path: Path) -> str:
    """Return the path as a user in the checkout would type it."""
    return path.relative_to(HERE.parent).as_posix() if path.is_relative_to(HERE.parent) else str(path)


def _say(text: str) -> None:
    """Print one line of the story, set off from the output of the programs."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
