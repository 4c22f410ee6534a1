"""Names of checkpoints and of the documents beside them. Pure: bytes in, bytes or text out.

Never `Path.with_suffix`: it turns `epoch=3-loss=0.25` into `epoch=3-loss=0` and `model.pth.tar` into `model.pth`.
Only known suffixes are stripped.
"""

from __future__ import annotations

from functools import lru_cache

CHECKPOINT_SUFFIXES = (b".pth.tar", b".ckpt", b".pt", b".pth", b".safetensors", b".keras", b".onnx", b".gguf")
"""What a checkpoint file's name ends with; longest first."""
INSIDE_SIDECAR = b"checkpoint.metadata.yaml"
"""The document inside a directory checkpoint."""
YAML_SIDECAR = b".metadata.yaml"
JSON_SIDECAR = b".metadata.json"


@lru_cache(maxsize=64)
def checkpoint_suffix(name: bytes) -> bytes | None:
    """Return the known suffix of a file name, None when it names no checkpoint. `.ckpt` alone is a dotfile: None."""
    for suffix in CHECKPOINT_SUFFIXES:
        if name.endswith(suffix):
            return suffix if len(name) > len(suffix) and not name.startswith(b".") else None
    return None


@lru_cache(maxsize=64)
def stem(name: bytes) -> bytes:
    """Return the name without its checkpoint suffix; unchanged when it has none."""
    suffix = checkpoint_suffix(name)
    return name if suffix is None else name[: -len(suffix)]


@lru_cache(maxsize=64)
def sidecar_names(name: bytes) -> tuple[bytes, ...]:
    """Return the names under which a checkpoint's document may lie beside it, the first wins."""
    base = stem(name)
    names = (name + YAML_SIDECAR, base + YAML_SIDECAR, base + JSON_SIDECAR)
    return names if base != name else (names[0], names[2])


def is_sidecar(name: bytes) -> bool:
    """Tell whether a file name is that of a metadata document."""
    return name.endswith((YAML_SIDECAR, JSON_SIDECAR))


def display(path: bytes) -> str:
    r"""Return the text of a path; undecodable bytes are shown as lowercase `\xnn`, backslashes then doubled."""
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def raw(text: str) -> bytes:
    """Return the bytes of a path given as text by a person or the operating system (undoes `os.fsdecode`)."""
    return text.encode("utf-8", "surrogateescape")
