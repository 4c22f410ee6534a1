"""`doctor`: what it prints and how it ends, and the whole of it against real catalogs."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import app as shipped
from ckpt_indexer.cli.main import main
from ckpt_indexer.cli.session import Session
from ckpt_indexer.store.readonly import SCHEMA_VERSION
from ckpt_indexer.tools.doctor import Check, Checkup, Verdict, failed, fine, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication

    Ask = Callable[..., tuple[int, dict[str, Check]]]

CALM = Checkup("1.0", (fine("a.one", "well"), skipped("b.three", "nothing there"), warning("b.two", "odd\x1b", "look")))


def test_each_check_is_a_line_and_its_fix_another(run: Run, app: FakeApplication) -> None:
    app.checkup = CALM
    done = run("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "a\n  ok       one    well\n\n"
        "b\n  skipped  three  nothing there\n  warning  two    odd\\x1b\n    to do: look\n\n"
        "3 checks: 1 ok, 1 warning, 1 skipped\n"
    )


def test_a_failure_is_1(run: Run, app: FakeApplication) -> None:
    app.checkup = Checkup("1.0", (failed("a.one", "broken", "mend it"),))
    assert run("doctor").code == 1
    assert run("doctor", "--json").code == 1


def test_json_is_one_object(run: Run, app: FakeApplication) -> None:
    app.checkup = CALM
    assert json.loads(run("doctor", "--json").out) == CALM.to_dict()


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run the shipped `doctor --json` in an empty directory; return the exit code and the checks by name."""

    def command(*args: str, **environ: str) -> tuple[int, dict[str, Check]]:
        environ = {"HOME": str(tmp_path / "home"), **environ}
        session = Session(make_application=lambda: shipped, environ=environ, cwd=tmp_path)
        session.now = lambda: datetime.now(UTC)
        session.flags["catalog.db"] = str(tmp_path / "cat" / "catalog.db")
        code = main(["doctor", "--json", *args], session)
        report = json.loads(capfd.readouterr().out)
        checks = [Check(one["name"], Verdict(one["verdict"]), one["message"], one["fix"], one["facts"])
                  for one in report["checks"]]  # fmt: skip
        assert len({check.name for check in checks}) == len(checks)
        assert report["ok"] == (code == 0)
        return code, {check.name: check for check in checks}

    return command


@pytest.fixture
def catalog(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """Scan two files, one of which is no checkpoint; return the database."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (outputs / "text.pt").write_text("this is no checkpoint\n" * 10)
    database = tmp_path / "cat" / "catalog.db"
    assert main(["scan", str(outputs), "--db", str(database), "-q"]) == 0
    capfd.readouterr()
    return database


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    return {entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(directory)}


def test_a_missing_catalog_is_a_check_with_a_fix_and_is_not_made(ask: Ask, tmp_path: Path) -> None:
    code, checks = ask()
    assert code == 1
    assert checks["database.file"].verdict is Verdict.FAILED
    assert "ckpt-indexer scan DIR" in (checks["database.file"].fix or "")
    assert [name for name, check in checks.items() if check.verdict is Verdict.FAILED] == ["database.file"]
    assert not (tmp_path / "cat").exists()


def test_a_catalog_in_order(ask: Ask, catalog: Path, tmp_path: Path) -> None:
    before = {place: listing(place) for place in (catalog.parent, tmp_path / "outputs")}
    code, checks = ask()
    assert {place: listing(place) for place in before} == before
    assert code == 0
    assert checks["installation.sandbox"].verdict is Verdict.OK
    assert checks["database.integrity"].verdict is Verdict.OK
    assert checks["database.annotations"].verdict is Verdict.OK
    assert checks["roots.reachable"].message == f"1 root reachable: outputs ({tmp_path / 'outputs'})"
    rows = checks["catalog.rows"]
    assert (rows.verdict, rows.facts["read_states"]["unreadable"]) == (Verdict.WARNING, 1)
    assert checks["catalog.sidecars"].facts["missing"] == 2


def test_a_root_that_is_gone_fails(ask: Ask, catalog: Path, tmp_path: Path) -> None:
    assert catalog.exists()
    (tmp_path / "outputs").rename(tmp_path / "elsewhere")
    code, checks = ask()
    assert (code, checks["roots.reachable"].verdict) == (1, Verdict.FAILED)


def test_a_damaged_catalog_is_left_as_it_is(ask: Ask, catalog: Path) -> None:
    raw = bytearray(catalog.read_bytes())
    raw[4096 * 4 : 4096 * 40] = os.urandom(4096 * 36)
    catalog.write_bytes(raw)
    before = listing(catalog.parent)
    code, checks = ask()
    assert (code, checks["database.integrity"].verdict) == (1, Verdict.FAILED)
    assert "db rebuild" in (checks["database.integrity"].fix or "")
    assert listing(catalog.parent) == before


@pytest.mark.parametrize(("step", "fix"), [(1, "newer release"), (-1, "db upgrade")])
def test_a_catalog_of_another_schema_is_left_as_it_is(ask: Ask, catalog: Path, step: int, fix: str) -> None:
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + step}")
    before = listing(catalog.parent)
    code, checks = ask()
    assert (code, checks["database.schema"].verdict) == (1, Verdict.FAILED)
    assert fix in (checks["database.schema"].fix or "")
    assert listing(catalog.parent) == before


@pytest.mark.parametrize("content", [b"text", b"SQLite format 3\0" + bytes(200), b""])
def test_a_file_that_is_no_catalog(ask: Ask, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "catalog.db").write_bytes(content)
    code, checks = ask()
    assert (code, checks["database.file"].verdict) == (1, Verdict.FAILED)
    assert (tmp_path / "cat" / "catalog.db").read_bytes() == content
    assert os.listdir(tmp_path / "cat") == ["catalog.db"]


def test_a_directory_where_the_catalog_should_be(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "cat" / "catalog.db").mkdir(parents=True)
    code, checks = ask()
    assert (code, checks["database.file"].verdict) == (1, Verdict.FAILED)


def test_settings_that_cannot_be_read_are_a_check(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text("[watch]\nsetle_ms = 5\n")
    code, checks = ask()
    assert (code, checks["settings.valid"].verdict) == (1, Verdict.FAILED)
    assert "settle_ms" in checks["settings.valid"].message
    assert checks["database.file"].verdict is Verdict.SKIPPED
    assert checks["installation.sandbox"].verdict is Verdict.OK


def test_a_key_of_wandb_is_never_told(ask: Ask, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "0123456789abcdef" * 3
    (tmp_path / "ckpt-indexer.toml").write_text('[wandb]\nenabled = true\nproject = "p"\n')
    _, checks = ask(WANDB_API_KEY=secret)
    assert checks["extras.wandb"].facts["key"] == "WANDB_API_KEY"
    assert secret not in str(checks)
    assert secret not in "".join(capfd.readouterr())


def test_roots_of_the_settings_that_were_never_scanned(ask: Ask, catalog: Path, tmp_path: Path) -> None:
    assert catalog.exists()
    (tmp_path / "more").mkdir()
    (tmp_path / "ckpt-indexer.toml").write_text('[[roots]]\npath = "more"\n')
    code, checks = ask()
    assert (code, checks["roots.configured"].verdict) == (0, Verdict.WARNING)


def test_files_that_others_may_open(ask: Ask, catalog: Path) -> None:
    catalog.chmod(0o644)
    code, checks = ask()
    assert (code, checks["database.permissions"].verdict) == (0, Verdict.WARNING)
    assert catalog.stat().st_mode & 0o777 == 0o644
