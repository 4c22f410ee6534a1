"""Which file to start when this program starts itself again, as a child."""

from __future__ import annotations

import os
import sys

_OURSELVES = "/proc/self/exe"


def interpreter() -> str:
    """Return the file of the interpreter that runs this process.

    Its own, where its path leads nowhere any more: it may have been replaced while we run, or lie where the user who
    runs us may not go. The path still belongs in the first argument, by which Python finds its packages.
    """
    return sys.executable if os.access(sys.executable or "", os.X_OK) else _OURSELVES
