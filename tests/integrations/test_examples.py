"""The examples are run as a reader of the documentation would run them, in a directory of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ckpt_indexer.metadata.record import SidecarState
from tests.integrations.recorded import documents, finding, reading, state

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"


def run(place: Path, example: str, *arguments: str) -> None:
    quiet = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")} | quiet
    command = [sys.executable, str(EXAMPLES / example / "train.py"), *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SidecarWarning" not in done.stderr, done.stderr


def test_plain_torch(tmp_path: Path) -> None:
    run(tmp_path, "plain_torch", "--epochs", "3")
    folder = tmp_path / "outputs" / "spiral" / "checkpoints"
    kept = sorted(folder.glob("*.pt"))
    assert len(kept) == 2
    assert documents(folder) == [f"{path.stem}.metadata.yaml" for path in kept]
    for path in kept:
        assert state(path) is SidecarState.VERIFIED
        found = reading(folder / f"{path.stem}.metadata.yaml").finding
        assert found.facts["epoch"] == int(path.stem.removeprefix("epoch="))
        assert found.facts["architecture"] == "Spiral"
        assert found.facts["backbone"] == "mlp_32"
        assert found.facts["monitor_mode"] == "min"
        assert set(found.metrics) >= {"val/loss", "val/accuracy"}
        assert found.params["lr"] == 0.01


def test_transformers(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    run(tmp_path, "transformers", "--epochs", "3")
    folder = tmp_path / "outputs" / "sentences"
    kept = sorted(folder.glob("checkpoint-*"))
    assert len(kept) == 2
    assert documents(folder) == [f"{path.name}/checkpoint.metadata.yaml" for path in kept]
    for path in kept:
        found = finding(path)
        assert found is not None
        assert found.facts["global_step"] == int(path.name.removeprefix("checkpoint-"))
        assert set(found.metrics) >= {"eval_accuracy", "eval_loss"}


def test_lightning_hydra(tmp_path: Path) -> None:
    pytest.importorskip("hydra", reason="the example is configured by Hydra")
    run(tmp_path, "lightning_hydra", "hydra.run.dir=outputs/spiral/1", "trainer.max_epochs=3")
    folder = tmp_path / "outputs" / "spiral" / "1" / "checkpoints"
    kept = sorted(folder.glob("*.ckpt"))
    assert len(kept) == 3
    assert documents(folder) == [f"{path.stem}.metadata.yaml" for path in kept]
    for path in kept:
        assert state(path) is SidecarState.VERIFIED
        found = finding(path)
        assert found is not None
        assert found.facts["experiment"] == "spiral"
        assert found.facts["architecture"] == "mlp"
        assert set(found.metrics) >= {"val/loss", "val/accuracy"}


def test_the_example_uses_the_snippet_as_it_is_shipped() -> None:
    copied = EXAMPLES / "lightning_hydra" / "conf" / "callbacks" / "metadata.yaml"
    assert copied.read_bytes() == (CHECKOUT / "configs" / "callbacks" / "metadata.yaml").read_bytes()
