"""Documents that come early, late, broken, hostile or from next year, beside real files under a real watcher."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.sidecar.io import write_document
from tests.journeys.harness import (
    Daemon,
    document,
    eventually,
    fresh_picture,
    picture,
    present,
    problems,
    rows,
    service,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def one(database: Path, columns: str, where: str = "1") -> dict[str, Any]:
    """Return the only row there is, empty when there is none yet."""
    found = rows(database, columns, where)
    assert len(found) <= 1
    return found[0] if found else {}


def kinds(database: Path, path: str) -> set[str]:
    return {kind for where, kind, _ in problems(database) if where == path}


# -- order of arrival


def test_a_sidecar_before_its_checkpoint_makes_no_row_until_the_file_is_there(root: Path, database: Path) -> None:
    path = root / "run" / "epoch=3.ckpt"
    path.parent.mkdir()
    with service(root, database):
        write_sidecar(path, epoch=3, hmean=0.75)
        write_checkpoint(root / "marker.ckpt")
        eventually(lambda: [row["path"] for row in rows(database, "path")] == ["marker.ckpt"])
        write_checkpoint(path)
        eventually(lambda: one(database, "hmean", "name = 'epoch=3.ckpt'") == {"hmean": 0.75})
        eventually(lambda: one(database, "read_state", "name = 'epoch=3.ckpt'") == {"read_state": "ok"})


def test_a_sidecar_after_its_checkpoint_fills_the_same_row(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "run" / "model.ckpt")
    with service(root, database):
        eventually(lambda: one(database, "read_state") == {"read_state": "degraded"})
        before = one(database, "id, hmean, epoch, sidecar_state")
        write_sidecar(path, epoch=3, hmean=0.75)
        eventually(lambda: one(database, "read_state") == {"read_state": "ok"})
        after = one(database, "id, hmean, epoch, sidecar_state")
        assert "no_metadata" not in kinds(database, "run/model.ckpt")
    assert before == {"id": after["id"], "hmean": None, "epoch": None, "sidecar_state": None}
    assert after == {"id": before["id"], "hmean": 0.75, "epoch": 3, "sidecar_state": "unverified"}


def test_a_deleted_sidecar_takes_its_values_with_it(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "run" / "epoch=7.ckpt")
    sidecar = write_sidecar(path, epoch=3, hmean=0.75)
    with service(root, database):
        eventually(lambda: one(database, "hmean") == {"hmean": 0.75})
        sidecar.unlink()
        eventually(lambda: one(database, "hmean, epoch, has_sidecar") == {"hmean": None, "epoch": 7, "has_sidecar": 0})
        assert "no_metadata" in kinds(database, "run/epoch=7.ckpt")


# -- broken and mended


def test_an_invalid_sidecar_is_told_and_the_complaint_goes_when_it_is_fixed(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "epoch=3.ckpt")
    sidecar = root / "epoch=3.metadata.yaml"
    with service(root, database):
        sidecar.write_text("training: {epoch: 3\n")
        eventually(lambda: kinds(database, "epoch=3.ckpt") >= {"sidecar_invalid"})
        before = one(database, "id, sidecar_state, has_sidecar, read_state")
        assert before["sidecar_state"] == "invalid"
        assert before["read_state"] == "degraded"
        write_document(document(path, epoch=3, hmean=0.5), sidecar)
        eventually(lambda: one(database, "read_state, hmean") == {"read_state": "ok", "hmean": 0.5})
        assert kinds(database, "epoch=3.ckpt") == set()
        assert one(database, "id")["id"] == before["id"]


@pytest.mark.parametrize(
    "content",
    [
        "training: {epoch: 3\n",
        "",
        "[1, 2]\n",
        "schema_version: '2.0'\nfile: {name: epoch=7.ckpt}\nmetrics: {hmean: high}\n",
    ],
    ids=["syntax", "empty", "list", "wrong type"],
)
def test_a_sidecar_that_turns_invalid_leaves_no_value_of_its_own(root: Path, database: Path, content: str) -> None:
    path = write_checkpoint(root / "epoch=7.ckpt")
    sidecar = write_sidecar(path, epoch=3, hmean=0.75)
    with service(root, database):
        eventually(lambda: one(database, "hmean, backbone") == {"hmean": 0.75, "backbone": "resnet18"})
        sidecar.write_text(content)
        eventually(lambda: one(database, "sidecar_state") == {"sidecar_state": "invalid"})
        row = one(database, "hmean, backbone, epoch, read_state, nested")
        assert (row["hmean"], row["backbone"], row["epoch"]) == (None, None, 7)
        assert row["read_state"] == "degraded"
        assert json.loads(row["nested"]).get("metrics", {}) == {}
        assert any("epoch=7.metadata.yaml" in message for _, _, message in problems(database))


# -- rewritten very often


@pytest.mark.parametrize("way", ["in place", "renamed"])
def test_a_sidecar_rewritten_a_thousand_times_ends_with_its_last_content(root: Path, database: Path, way: str) -> None:
    path = write_checkpoint(root / "last.ckpt")
    sidecar = root / "last.metadata.yaml"
    with service(root, database):
        eventually(lambda: len(rows(database, "id")) == 1)
        for number in range(1000):
            text = yaml.safe_dump(document(path, epoch=number, hmean=number / 1000))
            if way == "in place":
                sidecar.write_text(text)
            else:
                temporary = root / "last.metadata.yaml.tmp"
                temporary.write_text(text)
                temporary.replace(sidecar)
        eventually(
            lambda: one(database, "epoch, hmean, read_state") == {"epoch": 999, "hmean": 0.999, "read_state": "ok"},
            timeout_s=5,
        )
        assert problems(database) == []


# -- names


def test_the_documents_are_tried_in_the_order_of_their_names(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "model.ckpt")
    own, stem, old = (
        root / name for name in ("model.ckpt.metadata.yaml", "model.metadata.yaml", "model.metadata.json")
    )
    for number, sidecar in enumerate((own, stem), start=1):
        write_document(document(path, epoch=number), sidecar)
    old.write_text(json.dumps({"schema_version": "2.0", "file": {"name": "model.ckpt"}, "training": {"epoch": 3}}))
    with service(root, database):
        eventually(lambda: one(database, "epoch") == {"epoch": 1})
        own.unlink()
        eventually(lambda: one(database, "epoch") == {"epoch": 2})
        stem.write_text("not: [valid\n")
        eventually(lambda: one(database, "epoch") == {"epoch": 3})
        assert "sidecar_invalid" in kinds(database, "model.ckpt")
        write_document(document(path, epoch=9), own)
        eventually(lambda: one(database, "epoch") == {"epoch": 9})


def test_a_document_inside_a_directory_checkpoint_describes_it(root: Path, database: Path) -> None:
    directory = root / "run" / "checkpoint-500"
    directory.mkdir(parents=True)
    (directory / "trainer_state.json").write_text("{}")
    (directory / "model.safetensors").write_bytes(b"x")
    with service(root, database):
        eventually(lambda: one(database, "path, kind") == {"path": "run/checkpoint-500", "kind": "directory"})
        inside = directory / "checkpoint.metadata.yaml"
        write_document(document(directory, epoch=5, hmean=0.5), inside)
        eventually(lambda: one(database, "epoch, hmean") == {"epoch": 5, "hmean": 0.5})
        inside.unlink()
        eventually(lambda: one(database, "hmean, has_sidecar") == {"hmean": None, "has_sidecar": 0})


def test_files_that_become_part_of_a_directory_checkpoint_are_no_rows_any_more(root: Path, database: Path) -> None:
    directory = root / "run" / "checkpoint-500"
    for name in ("model.safetensors", "optimizer.pt", "global_step500/mp_rank_00_model_states.pt"):
        write_checkpoint(directory / name)
    with service(root, database):
        eventually(lambda: len(present(database)) == 3)
        (directory / "trainer_state.json").write_text("{}")
        eventually(lambda: [row["path"] for row in rows(database, "path")] == ["run/checkpoint-500"])
        (directory / "trainer_state.json").unlink()
        eventually(lambda: len(present(database)) == 3, what="the files to be checkpoints of their own again")


def test_a_stem_two_files_share_is_reported_and_told_apart(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "best.ckpt")
    other = write_checkpoint(root / "best.safetensors")
    write_sidecar(path, epoch=1, hmean=0.5)
    with service(root, database):
        eventually(lambda: one(database, "hmean", "name = 'best.ckpt'") == {"hmean": 0.5})
        eventually(lambda: one(database, "hmean", "name = 'best.safetensors'") == {"hmean": None})
        eventually(lambda: "shared_stem" in kinds(database, "best.ckpt"))
        eventually(lambda: "sidecar_of_another_file" in kinds(database, "best.safetensors"))
        other.unlink()
        eventually(lambda: "shared_stem" not in kinds(database, "best.ckpt"), what="the complaint to go with its cause")
        assert one(database, "read_state", "name = 'best.ckpt'") == {"read_state": "ok"}
        write_checkpoint(root / "best.pt")
        eventually(lambda: "shared_stem" in kinds(database, "best.ckpt"), what="a newcomer to be noticed")


# -- from the future


FUTURE = "schema_version: '9.9'\nexp_name: later\nquantum: {spin: up}\ntraining: {epoch: 4}\nmetrics: {hmean: 0.875}\n"


def test_a_document_from_the_future_is_listed_searchable_and_never_rewritten(root: Path, database: Path) -> None:
    write_checkpoint(root / "model.ckpt")
    sidecar = root / "model.metadata.yaml"
    sidecar.write_text(FUTURE)
    before = sidecar.stat()
    with service(root, database):
        eventually(lambda: one(database, "sidecar_state") == {"sidecar_state": "from_future"})
        found = one(database, "epoch, hmean, experiment", "experiment = 'later' AND hmean > 0.8")
    assert found == {"epoch": 4, "hmean": 0.875, "experiment": "later"}
    assert kinds(database, "model.ckpt") == {"from_future"}
    after = sidecar.stat()
    assert sidecar.read_text() == FUTURE
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


# -- hostile documents


def _good(name: str) -> str:
    return f"schema_version: '2.0'\nfile: {{name: {name}.ckpt}}\nexp_name: fine\ntraining: {{epoch: 1}}\n"


def _hostile() -> dict[str, bytes]:
    """Return stem -> document."""
    bomb = "a: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    return {
        "wrong-type": (_good("wrong-type") + "metrics: {hmean: [1]}\n").encode(),
        "wrong-root": b"just a text\n",
        "nan": (_good("nan") + "metrics: {hmean: .nan}\n").encode(),
        "infinity": (_good("infinity") + "metrics: {hmean: -.inf}\n").encode(),
        "duplicate-keys": (_good("duplicate-keys") + "exp_name: other\n").encode(),
        "aliases": bomb.encode(),
        "self-alias": b"a: &a [*a]\n",
        "tag": b"a: !!python/object/apply:os.system ['touch canary']\n",
        "brackets": b"a: " + b"[" * 60_000,
        "braces": b"a: " + b"{" * 60_000,
        "json-brackets": b'{"a": ' + b"[" * 60_000,
        "dashes": b"- " * 60_000,
        "indented": b"".join(b" " * n + b"a:\n" for n in range(600)),
        "utf16": _good("utf16").encode("utf-16"),
        "utf16-no-mark": _good("utf16-no-mark").encode("utf-16-le"),
        "latin1": b"exp_name: caf\xe9\n",
        "nul": b"exp_name: a\0b\n",
        "all-nul": b"\0" * 4096,
        "empty": b"",
        "two-documents": b"a: 1\n---\nb: 2\n",
        "merge-key": b"x: &x {epoch: 1}\ntraining: {<<: *x}\n",
        "long-number": b"training: {epoch: " + b"9" * 100_000 + b"}\n",
        "negative-epoch": (
            _good("x").replace("epoch: 1", "epoch: -1").replace("x.ckpt", "negative-epoch.ckpt")
        ).encode(),
        "another-file": _good("somebody-else").encode(),
        "traversal": b"schema_version: '2.0'\nfile: {name: ../../etc/passwd}\ncheckpoint_path: ../../etc/passwd\n",
        "pickle": b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "from-future": FUTURE.encode(),
    }


HOSTILE = _hostile()
HUGE = "huge"


class Seen(NamedTuple):
    database: Path
    root: Path


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All hostile documents in one tree, each beside a checkpoint and a good neighbour, watched by a real daemon."""
    folder = tmp_path_factory.mktemp("hostile")
    root, database = folder / "outputs", folder / "catalog.db"
    root.mkdir()
    with Daemon(root, database) as daemon:
        for stem, content in HOSTILE.items():
            write_checkpoint(root / stem / f"{stem}.ckpt")
            (root / stem / f"{stem}.metadata.yaml").write_bytes(content)
            write_sidecar(write_checkpoint(root / stem / "neighbour.ckpt"), epoch=2, hmean=0.25)
        write_checkpoint(root / HUGE / f"{HUGE}.ckpt")
        with (root / HUGE / f"{HUGE}.metadata.yaml").open("wb") as file:
            file.write(b"a: 1\n")
            file.truncate(100_000_000)
        total = 2 * len(HOSTILE) + 1
        eventually(
            lambda: len(rows(database, "id", "read_state != 'pending'")) == total, timeout_s=40, what="every row read"
        )
        daemon.settle()
        assert daemon.ask(op="health")["status"] == "ok"
        yield Seen(database, root)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log.read_text()


@pytest.mark.parametrize("stem", [*HOSTILE, HUGE])
def test_a_hostile_document_costs_its_own_row_its_metadata_and_says_why(indexed: Seen, stem: str) -> None:
    path = f"{stem}/{stem}.ckpt"
    row = one(indexed.database, "read_state, sidecar_state, presence", f"path = '{path}'")
    assert (row["read_state"], row["presence"]) == ("degraded", "present")
    told = [message for where, _, message in problems(indexed.database) if where == path]
    assert any(f"{stem}.metadata.yaml" in message for message in told), told
    assert all(len(message) < 1000 for message in told)


def test_neighbours_of_hostile_documents_are_read(indexed: Seen) -> None:
    found = rows(indexed.database, "hmean, epoch, read_state", "name = 'neighbour.ckpt'")
    assert found == [{"hmean": 0.25, "epoch": 2, "read_state": "ok"}] * len(HOSTILE)


def test_nothing_in_a_hostile_document_is_run(indexed: Seen) -> None:
    assert list(indexed.root.rglob("canary")) == []
    assert not os.path.lexists(indexed.database.parent / "canary")


def test_hostile_documents_read_the_same_by_a_fresh_scan(indexed: Seen, tmp_path: Path) -> None:
    assert picture(indexed.database) == fresh_picture(indexed.root, tmp_path / "fresh.db")


# -- growing


def test_a_sidecar_written_slowly_ends_right_and_leaves_no_complaint(root: Path, database: Path) -> None:
    path = write_checkpoint(root / "model.ckpt")
    text = yaml.safe_dump(document(path, epoch=6, hmean=0.625))
    with service(root, database):
        with (root / "model.metadata.yaml").open("w") as file:
            for line in text.splitlines(keepends=True):
                file.write(line)
                file.flush()
                time.sleep(0.03)  # the writer's own pace
        eventually(
            lambda: one(database, "epoch, hmean, read_state") == {"epoch": 6, "hmean": 0.625, "read_state": "ok"}
        )
        assert problems(database) == []


def test_a_hard_document_that_goes_or_changes_while_a_child_reads_it_leaves_no_trace(
    root: Path, database: Path
) -> None:
    checkpoint = write_checkpoint(root / "run" / "a.ckpt")
    document = root / "run" / "a.metadata.yaml"
    with service(root, database):
        eventually(lambda: [row["read_state"] for row in rows(database)] == ["degraded"])
        for number in range(12):
            document.write_text(f"schema_version: '2.0'\nfile: {{name: a.ckpt}}\nnotes: &n x{number}\ntags: [*n]\n")
            if number % 2:
                document.unlink()
            else:
                write_sidecar(checkpoint, epoch=number)
            expected: list[tuple[int, int | None]] = [(0, None)] if number % 2 else [(1, number)]
            eventually(partial(_says, database, expected), what=f"{expected} in round {number}")


def _says(database: Path, expected: list[tuple[int, int | None]]) -> bool:
    return [(row["has_sidecar"], row["epoch"]) for row in rows(database)] == expected


def test_a_hard_document_seen_by_an_event_and_a_scan_at_once_is_read(root: Path, database: Path) -> None:
    for number in range(6):
        write_checkpoint(root / "run" / f"{number}.ckpt")
    with service(root, database) as running:
        for turn in range(5):
            for number in range(6):
                text = f"schema_version: '2.0'\nfile: {{name: {number}.ckpt}}\nnotes: &n x{turn}\ntags: [*n]\n"
                (root / "run" / f"{number}.metadata.yaml").write_text(text)
                running.inbox.put(Hint(HintKind.ROOT, os.fsencode(root), b""))
        eventually(lambda: {row["sidecar_state"] for row in rows(database)} == {"invalid"}, what="every document")
        eventually(lambda: {row["read_state"] for row in rows(database)} == {"degraded"}, what="no pending row")

    assert len(rows(database)) == 6
