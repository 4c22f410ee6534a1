from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import SidecarInvalid, SidecarUnreadable
from ckpt_indexer.tools.writing import CHANGED, Stamp, keep, replace_document, retire
from tests.tools.tree_files import files, read

if TYPE_CHECKING:
    from pathlib import Path

NEW = {"schema_version": "2.0", "file": {"name": "a.ckpt"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.metadata.yaml"
    path.write_text("old: 1\n")
    return path


def stamp(path: Path) -> Stamp:
    found = Stamp.of(os.fsencode(path))
    assert found is not None
    return found


def test_what_was_there_is_kept_as_bak(path: Path) -> None:
    backup = replace_document(NEW, os.fsencode(path), stamp(path))
    assert backup == os.fsencode(path) + b".bak"
    assert read(path) == NEW
    assert files(path.parent)["a.metadata.yaml.bak"] == b"old: 1\n"


def test_an_earlier_bak_is_never_overwritten(path: Path) -> None:
    for number in range(3):
        path.write_text(f"old: {number}\n")
        replace_document(NEW, os.fsencode(path), stamp(path))
    kept = files(path.parent)
    assert [kept[f"a.metadata.yaml.bak{ending}"] for ending in ("", "1", "2")] == [
        b"old: 0\n",
        b"old: 1\n",
        b"old: 2\n",
    ]


def test_nothing_is_kept_where_nothing_was(tmp_path: Path) -> None:
    assert replace_document(NEW, os.fsencode(tmp_path / "new.yaml"), None) is None
    assert list(files(tmp_path)) == ["new.yaml"]


def test_a_document_that_appeared_meanwhile_stays(path: Path) -> None:
    with pytest.raises(SidecarUnreadable) as raised:
        replace_document(NEW, os.fsencode(path), None)
    assert raised.value.details["reason"] == CHANGED
    assert files(path.parent) == {"a.metadata.yaml": b"old: 1\n"}


@pytest.mark.parametrize("change", ["rewrite", "exchange", "remove"])
def test_a_document_that_changed_meanwhile_stays(change: str, path: Path) -> None:
    before = stamp(path)
    if change == "rewrite":
        path.write_text("newer: 22\n")
    else:
        path.unlink()
    if change == "exchange":
        path.write_text("other\n")
    then = files(path.parent)
    with pytest.raises(SidecarUnreadable) as raised:
        replace_document(NEW, os.fsencode(path), before)
    assert raised.value.details["reason"] == CHANGED
    assert files(path.parent) == then


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_write_that_fails_leaves_everything_as_it_was(
    error: BaseException, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        replace_document(NEW, os.fsencode(path), stamp(path))
    assert files(path.parent) == {"a.metadata.yaml": b"old: 1\n"}


def test_a_document_that_cannot_be_written_leaves_everything_as_it_was(path: Path) -> None:
    with pytest.raises(SidecarInvalid):
        replace_document({"a": object()}, os.fsencode(path), stamp(path))
    assert files(path.parent) == {"a.metadata.yaml": b"old: 1\n"}


def test_a_link_is_kept_as_a_link(path: Path) -> None:
    link = path.with_name("link.metadata.yaml")
    link.symlink_to(path.name)
    replace_document(NEW, os.fsencode(link), stamp(link))
    assert files(path.parent)["link.metadata.yaml.bak"] == b"a.metadata.yaml"
    assert path.read_bytes() == b"old: 1\n"
    assert not link.is_symlink()


def no_links(*_args: object, **_rest: object) -> None:
    raise OSError(errno.EPERM, "not here")


def test_a_file_system_without_hard_links_gets_copies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    link = path.with_name("link.metadata.yaml")
    link.symlink_to(path.name)
    assert keep(os.fsencode(link), stamp(link)).endswith(b".bak")
    assert replace_document(NEW, os.fsencode(path), stamp(path)) == os.fsencode(path) + b".bak"
    kept = files(path.parent)
    assert kept["a.metadata.yaml.bak"] == b"old: 1\n"
    assert kept["link.metadata.yaml.bak"] == b"a.metadata.yaml"
    before = stamp(path)
    path.write_text("changed: again\n")
    with pytest.raises(SidecarUnreadable):
        keep(os.fsencode(path), before)
    assert "a.metadata.yaml.bak1" not in files(path.parent)


def test_a_copy_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match="full"):
        keep(os.fsencode(path), stamp(path))
    assert list(files(path.parent)) == ["a.metadata.yaml"]


def test_other_errors_are_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_rest: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="read-only"):
        keep(os.fsencode(path), stamp(path))


def test_retiring_renames(path: Path) -> None:
    assert retire(os.fsencode(path), stamp(path)) == os.fsencode(path) + b".bak"
    assert files(path.parent) == {"a.metadata.yaml.bak": b"old: 1\n"}


def test_a_document_inside_a_directory_checkpoint_leaves_its_age(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoint-500"
    directory.mkdir()
    os.utime(directory, ns=(10**18, 10**18))
    path = os.fsencode(directory / "checkpoint.metadata.yaml")
    replace_document(NEW, path, None)
    assert directory.stat().st_mtime_ns == 10**18
    replace_document(NEW, path, Stamp.of(path))
    assert directory.stat().st_mtime_ns == 10**18
    assert sorted(entry.name for entry in directory.iterdir()) == [
        "checkpoint.metadata.yaml",
        "checkpoint.metadata.yaml.bak",
    ]
