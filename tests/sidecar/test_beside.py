from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind
from ckpt_indexer.errors import NeedsChild, SidecarInvalid, SidecarUnreadable
from ckpt_indexer.sidecar import beside
from ckpt_indexer.sidecar.beside import find_document, shared_stem
from ckpt_indexer.sidecar.loading import parse_inline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Candidate]


def _write(path: Path, text: str = "a: 1\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _attempts(made: Candidate) -> list[beside.Attempt]:
    found = find_document(made, parse=parse_inline)
    assert found is not None
    return list(found)


def test_a_checkpoint_without_a_document_has_none(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "run/best.ckpt")
    _write(tmp_path / "run/other.metadata.yaml")
    assert find_document(candidate("run/best.ckpt"), parse=parse_inline) is None


def test_documents_are_found_under_all_names_in_order(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "run/best.pth.tar")
    _write(tmp_path / "run/best.metadata.json", '{"a": 3}')
    _write(tmp_path / "run/best.metadata.yaml", "a: 2\n")
    _write(tmp_path / "run/best.pth.tar.metadata.yaml", "a: 1\n")
    found = find_document(candidate("run/best.pth.tar"), parse=parse_inline)
    assert found is not None
    assert [(attempt.name, attempt.document, attempt.error) for attempt in found] == [
        (b"best.pth.tar.metadata.yaml", {"a": 1}, None),
        (b"best.metadata.yaml", {"a": 2}, None),
        (b"best.metadata.json", {"a": 3}, None),
    ]


def test_an_attempt_names_path_and_stamp(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "run/best.ckpt")
    _write(tmp_path / "run/best.metadata.yaml")
    found = (tmp_path / "run/best.metadata.yaml").stat()
    (attempt,) = _attempts(candidate("run/best.ckpt"))
    assert (attempt.path, attempt.stamp) == (b"run/best.metadata.yaml", FileStamp(5, found.st_mtime_ns))


def test_a_checkpoint_at_the_top_of_its_root_is_served(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "epoch=3-loss=0.25.ckpt")
    _write(tmp_path / "epoch=3-loss=0.25.metadata.yaml")
    (attempt,) = _attempts(candidate("epoch=3-loss=0.25.ckpt"))
    assert attempt.path == b"epoch=3-loss=0.25.metadata.yaml"


def test_only_the_documents_asked_for_are_read(
    tmp_path: Path, candidate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "best.ckpt")
    _write(tmp_path / "best.ckpt.metadata.yaml")
    _write(tmp_path / "best.metadata.yaml")
    real, opened = os.open, []

    def count(path: bytes, flags: int) -> int:
        opened.append(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", count)
    found = find_document(candidate("best.ckpt"), parse=parse_inline)
    assert next(iter(found or ())).document == {"a": 1}
    monkeypatch.undo()
    assert len(opened) == 1


def test_a_bad_document_is_an_attempt_and_the_next_is_tried(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "best.ckpt")
    _write(tmp_path / "best.ckpt.metadata.yaml", "a: [\n")
    _write(tmp_path / "best.metadata.yaml", "a: 2\n")
    bad, good = _attempts(candidate("best.ckpt"))
    assert isinstance(bad.error, SidecarUnreadable)
    assert (bad.document, bad.error.path, bad.stamp.size_bytes) == (None, "best.ckpt.metadata.yaml", 5)
    assert (good.document, good.error) == ({"a": 2}, None)


@pytest.mark.parametrize("text", ["", "- 1\n", "text\n", "[1]", "# nothing\n"])
def test_a_document_that_is_no_mapping_is_invalid(tmp_path: Path, candidate: Make, text: str) -> None:
    _write(tmp_path / "best.ckpt")
    _write(tmp_path / "best.metadata.yaml", text)
    (attempt,) = _attempts(candidate("best.ckpt"))
    assert isinstance(attempt.error, SidecarInvalid)


def test_a_fifo_and_a_directory_are_problems_not_hangs(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "best.ckpt")
    os.mkfifo(tmp_path / "best.metadata.yaml")
    (tmp_path / "best.ckpt.metadata.yaml").mkdir()
    attempts = _attempts(candidate("best.ckpt"))
    assert [attempt.error is not None and attempt.error.details["reason"] for attempt in attempts] == [
        "not_regular"
    ] * 2


def test_a_document_that_went_meanwhile_is_left_out(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "best.ckpt")
    _write(tmp_path / "best.metadata.yaml")
    found = find_document(candidate("best.ckpt"), parse=parse_inline)
    (tmp_path / "best.metadata.yaml").unlink()
    assert list(found or ()) == []


def test_a_linked_document_is_followed_within_the_root(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "run/best.ckpt")
    _write(tmp_path / "run/best.metadata.yaml", "a: 12\n")
    (tmp_path / "run/last.ckpt").symlink_to("best.ckpt")
    (tmp_path / "run/last.metadata.yaml").symlink_to("best.metadata.yaml")
    link, target = (tmp_path / "run/last.metadata.yaml").lstat(), (tmp_path / "run/best.metadata.yaml").stat()
    (attempt,) = _attempts(candidate("run/last.ckpt", Kind.SYMLINK))
    assert attempt.document == {"a": 12}
    assert attempt.stamp == FileStamp(link.st_size, link.st_mtime_ns)
    assert attempt.target == (b"run/best.metadata.yaml", FileStamp(6, target.st_mtime_ns))


def test_a_link_out_of_the_root_is_a_problem(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "best.ckpt")
    (tmp_path / "best.metadata.yaml").symlink_to("/etc/hostname")
    (attempt,) = _attempts(candidate("best.ckpt"))
    assert attempt.error is not None
    assert attempt.error.details["reason"] == "outside_root"


def test_a_document_for_a_child_is_not_swallowed(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "best.ckpt")
    _write(tmp_path / "best.metadata.yaml", "a: &x 1\nb: *x\n")
    with pytest.raises(NeedsChild):
        _attempts(candidate("best.ckpt"))


def test_a_directory_checkpoint_has_its_document_inside_first(tmp_path: Path, candidate: Make) -> None:
    _write(tmp_path / "run/checkpoint-10/checkpoint.metadata.yaml", "a: 1\n")
    _write(tmp_path / "run/checkpoint-10.metadata.yaml", "a: 2\n")
    found = find_document(candidate("run/checkpoint-10", Kind.DIRECTORY), parse=parse_inline)
    assert [(attempt.path, attempt.document) for attempt in found or ()] == [
        (b"run/checkpoint-10/checkpoint.metadata.yaml", {"a": 1}),
        (b"run/checkpoint-10.metadata.yaml", {"a": 2}),
    ]


def test_names_of_any_bytes_are_served(tmp_path: Path) -> None:
    root, name = os.fsencode(tmp_path.resolve()), b"-\xff\n'e=1"
    for suffix in (b".ckpt", b".metadata.yaml"):
        with open(root + b"/" + name + suffix, "wb") as file:  # bytes
            file.write(b"a: 1\n")
    found = os.stat(root + b"/" + name + b".ckpt")  # bytes
    made = Candidate(root, name + b".ckpt", Kind.FILE, Fingerprint.of(found))
    (attempt,) = _attempts(made)
    assert (attempt.name, attempt.document) == (name + b".metadata.yaml", {"a": 1})


def test_checkpoints_of_the_same_stem_are_named(tmp_path: Path, candidate: Make) -> None:
    for name in ("best.ckpt", "best.safetensors", "best.pth.tar", "best2.ckpt", "best.metadata.yaml"):
        _write(tmp_path / "run" / name)
    assert set(shared_stem(candidate("run/best.ckpt"))) == {b"best.safetensors", b"best.pth.tar"}
    assert shared_stem(candidate("run/best2.ckpt")) == ()


def test_a_root_that_is_the_whole_disk_joins_cleanly() -> None:
    assert beside._absolute(b"/", b"x/y") == b"/x/y"


def test_existing_documents_are_listed_without_being_opened(
    tmp_path: Path, candidate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "run/best.ckpt")
    _write(tmp_path / "run/best.metadata.yaml")
    made = candidate("run/best.ckpt")
    stamp = FileStamp(5, (tmp_path / "run/best.metadata.yaml").stat().st_mtime_ns)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    assert beside.documents_of(made) == ((b"run/best.metadata.yaml", stamp),)
