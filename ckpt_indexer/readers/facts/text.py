"""Text pairs that a format itself carries (`__metadata__` of safetensors, keys of GGUF and ONNX) as facts. Pure.

All values are text, so a number is what reads as one. What has no place of its own becomes a parameter.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import moment, moment_text
from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.metadata.metrics import direction
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.readers.facts.values import count, is_metric_name, is_table, number, text

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.readers.header import Header

MAX_JSON = 65_536
"""Characters of one value that are parsed as JSON."""
_MAX_NESTING = 32
_COUNTS = {
    "epoch": ("epoch", "ss_epoch", "training.epoch"),
    "global_step": ("global_step", "step", "iteration", "ss_steps", "training.step"),
    "max_epochs": ("max_epochs", "num_epochs", "ss_num_epochs"),
}
_TEXTS = {
    "architecture": (
        "modelspec.architecture", "general.architecture", "architecture", "arch", "model_type",
    ),
    "experiment": ("experiment", "exp_name", "experiment_name", "ss_output_name"),
    "dataset": ("dataset", "dataset_name"),
    "wandb_run_id": ("wandb_run_id", "wandb_id"),
}  # fmt: skip
_MOMENTS = ("modelspec.date", "created_at", "date", "date_saved", "timestamp", "general.date")
_SKIPPED = re.compile(r"format|modelspec\.(?:thumbnail|hash_sha256|sai_model_spec)|torch\..*")
"""How the file is written, not what it holds."""
MAX_DIGITS = 30
"""Characters of a number; a longer one is text."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_PREFIXED = re.compile(r"(?:val|valid|validation|eval|test|train|metric|metrics)[/_.]\S+", re.IGNORECASE)


def describe_text(header: Header) -> None:
    """Fill in facts, metrics and params from `header.metadata`. Asked twice, it adds nothing."""
    pairs = {key: _unfolded(value) for key, value in header.metadata.items() if not _SKIPPED.fullmatch(key)}
    for field, keys in _COUNTS.items():
        found = next((n for n in (count(pairs.get(key)) for key in keys) if n is not None), None)
        if found is not None:
            header.facts.setdefault(field, found)
    for field, keys in _TEXTS.items():
        told = next((word for word in (text(header.metadata.get(key)) for key in keys) if word is not None), None)
        if told is not None:
            header.facts.setdefault(field, told)
    moments = (moment(header.metadata.get(key), None) for key in _MOMENTS)
    created = next((told[0] for told in moments if told is not None), None)
    if created is not None:
        header.facts.setdefault("created_at", moment_text(created))
    known = {key for keys in (*_COUNTS.values(), *_TEXTS.values(), _MOMENTS) for key in keys}
    rest = {key: value for key, value in pairs.items() if key not in known}
    _put_metrics(rest, header)
    _put_config(rest, header)


def _put_metrics(rest: dict[str, Any], header: Header) -> None:
    """Move what is measured by its name out of the rest."""
    for key in list(rest):
        value = rest[key]
        if key == "metrics" and is_table(value):
            for name, own in value.items():
                if is_metric_name(name) and number(own) is not None:
                    header.metrics.setdefault(name, number(own))
        elif is_metric_name(key) and number(value) is not None and (direction(key) or _PREFIXED.fullmatch(key)):
            header.metrics.setdefault(key, number(value))
        else:
            continue
        del rest[key]


def _put_config(rest: dict[str, Any], header: Header) -> None:
    if not rest:
        return
    for value in [rest, *(value for value in rest.values() if is_table(value))]:
        found = find_facts(value)
        for field, own in found.facts.items():
            header.facts.setdefault(field, own)
        roles = {component["role"] for component in header.components}
        header.components += [part._asdict() for part in found.components if part.role not in roles]
    unread: list[Problem] = []
    for name, own in flatten(rest, "", unread).items():
        header.params.setdefault(name, own)


def _unfolded(value: str) -> Any:  # noqa: ANN401  # JSON values
    """Return a number or a JSON mapping where the text is one, else the text."""
    if len(value) <= MAX_DIGITS and _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    if value[:1] == "{" and len(value) <= MAX_JSON and value.count("{") + value.count("[") <= 64 * _MAX_NESTING:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
