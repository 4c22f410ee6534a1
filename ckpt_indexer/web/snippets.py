"""How to load a checkpoint: lines to paste into a program or a shell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.naming import display

if TYPE_CHECKING:
    from collections.abc import Mapping

_TORCH = ("torch_zip", "torch_legacy", "torch_tar")


def python(row: Mapping[str, Any]) -> str:
    """Return Python that loads the weights of a row, as safely as its format allows."""
    first = "" if undecodable(row["abs_path"]) is None else "import os\n"
    return first + _loading(row, literal(row["abs_path"]), str(row["format"]))


def _loading(row: Mapping[str, Any], path: str, form: str) -> str:
    if form == "safetensors":
        return f"from safetensors.torch import load_file\n\nweights = load_file({path})"
    if form in _TORCH:
        return (
            f'import torch\n\ncheckpoint = torch.load({path}, map_location="cpu", weights_only=True)\n'
            'weights = checkpoint.get("state_dict", checkpoint)'
        )
    if form == "torchscript":
        return f'import torch\n\nmodel = torch.jit.load({path}, map_location="cpu")'
    if form == "keras":
        return f"import keras\n\nmodel = keras.saving.load_model({path})"
    if form == "onnx":
        return f"import onnxruntime\n\nmodel = onnxruntime.InferenceSession({path})"
    if form.startswith("hf"):
        return f"from transformers import AutoModel\n\nmodel = AutoModel.from_pretrained({path})"
    return f"from ckpt_indexer import connect\n\ncheckpoint = connect().get({row['id']})\npath = {path}"


def shell(row: Mapping[str, Any]) -> str:
    """Return a shell line that says everything about a row."""
    return f"ckpt-indexer show {row['id']} --explain"


def literal(path: str) -> str:
    """Return a Python literal of a path, in ASCII. A name that is no text is written as the bytes it is."""
    found = undecodable(path)
    return ascii(path) if found is None else f"os.fsdecode({found!r})"


def undecodable(path: str) -> bytes | None:
    r"""Return the bytes of a path that is shown with `\xnn` because they are no text; None for one that is."""
    raw, index = bytearray(), 0
    encoded = path.encode("utf-8", "replace")
    while index < len(encoded):
        two = encoded[index : index + 2]
        if two == b"\\\\":
            raw += b"\\"
            index += 2
        elif two == b"\\x" and len(encoded) >= index + 4:
            try:
                raw.append(int(encoded[index + 2 : index + 4], 16))
            except ValueError:
                return None
            index += 4
        else:
            raw += encoded[index : index + 1]
            index += 1
    found = bytes(raw)
    return found if found != encoded and _is_shown_as(found, path) else None


def _is_shown_as(raw: bytes, path: str) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return display(raw) == path
    return False


def copied(path: str) -> str:
    """Return a path as it is copied: itself, or for the shell when its name is no text."""
    found = undecodable(path)
    if found is None:
        return path
    return (
        "$'"
        + "".join(chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in found)
        + "'"
    )
