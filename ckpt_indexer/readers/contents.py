"""What a format's reader hands on: the header so far, the plain root, a way to tell storages apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.errors import ReaderError
    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain

MAX_PROBLEMS = 50
"""Problems of one file; further ones tell nothing new."""
MAX_MESSAGE = 500
"""Characters of one problem's message."""
MAX_TEXT = 4000
"""Characters of one value of a format's own text pairs."""
MAX_PAIRS = 200


@dataclass(slots=True)
class Contents:
    """One file or directory, read."""

    header: Header
    root: Plain = None
    """The mapping that the format holds (for weights alone: name -> tensor); None when there is none."""
    mark: Callable[[str], bytes | None] | None = None
    """What identifies the bytes of a storage (`identity.Structure.weights_id`); valid while the file is open."""
    weights_only: bool | None = None
    """What the files of a directory say about that, whatever its weights look like."""


def note(header: Header, kind: str, message: str) -> None:
    """Add a problem, once, bounded in number and length."""
    problem = (kind, message[:MAX_MESSAGE])
    if len(header.problems) < MAX_PROBLEMS and problem not in header.problems:
        header.problems.append(problem)


def note_error(header: Header, error: ReaderError) -> None:
    """Add what stopped a reader as a problem; missing bytes make the checkpoint incomplete.

    Raises:
        ReaderError: this very error, when it is the disk's and not the file's.
    """
    if "errno" in error.details:
        raise error
    reason = error.details.get("reason")
    kind = "truncated" if reason == "truncated" else "limit" if "limit" in error.details else "corrupt"
    note(header, kind, error.message)
    if kind == "truncated":
        header.complete = False


def add_text(header: Header, key: str, value: str) -> None:
    """Keep a text pair that the format itself carries, bounded in number and length."""
    if len(header.metadata) < MAX_PAIRS:
        header.metadata[key[:MAX_MESSAGE]] = value[:MAX_TEXT]
