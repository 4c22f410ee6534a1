"""One value of a document at a time: is it text, a count, a finite number, a moment? Pure, and on the hot path.

A bad value becomes a `Problem` that names its key path and what was wrong, and reads as absent. YAML 1.1 leaves
`1e-3` as text (https://yaml.org/type/float.html asks for a dot and a signed exponent), so text in exponent notation
counts as a number wherever a number is expected; any other number in quotes does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from math import isfinite
from typing import Any, TypeGuard

from ckpt_indexer.metadata.record import Metric, Problem

INT_LIMIT = 2**63
"""SQLite integers are signed 64-bit; anything beyond cannot be stored."""
ABSENT_WORDS = frozenset({"", "unknown"})
"""What the writers of versions 0 and 1.0 put where they knew nothing."""
_SHOWN = 40
_CONSTANTS = {"None": "null", "True": "true", "False": "false"}
_EXPONENT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)

_NO_MAPPINGS = frozenset({type(None), bool, int, float, str, bytes, list, tuple})
"""Told apart by their type alone: asking the abstract class takes ten times as long."""


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:  # keys and values are checked one by one by the caller
    """Tell whether the value is a mapping; the exact dict is the usual case and the fast one."""
    kind = type(value)
    return kind is dict or (kind not in _NO_MAPPINGS and isinstance(value, Mapping))


def shown(value: object) -> str:
    """Return a short, printable description of any value; never long, never an error."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."
    if isinstance(value, int) and not -INT_LIMIT <= value < INT_LIMIT:
        return "a number beyond 64 bits"
    if value is None or isinstance(value, bool | int | float):
        return _CONSTANTS.get(repr(value), repr(value))
    if is_mapping(value):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def key_text(key: object) -> str:
    """Return a mapping key as part of a key path; an unusual one is described instead."""
    return key if isinstance(key, str) and is_clean(key) else shown(key)


def is_clean(value: str) -> bool:
    """Tell whether text can be stored: no NUL (SQLite ends text there), no lone surrogate (no UTF-8 for it)."""
    return value.isprintable() or ("\0" not in value and _has_utf8(value))


def refuse(problems: list[Problem], path: str, expected: str, value: object) -> None:
    """Note that the value at a key path is not what the schema asks for."""
    problems.append(Problem("field", f"{path}: expected {expected}, found {shown(value)}"))


def text(block: Mapping[str, Any], key: str, prefix: str, problems: list[Problem]) -> str | None:
    """Return text as it stands; None when absent or bad."""
    value = block.get(key)
    if value is None:
        return None
    if isinstance(value, str) and is_clean(value):
        return value
    refuse(problems, prefix + key, "text", value)
    return None


def word(block: Mapping[str, Any], key: str, prefix: str, problems: list[Problem], *, legacy: bool) -> str | None:
    """Return a name without surrounding blanks; None when absent, bad, empty or `unknown`, which only an old (legacy)
    document may say."""
    value = text(block, key, prefix, problems)
    if value is None:
        return None
    value = value.strip()
    if value.lower() not in ABSENT_WORDS:
        return value
    if not legacy:
        refuse(problems, prefix + key, "a name, or no such key when it is not known", value)
    return None


def integer(block: Mapping[str, Any], key: str, prefix: str, problems: list[Problem], *, low: int = 0) -> int | None:
    """Return a whole number of at least `low` (`3.0` counts, `true` does not); None when absent or bad."""
    value = block.get(key)
    if value is None:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and low <= value < INT_LIMIT:
        return value
    refuse(problems, prefix + key, f"a whole number of at least {low}", value)
    return None


def choice(
    block: Mapping[str, Any], key: str, prefix: str, problems: list[Problem], allowed: tuple[str, ...]
) -> str | None:
    """Return one of the allowed words; None when absent or bad."""
    value = block.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value in allowed:
        return value
    refuse(problems, prefix + key, " or ".join(allowed), value)
    return None


def file_name(block: Mapping[str, Any], key: str, prefix: str, problems: list[Problem]) -> str | None:
    """Return the name of a file or directory, no path; None when absent or bad."""
    value = text(block, key, prefix, problems)
    if value is None or is_file_name(value):
        return value
    refuse(problems, prefix + key, "a file name without a directory", value)
    return None


def is_file_name(value: str) -> bool:
    """Tell whether text can be the last part of a path."""
    return value not in {"", ".", ".."} and "/" not in value


def is_relative(path: str) -> bool:
    """Tell whether a path is relative and stays below where it starts."""
    return path != "" and not path.startswith("/") and ".." not in path.split("/")


def metric(value: object, path: str, problems: list[Problem], *, stale: bool = False) -> Metric | None:
    """Return a measured number; its value is None for null, NaN and infinity. None when it is no number at all."""
    if value is None:
        return Metric(None, stale)
    measured = as_float(value)
    if measured is None:
        refuse(problems, path, "a number", value)
        return None
    if isfinite(measured):
        return Metric(measured, stale)
    problems.append(Problem("not_finite", f"{path}: {shown(value)} is not a finite number"))
    return Metric(None, stale)


def as_float(value: object) -> float | None:
    """Return a number as float, NaN and infinity included; None for everything else, `true` and `"0.5"` included."""
    if isinstance(value, float):
        return value
    if type(value) is int:
        return float(value) if -INT_LIMIT <= value < INT_LIMIT else None
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else None


def moment(value: object, zone: tzinfo | None) -> tuple[datetime, bool] | None:
    """Return (the moment in UTC, whether the value named its zone); None when it is no moment.

    Text is ISO 8601; YAML may have made a datetime or a date of it already. A moment without a zone is local time in
    `zone`, None being the zone this machine is set to.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            return None
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a date has no zone, as stated above
    zoned = value.tzinfo is not None
    try:
        return (value if zoned else value.replace(tzinfo=zone)).astimezone(UTC), zoned
    except (OverflowError, ValueError, OSError):  # the first and last days of the calendar cannot be shifted
        return None


def moment_text(value: datetime) -> str:
    """Return a UTC moment as ISO 8601 with a `Z`; always with microseconds, so that text sorts as time does."""
    return value.isoformat(timespec="microseconds")[:-6] + "Z"


def _has_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
