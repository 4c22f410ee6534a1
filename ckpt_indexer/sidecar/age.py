"""Writing into a directory checkpoint without making it look younger."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def age_kept(directory: str | bytes | os.PathLike[str]) -> Iterator[None]:
    """Leave the times of a directory as they were: trainers delete the oldest checkpoints, by the directory's mtime
    (https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/trainer.py, `_rotate_checkpoints`).

    Anything but a directory is left alone.
    """
    before = os.stat(directory) if os.path.isdir(directory) else None
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))
