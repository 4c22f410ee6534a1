"""What OmegaConf's nodes in a pickle mean: the plain config within. Interpolations and `???` stay the text they are.

A container keeps its children in `_content`, a leaf its value in `_val`; parents and flags are no content:
https://github.com/omry/omegaconf/blob/v2.3.0/omegaconf/basecontainer.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.interpret.base import PASS, Pass, Walk, field
from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, GlobalNode, Missing

if TYPE_CHECKING:
    from ckpt_indexer.readers.nodes import Plain


def is_config_node(func: GlobalNode) -> bool:
    """Tell whether this is a class of OmegaConf."""
    return func.module == "omegaconf" or func.module.startswith("omegaconf.")


def config_value(walk: Walk, call: CallNode, depth: int) -> Plain | Missing | Pass:
    """Return what an OmegaConf node holds."""
    for name in ("_content", "_val"):
        content = field(call.state, name)
        if content is not MISSING:
            return walk.plain(content, depth)
    return PASS
