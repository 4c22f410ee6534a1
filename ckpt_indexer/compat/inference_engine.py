"""What a state dict, or a path, suggests about a model. Never unpickles: torch is not imported, nothing is executed.

State dicts are mappings from names to anything with a `shape`: torch tensors, arrays, or the `StateTensor` that
`load_checkpoint` gives.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ckpt_indexer.compat.state_job import STATE_DICT
from ckpt_indexer.compat.types import UNKNOWN, DecoderInfo, HeadInfo
from ckpt_indexer.errors import ReaderError, ResourceShortage
from ckpt_indexer.metadata.naming import display, stem
from ckpt_indexer.metadata.path_facts import model_names
from ckpt_indexer.readers.signatures.recognise import Recognised, recognise_parts
from ckpt_indexer.sandbox.pool import Pool

if TYPE_CHECKING:
    StateDict = Mapping[str, Any]  # name -> anything with a shape

LOGGER = logging.getLogger(__name__)
_JOB = "ckpt_indexer.compat.state_job:read_state"
_WRAPPERS = (STATE_DICT, "model_state_dict")
_PARTS = 4
"""Last parts of a path that may name a model: file, `checkpoints`, run, shelf. What is above belongs to the machine."""


@dataclass(frozen=True, slots=True)
class StateTensor:
    """A tensor's description; its numbers are not read."""

    dtype: str
    """As torch names it, without `torch.`."""
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return len(self.shape)

    def numel(self) -> int:
        """Return the number of elements."""
        return prod(self.shape)


def load_checkpoint(checkpoint_path: str | os.PathLike[str]) -> dict[str, Any] | None:  # plain values
    """Return what a checkpoint holds: its plain values under their keys, and `state_dict` with a `StateTensor` for each
    name; None when it cannot be read, which is logged.

    The file is read by a limited child process that executes nothing in it. For weights to compute with use torch.
    """
    directory, name = os.path.split(os.path.realpath(os.fsencode(checkpoint_path)))  # bytes, which pathlib refuses
    try:
        with Pool(size=1) as pool:
            held = pool.call(_JOB, root=os.fsdecode(directory), path=os.fsdecode(name))
    except (ReaderError, ResourceShortage) as error:
        LOGGER.warning("the checkpoint %s cannot be read: %s", checkpoint_path, error.message)
        return None
    tensors = {name: StateTensor(dtype, tuple(shape)) for name, (dtype, shape) in held[STATE_DICT].items()}
    return {**held["rest"], STATE_DICT: tensors}


def infer_encoder_from_state(state_dict: StateDict) -> str | None:
    """Return the encoder a state dict belongs to; None when none is recognised, or several fit."""
    return _only(_recognised(state_dict), "encoder")


def infer_decoder_signature(state_dict: StateDict) -> DecoderInfo:
    """Return the decoder of a state dict, with the channels its shapes tell; `unknown` when none is recognised."""
    found = _recognised(state_dict)
    return DecoderInfo(name=_only(found, "decoder") or UNKNOWN, **found.params.get("decoder", {}))


def infer_head_signature(state_dict: StateDict) -> HeadInfo:
    """Return the head of a state dict, with the channels its shapes tell; `unknown` when none is recognised."""
    found = _recognised(state_dict)
    return HeadInfo(name=_only(found, "head") or UNKNOWN, **found.params.get("head", {}))


def infer_architecture_from_path(checkpoint_path: str | os.PathLike[str]) -> str | None:
    """Return the architecture that a path names as a whole word; None when it names none, or several."""
    return _named(checkpoint_path).get("architecture")


def infer_encoder_from_path(checkpoint_path: str | os.PathLike[str]) -> str | None:
    """Return the encoder that a path names as a whole word; None when it names none, or several."""
    return _named(checkpoint_path).get("backbone")


def _recognised(state_dict: StateDict) -> Recognised:
    return recognise_parts(dict(_shapes(state_dict)))


def _shapes(state_dict: StateDict) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes; of a whole checkpoint those of the state dict in it."""
    inner = next((state_dict[key] for key in _WRAPPERS if isinstance(state_dict.get(key), Mapping)), state_dict)
    shapes = ((name, getattr(tensor, "shape", None)) for name, tensor in inner.items())
    return [(name, tuple(map(int, shape))) for name, shape in shapes if isinstance(name, str) and shape is not None]


def _only(found: Recognised, role: str) -> str | None:
    names = found.names.get(role, [])
    return names[0] if len(names) == 1 else None


def _named(checkpoint_path: str | os.PathLike[str]) -> dict[str, str]:
    *parents, name = os.fsencode(checkpoint_path).split(b"/")
    return model_names(display(b"/".join([*parents[1 - _PARTS :], stem(name)])))
