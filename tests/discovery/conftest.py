"""Trees on disk, a sink that remembers, and children without root's privileges."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY = 65534


class Tree:
    """A root on disk, built by relative names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = os.path.realpath(os.fsencode(path))

    def file(self, name: str | bytes, content: bytes = b"x") -> bytes:
        """Write a file, making its directories; return its absolute path."""
        path = os.path.join(self.root, os.fsencode(name))
        self.directory(os.path.dirname(path))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
        return path

    def directory(self, name: str | bytes) -> bytes:
        path = os.path.join(self.root, os.fsencode(name))
        below = os.path.relpath(path, self.root)
        for end in [at for at, byte in enumerate(below) if byte == ord("/")] + [len(below)]:  # makedirs recurses
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(self.root, below[:end]))
        return path

    def at(self, name: str | bytes) -> bytes:
        return os.path.join(self.root, os.fsencode(name))


class Sink:
    """Remembers hints and waits for them."""

    def __init__(self) -> None:
        self.hints: list[Hint] = []
        self._changed = threading.Condition()

    def __call__(self, hint: Hint) -> None:
        with self._changed:
            self.hints.append(hint)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Hint], bool], timeout_s: float = 10.0) -> Hint:
        """Return the first hint that is wanted; fail loudly when none comes."""
        with self._changed:
            self._changed.wait_for(lambda: any(map(wanted, self.hints)), timeout_s)
            found = [hint for hint in self.hints if wanted(hint)]
        if not found:
            pytest.fail(f"no such hint; there are {self.hints[-20:]}")
        return found[0]

    def wait_path(self, path: bytes, **flags: bool) -> Hint:
        return self.wait_for(
            lambda hint: (
                hint.kind is HintKind.PATH
                and hint.path == path
                and all(getattr(hint, name) == value for name, value in flags.items())
            )
        )

    def wait_tree(self, path: bytes, **flags: bool) -> Hint:
        return self.wait_for(
            lambda hint: (
                hint.kind is HintKind.TREE
                and hint.path == path
                and all(getattr(hint, name) == value for name, value in flags.items())
            )
        )

    def paths(self) -> set[bytes]:
        return {hint.path for hint in self.hints}

    def clear(self) -> None:
        self.hints.clear()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    path = tmp_path / "outputs"
    path.mkdir()
    return Tree(path)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def watch(sink: Sink) -> Iterator[Callable[..., Watcher]]:
    """Start watchers that are stopped at the end."""
    started: list[Watcher] = []

    def start(*roots: bytes, **arguments: object) -> Watcher:
        watcher = Watcher(roots, sink, **arguments)  # type: ignore[arg-type]  # keyword arguments of the constructor
        watcher.start()
        started.append(watcher)
        return watcher

    yield start
    for watcher in started:
        assert watcher.stop()


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], None]], None]:
    """Run a check in a child without privileges; root reads everything, whatever the mode."""

    def run(check: Callable[[], None]) -> None:
        if os.getuid() != 0:
            check()
            return
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 0
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                check()
            except BaseException:  # noqa: BLE001  # a failed check must reach the parent, whatever it is
                status = 1
                os.write(writing, traceback.format_exc().encode()[-4000:])
            finally:
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading, "rb") as report:
            text = report.read().decode()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, text

    return run


def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Tell whether a condition comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., bool]:
    return eventually
