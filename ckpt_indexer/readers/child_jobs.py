"""The job a limited child runs: read the header of one checkpoint, answer it as JSON."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers import files
from ckpt_indexer.readers.answering import answer
from ckpt_indexer.readers.directories import layouts as directory
from ckpt_indexer.readers.opening import open_directory, open_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.readers.header import JsonDict


def read_header(root: str, path: str, kind: str, *, full: bool = True) -> JsonDict:
    """Return the header (`Header.to_json`) of a checkpoint; what is wrong with it is a problem in there.

    `root` is absolute, `path` relative to it, both as `os.fsdecode` gives them; `kind` is file or directory. Without
    `full` no samples are taken of tensors: formats without sums have no identities then.

    Raises:
        ReaderError: it cannot be opened or read; `reason` and `errno` are in its details.
        LimitExceeded: a directory of more entries than is read.
        ResourceShortage: this process can open nothing now.
    """
    with _garbage_kept():
        if kind == "directory":
            with open_directory(root, path) as opened:
                return answer(directory.read(opened, full=full), path)
        with open_file(root, path) as file:
            contents = files.read(file, beside(root, path), full=full)
            return answer(contents, path)


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Do not look for cycles meanwhile: a pickle becomes many small objects, and nearly all of them are needed."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def beside(root: str, path: str) -> Callable[[str], int | None]:
    """Return a function that gives the size of a file named relative to the one at `path`."""
    parent = path.rpartition("/")[0]

    def size(name: str) -> int | None:
        with suppress(ReaderError), open_file(root, f"{parent}/{name}" if parent else name) as file:
            return file.size
        return None

    return size
