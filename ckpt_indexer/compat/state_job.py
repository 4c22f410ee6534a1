"""The job a limited child runs for `inference_engine.load_checkpoint`: what a checkpoint holds, tensors as shapes."""

from __future__ import annotations

import json
import math
from typing import Any

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded
from ckpt_indexer.readers.facts.weights import find_state_dict
from ckpt_indexer.readers.files import read
from ckpt_indexer.readers.nodes import Opaque, Plain, Tensor
from ckpt_indexer.readers.opening import open_file

MAX_ANSWER_BYTES = 3 << 20
MAX_VALUES = 50_000
MAX_DEPTH = 32
STATE_DICT = "state_dict"
_NOTHING = object()


def read_state(root: str, path: str) -> dict[str, Any]:  # JSON values
    """Return {state_dict: {name: [dtype, shape]}, rest: {key: value}} of a checkpoint; a tensor of one element counts
    as its number, anything else that is no plain value is left out.

    Raises:
        CorruptCheckpoint: it holds no mapping.
        LimitExceeded: it holds more than fits into an answer.
        ReaderError: it cannot be opened or read.
    """
    with open_file(root, path) as file:
        held = read(file, lambda _name: None, full=False).root
    if not isinstance(held, dict):
        raise CorruptCheckpoint("it holds no mapping", path=path)
    budget = [MAX_VALUES]
    rest = {
        str(key): _plain(value, budget, 0)
        for key, value in held.items()
        if key != STATE_DICT and not isinstance(value, Tensor)
    }
    answer = {
        STATE_DICT: {name: [tensor.dtype, list(tensor.shape)] for name, tensor in find_state_dict(held)},
        "rest": {key: value for key, value in rest.items() if value is not _NOTHING},
    }
    if len(json.dumps(answer)) > MAX_ANSWER_BYTES:
        raise LimitExceeded("its names and shapes are more than fits into an answer", path=path)
    return answer


def _plain(value: Plain, budget: list[int], depth: int) -> Any:  # noqa: ANN401  # a JSON value
    """Return a value as JSON holds it; `_NOTHING` for what it cannot hold, and for what is too deep or too much."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        return _NOTHING
    if isinstance(value, Tensor):
        return _NOTHING if value.value is None else _plain(value.value, budget, depth)
    if isinstance(value, dict):
        inner = ((str(key), _plain(item, budget, depth + 1)) for key, item in value.items())
        return {key: item for key, item in inner if item is not _NOTHING}
    if isinstance(value, list):
        items = [_plain(item, budget, depth + 1) for item in value]
        return [None if item is _NOTHING else item for item in items]
    if isinstance(value, Opaque | bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return _NOTHING
    return value
