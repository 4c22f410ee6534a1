"""Where real configurations keep what the catalog asks for: key paths, the first that answers wins. Pure.

One table for every kind of configuration: Hydra files, hyper-parameters inside checkpoints, W&B configs, the arguments
of training scripts. A part of a model is text, or a mapping that names itself (`model_name`, `name`), its class
(`_target_`, `class_path`, `type`) or both; what stands under `component_overrides` fills gaps only. A value that is
still to be interpolated (`${...}`) is no answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.checkpoint_callbacks import find_monitor
from ckpt_indexer.metadata.components import ROW_FIELDS
from ckpt_indexer.metadata.fields import INT_LIMIT, is_mapping
from ckpt_indexer.metadata.model_names import encoder_in_text, known_name, name_in_text, name_of_class, plain_text
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.record import Component
from ckpt_indexer.metadata.schema import PHASES
from ckpt_indexer.metadata.secrecy import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ckpt_indexer.metadata.record import Problem

    Tree = Mapping[Any, Any]  # a configuration: any key, any value
    Path = tuple[str, ...]


def _paths(*dotted: str) -> tuple[Path, ...]:
    """Return dotted key paths as tuples of their keys."""
    return tuple(tuple(path.split(".")) for path in dotted)


class ConfigFacts(NamedTuple):
    """What a configuration says."""

    facts: dict[str, Any]
    """Scalar fields of the row by their row names; JSON values, never None."""
    components: list[Component]
    params: dict[str, Any]
    """The whole configuration as flat dotted keys; JSON scalars and lists of them."""


_WRAPPERS = ("cfg", "config", "conf", "hparams", "hyper_parameters", "args", "train_args", "params", "init_args")
"""Keys below which a whole configuration may stand."""
_TEXT_PATHS: dict[str, tuple[Path, ...]] = {
    "experiment": _paths("exp_name", "experiment_name", "experiment.name", "experiment", "exp.name", "exp.exp_name"),
    "dataset": _paths(
        "dataset.name", "data.dataset.name", "data.dataset_name", "data.name", "datasets.name", "dataset_name",
        "data.dataset", "dataset",
    ),
    "wandb_run_id": _paths(
        "logger.wandb.id", "logger.wandb.run_id", "wandb.id", "wandb.run_id", "wandb_run_id", "wandb_id",
        "loggers.wandb.id", "training.logger.wandb.id", "trainer.logger.init_args.id", "logger.wandb.init_args.id",
    ),
}  # fmt: skip
_MAX_EPOCHS = _paths(
    "trainer.max_epochs", "training.max_epochs", "training.trainer.max_epochs", "train_cfg.max_epochs", "max_epochs",
    "trainer.epochs", "training.epochs", "training.num_epochs", "train.epochs", "train.max_epochs", "num_train_epochs",
    "num_epochs", "n_epochs", "epochs",
)  # fmt: skip
_PHASE = _paths("training_phase", "training.phase", "training.training_phase")
_ARCHITECTURE = _paths(
    "model.architecture_name", "model.architectures", "model.architecture", "model.arch", "model.name",
    "architecture_name", "architectures", "architecture", "arch", "model", "model_name", "models.name",
    "model.model_name", "model_name_or_path", "model.model_name_or_path", "model_type",
)  # fmt: skip
_ROLES: dict[str, tuple[str, ...]] = {
    "encoder": ("encoder", "backbone"),
    "neck": ("neck",),
    "decoder": ("decoder",),
    "head": ("head", "det_head"),
    "loss": ("loss", "loss_fn", "criterion"),
}
_DIRECT = ("model.{}", "model.architecture.{}", "{}", "models.{}", "network.{}", "model.init_args.{}", "model.{}_name",
           "{}_name", "model.params.{}")  # fmt: skip
_OVERRIDES = ("model.component_overrides.{}", "component_overrides.{}")
_OF_ROLE = {role: _paths(*(place.format(key) for place in _DIRECT for key in keys)) for role, keys in _ROLES.items()}
_OVERRIDES_OF_ROLE = {
    role: _paths(*(place.format(key) for place in _OVERRIDES for key in keys)) for role, keys in _ROLES.items()
}
_WHOLE_MODEL = _paths(
    "model.model_name", "model.init_args.model_name", "model_name", "model.architecture_name", "model.architecture",
    "model.arch", "model.name", "architecture", "arch", "model",
)  # fmt: skip
"""These name an encoder only when the model is known to be one."""
_NAME_KEYS = ("model_name", "backbone_name", "encoder_name", "arch", "name")
"""The last one also names what holds the part (`timm_backbone`)."""
_CLASS_KEYS = ("_target_", "class_path", "type")
"""The last one is also used for kinds of tasks."""
_NESTED = ("params", "init_args", "kwargs")
_RUN_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}(?:/[A-Za-z0-9_.\-]{1,128}){0,2}")
_DOTTED = re.compile(r"\w+(?:[./]\w+){1,32}")
_DATA_FILE = re.compile(r"(?:.*/)?([^/]+)\.ya?ml")
_MAX_EXPANDED = 2_000
MAX_PARAM_TEXT = 4_000
"""Characters; a longer text is no hyper-parameter."""


def find_facts(config: Mapping[Any, Any]) -> ConfigFacts:
    """Return what a configuration says of run and model. Never raises: what is not as expected is passed over."""
    trees = [_nested(tree) for tree in _views(config)]
    facts: dict[str, Any] = {}
    components: list[Component] = []
    for tree in trees:
        for component in _components(tree):
            if all(component.role != kept.role for kept in components):
                components.append(component)
        for field, value in _scalars(tree).items():
            facts.setdefault(field, value)
    for component in components:
        field_name = ROW_FIELDS.get(component.role)
        if field_name is not None and component.name is not None:
            facts[field_name] = component.name
    unread: list[Problem] = []
    params = {key: value for key, value in flatten(config, "", unread).items() if _is_param(key, value)}
    return ConfigFacts(facts, components, params)


def _is_param(key: str, value: object) -> bool:
    """Tell whether a value may be shown: no place holder, no secret, no essay."""
    if isinstance(value, str) and (value == "???" or len(value) > MAX_PARAM_TEXT):
        return False
    return not is_secret(key, value)


def _found(tree: Tree, paths: tuple[Path, ...]) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of the places that are there, in the order of the paths; None is no value."""
    for path in [path for path in paths if path[0] in tree]:
        here: Any = tree.get(path[0])
        for key in path[1:]:
            if not is_mapping(here):
                here = None
                break
            here = here.get(key)
        if here is not None:
            yield path, here


def _views(config: Tree) -> Iterator[Tree]:
    """Yield the configuration, then whole configurations that stand under a usual key of it."""
    yield config
    for key in _WRAPPERS:
        inner = config.get(key)
        if is_mapping(inner):
            yield inner


def _nested(tree: Tree) -> Tree:
    """Return a mapping with flat keys (`model.encoder.name`, as loggers write them) as nested ones; the nested wins."""
    flat = {key: re.split(r"[./]", key) for key in tree if isinstance(key, str) and _DOTTED.fullmatch(key)}
    if not flat or len(tree) > _MAX_EXPANDED:
        return tree
    grown: dict[Any, Any] = {key: tree[key] for key in tree if key not in flat}
    for key, (*parents, last) in flat.items():
        here = grown
        for parent in parents:
            below = here.get(parent, {})
            if not is_mapping(below):
                break
            here[parent] = here = dict(below)
        else:
            here.setdefault(last, tree[key])
    return grown


def _scalars(tree: Tree) -> dict[str, Any]:
    """Return the facts that are no parts of the model."""
    said: dict[str, Any] = {
        "architecture": _architecture(tree),
        "max_epochs": next(
            (n for n in (_count(value) for _, value in _found(tree, _MAX_EPOCHS)) if n is not None), None
        ),
        "training_phase": next((word for _, word in _found(tree, _PHASE) if word in PHASES), None),
        **{field: _first_text(tree, field, paths) for field, paths in _TEXT_PATHS.items()},
        **find_monitor(tree),
    }
    return {field: value for field, value in said.items() if value is not None}


def _first_text(tree: Tree, field: str, paths: tuple[Path, ...]) -> str | None:
    for _, given in _found(tree, paths):
        value = plain_text(_only(given))
        if value is not None and (field != "wandb_run_id" or _RUN_ID.fullmatch(value)):
            return value
    data = plain_text(tree.get("data")) if field == "dataset" else None
    found = _DATA_FILE.fullmatch(data) if data is not None else None
    return None if found is None else found[1]


def _only(value: object) -> object:
    """Return the one item of a list that holds one; a list of several is no single answer."""
    if isinstance(value, list | tuple):
        return value[0] if len(value) == 1 else None
    return value


def _count(value: object) -> int | None:
    """Return a number of epochs: 1 and above, or -1 for no limit."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and (value == -1 or 0 < value < INT_LIMIT) else None


def _architecture(tree: Tree) -> str | None:
    """Return the architecture: a name given as such, else the class of it, else the class of the model."""
    for path, given in _found(tree, _ARCHITECTURE):
        value = _only(given)
        name = _named(value, "architecture") if path[-1] == "architecture" else name_in_text("architecture", value)
        if name is not None:
            return known_name("backbone", name) or name
    model = tree.get("model")
    return _class_name(model, "architecture") if is_mapping(model) else None


def _components(tree: Tree) -> Iterator[Component]:
    for role in _ROLES:
        component = _component(tree, role)
        if component is not None:
            yield component


def _component(tree: Tree, role: str) -> Component | None:
    """Return one part of the model: the name from the first place that has one; the params of the first place that is
    a mapping, with gaps filled by the overrides."""
    field = ROW_FIELDS.get(role, role)
    direct = [_only(value) for _, value in _found(tree, _OF_ROLE[role])]
    overrides = [_only(value) for _, value in _found(tree, _OVERRIDES_OF_ROLE[role])]
    names = (_named(value, field) for value in (*direct, *overrides))
    name = next((given for given in names if given is not None), None)
    if role == "encoder" and name is None:
        whole = (encoder_in_text(_only(value)) for _, value in _found(tree, _WHOLE_MODEL))
        name = next((given for given in whole if given is not None), None)
    params: dict[str, Any] = {}
    for block in ([value for value in direct if is_mapping(value)][:1], filter(is_mapping, overrides)):
        for value in block:
            for key, own in _params(value).items():
                params.setdefault(key, own)
    return Component(role, name, params) if name is not None or params else None


def _named(value: object, field: str) -> str | None:
    """Return the name of a part: of text itself; of a mapping by its name keys, those of its params, its class."""
    if not is_mapping(value):
        return name_in_text(field, value)
    inner = [block for block in (value.get(key) for key in _NESTED) if is_mapping(block)]
    for given in [block.get(key) for key in _NAME_KEYS for block in (value, *inner)]:
        name = name_in_text(field, _only(given))
        if name is not None:
            return name
    return _class_name(value, field)


def _class_name(block: Tree, field: str) -> str | None:
    """Return the name its class gives. A `type` in lower case is a kind of task, unless the name is known."""
    for key in _CLASS_KEYS:
        given = block.get(key)
        name = name_of_class(field, given)
        if name is None or (key == "type" and str(given).islower() and known_name(field, name) is None):
            continue
        depth = block.get("depth")
        if key == "type" and type(depth) is int:
            name = known_name(field, f"{name}{depth}") or name
        return name
    return None


def _params(block: Tree) -> dict[str, Any]:
    """Return the parameters of a part, flat: its own and those it nests under `params`; names and classes are none."""
    nested = {key: block[key] for key in _NESTED if is_mapping(block.get(key))}
    own = {key: value for key, value in block.items() if key not in (*_NAME_KEYS, *_CLASS_KEYS, *nested)}
    unread: list[Problem] = []
    flat = flatten(own, "", unread)
    for inner in nested.values():
        for key, value in flatten(inner, "", unread).items():
            if key not in _NAME_KEYS:
                flat.setdefault(key, value)
    return flat
