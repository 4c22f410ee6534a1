"""The Hugging Face Trainer: `trainer_state.json`. Pure.

Inside `checkpoint-N` it is this checkpoint's own. Beside other files it is the state at the end of the run, and a file
there may hold the best weights instead of the last ones, so that its step is known only where both are the same.
https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/trainer_callback.py

The Trainer's epoch is a fraction (1.5 is half way through the second); a row's is whole, so it is given only when the
state's is whole as well. Metrics are those of `eval_*` rows at this very step; `best_metric` carries no name and is
not used.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ckpt_indexer.errors import SourceRejected
from ckpt_indexer.sources.trainer.rows import MAX_METRICS, Answer, is_name, measured, whole

MAX_BYTES = 48 << 20
MAX_ROWS = 1_000_000
_EPOCHS_LIMIT = 1 << 31
"""More epochs than this stand for "until stopped"."""
_PARAMS = ("train_batch_size", "max_steps", "num_train_epochs", "eval_steps", "save_steps", "logging_steps")
_NUMBERED = re.compile(r"checkpoint-(\d+)", re.ASCII)


def parse_state(data: bytes) -> dict[str, Any]:  # JSON values
    """Return a `trainer_state.json` as a mapping.

    Raises:
        SourceRejected: it is none.
    """
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise SourceRejected(f"no JSON: {exc}", reason="syntax") from exc
    if not isinstance(state, dict) or whole(state.get("global_step")) is None:
        raise SourceRejected("no state of a Trainer: it has no global_step", reason="structure")
    return state


def answer_of_state(state: dict[str, Any], *, own: bool) -> Answer:  # JSON values
    """Return what a state says of a checkpoint; `own`: the state lies inside it, not beside it."""
    answer = Answer(params=_params(state))
    epochs = whole(state.get("num_train_epochs"))
    if epochs is not None and 0 < epochs < _EPOCHS_LIMIT:
        answer.facts["max_epochs"] = epochs
    step = whole(state.get("global_step"))
    if step is None or not (own or _ends_with_its_best(state, step)):
        return answer
    answer.facts["global_step"] = step
    epoch = whole(state.get("epoch"))
    if epoch is not None:
        answer.facts["epoch"] = epoch
    rows = state.get("log_history")
    evaluations = [row for row in rows[:MAX_ROWS] if _is_evaluation(row)] if isinstance(rows, list) else []
    for row in evaluations:
        if whole(row.get("step")) == step:
            answer.metrics.update(_metrics(row))
    answer.metrics = dict(list(answer.metrics.items())[:MAX_METRICS])
    if answer.metrics:
        answer.facts["metrics_step"] = step
    answer.denies = own and bool(evaluations) and not answer.metrics
    return answer


def _ends_with_its_best(state: dict[str, Any], step: int) -> bool:  # JSON values
    """Tell whether the weights at the end of a run are those of its last step, whichever were kept."""
    best = state.get("best_model_checkpoint")
    if best is None:
        return True
    name = best.replace("\\", "/").rstrip("/").rpartition("/")[2] if isinstance(best, str) else ""
    numbered = _NUMBERED.fullmatch(name)
    return numbered is not None and int(numbered[1][:18]) == step


def _params(state: dict[str, Any]) -> dict[str, Any]:  # JSON values
    given = {key: state.get(key) for key in _PARAMS}
    return {key: value for key, value in given.items() if measured(value)[0] and value is not None and value >= 0}


def _is_evaluation(row: object) -> bool:
    return isinstance(row, dict) and any(isinstance(key, str) and key.startswith("eval_") for key in row)


def _metrics(row: dict[str, Any]) -> dict[str, float | None]:  # JSON values
    said = {name: measured(value) for name, value in row.items() if is_name(name) and name.startswith("eval_")}
    return {name: value for name, (is_number, value) in said.items() if is_number}
