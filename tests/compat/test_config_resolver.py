from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.compat import load_config, resolve_config_path
from tests.compat.catalog_files import configured, place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", [".config.yaml", ".config.yml", ".config.json", ".resolved.config.json"])
def test_a_configuration_beside_the_checkpoint_comes_first(outputs: Path, suffix: str) -> None:
    checkpoint = place(outputs, "epoch=3-loss=0.25.ckpt")
    configured(outputs)
    beside = checkpoint.with_name(f"epoch=3-loss=0.25{suffix}")
    beside.write_text('{"model": {"name": "x"}}', encoding="utf-8")
    assert resolve_config_path(checkpoint) == beside


def test_hydra_is_found_above_the_checkpoint(outputs: Path) -> None:
    checkpoint = place(outputs, "best.ckpt")
    hydra = configured(outputs)
    assert resolve_config_path(checkpoint) == hydra
    nested = place(outputs, "fold1/best.ckpt")
    assert resolve_config_path(str(nested)) == hydra
    deep = place(outputs, "epoch=3-val/loss=0.25.ckpt")
    assert resolve_config_path(deep) == hydra


def test_hydra_beside_the_checkpoint_counts(outputs: Path) -> None:
    hydra = configured(outputs, "run")
    assert resolve_config_path(outputs / "run" / "best.ckpt") == hydra


def test_plain_names_are_looked_for_nearby_only(outputs: Path) -> None:
    checkpoint = place(outputs, "best.ckpt")
    (outputs / "config.yaml").write_text("of: the project\n", encoding="utf-8")
    assert resolve_config_path(checkpoint) is None
    above = outputs / "test_exp" / "hparams.yaml"
    above.write_text("learning_rate: 0.1\n", encoding="utf-8")
    assert resolve_config_path(checkpoint) == above
    beside = checkpoint.with_name("config.yaml")
    beside.write_text("learning_rate: 0.1\n", encoding="utf-8")
    assert resolve_config_path(checkpoint) == beside


def test_the_names_can_be_given(outputs: Path) -> None:
    checkpoint = place(outputs, "best.ckpt")
    settings = checkpoint.with_name("settings.yaml")
    settings.write_text("learning_rate: 0.1\n", encoding="utf-8")
    assert resolve_config_path(checkpoint) is None
    assert resolve_config_path(checkpoint, config_filenames=("settings.yaml",)) == settings


@pytest.mark.parametrize("nothing", ["", "{}\n", "null\n", "---\n"])
def test_an_empty_configuration_does_not_count(outputs: Path, nothing: str) -> None:
    checkpoint = place(outputs, "best.ckpt")
    checkpoint.with_name("hparams.yaml").write_text(nothing, encoding="utf-8")
    assert resolve_config_path(checkpoint) is None
    checkpoint.with_name("hparams.yaml").write_text("a: 1\n", encoding="utf-8")
    assert resolve_config_path(checkpoint) is not None


def test_a_relative_path_is_looked_around_from_here(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hydra = configured(outputs)
    checkpoint = place(outputs, "best.ckpt")
    monkeypatch.chdir(checkpoint.parent)
    found = resolve_config_path("best.ckpt")
    assert found is not None
    assert found.resolve() == hydra
    monkeypatch.chdir(outputs)
    found = resolve_config_path("test_exp/checkpoints/best.ckpt")
    assert str(found) == "test_exp/.hydra/config.yaml"


def test_a_path_that_is_no_text_is_no_obstacle(outputs: Path) -> None:
    assert resolve_config_path(outputs / "caf\udce9" / "best.ckpt") is None
    assert resolve_config_path("/best.ckpt") is None


def test_a_configuration_is_loaded_as_it_is_written(outputs: Path) -> None:
    path = configured(outputs, lr="${model.lr}")
    loaded = load_config(path)
    assert loaded is not None
    assert loaded["model"]["architecture"] == "dbnet"
    assert loaded["lr"] == "${model.lr}"
    beside = outputs / "a.config.json"
    beside.write_text('{"epochs": 3}', encoding="utf-8")
    assert load_config(str(beside)) == {"epochs": 3}


def test_absent_is_none(outputs: Path) -> None:
    assert load_config(None) is None
    assert load_config(outputs / "config.yaml") is None


@pytest.mark.parametrize("text", ["a: [1", "- a\n", "text", "a: 1\nb: \xff", "[" * 100_000, "a: &a [*a]\n"])
def test_what_cannot_be_read_is_none(outputs: Path, text: str) -> None:
    path = outputs / "config.yaml"
    path.write_text(text, encoding="latin-1")
    assert load_config(path) is None


def test_nothing_in_a_configuration_is_made_by_name(outputs: Path) -> None:
    path = outputs / "config.yaml"
    path.write_text("a: !!python/object/apply:os.system ['touch owned']\nb: 1\n", encoding="utf-8")
    assert load_config(path) == {"a": "touch owned", "b": 1}
    assert not (outputs / "owned").exists()


def test_a_fifo_hangs_nobody(outputs: Path) -> None:
    import os

    os.mkfifo(outputs / "config.yaml")
    assert resolve_config_path(outputs / "best.ckpt") is None
    assert load_config(outputs / "config.yaml") is None
