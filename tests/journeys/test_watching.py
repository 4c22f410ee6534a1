"""What goes wrong with watching a tree, and what the catalog says all the same. Real inotify, real threads."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any

import pytest

from ckpt_indexer import app
from ckpt_indexer.errors import DaemonError
from ckpt_indexer.metadata.naming import display
from tests.journeys.harness import (
    AS_NOBODY,
    Daemon,
    count,
    eventually,
    needs,
    open_folder,
    present,
    problems,
    resident_mb,
    rows,
    run,
    service,
    settings_for,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from pathlib import Path


def _fill(directory: Path, count: int, *, first: int = 0) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (directory / f"epoch={number}.ckpt").write_bytes(b"x")


# -- events that are lost


def test_files_made_while_the_queue_overflowed_are_found(root: Path, database: Path) -> None:
    noise = [root / "a.txt", root / "b.txt"]
    for path in noise:
        path.touch()
    with Daemon(root, database) as daemon:
        daemon.settle()
        daemon.process.send_signal(signal.SIGSTOP)
        for number in range(17_000):  # above fs.inotify.max_queued_events
            os.utime(noise[number % 2])
        _fill(root, 200)
        _fill(root / "new" / "deeper", 200)
        daemon.process.send_signal(signal.SIGCONT)
        eventually(lambda: len(present(database)) == 400, timeout_s=20, what="every row")
        eventually(lambda: daemon.ask(op="health")["lost_events"] >= 1, what="the loss to be counted")
        write_checkpoint(root / "new" / "deeper" / "later.ckpt")
        eventually(lambda: len(present(database)) == 401, what="a file in the directory made during the overflow")


@pytest.mark.prove
def test_forty_thousand_files_made_while_stopped_are_found_within_a_minute(root: Path, database: Path) -> None:
    with Daemon(root, database) as daemon:
        daemon.settle()
        daemon.process.send_signal(signal.SIGSTOP)
        _fill(root / "run", 39_000)
        _fill(root / "other" / "new", 1_000)
        daemon.process.send_signal(signal.SIGCONT)
        eventually(lambda: len(present(database)) == 40_000, timeout_s=60, what="40,000 rows")
        daemon.settle(timeout_s=60)
        assert daemon.ask(op="health")["status"] == "ok"


@pytest.mark.prove
def test_directories_that_could_not_be_watched_are_scanned(root: Path, database: Path) -> None:
    needs("unshare")
    limited = ("unshare", "-Ur", "sh", "-c", 'echo 12 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh")
    directories = [root / f"run-{number}" for number in range(30)]
    for directory in directories:
        directory.mkdir()
    with Daemon(root, database, prefix=limited) as daemon:
        daemon.settle()
        for directory in directories:
            write_checkpoint(directory / "epoch=1.ckpt")
        eventually(lambda: len(present(database)) == 30, timeout_s=45, what="30 rows")
        health = daemon.ask(op="health")
    assert health["status"] == "degraded"
    assert "could not be watched" in " ".join(health["reasons"])
    assert health["watched_directories"]["held"] < health["watched_directories"]["wanted"]


def test_files_in_directories_made_just_before_are_all_found(root: Path, database: Path) -> None:
    with service(root, database):
        for number in range(300):
            directory = root / f"run-{number}" / "checkpoints"
            directory.mkdir(parents=True)
            (directory / "last.ckpt").write_bytes(b"x")
        eventually(lambda: len(rows(database, "id")) == 300, what="300 rows")
        assert len(set(present(database))) == 300


# -- directories that move


def test_a_directory_moved_into_the_root_is_watched_from_then_on(root: Path, database: Path, tmp_path: Path) -> None:
    _fill(tmp_path / "elsewhere" / "deep", 3)
    with service(root, database):
        (tmp_path / "elsewhere").rename(root / "run")
        eventually(lambda: len(present(database)) == 3, what="the files that were in it")
        write_checkpoint(root / "run" / "deep" / "later.ckpt")
        eventually(lambda: "run/deep/later.ckpt" in present(database), what="the file that came later")


def test_a_directory_moved_out_leaves_missing_rows_and_no_phantoms(root: Path, database: Path, tmp_path: Path) -> None:
    _fill(root / "run" / "deep", 3)
    with service(root, database):
        eventually(lambda: len(present(database)) == 3)
        (root / "run").rename(tmp_path / "away")
        write_checkpoint(tmp_path / "away" / "deep" / "later.ckpt")
        eventually(lambda: not present(database), what="rows to turn missing")
        write_checkpoint(root / "marker.ckpt")
        eventually(lambda: present(database) == ["marker.ckpt"])
    assert [row["presence"] for row in rows(database, "presence")] == ["present", "missing", "missing", "missing"]


def test_a_renamed_directory_keeps_its_hundred_ids(root: Path, database: Path) -> None:
    _fill(root / "old", 100)
    with service(root, database):
        eventually(lambda: len(present(database)) == 100)
        before = {row["path"].partition("/")[2]: row["id"] for row in rows(database, "id, path")}
        (root / "old").rename(root / "new")
        eventually(lambda: all(path.startswith("new/") for path in present(database)) and len(present(database)) == 100)
    assert {row["path"].removeprefix("new/"): row["id"] for row in rows(database, "id, path")} == before


def test_a_file_that_moves_between_roots_is_never_gone(tmp_path: Path, database: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write_checkpoint(one / "x.ckpt")
    with service([one, two], database, grace_s=2.0):
        eventually(lambda: len(present(database)) == 1)
        row_id = rows(database, "id")[0]["id"]
        counts = set()
        for number in range(40):
            source, goal = (one, two) if number % 2 == 0 else (two, one)
            (source / "x.ckpt").rename(goal / "x.ckpt")
            time.sleep(0.01)  # the pace of a person's script, not a wait for anything
            counts.add(len(present(database)))
        write_checkpoint(one / "marker.ckpt")
        eventually(lambda: sorted(present(database)) == ["marker.ckpt", "x.ckpt"])
        assert 0 not in counts
    found = rows(database, "id, root", "name = 'x.ckpt'")
    assert found == [{"id": row_id, "root": "one"}]


@pytest.mark.parametrize("order", ["outer first", "inner first"])
def test_nested_roots_are_wrong_usage(root: Path, database: Path, order: str) -> None:
    (root / "sub").mkdir()
    roots = [root, root / "sub"] if order == "outer first" else [root / "sub", root]
    done = run(database, "serve", *roots)
    assert done.returncode == 2
    assert "sub" in done.stderr
    assert "Traceback" not in done.stderr


# -- files that are written


def test_a_hundred_atomic_saves_are_one_row_with_the_last_content(root: Path, database: Path) -> None:
    final = root / "last.ckpt"
    with service(root, database):
        for size in range(1, 101):
            write_checkpoint(root / "last.ckpt.tmp", size=size).replace(final)
        eventually(lambda: [row["size_bytes"] for row in rows(database, "size_bytes")] == [final.stat().st_size])
    assert [row["path"] for row in rows(database, "path")] == ["last.ckpt"]


def test_an_overwritten_file_with_its_old_times_put_back_is_read_again(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "last.ckpt")
    before = path.stat()
    with service(root, database):
        eventually(lambda: len(present(database)) == 1)
        with path.open("r+b") as file:
            file.seek(40)
            file.write(b"!")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        eventually(
            lambda: (
                rows(database, "ctime_ns, read_state")
                == [{"ctime_ns": path.stat().st_ctime_ns, "read_state": "degraded"}]
            )
        )
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_grows_is_pending_first_and_final_after(root: Path, database: Path) -> None:
    path = root / "epoch=3.ckpt"
    states = []
    with service(root, database, settle_ms=400), path.open("wb", buffering=0) as file:
        for _ in range(12):
            file.write(b"x" * 1000)
            time.sleep(0.1)  # the writer's own pace
            states += [row["read_state"] for row in rows(database, "read_state")]
        file.close()
        eventually(
            lambda: [row["size_bytes"] for row in rows(database, "size_bytes", "read_state != 'pending'")] == [12000]
        )
    assert set(states) == {"pending"}


# -- links and other things that are no files


def test_symlink_loops_end_and_are_told(root: Path, database: Path) -> None:
    write_checkpoint(root / "a" / "x.ckpt")
    (root / "a" / "up").symlink_to("..")
    with service(root, database):
        eventually(lambda: present(database) == ["a/x.ckpt"])
        eventually(lambda: ("a/up", "symlink_directory") in [found[:2] for found in problems(database)])


def test_fifos_sockets_and_broken_links_hang_nothing(root: Path, database: Path, tmp_path: Path) -> None:
    outside = write_checkpoint(tmp_path / "outside.ckpt")
    with service(root, database):
        os.mkfifo(root / "pipe.ckpt")
        os.mkfifo(root / "good.metadata.yaml")
        (root / "nowhere.ckpt").symlink_to("gone.ckpt")
        (root / "out.ckpt").symlink_to(outside)
        (root / "loop.ckpt").symlink_to("loop.ckpt")
        (root / "directory.ckpt").mkdir()
        write_checkpoint(root / "good.ckpt")
        eventually(lambda: "good.ckpt" in [row["path"] for row in rows(database, "path", "read_state != 'pending'")])
        special = {"pipe.ckpt", "nowhere.ckpt", "out.ckpt", "loop.ckpt"}
        eventually(lambda: special <= {path for path, _, _ in problems(database)}, what="a problem for each")
    assert present(database) == ["good.ckpt"]
    assert stat.S_ISFIFO((root / "pipe.ckpt").stat().st_mode)
    assert rows(database, "path", "name = 'good.ckpt' AND has_sidecar = 1")


# -- roots that come and go


def test_a_root_that_is_deleted_and_made_again_is_watched_again(root: Path, database: Path) -> None:
    _fill(root, 3)
    with service(root, database):
        eventually(lambda: len(present(database)) == 3)
        shutil.rmtree(root)
        eventually(lambda: not present(database), what="rows not to be shown as present")
        assert len(rows(database, "id")) == 3
        root.mkdir()
        time.sleep(0.5)  # let a look at the empty new root happen before anything lies in it
        write_checkpoint(root / "new.ckpt")
        eventually(lambda: present(database) == ["new.ckpt"], timeout_s=15)


def test_a_root_renamed_away_is_unreachable_and_its_rows_are_kept(root: Path, database: Path, tmp_path: Path) -> None:
    _fill(root, 3)
    with service(root, database) as running:
        eventually(lambda: len(present(database)) == 3)
        root.rename(tmp_path / "renamed")
        write_checkpoint(tmp_path / "renamed" / "phantom.ckpt")
        eventually(lambda: {row["presence"] for row in rows(database, "presence")} == {"unreachable"})
        eventually(lambda: running.health()["status"] == "degraded")
        assert len(rows(database, "id")) == 3
        (tmp_path / "renamed").rename(root)
        eventually(lambda: len(present(database)) == 4, timeout_s=15, what="rows to be back, with the new file")
        eventually(lambda: running.health()["status"] == "ok", timeout_s=15)


@pytest.mark.prove
def test_an_unmounted_root_keeps_its_rows_and_is_watched_when_it_is_back(root: Path, database: Path) -> None:
    needs("unshare", "mount", "nsenter")
    script = f"""
        set -e
        mount -t tmpfs one {root}
        echo x > {root}/old.ckpt
        echo mounted
        read go; umount -l {root}; echo unmounted
        read go; mount -t tmpfs two {root}; echo again
        read go; echo x > {root}/new.ckpt; echo written
        read go
    """
    with subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        keys, screen = shell.stdin, shell.stdout
        assert keys is not None
        assert screen is not None

        def step(keys: IO[str] = keys, screen: IO[str] = screen) -> None:
            keys.write("go\n")
            keys.flush()
            screen.readline()

        screen.readline()
        inside = ("nsenter", f"--target={shell.pid}", "--user", "--mount", "--preserve-credentials")
        with Daemon(root, database, prefix=inside) as daemon:
            eventually(lambda: present(database) == ["old.ckpt"])
            step()
            eventually(
                lambda: [row["presence"] for row in rows(database, "presence")] == ["unreachable"],
                timeout_s=15,
                what=str(rows(database)),
            )
            step()
            time.sleep(3)  # a look at the empty new mount
            step()
            eventually(lambda: present(database) == ["new.ckpt"], timeout_s=15)
            assert len(rows(database, "id")) == 2
            assert daemon.stop() == 0
        keys.write("go\n")


# -- what may not be read


def test_an_unreadable_directory_is_told_and_read_when_it_may_be() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, database = folder / "outputs", folder / "catalog.db"
        _fill(root / "secret", 1)
        _fill(root / "plain", 1)
        (root / "secret").chmod(0o000)
        with Daemon(root, database, prefix=AS_NOBODY) as daemon:
            daemon.settle()
            assert present(database) == ["plain/epoch=0.ckpt"]
            assert ("secret", "unreadable") in [found[:2] for found in problems(database)]
            (root / "secret").chmod(0o755)
            eventually(lambda: len(present(database)) == 2, what="the row behind the directory that was closed")
            eventually(lambda: "secret" not in [found[0] for found in problems(database)])


def test_rows_below_a_directory_that_was_closed_stay_present() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, database = folder / "outputs", folder / "catalog.db"
        _fill(root / "secret", 2)
        with Daemon(root, database, prefix=AS_NOBODY) as daemon:
            eventually(lambda: len(present(database)) == 2)
            (root / "secret").chmod(0o000)
            daemon.ask(op="scan", paths=[])
            time.sleep(2.5)  # longer than the grace time after which an absent file turns missing
            daemon.settle()
            assert len(present(database)) == 2


def test_a_transient_disk_error_deletes_nothing(root: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(root / "run", 3)
    app.scan(settings_for(database), [root], full=False, progress=None)
    real = os.scandir

    def failing(path: Any = ".") -> Any:
        name = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.fsdecode(path)
        if name.endswith("/run"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    broken = app.scan(settings_for(database), [root], full=False, progress=None)
    monkeypatch.setattr(os, "scandir", real)
    assert (broken.complete, broken.missing, broken.problems) == (False, 0, 1)
    assert len(present(database)) == 3
    again = app.scan(settings_for(database), [root], full=False, progress=None)
    assert (again.complete, again.missing, again.found) == (True, 0, 3)
    assert [found for found in problems(database) if found[0] == "run"] == []


# -- names


HARD_NAMES = [
    bytes(range(0x80, 0x100)),
    b"new\nline",
    b"'single' \"double\" `back`",
    b"<b onmouseover=alert(1)>&amp;",
    "\N{PARTY POPPER}\N{RIGHT-TO-LEFT OVERRIDE}".encode(),
    b"-rf",
    b"--help",
    b"a" * 250,
    b" ",
    b"\x1b[31m\x07",
    b"back\\slash",
    b"100%s {} $HOME *?[x]",
]


def test_names_of_any_bytes_are_listed_as_they_are(root: Path, database: Path) -> None:
    raw = os.fsencode(root)
    names = [name + b".ckpt" for name in HARD_NAMES]
    with service(root, database):
        for name in names:
            with open(raw + b"/" + name, "wb") as file:  # bytes, which pathlib refuses
                file.write(b"x")
        eventually(lambda: len(present(database)) == len(names))
        os.rename(raw + b"/" + names[0], raw + b"/moved-" + names[0])  # bytes, which pathlib refuses
        eventually(lambda: any(path.startswith("moved-") for path in present(database)))
        eventually(lambda: len(present(database)) == len(names))
    expected = sorted([b"moved-" + names[0], *names[1:]])
    assert [row["path_bytes"] for row in rows(database, "path_bytes")] == expected
    assert sorted(present(database)) == sorted(map(display, expected))
    done = run(database, "ls", "-0")
    assert done.returncode == 0
    assert sorted(done.stdout.split("\0")[:-1]) == [os.fsdecode(raw + b"/" + name) for name in expected]


# -- threads that die


def _quiet_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    died: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda seen: died.append(str(seen.exc_value)))
    return died


def test_a_dead_reader_thread_is_started_again(root: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    died = _quiet_threads(monkeypatch)

    def broken(_event: object) -> None:
        raise RuntimeError("injected")

    with service(root, database) as running:
        observer = running.watcher._observer
        assert observer is not None
        monkeypatch.setattr(observer.reader, "handle_event", broken)
        write_checkpoint(root / "during.ckpt")
        eventually(lambda: running.health()["watcher_restarts"] == 1)
        eventually(lambda: "during.ckpt" in present(database))
        write_checkpoint(root / "after.ckpt")
        eventually(lambda: "after.ckpt" in present(database))
    assert died == ["injected"]


def test_an_error_while_handling_an_event_stops_nothing(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(root, database) as running:
        real, left = running.inbox._keep, [3]

        def failing(hint: Any) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("injected")
            real(hint)

        monkeypatch.setattr(running.inbox, "_keep", failing)
        write_checkpoint(root / "one.ckpt")
        eventually(lambda: left[0] == 0)
        write_checkpoint(root / "two.ckpt")
        eventually(lambda: "two.ckpt" in present(database))
        assert running.watcher.handler_errors == 3


def test_a_dead_writer_thread_is_started_again(root: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(root, database) as running:
        first = running.worker

        def broken(**_: object) -> None:
            raise RuntimeError("injected")

        indexer = first._indexer
        assert indexer is not None
        monkeypatch.setattr(indexer, "step", broken)
        write_checkpoint(root / "during.ckpt")
        eventually(lambda: running.worker is not first and "during.ckpt" in present(database))
        assert running.health()["writer_restarts"] == 1


# -- storms


def _storm(root: Path, database: Path, *, files: int, limit_s: float) -> float:
    with Daemon(root, database) as daemon:
        daemon.settle()
        peak = 0.0
        for number in range(files):
            directory = root / f"run-{number // 40}" / "checkpoints"
            if number % 40 == 0:
                directory.mkdir(parents=True)
            (directory / f"epoch={number}.ckpt").write_bytes(b"x")
            if number % 1000 == 0:
                peak = max(peak, resident_mb(daemon.process.pid))
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            peak = max(peak, resident_mb(daemon.process.pid))
            if count(database) == files and not daemon.ask(op="health")["busy"]:
                break
            time.sleep(0.2)
        found = present(database)
        assert len(found) == len(set(found)) == files
        assert daemon.ask(op="health")["status"] == "ok"
    return peak


def test_a_storm_of_three_thousand_files_loses_none(root: Path, database: Path) -> None:
    assert _storm(root, database, files=3_000, limit_s=30) < 300


@pytest.mark.prove
def test_a_storm_of_a_hundred_thousand_files_stays_in_memory(root: Path, database: Path) -> None:
    assert _storm(root, database, files=100_000, limit_s=500) < 300  # every header read by a child: 200 a second


def test_a_sidecar_written_with_its_checkpoint_is_never_missed(root: Path, database: Path) -> None:
    with service(root, database):
        for number in range(60):
            path = write_checkpoint(root / "run" / f"epoch={number}.ckpt")
            write_sidecar(path, epoch=number, hmean=number / 100)
        eventually(lambda: len(rows(database, "id", "read_state = 'ok'")) == 60)
    assert [row["hmean"] for row in rows(database, "epoch, hmean")] == [
        row["epoch"] / 100 for row in rows(database, "epoch")
    ]


def test_who_waits_for_a_dead_writer_is_told_at_once(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(root, database) as running:
        indexer, worker = running.worker._indexer, running.worker
        assert indexer is not None

        def broken(**_: object) -> None:
            raise RuntimeError("injected")

        monkeypatch.setattr(indexer, "step", broken)
        eventually(lambda: not worker.is_alive())
        began = time.monotonic()
        with pytest.raises(DaemonError, match="has ended"):
            worker.call(lambda _: None)
        assert time.monotonic() - began < 1
        eventually(lambda: running.worker is not worker)
