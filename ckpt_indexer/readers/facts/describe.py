"""Plain data to facts: what a checkpoint says of itself, whichever training code wrote it. Pure; runs in the child.

    plain root -> progress, callbacks, metrics, configuration, weights -> header

Each part fills gaps only: what the reader of a format already knew stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.facts.callbacks import describe_callbacks
from ckpt_indexer.readers.facts.config import describe_config
from ckpt_indexer.readers.facts.metrics import describe_metrics
from ckpt_indexer.readers.facts.progress import describe_progress
from ckpt_indexer.readers.facts.text import describe_text
from ckpt_indexer.readers.facts.values import table
from ckpt_indexer.readers.facts.weights import describe_weights, find_state_dict, shapes_of
from ckpt_indexer.readers.identity import Structure
from ckpt_indexer.readers.signatures.recognise import recognise_parts

if TYPE_CHECKING:
    from ckpt_indexer.readers.facts.weights import Named
    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain


def describe(root: Plain, header: Header, *, path: str) -> Structure:
    """Fill the header from the plain root of a checkpoint; for weights alone that is a mapping name -> tensor, for a
    format that holds none it is None.

    Return the structure of its state dict. `path` is where the file lies; only its last parts are compared with what
    callbacks say they wrote. Never raises for what a file holds: a value that is not as expected is passed over.
    """
    named = find_state_dict(root)
    states = table(root) if isinstance(root, dict) else {}
    describe_progress(states, header, path)
    describe_callbacks(states, header, path)
    describe_metrics(states, header)
    describe_config(states, header)
    describe_text(header)
    describe_weights(root, named, header)
    structure = Structure(named)
    if named:
        header.structure_id = structure.structure_id()
        _describe_structure(named, header)
    return structure


def _describe_structure(named: list[Named], header: Header) -> None:
    """Fill in which parts the structure fits, and what the shapes tell of their channels."""
    recognised = recognise_parts(shapes_of(named))
    header.signature = recognised.names
    by_role = {component["role"]: component for component in header.components}
    for role, params in recognised.params.items():
        component = by_role.get(role)
        if component is None:
            header.components.append({"role": role, "name": None, "params": params})
        else:
            component["params"] = {**params, **component["params"]}
