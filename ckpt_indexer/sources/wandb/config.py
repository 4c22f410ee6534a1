"""What the configuration of a W&B run says of run and model, without what is secret or of W&B's own. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import is_mapping
from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.metadata.secrecy import holds_secret, is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.metadata.key_paths import ConfigFacts

_OWN_KEYS = frozenset({"_wandb", "wandb_version"})
_WRAPPER = frozenset({"value", "desc"})
_OWN_FACTS = ("wandb_run_id",)
"""The run was found by its id: what its configuration says of an id is about some other run, or the same."""
MAX_DEPTH = 32
MAX_VALUES = 20_000


def config_facts(config: Mapping[Any, Any]) -> ConfigFacts:
    """Return what an unwrapped configuration says."""
    found = find_facts(without_secrets(config))
    for name in _OWN_FACTS:
        found.facts.pop(name, None)
    return found


def unwrapped(config: Mapping[Any, Any]) -> dict[str, Any]:  # JSON values
    """Return a configuration as the run gave it: files and API answers wrap each value as `{value: ..., desc: ...}`."""
    return {
        key: value["value"] if is_mapping(value) and "value" in value and value.keys() <= _WRAPPER else value
        for key, value in config.items()
        if isinstance(key, str) and key not in _OWN_KEYS
    }


def without_secrets(config: Mapping[Any, Any]) -> dict[Any, Any]:  # JSON values
    """Return a copy without what looks like a secret, bounded in depth and number of values."""
    left = MAX_VALUES

    def copy(tree: Any, depth: int) -> Any:  # noqa: ANN401  # JSON values
        nonlocal left
        left -= 1
        if is_mapping(tree):
            kept = {}
            for key, value in tree.items():
                if left <= 0:
                    break
                if depth < MAX_DEPTH and not (isinstance(key, str) and is_secret(key, value)):
                    kept[key] = copy(value, depth + 1)
            return kept
        if isinstance(tree, list | tuple):
            return [copy(value, depth + 1) for value in tree[: max(left, 0)] if depth < MAX_DEPTH]
        return None if holds_secret(tree) else tree

    copied: dict[Any, Any] = copy(config, 0)
    return copied
