"""`ckpt-indexer scan`: what it looks at, what it says, how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shlex
import shutil
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.journeys.harness import (
    AS_NOBODY,
    Daemon,
    eventually,
    needs,
    open_folder,
    present,
    problems,
    program,
    rows,
    run,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from pathlib import Path


def scan(database: Path, *arguments: str | Path, prefix: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    """Return (exit code, the documented object)."""
    done = run(database, "scan", *arguments, "--json", prefix=prefix)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def fill(root: Path, count: int) -> None:
    for number in range(count):
        write_sidecar(write_checkpoint(root / f"epoch={number}.ckpt"), epoch=number)


def counts(summary: dict[str, Any]) -> tuple[int, int, int, int, int]:
    found, added, changed, missing, unchanged = (
        summary[name] for name in ("found", "added", "changed", "missing", "unchanged")
    )
    return found, added, changed, missing, unchanged


# -- what it looks at


def test_a_scan_adds_then_finds_nothing_new_then_sees_what_changed(root: Path, database: Path) -> None:
    fill(root / "run", 5)
    code, summary = scan(database, root)
    assert (code, counts(summary), summary["complete"]) == (0, (5, 5, 0, 0, 0), True)
    assert counts(scan(database, root)[1]) == (5, 0, 0, 0, 5)
    write_checkpoint(root / "run" / "epoch=1.ckpt", size=999)
    (root / "run" / "epoch=2.ckpt").unlink()
    assert counts(scan(database)[1]) == (4, 0, 1, 1, 3)
    assert counts(scan(database, root, "--full")[1])[:3] == (4, 0, 4)


def test_a_directory_inside_a_known_root_is_looked_at_alone(root: Path, database: Path) -> None:
    fill(root / "one", 2)
    fill(root / "two", 2)
    scan(database, root)
    fill(root / "one", 3)
    fill(root / "two", 3)
    (root / "two" / "epoch=0.ckpt").unlink()
    code, summary = scan(database, root / "one")
    assert (code, counts(summary), summary["roots"]) == (0, (3, 1, 2, 0, 0), ["outputs"])
    assert len(present(database)) == 5
    assert "two/epoch=0.ckpt" in present(database)
    assert [row["name"] for row in _roots(database)] == ["outputs"]


def _roots(database: Path) -> list[dict[str, Any]]:
    done = run(database, "sql", "select name, path from roots", "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_directory_that_contains_a_root_is_wrong_usage(root: Path, database: Path) -> None:
    fill(root / "run", 1)
    assert run(database, "scan", root / "run").returncode == 0
    done = run(database, "scan", root)
    assert done.returncode == 2
    assert str(root / "run") in done.stderr
    assert present(database) == ["epoch=0.ckpt"]


def test_nothing_to_scan_and_nowhere_to_scan_are_wrong_usage(root: Path, database: Path) -> None:
    assert run(database, "scan").returncode == 2
    assert run(database, "scan", root / "absent").returncode == 2
    write_checkpoint(root / "x.ckpt")
    assert run(database, "scan", root / "x.ckpt").returncode == 2


def test_a_root_by_another_name_is_the_same_root(root: Path, database: Path, tmp_path: Path) -> None:
    fill(root, 2)
    (tmp_path / "link").symlink_to(root)
    assert scan(database, root)[0] == 0
    code, summary = scan(database, tmp_path / "link")
    assert (code, counts(summary)) == (0, (2, 0, 0, 0, 2))
    assert len(_roots(database)) == 1


# -- what cannot be read


def test_an_unreadable_file_is_counted_and_strict_makes_it_an_error() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, database = folder / "outputs", folder / "catalog.db"
        write_checkpoint(root / "good.ckpt")
        write_checkpoint(root / "closed.ckpt").chmod(0)
        code, summary = scan(database, root, prefix=AS_NOBODY)
        assert (code, summary["unreadable"], summary["found"], summary["complete"]) == (0, 1, 2, True)
        assert scan(database, root, "--strict", prefix=AS_NOBODY)[0] == 1
        assert rows(database, "path", "read_state = 'unreadable'") == [{"path": "closed.ckpt"}]
        (root / "closed.ckpt").chmod(0o644)
        code, summary = scan(database, root, "--strict", prefix=AS_NOBODY)
        assert (code, summary["unreadable"]) == (0, 0)


def test_an_incomplete_scan_deletes_nothing_behind_the_closed_door() -> None:
    needs("setpriv")
    with open_folder() as folder:
        root, database = folder / "outputs", folder / "catalog.db"
        fill(root / "secret" / "deep", 2)
        fill(root / "plain", 2)
        scan(database, root, prefix=AS_NOBODY)
        (root / "secret").chmod(0)
        (root / "plain" / "epoch=0.ckpt").unlink()
        code, summary = scan(database, root, prefix=AS_NOBODY)
        assert (code, summary["complete"], summary["problems"]) == (0, False, 1)
        assert present(database) == ["plain/epoch=1.ckpt", "secret/deep/epoch=0.ckpt", "secret/deep/epoch=1.ckpt"]
        (root / "secret").chmod(0o755)
        code, summary = scan(database, root, prefix=AS_NOBODY)
        assert (code, summary["complete"], summary["problems"], summary["missing"]) == (0, True, 0, 0)


def test_a_root_that_is_gone_turns_no_row_missing(root: Path, database: Path, tmp_path: Path) -> None:
    fill(root, 2)
    scan(database, root)
    root.rename(tmp_path / "elsewhere")
    code, summary = scan(database)
    assert (code, summary["complete"], summary["missing"]) == (0, False, 0)
    assert rows(database, "presence") == [{"presence": "unreachable"}] * 2
    (tmp_path / "elsewhere").rename(root)
    assert scan(database)[0] == 0
    assert len(present(database)) == 2


def test_a_disk_that_is_not_mounted_turns_no_row_missing(root: Path, database: Path) -> None:
    needs("unshare", "mount")
    here = " ".join(map(shlex.quote, program(database)))
    script = f"""
        set -e
        mount -t tmpfs one {root}
        echo x > {root}/old.ckpt
        {here} scan {root}
        umount {root}
        {here} scan
    """
    subprocess.run(["unshare", "-Urm", "sh", "-c", script], check=True, capture_output=True)
    assert rows(database, "path, presence") == [{"path": "old.ckpt", "presence": "unreachable"}]


def test_a_root_made_anew_is_scanned_as_it_is_now(root: Path, database: Path) -> None:
    fill(root, 2)
    scan(database, root)
    shutil.rmtree(root)
    write_checkpoint(root / "new.ckpt")
    code, summary = scan(database)
    assert (code, summary["complete"], summary["missing"]) == (0, True, 2)
    assert present(database) == ["new.ckpt"]


def test_a_file_that_keeps_changing_does_not_hold_others_up(root: Path, database: Path) -> None:
    fill(root, 3)
    growing = root / "growing.ckpt"
    with growing.open("wb", buffering=0) as file:
        process = subprocess.Popen(
            [*program(database), "scan", str(root), "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 20

        def others_are_read() -> bool:
            with contextlib.suppress(sqlite3.OperationalError):  # it is only being made
                return len(rows(database, "id", "read_state = 'ok'")) == 3
            return False

        while not others_are_read():
            assert time.monotonic() < until
            assert process.poll() is None
            file.write(b"x")
            time.sleep(0.02)  # the writer's own pace
        assert process.poll() is None
    out, _ = process.communicate(timeout=20)
    assert json.loads(out)["pending"] == 0
    assert rows(database, "size_bytes", "name = 'growing.ckpt'") == [{"size_bytes": growing.stat().st_size}]


# -- beside others


def test_a_running_daemon_does_the_scan(root: Path, database: Path, tmp_path: Path) -> None:
    fill(root, 3)
    fill(tmp_path / "more", 2)
    with Daemon(root, database) as daemon:
        daemon.settle()
        code, summary = scan(database, root)
        assert (code, summary["by_daemon"], counts(summary)) == (0, True, (3, 0, 0, 0, 3))
        code, summary = scan(database, tmp_path / "more")
        assert (code, summary["by_daemon"], summary["found"]) == (0, True, 2)
        write_checkpoint(tmp_path / "more" / "later.ckpt")
        eventually(lambda: len(present(database)) == 6, what="the new root to be watched from then on")
        assert run(database, "scan", tmp_path).returncode == 2
        assert run(database, "scan", "--full").returncode == 0


def test_another_scan_that_holds_the_catalog_is_named(root: Path, database: Path) -> None:
    fill(root, 1)
    scan(database, root)
    lock = database.with_name("catalog.db.lock")
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(lock.open("r+"))
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run(database, "scan", root)
        assert done.returncode == 4
        assert lock.read_text().strip() in done.stderr
    assert run(database, "scan", root).returncode == 0


def test_a_place_problem_stays_as_long_as_its_cause(root: Path, database: Path) -> None:
    write_checkpoint(root / "run" / "a.ckpt")
    (root / "run" / "broken.ckpt").symlink_to("nowhere.ckpt")

    for _ in range(3):
        assert run(database, "scan", root).returncode == 0
        assert [path for path, _, _ in problems(database) if path == "run/broken.ckpt"] == ["run/broken.ckpt"]
    (root / "run" / "broken.ckpt").unlink()
    assert run(database, "scan", root).returncode == 0

    assert "run/broken.ckpt" not in {path for path, _, _ in problems(database)}
