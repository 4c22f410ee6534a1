from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from ckpt_indexer.compat.inference_engine import (
    StateTensor,
    infer_architecture_from_path,
    infer_decoder_signature,
    infer_encoder_from_path,
    infer_encoder_from_state,
    infer_head_signature,
    load_checkpoint,
)
from tests.compat.catalog_files import CLEVAL, saved
from tests.readers.structure_files import models, under

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def tensors(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, StateTensor]:
    return {name: StateTensor("float32", shape) for name, shape in shapes.items()}


PAN: dict[str, tuple[int, ...]] = {
    "decoder.lateral_convs.0.0.weight": (256, 64, 1, 1),
    "decoder.lateral_convs.1.0.weight": (256, 128, 1, 1),
    "decoder.bottom_up.0.depthwise.weight": (256, 1, 3, 3),
    "decoder.bottom_up.0.pointwise.weight": (256, 256, 1, 1),
}
HEAD: dict[str, tuple[int, ...]] = {"head.binarize.0.weight": (64, 256, 3, 3), "head.binarize.0.bias": (64,)}


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "mobilenetv3_large_100"])
@pytest.mark.parametrize("prefix", ["encoder.model.", "model.encoder.model."])
def test_encoders_are_told_by_their_blocks(name: str, prefix: str) -> None:
    assert infer_encoder_from_state(tensors(under(prefix, models("timm")[name]))) == name


def test_an_unknown_structure_is_none_not_a_guess() -> None:
    partial = {"encoder.model.conv1.weight": (64, 3, 7, 7), "encoder.model.layer1.0.conv1.weight": (64, 64, 3, 3)}
    assert infer_encoder_from_state(tensors(partial)) is None
    assert infer_encoder_from_state({}) is None


def test_decoders_come_with_their_channels() -> None:
    found = infer_decoder_signature(tensors(PAN))
    assert (found.name, found.in_channels) == ("pan_decoder", [64, 128])
    assert (found.inner_channels, found.output_channels) == (256, 256)
    assert infer_decoder_signature({}).name == "unknown"


def test_heads_come_with_their_channels() -> None:
    found = infer_head_signature(tensors(under("model.", HEAD)))
    assert (found.name, found.in_channels) == ("db_head", 256)
    assert infer_head_signature({}).name == "unknown"


@pytest.mark.parametrize("make", [torch.zeros, np.zeros])
def test_anything_with_a_shape_is_a_tensor(make: Any) -> None:
    state = {name: make(shape) for name, shape in {**PAN, **HEAD}.items()}
    assert infer_decoder_signature(state).name == "pan_decoder"
    assert infer_head_signature({"state_dict": state, "epoch": 3}).name == "db_head"
    assert infer_head_signature({"model_state_dict": state}).in_channels == 256


def test_a_checkpoint_is_loaded_without_its_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", cleval_metrics=CLEVAL, hyper_parameters={"lr": 0.1, "sizes": [1, 2]})
    held = load_checkpoint(path)
    assert held is not None
    assert (held["epoch"], held["global_step"], held["cleval_metrics"]) == (5, 500, CLEVAL)
    assert held["hyper_parameters"] == {"lr": 0.1, "sizes": [1, 2]}
    tensor = held["state_dict"]["a.weight"]
    assert (tensor.dtype, tensor.shape, tensor.ndim, tensor.numel()) == ("float32", (2, 3), 2, 6)


def test_a_tensor_of_one_element_is_its_number(tmp_path: Path) -> None:
    state = {"best_model_score": torch.tensor(0.5), "path": "x", "other": torch.zeros(3)}
    held = load_checkpoint(saved(tmp_path / "a.ckpt", callbacks={"ModelCheckpoint": state}))
    assert held is not None
    assert held["callbacks"] == {"ModelCheckpoint": {"best_model_score": 0.5, "path": "x"}}


def test_other_layouts_have_a_state_dict_as_well(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.zeros(2)}, "epoch": 1}, tmp_path / "model.pth")
    torch.save(
        {"a": torch.zeros(2), "b": torch.zeros(3)}, tmp_path / "weights.pt", _use_new_zipfile_serialization=False
    )
    for name, keys in (("model.pth", ["a"]), ("weights.pt", ["a", "b"])):
        held = load_checkpoint(tmp_path / name)
        assert held is not None
        assert list(held["state_dict"]) == keys


def test_what_is_no_checkpoint_is_none_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "empty.ckpt").touch()
    (tmp_path / "text.ckpt").write_text("text", encoding="utf-8")
    (tmp_path / "list.ckpt").write_bytes(pickle.dumps([1]))
    for name in ("empty", "text", "list", "absent"):
        assert load_checkpoint(tmp_path / f"{name}.ckpt") is None
        assert f"{name}.ckpt cannot be read" in caplog.text


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path}/owned",)

    with zipfile.ZipFile(tmp_path / "a.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": 3, "bad": Payload()}, protocol=2))
        archive.writestr("archive/version", "3\n")
    held = load_checkpoint(tmp_path / "a.ckpt")
    assert held is not None
    assert (held["epoch"], "bad" in held) == (3, False)
    assert not (tmp_path / "owned").exists()


def test_torch_is_not_imported(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt")
    program = (
        "import sys; from ckpt_indexer.compat import load_checkpoint, build_catalog; "
        f"assert load_checkpoint({str(path)!r})['epoch'] == 5; "
        f"assert build_catalog({str(tmp_path)!r}).total_count == 1; "
        "assert 'torch' not in sys.modules; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.parametrize(
    ("path", "architecture", "encoder"),
    [
        ("outputs/dbnet-resnet50-pan/checkpoints/best.ckpt", "dbnet", "resnet50"),
        (
            "outputs/ocr_training-dbnetpp-mobilenetv3_small_050_33/checkpoints/best.ckpt",
            "dbnetpp",
            "mobilenetv3_small_050",
        ),
        ("outputs/pan_decoder-only/checkpoints/best.ckpt", None, None),
        ("outputs/craft/resnet18/best.ckpt", "craft", "resnet18"),
        ("/srv/dbnet/resnet18/outputs/psenet-resnet34/checkpoints/best.ckpt", "psenet", "resnet34"),
        ("outputs/exp/checkpoints/CRAFT-resnet101-best.ckpt", "craft", "resnet101"),
        ("best.ckpt", None, None),
    ],
)
def test_paths_name_models_by_whole_words(path: str, architecture: str | None, encoder: str | None) -> None:
    assert infer_architecture_from_path(path) == architecture
    assert infer_encoder_from_path(path) == encoder
