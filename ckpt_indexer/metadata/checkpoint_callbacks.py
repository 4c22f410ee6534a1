"""Which metric decides what is kept, as the callbacks of a configuration say. Pure.

The callback that saves decides; one that stops early or steers the learning rate only watches a metric. Several that
save and disagree leave it open: only the checkpoint itself can say whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import is_mapping
from ckpt_indexer.metadata.model_names import plain_text
from ckpt_indexer.metadata.schema import MODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLACES = (
    ("callbacks",), ("training", "callbacks"), ("trainer", "callbacks"), ("train", "callbacks"), ("checkpoint",),
    ("model_checkpoint",), ("checkpoint_callback",), ("training", "checkpoint"), ("trainer", "checkpoint"),
)  # fmt: skip
_MAX_DEPTH = 4


def find_monitor(config: Mapping[Any, Any]) -> dict[str, str]:
    """Return `monitor` and `monitor_mode` as far as the configuration's callbacks agree on them."""
    savers: list[dict[str, str]] = []
    watchers: list[dict[str, str]] = []
    for place in [place for place in _PLACES if place[0] in config]:
        for label, block in _blocks(_below(config, place), "/".join(place), _MAX_DEPTH):
            said = _monitor_of(block)
            if said and "checkpoint" in label:
                savers.append(said)
            elif said:
                watchers.append(said)
    return _agreed(savers or watchers)


def _below(config: Mapping[Any, Any], place: tuple[str, ...]) -> object:
    here: object = config
    for key in place:
        here = here.get(key) if is_mapping(here) else None
    return here


def _blocks(value: object, label: str, depth: int) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield (lower-case label, mapping) of every mapping with a monitor: the label holds its key and its class."""
    if depth == 0:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from _blocks(item, label, depth - 1)
        return
    if not is_mapping(value):
        return
    kinds = [text for text in (value.get("_target_"), value.get("class_path"), value.get("type")) if text]
    label = " ".join([label, *(kind for kind in kinds if isinstance(kind, str))]).lower()
    if "monitor" in value:
        yield label, value
        return
    for key, inner in value.items():
        yield from _blocks(inner, f"{label} {key}" if isinstance(key, str) else label, depth - 1)


def _monitor_of(block: Mapping[Any, Any]) -> dict[str, str]:
    monitor = plain_text(block.get("monitor"))
    if monitor is None:
        return {}
    mode = block.get("mode")
    return {"monitor": monitor, "monitor_mode": mode} if mode in MODES else {"monitor": monitor}


def _agreed(said: list[dict[str, str]]) -> dict[str, str]:
    """Return what all say: a monitor only when it is the same everywhere, its mode likewise."""
    monitors = {one["monitor"] for one in said}
    modes = {one["monitor_mode"] for one in said if "monitor_mode" in one}
    if len(monitors) != 1:
        return {}
    return {"monitor": monitors.pop(), **({"monitor_mode": modes.pop()} if len(modes) == 1 else {})}
