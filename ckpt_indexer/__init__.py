"""Know every checkpoint you have, trust what you read about it, find the best one in a millisecond.

    from ckpt_indexer import connect
    for row in connect().best(by="backbone"):
        print(row["backbone"], row["hmean"], row["path"])

Everything else is reached through the `ckpt-indexer` command. Importing this package is cheap: names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["CkptIndexerError", "__version__", "connect", "forget", "record", "save_metadata"]

if TYPE_CHECKING:
    from ckpt_indexer.app import connect
    from ckpt_indexer.errors import CkptIndexerError
    from ckpt_indexer.integrations.recorder import forget, record
    from ckpt_indexer.sidecar.io import save_metadata

_HOMES = {
    "connect": "ckpt_indexer.app",
    "CkptIndexerError": "ckpt_indexer.errors",
    "forget": "ckpt_indexer.integrations.recorder",
    "record": "ckpt_indexer.integrations.recorder",
    "save_metadata": "ckpt_indexer.sidecar.io",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the public names have different types
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
