"""The configuration given to `record` as flat hyper-parameters: dotted keys, JSON scalars and lists of them."""

from __future__ import annotations

from typing import Any

from ckpt_indexer.integrations.foreign import ask
from ckpt_indexer.integrations.hyper_parameters import plain_tree
from ckpt_indexer.metadata.fields import is_mapping, refuse
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.metadata.secrecy import is_secret

MAX_PARAMS = 1_000
MAX_CHARACTERS = 100_000
"""Of all keys and values: the whole document may have 256 KiB."""
MAX_ITEMS = 64
"""Items of a list; longer ones (vocabularies, file lists) are data, not parameters."""


def flat_params(config: object, problems: list[Problem]) -> dict[str, Any]:  # JSON scalars and lists of them
    """Return every parameter; null ones are left out, and so are secrets.

    A value that is no parameter (an object, a long list, NaN) is left out without a word: configurations hold such.
    """
    if config is None:
        return {}
    known = len(problems)
    tree = ask("config", lambda: plain_tree(config), problems)
    if not tree:
        is_empty = is_mapping(config) and ask("config", lambda: len(config), problems) == 0
        if len(problems) == known and not is_empty:
            refuse(problems, "config", "a mapping, dataclass, Namespace or OmegaConf config", config)
        return {}
    flat: dict[str, Any] = {}  # JSON scalars and lists of them
    room = MAX_CHARACTERS
    for key, value in flatten(tree, "config.", []).items():
        if is_secret(key, value) or (isinstance(value, list) and len(value) > MAX_ITEMS) or value == "???":
            continue
        room -= len(key) + len(str(value)) + 6 * (len(value) if isinstance(value, list) else 1)
        if room < 0 or len(flat) == MAX_PARAMS:
            problems.append(Problem("field", f"config: too many parameters; {key} and those after it are left out"))
            break
        flat[key] = value
    return flat
