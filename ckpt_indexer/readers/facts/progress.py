"""How far training was: epoch, step, where in its loops, when, under which name. Pure; every stack's own key names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import moment, moment_text
from ckpt_indexer.readers.facts.callbacks import basename
from ckpt_indexer.readers.facts.values import count, first_count, is_number, number, table, text

if TYPE_CHECKING:
    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain

_EPOCH = ("epoch", "current_epoch", "cur_epoch", "epoch_num", "epoch_idx", "last_epoch")
_STEP = (
    "global_step", "global_steps", "step", "steps", "iteration", "iterations", "iter", "iter_num", "n_iter", "num_iter",
    "current_step", "cur_step", "current_iter", "total_steps", "num_updates", "updates",
)  # fmt: skip
_BLOCKS = (
    "meta",
    "trainer_state",
    "train_state",
    "training_state",
    "state",
    "extra_state",
    "progress",
    "trainer",
    "reporter",
)
"""Mappings below the root that keep count; the root itself comes first."""
_MOMENTS = ("created_at", "date", "saved_at", "save_time", "timestamp", "time")
_MM_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})")
_MM_NAME = re.compile(r"best_(.+?)_(?:epoch|iter)_\d+", re.ASCII)
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800
"""2000 and 2100 in seconds since 1970: a number beyond is no moment."""


def describe_progress(root: dict[Any, Any], header: Header, path: str) -> None:
    """Fill in epoch, global step, moment, experiment, and whether the file was saved within an epoch."""
    own = {} if "_step_count" in root else root  # a scheduler alone, which counts steps as its `last_epoch`
    blocks = (own, *(table(root.get(key)) for key in _BLOCKS), _runtime(root), _train_iterator(root), _timestamp(root))
    for field, keys in (("epoch", _EPOCH), ("global_step", _STEP)):
        found = first_count(blocks, keys)
        if found is None and field == "global_step":
            found = _updates(root)
        if found is not None:
            header.facts.setdefault(field, found)
    meta = table(root.get("meta"))
    for block in (root, meta):
        moments = [_moment(block.get(key)) for key in _MOMENTS]
        created = next((told for told in moments if told is not None), None)
        if created is not None:
            header.facts.setdefault("created_at", created)
    experiment = text(meta.get("experiment_name"))
    if experiment is not None:
        header.facts.setdefault("experiment", experiment)
    limit = count(_runtime(root).get("max_epochs"))
    if limit:
        header.facts.setdefault("max_epochs", limit)
    header.mid_epoch = _mid_epoch(root)
    _describe_best(root, header, path)


def _runtime(root: dict[Any, Any]) -> dict[Any, Any]:
    """Return MMEngine's `message_hub.runtime_info`."""
    return table(table(root.get("message_hub")).get("runtime_info"))


def _train_iterator(root: dict[Any, Any]) -> dict[Any, Any]:
    """Return fairseq's position in its data."""
    return table(table(root.get("extra_state")).get("train_iterator"))


def _timestamp(root: dict[Any, Any]) -> dict[Any, Any]:
    """Return Composer's counters, its batches as steps."""
    counted = table(table(table(root.get("state")).get("timestamp")).get("Timestamp"))
    return {"epoch": counted.get("epoch"), "step": counted.get("batch")}


def _updates(root: dict[Any, Any]) -> int | None:
    """Return fairseq's number of updates."""
    history = root.get("optimizer_history")
    latest = history[-1] if isinstance(history, list) and history else None
    return count(table(latest).get("num_updates"))


def _mid_epoch(root: dict[Any, Any]) -> bool | None:
    """Return what Lightning's own loop state says: whether the last batch that was taken was the epoch's last. None
    when there is no such state, or no batch was taken yet."""
    progress = table(table(table(root.get("loops")).get("fit_loop")).get("epoch_loop.batch_progress"))
    last = progress.get("is_last_batch")
    taken = count(table(progress.get("current")).get("ready"))
    if not isinstance(last, bool) or taken is None:
        return None
    return not last if taken > 0 else None


def _moment(value: Plain) -> str | None:
    """Return a moment as the catalog writes it: ISO text, MMEngine's `20240131_235959`, or seconds since 1970."""
    told = text(value)
    if told is not None:
        made = _MM_TIME.fullmatch(told)
        found = moment("{}-{}-{}T{}:{}:{}".format(*made.groups()) if made is not None else told, None)
        return None if found is None else moment_text(found[0])
    seconds = number(value) if is_number(value) else None
    if seconds is None or not _EARLIEST < seconds < _LATEST:
        return None
    return moment_text(datetime.fromtimestamp(seconds, UTC))


def _describe_best(root: dict[Any, Any], header: Header, path: str) -> None:
    """Fill in the best score that MMEngine and mmcv keep, when this file is the one they keep it for."""
    own = basename(path)
    for block in (_runtime(root), table(table(root.get("meta")).get("hook_msgs"))):
        score = block.get("best_score")
        kept_for = text(block.get("best_ckpt"))
        if kept_for is None or basename(kept_for) != own or not is_number(score):
            continue
        named = _MM_NAME.match(own)
        if named is not None:
            header.monitor_scores.setdefault(named[1], number(score))
