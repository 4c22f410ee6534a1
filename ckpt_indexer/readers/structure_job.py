"""The job a limited child runs to list the tensors of one checkpoint: names, dtypes, shapes; never their numbers."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING

from ckpt_indexer.readers import files
from ckpt_indexer.readers.child_jobs import beside
from ckpt_indexer.readers.directories import layouts as directory
from ckpt_indexer.readers.facts.weights import find_state_dict
from ckpt_indexer.readers.opening import open_directory, open_file

if TYPE_CHECKING:
    from ckpt_indexer.readers.contents import Contents
    from ckpt_indexer.readers.header import JsonDict

MAX_ANSWER_BYTES = 3 << 20
"""The child's own limit for an answer, 4 MiB, would lose all of it. Room for some 30,000 tensors."""


def read_structure(root: str, path: str, kind: str, *, answer_bytes: int = MAX_ANSWER_BYTES) -> JsonDict:
    """Return {format, tensors: [[name, dtype, shape]], left_out, problems} of the model's state dict.

    The tensors come sorted by name. `left_out` says how many of the last ones were too many for one answer. `root` is
    absolute, `path` relative to it, both as `os.fsdecode` gives them; `kind` is file or directory.

    Raises:
        ReaderError: it cannot be opened or read.
        ResourceShortage: this process can open nothing now.
    """
    if kind == "directory":
        with open_directory(root, path) as opened:
            return _listed(directory.read(opened, full=False), answer_bytes)
    with open_file(root, path) as file:
        return _listed(files.read(file, beside(root, path), full=False), answer_bytes)


def _listed(contents: Contents, answer_bytes: int) -> JsonDict:
    named = sorted(find_state_dict(contents.root), key=itemgetter(0))
    tensors: list[list[object]] = []
    size = 0
    for name, tensor in named:
        entry: list[object] = [name, tensor.dtype, list(tensor.shape)]
        size += len(json.dumps(entry)) + 1
        if size > answer_bytes:
            break
        tensors.append(entry)
    header = contents.header
    problems = [list(problem) for problem in header.problems]
    left_out = len(named) - len(tensors)
    return {"format": header.format, "tensors": tensors, "left_out": left_out, "problems": problems}
