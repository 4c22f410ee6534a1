from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException
from hydra.utils import instantiate

from ckpt_indexer.integrations.lightning import MetadataCallback

if TYPE_CHECKING:
    from omegaconf import DictConfig

SNIPPET = Path(__file__).parents[2] / "configs" / "callbacks" / "metadata.yaml"
CHECKPOINTING = """\
model_checkpoint:
  _target_: lightning.pytorch.callbacks.ModelCheckpoint
  monitor: val/loss
"""


def composed(place: Path, main: str, *overrides: str) -> DictConfig:
    """Return the configuration of an application whose `conf/callbacks` holds our snippet and one of its own."""
    group = place / "conf" / "callbacks"
    group.mkdir(parents=True)
    shutil.copy(SNIPPET, group)
    (group / "model_checkpoint.yaml").write_text(CHECKPOINTING, encoding="utf-8")
    (place / "conf" / "train.yaml").write_text(main, encoding="utf-8")
    with initialize_config_dir(str(place / "conf"), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def built(config: DictConfig) -> dict[str, Any]:
    """Return the callbacks as an application builds them: one by one, by name."""
    return {str(name): instantiate(one) for name, one in config.callbacks.items()}


@pytest.mark.parametrize(
    "defaults",
    [
        "defaults: [{callbacks: [model_checkpoint, metadata]}, _self_]\n",
        "defaults: [callbacks/model_checkpoint, callbacks/metadata, _self_]\n",
    ],
    ids=["a list of options", "one line more"],
)
def test_the_defaults_list_enables_it(tmp_path: Path, defaults: str) -> None:
    callbacks = built(composed(tmp_path, defaults))
    assert list(callbacks) == ["model_checkpoint", "metadata"]
    assert isinstance(callbacks["metadata"], MetadataCallback)


def test_the_command_line_enables_it(tmp_path: Path) -> None:
    callbacks = built(composed(tmp_path, "exp_name: e1\n", "+callbacks=metadata"))
    assert isinstance(callbacks["metadata"], MetadataCallback)


def test_the_command_line_adds_it_to_callbacks_that_are_there(tmp_path: Path) -> None:
    main = "defaults: [{callbacks: model_checkpoint}, _self_]\n"
    callbacks = built(composed(tmp_path, main, "callbacks=[model_checkpoint,metadata]"))
    assert list(callbacks) == ["model_checkpoint", "metadata"]


def test_hydra_refuses_a_second_choice_of_one_group(tmp_path: Path) -> None:
    main = "defaults: [{callbacks: model_checkpoint}, _self_]\n"
    with pytest.raises(ConfigCompositionException, match="Multiple values for callbacks"):
        composed(tmp_path, main, "+callbacks=metadata")


def test_code_enables_it(tmp_path: Path) -> None:
    assert isinstance(MetadataCallback(exp_name="e1", outputs_dir=tmp_path), MetadataCallback)


def test_the_application_says_experiment_and_outputs(tmp_path: Path) -> None:
    main = "exp_name: e1\npaths: {outputs_dir: runs/out}\n"
    config = composed(tmp_path, main, "+callbacks=metadata", "callbacks.metadata.training_phase=finetuning")
    said = {str(key): value for key, value in config.callbacks.metadata.items()}
    assert said == {
        "_target_": "ckpt_indexer.integrations.lightning.MetadataCallback",
        "exp_name": "e1",
        "outputs_dir": "runs/out",
        "training_phase": "finetuning",
        "schema_version": "2.0",
    }


def test_an_application_without_either_is_fine(tmp_path: Path) -> None:
    said = composed(tmp_path, "seed: 1\n", "+callbacks=metadata").callbacks.metadata
    assert (said.exp_name, said.outputs_dir) == (None, None)
    assert isinstance(instantiate(said), MetadataCallback)


def test_a_value_that_is_wrong_is_refused_before_the_training(tmp_path: Path) -> None:
    said = composed(tmp_path, "seed: 1\n", "+callbacks=metadata", "callbacks.metadata.schema_version='3.0'")
    with pytest.raises(Exception, match="schema_version"):
        instantiate(said.callbacks.metadata)


def test_the_snippet_names_every_argument_of_the_callback() -> None:
    import inspect

    keys = set(yaml.safe_load(SNIPPET.read_text(encoding="utf-8"))["metadata"]) - {"_target_"}
    assert keys == set(inspect.signature(MetadataCallback).parameters)
