"""Files that move, are linked or rewritten: what a person said about them, and who they are, goes with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer import app
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.store.writer import open_writer
from tests.journeys.harness import (
    eventually,
    fresh_picture,
    picture,
    present,
    rows,
    run,
    service,
    settings_for,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from pathlib import Path


def by_path(database: Path, columns: str = "id", where: str = "presence = 'present'") -> dict[str, Any]:
    """Return path -> the value of one column, of present rows."""
    return {row["path"]: row[columns] for row in rows(database, f"path, {columns}", where)}


def annotate(database: Path, path: bytes, **edit: Any) -> None:
    """Tag, note or pin as a person would, while no daemon runs."""
    with open_writer(database) as writer:
        root_id = writer.roots()[0].id
        writer.annotate(root_id, path, Edit(**edit))


def said(database: Path, path: str) -> tuple[str | None, int]:
    row = rows(database, "notes, pinned", f"path = '{path}' AND presence = 'present'")[0]
    return row["notes"], row["pinned"]


def scan(root: Path, database: Path, *more: Path) -> None:
    app.scan(settings_for(database), [root, *more], full=False, progress=None)


# -- moves


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "between two scans"])
def test_a_renamed_file_keeps_its_id_and_what_was_said(root: Path, database: Path, watched: bool) -> None:
    path = write_checkpoint(root / "run" / "epoch=1.ckpt")
    sidecar = write_sidecar(path, epoch=1, hmean=0.5)
    scan(root, database)
    before = by_path(database)["run/epoch=1.ckpt"]
    annotate(database, b"run/epoch=1.ckpt", notes="mine", pinned=True)

    def rename() -> None:
        path.rename(root / "run" / "chosen.ckpt")
        sidecar.rename(root / "run" / "chosen.metadata.yaml")

    if watched:
        with service(root, database):
            rename()
            expected = fresh_picture(root, database.with_name("fresh.db"))
            eventually(lambda: picture(database) == expected)
    else:
        rename()
        scan(root, database)
    assert by_path(database) == {"run/chosen.ckpt": before}
    assert said(database, "run/chosen.ckpt") == ("mine", 1)
    assert picture(database) == fresh_picture(root, database.with_name("fresh.db"))


def test_a_renamed_directory_keeps_ids_notes_and_metadata(root: Path, database: Path) -> None:
    for number in range(10):
        write_sidecar(write_checkpoint(root / "old" / f"epoch={number}.ckpt"), epoch=number, hmean=number / 10)
    scan(root, database)
    before = by_path(database)
    annotate(database, b"old/epoch=3.ckpt", notes="three")
    with service(root, database):
        (root / "old").rename(root / "new")
        eventually(lambda: len(by_path(database)) == 10 and all(path.startswith("new/") for path in by_path(database)))
        eventually(lambda: set(by_path(database, "read_state").values()) == {"ok"})
    assert by_path(database) == {path.replace("old/", "new/"): number for path, number in before.items()}
    assert by_path(database, "hmean")["new/epoch=3.ckpt"] == 0.3
    assert by_path(database, "experiment")["new/epoch=3.ckpt"] == "old"
    assert said(database, "new/epoch=3.ckpt") == ("three", 0)
    assert rows(database, "id", "presence != 'present'") == []


def test_a_file_moved_to_another_root_keeps_its_id(tmp_path: Path, database: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    path = write_checkpoint(one / "best.ckpt")
    scan(one, database, two)
    before = by_path(database)["best.ckpt"]
    annotate(database, b"best.ckpt", notes="mine")
    with service([one, two], database):
        path.rename(two / "best.ckpt")
        eventually(lambda: rows(database, "id, root") == [{"id": before, "root": "two"}])
    assert said(database, "best.ckpt") == ("mine", 0)


def test_two_files_that_trade_names_keep_their_rows_apart(root: Path, database: Path) -> None:
    first, second = write_checkpoint(root / "a.ckpt", size=10), write_checkpoint(root / "b.ckpt", size=20)
    sizes = (first.stat().st_size, second.stat().st_size)
    with service(root, database):
        eventually(lambda: len(by_path(database)) == 2)
        first.rename(root / "c.tmp")
        second.rename(first)
        (root / "c.tmp").rename(second)
        eventually(lambda: by_path(database, "size_bytes") == {"a.ckpt": sizes[1], "b.ckpt": sizes[0]})
        eventually(lambda: rows(database, "id", "presence != 'present' OR read_state = 'pending'") == [])
    assert picture(database) == fresh_picture(root, database.with_name("fresh.db"))


def test_a_file_that_comes_back_takes_up_its_row(root: Path, database: Path, tmp_path: Path) -> None:
    path = write_checkpoint(root / "a.ckpt")
    with service(root, database):
        eventually(lambda: len(by_path(database)) == 1)
        before = by_path(database)
        path.rename(tmp_path / "away")
        eventually(lambda: not by_path(database))
        (tmp_path / "away").rename(path)
        eventually(lambda: by_path(database) == before)


# -- rewritten in place


@pytest.mark.parametrize("way", ["in place", "renamed over"])
def test_a_rewritten_file_keeps_its_id_and_its_annotations_are_flagged(root: Path, database: Path, way: str) -> None:
    path = write_checkpoint(root / "last.ckpt", size=10)
    scan(root, database)
    before = by_path(database)
    annotate(database, b"last.ckpt", notes="mine", pinned=True)
    with service(root, database):
        if way == "in place":
            write_checkpoint(path, size=999)
        else:
            write_checkpoint(root / "last.ckpt.tmp", size=999).replace(path)
        eventually(lambda: by_path(database, "size_bytes") == {"last.ckpt": path.stat().st_size})
    assert by_path(database) == before
    assert said(database, "last.ckpt") == ("mine", 1)
    with open_writer(database) as writer:
        flags = writer._session.rows("SELECT rewritten FROM annotations")
    assert flags == [(1,)]


# -- links


def test_a_symlink_is_an_alias_with_the_facts_of_its_target(root: Path, database: Path) -> None:
    best = write_checkpoint(root / "run" / "epoch=4.ckpt")
    sidecar = write_sidecar(best, epoch=4, hmean=0.5)
    with service(root, database):
        (root / "run" / "last.ckpt").symlink_to("epoch=4.ckpt")
        eventually(lambda: by_path(database, "hmean") == {"run/epoch=4.ckpt": 0.5, "run/last.ckpt": 0.5})
        ids = by_path(database)
        assert by_path(database, "alias_of") == {"run/epoch=4.ckpt": None, "run/last.ckpt": ids["run/epoch=4.ckpt"]}
        assert by_path(database, "rankable") == {"run/epoch=4.ckpt": 1, "run/last.ckpt": 0}
        sidecar.unlink()
        write_sidecar(best, epoch=4, hmean=0.75)
        eventually(lambda: by_path(database, "hmean") == {"run/epoch=4.ckpt": 0.75, "run/last.ckpt": 0.75})
        later = write_checkpoint(root / "run" / "epoch=5.ckpt")
        write_sidecar(later, epoch=5, hmean=0.875)
        (root / "run" / "last.ckpt.tmp").symlink_to("epoch=5.ckpt")
        (root / "run" / "last.ckpt.tmp").rename(root / "run" / "last.ckpt")
        eventually(lambda: by_path(database, "hmean").get("run/last.ckpt") == 0.875)
        assert by_path(database, "alias_of")["run/last.ckpt"] == by_path(database)["run/epoch=5.ckpt"]
        later.unlink()
        eventually(lambda: list(by_path(database)) == ["run/epoch=4.ckpt"])


def test_a_hard_link_is_an_alias_and_takes_over_when_the_first_name_goes(root: Path, database: Path) -> None:
    first = write_checkpoint(root / "a.ckpt")
    write_sidecar(first, epoch=4, hmean=0.5)
    with service(root, database):
        eventually(lambda: by_path(database, "hmean") == {"a.ckpt": 0.5})
        os.link(first, root / "b.ckpt")
        eventually(lambda: by_path(database, "alias_of") == {"a.ckpt": None, "b.ckpt": by_path(database)["a.ckpt"]})
        assert by_path(database, "hmean") == {"a.ckpt": 0.5, "b.ckpt": 0.5}
        first.unlink()
        eventually(lambda: by_path(database, "alias_of") == {"b.ckpt": None})
        eventually(lambda: picture(database) == fresh_picture(root, database.with_name("fresh.db")))


def test_a_hard_link_in_another_root_is_an_alias_too(tmp_path: Path, database: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    first = write_checkpoint(one / "a.ckpt")
    os.link(first, two / "a.ckpt")
    with service([one, two], database):
        eventually(lambda: len(rows(database, "id", "read_state != 'pending'")) == 2)
        eventually(lambda: len(rows(database, "id", "alias_of IS NOT NULL")) == 1)
    assert rows(database, "root", "alias_of IS NULL") == [{"root": "one"}]


def test_files_that_change_places_at_once_all_keep_a_row(root: Path, database: Path) -> None:
    for name in ("old.ckpt", "last.ckpt", "new.ckpt"):
        write_checkpoint(root / name, size=len(name) * 10)
    assert run(database, "scan", root).returncode == 0
    for names in (("last.ckpt", "prev.ckpt"), ("new.ckpt", "last.ckpt"), ("old.ckpt", "new.ckpt")):
        (root / names[0]).rename(root / names[1])

    assert run(database, "scan", root).returncode == 0

    assert present(database) == ["last.ckpt", "new.ckpt", "prev.ckpt"]
    sizes = {row["path"]: row["size_bytes"] for row in rows(database, "path, size_bytes", "presence = 'present'")}
    assert sizes == {name: (root / name).stat().st_size for name in ("last.ckpt", "new.ckpt", "prev.ckpt")}


def test_a_file_renamed_away_and_replaced_at_once_keeps_both_rows_while_watched(root: Path, database: Path) -> None:
    write_checkpoint(root / "last.ckpt", size=100)
    with service(root, database):
        eventually(lambda: present(database) == ["last.ckpt"])
        for number in range(20):
            (root / "last.ckpt").rename(root / f"prev-{number:02}.ckpt")
            write_checkpoint(root / "last.tmp", size=200 + number).rename(root / "last.ckpt")
        expected = ["last.ckpt", *(f"prev-{number:02}.ckpt" for number in range(20))]
        eventually(lambda: present(database) == expected, what="twenty-one rows")

    assert len(rows(database, "id")) == 21


def test_a_link_that_led_nowhere_is_found_when_its_target_comes(root: Path, database: Path) -> None:
    (root / "late.ckpt").symlink_to("target.ckpt")
    with service(root, database):
        (root / "early.ckpt").symlink_to("target.ckpt")
        write_checkpoint(root / "target.ckpt")
        eventually(lambda: present(database) == ["early.ckpt", "late.ckpt", "target.ckpt"])
        (root / "target.ckpt").unlink()
        eventually(lambda: present(database) == [])
        write_checkpoint(root / "target.ckpt")
        eventually(lambda: present(database) == ["early.ckpt", "late.ckpt", "target.ckpt"])

    aliases = rows(database, "path", "alias_of IS NOT NULL")
    assert [row["path"] for row in aliases] == ["early.ckpt", "late.ckpt"]
