"""The watcher at the limits of the system: few watches, many directories. Slow proofs, most of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.discovery.conftest import Sink, Tree

    Watch = Callable[..., Watcher]
    Eventually = Callable[..., bool]


def _is_covered(path: bytes, hints: list[Hint]) -> bool:
    return any(
        hint.path == path or (hint.kind is HintKind.TREE and path.startswith(hint.path + b"/")) for hint in hints
    )


FEW_WATCHES = """
    import os, sys, time
    from ckpt_indexer.discovery.watcher import Watcher
    root = os.fsencode(sys.argv[1])
    hints = []
    watcher = Watcher([root], hints.append)
    watcher.start()
    print(*watcher.coverage(), bool(watcher.needs_scan()), [fault.kind for fault in watcher.check(time.monotonic())][0])
    watcher.stop()
"""


def _needs_namespaces() -> None:
    tried = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", "echo 12 > /proc/sys/user/max_inotify_watches"], capture_output=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"PROOF NOT RUN: no user namespace with its own inotify limit here: {tried.stderr.decode()}")


@pytest.mark.prove
def test_the_kernels_own_watch_limit_is_noticed(tree: Tree) -> None:
    _needs_namespaces()
    for number in range(29):
        tree.directory(f"d{number}")
    program = f'echo 12 > /proc/sys/user/max_inotify_watches; exec {sys.executable} -c "$0" "$1"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", program, textwrap.dedent(FEW_WATCHES), os.fsdecode(tree.root)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["12", "30", "True", "watch_limit"], done.stderr


@pytest.mark.prove
def test_fifteen_hundred_directories_made_in_a_row_are_all_covered(tree: Tree, sink: Sink, watch: Watch) -> None:
    watch(tree.root)
    for number in range(1500):
        tree.file(f"e{number}/checkpoints/a.ckpt")
    tree.file("end.ckpt")
    sink.wait_for(lambda hint: hint.path == b"end.ckpt" and hint.finished, 60)
    assert [n for n in range(1500) if not _is_covered(b"e%d/checkpoints/a.ckpt" % n, sink.hints)] == []


@pytest.mark.prove
def test_fifteen_thousand_watched_directories_are_quiet(tree: Tree, sink: Sink) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    if limit < 16_000:
        pytest.skip(f"PROOF NOT RUN: fs.inotify.max_user_watches is {limit}")
    for number in range(15_000):
        os.makedirs(tree.at(f"{number % 100}/{number}"))
    watcher = Watcher([tree.root], sink, Options(max_watched_directories=20_000))
    started = time.monotonic()
    watcher.start()
    try:
        assert time.monotonic() - started < 10
        time.sleep(0.5)
        cpu, wall = time.process_time(), time.monotonic()
        time.sleep(3)
        assert (time.process_time() - cpu) / (time.monotonic() - wall) < 0.02
        assert watcher.coverage().held == 15_101
    finally:
        assert watcher.stop(20)
