"""From the parsed files of a run's configuration to what it says of a checkpoint. Pure; runs in a limited child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.metadata.record import Component
from ckpt_indexer.metadata.secrecy import without_secrets
from ckpt_indexer.sources.config.interpolation import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_PARAMS = 500
MAX_TEXT = 4_096
"""Characters of a parameter."""
MAX_ITEMS = 256
"""Items of a list that is a parameter."""
_EMPTY: dict[str, Any] = {}  # JSON values


class ConfigAnswer(NamedTuple):
    """What one configuration says; JSON values throughout."""

    facts: dict[str, Any]
    components: list[Component]
    params: dict[str, Any]
    dropped: int
    """Parameters left out because there are more than `MAX_PARAMS`."""

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON values."""
        return {**self._asdict(), "components": [component._asdict() for component in self.components]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ConfigAnswer:
        """Return the answer that a child gave as JSON."""
        components = [Component(one["role"], one["name"], dict(one["params"])) for one in value["components"]]
        return cls(dict(value["facts"]), components, dict(value["params"]), value["dropped"])


def describe_config(
    config: Mapping[Any, Any],
    *,
    hydra: Mapping[Any, Any] | None = None,
    overrides: Mapping[str, Any] = _EMPTY,
) -> ConfigAnswer:
    """Return what a configuration says, its references resolved, Hydra's own block, secrets and
    long texts left out.

    An override gives a parameter of its own only where the configuration holds no value for it: a chosen group. When
    there are too many parameters, the overridden ones and the least nested stay.
    """
    own = {key: value for key, value in config.items() if key != "hydra"}
    said = find_facts(resolve(own, hydra))
    params = {key: value for key, value in without_secrets(said.params).items() if _is_short(value)}
    for key, value in without_secrets(overrides).items():
        params.setdefault(key, value)
    kept = _most_telling(params, overrides)
    components = [_without_secrets(component) for component in said.components]
    return ConfigAnswer(said.facts, components, kept, len(params) - len(kept))


def fill_gaps(answers: Sequence[ConfigAnswer]) -> ConfigAnswer:
    """Return what several configurations say together; the first that knows a field wins."""
    facts: dict[str, Any] = {}
    components: list[Component] = []
    params: dict[str, Any] = {}
    for answer in answers:
        roles = {component.role for component in components}
        components += [component for component in answer.components if component.role not in roles]
        for into, said in ((facts, answer.facts), (params, answer.params)):
            for key, value in said.items():
                into.setdefault(key, value)
    kept = _most_telling(params, _EMPTY)
    dropped = sum(answer.dropped for answer in answers) + len(params) - len(kept)
    return ConfigAnswer(facts, components, kept, dropped)


def _without_secrets(component: Component) -> Component:
    return Component(component.role, component.name, without_secrets(component.params))


def _is_short(value: object) -> bool:
    """Tell whether a parameter is a setting rather than a text or a table that stands in the configuration."""
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(_is_short(item) for item in value)
    return not isinstance(value, str) or len(value) <= MAX_TEXT


def _most_telling(params: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return at most `MAX_PARAMS` of the parameters, in their own order."""
    if len(params) <= MAX_PARAMS:
        return params
    ranked = sorted(params, key=lambda key: (key not in overrides, key.count(".")))
    kept = set(ranked[:MAX_PARAMS])
    return {key: value for key, value in params.items() if key in kept}
