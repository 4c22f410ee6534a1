"""The service's file and the commands given to a stand-in for systemctl."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.tools.service import Ran, Systemd, find_unit, install, properties, uninstall, unit_path
from ckpt_indexer.tools.unit import NAME, Unit

if TYPE_CHECKING:
    from pathlib import Path

OURS = Unit(python="/usr/bin/python3", database="/d/c.db", roots=("/o",)).text
OTHER = Unit(python="/usr/bin/python3", database="/d/c.db", roots=("/other",)).text
SYSTEMCTL = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if {failing!r} in sys.argv:
    sys.exit("Failed to connect to bus: No medium found")
"""


class Machine:
    """A directory with a stand-in for systemctl, and the place for the unit."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.unit = folder / "config" / "systemd" / "user" / NAME
        self.systemd = Systemd({"PATH": str(self.bin)})

    def having(self, failing: str = "nothing") -> Machine:
        program = self.bin / "systemctl"
        program.write_text(SYSTEMCTL.format(python=sys.executable, log=str(self.log), failing=failing))
        program.chmod(0o755)
        return self

    @property
    def told(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_unit_is_written_enabled_and_started(machine: Machine) -> None:
    done = install(machine.unit, OURS, machine.having().systemd)
    assert (done.changed, done.trouble, done.backup) == (True, None, None)
    assert machine.unit.read_text() == OURS
    assert machine.told == ["--user daemon-reload", f"--user enable --now {NAME}"]


def test_the_same_again_changes_nothing(machine: Machine) -> None:
    install(machine.unit, OURS, machine.having().systemd)
    before = machine.unit.stat()
    done = install(machine.unit, OURS, machine.systemd)
    assert (done.changed, machine.unit.stat().st_ino) == (False, before.st_ino)
    assert "--user restart ckpt-indexer.service" not in machine.told


def test_another_unit_starts_the_daemon_anew(machine: Machine) -> None:
    install(machine.unit, OURS, machine.having().systemd)
    assert install(machine.unit, OTHER, machine.systemd).changed
    assert machine.told[-1] == f"--user restart {NAME}"
    assert os.listdir(machine.unit.parent) == [NAME]


def test_somebody_else_s_unit_stays_unless_forced(machine: Machine) -> None:
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text("[Service]\nExecStart=/bin/mine\n")
    with pytest.raises(CkptIndexerError, match="not written by this program"):
        install(machine.unit, OURS, machine.having().systemd)
    with pytest.raises(CkptIndexerError, match="not written by this program"):
        uninstall(machine.unit, machine.systemd)
    assert machine.told == []
    done = install(machine.unit, OURS, machine.systemd, force=True)
    assert done.backup is not None
    assert done.backup.read_text() == "[Service]\nExecStart=/bin/mine\n"
    assert machine.unit.read_text() == OURS


def test_without_systemd_the_unit_is_written_and_that_is_said(machine: Machine) -> None:
    done = install(machine.unit, OURS, machine.systemd)
    assert machine.unit.read_text() == OURS
    assert done.trouble is not None
    assert "no systemctl" in done.trouble


def test_what_systemd_refuses_is_said_with_what_to_do(machine: Machine) -> None:
    done = install(machine.unit, OURS, machine.having(failing="enable").systemd)
    assert done.trouble is not None
    assert f"systemctl --user enable --now {NAME}: Failed to connect to bus" in done.trouble
    assert "XDG_RUNTIME_DIR" in done.trouble


def test_uninstalling_stops_and_removes(machine: Machine) -> None:
    install(machine.unit, OURS, machine.having().systemd)
    done = uninstall(machine.unit, machine.systemd)
    assert (done.changed, done.trouble, machine.unit.exists()) == (True, None, False)
    assert machine.told[-2:] == [f"--user disable --now {NAME}", "--user daemon-reload"]


def test_uninstalling_what_is_not_there_tells_systemd_nothing(machine: Machine) -> None:
    assert not uninstall(machine.unit, machine.having().systemd).changed
    assert machine.told == []


def test_a_place_that_cannot_be_written_is_said(machine: Machine) -> None:
    machine.unit.parent.parent.mkdir(parents=True)
    machine.unit.parent.write_text("a file in the way")
    with pytest.raises(CkptIndexerError):
        install(machine.unit, OURS, machine.having().systemd)
    with pytest.raises(CkptIndexerError, match="cannot read"):
        find_unit(machine.unit)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x"), ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config"),
     ({"HOME": "/h"}, "/h/.config")],
)  # fmt: skip
def test_the_unit_lies_where_systemd_looks(environ: dict[str, str], expected: str) -> None:
    assert str(unit_path(environ)) == f"{expected}/systemd/user/{NAME}"


def test_properties_are_taken_apart_at_the_first_sign() -> None:
    ran = Ran(("show",), 0, "ActiveState=active\nStatusText=a=b\nEmpty=\nnoise\n", "")
    assert properties(ran) == {"ActiveState": "active", "StatusText": "a=b"}
