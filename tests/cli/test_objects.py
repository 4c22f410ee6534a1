"""`scan`, `serve`, `status`, `show`, `db`, `config`: one answer each."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import SettingsError
from ckpt_indexer.ingest.summary import ScanProgress
from ckpt_indexer.settings.checks import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication


def test_scan_says_what_it_did(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.finding(roots=["/o\x1b"], found=12, added=10, unchanged=2, degraded=1, problems=1, seconds=1.25)
    done = run("scan", str(tmp_path))
    assert app.calls[0] == ("scan", tmp_path / "catalog.db", (tmp_path,), False)
    assert done.out == (
        "scanned /o\\x1b in 1.2 s: 12 checkpoints\n"
        "  10 added, 0 changed, 0 moved, 0 missing, 2 unchanged\n"
        "  1 degraded, 1 place that could not be listed\n"
    )
    assert (done.code, done.err) == (0, "")


def test_scan_json_is_one_object(run: Run, app: FakeApplication) -> None:
    app.finding(found=3, by_daemon=True, pending=1)
    done = run("scan", "--json", "--full")
    assert json.loads(done.out) == app.summary.to_dict()
    assert app.calls[0][3] is True
    assert "1 file kept changing" in done.err


def test_strict_is_1_when_something_is_unreadable(run: Run, app: FakeApplication) -> None:
    app.finding(found=3, unreadable=1)
    assert run("scan").code == 0
    done = run("scan", "--strict")
    assert done.code == 1
    assert "ckpt-indexer ls read_state:unreadable" in done.err
    app.finding(found=3)
    assert run("scan", "--strict").code == 0


def test_a_directory_that_is_not_there_is_2(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in ("scan", "serve"):
        for name in ("gone", "file"):
            done = run(command, str(tmp_path / name))
            assert (done.code, done.out) == (2, "")
            assert str(tmp_path / name) in done.err
    assert not app.calls


def test_scan_progress_is_plain_lines_on_stderr(run: Run, app: FakeApplication) -> None:
    app.reporting(ScanProgress("walking", "/o\n", 5, 0, 0), ScanProgress("settling", "/o", 5, 4, 1))
    assert run("scan").err == "walking /o\\n: 0 of 5 checkpoints\nsettling /o: 4 of 5 checkpoints, 1 pending\n"
    assert run("scan", "-q").err == ""


def test_serve_prints_its_last_start_line(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    done = run("serve", str(tmp_path), "--port", "0")
    assert done.out == f"serving {tmp_path} db={tmp_path / 'catalog.db'} url=http://127.0.0.1:0\n"
    assert app.calls[0] == ("serve", (tmp_path,), "127.0.0.1", 0)


def test_a_path_with_spaces_is_one_word_of_the_start_line(run: Run, tmp_path: Path) -> None:
    roots = [tmp_path / "my runs", tmp_path / "it's", tmp_path / "plain#?%"]
    for root in roots:
        root.mkdir()
    line = run("serve", *map(str, roots), "--db", str(tmp_path / "my runs" / "c.db")).out
    database = f"db={tmp_path / 'my runs' / 'c.db'}"
    assert shlex.split(line) == ["serving", *map(str, roots), database, "url=http://127.0.0.1:8765"]
    assert f" {roots[2]} db='{tmp_path}/my runs/c.db' url=http://127.0.0.1:8765\n" in line


def test_serve_takes_its_address_from_the_settings(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text('[server]\nhost = "::1"\nport = 9000\n')
    run("serve")
    run("serve", "--host", "127.0.0.2")
    assert [call[2:] for call in app.calls] == [("::1", 9000), ("127.0.0.2", 9000)]


def test_serve_tells_where_the_page_is_before_its_last_start_line(
    run: Run, app: FakeApplication, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app.page = "http://127.0.0.1:8765/ui/?token=abc"
    with caplog.at_level("INFO"):
        done = run("serve", str(tmp_path))
    assert done.out.count("\n") == 1
    assert "http://127.0.0.1:8765/ui/?token=abc" in caplog.text + done.err


def test_serve_is_told_to_leave_the_page_out(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    for arguments, ui in (((), True), (("--no-ui",), False)):
        run("serve", str(tmp_path), *arguments)
        assert app.served is not None
        assert app.served.server.ui is ui


@pytest.mark.parametrize("talk", [("-v",), ("--log-format", "json"), ("-vv", "--log-format", "text")])
def test_serve_takes_its_address_whatever_is_said_of_its_logs(
    run: Run, app: FakeApplication, talk: tuple[str, ...]
) -> None:
    run("serve", "--host", "127.0.0.2", "--port", "9001", *talk)
    run(*talk, "serve", "--host", "127.0.0.2", "--port", "9001")
    assert [call[2:] for call in app.calls] == [("127.0.0.2", 9001)] * 2


def test_status_shows_sections_or_the_object(run: Run, app: FakeApplication) -> None:
    app.answering(
        catalog="c0ffee",
        daemon={"running": False, "pid": None},
        roots=[{"name": "o", "path": "/o\x1b"}, {"name": "p", "as_of": "x"}],
        problems=[],
    )
    assert run("status").out == (
        "catalog  c0ffee\n\ndaemon\n  running  no\n  pid      -\n\n"
        "roots\n  name  path    as_of\n  o     /o\\x1b  -\n  p     -       x\n\nproblems\n  none\n"
    )
    assert json.loads(run("status", "--json").out) == app.answer


def test_status_of_a_catalog_that_is_not_there_is_3(run: Run, app: FakeApplication) -> None:
    app.answering(database="/none.db", exists=False)
    done = run("status", "--json")
    assert (done.code, json.loads(done.out)["exists"]) == (3, False)
    assert "run `ckpt-indexer scan DIR` first" in done.err


def test_a_refused_root_is_2_when_typed_and_78_when_configured(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.failing(SettingsError("/o contains the known root /o/a"))
    for command in ("scan", "serve"):
        done = run(command, str(tmp_path))
        assert done.code == 2
        assert "/o contains the known root /o/a" in done.err
        assert run(command).code == 78


def test_a_root_handed_to_the_daemon_is_said(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.daemon_pid = 4711
    done = run("serve", str(tmp_path))
    assert (done.code, done.out) == (0, f"process 4711 now watches {tmp_path} too db={tmp_path / 'catalog.db'}\n")


def test_db_verbs(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.answering(ok=True, findings=[])
    assert run("db", "check").code == 0
    assert json.loads(run("db", "upgrade", "--json").out) == app.answer
    assert run("db", "rebuild").code == 0
    assert run("db", "path").out == f"{tmp_path / 'catalog.db'}\n"
    app.answering(ok=False, findings=["row 3 has no root"])
    done = run("db", "check")
    assert done.code == 1
    assert done.out == "ok  no\n\nfindings\n  row 3 has no root\n"
    assert json.loads(run("db", "check", "--json").out)["findings"] == ["row 3 has no root"]


def test_db_path_is_raw(run: Run, tmp_path: Path) -> None:
    odd = os.fsdecode(bytes(tmp_path) + b"/\xff\n.db")
    assert run("db", "path", "--db", odd).raw == bytes(tmp_path) + b"/\xff\n.db\n"


@pytest.fixture
def shown(app: FakeApplication) -> None:
    app.catalog.scanned("2026-11-20T21:00:01Z").having(
        "a/best.ckpt", epoch=0, hmean=0.8, backbone="resnet18", experiment="e\x1b", metrics={"val/iou": 0.5},
        metrics_step=99, params={"lr": 0.1}, components=[{"role": "head", "name": "h", "params": {"k": 50}}],
        provenance={"epoch": "header", "metrics": "sidecar"}, details={"sidecar": "best.metadata.yaml"},
        problems=[{"kind": "scale", "message": "hmean is 80"}],
        conflicts=[{"field": "epoch", "kept": 0, "other": 4, "kept_source": "header", "other_source": "sidecar"}],
    )  # fmt: skip


@pytest.mark.usefixtures("shown")
def test_show_prints_its_sections(run: Run) -> None:
    done = run("show", "1")
    assert done.out == (
        "a/best.ckpt (id 1)\n\n"
        "what\n  experiment  e\\x1b\n  epoch       0\n  pinned      no\n\n"
        "metrics\n  hmean             0.8000\n  val/iou           0.5000\n  measured at step  99\n\n"
        'model\n  backbone     resnet18\n  head params  {"k": 50}\n\n'
        "parameters\n  lr  0.1000\n\n"
        "files\n  abs_path     /data/outputs/a/best.ckpt\n  root         outputs\n"
        "  size_bytes   2.0 KiB (2,048 bytes)\n"
        "  mtime        2026-11-20T20:00:00Z\n  has_sidecar  yes\n  read_state   ok\n  presence     present\n\n"
        "provenance\n  epoch    header\n  metrics  sidecar (best.metadata.yaml)\n\n"
        "problems\n  scale: hmean is 80\n\n"
        "conflicts\n  epoch: 0 (header) kept, sidecar says 4\n"
    )
    assert done.err.startswith("as of 2026-11-20 21:00:01Z")


@pytest.mark.usefixtures("shown")
def test_show_explain_says_who_said_what(run: Run) -> None:
    assert run("show", "1", "--explain", "-q").out == (
        "field            value   source   where               others say\n"
        "epoch            0       header   -                   sidecar: 4\n"
        "metrics.hmean    0.8000  sidecar  best.metadata.yaml  -\n"
        "metrics.val/iou  0.5000  sidecar  best.metadata.yaml  -\n"
    )


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_show_json_is_the_row(form: str, run: Run) -> None:
    assert json.loads(run("show", "1", "-o", form).out)["metrics"] == {"hmean": 0.8, "val/iou": 0.5}


@pytest.mark.usefixtures("shown")
def test_show_asks_for_what_was_typed(run: Run, app: FakeApplication) -> None:
    assert run("show", "a/best.ckpt", "-o", "paths", "-q").out == "/data/outputs/a/best.ckpt\n"
    assert app.catalog.asked == [("get", "a/best.ckpt")]
    assert run("show", "b.ckpt").code == 1


def test_config_show_names_origins(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text('[log]\nlevel = "debug"\n[[roots]]\npath = "out"\n')
    shown = json.loads(run("config", "show", "--json").out)
    assert set(shown) == {*KEYS, "roots"}
    assert shown["log.level"] == {"value": "debug", "origin": str(tmp_path / "ckpt-indexer.toml")}
    assert shown["catalog.db"]["origin"] == "flag"
    assert shown["server.port"] == {"value": 8765, "origin": "default"}
    assert shown["roots"]["value"] == [{"path": str(tmp_path / "out"), "name": None, "exclude": []}]
    assert run("config", "show").out.splitlines()[0].split() == ["setting", "value", "origin"]


def test_config_init_writes_a_file_that_changes_nothing(run: Run, tmp_path: Path) -> None:
    before = run("config", "show").out
    done = run("config", "init")
    target = tmp_path / "ckpt-indexer.toml"
    assert (done.code, done.out) == (0, f"{target}\n")
    assert tomllib.loads(target.read_text())
    assert run("config", "show").out == before
    assert run("config", "path").out == f"{target}\n"


def test_config_init_overwrites_only_by_force_and_keeps_a_copy(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "ckpt-indexer.toml"
    target.write_text("# mine\n")
    done = run("config", "init")
    assert (done.code, done.out) == (1, "")
    assert "--force" in done.err
    assert target.read_text() == "# mine\n"
    assert run("config", "init", "--force").code == 0
    assert (tmp_path / "ckpt-indexer.toml.bak").read_text() == "# mine\n"


def test_config_path_of_nothing_is_1(run: Run) -> None:
    done = run("config", "path")
    assert (done.code, done.out) == (1, "")
    assert "no settings file: neither ckpt-indexer.toml here nor" in done.err


def test_config_init_user_writes_the_users_own_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "home" / "ckpt-indexer" / "config.toml"
    assert run("config", "init", "--user").out == f"{target}\n"
    assert run("config", "path").out == f"{target}\n"


def test_config_init_where_nothing_can_be_written_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a directory")
    done = run("config", "init", "--user")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: cannot write")


def test_explain_reaches_into_metrics_and_parameters(run: Run, app: FakeApplication) -> None:
    app.catalog.having(
        "a.ckpt",
        metrics={"x": 0.5},
        params={"lr": 0.25},
        provenance={"metrics.x": "wandb", "params.lr": "config", "odd": "names"},
    )
    lines = run("show", "1", "--explain", "-q").out.splitlines()[1:]
    assert [line.split()[:3] for line in lines] == [
        ["metrics.x", "0.5000", "wandb"], ["params.lr", "0.2500", "config"], ["odd", "-", "names"],
    ]  # fmt: skip


def test_a_catalog_without_roots_says_what_to_do(run: Run, app: FakeApplication) -> None:
    app.catalog.roots = []
    assert "the catalog has no root yet: run `ckpt-indexer scan DIR`" in run("ls").err
