"""What the standard library's names in a pickle mean: containers, paths, dates, numbers. Values only, all bounded."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from ckpt_indexer.readers.interpret.base import PASS, Entry, Pass, Walk, field_of_dict, is_int, path_of, small_bytes
from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, DictNode, GlobalNode, Missing, Raw, SetNode

if TYPE_CHECKING:
    from ckpt_indexer.readers.nodes import Plain

_PARTS = 256
_PATH_CHARACTERS = 8192
_DIGITS = 100
_DECIMAL = re.compile(r"[+-]?(?:\d{1,60}\.?\d{0,60}|\.\d{1,60})(?:[eE][+-]?\d{1,5})?")
_FRACTION = re.compile(r"([+-]?\d{1,60})(?:/(\d{1,60}))?")
_FOLD = 0x80
"""Bit of the month that says: the second of two equal local times."""
_UTC_PATHS = frozenset({"pytz._UTC", "pytz.UTC", "dateutil.tz.tz.tzutc"})


def _dict(walk: Walk, call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain:
    """`([pairs or dict])`, then items: OrderedDict, Counter, dict. A defaultdict's factory is no content."""
    pairs: list[Raw] = []
    for first in args[:2]:
        if type(first) is DictNode:
            pairs = first
        elif type(first) is list:
            pairs = _flat(first, walk)
    if call.items is None:
        return walk.mapping(pairs, depth)
    if pairs and walk.afford(len(pairs) + len(call.items)):
        return walk.mapping([*pairs, *call.items], depth)
    return walk.mapping(call.items, depth)


def _flat(pairs: list[Raw], walk: Walk) -> list[Raw]:
    """Return `[[key, value], ...]` as a flat list."""
    if not walk.afford(len(pairs)):
        return []
    return [part for pair in pairs if type(pair) in (list, tuple) and len(pair) == 2 for part in pair]


def _list(walk: Walk, call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`([values])`, then elements: list, tuple, set, frozenset, deque."""
    values = args[0] if args else ()
    if type(values) not in (list, tuple, SetNode):
        return PASS
    plain = walk.sequence(values, depth)
    if call.elements is not None:
        plain += walk.sequence(call.elements, depth)
    return plain


def _namespace(walk: Walk, call: CallNode, _args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """An object that is its attributes."""
    if call.state is MISSING:
        return {} if call.items is None else PASS
    return walk.mapping(call.state, depth) if type(call.state) is DictNode else PASS


def _encode(walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(text, 'latin1')`: how protocols below 3 write bytes."""
    text = args[0] if args else None
    if type(text) is not str or not walk.afford(len(text)):
        return PASS
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return PASS


def _bytes(walk: Walk, call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Missing | Pass:
    """`()`, `(bytes,)`, a call that encodes them, or `(text, 'latin-1')`: bytes and bytearray."""
    if not args:
        return b""
    if type(args[0]) is str:
        return _encode(walk, call, args, depth)
    value = walk.plain(args[0], depth + 1)
    return value if type(value) is bytes else PASS


def _path(_walk: Walk, call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(part, ...)`, where the first may be the root."""
    if len(args) > _PARTS or not all(type(part) is str for part in args):
        return PASS
    if sum(map(len, args)) > _PATH_CHARACTERS:
        return PASS
    windows = "Windows" in path_of(call.func)
    root, separator = (args[0] if args else ""), "\\" if windows else "/"
    if root.endswith(separator):
        return root + separator.join(args[1:])
    return separator.join(args) or "."


def _datetime(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(ten bytes[, time zone])`: year, month, day, hour, minute, second, microsecond."""
    raw = small_bytes(args[0], 10) if args else None
    zone = _zone(args[1]) if len(args) > 1 else None
    if raw is None or len(raw) != 10 or (zone is None and len(args) > 1):
        return PASS
    year, month = raw[0] << 8 | raw[1], raw[2]
    fold = 1 if month & _FOLD else 0
    micro = raw[7] << 16 | raw[8] << 8 | raw[9]
    try:
        moment = datetime(year, month & ~_FOLD, raw[3], raw[4], raw[5], raw[6], micro, tzinfo=zone, fold=fold)
    except ValueError:
        return PASS
    return moment.isoformat()


def _date(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(four bytes,)`."""
    raw = small_bytes(args[0], 4) if args else None
    if raw is None or len(raw) != 4:
        return PASS
    try:
        return date(raw[0] << 8 | raw[1], raw[2], raw[3]).isoformat()
    except ValueError:
        return PASS


def _time(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(six bytes,)`."""
    raw = small_bytes(args[0], 6) if len(args) == 1 else None
    if raw is None or len(raw) != 6:
        return PASS
    try:
        return time(raw[0] & ~_FOLD, raw[1], raw[2], raw[3] << 16 | raw[4] << 8 | raw[5]).isoformat()
    except ValueError:
        return PASS


def _timedelta(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(days, seconds, microseconds)` as seconds."""
    delta = _delta(args)
    return PASS if delta is None else delta.total_seconds()


def _delta(args: Raw) -> timedelta | None:
    if type(args) is not tuple or len(args) > 3 or not all(is_int(part, -(10**9), 10**9) for part in args):
        return None
    try:
        return timedelta(*args)
    except OverflowError:
        return None


def _zone(node: Raw) -> timezone | None:
    """Return a fixed time zone; None for one that needs a data base."""
    if type(node) is not CallNode:
        return None
    if path_of(node.func) in _UTC_PATHS:
        return UTC
    if path_of(node.func) != "datetime.timezone" or type(node.args) is not tuple or not node.args:
        return None
    inner = node.args[0]
    delta = _delta(inner.args) if type(inner) is CallNode and path_of(inner.func) == "datetime.timedelta" else None
    if delta is None or abs(delta) >= timedelta(days=1):
        return None
    return timezone(delta)


def _decimal(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(text,)` as a number."""
    text = args[0] if args else None
    if type(text) is not str or len(text) > _DIGITS or not _DECIMAL.fullmatch(text):
        return PASS
    number = float(text)
    return number if math.isfinite(number) else PASS


def _fraction(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`('1/3',)` or `(1, 3)` as a number."""
    if len(args) == 2 and all(is_int(part, -(1 << 63)) for part in args) and args[1]:
        return args[0] / args[1]
    text = args[0] if len(args) == 1 else None
    match = _FRACTION.fullmatch(text) if type(text) is str and len(text) <= 2 * _DIGITS else None
    if match is None:
        return PASS
    below = int(match[2] or "1")
    return int(match[1]) / below if below else PASS


def _uuid(_walk: Walk, call: CallNode, _args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """State `{int: number}` as text."""
    number = field_of_dict(call.state, "int")
    if not is_int(number, 0, (1 << 128) - 1):
        return PASS
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _written(_walk: Walk, call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """Range and slice, as one writes them."""
    if len(args) > 3 or not all(part is None or is_int(part, -(1 << 63)) for part in args):
        return PASS
    name = "slice" if path_of(call.func).endswith("slice") else "range"
    return f"{name}({', '.join(map(str, args))})"


def _complex(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(real, imaginary)`, as one writes it."""
    if len(args) != 2 or not all(type(part) is float for part in args):
        return PASS
    return str(complex(*args))


def _partial(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(function,)`: its name."""
    func = args[0] if args else None
    return func.path if type(func) is GlobalNode and len(func.path) <= _PATH_CHARACTERS else PASS


def _both(names: str, entry: Entry) -> dict[str, Entry]:
    """Return entries under the modules of Python 3 and of protocols below 3."""
    return {f"{module}.{name}": entry for name in names.split() for module in ("builtins", "__builtin__")}


_PATH_CLASSES = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")

BUILTINS: dict[str, Entry] = {
    **_both("dict", _dict),
    **_both("list tuple set frozenset", _list),
    **_both("bytes bytearray", _bytes),
    **_both("range xrange slice", _written),
    **_both("complex", _complex),
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _dict,
    "collections.Counter": _dict,
    "collections.deque": _list,
    "types.SimpleNamespace": _namespace,
    "argparse.Namespace": _namespace,
    "_codecs.encode": _encode,
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "decimal.Decimal": _decimal,
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    "functools.partial": _partial,
    **{f"{module}.{name}": _path for module in ("pathlib", "pathlib._local") for name in _PATH_CLASSES},
}
