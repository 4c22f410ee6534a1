"""What users of the replaced catalog relied on, and what they get now where it failed them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import yaml

from ckpt_indexer.compat import CheckpointCatalogBuilder, build_catalog, resolve_config_path, save_metadata
from tests.compat.catalog_files import CLEVAL, configured, described, metadata, place, saved, settled, tree


def test_an_empty_directory_has_an_empty_catalog(outputs: Path) -> None:
    catalog = build_catalog(outputs)
    assert (catalog.total_count, catalog.metadata_available_count, catalog.entries) == (0, 0, [])
    assert catalog.outputs_dir == outputs


@pytest.mark.parametrize("place_", ["/nonexistent/path", "/dev/null"])
def test_an_absent_directory_has_an_empty_catalog(place_: str) -> None:
    assert CheckpointCatalogBuilder(Path(place_), use_cache=False).build_catalog().total_count == 0


def test_documents_are_enough(outputs: Path) -> None:
    for epoch in (3, 1, 2):
        described(place(outputs, f"epoch={epoch}.ckpt"), epoch=epoch, hmean=0.8 + epoch / 100)
    catalog = build_catalog(outputs, use_cache=False, use_wandb_fallback=False)
    assert (catalog.total_count, catalog.metadata_available_count) == (3, 3)
    assert catalog.metadata_coverage_percent == 100.0
    assert [entry.epochs for entry in catalog.entries] == [1, 2, 3]
    assert 0 < catalog.catalog_build_time_seconds < 60
    entry = catalog.entries[0]
    assert entry.checkpoint_path == outputs / "test_exp" / "checkpoints" / "epoch=1.ckpt"
    assert (entry.architecture, entry.backbone, entry.exp_name) == ("dbnet", "resnet50", "test_exp")
    assert (entry.hmean, entry.precision, entry.recall) == (0.81, 0.88, 0.82)
    assert (entry.monitor, entry.monitor_mode, entry.has_metadata) == ("val/hmean", "max", True)
    assert (entry.created_timestamp, entry.display_name) == ("20251018_1432", "epoch=1")
    shown = "dbnet · resnet50 · test_exp (ep1 • hmean 0.810 • prec 0.880 • rec 0.820 • 20251018_1432)"
    assert entry.to_display_option() == shown


def test_without_a_document_configuration_and_file_tell(outputs: Path) -> None:
    config = configured(outputs)
    saved(place(outputs, "epoch=5.ckpt"), cleval_metrics=CLEVAL)
    (entry,) = build_catalog(outputs).entries
    assert (entry.epochs, entry.architecture, entry.backbone) == (5, "dbnet", "resnet50")  # not max_epochs
    assert (entry.hmean, entry.precision, entry.recall) == (0.85, 0.88, 0.82)
    assert (entry.has_metadata, entry.config_path, entry.exp_name) == (False, config, "test_exp")


def test_some_have_documents_and_some_have_not(outputs: Path) -> None:
    configured(outputs)
    described(place(outputs, "epoch=1.ckpt"), epoch=1)
    saved(place(outputs, "epoch=2.ckpt"), epoch=2, cleval_metrics=CLEVAL)
    described(place(outputs, "epoch=3.ckpt"), epoch=3)
    catalog = build_catalog(outputs)
    assert {entry.epochs: entry.has_metadata for entry in catalog.entries} == {1: True, 2: False, 3: True}
    assert (catalog.total_count, catalog.metadata_available_count) == (3, 2)


@pytest.mark.parametrize("text", ["{ corrupt yaml: [unclosed", "schema_version: '1.0'\n", "\0\0"])
def test_a_corrupt_document_stops_nothing(outputs: Path, text: str) -> None:
    configured(outputs)
    checkpoint = saved(place(outputs, "epoch=5.ckpt"), cleval_metrics=CLEVAL)
    checkpoint.with_suffix(".metadata.yaml").write_text(text, encoding="utf-8")
    described(place(outputs, "epoch=6.ckpt"), epoch=6)
    catalog = build_catalog(outputs)
    assert [(entry.epochs, entry.hmean, entry.has_metadata) for entry in catalog.entries] == [
        (5, 0.85, False), (6, 0.85, True),
    ]  # fmt: skip


def test_several_experiments_are_told_apart(outputs: Path) -> None:
    for name, epoch in (("experiment_001", 5), ("experiment_002", 10)):
        checkpoint = saved(place(outputs, f"epoch={epoch}.ckpt", name), epoch=epoch)
        document = metadata(checkpoint, epoch=epoch).model_copy(update={"exp_name": name})
        document.training.global_step = 500
        save_metadata(document, checkpoint)
    catalog = build_catalog(outputs)
    assert {entry.exp_name for entry in catalog.entries} == {"experiment_001", "experiment_002"}


def test_a_name_is_better_than_nothing(outputs: Path) -> None:
    place(outputs, "epoch=5.ckpt").touch()
    (entry,) = build_catalog(outputs).entries
    assert (entry.epochs, entry.architecture, entry.hmean) == (5, "unknown", None)
    assert entry.to_display_option() == "test_exp (ep5)"


def test_epoch_0_is_listed(outputs: Path) -> None:
    described(place(outputs, "a.ckpt"), epoch=0)
    saved(place(outputs, "b.ckpt"), epoch=0)
    assert [entry.epochs for entry in build_catalog(outputs).entries] == [0, 0]


def test_an_unknown_epoch_is_none_and_comes_last(outputs: Path) -> None:
    for name in ("best.ckpt", "last.ckpt", "epoch=7.ckpt"):
        place(outputs, name).touch()
    found = [(entry.display_name, entry.epochs) for entry in build_catalog(outputs).entries]
    assert found == [("epoch=7", 7), ("best", None), ("last", None)]


def test_the_quirks_are_there_when_asked_for(outputs: Path) -> None:
    saved(place(outputs, "invalid.ckpt"), epoch=0)
    for name in ("best.ckpt", "last-v1.ckpt", "other.ckpt", "epoch=7.ckpt"):
        place(outputs, name).touch()
    catalog = build_catalog(outputs, legacy_quirks=True)
    assert [(entry.display_name, entry.epochs) for entry in catalog.entries] == [
        ("epoch=7", 7), ("last-v1", 998), ("best", 999),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "epoch", "with_quirks"),
    [
        ("epoch=10", 10, 10),
        ("epoch-5", 5, 5),
        ("epoch_15", 15, 15),
        ("epoch_epoch_00_step_step_000103", 0, 0),
        ("best", None, 999),
        ("last", None, 998),
        ("no_epoch_here", None, None),
    ],
)
def test_epochs_in_names(name: str, epoch: int | None, with_quirks: int | None, outputs: Path) -> None:
    assert CheckpointCatalogBuilder(outputs)._extract_epoch_from_filename(name) == epoch
    quirky = CheckpointCatalogBuilder(outputs, legacy_quirks=True)
    assert quirky._extract_epoch_from_filename(name) == with_quirks


def test_a_document_without_hmean_is_used(outputs: Path) -> None:
    described(place(outputs, "a.ckpt"), hmean=None)
    (entry,) = build_catalog(outputs).entries
    assert (entry.hmean, entry.precision, entry.has_metadata) == (None, 0.88, True)


def test_a_wrong_document_does_not_win_over_its_file(outputs: Path) -> None:
    checkpoint = saved(place(outputs, "best.ckpt"), epoch=3, global_step=40, cleval_metrics=CLEVAL)
    save_metadata(metadata(checkpoint, epoch=6, hmean=0.99), checkpoint)
    (entry,) = build_catalog(outputs).entries
    assert (entry.epochs, entry.hmean) == (3, 0.85)
    assert entry.architecture == "dbnet"


def test_a_link_has_the_facts_of_what_it_leads_to(outputs: Path) -> None:
    described(place(outputs, "best.ckpt"), epoch=4)
    place(outputs, "last.ckpt").symlink_to("best.ckpt")
    place(outputs, "gone.ckpt").symlink_to("nowhere.ckpt")
    found = {entry.display_name: entry.epochs for entry in build_catalog(outputs).entries}
    assert found == {"best": 4, "last": 4}


def test_a_link_out_of_the_directory_is_not_followed(outputs: Path, tmp_path: Path) -> None:
    described(tmp_path / "elsewhere.ckpt")
    place(outputs, "last.ckpt").symlink_to(tmp_path / "elsewhere.ckpt")
    assert build_catalog(outputs).entries == []


def test_only_ckpt_files_are_listed(outputs: Path) -> None:
    described(place(outputs, "a.ckpt"))
    for name in ("b.pt", "c.safetensors", "d.ckpt.tmp", ".e.ckpt"):
        place(outputs, name).touch()
    assert [entry.display_name for entry in build_catalog(outputs).entries] == ["a"]


def test_names_that_are_no_text_are_listed(outputs: Path) -> None:
    saved(place(outputs, "x.ckpt")).rename(place(outputs, "caf\udce9.ckpt"))
    (entry,) = build_catalog(outputs).entries
    assert os.fsencode(entry.checkpoint_path).endswith(b"caf\xe9.ckpt")
    assert entry.epochs == 5


def test_a_relative_directory_gives_relative_paths(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(outputs)
    described(place(outputs, "best.ckpt"))
    monkeypatch.chdir(outputs.parent)
    (entry,) = build_catalog("outputs").entries
    assert entry.checkpoint_path == Path("outputs/test_exp/checkpoints/best.ckpt")
    assert (
        entry.config_path == resolve_config_path(entry.checkpoint_path) == Path("outputs/test_exp/.hydra/config.yaml")
    )


def test_a_part_of_a_run_knows_its_run(outputs: Path) -> None:
    config = configured(outputs, "exp9")
    saved(place(outputs, "best.ckpt", "exp9"))
    for part in (outputs / "exp9", outputs / "exp9" / "checkpoints"):
        (entry,) = build_catalog(part).entries
        assert (entry.exp_name, entry.backbone, entry.config_path) == ("exp9", "resnet50", config)


def test_a_directory_that_is_reached_by_a_link_keeps_its_name(outputs: Path, tmp_path: Path) -> None:
    described(place(outputs, "best.ckpt"))
    (tmp_path / "link").symlink_to(outputs)
    (entry,) = build_catalog(tmp_path / "link").entries
    assert entry.checkpoint_path == tmp_path / "link" / "test_exp" / "checkpoints" / "best.ckpt"


def test_the_names_of_configurations_can_be_given(outputs: Path) -> None:
    checkpoint = described(place(outputs, "best.ckpt"))
    settings = checkpoint.with_name("settings.yaml")
    settings.write_text("a: 123456789\n", encoding="utf-8")
    builder = CheckpointCatalogBuilder(outputs, config_filenames=("settings.yaml",))
    assert builder.build_catalog().entries[0].config_path == settings
    assert build_catalog(outputs).entries[0].config_path is None


def test_unreadable_files_stop_nothing(outputs: Path) -> None:
    locked = place(outputs, "epoch=5.ckpt")
    locked.touch()
    locked.chmod(0)
    os.mkfifo(place(outputs, "fifo.ckpt"))
    try:
        assert [entry.epochs for entry in build_catalog(outputs).entries] == [5]
    finally:
        locked.chmod(0o644)


def test_nothing_is_written_below_the_directory(outputs: Path) -> None:
    configured(outputs)
    described(place(outputs, "a.ckpt"))
    saved(place(outputs, "b.ckpt"), cleval_metrics=CLEVAL)
    settled(outputs)
    before = tree(outputs)
    assert build_catalog(outputs).total_count == 2
    assert tree(outputs) == before


def test_a_broken_settings_file_is_no_obstacle(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    described(place(outputs, "a.ckpt"))
    (outputs.parent / "ckpt-indexer.toml").write_text("[catalog\n", encoding="utf-8")
    monkeypatch.chdir(outputs.parent)
    assert build_catalog(outputs).total_count == 1
    assert "the settings are not used" in caplog.text


def test_metrics_as_tensors_and_percent_scores(outputs: Path) -> None:
    scores = {name: torch.tensor(value) for name, value in CLEVAL.items()}
    saved(place(outputs, "a.ckpt"), cleval_metrics=scores)
    saved(place(outputs, "b.ckpt"), cleval_metrics={"hmean": 85.0, "precision": 0.0})
    first, second = sorted(build_catalog(outputs).entries, key=lambda entry: entry.display_name)
    assert first.hmean == pytest.approx(0.85)
    assert (second.hmean, second.precision) == (None, 0.0)


def test_version_2_documents_are_read(outputs: Path) -> None:
    checkpoint = place(outputs, "a.ckpt")
    checkpoint.touch()
    document = {
        "schema_version": "2.0",
        "checkpoint_path": "test_exp/checkpoints/a.ckpt",
        "created_at": "2025-10-18T14:32:15Z",
        "training": {"epoch": 2, "global_step": 20},
        "model": {"architecture": "dbnet", "encoder": {"model_name": "resnet18"}},
        "metrics": {"hmean": 0.5},
    }
    checkpoint.with_suffix(".metadata.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (entry,) = build_catalog(outputs).entries
    assert (entry.epochs, entry.backbone, entry.hmean, entry.exp_name) == (2, "resnet18", 0.5, "test_exp")
