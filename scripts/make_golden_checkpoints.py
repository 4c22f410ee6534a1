"""Tiny checkpoints by the installed torch, each with what a reader must find in it.

    python scripts/make_golden_checkpoints.py [--out tests/golden/checkpoints]

Run it with every torch worth keeping: files are named after its version, so those of other versions stay. Beside them
goes `<version>.json`, name -> facts, taken from the objects that were saved, never from a reader of ours.
TorchScript is left to the tests: its archives hold paths of the machine they were made on.
"""

from __future__ import annotations

import argparse
import json
import pickle
import warnings
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save

OUT = Path(__file__).parent.parent / "tests" / "golden" / "checkpoints"
DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
          "complex64", "float8_e4m3fn", "float8_e5m2", "uint16", "uint32")  # fmt: skip


class Golden(NamedTuple):
    """One object to save, and what is known of it."""

    value: Any  # whatever torch.save takes
    facts: dict[str, Any]  # JSON values
    options: dict[str, Any] = {}  # noqa: RUF012  # never changed; keyword arguments of torch.save


def network() -> torch.nn.Sequential:
    """Return a network of 21 parameters and three statistics."""
    torch.manual_seed(7)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))


def training() -> dict[str, Any]:  # Any: a training state
    """Return a state as Lightning writes it."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.randn(5, 4)).sum().backward()
    optimizer.step()
    monitor = "ModelCheckpoint{'monitor': 'val/hmean', 'mode': 'max', 'every_n_train_steps': 0}"
    return {
        "epoch": 0,
        "global_step": 12,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict((f"model.{name}", value) for name, value in model.state_dict().items()),
        "loops": {},
        "callbacks": {monitor: {"monitor": "val/hmean", "best_model_score": torch.tensor(0.75), "best_k_models": {}}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.01, "encoder": {"model_name": "resnet18"}},
        "cleval_metrics": {"hmean": torch.tensor(0.75), "recall": torch.tensor(0.5, dtype=torch.bfloat16)},
    }


WHOLE = {"format": "torch_zip", "complete": True}
LIGHTNING = {
    **WHOLE,
    "epoch": 0,
    "global_step": 12,
    "num_parameters": 21,
    "tensors": 7,
    "metrics": {"hmean": 0.75, "recall": 0.5},
    "monitor": "val/hmean",
    "weights_only": False,
}


def torch_files() -> dict[str, Golden]:
    """Return what `torch.save` is asked to write."""
    files = {}
    for protocol in (2, 3, 4, 5):
        files[f"lightning-p{protocol}.ckpt"] = Golden(training(), LIGHTNING, {"pickle_protocol": protocol})
        options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False}
        files[f"legacy-p{protocol}.pth"] = Golden(training(), {**LIGHTNING, "format": "torch_legacy"}, options)
    every = {name: torch.ones(2).to(getattr(torch, name)) for name in DTYPES if hasattr(torch, name)}
    files["dtypes.pt"] = Golden(every, {**WHOLE, "dtypes": dict.fromkeys(every, 2), "tensors": len(every)})
    weight = torch.ones(10, 10)
    shared = {"a": weight, "tied": weight, "view": weight[5:]}
    files["shared.pt"] = Golden(shared, {**WHOLE, "tensors": 3, "num_parameters": 150})
    sparse = {"s": torch.eye(3).to_sparse(), "d": torch.ones(2)}
    files["sparse.pt"] = Golden(sparse, {**WHOLE, "tensors": 2, "dtypes": {"float32": 11}})
    quantized = {"q": torch.quantize_per_tensor(torch.ones(8), 0.5, 1, torch.qint8), "d": torch.ones(2)}
    files["quantized.pt"] = Golden(quantized, {**WHOLE, "dtypes": {"qint8": 8, "float32": 2}})
    files["module.pt"] = Golden(network(), {**WHOLE, "tensors": 7, "num_parameters": 21})
    timm = {"epoch": 5, "arch": "resnet18", "state_dict": network().state_dict(), "args": Namespace(lr=0.1)}
    files["timm.pth.tar"] = Golden(timm, {**WHOLE, "epoch": 5, "num_parameters": 21})
    files["weights.pt"] = Golden(network().state_dict(), {**WHOLE, "num_parameters": 21, "weights_only": True})
    return files


def write(out: Path) -> dict[str, dict[str, Any]]:  # JSON values
    """Write all files; return name -> facts."""
    prefix = f"torch-{torch.__version__.split('+')[0]}-"
    facts = {}
    for name, golden in torch_files().items():
        torch.save(golden.value, out / (prefix + name), **golden.options)
        facts[prefix + name] = golden.facts
    weights = prefix + "weights.safetensors"
    (out / weights).write_bytes(save(network().state_dict(), metadata={"format": "pt"}))
    facts[weights] = {"format": "safetensors", "complete": True, "num_parameters": 21, "weights_only": True}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        name = f"{prefix}plain-p{protocol}.pt"
        (out / name).write_bytes(pickle.dumps({"epoch": 4, "metrics": {"hmean": 0.5}}, protocol=protocol))
        facts[name] = {"format": "pickle", "complete": True, "epoch": 4, "metrics": {"hmean": 0.5}}
    return facts


def main() -> None:
    """Write the files and the facts of them."""
    parser = argparse.ArgumentParser(description="Write tiny checkpoints by the installed torch.")
    parser.add_argument("--out", type=Path, default=OUT, help="directory, created when absent")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old ways of saving are the point
        facts = write(out)
    listed = out / f"torch-{torch.__version__.split('+')[0]}.json"
    listed.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(facts)} files, {sum((out / name).stat().st_size for name in facts)} bytes in {out}")


if __name__ == "__main__":
    main()
