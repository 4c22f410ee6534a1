"""Faults of the process, the disk and the database, and what must hold all the same."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.harness import (
    AS_NOBODY,
    Daemon,
    descriptors,
    eventually,
    fresh_picture,
    needs,
    open_folder,
    picture,
    program,
    resident_mb,
    rows,
    run,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECKOUT = Path(__file__).parents[2]


def fill(root: Path, count: int, *, first: int = 0, sidecars: bool = True) -> None:
    """Write checkpoints in several runs, half of them with sidecars."""
    for number in range(first, first + count):
        path = write_checkpoint(root / f"run-{number % 7}" / f"epoch={number}.ckpt")
        if sidecars and number % 2 == 0:
            write_sidecar(path, epoch=number, hmean=number / 100_000)


def places(database: Path) -> set[tuple[int, str]]:
    """Return (id, path) of every acknowledged row; none when there is no catalog yet."""
    try:
        return {(row["id"], row["path"]) for row in rows(database, "id, path")}
    except sqlite3.OperationalError:
        return set()


def assert_sound(database: Path) -> None:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
    found = rows(database, "path, inode", "presence = 'present' AND alias_of IS NULL")
    assert len({row["inode"] for row in found}) == len({row["path"] for row in found}) == len(found)


def assert_converged(root: Path, database: Path, *, timeout_s: float = 15.0) -> None:
    expected = fresh_picture(root, database.with_name("fresh.db"))
    eventually(lambda: picture(database) == expected, timeout_s=timeout_s, what="the rows of a fresh scan")


# -- killed


def _kill_at_random(root: Path, database: Path, delays: Sequence[float]) -> None:
    for turn, delay in enumerate(delays):
        fill(root, 60, first=turn * 60)
        before = places(database)
        process = subprocess.Popen(
            [*program(database), "serve", os.fspath(root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        before |= places(database)
        process.kill()
        process.wait()
        if database.exists():
            assert before <= places(database)
            assert_sound(database)
    with Daemon(root, database) as daemon:
        daemon.settle()
        assert_converged(root, database)
        assert_sound(database)


def test_kills_at_random_moments_lose_no_acknowledged_row(root: Path, database: Path) -> None:
    _kill_at_random(root, database, [0.6, 0.9, 1.2])


@pytest.mark.prove
def test_fifty_kills_at_random_moments_lose_no_acknowledged_row(root: Path, database: Path) -> None:
    chance = random.Random(2)
    _kill_at_random(root, database, [chance.uniform(0.3, 1.5) for _ in range(50)])


DYING = """
import os, sys
from pathlib import Path
from ckpt_indexer import app
from ckpt_indexer.store.engine import Session
from tests.journeys.harness import rows, settings_for

root, database, number, when = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
real, count = Session.run, 0

def run(self, sql, values=()):
    global count
    if sql != "COMMIT":
        return real(self, sql, values)
    count += 1
    if count == number and when == "before":
        os._exit(9)
    changed = real(self, sql, values)
    os.write(1, b"%d\\n" % len(rows(database, "id")))
    if count == number and when == "after":
        os._exit(9)
    return changed

Session.run = run
app.scan(settings_for(database), [root], full=False, progress=None)
"""


def _die_at_commit(root: Path, database: Path, number: int, when: str) -> int:
    """Scan in a process that dies at its n-th commit; return the exit code."""
    before = len(places(database))
    done = subprocess.run(
        [sys.executable, "-c", DYING, root, database, str(number), when],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    acknowledged = [int(line) for line in done.stdout.split()]
    assert len(rows(database, "id")) == (acknowledged[-1] if acknowledged else before)
    assert_sound(database)
    return done.returncode


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_around_a_commit_keeps_what_was_acknowledged(root: Path, database: Path, when: str) -> None:
    fill(root, 700)
    assert _die_at_commit(root, database, 2, when) == 9
    fill(root, 20, first=700)
    assert _die_at_commit(root, database, 1, when) == 9
    assert run(database, "scan", root).returncode == 0
    assert_converged(root, database)


@pytest.mark.prove
@pytest.mark.parametrize("when", ["before", "after"])
def test_deaths_around_each_of_fifty_commits_keep_what_was_acknowledged(root: Path, database: Path, when: str) -> None:
    for number in range(1, 51):
        fill(root, 100, first=number * 100)
        _die_at_commit(root, database, 1 + number % 5, when)
    assert run(database, "scan", root).returncode == 0
    assert_converged(root, database)


def test_files_of_a_killed_daemon_do_not_block_the_next_one(root: Path, database: Path) -> None:
    fill(root, 10)
    first = Daemon(root, database)
    first.settle()
    first.kill()
    assert database.with_name("catalog.db.sock").exists()
    assert database.with_name("catalog.db.lock").read_text().strip() == str(first.process.pid)
    assert run(database, "ls", "--json").returncode == 0
    assert run(database, "scan").returncode == 0
    with Daemon(root, database) as second:
        assert second.ask(op="ping") == {"pid": second.process.pid}
        assert len(rows(database, "id")) == 10


# -- the database's file


def _remove(database: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def test_a_database_deleted_while_running_is_built_anew(root: Path, database: Path) -> None:
    fill(root, 20)
    with Daemon(root, database) as daemon:
        daemon.settle()
        _remove(database, "", "-wal", "-shm")
        eventually(lambda: len(places(database)) == 20, what="the new database")
        fill(root, 1, first=20)
        eventually(lambda: len(places(database)) == 21)
        daemon.settle()
        assert daemon.ask(op="health")["status"] == "ok"
        assert_converged(root, database)
        assert_sound(database)


def test_a_root_handed_over_survives_the_loss_of_the_database(root: Path, database: Path, tmp_path: Path) -> None:
    fill(root, 2)
    write_checkpoint(tmp_path / "more" / "x.ckpt")
    with Daemon(root, database) as daemon:
        daemon.settle()
        assert run(database, "serve", tmp_path / "more").returncode == 0
        eventually(lambda: len(places(database)) == 3)
        _remove(database, "", "-wal", "-shm")
        eventually(lambda: len(places(database)) == 3, what="rows of both roots")


def _zero_header(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"\0" * 100)


def _overwrite_middle(database: Path) -> None:
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(3).randbytes(size - 4096))


def _truncate(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


DAMAGES = pytest.mark.parametrize(
    "damage", [_zero_header, _overwrite_middle, _truncate], ids=["header", "middle", "truncated"]
)


@DAMAGES
def test_a_database_damaged_while_stopped_is_moved_aside_and_built_anew(
    root: Path, database: Path, damage: Any
) -> None:
    fill(root, 200)
    assert run(database, "scan", root).returncode == 0
    damage(database)
    bad = database.read_bytes()
    with Daemon(root, database) as daemon:
        eventually(
            lambda: len(list(database.parent.glob("catalog.db.corrupt-*"))) >= 1, what="the bad file moved aside"
        )
        eventually(lambda: len(places(database)) == 200)
        daemon.settle()
        assert_converged(root, database)
        assert_sound(database)
        assert daemon.stop() == 0
    kept = [path for path in database.parent.glob("catalog.db.corrupt-*") if not path.name.endswith(("-wal", "-shm"))]
    assert [path.read_bytes() == bad for path in kept] == [True]


@DAMAGES
def test_a_database_damaged_while_running_ends_sound(root: Path, database: Path, damage: Any) -> None:
    fill(root, 200)
    assert run(database, "scan", root).returncode == 0
    with Daemon(root, database) as daemon:
        daemon.settle()
        damage(database)
        fill(root, 200, first=200)
        eventually(lambda: _count(database) == 400, timeout_s=15, what="every row in a readable database")
        daemon.settle()
        assert daemon.process.poll() is None
        assert_converged(root, database)
        assert daemon.stop() == 0
    assert_sound(database)


def _count(database: Path) -> int:
    """Return how many rows can be read; none while the database is damaged or being replaced."""
    try:
        return len(places(database))
    except sqlite3.DatabaseError:
        return 0


def test_a_lost_write_ahead_log_costs_nothing_a_scan_does_not_find(root: Path, database: Path) -> None:
    fill(root, 30)
    first = Daemon(root, database)
    first.settle()
    first.kill()
    _remove(database, "-wal")
    with Daemon(root, database) as second:
        second.settle()
        assert_converged(root, database)


def test_what_people_said_survives_the_loss_of_the_database(root: Path, database: Path) -> None:
    from ckpt_indexer.store.notes import Edit
    from ckpt_indexer.store.writer import open_writer

    fill(root, 3)
    assert run(database, "scan", root).returncode == 0
    with open_writer(database) as writer:
        writer.annotate(1, b"run-1/epoch=1.ckpt", Edit(tags_add=("keep",), notes="the good one", pinned=True))
    _remove(database, "", "-wal", "-shm")
    assert run(database, "scan", root).returncode == 0
    found = rows(database, "notes, pinned, nested", "path = 'run-1/epoch=1.ckpt'")
    assert [(row["notes"], row["pinned"]) for row in found] == [("the good one", 1)]


def test_a_database_from_the_future_is_refused_untouched(root: Path, database: Path) -> None:
    fill(root, 2)
    assert run(database, "scan", root).returncode == 0
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = database.read_bytes()
    for command in (("serve", root), ("scan",), ("ls",), ("db", "upgrade")):
        done = run(database, *command)
        assert (command[0], done.returncode) == (command[0], 5)
        assert "Traceback" not in done.stderr
    assert database.read_bytes() == before


@pytest.mark.parametrize("kind", ["text", "sqlite", "directory"])
def test_a_file_that_is_no_catalog_is_refused_untouched(root: Path, database: Path, kind: str) -> None:
    if kind == "text":
        database.write_text("my thesis\n" * 1000)
    elif kind == "sqlite":
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE precious (x)")
    else:
        database.mkdir()
    before = None if kind == "directory" else database.read_bytes()
    for command in (("serve", root), ("scan", root), ("ls",)):
        done = run(database, *command)
        assert (command[0], done.returncode) == (command[0], 3), done.stderr
        assert "Traceback" not in done.stderr
    assert (None if kind == "directory" else database.read_bytes()) == before
    assert list(database.parent.glob("*.corrupt-*")) == []


# -- a disk that refuses, a lock somebody holds


def _hold_lock(root: Path, database: Path, seconds: float) -> None:
    with Daemon(root, database) as daemon:
        daemon.settle()
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            fill(root, 20)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.monotonic()
                assert rows(database, "id") == []
                assert time.monotonic() - began < 1
                time.sleep(0.1)
            assert daemon.process.poll() is None
            if seconds > 10:
                assert daemon.ask(op="health")["status"] == "degraded"
            other.execute("COMMIT")
        eventually(lambda: len(places(database)) == 20, what="the backlog to be written")
        daemon.settle()
        assert daemon.ask(op="health")["status"] == "ok"
        assert "Traceback" not in daemon.log.read_text()


def test_a_lock_held_by_another_writer_delays_and_loses_nothing(root: Path, database: Path) -> None:
    _hold_lock(root, database, 2.0)


@pytest.mark.prove
def test_a_lock_held_for_half_a_minute_delays_and_loses_nothing(root: Path, database: Path) -> None:
    _hold_lock(root, database, 30.0)


def test_a_full_disk_degrades_and_recovers(root: Path, database: Path) -> None:
    fill(root, 10)
    with Daemon(root, database) as daemon:
        daemon.settle()
        pid, log_lines = daemon.process.pid, len(daemon.log.read_text().splitlines())
        wal = database.with_name("catalog.db-wal")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, resource.RLIM_INFINITY))
        fill(root, 100, first=10)
        eventually(lambda: daemon.ask(op="health")["status"] == "degraded", what="health to say so")
        assert any("refused a write" in reason for reason in daemon.ask(op="health")["reasons"])
        assert len(places(database)) < 110
        assert run(database, "ls", "--json").returncode == 0
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually(lambda: len(places(database)) == 110, timeout_s=30, what="everything to be written")
        daemon.settle()
        assert daemon.ask(op="health")["status"] == "ok"
        assert_converged(root, database)
        assert len(daemon.log.read_text().splitlines()) - log_lines < 10
        assert "Traceback" not in daemon.log.read_text()


@pytest.mark.prove
def test_a_full_file_system_degrades_and_recovers(root: Path, tmp_path: Path) -> None:
    needs("unshare", "mount", "nsenter")
    mount = tmp_path / "small"
    mount.mkdir()
    inside = ("unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=2m tmpfs {mount} && exec "$@"', "sh")
    fill(root, 10)
    process = subprocess.Popen(
        [*inside, *program(mount / "catalog.db"), "serve", os.fspath(root)], stdout=subprocess.PIPE, text=True
    )
    screen = process.stdout
    assert screen is not None
    try:
        assert screen.readline().startswith("serving ")
        join = ("nsenter", f"--target={process.pid}", "--user", "--mount", "--preserve-credentials")

        def count() -> int:
            done = run(mount / "catalog.db", "sql", "SELECT count(*) AS n FROM checkpoints", "--json", prefix=join)
            return int(json.loads(done.stdout)[0]["n"])

        ballast = Path(f"/proc/{process.pid}/root{mount}/ballast")
        eventually(lambda: count() == 10)
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)
        fill(root, 400, first=10)
        time.sleep(10)  # long enough for several tries
        assert process.poll() is None
        assert count() < 410
        ballast.unlink()
        eventually(lambda: count() == 410, timeout_s=30, what="everything to be written")
        checked = run(mount / "catalog.db", "db", "check", prefix=join)
        assert checked.returncode == 0, checked.stderr
    finally:
        process.terminate()
        assert process.wait(10) == 0
        screen.close()


def test_a_database_that_cannot_be_made_again_is_tried_until_it_can() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, closed = folder / "outputs", folder / "closed"
        root.mkdir()
        closed.mkdir()
        closed.chmod(0o777)
        database = closed / "catalog.db"
        fill(root, 10)
        with Daemon(root, database, prefix=AS_NOBODY) as daemon:
            daemon.settle()
            closed.chmod(0o555)
            _remove(database, "", "-wal", "-shm")
            eventually(lambda: daemon.ask(op="health")["status"] == "degraded", what="health to say so")
            assert daemon.process.poll() is None
            closed.chmod(0o777)
            eventually(lambda: len(places(database)) == 10, timeout_s=20, what="the new database")
            daemon.settle()
            assert daemon.ask(op="health")["status"] == "ok"
            assert "Traceback" not in daemon.log.read_text()


def test_few_open_files_degrade_and_do_not_kill(root: Path, database: Path) -> None:
    with Daemon(root, database) as daemon:
        daemon.settle()
        limit = descriptors(daemon.process.pid) + 1
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (limit, 4096))
        fill(root, 20)
        time.sleep(1)  # what happens now happens without descriptors
        assert daemon.process.poll() is None
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (1024, 4096))
        daemon.ask(op="scan", paths=[])
        eventually(lambda: len(places(database)) == 20)
        assert_converged(root, database)


def test_a_directory_that_may_not_be_written_is_one_clear_sentence() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, closed = folder / "outputs", folder / "closed"
        root.mkdir()
        closed.mkdir(mode=0o755)
        for command in ("serve", "scan"):
            done = run(closed / "catalog.db", command, root, prefix=AS_NOBODY)
            assert (command, done.returncode) == (command, 3), done.stderr
            assert len(done.stderr.splitlines()) == 1
            assert "catalog.db" in done.stderr


# -- other processes


def test_a_second_daemon_is_refused_or_hands_its_roots_over(root: Path, database: Path, tmp_path: Path) -> None:
    more = write_checkpoint(tmp_path / "more" / "x.ckpt").parent
    (root / "inner").mkdir()
    with Daemon(root, database) as daemon:
        same = run(database, "serve", root)
        assert (same.returncode, str(daemon.process.pid) in same.stderr) == (4, True)
        assert run(database, "serve").returncode == 4
        new = run(database, "serve", root, more)
        assert (new.returncode, os.fspath(more) in new.stdout) == (0, True)
        eventually(lambda: [path for _, path in places(database)] == ["x.ckpt"])
        for overlapping in (root / "inner", tmp_path):
            assert run(database, "serve", overlapping).returncode == 2
        write_checkpoint(more / "y.ckpt")
        eventually(lambda: len(places(database)) == 2, what="the root handed over to be watched")
        assert daemon.ask(op="health")["status"] == "ok"


# -- signals


@pytest.fixture
def crowded(root: Path) -> Iterator[Path]:
    fill(root, 2_000)
    yield root
    shutil.rmtree(root)


def test_sigterm_during_an_ingest_ends_in_time_and_the_next_start_goes_on(crowded: Path, database: Path) -> None:
    with Daemon(crowded, database) as daemon:
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
    assert not database.with_name("catalog.db-wal").exists()
    assert not database.with_name("catalog.db.sock").exists()
    assert_sound(database)
    with Daemon(crowded, database) as daemon:
        eventually(lambda: len(places(database)) == 2_000)


def test_sigint_ends_with_zero(root: Path, database: Path) -> None:
    with Daemon(root, database) as daemon:
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(5) == 0
        assert "Traceback" not in daemon.log.read_text()


def test_sighup_and_a_closed_stdout_keep_it_serving(root: Path, database: Path) -> None:
    with Daemon(root, database) as daemon:
        assert daemon.process.stdout is not None
        daemon.process.stdout.close()
        daemon.process.send_signal(signal.SIGHUP)
        fill(root, 5)
        eventually(lambda: len(places(database)) == 5)
        assert daemon.process.poll() is None
        assert daemon.stop() == 0


# -- hours of work


@pytest.mark.prove
def test_twenty_thousand_ingests_leak_neither_files_nor_memory(root: Path, database: Path) -> None:
    hostile = [b"a: &a [*a]\n", b"\xff\xfe", b"a: " + b"[" * 5000, b"- " * 3000, b""]
    with Daemon(root, database) as daemon:
        pid = daemon.process.pid

        def turn(number: int) -> None:
            for index in range(1000):
                path = write_checkpoint(root / f"run-{index % 50}" / f"epoch={index}.ckpt", size=number + 1)
                if index % 10 == 0:
                    path.with_suffix(".metadata.yaml").write_bytes(hostile[(index // 10 + number) % len(hostile)])
                elif index % 2:
                    write_sidecar(path, epoch=number, hmean=number / 100)
            daemon.settle(timeout_s=60)

        for number in range(3):
            turn(number)
        files, memory = descriptors(pid), resident_mb(pid)
        for number in range(3, 23):
            turn(number)
        assert descriptors(pid) <= files + 5
        assert resident_mb(pid) - memory < 20
        assert len(places(database)) == 1000
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        states = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] for child in children]
        assert "Z" not in states
