"""The last step of every reader: facts from the plain data, identities, and an answer that fits through the pipe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ckpt_indexer.readers.contents import note
from ckpt_indexer.readers.facts.describe import describe

if TYPE_CHECKING:
    from ckpt_indexer.readers.contents import Contents
    from ckpt_indexer.readers.header import Header, JsonDict

MAX_ANSWER_BYTES = 3 << 20
"""The child's own limit for an answer, 4 MiB, would lose all of it."""
_DROPPED = ("params", "metadata", "signature", "components", "callbacks", "metrics", "inputs", "dtypes", "problems")
"""What is given up, in this order, when an answer is too large."""


def answer(contents: Contents, path: str) -> JsonDict:
    """Return the header as JSON values. To be called while the file is open: marks of storages may be samples."""
    header = contents.header
    structure = describe(contents.root, header, path=path)
    if contents.mark is not None and header.complete is not False:
        header.weights_id = structure.weights_id(contents.mark)
    if contents.weights_only is not None:
        header.weights_only = contents.weights_only
    return _fitting(header)


def _fitting(header: Header) -> JsonDict:
    """Return the header as JSON values that fit an answer; what was given up for that is a problem."""
    values = header.to_json()
    for name in _DROPPED:
        if len(json.dumps(values)) <= MAX_ANSWER_BYTES:
            break
        setattr(header, name, type(getattr(header, name))())
        note(header, "limit", f"its {name} are too much for one answer and were left out")
        values = header.to_json()
    return values
