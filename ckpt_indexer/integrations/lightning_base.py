"""Lightning's Callback under whichever name the training uses. The only place that imports Lightning, by name.

`lightning.pytorch` and `pytorch_lightning` are the same code twice, with classes that do not know each other. A
training that imported one of them before this module gets a callback of that one; one that imported both gets a
callback that is both. Otherwise `lightning.pytorch` is tried first.
"""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("lightning.pytorch", "pytorch_lightning")


def callback_bases() -> tuple[type, ...]:
    """Return the Callback classes to inherit from, at least one.

    Raises:
        ImportError: neither package is installed.
    """
    loaded = [name for name in NAMES if name in sys.modules]
    bases: list[type] = []
    for name in loaded:
        base = getattr(sys.modules[name], "Callback", None)
        if isinstance(base, type) and base not in bases:
            bases.append(base)
    return tuple(bases) or (_first_installed(),)


def _first_installed() -> type:
    for name in NAMES:
        try:
            base: type = import_module(name).Callback
        except ModuleNotFoundError as error:
            if error.name not in {name, name.partition(".")[0]}:
                raise
        else:
            return base
    raise ImportError("MetadataCallback needs Lightning: pip install 'ckpt-indexer[lightning]'")
