"""`service` with stand-ins for systemd's programs."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.cli.main import main
from ckpt_indexer.cli.session import Session
from tests.cli.conftest import NOW, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.application import FakeApplication

    Service = Callable[..., Outcome]

PROGRAM = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    log.write(" ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
if "show" in sys.argv:
    print("ActiveState=active\\nUnitFileState=enabled\\nMainPID=42\\nNRestarts=0\\nStatusText=watching 1 roots")
if sys.argv[0].endswith("journalctl"):
    print('{{"event": "x"}}')
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("systemctl", "journalctl"):
        (folder / name).write_text(PROGRAM.format(python=sys.executable, log=str(tmp_path / "log")))
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def service(app: FakeApplication, tmp_path: Path, programs: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Service:
    """Run `ckpt-indexer service ARGS` for a person whose PATH has only the stand-ins."""

    def command(*args: str, **variables: str) -> Outcome:
        environ = {"PATH": str(programs), "XDG_CONFIG_HOME": str(tmp_path / "config"), **variables}
        session = Session(make_application=lambda: app, now=lambda: NOW, environ=environ, cwd=tmp_path)
        session.flags["catalog.db"] = str(tmp_path / "catalog.db")
        code = main(["service", *args], session)
        captured = capfdbinary.readouterr()
        return Outcome(code, captured.out.decode(), captured.err.decode(), captured.out)

    return command


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return tmp_path / "config" / "systemd" / "user" / "ckpt-indexer.service"


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines() if (tmp_path / "log").exists() else []


def test_print_shows_the_unit_and_does_nothing(service: Service, tmp_path: Path, unit: Path) -> None:
    roots = tmp_path / "my outputs"
    roots.mkdir()
    done = service("install", str(roots), "--print")
    assert done.code == 0
    assert "Type=notify" in done.out
    assert f'--db {tmp_path}/catalog.db --log-format json serve "{roots}"' in done.out
    assert service("--print").out.startswith("# Written by")
    assert (unit.exists(), told(tmp_path)) == (False, [])


def test_install_writes_enables_and_starts(service: Service, tmp_path: Path, unit: Path) -> None:
    done = service("install", str(tmp_path))
    assert done.code == 0
    assert done.out == f"wrote  {unit}\nstarted  ckpt-indexer.service\n"
    assert f"serve {tmp_path}\n" in unit.read_text()
    assert told(tmp_path) == ["systemctl --user daemon-reload", "systemctl --user enable --now ckpt-indexer.service"]


def test_json_says_what_was_done(service: Service, tmp_path: Path, unit: Path) -> None:
    made = json.loads(service("install", str(tmp_path), "--json").out)
    assert (made["unit"], made["changed"], made["started"], made["message"]) == (str(unit), True, True, None)
    assert made["command"][-2:] == ["serve", str(tmp_path)]


def test_variables_that_the_service_will_not_have_are_named(service: Service, tmp_path: Path) -> None:
    done = service("install", str(tmp_path), CKPT_INDEXER_LOG__LEVEL="debug")
    assert "CKPT_INDEXER_LOG__LEVEL" in done.err


def test_a_settings_file_of_the_project_goes_along(service: Service, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text("[watch]\nsettle_ms = 100\n")
    assert f"WorkingDirectory={tmp_path}\n" in service("--print").out


def test_nothing_to_watch_is_2(service: Service, app: FakeApplication, unit: Path) -> None:
    app.catalog.roots = []
    done = service("install")
    assert (done.code, unit.exists()) == (2, False)
    assert "no directory to watch" in done.err


def test_without_systemd_it_is_1_and_a_sentence(service: Service, tmp_path: Path, unit: Path) -> None:
    done = service("install", str(tmp_path), PATH=str(tmp_path / "empty"))
    assert (done.code, unit.exists()) == (1, True)
    assert "there is no systemctl on this machine" in done.err


def test_a_foreign_unit_is_1(service: Service, tmp_path: Path, unit: Path) -> None:
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\n")
    assert service("install", str(tmp_path)).code == 1
    assert service("uninstall").code == 1
    assert unit.read_text() == "[Service]\n"
    assert service("install", str(tmp_path), "--force").code == 0


def test_uninstall_removes_what_install_wrote(service: Service, tmp_path: Path, unit: Path) -> None:
    service("install", str(tmp_path))
    assert service("uninstall").out == f"removed  {unit}\n"
    assert not unit.exists()
    done = service("uninstall")
    assert done.code == 1
    assert "not installed" in done.err


def test_status_says_what_systemd_says(service: Service, tmp_path: Path, unit: Path, app: FakeApplication) -> None:
    service("install", str(tmp_path))
    app.daemon = True
    done = service("status", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {
        "unit": str(unit), "installed": True, "ours": True, "systemd": True, "active": "active", "enabled": "enabled",
        "pid": 42, "since": None, "restarts": 0, "status": "watching 1 roots", "result": None,
        "database": str(tmp_path / "catalog.db"), "answers": True,
    }  # fmt: skip
    assert "active" in service("status").out


def test_status_without_systemd_is_1(service: Service, tmp_path: Path) -> None:
    done = service("status", "--json", PATH=str(tmp_path / "empty"))
    assert done.code == 1
    assert (json.loads(done.out)["installed"], json.loads(done.out)["systemd"]) == (False, False)


def test_logs_come_from_the_journal(service: Service, tmp_path: Path) -> None:
    done = service("logs", "-n", "5", "--since", "1 hour ago", "-f")
    assert (done.code, json.loads(done.out)) == (0, {"event": "x"})
    line = "journalctl --user --unit=ckpt-indexer.service --output=cat --lines=5 --follow --since=1 hour ago"
    assert told(tmp_path) == [line]
    assert service("logs", PATH=str(tmp_path / "empty")).code == 1


@pytest.mark.parametrize(
    ("verb", "expected"),
    [("uninstall", "systemctl --user disable --now ckpt-indexer.service"), ("status", "systemctl --user show"),
     ("logs", "journalctl --user --unit=ckpt-indexer.service")],
)  # fmt: skip
def test_every_verb_prints_what_it_would_run(verb: str, expected: str, service: Service, tmp_path: Path) -> None:
    assert service(verb, "--print").out.startswith(expected)
    assert told(tmp_path) == []


@pytest.mark.parametrize("words", [(), ("--print", "status"), ("reload",)])
def test_wrong_usage_is_2(words: tuple[str, ...], service: Service) -> None:
    assert service(*words).code == 2


def test_nothing_is_left_beside_the_unit(service: Service, tmp_path: Path, unit: Path) -> None:
    service("install", str(tmp_path))
    assert os.listdir(unit.parent) == [unit.name]
