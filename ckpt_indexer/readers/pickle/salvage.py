"""The root of a pickle that broke off: what was still waiting on the stack is put where it would have gone.

A pickler writes `}` (the dict), a MARK, keys and values, and SETITEMS at the end; so at any break the outermost dict
lies at the bottom of the stack and its newest entries above it. Nothing put in here replaces what the file itself put
in, and where two readings are possible the doubtful values are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, DictNode, GlobalNode, Raw, SetNode

if TYPE_CHECKING:
    from ckpt_indexer.readers.pickle.nodes import Missing

_KEYS = frozenset({str, int, float, bool, bytes, tuple, type(None)})
_FILLED = frozenset({list, DictNode, SetNode, CallNode})
_DEPTH = 64
"""Parts of the stack that are put together; what lies deeper is never read."""


def salvage(frames: list[list[Raw]]) -> Raw | Missing:
    """Return the root of a broken run; MISSING when nothing had begun.

    `frames` are the parts of the stack between MARKs, lowest first; their containers are filled in place.
    """
    frames = frames[:_DEPTH]
    if not frames or not frames[0]:
        return MISSING
    for below, above in zip(reversed(frames[:-1]), reversed(frames[1:]), strict=True):
        if below and above:
            _fill(below[-1], above)
    _nest(frames[0])
    return frames[0][0]


def _fill(target: Raw, waiting: list[Raw]) -> None:
    """Put what lies above a MARK into the container below it."""
    kind = type(target)
    if kind is list or kind is SetNode:
        target.extend(waiting[: _complete(waiting)])
    elif kind is DictNode or kind is CallNode:
        _add_pairs(target, waiting)


def _add_pairs(target: DictNode | CallNode, waiting: list[Raw]) -> None:
    """Add keys and values, but none whose key is there already."""
    held = _held(target)
    known = {key for key in held[::2] if type(key) is str}
    for index in range(0, _pairs_end(waiting) - 1, 2):
        if type(waiting[index]) is not str or waiting[index] not in known:
            held += waiting[index : index + 2]


def _held(target: DictNode | CallNode) -> DictNode:
    """Return the keys and values a target holds so far."""
    if isinstance(target, DictNode):
        return target
    if target.items is None:
        target.items = DictNode()
    return target.items


def _pairs_end(waiting: list[Raw]) -> int:
    """Return how many of the waiting values are keys and values of one dict, as far as one can tell.

    A value that is no key where a key should be is part of the value before it, which is put together.
    """
    texts = type(waiting[0]) is str
    for index in range(0, len(waiting), 2):
        kind = type(waiting[index])
        if kind is str or (not texts and kind in _KEYS):
            continue
        if index == 0 or type(waiting[index - 1]) not in _FILLED:
            return max(index - 2, 0)
        _nest(waiting[index - 1 :])
        return index
    return _certain(waiting)


def _certain(waiting: list[Raw]) -> int:
    """Return how many of the waiting values are surely keys and values of one dict, not parts of the last value."""
    end = len(waiting)
    for index in reversed(range(1, len(waiting), 2)):
        value, behind = waiting[index], len(waiting) - index - 1
        if _may_be_filled(value) and 0 < end - index - 1 <= 2:  # perhaps these are its own first entry
            end = index + 1
        elif type(value) is GlobalNode and behind <= 3:  # perhaps it is to be called with these
            end = index - 1
        elif type(value) is str and behind <= 2 and all(type(part) is str for part in waiting[index + 1 :]):
            end = index - 1  # perhaps the first part of a tuple, or of the name of something to be called
    return end


def _complete(waiting: list[Raw]) -> int:
    """Return how many of the waiting values are whole elements: not those of a call that was being put together."""
    for index in range(max(len(waiting) - 4, 0), len(waiting)):
        if type(waiting[index]) is GlobalNode:
            return index
    return len(waiting)


def _may_be_filled(value: Raw) -> bool:
    """Tell whether this is a container or an object that nothing was put into yet."""
    if type(value) is CallNode:
        return (value.new or value.args == ()) and value.items is value.elements is None and value.state is MISSING
    return type(value) in _FILLED and not value


def _nest(parts: list[Raw]) -> None:
    """Put together a container and the one entry, element or state that waits above it, and so on inwards."""
    position = 0
    while position + 1 < len(parts):
        target, following = parts[position], parts[position + 1]
        kind = type(target)
        if kind is list or kind is SetNode:
            if type(following) is GlobalNode:
                return
            target.append(following)
            position += 1
        elif kind is CallNode and type(following) is DictNode and target.state is MISSING:
            target.state = following
            position += 1
        elif (kind is DictNode or kind is CallNode) and position + 2 < len(parts):
            if type(parts[position + 2]) is GlobalNode:
                return
            _add_pairs(target, [following, parts[position + 2]])
            position += 2
        else:
            return
