"""The command as people run it, against a catalog it made itself."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "ckpt_indexer"]
HOSTILE = b"h/[red]\x1b[31m\n\xe2\x80\xae=1+1.ckpt"
UNDECODABLE = b"u/\xff\\odd.ckpt"
SIDECAR = """\
schema_version: '2.0'
file: {{name: {name}}}
training: {{epoch: {epoch}, global_step: {epoch}0}}
model: {{encoder: {{model_name: {backbone}}}}}
metrics: {{hmean: {hmean}, additional_metrics: {{val/iou: {iou}}}}}
"""
ROWS = (
    ("a/first.ckpt", 0, "resnet18", 0.5, 0.1),
    ("a/best.ckpt", 3, "resnet18", 0.75, 0.2),
    ("b/only.ckpt", 1, "resnet50", 0.25, 0.3),
)


@dataclass(frozen=True)
class Place:
    """A directory with a tree and a catalog of it, and a way to run the command there."""

    path: Path

    @property
    def tree(self) -> Path:
        return self.path / "outputs"

    @property
    def database(self) -> Path:
        return self.path / "catalog.db"

    @property
    def environ(self) -> dict[str, str]:
        own = {"HOME": str(self.path), "XDG_CONFIG_HOME": str(self.path), "CKPT_INDEXER_DB": str(self.database)}
        return {key: value for key, value in os.environ.items() if not key.startswith("CKPT_INDEXER_")} | own

    def run(self, *args: str | bytes) -> subprocess.CompletedProcess[bytes]:
        line = [*PROGRAM, *args]
        return subprocess.run(line, capture_output=True, check=False, cwd=self.path, env=self.environ, timeout=60)

    def add(self, name: str, epoch: int, backbone: str, hmean: float, iou: float) -> None:
        file = self.tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"weights of " + name.encode())
        text = SIDECAR.format(name=file.name, epoch=epoch, backbone=backbone, hmean=hmean, iou=iou)
        file.with_name(file.name.removesuffix(".ckpt") + ".metadata.yaml").write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("made"))
    for row in ROWS:
        place.add(*row)
    for name in (HOSTILE, UNDECODABLE):
        file = bytes(place.tree) + b"/" + name
        os.makedirs(os.path.dirname(file), exist_ok=True)  # the name is bytes
        os.close(os.open(file, os.O_CREAT))
    done = place.run("scan", "outputs")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def own(made: Place, tmp_path: Path) -> Place:
    """A copy that a test may change."""
    shutil.copytree(made.path, tmp_path / "own", symlinks=True)
    copy = Place(tmp_path / "own")
    copy.database.unlink()
    assert copy.run("scan", "outputs", "-q").returncode == 0
    return copy


def test_best_answers_with_the_best_of_each_backbone(made: Place) -> None:
    done = made.run("best", "--json")
    found = [(row["group"], row["value"], row["path"], row["n"], row["epoch"]) for row in json.loads(done.stdout)]
    assert found == [("resnet18", 0.75, "a/best.ckpt", 2, 3), ("resnet50", 0.25, "b/only.ckpt", 1, 1)]
    assert re.fullmatch(
        rb"as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, \d+ s ago; no daemon is watching \(ckpt-indexer serve\)\n",
        done.stderr,
    )


def test_any_logged_metric_ranks(made: Place) -> None:
    done = made.run("best", "--metric", "val/iou", "--mode", "max", "--by", "none", "-k", "2", "-o", "paths", "-q")
    assert done.stdout.decode().split() == [str(made.tree / "b/only.ckpt"), str(made.tree / "a/best.ckpt")]
    assert done.stderr == b""


def test_a_metric_nobody_logged_names_those_there_are(made: Place) -> None:
    done = made.run("best", "--metric", "bleu")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"hmean" in done.stderr
    assert b"val/iou" in done.stderr


def test_ls_lists_every_file_in_path_order(made: Place) -> None:
    paths = [row["path"] for row in json.loads(made.run("ls", "--json").stdout)]
    assert len(paths) == 5
    assert paths == sorted(paths)


def test_negated_terms_need_no_dashes(made: Place) -> None:
    done = made.run("ls", "-backbone:resnet18", "has_sidecar:true", "-o", "jsonl")
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ["b/only.ckpt"]


def test_paths_are_bytes_that_open(made: Place) -> None:
    paths = made.run("ls", "-0", "-q").stdout.split(b"\0")[:-1]
    assert len(paths) == 5
    assert all(os.path.exists(path) for path in paths)  # bytes
    assert bytes(made.tree) + b"/" + HOSTILE in paths
    assert bytes(made.tree) + b"/" + UNDECODABLE in paths


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_hostile_names_are_inert(form: str, made: Place) -> None:
    text = made.run("ls", "-o", form).stdout.decode()
    assert all(line.isprintable() for line in text.splitlines())
    if form == "csv":
        assert len(list(csv.reader(io.StringIO(text)))) == 6


@pytest.mark.parametrize("ref", ["a/best.ckpt", "outputs/a/best.ckpt", "./outputs/a/best.ckpt", "best epoch:3"])
def test_show_takes_paths_and_queries(ref: str, made: Place) -> None:
    assert json.loads(made.run("show", ref, "--json").stdout)["path"] == "a/best.ckpt"


def test_show_takes_ids_absolute_paths_and_raw_names(made: Place) -> None:
    row = json.loads(made.run("show", str(made.tree / "a/best.ckpt"), "--json").stdout)
    assert json.loads(made.run("show", str(row["id"]), "--json").stdout) == row
    for name in (HOSTILE, UNDECODABLE):
        done = made.run("show", bytes(made.tree) + b"/" + name, "-o", "paths")
        assert done.stdout == bytes(made.tree) + b"/" + name + b"\n"


def test_show_of_what_is_not_there_is_1(made: Place) -> None:
    assert made.run("show", "nothing.ckpt").returncode == 1
    assert made.run("show", "999999").returncode == 1
    assert made.run("show", "backbone:resnet18").returncode == 1


def test_show_has_all_sections(made: Place) -> None:
    text = made.run("show", "a/best.ckpt").stdout.decode()
    for title in ("what", "metrics", "model", "files", "provenance", "problems", "conflicts"):
        assert f"\n\n{title}\n  " in text
    assert "epoch" in made.run("show", "a/best.ckpt", "--explain").stdout.decode()


def test_an_error_in_a_query_is_2_and_names_the_nearest(made: Place) -> None:
    done = made.run("ls", "bakbone:x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"did you mean backbone" in done.stderr


def test_sql_in_every_form(made: Place) -> None:
    select = "SELECT path, hmean AS h, hmean AS h FROM catalog WHERE hmean > 0.4 ORDER BY hmean"
    assert made.run("sql", select).stdout == (
        b"path          h       h\na/first.ckpt  0.5000  0.5000\na/best.ckpt   0.7500  0.7500\n"
    )
    assert json.loads(made.run("sql", select, "--json").stdout)[0] == {"path": "a/first.ckpt", "h": 0.5, "h_2": 0.5}
    assert made.run("sql", select, "-o", "csv").stdout.splitlines() == [
        b"path,h,h", b"a/first.ckpt,0.5,0.5", b"a/best.ckpt,0.75,0.75",
    ]  # fmt: skip
    nulls = made.run("sql", "SELECT NULL AS a, x'ff00' AS b, 9e999 AS c", "--json").stdout
    assert json.loads(nulls) == [{"a": None, "b": {"$base64": True, "encoded": "/wA="}, "c": None}]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM checkpoints", "SELECT 1; SELECT 2", "ATTACH 'x.db' AS x", "PRAGMA journal_mode=DELETE", "nonsense",
     "SELECT load_extension('x')", "", "-- nothing"],
)  # fmt: skip
def test_sql_refuses_what_is_not_one_select(statement: str, made: Place) -> None:
    done = made.run("sql", "--", statement)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr


def test_sql_has_a_deadline_and_a_limit(made: Place) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"
    done = made.run("sql", endless.format("count(*)"), "--deadline", "0.2")
    assert (done.returncode, done.stdout) == (2, b"")
    cut = made.run("sql", endless.format("x"), "--limit", "3", "-o", "jsonl")
    assert (cut.returncode, cut.stdout.count(b"\n")) == (0, 3)
    assert b"cut after 3 rows" in cut.stderr


def test_scan_json_and_a_second_scan(own: Place) -> None:
    done = own.run("scan", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["found"], answer["unchanged"], answer["added"]) == (0, 5, 5, 0)
    assert done.stdout.startswith(b"{")


def test_refresh_sees_a_new_file_and_plain_questions_do_not(own: Place) -> None:
    own.add("c/new.ckpt", 9, "resnet50", 0.9, 0.9)
    assert json.loads(own.run("best", "--json").stdout)[0]["path"] == "a/best.ckpt"
    assert json.loads(own.run("best", "--json", "--refresh").stdout)[0]["path"] == "c/new.ckpt"


def test_status_and_db_verbs(made: Place) -> None:
    status = json.loads(made.run("status", "--json").stdout)
    assert status["daemon"]["running"] is False
    assert status["database"] == str(made.database)
    assert made.run("db", "path").stdout == bytes(made.database) + b"\n"
    assert made.run("db", "upgrade").returncode == 0
    checked = made.run("db", "check", "--json")
    assert (checked.returncode, json.loads(checked.stdout)["ok"]) == (0, True)


def test_a_database_that_is_not_ours_is_left_alone(made: Place, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = foreign.read_bytes()
    for command in (["best"], ["scan", "outputs"], ["sql", "SELECT 1"]):
        done = made.run(*command, "--db", str(foreign))
        assert (done.returncode, done.stdout) == (3, b"")
        assert done.stderr.splitlines()[-1].startswith(b"Error: ")
    assert foreign.read_bytes() == before


def test_a_database_from_the_future_is_5(made: Place, tmp_path: Path) -> None:
    future = tmp_path / "future.db"
    with sqlite3.connect(made.database) as source, sqlite3.connect(future) as copy:
        source.backup(copy)
        copy.execute("PRAGMA user_version = 999")
    source.close()
    copy.close()
    for command in (["best"], ["ls"], ["sql", "SELECT 1"], ["scan", "outputs"]):
        done = made.run(*command, "--db", str(future))
        assert (done.returncode, done.stdout) == (5, b"")
        assert b"newer" in done.stderr


def test_a_catalog_another_process_keeps_is_4(made: Place) -> None:
    with made.database.with_name("catalog.db.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = made.run("scan", "outputs")
    assert (done.returncode, done.stdout) == (4, b"")
    assert made.run("best").returncode == 0


@pytest.mark.parametrize(
    "command", [["best"], ["ls"], ["show", "1"], ["sql", "SELECT 1"], ["db", "upgrade"]], ids=" ".join
)
def test_no_database_is_3_and_stays_none(command: list[str], tmp_path: Path) -> None:
    place = Place(tmp_path)
    done = place.run(*command)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"ckpt-indexer scan" in done.stderr
    assert os.listdir(tmp_path) == []  # names only


@pytest.fixture
def daemon(own: Place) -> Iterator[subprocess.Popen[bytes]]:
    line = [*PROGRAM, "serve", "outputs", "--port", "0", "-q"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=own.path, env=own.environ)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=30)


def test_serve_says_when_it_is_ready_and_ends_with_0(own: Place, daemon: subprocess.Popen[bytes]) -> None:
    assert daemon.stdout is not None
    line = daemon.stdout.readline().decode()
    assert line.startswith(f"serving {own.tree} db={own.database} url=http://127.0.0.1:")
    assert b"; a daemon is watching\n" in own.run("best").stderr
    again = own.run("serve", "outputs")
    assert again.returncode == 4
    assert str(daemon.pid).encode() in again.stderr
    assert json.loads(own.run("scan", "--json").stdout)["by_daemon"] is True
    inside = own.run("serve", "outputs/a")
    assert inside.returncode == 2
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=30) == 0


def test_serve_goes_on_when_nobody_reads_its_start_line(own: Place) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = [*PROGRAM, "serve", "outputs", "-q"]
    process = subprocess.Popen(line, stdout=writer, stderr=subprocess.PIPE, cwd=own.path, env=own.environ)
    os.close(writer)
    try:
        for _try in range(300):
            if b"; a daemon is watching" in own.run("ls", "--limit", "1").stderr:
                break
        else:
            pytest.fail("the daemon never answered")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate(timeout=30)


def on_terminal(place: Place, columns: int, *args: str) -> str:
    """Run a command whose stdout is a terminal and return what it wrote."""
    leader, follower = pty.openpty()
    line = [*PROGRAM, *args]
    environ = place.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns)}
    environ.pop("NO_COLOR", None)
    process = subprocess.Popen(line, stdout=follower, stderr=subprocess.DEVNULL, cwd=place.path, env=environ)
    os.close(follower)
    written = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other end is closed: all is read
            break
        written += chunk
    os.close(leader)
    assert process.wait(timeout=30) == 0
    return written.decode()


@pytest.mark.parametrize("columns", [160, 60, 40])
def test_a_terminal_gets_a_table_that_fits(columns: int, made: Place) -> None:
    text = on_terminal(made, columns, "ls", "--no-color")
    assert all(len(line) <= columns for line in text.splitlines())
    assert "\x1b" not in text
    assert "only.ckpt" in text


def test_colour_on_a_terminal_is_ours_alone(made: Place) -> None:
    text = on_terminal(made, 160, "ls")
    assert set(re.findall(r"\x1b\[[0-9;]*[A-Za-z]", text)) <= {"\x1b[1m", "\x1b[2m", "\x1b[0m"}
    assert "\u202e" not in text
