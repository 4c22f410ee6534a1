"""Real pickles made by torch, and hostile ones written opcode by opcode, for the tests of the pickle machine."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import torch

from ckpt_indexer.readers.interpret.plain import Interpreted, interpret
from ckpt_indexer.readers.pickle.machine import Pickled, run

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZES = {"float64": 8, "int64": 8, "uint64": 8, "float32": 4, "int32": 4, "uint32": 4, "qint32": 4}
_HALVES = {"float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}


def torch_file(value: object, protocol: int = 2) -> bytes:
    """Return the bytes of a file made by `torch.save`."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


def torch_pickle(value: object, protocol: int = 2) -> bytes:
    """Return the `data.pkl` of a file made by `torch.save`."""
    return member(torch_file(value, protocol), "data.pkl")


def member(file: bytes, name: str) -> bytes:
    """Return one entry of a torch zip file."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return archive.read(next(entry for entry in archive.namelist() if entry.split("/", 1)[1] == name))


def scalars_of(file: bytes) -> Callable[[str, str, int], bytes | None]:
    """Return the function that reads one element of a storage of that file."""

    def read(key: str, dtype: str, offset: int) -> bytes | None:
        size = {**_SIZES, **_HALVES}.get(dtype, 1)
        return member(file, f"data/{key}")[offset * size : (offset + 1) * size]

    return read


def plain(value: object, protocol: int = 2) -> Any:
    """Return what the readers make of a value that `torch.save` wrote, scalars included; nothing may go wrong."""
    file = torch_file(value, protocol)
    pickled = run(member(file, "data.pkl"))
    interpreted = interpret(pickled, read_scalar=scalars_of(file))
    assert pickled.stopped
    assert pickled.problems == []
    assert interpreted.problems == []
    return interpreted.value


def read(data: bytes) -> tuple[Pickled, Interpreted]:
    """Return what the machine and the interpretation make of a pickle."""
    pickled = run(data)
    return pickled, interpret(pickled)


def lightning_checkpoint(tensors: int = 4) -> dict[str, Any]:
    """Return a dict like those Lightning writes, its keys in Lightning's order."""
    names = [f"model.encoder.layer{index}.conv.weight" for index in range(tensors)]
    callback = "ModelCheckpoint{'monitor': 'val/hmean', 'mode': 'max', 'every_n_train_steps': 0}"
    return {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": OrderedDict((name, torch.zeros(2, 3)) for name in names),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}, "current": {"ready": 4}}}},
        "callbacks": {callback: {"monitor": "val/hmean", "best_model_score": torch.tensor(0.9), "best_k_models": {}}},
        "optimizer_states": [
            {"state": {0: {"step": torch.tensor(1200.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
        ],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 1e-3, "encoder": {"model_name": "resnet18"}},
        "cleval_metrics": {"recall": torch.tensor(0.8), "precision": 0.7},
    }


def text(value: str) -> bytes:
    """Return BINUNICODE of a text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module: str, attribute: str) -> bytes:
    """Return GLOBAL of a name."""
    return f"c{module}\n{attribute}\n".encode()
