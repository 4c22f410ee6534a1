from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import save_file

from tests.readers.conftest import kinds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckpt_indexer.readers.header import Header
    from tests.readers.conftest import Reader

WEIGHTS = {"a.w": torch.ones(4, 3), "a.b": torch.zeros(4, dtype=torch.bfloat16), "b.w": torch.ones(2, 4)}
CONFIG = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "transformers_version": "5.2"}


def sharded(at: Path, *, suffix: str = "safetensors") -> Path:
    """Write the weights in two files and their index."""
    at.mkdir(parents=True, exist_ok=True)
    placed: dict[str, str] = {}
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    for number, names in enumerate((["a.w"], ["a.b", "b.w"]), start=1):
        shard = f"{stem}-{number:05d}-of-00002.{suffix}"
        save: Callable[[Any, Any], None] = save_file if suffix == "safetensors" else torch.save
        save({name: WEIGHTS[name] for name in names}, at / shard)
        placed |= dict.fromkeys(names, shard)
    (at / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {"total_size": 88}, "weight_map": placed}))
    return at


def trainer(at: Path, weights: str | None = "model.safetensors") -> Path:
    """Write what the Trainer writes, with the weights under this name."""
    at.mkdir(parents=True, exist_ok=True)
    if weights is not None:
        (save_file if weights.endswith(".safetensors") else torch.save)(WEIGHTS, at / weights)
    (at / "config.json").write_text(json.dumps(CONFIG))
    (at / "trainer_state.json").write_text(json.dumps({"epoch": 1.0, "global_step": 5}))
    torch.save({"state": {}}, at / "optimizer.pt")
    return at


@pytest.fixture(name="distributed", scope="module")
def _distributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint as Lightning's FSDP strategy leaves it."""
    at = tmp_path_factory.mktemp("dcp") / "x.ckpt"
    state = {"model": WEIGHTS, "optimizer_0": {"state": {"m": torch.ones(9)}, "lr": 0.1}}
    with pytest.warns(UserWarning, match="assuming the intent"):
        dcp.save(state, checkpoint_id=str(at))
    lightning = {"epoch": 2, "global_step": 7, "hyper_parameters": {"lr": 0.5}, "pytorch-lightning_version": "2.6"}
    torch.save(lightning, at / "meta.pt")
    return at


def deepspeed(at: Path, ranks: int = 2, **state: Any) -> Path:
    inner = at / "global_step9"
    inner.mkdir(parents=True)
    (at / "latest").write_text("global_step9\n")
    told = {"module": WEIGHTS, "global_steps": 9, "mp_world_size": 1, "dp_world_size": ranks, **state}
    torch.save(told, inner / "mp_rank_00_model_states.pt")
    for rank in range(ranks):
        torch.save({"optimizer_state_dict": {}}, inner / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    return at


def has_weights(header: Header) -> bool:
    return header.tensors == 3 and header.facts["num_parameters"] == 24


def test_a_trainers_directory_is_one_checkpoint(read: Reader, tmp_path: Path) -> None:
    header = read(trainer(tmp_path / "run" / "checkpoint-5"))
    assert (header.format, header.complete, header.problems) == ("hf_trainer", True, [])
    assert has_weights(header)
    assert header.facts["architecture"] == "BertForSequenceClassification"
    assert header.weights_only is False
    assert {path.rpartition("/")[2] for path, _, _ in header.inputs} == {
        "model.safetensors", "config.json", "trainer_state.json",
    }  # fmt: skip
    assert all(path.startswith("run/checkpoint-5/") for path, _, _ in header.inputs)


@pytest.mark.parametrize(
    "weights",
    ["model.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "adapter_model.bin", "x.safetensors"],
)  # fmt: skip
def test_weights_are_found_under_every_name(read: Reader, tmp_path: Path, weights: str) -> None:
    header = read(trainer(tmp_path / "checkpoint-5", weights))
    assert (header.complete, header.problems) == (True, [])
    assert has_weights(header)


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_sharded_weights_are_found(read: Reader, tmp_path: Path, suffix: str) -> None:
    header = read(sharded(trainer(tmp_path / "checkpoint-5", None), suffix=suffix))
    assert (header.format, header.complete, header.problems) == ("hf_trainer", True, [])
    assert has_weights(header)


def test_distributed_weights_are_found(read: Reader, tmp_path: Path, distributed: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5", None)
    shutil.copytree(distributed, at / "pytorch_model_fsdp_0")
    header = read(at)
    assert (header.format, header.complete, header.problems) == ("hf_trainer", True, [])
    assert has_weights(header)


def test_deepspeeds_weights_are_found(read: Reader, tmp_path: Path) -> None:
    header = read(deepspeed(trainer(tmp_path / "checkpoint-5", None)))
    assert (header.format, header.complete, header.problems) == ("hf_trainer", True, [])
    assert has_weights(header)
    assert header.weights_only is False


@pytest.mark.parametrize("name", ["tf_model.h5", "flax_model.msgpack", "pytorch_model_fsdp.bin"])
def test_weights_that_are_not_read_still_make_it_complete(read: Reader, tmp_path: Path, name: str) -> None:
    at = trainer(tmp_path / "checkpoint-5", None)
    (at / name).write_bytes(b"x")
    assert read(at).complete is True


def test_a_trainers_directory_without_weights_is_incomplete(read: Reader, tmp_path: Path) -> None:
    header = read(trainer(tmp_path / "checkpoint-5", None))
    assert (header.complete, kinds(header)) == (False, {"missing_part"})
    assert header.facts["architecture"] == "BertForSequenceClassification"


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ({"epoch": 2.0, "global_step": 20}, {"epoch": 2, "global_step": 20}),
        ({"epoch": 1.5, "global_step": 15}, {"global_step": 15}),
        ({"epoch": None, "global_step": -1, "log_history": []}, {}),
    ],
)  # fmt: skip
def test_the_state_of_a_trainer_says_how_far_it_was(
    read: Reader, tmp_path: Path, state: dict[str, Any], facts: dict[str, int]
) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    (at / "trainer_state.json").write_text(json.dumps(state))
    header = read(at)
    assert {name: header.facts[name] for name in ("epoch", "global_step") if name in header.facts} == facts
    assert header.complete is True


def test_a_huge_state_takes_nothing_away(read: Reader, tmp_path: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    with (at / "trainer_state.json").open("r+b") as file:
        file.truncate(33 << 20)
    header = read(at)
    assert (header.complete, header.problems, "epoch" in header.facts) == (True, [], False)


def test_an_empty_state_is_still_being_written(read: Reader, tmp_path: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    (at / "trainer_state.json").write_text("")
    assert read(at).complete is False


def test_a_damaged_configuration_hides_no_weights(read: Reader, tmp_path: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    (at / "config.json").write_text("{")
    header = read(at)
    assert (header.complete, kinds(header)) == (True, {"corrupt"})
    assert has_weights(header)


def test_sharded_safetensors_are_one_checkpoint(read: Reader, tmp_path: Path) -> None:
    header = read(sharded(tmp_path / "final"))
    assert (header.format, header.complete, header.problems) == ("sharded_safetensors", True, [])
    assert has_weights(header)
    assert header.weights_only is True
    assert len(header.inputs) == 3


def test_the_same_weights_in_one_file_and_in_shards_are_the_same(read: Reader, tmp_path: Path) -> None:
    whole, parts = read(trainer(tmp_path / "checkpoint-5")), read(sharded(tmp_path / "final"))
    assert whole.weights_id == parts.weights_id is not None
    assert whole.structure_id == parts.structure_id
    assert whole.content_id != parts.content_id


def test_an_absent_shard_is_told(read: Reader, tmp_path: Path) -> None:
    at = sharded(tmp_path / "final")
    (at / "model-00002-of-00002.safetensors").unlink()
    header = read(at)
    assert (header.complete, kinds(header)) == (False, {"missing_part"})
    assert header.tensors == 1


@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_a_cut_off_shard_is_told(read: Reader, tmp_path: Path, cut: int) -> None:
    shard = sharded(tmp_path / "final") / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:cut])
    header = read("final")
    assert header.complete is False
    assert kinds(header) & {"truncated", "missing_part"}


def test_a_shard_that_is_a_link_is_not_followed(read: Reader, tmp_path: Path) -> None:
    at = sharded(tmp_path / "final")
    (at / "model-00002-of-00002.safetensors").rename(tmp_path / "blob")
    (at / "model-00002-of-00002.safetensors").symlink_to(tmp_path / "blob")
    assert read(at).complete is False


@pytest.mark.parametrize(
    "index",
    ["", "[]", "{}", "5", '{"weight_map": 5}', '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 5}}',
     "[" * 99_999, '{"weight_map": {"a.w": "model.safetensors.index.json"}}', '{"weight_map": {"a.w": "."}}', "\ud800"],
)  # fmt: skip
def test_an_index_that_is_none_is_told(read: Reader, tmp_path: Path, index: str) -> None:
    at = sharded(tmp_path / "final")
    (at / "model.safetensors.index.json").write_text(index, errors="surrogatepass")
    header = read(at)
    assert (header.format, header.complete) == ("sharded_safetensors", False)
    assert header.problems


def test_distributed_checkpoints_are_one(read: Reader, tmp_path: Path, distributed: Path) -> None:
    shutil.copytree(distributed, tmp_path / "x.ckpt")
    header = read("x.ckpt")
    assert (header.format, header.complete, header.problems) == ("dcp", True, [])
    assert (header.facts["epoch"], header.facts["global_step"], header.params["lr"]) == (2, 7, 0.5)
    assert has_weights(header)
    assert header.dtypes == {"float32": 20, "bfloat16": 4}
    assert header.weights_only is False


def test_a_distributed_checkpoint_without_a_shard_is_incomplete(
    read: Reader, tmp_path: Path, distributed: Path
) -> None:
    shutil.copytree(distributed, tmp_path / "x.ckpt")
    (tmp_path / "x.ckpt" / "__0_0.distcp").rename(tmp_path / "x.ckpt" / "__1_0.distcp")
    header = read("x.ckpt")
    assert (header.complete, kinds(header)) == (False, {"missing_part"})
    assert has_weights(header)


def test_a_cut_off_shard_of_a_distributed_checkpoint_is_told(read: Reader, tmp_path: Path, distributed: Path) -> None:
    shutil.copytree(distributed, tmp_path / "x.ckpt")
    shard = tmp_path / "x.ckpt" / "__0_0.distcp"
    shard.write_bytes(shard.read_bytes()[:-100])
    header = read("x.ckpt")
    assert (header.complete, kinds(header)) == (False, {"truncated"})


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04", b"\x80\x04N.", b"\x80\x04}\x8c\x13state_dict_metadataK\x05s.", b"x"]
)
def test_damaged_metadata_is_told(read: Reader, tmp_path: Path, distributed: Path, data: bytes) -> None:
    shutil.copytree(distributed, tmp_path / "x.ckpt")
    (tmp_path / "x.ckpt" / ".metadata").write_bytes(data)
    header = read("x.ckpt")
    assert (header.format, header.complete, header.facts["epoch"]) == ("dcp", False, 2)


def test_deepspeed_directories_are_one(read: Reader, tmp_path: Path) -> None:
    header = read(deepspeed(tmp_path / "x.ckpt", epoch=4))
    assert (header.format, header.complete, header.problems) == ("deepspeed", True, [])
    assert (header.facts["epoch"], header.facts["global_step"]) == (4, 9)
    assert has_weights(header)


@pytest.mark.parametrize("name", ["mp_rank_00_model_states.pt", "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"])
def test_a_missing_rank_makes_it_incomplete(read: Reader, tmp_path: Path, name: str) -> None:
    at = deepspeed(tmp_path / "x.ckpt")
    (at / "global_step9" / name).unlink()
    header = read(at)
    assert (header.format, header.complete, kinds(header)) == ("deepspeed", False, {"missing_part"})


@pytest.mark.parametrize("tag", ["", "gone", "..", "../x.ckpt", "a/b", "\0", "x" * 300, "."])
def test_a_tag_that_leads_nowhere_makes_it_incomplete(read: Reader, tmp_path: Path, tag: str) -> None:
    at = deepspeed(tmp_path / "x.ckpt")
    (at / "latest").write_text(tag)
    header = read(at)
    assert (header.format, header.complete) == ("deepspeed", False)
    assert "missing_part" in kinds(header)


def test_a_directory_without_a_marker_is_none(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").mkdir()
    header = read("x.ckpt")
    assert (header.format, kinds(header)) == ("unknown", {"unknown_format"})


def test_a_sidecar_does_not_change_the_identity(read: Reader, tmp_path: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    before = read(at).content_id
    (at / "checkpoint.metadata.yaml").write_text("schema_version: '2.0'")
    assert read(at).content_id == before is not None
    (at / "optimizer.pt").write_bytes((at / "optimizer.pt").read_bytes()[::-1])
    assert read(at).content_id != before


def test_a_file_replaced_by_a_pipe_hangs_nobody(read: Reader, tmp_path: Path) -> None:
    at = trainer(tmp_path / "checkpoint-5")
    for name in ("model.safetensors", "config.json", "trainer_state.json"):
        (at / name).unlink()
        os.mkfifo(at / name)
    assert read(at).complete is False
