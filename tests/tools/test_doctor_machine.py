from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from ckpt_indexer.daemon.lock import CatalogLock, lock_path
from ckpt_indexer.tools import doctor_machine as machine

if TYPE_CHECKING:
    from pathlib import Path


def test_requirements_are_those_of_the_installed_package() -> None:
    names = {package.name: package for package in machine.required()}
    assert {"click", "watchdog", "pyyaml"} <= set(names)
    assert not {"torch", "wandb", "pytest"} & set(names)
    assert names["watchdog"].minimum == "7.1"
    assert all(package.version for package in names.values())


def test_an_extra_says_which_version_it_asks_for() -> None:
    assert machine.optional("torch").minimum == "2.10"
    assert machine.optional("lightning").minimum == "2.4"
    assert machine.optional("no-such-package") == ("no-such-package", None, None)


def test_sqlite_here_knows_json() -> None:
    assert machine.has_json()


def test_the_kernel_tells_its_limits() -> None:
    limits = machine.inotify_limits()
    assert limits is None or min(limits) > 0


def test_the_database_and_what_belongs_to_it(tmp_path: Path) -> None:
    names = ("c.db", "c.db-wal", "c.db.annotations.jsonl", "c.db.corrupt-20261120", "c.db.backup-0001-x")
    for name in (*names, "c.dbx", "other.db", "c.db.note"):
        (tmp_path / name).write_bytes(b"123")
        (tmp_path / name).chmod(0o640)
    found = machine.files_of(tmp_path / "c.db")
    assert tuple(sorted(names)) == tuple(file.name for file in found)
    assert {(file.size_bytes, file.mode) for file in found} == {(3, 0o640)}
    assert machine.files_of(tmp_path / "none" / "c.db") == ()


def test_room_and_file_system_of_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    room = machine.free_bytes(tmp_path / "a" / "b" / "c.db")
    assert room is not None
    assert room > 0
    assert machine.filesystem_at(tmp_path / "a") == machine.filesystem_at(tmp_path)


def test_what_is_not_there_could_be_written(tmp_path: Path) -> None:
    assert machine.is_writable(tmp_path / "c.db")
    assert machine.is_writable(tmp_path / "gone" / "c.db")


def test_a_held_lock_is_seen_and_not_touched(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    assert not machine.is_locked(lock_path(database))
    with CatalogLock(database):
        assert machine.is_locked(lock_path(database))
    assert not machine.is_locked(lock_path(database))
    CatalogLock(database).close()


def test_a_key_is_found_and_never_told(tmp_path: Path) -> None:
    secret = "0123456789" * 4
    home = {"HOME": str(tmp_path)}
    assert machine.wandb_key(home, None) is None
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {secret}\n")
    netrc.chmod(0o600)
    assert machine.wandb_key(home, None) == "the netrc file"
    assert machine.wandb_key(home, "https://wandb.example.org:8080") is None
    assert machine.wandb_key({**home, "WANDB_API_KEY": secret}, None) == "WANDB_API_KEY"
    assert machine.wandb_key({"NETRC": str(netrc)}, "https://api.wandb.ai") == "the netrc file"
    netrc.write_text("machine {{{\n  nonsense \x00")
    assert machine.wandb_key(home, None) is None


def test_a_root_that_is_gone_empty_or_there(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    found = tmp_path.stat()
    assert machine.trouble_with(root, (found.st_dev, found.st_ino)) is None
    assert machine.trouble_with(root + b"/gone", None) == "No such file or directory"
    assert "not mounted" in (machine.trouble_with(root, (found.st_dev + 1, found.st_ino)) or "")


def test_directories_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert machine.directories_below(os.fsencode(tmp_path)) == 3


def test_what_never_answers_is_given_up() -> None:
    never = threading.Event()
    began = time.monotonic()
    assert machine.within(0.01, never.wait) is None
    assert time.monotonic() - began < 5
    never.set()
    assert machine.within(5.0, lambda: "x") == "x"
