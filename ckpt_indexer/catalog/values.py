"""Values as people type them in a query: numbers, sizes, times, booleans. Pure; ValueError says what is wrong."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_SCALED = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s?([A-Za-z]{0,3})")
_TIME = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_INT64 = 2**63


def number(text: str) -> int | float:
    """Return a finite number; integers beyond 64 bits become floats."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    if len(text) <= 20 and text.lstrip("+-").isdigit():
        whole = int(text)
        if -_INT64 <= whole < _INT64:
            return whole
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("is too large a number")
    return value


def size(text: str) -> int | float:
    """Return bytes: `300M` and `300MB` are 300,000,000, `300MiB` and `300Mi` are 314,572,800."""
    return _scaled(text, ("", "b", "i", "ib"), "is not a size such as 300M or 2GiB")


def count(text: str) -> int | float:
    """Return how many: `25M` is 25,000,000, `1.5B` is 1,500,000,000."""
    billions = text[:-1] + "G" if text[-1:] in ("B", "b") else text
    return _scaled(billions, ("",), "is not a count such as 1000, 25M or 1.5B")


def _scaled(text: str, tails: tuple[str, ...], complaint: str) -> int | float:
    if _NUMBER.fullmatch(text):
        return number(text)
    match = _SCALED.fullmatch(text)
    suffix = match[2].lower() if match else "?"
    power = _POWERS.get(suffix[:1], 0)
    tail = suffix[1:] if power else suffix
    if match is None or tail not in tails or (power == 0 and tail != "b"):
        raise ValueError(complaint)
    value = float(match[1]) * (1024 if "i" in tail else 1000) ** power
    if value == float("inf"):
        raise ValueError("is too large a number")
    return int(value) if value < _INT64 else value


def boolean(text: str) -> int:
    """Return 1 or 0."""
    lower = text.lower()
    if lower in _TRUE or lower in _FALSE:
        return int(lower in _TRUE)
    raise ValueError("is neither true nor false")


def moment(text: str) -> tuple[str, str]:
    """Return the span a date means, as [start, end) of stored times: `2026-06` is the whole month, in UTC.

    Stored times are ISO 8601 texts with a Z and compare as texts; `~` sorts after everything they contain.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("is not a date such as 2026-06, 2026-06-01 or 2026-06-01T12:00")
    prefix = _in_utc(match) if match[8] not in (None, "Z") else text.rstrip("Z").replace(" ", "T")
    _check_calendar(match)
    return prefix, prefix + "~"


def _check_calendar(match: re.Match[str]) -> None:
    from datetime import datetime

    year, month, day, hour, minute, second = (int(match[n] or (1 if n in (2, 3) else 0)) for n in range(1, 7))
    try:
        datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # only asks whether there is such a date
    except ValueError:
        raise ValueError("is no date of the calendar") from None


def _in_utc(match: re.Match[str]) -> str:
    """Return the prefix shifted to UTC, at the precision that was typed."""
    from datetime import UTC, datetime

    if match[5] is None:
        raise ValueError("has a time zone, so it needs minutes: 2026-06-01T12:00+09:00")
    text = f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6] or '00'}{match[8]}"
    try:
        shifted = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no date of the calendar") from None
    if match[6] is None:
        return shifted.strftime("%Y-%m-%dT%H:%M")
    return shifted.strftime("%Y-%m-%dT%H:%M:%S") + (match[7] or "")
