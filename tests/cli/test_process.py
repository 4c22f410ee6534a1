"""The command as a process of its own: what it imports, what it does when nobody listens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

Done = subprocess.CompletedProcess[str]
FULL = Path("/dev/full")
HEAVY = {"sqlalchemy", "sqlmodel", "alembic", "pydantic", "rich", "watchdog", "yaml", "torch", "fastapi", "uvicorn"}
PROGRAM = [sys.executable, "-m", "ckpt_indexer"]
FAKED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from ckpt_indexer.cli.main import main
from ckpt_indexer.cli.session import Session
from tests.fakes.catalog import FakeCatalog

class Application:  # the fake one imports what only a daemon needs
    def open_catalog(self, settings):
        return FakeCatalog().having("a.ckpt", hmean=0.5, backbone="b").scanned("2026-11-20T21:00:00Z")
    def daemon_alive(self, settings):
        return False

code = main({args!r}, Session(make_application=Application))
print(*sorted(sys.modules), file=sys.stderr)
"""


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    own = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    return {key: value for key, value in os.environ.items() if not key.startswith("CKPT_INDEXER_")} | own | more


def run(tmp_path: Path, *args: str, stdout: int | IO[bytes] = subprocess.PIPE, **more: str) -> Done:
    env = environment(tmp_path, **more)
    line = [*PROGRAM, *args]
    return subprocess.run(line, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path, env=env)


def modules(tmp_path: Path, *args: str) -> set[str]:
    """Return the modules that are loaded once a command has answered from a fake catalog."""
    program = FAKED.format(root=str(Path(__file__).parents[2]), args=args)
    line = [sys.executable, "-c", program]
    env = environment(tmp_path)
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("args", [("best",), ("best", "--json"), ("ls", "-o", "csv"), ("show", "1")], ids=" ".join)
def test_read_commands_import_nothing_heavy_when_piped(args: tuple[str, ...], tmp_path: Path) -> None:
    loaded = modules(tmp_path, *args)
    assert "click" in loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_a_command_imports_no_other_command(tmp_path: Path) -> None:
    loaded = {name for name in modules(tmp_path, "best") if name.startswith("ckpt_indexer.cli.commands.")}
    assert loaded == {"ckpt_indexer.cli.commands.best"}


@pytest.mark.parametrize("args", [("--version",), ("--help",)], ids=" ".join)
def test_version_and_help_import_no_catalog_and_no_command(args: tuple[str, ...], tmp_path: Path) -> None:
    loaded = modules(tmp_path, *args)  # the fakes bring catalog.views along
    rooms = {name.split(".")[1] for name in loaded if name.startswith("ckpt_indexer.")}
    assert rooms == {"cli", "errors", "catalog"}
    assert "ckpt_indexer.cli.commands" not in loaded
    assert not {"sqlite3", "tomllib", "platformdirs"} & loaded


@pytest.mark.parametrize("args", [("config", "show"), ("config", "show", "--json"), ("--help",)], ids=" ".join)
def test_a_reader_who_leaves_is_no_error(args: tuple[str, ...], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(tmp_path, *args, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        done = run(tmp_path, "config", "show", stdout=full)
    assert (done.returncode, done.stderr) == (1, "Error: cannot write the output: No space left on device\n")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_talk_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        args = [sys.executable, "-m", "ckpt_indexer", "config", "path"]
        done = subprocess.run(args, check=False, cwd=tmp_path, env=environment(tmp_path), stderr=full)
        wrong = subprocess.run([*args, "x"], check=False, cwd=tmp_path, env=environment(tmp_path), stderr=full)
    assert (done.returncode, wrong.returncode) == (1, 2)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str, tmp_path: Path) -> None:
    line = f'"$0" -m ckpt_indexer config init --force {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable], check=False, cwd=tmp_path, env=environment(tmp_path))
    assert done.returncode == 0
    assert (tmp_path / "ckpt-indexer.toml").read_text().startswith("# Settings")


def test_a_terminal_of_another_encoding_shows_escapes(tmp_path: Path) -> None:
    file = tmp_path / "日本.toml"
    file.write_text('[server]\nhost = "日本"\n', encoding="utf-8")
    done = run(tmp_path, "config", "show", "--config", "日本.toml", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0
    assert "\\u65e5\\u672c" in done.stdout


def test_a_missing_database_is_3_with_the_fix(tmp_path: Path) -> None:
    done = run(tmp_path, "best", "--db", "none.db")
    assert (done.returncode, done.stdout) == (3, "")
    assert "ckpt-indexer scan" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_an_interrupt_at_any_time_is_quick_and_130(tmp_path: Path) -> None:
    fifo = tmp_path / "settings.toml"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*PROGRAM, "config", "show", "--config", str(fifo)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(tmp_path),
    )  # fmt: skip
    with process:
        with fifo.open("wb"):  # opens when the program reads: it is in the middle of its work
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)  # a signal that comes just before a read is seen when the read returns
        _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
