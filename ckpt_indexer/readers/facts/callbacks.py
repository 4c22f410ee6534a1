"""What the callbacks of Lightning left in a checkpoint: monitor, mode, and whose score belongs to this very file. Pure.

A ModelCheckpoint writes its paths and scores into its state before the file is written, so the file that is named
there is the file that holds it. Monitor and mode stand in the state's key, `ModelCheckpoint{'monitor': 'val/loss',
'mode': 'min', ...}`:
https://github.com/Lightning-AI/pytorch-lightning/blob/2.5.0/src/lightning/pytorch/callbacks/model_checkpoint.py
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.schema import MODES
from ckpt_indexer.readers.facts.values import count, is_metric_name, is_number, is_table, number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain

MAX_CALLBACKS = 64
MAX_KEPT = 200
"""Entries of `best_k_models` that are read."""
MAX_KEY = 4_096
"""Characters of a state's key that are parsed."""
_KEY = re.compile(r"([\w.]+)(\{.*\})?", re.DOTALL)
_SETTING = re.compile(r"'(monitor|mode)': '([^'\\]*)'")
_OWN = ("best_k_models", "best_model_path", "last_model_path", "kth_best_model_path")
"""Only a callback that saves checkpoints has these, whatever its class is called."""


class _Callback(NamedTuple):
    class_name: str
    settings: dict[Any, Any]
    """What the key of its state says."""
    state: dict[Any, Any]

    @property
    def saves(self) -> bool:
        return any(key in self.state for key in _OWN)

    @property
    def monitor(self) -> str | None:
        found = self.settings.get("monitor")
        found = self.state.get("monitor") if found is None else found
        return text(found) if is_metric_name(found) else None

    @property
    def mode(self) -> str | None:
        for found in (self.settings.get("mode"), self.state.get("mode")):
            if isinstance(found, str) and found in MODES:
                return found
        return None


def describe_callbacks(root: dict[Any, Any], header: Header, path: str) -> None:
    """Fill in monitor, mode, directions, callbacks and the scores that belong to the file at `path`."""
    found = list(_callbacks(root.get("callbacks")))
    savers = [callback for callback in found if callback.saves]
    for callback in found:
        if callback.monitor is not None and callback.mode is not None:
            header.directions.setdefault(callback.monitor, callback.mode)
    header.callbacks += [_as_json(callback) for callback in savers]
    if savers:
        mine = _owners(savers, path)
        _put_monitor(mine or [callback for callback in savers if callback.monitor is not None], header)
        for callback in mine:
            _put_score(callback, header, path)
    else:
        _put_monitor(found, header)


def basename(path: str) -> str:
    """Return the last part of a path, whichever slashes it has."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _callbacks(states: Plain) -> Iterator[_Callback]:
    if not is_table(states):
        return
    for key, state in list(states.items())[:MAX_CALLBACKS]:
        found = _KEY.fullmatch(key) if isinstance(key, str) and len(key) <= MAX_KEY else None
        if found is not None:
            yield _Callback(found[1], _literal(found[2]), table(state))
        else:
            yield _Callback("", {}, table(state))


def _literal(written: str | None) -> dict[Any, Any]:
    """Return the dict that a key spells out. One that holds more than literals (`datetime.timedelta(...)`) still gives
    its monitor and mode."""
    if written is None:
        return {}
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return dict(_SETTING.findall(written))
    return value if isinstance(value, dict) else {}


def _owners(savers: list[_Callback], path: str) -> list[_Callback]:
    """Return the callbacks that say they wrote this file; with several the directory decides, where one fits."""
    mine = [callback for callback in savers if _names(callback, path)]
    parent = basename(path.replace("\\", "/").rstrip("/").rpartition("/")[0])
    nearer = [callback for callback in mine if parent and basename(text(callback.state.get("dirpath")) or "") == parent]
    return nearer if len(mine) > 1 and nearer else mine


def _names(callback: _Callback, path: str) -> bool:
    own = basename(path)
    named = [callback.state.get(key) for key in _OWN if key != "best_k_models"]
    named += list(table(callback.state.get("best_k_models")))[:MAX_KEPT]
    return any(isinstance(name, str) and basename(name) == own for name in named)


def _put_monitor(callbacks: list[_Callback], header: Header) -> None:
    """Fill in monitor and mode where all of these agree on them."""
    monitors = {callback.monitor for callback in callbacks}
    modes = {callback.mode for callback in callbacks if callback.mode is not None}
    monitor = monitors.pop() if len(monitors) == 1 else None
    if monitor is not None:
        header.facts.setdefault("monitor", monitor)
        if len(modes) == 1 and header.facts["monitor"] == monitor:
            header.facts.setdefault("monitor_mode", modes.pop())


def _put_score(callback: _Callback, header: Header, path: str) -> None:
    """Fill in the score this callback kept for this file, and why it saved it."""
    own = basename(path)
    state = callback.state
    kept = {basename(name): score for name, score in _kept(state) if isinstance(name, str)}
    if own in kept:
        score, reason = kept[own], "top_k"
    elif basename(text(state.get("best_model_path")) or "") == own:
        score, reason = state.get("best_model_score"), "top_k"
    elif basename(text(state.get("last_model_path")) or "") == own:
        score, reason = state.get("current_score"), "last"
    else:
        return
    if callback.monitor is not None or reason == "last":
        header.facts.setdefault("saved_as", reason)
    elif (count(callback.settings.get("every_n_train_steps")) or 0) > 0:
        header.facts.setdefault("saved_as", "step")
    if callback.monitor is not None and is_number(score):
        header.monitor_scores.setdefault(callback.monitor, number(score))


def _kept(state: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return list(table(state.get("best_k_models")).items())[:MAX_KEPT]


def _as_json(callback: _Callback) -> dict[str, Any]:
    """Return the state for people; paths are never opened."""
    state = callback.state
    told: dict[str, Any] = {"monitor": callback.monitor, "mode": callback.mode}
    told |= {key: text(state.get(key)) for key in ("dirpath", "best_model_path", "last_model_path")}
    told |= {key: number(state.get(key)) for key in ("best_model_score", "current_score")}
    kept = {name: number(score) for name, score in _kept(state) if text(name) is not None}
    return {**{key: value for key, value in told.items() if value is not None}, "best_k_models": kept}
