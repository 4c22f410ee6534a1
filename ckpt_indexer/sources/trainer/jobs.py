"""Reading the logs of a run in a limited child: the job the child runs. Everything in these files is hostile.

A log is parsed once for the checkpoints that share it, by path and stamp; the answer holds only what one checkpoint
needs.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import LimitExceeded, ReaderError, SourceRejected
from ckpt_indexer.readers.opening import open_file
from ckpt_indexer.sources.around_bytes import read_lines, read_small
from ckpt_indexer.sources.config import documents as config_documents
from ckpt_indexer.sources.config.facts import describe_config
from ckpt_indexer.sources.trainer import hf as trainer_hf
from ckpt_indexer.sources.trainer.lightning import answer_by_step, read_metrics_csv
from ckpt_indexer.sources.trainer.mmengine import answer_by_count, read_scalars_json
from ckpt_indexer.sources.trainer.rows import UNREADABLE, Answer, History, Wanted
from ckpt_indexer.sources.trainer.tensorboard import read_events
from ckpt_indexer.sources.trainer.timm import answer_by_epoch, read_summary_csv
from ckpt_indexer.sources.trainer.ultralytics import answer_by_values, read_results_csv

if TYPE_CHECKING:
    from collections.abc import Callable

_REMEMBERED = 32
_ANSWERS: dict[str, Callable[[History, Wanted], Answer]] = {
    "lightning": answer_by_step,
    "tensorboard": answer_by_step,
    "timm": answer_by_epoch,
    "ultralytics": answer_by_values,
    "mmengine": answer_by_count,
}


class _File(NamedTuple):
    """One log; the stamp is what makes a changed file another one."""

    root: str
    path: str
    size: int
    mtime_ns: int


def read_logs(root: str, logs: list[list[Any]], wanted: dict[str, Any]) -> dict[str, Any]:  # JSON values
    """Return what logs say of one checkpoint. Runs in the child.

    A log is [kind, level, path, size, mtime in ns], the nearest first; `wanted` the fields of a `Wanted`. The answer
    holds `answers`, [path, `Answer`] of each log up to the nearest level that tells of the checkpoint's evaluation.
    """
    wish = Wanted.from_json(wanted)
    answers: list[list[Any]] = []  # JSON values
    for _, level in groupby(logs, key=lambda log: log[1]):
        told = [(log[2], _answer(log[0], _File(root, *log[2:]), wish)) for log in level]
        answers += [[path, asdict(answer)] for path, answer in told]
        if any(answer.metrics or answer.denies for _, answer in told):
            break
    return {"answers": answers}


def _answer(kind: str, file: _File, wanted: Wanted) -> Answer:
    try:
        if kind == "arguments":
            return _arguments(file)
        if kind in {"hf", "hf_beside"}:
            return trainer_hf.answer_of_state(_state(file), own=kind == "hf")
        history = _history(kind, file, wanted.monitor)
    except (ReaderError, LimitExceeded, SourceRejected) as exc:
        return Answer(problems=[(UNREADABLE, exc.message)])
    answer = _ANSWERS[kind](history, wanted)
    answer.problems = [*history.problems, *answer.problems]
    return answer


@lru_cache(maxsize=_REMEMBERED)
def _history(kind: str, file: _File, monitor: str | None) -> History:
    if kind == "tensorboard":
        with open_file(file.root, file.path) as opened:
            return read_events(opened, monitor)
    lines = read_lines(file.root, file.path)
    if kind == "lightning":
        return read_metrics_csv(lines, monitor)
    if kind == "timm":
        return read_summary_csv(lines)
    return read_results_csv(lines) if kind == "ultralytics" else read_scalars_json(lines)


@lru_cache(maxsize=2)
def _state(file: _File) -> dict[str, Any]:  # JSON values
    return trainer_hf.parse_state(read_small(file.root, file.path, trainer_hf.MAX_BYTES))


@lru_cache(maxsize=_REMEMBERED)
def _arguments(file: _File) -> Answer:
    """Return what the arguments of a training script say; nothing for a file that is no mapping."""
    limit = config_documents.MAX_BYTES
    given = config_documents.parse_config(read_small(file.root, file.path, limit))
    if not isinstance(given, dict):
        return Answer()
    said = describe_config(given)
    components = [component._asdict() for component in said.components]
    return Answer(facts=said.facts, components=components, params=said.params)
