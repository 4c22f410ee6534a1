"""Talk leaves here. A person who cannot be told is no reason to fail: the data went to stdout."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckpt_indexer.cli.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


def talk(sentence: str) -> None:
    """Say a sentence in a line of its own, with what a terminal would obey written out."""
    with spoken():
        sys.stderr.write(shown(sentence) + "\n")


@contextmanager
def spoken() -> Iterator[None]:
    """Let what is said inside go nowhere when stderr takes no more: a full disk, a reader who left."""
    try:
        yield
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
