"""Resolving `${...}` in a configuration that was saved unresolved. Pure.

Known are references to other keys (`${a.b}`, `${a[0]}`, `${.sibling}`, `${..uncle}`) and to what Hydra wrote down of
the job (`${hydra:runtime.x}`, `${hydra:job.x}`). Everything else stays the text it is: environment variables are never
looked up, and neither are other resolvers, missing keys, `???`, loops, or anything that is called a secret.
https://omegaconf.readthedocs.io/en/2.3_branch/usage.html#variable-interpolation
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.secrecy import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    Tree = Mapping[Any, Any]  # a configuration: any key, any value
    Keys = tuple[Any, ...]  # where a value stands: keys and list places, from the outermost

MAX_DEPTH = 16
"""References that lead to references."""
MAX_LEVELS = 64
"""Levels at which a reference is still followed."""
MAX_VALUES = 20_000
"""Values of the resolved configuration; a reference that would add more stays text."""
MAX_TEXT = 16_384
"""Characters of a text with references in it, resolved."""
_REFERENCE = re.compile(r"(?<!\\)\$\{(hydra:)?(\.*)([A-Za-z_][\w\-/]*(?:\.[\w\-/]+|\[\w+\])*)\}")
_STEP = re.compile(r"[\w\-/]+")
_HYDRA_BLOCKS = frozenset({"runtime", "job"})
_HYDRA_HIDDEN = frozenset({"env_set", "env_copy"})
_DIGITS = 6
_MISSING = "???"


class _Unresolved(Exception):
    """A reference that stays text."""


class _Place(NamedTuple):
    """Where the value being resolved stands."""

    tree: Tree
    keys: Keys
    depth: int
    """References followed so far."""
    level: int
    """Mappings and lists around it, those before each reference included."""


def resolve(config: Tree, hydra: Tree | None = None) -> dict[Any, Any]:
    """Return a copy of the configuration with the references that can be resolved. `hydra` is what `hydra.yaml` holds
    under its key `hydra`. The configuration must be a tree: no value contains itself."""
    resolver = _Resolver(config, hydra or {})
    return {key: resolver.value(below, _Place(config, (key,), 0, 1)) for key, below in config.items()}


class _Resolver:
    """One pass over one configuration."""

    def __init__(self, config: Tree, hydra: Tree) -> None:
        self._config = config
        self._hydra = {"hydra": hydra}
        self._left = MAX_VALUES

    def value(self, value: Any, place: _Place) -> Any:  # noqa: ANN401  # any configuration value
        self._left -= 1
        if isinstance(value, str):
            return self._text(value, place) if "${" in value else value
        if isinstance(value, dict):
            return {key: self.value(below, self._below(place, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.value(below, self._below(place, number)) for number, below in enumerate(value)]
        return value

    @staticmethod
    def _below(place: _Place, key: Any) -> _Place:  # noqa: ANN401  # any key
        return _Place(place.tree, (*place.keys, key), place.depth, place.level + 1)

    def _text(self, text: str, place: _Place) -> Any:  # noqa: ANN401  # any configuration value
        """Return a text resolved; one that is nothing but a reference becomes whatever it refers to."""
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            try:
                return self._target(whole, place)
            except _Unresolved:
                return text
        resolved = _REFERENCE.sub(lambda found: self._inserted(found, place), text)
        return resolved if len(resolved) <= MAX_TEXT else text

    def _inserted(self, found: re.Match[str], place: _Place) -> str:
        try:
            value = self._target(found, place)
        except _Unresolved:
            return found[0]
        if value is None or isinstance(value, dict | list):
            return found[0]
        return value[:MAX_TEXT] if isinstance(value, str) else str(value)

    def _target(self, found: re.Match[str], place: _Place) -> Any:  # noqa: ANN401  # any configuration value
        """Return what a reference leads to, itself resolved.

        Raises:
            _Unresolved: it leads nowhere, too far, or where nobody should look.
        """
        hydra, dots, path = found.groups()
        steps = _STEP.findall(path)
        if place.depth >= MAX_DEPTH or place.level > MAX_LEVELS or self._left <= 0:
            raise _Unresolved
        if any(is_secret(step) for step in steps):
            raise _Unresolved
        tree, keys = place.tree, self._absolute(place, dots, steps)
        if hydra or (keys[0] == "hydra" and tree is self._config):
            tree = self._hydra
            keys = ("hydra", *steps) if hydra else keys
        if tree is self._hydra and len(keys) > 1 and _is_hidden(keys):
            raise _Unresolved
        value, keys = _look(tree, keys)
        resolved = self.value(value, _Place(tree, keys, place.depth + 1, place.level + 1))
        if resolved is value and isinstance(value, str) and value == _MISSING:
            raise _Unresolved
        if isinstance(resolved, str) and _REFERENCE.search(resolved):
            raise _Unresolved
        return resolved

    @staticmethod
    def _absolute(place: _Place, dots: str, steps: list[str]) -> Keys:
        """Return the keys of a reference from the top: one leading dot is the mapping that it stands in."""
        if not dots:
            return tuple(steps)
        if len(dots) > len(place.keys):
            raise _Unresolved
        return (*place.keys[: len(place.keys) - len(dots)], *steps)


def _is_hidden(keys: Keys) -> bool:
    """Tell whether a place of Hydra's own configuration is none of those that describe the job."""
    return keys[1] not in _HYDRA_BLOCKS or any(key in _HYDRA_HIDDEN for key in keys)


def _place_in_list(key: Any) -> int:  # noqa: ANN401  # any key
    """Return a key as a place in a list; -1 when it is none."""
    if isinstance(key, int):
        return key
    return int(key) if key.isascii() and key.isdigit() and len(key) < _DIGITS else -1


def _look(tree: Tree, keys: Keys) -> tuple[Any, Keys]:  # any configuration value
    """Return the value at a place and the place as its real keys."""
    here: Any = tree
    real: list[Any] = []
    for key in keys:
        if isinstance(here, list):
            index = (
                key if isinstance(key, int) else int(key) if key.isascii() and key.isdigit() and len(key) < 6 else -1
            )
            if not 0 <= index < len(here):
                raise _Unresolved
            here = here[index]
            real.append(index)
        elif isinstance(here, dict) and key in here:
            here = here[key]
            real.append(key)
        else:
            raise _Unresolved
    return here, tuple(real)
