"""After any sequence of changes under the real watcher the catalog equals a fresh scan."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.journeys.harness import eventually, fresh_picture, picture, service, write_checkpoint, write_sidecar

DIRECTORIES = st.sampled_from(["a", "b", "a/checkpoints", "c/version_0/checkpoints"])
NAMES = st.sampled_from(["epoch=1.ckpt", "epoch=2.ckpt", "last.ckpt", "last.pt"])
BAD = st.sampled_from(
    [b"", b"[1, 2]", b"schema_version: '9.9'\nexp_name: x\n", b"a: &a [*a]\n", b"\xff\xfe", b"training: {epoch: 1"]
)


class Tree(RuleBasedStateMachine):
    """Changes a tree while a service watches it, with the watcher, timers and grace times of the real thing."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="converges-")))
        self.root = self._folder / "outputs"
        self.root.mkdir()
        self.database = self._folder / "catalog.db"
        self.changed = False

    @initialize()
    def start(self) -> None:
        self._stack.enter_context(service(self.root, self.database))

    def _files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.suffix in {".ckpt", ".pt"})

    def _pick(self, number: int) -> Path | None:
        files = self._files()
        return files[number % len(files)] if files else None

    @rule(directory=DIRECTORIES, name=NAMES, size=st.integers(1, 300))
    def create_or_rewrite(self, directory: str, name: str, size: int) -> None:
        path = self.root / directory / name
        if not path.is_symlink():
            write_checkpoint(path, size=size)

    @rule(number=st.integers(0, 50), epoch=st.integers(0, 9), hmean=st.one_of(st.none(), st.floats(0, 1)))
    def sidecar(self, number: int, epoch: int, hmean: float | None) -> None:
        path = self._pick(number)
        if path is not None:
            write_sidecar(path, epoch=epoch, hmean=hmean)

    @rule(directory=DIRECTORIES, name=NAMES)
    def sidecar_first(self, directory: str, name: str) -> None:
        path = self.root / directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sidecar(path)

    @rule(number=st.integers(0, 50), data=BAD)
    def sidecar_becomes_invalid(self, number: int, data: bytes) -> None:
        path = self._pick(number)
        if path is not None:
            (path.parent / (path.stem + ".metadata.yaml")).write_bytes(data)

    @rule(number=st.integers(0, 50))
    def delete(self, number: int) -> None:
        path = self._pick(number)
        if path is not None:
            path.unlink()

    @rule(number=st.integers(0, 50))
    def delete_sidecar(self, number: int) -> None:
        documents = sorted(self.root.rglob("*.metadata.yaml"))
        if documents:
            documents[number % len(documents)].unlink()

    @rule(number=st.integers(0, 50), directory=DIRECTORIES, name=NAMES)
    def rename(self, number: int, directory: str, name: str) -> None:
        path = self._pick(number)
        if path is not None:
            (self.root / directory).mkdir(parents=True, exist_ok=True)
            os.replace(path, self.root / directory / name)

    @rule(source=st.sampled_from(["a", "b", "c"]), goal=st.sampled_from(["b", "d", "d/e"]))
    def move_directory(self, source: str, goal: str) -> None:
        old, new = self.root / source, self.root / goal
        if old.is_dir() and not new.exists() and source != goal:
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)

    @rule(name=st.sampled_from(["a", "b", "c", "d"]))
    def remove_directory(self, name: str) -> None:
        shutil.rmtree(self.root / name, ignore_errors=True)

    @rule(number=st.integers(0, 50), mode=st.sampled_from([0o600, 0o644, 0o444]))
    def change_mode(self, number: int, mode: int) -> None:
        path = self._pick(number)
        if path is not None and path.exists():
            path.chmod(mode)

    @rule(number=st.integers(0, 50), directory=DIRECTORIES)
    def symlink(self, number: int, directory: str) -> None:
        path, link = self._pick(number), self.root / directory / "link.ckpt"
        if path is not None and not path.is_symlink() and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(path, link.parent))

    @rule(number=st.integers(0, 50), directory=DIRECTORIES)
    def hard_link(self, number: int, directory: str) -> None:
        path, link = self._pick(number), self.root / directory / "hard.ckpt"
        if path is not None and path.is_file() and not path.is_symlink() and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)

    def teardown(self) -> None:
        try:
            self._compare()
        finally:
            self._stack.close()

    def _compare(self) -> None:
        if not self.database.exists():
            return
        expected = fresh_picture(self.root, self._folder / "fresh.db")
        seen: list[dict[str, Any]] = []

        def equal() -> bool:
            nonlocal seen
            seen = picture(self.database)
            return seen == expected

        with contextlib.suppress(AssertionError):
            eventually(equal, timeout_s=8.0)
        wrong = [row for row in seen if row not in expected]
        missed = [row for row in expected if row not in seen]
        assert (wrong, missed) == ([], []), f"the catalog says {wrong}, a fresh scan {missed}"


def _check(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Tree,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_the_catalog_equals_a_fresh_scan_after_any_changes() -> None:
    _check(examples=12, steps=15)


@pytest.mark.prove
def test_the_catalog_equals_a_fresh_scan_after_very_many_changes() -> None:
    _check(examples=300, steps=40)
