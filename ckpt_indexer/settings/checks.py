"""What each key accepts, and the words for what it does not. Pure: paths are joined, never looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Kind(NamedTuple):
    """What a key accepts."""

    expected: str
    accept: Callable[[object, Path], Any]
    """(value, directory relative paths start from) -> the value kept; ValueError when it does not fit."""
    parse: Callable[[str], object] = str
    """Text of an environment variable -> the value a file would hold."""


def _whole(low: int, high: int) -> Kind:
    def accept(value: object, _base: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(value)
        return value

    return Kind(f"a whole number from {low} to {high}", accept, int)


def _one_of(*words: str) -> Kind:
    def accept(value: object, _base: Path) -> str:
        if value not in words:
            raise ValueError(value)
        return str(value)

    return Kind(f"one of {', '.join(words)}", accept)


def _text(value: object, _base: Path) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(value)
    return value


def _flag(value: object, _base: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004  # every misfit is one
    return value


def _parse_flag(text: str) -> object:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)


def _address(value: object, base: Path) -> str:
    text = _text(value, base)
    if not text.startswith(("http://", "https://")):
        raise ValueError(value)
    return text


def _path(value: object, base: Path) -> Path:
    return Path(os.path.normpath(base / Path(_text(value, base)).expanduser()))


def _directions(value: object, _base: Path) -> dict[str, str]:
    if not isinstance(value, dict) or not all(mode in ("min", "max") for mode in value.values()):
        raise ValueError(value)
    return value


def _names(value: object, _base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one and one.isascii() for one in value):
        raise ValueError(value)
    return tuple(value)


def _parse_names(text: str) -> object:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parse_table(text: str) -> object:
    import tomllib

    return tomllib.loads(f"value = {text}")["value"]


KEYS: Mapping[str, Kind] = {
    "catalog.db": Kind("a path", _path),
    "watch.settle_ms": _whole(0, 3_600_000),
    "watch.poll_s": _whole(1, 86_400),
    "watch.rescan_minutes": _whole(1, 10_080),
    "index.keep_missing_days": _whole(0, 36_500),
    "readers.torch": _one_of("auto", "off"),
    "wandb.enabled": Kind("true or false", _flag, _parse_flag),
    "wandb.entity": Kind("a name", _text),
    "wandb.project": Kind("a name", _text),
    "wandb.base_url": Kind("an address like https://api.wandb.ai", _address),
    "wandb.timeout_s": _whole(1, 60),
    "metrics.directions": Kind("a table of metric name = 'min' or 'max'", _directions, _parse_table),
    "server.host": Kind("a host name or address", _text),
    "server.port": _whole(0, 65_535),
    "server.uds": Kind("a path", _path),
    "server.auth": _one_of("writes", "all"),
    "server.allowed_hosts": Kind("a list of host names", _names, _parse_names),
    "server.ui": Kind("true or false", _flag, _parse_flag),
    "log.level": _one_of("debug", "info", "warning", "error"),
    "log.format": _one_of("auto", "text", "json"),
}
"""Every key but the list of roots."""
ROOT_KEYS = ("path", "name", "exclude")
ROOT_PATH = KEYS["catalog.db"]


def checked(origin: str, key: str, value: object, base: Path, *, kind: Kind | None = None) -> Any:  # noqa: ANN401  # the type depends on the key
    """Return the value as it is kept. Raises SettingsError naming origin and key when it does not fit."""
    kind = kind or KEYS[key]
    try:
        return kind.accept(os.fspath(value) if isinstance(value, os.PathLike) else value, base)
    except (ValueError, RuntimeError) as error:  # RuntimeError: a `~name` without a home
        raise misfit(origin, key, value, kind=kind) from error


def misfit(origin: str, key: str, value: object, *, kind: Kind | None = None) -> SettingsError:
    """Return the error for a value that does not fit its key."""
    expected = (kind or KEYS[key]).expected
    return SettingsError(f"{origin}: '{key}' must be {expected}, not {value!r}", path=origin, key=key)


def unknown(origin: str, key: str, known: Iterable[str]) -> SettingsError:
    """Return the error for a key nobody reads, naming the nearest one, or all that are known in its place."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(names)}"
    nearest = near[0] if near else None
    return SettingsError(f"{origin}: unknown key '{key}'; {hint}", path=origin, key=key, nearest=nearest)
