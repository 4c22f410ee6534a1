from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sources.around import MAX_DIRECTORIES, Around, ancestors, place_of, run_levels

if TYPE_CHECKING:
    from pathlib import Path

LATER_NS = 1 << 62


def around() -> Around:
    return Around(clock=lambda: LATER_NS)


def test_only_names_that_a_source_reads_are_listed(tmp_path: Path) -> None:
    for name in ("metrics.csv", "x.ckpt", "x.config.yaml", "notes.txt", "events.out.tfevents.1.h", ".x.config.yaml"):
        (tmp_path / name).write_text("")
    for name in ("version_2", "version_10", "other", "csv_logs", "20250101_101010", "hparams.yaml"):
        (tmp_path / name).mkdir()
    listed = around().listed(os.fsencode(tmp_path), b"")
    assert listed.files == {b"metrics.csv", b"x.config.yaml", b"events.out.tfevents.1.h"}
    assert listed.directories == (b"csv_logs", b"20250101_101010", b"version_10", b"version_2")


def test_a_linked_directory_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "outside" / "version_0").mkdir(parents=True)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "lightning_logs").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "run").symlink_to(tmp_path / "outside")
    root = os.fsencode(tmp_path / "root")
    assert around().listed(root, b"").directories == ()
    assert around().listed(root, b"run").directories == ()


def test_of_many_versions_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(MAX_DIRECTORIES + 20):
        (tmp_path / f"version_{number}").mkdir()
    directories = around().listed(os.fsencode(tmp_path), b"").directories
    assert len(directories) == MAX_DIRECTORIES
    assert directories[0] == b"version_83"


def test_an_unchanged_directory_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metrics.csv").write_text("")
    looking, root = around(), os.fsencode(tmp_path)
    first = looking.listed(root, b"")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", None)  # calling it would fail
        assert looking.listed(root, b"") is first
    (tmp_path / "args.yaml").write_text("")
    assert looking.listed(root, b"").files == {b"metrics.csv", b"args.yaml"}


def test_a_directory_that_just_changed_is_listed_again(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("")
    changed_ns = tmp_path.stat().st_mtime_ns
    now_ns = [changed_ns + 1_000_000]
    looking, root = Around(clock=lambda: now_ns[0]), os.fsencode(tmp_path)
    looking.listed(root, b"")
    (tmp_path / "args.yaml").write_text("")
    os.utime(tmp_path, ns=(changed_ns, changed_ns))
    now_ns[0] += 30_000_000
    assert looking.listed(root, b"").files == {b"metrics.csv", b"args.yaml"}


def test_a_clock_of_whole_seconds_is_trusted_later(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("")
    second_ns = 1_700_000_000 * 10**9
    os.utime(tmp_path, ns=(second_ns, second_ns))
    now_ns = [second_ns + 10**9]
    looking, root = Around(clock=lambda: now_ns[0]), os.fsencode(tmp_path)
    looking.listed(root, b"")
    (tmp_path / "args.yaml").write_text("")
    os.utime(tmp_path, ns=(second_ns, second_ns))
    now_ns[0] += 10**9
    assert looking.listed(root, b"").files == {b"metrics.csv", b"args.yaml"}


def test_what_is_no_directory_has_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (b"file", b"absent", b"absent/deeper"):
        assert around().listed(os.fsencode(tmp_path), directory) == (frozenset(), ())


def test_a_place_is_anything_but_a_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/nowhere")
    (tmp_path / "folder").mkdir()
    root = os.fsencode(tmp_path)
    assert place_of(root, b"pipe") is not None
    assert place_of(root, b"link") is not None
    assert place_of(root, b"folder") is None
    assert place_of(root, b"absent") is None
    assert place_of(root, b"a\0b") is None


@pytest.mark.parametrize(
    ("directory", "levels"),
    [
        (b"exp/checkpoints", (b"exp/checkpoints", b"exp")),
        (b"exp", (b"exp",)),
        (b"", (b"",)),
        (b"checkpoints", (b"checkpoints", b"")),
        (
            b"a/lightning_logs/version_0/checkpoints",
            (b"a/lightning_logs/version_0/checkpoints", b"a/lightning_logs/version_0"),
        ),
        (b"a/checkpoints/epoch=3-val", (b"a/checkpoints/epoch=3-val", b"a/checkpoints", b"a")),
        (b"runs/train/weights", (b"runs/train/weights", b"runs/train")),
    ],
)
def test_levels_go_from_the_checkpoints_to_their_run(directory: bytes, levels: tuple[bytes, ...]) -> None:
    assert run_levels(directory) == levels


def test_ancestors_end_with_the_root() -> None:
    assert ancestors(b"a/b") == (b"a/b", b"a", b"")
    assert ancestors(b"") == (b"",)
