"""The metric registry: which names mean a headline metric, which scale it has, which end of it is better. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckpt_indexer.metadata.record import Metric


@dataclass(frozen=True, slots=True)
class Headline:
    """A metric that has a column of its own."""

    name: str
    aliases: tuple[str, ...]
    """Logged names that mean it, the first present wins."""
    mode: str
    """`min` or `max`: the better end."""
    unit_scale: bool
    """It lies between 0 and 1; a value beyond is on another scale and is not ranked."""


HEADLINES = (
    Headline(
        "hmean",
        (
            "hmean", "val/hmean", "cleval/hmean", "f1", "val/f1",
            "val_hmean", "cleval_hmean", "eval/hmean", "eval_hmean", "validation/hmean", "validation_hmean",
            "val_f1", "eval/f1", "eval_f1", "validation/f1", "validation_f1",
        ),
        "max",
        unit_scale=True,
    ),
    Headline(
        "precision",
        (
            "precision", "val/precision", "cleval/precision",
            "val_precision", "cleval_precision", "eval/precision", "eval_precision", "validation/precision",
            "validation_precision",
        ),
        "max",
        unit_scale=True,
    ),
    Headline(
        "recall",
        (
            "recall", "val/recall", "cleval/recall",
            "val_recall", "cleval_recall", "eval/recall", "eval_recall", "validation/recall", "validation_recall",
        ),
        "max",
        unit_scale=True,
    ),
    Headline(
        "validation_loss",
        (
            "validation_loss", "val/loss", "cleval/loss",
            "val_loss", "eval/loss", "eval_loss", "validation/loss",
        ),
        "min",
        unit_scale=False,
    ),
)  # fmt: skip
"""A bare `loss` is no alias: most trainers log the training loss under it. `test/*` and `train/*` never are."""

_MIN = frozenset(
    {
        "perplexity", "ppl", "wer", "cer", "mae", "mse", "rmse", "mape", "msle", "rmsle", "nll", "fid", "kid", "lpips",
        "bce", "kld", "eer", "epe", "brier",
    }
)  # fmt: skip
_MAX = frozenset(
    {
        "accuracy", "acc", "f1", "fscore", "hmean", "precision", "recall", "sensitivity", "specificity", "iou", "miou",
        "giou", "ap", "map", "ar", "mar", "auc", "auroc", "auprc", "bleu", "rouge", "meteor", "chrf", "dice", "jaccard",
        "psnr", "ssim", "r2", "score", "kappa", "mcc", "ndcg", "mrr", "top1", "top5",
    }
)  # fmt: skip
_ERRORS = frozenset({"loss", "losses", "error", "err"})
_UNDECIDED = frozenset(
    {
        "neg", "negative", "inv", "inverse", "minus", "num", "count", "time", "seconds", "weight", "scale", "rate",
        "threshold", "thresh", "samples", "epoch", "step", "best",
    }
)  # fmt: skip
"""Words that turn a metric round, or make another quantity of it: `neg_mean_squared_error`, `loss_scale`."""
_QUALIFIERS = frozenset(
    {"train", "val", "valid", "validation", "eval", "test", "dev", "epoch", "step", "mean", "avg", "total", "all"}
)
"""Last parts of a name that only say where or over what: `loss/val`."""
_TOKENS = re.compile(r"[a-z]+\d*|\d+", re.ASCII)


def headline(
    metrics: Mapping[str, Metric], headlines: Iterable[Headline] = HEADLINES
) -> tuple[dict[str, float], list[Problem]]:
    """Return the value of each headline metric, and what keeps one from having a value.

    It is the first alias with a value of the checkpoint's own: finite, measured at its step. A value off the 0-1 scale
    leaves the headline empty: no later alias is asked, because it would be another measurement.
    """
    values: dict[str, float] = {}
    problems: list[Problem] = []
    for wanted in headlines:
        for alias in wanted.aliases:
            found = metrics.get(alias)
            if found is None or found.stale or found.value is None:
                continue
            if wanted.unit_scale and not 0 <= found.value <= 1:
                problems.append(Problem("scale", f"{alias} is {found.value:g}, not between 0 and 1; it is not ranked"))
            else:
                values[wanted.name] = found.value
            break
    return values, problems


def direction(name: str, declared: Mapping[str, str] | None = None) -> str | None:
    """Return which end of a metric is better, `min` or `max`: as declared, else by the words in its name.

    None when the words do not tell, or tell both; never a guess. Anything called a loss or an error is one,
    whatever else its name says (`dice_loss`, `top1_error`).
    """
    said = declared.get(name) if declared is not None else None
    if said is not None:
        return said
    parts = [part for part in name.lower().split("/") if part]
    while len(parts) > 1 and parts[-1] in _QUALIFIERS:
        parts.pop()
    words = _words(parts[-1]) if parts else frozenset()
    if words & _UNDECIDED:
        return None
    if words & _ERRORS:
        return "min"
    low, high = bool(words & _MIN), bool(words & _MAX)
    if low == high:
        return None
    return "min" if low else "max"


def _words(part: str) -> frozenset[str]:
    """Return the words of one part of a name, with and without the number at their end (`map50`, `r2`)."""
    words = _TOKENS.findall(part)
    return frozenset(words) | {word.rstrip("0123456789") for word in words}
