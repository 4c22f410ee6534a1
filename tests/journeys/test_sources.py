"""Configs, logs and documents that come, grow, change and go around real checkpoints: rows follow them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integrations.trainings import quiet
from tests.journeys import real_trees
from tests.journeys.harness import Daemon, eventually, fresh_picture, picture, rows, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = quiet

HYDRA = {
    "model": {"architecture_name": "dbnet", "encoder": {"model_name": "resnet50"}, "decoder": {"name": "fpn_decoder"}},
    "trainer": {"max_epochs": 40},
    "exp_name": "from-hydra",
}


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


def columns(database: Path, names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows(database, names)]


def one(database: Path, names: str, name: str) -> dict[str, Any]:
    found = rows(database, names, f"name = '{name}'")
    return found[0] if found else {}


def write_hydra(run_dir: Path, config: dict[str, Any]) -> None:
    folder = run_dir / ".hydra"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def rewrite_metrics(tree: Path, old: str, new: str) -> Path:
    """Replace a value in the log of the run, as a logger that writes its file anew does."""
    log = tree / "dbnet-1" / "csv_logs" / "version_0" / "metrics.csv"
    text = log.read_text()
    assert old in text
    log.write_text(text.replace(old, new))
    return log


def settled(tree: Path, database: Path) -> None:
    """Assert that the catalog is what a fresh scan makes of the tree."""
    expected = fresh_picture(tree, database.with_name("fresh.db"))
    eventually(lambda: picture(database) == expected, what="the picture of a fresh scan")


# -- while the daemon runs


def test_a_log_that_grows_gives_the_checkpoint_its_metrics(tree: Path, database: Path) -> None:
    log = tree / "dbnet-1" / "csv_logs" / "version_0" / "metrics.csv"
    whole = log.read_text().splitlines(keepends=True)
    log.write_text("".join(whole[:6]))
    with service(tree, database):
        eventually(lambda: len(rows(database, "id", "read_state = 'ok'")) == 4)
        assert columns(database, "validation_loss IS NULL") == [(0,), (1,), (1,), (1,)]
        assert one(database, "source, hmean", "epoch=1-step=8.ckpt")["source"] == "header"
        for line in whole[6:]:
            with log.open("a") as file:
                file.write(line)
        eventually(lambda: columns(database, "source, validation_loss IS NULL") == [("trainer", 0)] * 4, timeout_s=5)
        losses = [value for (value,) in columns(database, "validation_loss")]
        assert losses == pytest.approx([4.847349, 8.847349, 12.847349, 12.847349])
        settled(tree, database)


def test_a_config_that_appears_changes_and_goes_is_followed(tree: Path, database: Path) -> None:
    run_dir = tree / "dbnet-1"
    with service(tree, database):
        eventually(lambda: columns(database, "backbone, hmean IS NULL") == [(None, 0)] * 4)
        write_hydra(run_dir, HYDRA)
        expected = [("dbnet", "resnet50", "fpn_decoder", 40, "from-hydra", "dbnet-1/.hydra/config.yaml")] * 4
        names = "architecture, backbone, decoder, max_epochs, experiment, config_path"
        eventually(lambda: columns(database, names) == expected, timeout_s=5)
        write_hydra(run_dir, HYDRA | {"exp_name": "renamed"})
        eventually(lambda: columns(database, "experiment") == [("renamed",)] * 4, timeout_s=5)
        shutil.rmtree(run_dir / ".hydra")
        eventually(lambda: columns(database, "backbone, experiment, config_path") == [(None, "dbnet-1", None)] * 4)
        settled(tree, database)


def test_a_document_takes_over_and_leaves_the_others_their_values_when_it_breaks(tree: Path, database: Path) -> None:
    name = "epoch=1-step=8.ckpt"
    path = tree / "dbnet-1" / "checkpoints" / name
    with service(tree, database):
        eventually(lambda: one(database, "source", name) == {"source": "trainer"})
        alone = one(database, "id, epoch, global_step, hmean, monitor, num_parameters, experiment", name)
        sidecar = real_trees.replaced_sidecar(path, epoch=1, global_step=8, hmean=0.97)
        told = {"source": "sidecar", "sidecar_state": "verified", "hmean": 0.97, "backbone": "resnet18"}
        eventually(lambda: one(database, "source, sidecar_state, hmean, backbone", name) == told)
        sidecar.write_text("training: {epoch: 9\n")
        eventually(
            lambda: one(database, "sidecar_state, source", name) == {"sidecar_state": "invalid", "source": "trainer"}
        )
        assert one(database, ", ".join(alone), name) == alone
        assert one(database, "backbone, has_sidecar", name) == {"backbone": None, "has_sidecar": 1}
        sidecar.unlink()
        eventually(
            lambda: one(database, "sidecar_state, read_state", name) == {"sidecar_state": None, "read_state": "ok"}
        )
        settled(tree, database)


def test_a_document_that_leaves_gaps_lets_the_others_fill_them_at_once(tree: Path, database: Path) -> None:
    name = "epoch=1-step=8.ckpt"
    real_trees.own_sidecar(tree / "dbnet-1" / "checkpoints" / name, model={}, metrics={}, training={"epoch": 1})
    write_hydra(tree / "dbnet-1", HYDRA)
    real_trees.scan(tree, database)
    found = one(database, "sidecar_state, epoch, global_step, backbone, experiment", name)
    assert tuple(found.values()) == ("verified", 1, 8, "resnet50", "dbnet-1")
    assert one(database, "hmean", name)["hmean"] == pytest.approx(0.9)


# -- while it does not


def test_what_changed_while_the_daemon_was_down_is_noticed_when_it_starts(tree: Path, database: Path) -> None:
    with Daemon(tree, database) as daemon:
        eventually(lambda: columns(database, "hmean IS NULL, read_state") == [(0, "ok")] * 4)
        daemon.settle()
        assert daemon.stop() == 0
    before = columns(database, "id, seq")
    with Daemon(tree, database) as daemon:
        daemon.settle()
        assert daemon.stop() == 0
    assert columns(database, "id, seq") == before, "nothing changed, nothing was read"
    rewrite_metrics(tree, "0.8999999761581421", "0.625")
    write_hydra(tree / "dbnet-1", HYDRA)
    with Daemon(tree, database) as daemon:
        eventually(lambda: columns(database, "backbone") == [("resnet50",)] * 4)
        assert [value for (value,) in columns(database, "hmean")] == pytest.approx([0.3, 0.625, 0.5, 0.5])
        assert daemon.stop() == 0
    assert [row_id for (row_id,) in columns(database, "id")] == [row_id for row_id, _ in before]


def test_a_scan_notices_logs_that_changed_and_reads_nothing_else(tree: Path, database: Path) -> None:
    other = real_trees.save(tree / "other" / "best.ckpt", real_trees.state())
    real_trees.scan(tree, database)
    assert real_trees.scan(tree, database)["unchanged"] == 5
    rewrite_metrics(tree, "0.8999999761581421", "0.625")
    summary = real_trees.scan(tree, database)
    assert (summary["found"], summary["changed"], summary["unchanged"]) == (5, 4, 1)
    assert one(database, "hmean", "epoch=1-step=8.ckpt") == {"hmean": 0.625}
    assert one(database, "seq", other.name)["seq"] < one(database, "seq", "epoch=1-step=8.ckpt")["seq"]
