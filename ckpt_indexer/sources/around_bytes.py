"""Reading a file around a checkpoint, in a limited child: regular files below the root only, no more than allowed."""

from __future__ import annotations

from typing import NamedTuple

from ckpt_indexer.errors import LimitExceeded, ReaderError
from ckpt_indexer.readers.opening import open_file

MAX_LINES_BYTES = 48 << 20
"""Of a file read line by line."""
_HEAD_BYTES = 64 << 10


class Lines(NamedTuple):
    """A text file of whole lines."""

    data: bytes
    complete: bool
    """False: the middle was left out, because the file is larger than allowed."""


def read_small(root: str, path: str, limit: int) -> bytes:
    """Return a whole file of at most `limit` bytes.

    Raises:
        LimitExceeded: it is larger.
        ReaderError: absent, a link or below one, no regular file, not permitted, or it shrank meanwhile.
        ResourceShortage: nothing can be opened now.
    """
    with open_file(root, path) as file:
        if file.size > limit:
            raise LimitExceeded(f"larger than {limit >> 20} MiB; it is not read", path=path, limit=limit)
        data = file.read(0, file.size)
    if len(data) < file.size:
        raise ReaderError("it changed while it was read; it is read again later", path=path, reason="still_changing")
    return data


def read_lines(root: str, path: str, limit: int = MAX_LINES_BYTES) -> Lines:
    """Return the whole lines of a file, or its first line and the last ones where it is larger than `limit` bytes.

    A last line without its end is left out: it is still being written. Raises as `read_small`, but for the size.
    """
    with open_file(root, path) as file:
        if file.size <= limit:
            return Lines(_until_last_line(file.read(0, file.size)), complete=True)
        head = file.read(0, _HEAD_BYTES)
        tail = file.read(file.size - limit, limit)
    first, newline, _ = head.partition(b"\n")
    return Lines(first + newline + _until_last_line(tail[tail.find(b"\n") + 1 :]), complete=False)


def _until_last_line(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]
