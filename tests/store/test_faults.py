from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ckpt_indexer.store.maintenance import check
from ckpt_indexer.store.writer import open_writer

HERE = Path(__file__).resolve().parents[2]
PRELUDE = """
import os, resource, signal, sys
from pathlib import Path
from ckpt_indexer.errors import DatabaseFull
from ckpt_indexer.store.changes import Described
from ckpt_indexer.store.engine import Session
from ckpt_indexer.store.notes import Edit
from tests.store.fakes import Catalog, candidate, record
catalog = Catalog(Path(sys.argv[1]))
def describe(n):
    changes = [Described(catalog.root, candidate(f"{n}-{m}.ckpt"), record()) for m in range(20)]
    return catalog.writer.apply(changes)
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command: list[str] = [sys.executable, "-c", PRELUDE + program, *map(str, arguments)]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_a_commit_loses_nothing_acknowledged(database: Path, moment: str) -> None:
    program = """
commit, moment, commits = Session.run, sys.argv[2], 0
def run(self, sql, values=()):
    global commits
    if sql == "COMMIT":
        commits += 1
        if commits == 4 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    found = commit(self, sql, values)
    if commits == 4 and sql == "COMMIT":
        os.kill(os.getpid(), signal.SIGKILL)
    return found
Session.run = run
for n in range(9):
    print(describe(n), flush=True)
"""
    done = run(program, database, moment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = len(done.stdout.split())
    assert acknowledged == 3
    with open_writer(database) as writer:
        assert len(list(writer.known_under(1, b""))) == 20 * (acknowledged + (moment == "after"))
        assert writer.seq == acknowledged + 1 + (moment == "after")
    assert check(database).findings == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_leaves_whole_batches(database: Path, seed: int) -> None:
    command = [
        sys.executable,
        "-c",
        PRELUDE + "n = 0\nwhile True:\n    print(describe(n), flush=True); n += 1",
        str(database),
    ]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3 + 4 * seed)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    with open_writer(database) as writer:
        assert len(list(writer.known_under(1, b""))) % 20 == 0
        assert len(list(writer.known_under(1, b""))) >= 20 * len([line for line in said if line.endswith("\n")])
    assert check(database).findings == ()


def test_a_full_disk_is_said_and_survived(database: Path) -> None:
    program = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
describe(0)
size = os.stat(str(catalog.path) + "-wal").st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
full = 0
for n in range(1, 50):
    try:
        describe(n)
    except DatabaseFull as error:
        assert error.path == str(catalog.path)
        full += 1
        rows = len(list(catalog.writer.known_under(catalog.root, b"")))
assert full, "the limit was never reached"
assert rows % 20 == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
describe(99)
assert len(list(catalog.writer.known_under(catalog.root, b""))) == rows + 20
catalog.writer.close()
"""
    done = run(program, database)
    assert done.returncode == 0, done.stderr
    assert check(database).findings == ()


def test_a_note_that_cannot_reach_the_journal_is_not_kept_at_all(database: Path) -> None:
    program = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
describe(0)
catalog.writer.checkpoint_wal()
journal = Path(str(catalog.path) + ".annotations.jsonl")
before = journal.read_bytes()
with journal.open("ab") as file:
    file.write(b" " * 2_000_000 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + 10, resource.RLIM_INFINITY))
try:
    catalog.writer.annotate(catalog.root, b"0-0.ckpt", Edit(pinned=True))
except DatabaseFull as error:
    assert error.path == str(journal), error.path
else:
    raise AssertionError("it was written")
assert journal.read_bytes() == before + b" " * 2_000_000 + b"\\n"
assert catalog.ask("SELECT count(*) FROM annotations") == [(0,)]
"""
    done = run(program, database)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_makes_no_half_made_catalog(tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys
from pathlib import Path
from ckpt_indexer.errors import DatabaseFull
from ckpt_indexer.store.writer import open_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    open_writer(Path({str(tmp_path / "new.db")!r}))
except DatabaseFull:
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_write_ahead_log_left_by_a_kill_is_read(database: Path) -> None:
    done = run("describe(0)\nos.kill(os.getpid(), signal.SIGKILL)", database)
    assert done.returncode == -signal.SIGKILL
    assert database.with_name("catalog.db-wal").stat().st_size > 0
    with open_writer(database) as writer:
        assert len(list(writer.known_under(1, b""))) == 20


def test_a_lost_write_ahead_log_costs_rows_and_nothing_else(database: Path) -> None:
    run("describe(0)\nos.kill(os.getpid(), signal.SIGKILL)", database)
    database.with_name("catalog.db-wal").unlink()
    with open_writer(database) as writer:
        assert len(list(writer.known_under(1, b""))) == 0
    assert check(database).findings == ()


READ_ONLY = """
import os, sys
from pathlib import Path
from ckpt_indexer.errors import StoreError
from ckpt_indexer.store.writer import open_writer
path, readonly = Path(sys.argv[1]), Path(sys.argv[2])
if os.geteuid() == 0:
    os.chown(path, 65534, 65534), os.chown(path.parent, 65534, 65534)
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
mode = readonly.stat().st_mode
readonly.chmod(mode & ~0o222)
try:
    open_writer(path)
except StoreError as error:
    print(error)
finally:
    readonly.chmod(mode)
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_read_only_database_is_said_at_once(template: Path, what: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ckpt-indexer-"))  # where another user may go, unlike tmp_path
    try:
        database = Path(shutil.copy(template, folder / "catalog.db"))
        readonly = database if what == "file" else folder
        command = [sys.executable, "-c", READ_ONLY, str(database), str(readonly)]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cannot write the database {database}: {readonly} is read-only; check its permissions\n"
