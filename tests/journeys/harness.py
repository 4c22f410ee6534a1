"""What journeys need: a tree of checkpoints, a real daemon, and a way to compare a catalog with a fresh scan."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pytest

from ckpt_indexer import app
from ckpt_indexer.daemon.service import Service
from ckpt_indexer.settings import load
from ckpt_indexer.sidecar.io import write_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ckpt_indexer.settings import Settings

Finished: TypeAlias = "subprocess.CompletedProcess[str]"

FACTS = (
    "path", "kind", "size_bytes", "mtime", "experiment", "run_dir", "architecture", "backbone", "epoch", "global_step",
    "hmean", "precision", "source", "sidecar_state", "has_sidecar", "read_state", "presence", "rankable",
)  # fmt: skip
"""Columns that must not depend on the order in which things were noticed."""


def program(database: Path) -> list[str]:
    """Return the command line of the program on a database, without a command."""
    return [sys.executable, "-m", "ckpt_indexer", "--db", os.fspath(database)]


def run(database: Path, *arguments: str | Path, prefix: Sequence[str] = (), timeout_s: float = 60.0) -> Finished:
    """Run one command to its end."""
    command = [*prefix, *program(database), *(os.fspath(argument) for argument in arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=timeout_s,
        check=False,
        cwd=database.parent,
    )


def problems(database: Path) -> list[tuple[str, str, str]]:
    """Return (path, kind, message) of everything the catalog complains about."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT path, kind, message FROM problems ORDER BY path, kind").fetchall()
    finally:
        connection.close()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors(pid: int) -> int:
    """Return how many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a temporary directory every user may enter and write; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="journey-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for place, names, _ in os.walk(folder):
            for name in names:
                (Path(place) / name).chmod(0o777)
        shutil.rmtree(folder)


def needs(*programs: str) -> None:
    """Skip loudly when a program or a right of this machine is missing."""
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is missing on this machine")
    if "unshare" in programs and subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("unshare -Urm is refused here: no user namespaces")
    if "setpriv" in programs and os.geteuid() != 0:
        pytest.skip("setpriv needs root to become another user")


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def settings_for(database: Path) -> Settings:
    """Return settings for a database, untouched by the environment of whoever runs the tests."""
    return load(config=None, flags={"catalog.db": os.fspath(database)}, environ={}, cwd=database.parent)


def write_checkpoint(path: Path, *, size: int = 64) -> Path:
    """Write a small but real zip archive, the container of a torch checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", b"\0" * size)
    return path


def document(checkpoint: Path, *, epoch: int = 1, hmean: float | None = 0.5, **more: Any) -> dict[str, Any]:
    """Return a 2.0 document for a checkpoint."""
    made: dict[str, Any] = {
        "schema_version": "2.0",
        "file": {"name": checkpoint.name},
        "exp_name": checkpoint.parent.name,
        "training": {"epoch": epoch, "global_step": epoch * 100},
        "model": {"architecture": "dbnet", "encoder": {"model_name": more.pop("backbone", "resnet18")}},
    }
    if hmean is not None:
        made["metrics"] = {"hmean": hmean}
    return made | more


def write_sidecar(checkpoint: Path, **facts: Any) -> Path:
    """Write a checkpoint's document under the usual name."""
    path = checkpoint.with_name(checkpoint.name.removesuffix(".ckpt") + ".metadata.yaml")
    write_document(document(checkpoint, **facts), path)
    return path


def rows(database: Path, columns: str = "*", where: str = "1") -> list[dict[str, Any]]:
    """Return rows of `checkpoints` through a connection of its own."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute(f"SELECT {columns} FROM checkpoints WHERE {where} ORDER BY path_bytes").fetchall()
    finally:
        connection.close()
    return [dict(row) for row in found]


def count(database: Path) -> int:
    """Return how many rows there are, without taking time from whoever writes them."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found: int = connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0]
    finally:
        connection.close()
    return found


def present(database: Path) -> list[str]:
    """Return the paths of the present rows, in path order."""
    return [row["path"] for row in rows(database, "path", "presence = 'present'")]


def picture(database: Path) -> list[dict[str, Any]]:
    """Return the present rows by what must not depend on history, aliases by the path of their target."""
    paths = {row["id"]: row["path"] for row in rows(database, "id, path")}
    found = rows(database, "*", "presence = 'present'")
    return [{name: row[name] for name in FACTS} | {"alias_of": paths.get(row["alias_of"])} for row in found]


def fresh_picture(root: Path, scratch: Path) -> list[dict[str, Any]]:
    """Return what a new catalog says after one scan of the root."""
    for old in scratch.parent.glob(scratch.name + "*"):
        old.unlink()
    app.scan(settings_for(scratch), [root], full=False, progress=None)
    return picture(scratch)


def eventually(check: Callable[[], bool], *, timeout_s: float = 10.0, what: str = "") -> None:
    """Wait until the check holds; fail with what was waited for when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or check}")
        time.sleep(0.02)


class Daemon:
    """`ckpt-indexer serve` as a process of its own."""

    def __init__(
        self,
        root: Path | list[Path],
        database: Path,
        *,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """Start it and wait for its line; `prefix` is a program that runs another one, as `setpriv`."""
        self.database = database
        self.log = database.with_name("serve.log")
        roots = [root] if isinstance(root, Path) else root
        command = [*prefix, *program(database), "serve", "--port", str(port), *map(os.fspath, roots)]
        self._log = self.log.open("ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, env={**os.environ, **(env or {})}, cwd=database.parent
        )
        try:
            self.serving = self._first_line()
        except BaseException:
            self._close()
            raise

    @property
    def url(self) -> str:
        """Where it answers over HTTP."""
        return self.serving.rpartition(" url=")[2]

    def _first_line(self) -> str:
        if self.process.stdout is None:
            raise AssertionError("stdout is a pipe")
        for raw in self.process.stdout:
            line = raw.decode()
            if line.startswith("serving "):
                return line.rstrip("\n")
        raise AssertionError(f"the daemon ended at once: {self.log.read_text()}")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask the daemon over its socket."""
        from ckpt_indexer.daemon.wire import ask

        answer = ask(self.database, request)
        if answer is None:
            raise AssertionError("the daemon does not listen")
        return answer

    def settle(self, *, timeout_s: float = 20.0) -> None:
        """Wait until the daemon has nothing left to do."""
        eventually(lambda: not self.ask(op="health")["busy"], timeout_s=timeout_s, what="the daemon to be idle")

    def stop(self, *, timeout_s: float = 10.0) -> int:
        """End it as a service manager would and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        finally:
            self._close()

    def kill(self) -> None:
        """End it as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)
        self._close()

    def _close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # pytest shows this with the failure
            sys.stderr.write(f"exit code {self.process.poll()}, log: {self.log.read_text()[-4000:]}")
        if self.process.poll() is None:
            self.stop()
        else:
            self._close()


@contextlib.contextmanager
def service(
    root: Path | list[Path], database: Path, *, settle_ms: int = 50, grace_s: float = 0.2, check_s: float = 0.2
) -> Iterator[Service]:
    """Run a real service, watcher and all, on a thread of this process, with short waits."""
    settings = settings_for(database)
    settings = replace(settings, watch=replace(settings.watch, settle_ms=settle_ms))
    roots = [root] if isinstance(root, Path) else root
    build, options = app.daemon_parts(settings, [os.fsencode(os.path.realpath(one)) for one in roots], grace_s=grace_s)
    options = replace(options, check_s=check_s)
    running = Service(build, options)
    ready = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            running.run(on_ready=lambda _: ready.set())
        except BaseException as error:  # noqa: BLE001  # raised again by whoever started the thread
            failure.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(20)
    if failure:
        raise failure[0]
    try:
        yield running
    finally:
        running.stop()
        thread.join(20)


def health(database: Path) -> dict[str, Any]:
    """Return what `ckpt-indexer status --json` says."""
    done = subprocess.run(
        [sys.executable, "-m", "ckpt_indexer", "--db", os.fspath(database), "status", "--json"],
        capture_output=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
