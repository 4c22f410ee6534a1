"""Checkpoints that only their own bytes and their documents tell of: read, compared, explained, ranked."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.integrations.trainings import quiet
from tests.journeys import real_trees
from tests.journeys.harness import Daemon, eventually, problems, rows, run, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = quiet


def explained(database: Path, ref: str) -> dict[str, list[str]]:
    """Return field -> [value, source, where, what others say] as `show --explain` prints them."""
    done = run(database, "show", ref, "--explain")
    assert done.returncode == 0, done.stderr
    lines = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in done.stdout.splitlines()]
    return {line[0]: line[1:] for line in lines[1:]}


# -- no document at all


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Lightning, trained once: `outputs/dbnet-1/{checkpoints,csv_logs}`."""
    outputs = tmp_path_factory.mktemp("trained") / "outputs"
    real_trees.train(outputs / "dbnet-1")
    return outputs


@pytest.fixture
def tree(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run to change at will."""
    return shutil.copytree(trained, tmp_path / "outputs")


def test_a_training_without_documents_is_read_from_its_files_and_logs(tree: Path, database: Path) -> None:
    summary = json.loads(run(database, "scan", tree, "--json").stdout)
    assert (summary["added"], summary["pending"], summary["degraded"]) == (4, 0, 0)
    found = rows(database, "name, epoch, global_step, monitor, monitor_mode, num_parameters, hmean, source, read_state")
    assert [(row["name"], row["epoch"], row["global_step"]) for row in found] == [
        ("epoch=0-step=4.ckpt", 0, 4),
        ("epoch=1-step=8.ckpt", 1, 8),
        ("epoch=2-step=12.ckpt", 2, 12),
        ("last.ckpt", 2, 12),
    ]
    assert [row["hmean"] for row in found] == pytest.approx([0.3, 0.9, 0.5, 0.5])
    same = {
        "monitor": "val/hmean",
        "monitor_mode": "max",
        "num_parameters": 19,
        "source": "trainer",
        "read_state": "ok",
    }
    assert all(row.items() >= same.items() for row in found)
    best = json.loads(run(database, "best", "--by", "none", "--json").stdout)
    assert [row["name"] for row in best] == ["epoch=1-step=8.ckpt"]


def test_who_said_what_is_told_in_words_and_in_json(tree: Path, database: Path) -> None:
    real_trees.scan(tree, database)
    row = json.loads(run(database, "show", "dbnet-1/checkpoints/epoch=1-step=8.ckpt", "--json").stdout)
    assert row["metrics"] == pytest.approx({"val/hmean": 0.9, "val/loss": 8.847349})
    assert row["metrics_step"] == 8
    assert row["params"] == {"lr": 0.1, "scores": [0.3, 0.9, 0.5]}
    said = row["provenance"]
    assert {said[field] for field in ("epoch", "global_step", "monitor", "num_parameters", "params")} == {"header"}
    assert (said["metrics"], said["experiment"]) == ("trainer", "names")
    lines = explained(database, "dbnet-1/checkpoints/epoch=1-step=8.ckpt")
    assert lines["epoch"][:3] == ["1", "header", "torch_zip"]
    assert lines["metrics.val/hmean"][:3] == ["0.9000", "trainer", "dbnet-1/csv_logs/version_0/metrics.csv"]


def test_formats_tell_the_same_facts(root: Path, database: Path) -> None:
    real_trees.save(root / "zip.ckpt", real_trees.state(3, 300))
    real_trees.save(root / "legacy.pth", real_trees.state(3, 300), legacy=True)
    real_trees.save_late(root / "late.pt", 3, 300)
    real_trees.save_safetensors(root / "weights.safetensors", 3, 300)
    real_trees.scan(root, database)
    found = {row["name"]: row for row in rows(database, "name, format, epoch, global_step, num_parameters, weights_id")}
    assert {name: row["format"] for name, row in found.items()} == {
        "zip.ckpt": "torch_zip",
        "late.pt": "torch_zip",
        "legacy.pth": "torch_legacy",
        "weights.safetensors": "safetensors",
    }
    same = {"epoch": 3, "global_step": 300, "num_parameters": real_trees.PARAMETERS}
    assert [name for name, row in found.items() if not row.items() >= same.items()] == []


# -- documents that are wrong


WRITERS: dict[str, tuple[str, Any]] = {
    "by its first bytes": ("best.ckpt", lambda path, epoch, step: real_trees.save(path, real_trees.state(epoch, step))),
    "counters late": ("best.ckpt", real_trees.save_late),
    "legacy": ("best.pth", lambda path, epoch, step: real_trees.save(path, real_trees.state(epoch, step), legacy=True)),
    "safetensors": ("best.safetensors", real_trees.save_safetensors),
}
"""How a file tells its counters -> its name, and who writes it with an epoch and a global step."""


@pytest.mark.parametrize("way", WRITERS)
def test_a_document_of_a_later_epoch_is_contradicted_and_never_ranked(root: Path, database: Path, way: str) -> None:
    name, write = WRITERS[way]
    wrong = write(root / "exp" / name, 3, 300)
    real_trees.replaced_sidecar(wrong, epoch=6, global_step=600, hmean=0.99)
    right = real_trees.save(root / "other" / "right.ckpt", real_trees.state(5, 500))
    real_trees.replaced_sidecar(right, epoch=5, global_step=500, hmean=0.8)
    real_trees.scan(root, database)
    row = real_trees.shown(database, f"exp/{name}")
    assert (row["sidecar_state"], row["epoch"], row["global_step"], row["hmean"]) == ("contradicted", 3, 300, None)
    assert (row["read_state"], [problem["kind"] for problem in row["problems"]]) == (
        "degraded",
        ["sidecar_contradicted"],
    )
    assert row["metrics"].get("hmean") is None
    assert row["backbone"] == "resnet18", "what the training was is not doubted"
    kept = {(entry["field"], entry["kept"], entry["other"], entry["other_source"]) for entry in row["conflicts"]}
    assert kept >= {
        ("epoch", 3, 6, "sidecar"),
        ("global_step", 300, 600, "sidecar"),
        ("metrics.hmean", None, 0.99, "sidecar"),
    }
    assert real_trees.best(database) == ["other/right.ckpt"]


def test_a_contradiction_is_explained_on_the_command_line(root: Path, database: Path) -> None:
    path = real_trees.save(root / "best.ckpt", real_trees.state(3, 300))
    real_trees.replaced_sidecar(path, epoch=6, global_step=600, hmean=0.99)
    real_trees.scan(root, database)
    lines = explained(database, "best.ckpt")
    assert lines["epoch"][:2] == ["3", "header"]
    assert lines["epoch"][-1] == "sidecar: 6"
    assert lines["metrics.hmean"][-1] == "sidecar: 0.9900"
    done = run(database, "best")
    assert (done.returncode, done.stdout.strip()) == (0, "")


@pytest.mark.parametrize("way", WRITERS)
def test_a_document_that_agrees_with_its_file_is_verified(root: Path, database: Path, way: str) -> None:
    name, write = WRITERS[way]
    real_trees.replaced_sidecar(write(root / "exp" / name, 0, 100), epoch=0, global_step=100, hmean=0.8)
    real_trees.scan(root, database)
    row = real_trees.shown(database, f"exp/{name}")
    assert (row["sidecar_state"], row["read_state"], row["epoch"], row["hmean"]) == ("verified", "ok", 0, 0.8)
    assert (row["conflicts"], row["problems"]) == ([], [])


def test_a_document_tied_to_its_file_is_believed_without_opening_it(root: Path, database: Path) -> None:
    path = real_trees.put(root / "best.ckpt", b"no checkpoint at all, and nobody looks")
    real_trees.own_sidecar(path)
    real_trees.scan(root, database)
    assert rows(database, "sidecar_state, read_state, epoch, hmean, format, num_parameters") == [
        {
            "sidecar_state": "verified",
            "read_state": "ok",
            "epoch": 3,
            "hmean": 0.75,
            "format": None,
            "num_parameters": None,
        }
    ]


def test_a_contradicted_document_is_replaced_while_the_daemon_runs(root: Path, database: Path) -> None:
    path = real_trees.save(root / "best.ckpt", real_trees.state(3, 300))
    real_trees.replaced_sidecar(path, epoch=6, global_step=600, hmean=0.99)
    with service(root, database):
        eventually(lambda: [row["sidecar_state"] for row in rows(database, "sidecar_state")] == ["contradicted"])
        real_trees.replaced_sidecar(path, epoch=3, global_step=300, hmean=0.5)
        expected = {"sidecar_state": "verified", "read_state": "ok", "hmean": 0.5}
        eventually(lambda: rows(database, "sidecar_state, read_state, hmean") == [expected])
        eventually(lambda: problems(database) == [])


# -- what nobody waits for


FILLED = "name, num_parameters, content_id, weights_id, format, header_read, read_state"


def is_filled(row: dict[str, Any]) -> bool:
    learned = {"num_parameters": real_trees.PARAMETERS, "format": "torch_zip", "header_read": 1, "read_state": "ok"}
    return row.items() >= learned.items() and bool(row["content_id"] and row["weights_id"])


def documented(root: Path, count: int) -> list[Path]:
    """Write checkpoints with complete documents that are tied to them."""
    paths = [
        real_trees.save(root / f"run-{number}" / "best.ckpt", real_trees.state(seed=number)) for number in range(count)
    ]
    for path in paths:
        real_trees.own_sidecar(path)
    return paths


def test_a_scan_leaves_headers_that_nobody_needs_and_a_full_scan_reads_them(root: Path, database: Path) -> None:
    documented(root, 3)
    real_trees.scan(root, database)
    assert [(row["header_read"], row["num_parameters"], row["content_id"]) for row in rows(database, FILLED)] == [
        (0, None, None)
    ] * 3
    assert real_trees.scan(root, database, full=True)["changed"] == 3
    assert all(is_filled(row) for row in rows(database, FILLED))
    assert [row["hmean"] for row in rows(database, "hmean")] == [0.75] * 3


def test_idle_time_fills_verified_rows_that_stay_ok_meanwhile(root: Path, database: Path) -> None:
    documented(root, 3)
    link = root / "run-0" / "last.ckpt"
    link.symlink_to("best.ckpt")
    (root / "run-1" / "copy.ckpt").hardlink_to(root / "run-1" / "best.ckpt")
    real_trees.scan(root, database)
    with service(root, database):
        states: set[str] = set()

        def filled() -> bool:
            found = rows(database, FILLED)
            states.update(row["read_state"] for row in found)
            return len(found) == 5 and all(is_filled(row) for row in found)

        eventually(filled)
    assert states == {"ok"}
    found = {row["path"]: row for row in rows(database, "path, id, alias_of, content_id, hmean, rankable")}
    for alias, target in (("run-0/last.ckpt", "run-0/best.ckpt"), ("run-1/copy.ckpt", "run-1/best.ckpt")):
        assert found[alias]["alias_of"] == found[target]["id"]
        assert (found[alias]["content_id"], found[alias]["rankable"]) == (found[target]["content_id"], 0)
        assert found[alias]["hmean"] == found[target]["hmean"]


def test_what_was_learned_of_a_file_stays_when_its_document_or_its_name_changes(root: Path, database: Path) -> None:
    edited, renamed = documented(root, 2)
    real_trees.scan(root, database, full=True)
    before = rows(database, "id, content_id, weights_id, num_parameters")
    real_trees.own_sidecar(edited, tags=["kept"])
    renamed.rename(renamed.with_name("chosen.ckpt"))
    renamed.with_name("best.metadata.yaml").unlink()
    real_trees.own_sidecar(renamed.with_name("chosen.ckpt"))
    real_trees.scan(root, database)
    assert rows(database, "id, content_id, weights_id, num_parameters") == before
    assert [row["name"] for row in rows(database, "name")] == ["best.ckpt", "chosen.ckpt"]
    assert real_trees.shown(database, "run-0/best.ckpt")["tags"] == ["kept"]


def test_idle_time_tells_of_a_file_that_its_document_called_whole(root: Path, database: Path) -> None:
    path = real_trees.put(root / "best.ckpt", b"no checkpoint at all, and nobody looks")
    real_trees.own_sidecar(path)
    with service(root, database):
        eventually(lambda: [row["header_read"] for row in rows(database, "header_read")] == [1])
    row = rows(database, "read_state, epoch, hmean")[0]
    assert row == {"read_state": "degraded", "epoch": 3, "hmean": 0.75}
    assert [kind for _, kind, _ in problems(database)] == ["unknown_format"]


# -- torch


def mapped(pid: int) -> str:
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        return file.read()


def test_the_daemon_and_its_readers_never_load_torch(root: Path, database: Path) -> None:
    real_trees.save(root / "zip.ckpt", real_trees.state(3, 300))
    real_trees.save(root / "legacy.pth", real_trees.state(3, 300), legacy=True)
    with Daemon(root, database) as daemon:
        eventually(lambda: [row["epoch"] for row in rows(database, "epoch")] == [3, 3])
        daemon.settle()
        pids = [daemon.process.pid, *real_trees.children_of(daemon.process.pid)]
        assert len(pids) > 1
        assert [pid for pid in pids if "libtorch" in mapped(pid) or "site-packages/torch/" in mapped(pid)] == []
        assert daemon.stop() == 0


def beyond_the_machine(path: Path) -> Path:
    """Write a file whose pickle is longer than the machine reads: a text of 65 MiB comes before everything else."""
    return real_trees.save(path, {"notes": "x" * (65 << 20), **real_trees.state(3, 300)})


def test_torch_reads_what_nothing_else_can_in_a_child_of_its_own(root: Path, database: Path) -> None:
    beyond_the_machine(root / "best.ckpt")
    with Daemon(root, database) as daemon:
        columns = "epoch, global_step, num_parameters, read_state"
        expected = {"epoch": 3, "global_step": 300, "num_parameters": real_trees.PARAMETERS, "read_state": "ok"}
        eventually(lambda: rows(database, columns) == [expected], timeout_s=30)
        assert rows(database, "content_id")[0]["content_id"] is not None
        assert "libtorch" not in mapped(daemon.process.pid)
        assert daemon.stop() == 0


def test_torch_can_be_switched_off(root: Path, database: Path) -> None:
    beyond_the_machine(root / "best.ckpt")
    (database.parent / "ckpt-indexer.toml").write_text('[readers]\ntorch = "off"\n')
    real_trees.scan(root, database)
    found = rows(database, "epoch, num_parameters, read_state")
    assert found == [{"epoch": None, "num_parameters": None, "read_state": "unreadable"}]
    assert {kind for _, kind, _ in problems(database)} == {"limit"}
