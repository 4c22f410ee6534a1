"""The numbers that training code put beside the weights: dicts of metrics, and single values at the top. Pure.

A number is kept under the name it has in the file. Below a dict that says it is of training or testing its name says
so too, so that it never counts as a validation result. What only keeps count (epochs, steps, sizes, rates) is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.metrics import direction
from ckpt_indexer.readers.facts.values import is_metric_name, is_number, is_table, number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.header import Header

MAX_METRICS = 1_000
_MAX_DEPTH = 4
_CONTAINERS = {
    "cleval_metrics": "", "metrics": "", "val_metrics": "val", "eval_metrics": "val", "valid_metrics": "val",
    "validation_metrics": "val", "train_metrics": "train", "training_metrics": "train", "test_metrics": "test",
    "results": "", "val_results": "val", "eval_results": "val", "test_results": "test", "scores": "",
    "val_scores": "val", "callback_metrics": "", "logged_metrics": "", "val_stats": "val",
    "train_stats": "train", "test_stats": "test", "performance": "", "losses": "", "best_metrics": "best",
    "best_results": "best", "logs": "", "log_stats": "", "epoch_metrics": "", "model_loss": "",
}  # fmt: skip
"""Key of a dict of metrics -> what its numbers are of. The file's own conventions, the most specific first."""
_SPLITS = ("train", "test", "best")
_SPLIT_NAMES = ("val", "valid", "validation", "eval", "test", "train")
"""Keys that may as well hold settings of a split: only what is a metric by its name counts."""
_HAS_SPLIT = re.compile(
    r"(?:train|training|val|valid|validation|eval|test|best|cleval|metrics|lr)(?:$|[/_.-])", re.IGNORECASE
)
_COUNTS = re.compile(
    r"(?:^|[/_.-])(?:epochs?|steps?|iter|iters|iterations?|updates|seed|version|time|timestamp|duration|seconds|lr|"
    r"learning_rate|wd|weight_decay|momentum|batch_size|world_size|num_\w+|n_\w+|patience|count|counter|rank|size|"
    r"samples|elapsed|runtime|device)(?:$|[/.]|\d)",
    re.IGNORECASE,
)
_PREFIXED = re.compile(r"(?:val|valid|validation|eval|test|train|cleval|metrics)[/_.]\S+", re.IGNORECASE)
_BEST = re.compile(r"best_(?!epoch|step|iter|path|model|ckpt|checkpoint|k_)\w+", re.IGNORECASE)
_OWN_NAMES = frozenset({"fitness", "best", "metric", "perf", "monitor_value", "eval_result"})


def describe_metrics(root: dict[Any, Any], header: Header) -> None:
    """Fill in the metrics of a checkpoint. A name that occurs twice keeps the value it had first."""
    for key, split in _CONTAINERS.items():
        held = root.get(key)
        if is_table(held):
            own = "" if key == "train_metrics" and _is_of_ultralytics(held) else split
            for name, value in _numbers(held, "", _MAX_DEPTH):
                _put(header, _named(name, own), value)
    for key in _SPLIT_NAMES:
        for name, value in _numbers(table(root.get(key)), f"{key}/", _MAX_DEPTH):
            if direction(name) is not None:
                _put(header, name, value)
    validated = table(root.get("extra_state")).get("val_loss")  # fairseq: None where this state was not evaluated
    if is_number(validated):
        _put(header, "val_loss", number(validated))
    for key, value in root.items():
        if is_metric_name(key) and is_number(value) and _is_metric(key):
            _put(header, _named_by_script(key, root), number(value))


def _put(header: Header, name: str, value: float | None) -> None:
    if len(header.metrics) < MAX_METRICS and is_metric_name(name):
        header.metrics.setdefault(name, value)


def _numbers(held: dict[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, float | None]]:
    """Yield (name, value) of the numbers in a dict of metrics; a dict within it gives a name before a slash."""
    for key, value in held.items():
        if not is_metric_name(key):
            continue
        if is_number(value):
            if not _COUNTS.search(key):
                yield prefix + key, number(value)
        elif depth > 1 and is_table(value):
            yield from _numbers(value, f"{prefix}{key}/", depth - 1)


def _named(name: str, split: str) -> str:
    """Return the name of a metric below a dict of a split. A bare loss below one of validation says so, too: bare, it
    would read as the training loss."""
    if not split or _HAS_SPLIT.match(name):
        return name
    if split in _SPLITS:
        return f"{split}/{name}"
    return f"{split}_{name}" if name.lower() == "loss" else name


def _is_of_ultralytics(held: dict[Any, Any]) -> bool:
    """Tell whether `train_metrics` are what Ultralytics measured in validation, while training."""
    return any(isinstance(key, str) and key.startswith("metrics/") for key in held)


def _is_metric(key: str) -> bool:
    """Tell whether a number at the top of a checkpoint is a measurement, by its name."""
    if key in _OWN_NAMES or _BEST.fullmatch(key):
        return True
    if _COUNTS.search(key):
        return False
    return _PREFIXED.fullmatch(key) is not None or direction(key) is not None


def _named_by_script(key: str, root: dict[Any, Any]) -> str:
    """Return the name of a number at the top. Scripts in the manner of timm save `metric` and say in their arguments
    which one it is."""
    if key == "metric":
        chosen = text(table(root.get("args")).get("eval_metric"))
        if chosen is not None and is_metric_name(chosen):
            return chosen
    return key
