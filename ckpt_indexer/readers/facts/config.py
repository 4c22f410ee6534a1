"""Hyper-parameters of a checkpoint in every form training code leaves them: dicts, namespaces, objects, source text.

Pure. What they mean is told by `metadata.key_paths`; here they are only found and made plain.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.readers.facts.values import is_table, simplified, table, text
from ckpt_indexer.readers.nodes import Opaque

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain

MAX_SOURCE = 100_000
"""Characters of a configuration written as Python source."""
_PLACES = (
    "hyper_parameters", "hparams", "hyperparameters", "hyper_params", "cfg", "config", "configuration", "train_args",
    "args", "opt", "opts", "options", "conf", "settings", "train_config", "model_config", "model_args", "model_kwargs",
    "model_params", "init_args", "kwargs", "datamodule_hyper_parameters",
)  # fmt: skip
_MODEL_ONLY = frozenset({"model_config", "model_args", "model_kwargs", "model_params"})
_LOOSE = frozenset(
    {
        "arch", "architecture", "backbone", "encoder", "encoder_name", "decoder", "head", "model_name", "model_type",
        "exp_name", "experiment", "experiment_name", "dataset", "dataset_name", "max_epochs", "num_epochs",
        "training_phase", "wandb_id", "wandb_run_id", "monitor", "mode",
    }
)  # fmt: skip
"""Values at the top of a checkpoint that say what a configuration would."""
_LOOSE_PARAMS = frozenset(
    {
        "lr", "learning_rate", "batch_size", "seed", "weight_decay", "momentum", "img_size", "image_size", "imgsz",
        "input_size", "num_classes", "dropout", "hidden_size", "num_layers", "vocab_size", "optimizer_name",
    }
)  # fmt: skip


def describe_config(root: dict[Any, Any], header: Header) -> None:
    """Fill in facts, components and params from every configuration in the checkpoint; the first that knows wins."""
    for key, config in _configs(root):
        found = find_facts({"model": config} if key in _MODEL_ONLY else config)
        told = header.facts.get("monitor", found.facts.get("monitor"))
        for field, value in found.facts.items():
            if field != "monitor_mode" or told == found.facts.get("monitor"):  # the mode of that metric, of no other
                header.facts.setdefault(field, value)
        roles = {component["role"] for component in header.components}
        header.components += [part._asdict() for part in found.components if part.role not in roles]
        for name, value in found.params.items():
            header.params.setdefault(name, value)


def _configs(root: dict[Any, Any]) -> Iterator[tuple[str, dict[Any, Any]]]:
    for key in _PLACES:
        config = _plain_config(root.get(key))
        if config:
            yield key, config
    meta = table(root.get("meta"))
    config = _plain_config(meta.get("cfg")) or _plain_config(meta.get("config"))
    if config:
        yield "meta", config
    loose = {key: value for key, value in root.items() if key in _LOOSE and text(value) is not None}
    loose |= {key: value for key, value in root.items() if key in {"max_epochs", "num_epochs"}}
    loose |= {key: value for key, value in root.items() if key in _LOOSE_PARAMS and not is_table(value)}
    wandb = root.get("wandb")
    if is_table(wandb):
        loose["wandb"] = {key: value for key, value in wandb.items() if key in {"id", "run_id"}}
    config = simplified(loose)
    if config:
        yield "", config


def _plain_config(value: Plain) -> dict[Any, Any]:
    """Return a configuration as nested plain mappings; an empty one for what is none: no mapping, no object, no
    source, or the state of an optimizer under a name that means options elsewhere."""
    if isinstance(value, str):
        return config_of_source(value)
    held = table(value) if isinstance(value, dict | Opaque) else {}
    if "param_groups" in held:
        return {}
    config = simplified(held)
    return config if isinstance(config, dict) else {}


def config_of_source(source: str) -> dict[str, Any]:
    """Return the literal assignments of a Python configuration (`model = dict(type='DBNet', ...)`), as MMEngine keeps
    its whole configuration as text. Nothing is executed: what is no literal is left out."""
    if len(source) > MAX_SOURCE or "=" not in source:
        return {}
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return {}
    config: dict[str, Any] = {}
    for statement in module.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                config[target.id] = _value(statement.value, 32)
    return config


def _value(node: ast.expr, depth: int) -> Any:  # noqa: ANN401  # JSON-like values, nested
    if depth == 0:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | int | float | bool) else None
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, depth - 1) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {key.value: _value(value, depth - 1) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {word.arg: _value(word.value, depth - 1) for word in node.keywords if word.arg is not None}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        return -number if isinstance(number, int | float) else None
    return None
