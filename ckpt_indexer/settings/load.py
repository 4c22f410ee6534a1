"""Loads settings: flag > environment > project file > user file > default. Nothing else reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import SettingsError
from ckpt_indexer.settings.checks import KEYS, ROOT_KEYS, ROOT_PATH, checked, misfit, unknown
from ckpt_indexer.settings.values import (
    CatalogSettings,
    IndexSettings,
    LogSettings,
    MetricSettings,
    ReaderSettings,
    RootSettings,
    ServerSettings,
    Settings,
    WandbSettings,
    WatchSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

APP = "ckpt-indexer"
PROJECT_FILE = "ckpt-indexer.toml"
ENVIRONMENT_PREFIX = "CKPT_INDEXER_"
DB_VARIABLE = "CKPT_INDEXER_DB"

_Layer = tuple[str, dict[str, Any]]  # origin, dotted key -> checked value: its type depends on the key


def load(
    *,
    config: str | Path | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Return the settings of this invocation. `config` replaces the project and user files; `flags` are dotted keys.

    Raises:
        SettingsError: a file cannot be read or parsed, a key is unknown, a value does not fit.
    """
    environ = os.environ if environ is None else environ
    here = working_directory() if cwd is None else cwd
    layers = [(str(file), _file_values(file)) for file in reversed(settings_files(config, cwd=here))]
    layers += [(name, {key: value}) for name, key, value in _environment_values(environ, here)]
    flags = {key: value for key, value in (flags or {}).items() if value is not None}
    layers.append(("flag", {key: checked("flag", key, value, here) for key, value in flags.items()}))
    return _merge(layers)


def settings_files(config: str | Path | None = None, *, cwd: Path) -> list[Path]:
    """Return the settings files in force, the most important first: `config` alone, or the project's and the user's."""
    if config is not None:
        return [cwd / config]
    pyproject = cwd / "pyproject.toml"
    if _is_file(cwd / PROJECT_FILE):
        project = [cwd / PROJECT_FILE]
    else:
        project = [pyproject] if _is_file(pyproject) and _document(pyproject) else []
    return project + [user_file()] * _is_file(user_file())


def user_file() -> Path:
    """Return where the user's own settings file is looked for."""
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a directory we may not enter holds no settings for us
        return False


def working_directory() -> Path:
    """Return the directory whose project file counts. Raises SettingsError when it is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise SettingsError("the working directory no longer exists; change to one that does") from error


def _merge(layers: list[_Layer]) -> Settings:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        values.update(layer)
        origins.update(dict.fromkeys(layer, origin))
    if "catalog.db" not in values:
        values["catalog.db"] = _default_db()

    def section(name: str) -> dict[str, Any]:
        return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(name + ".")}

    return Settings(
        catalog=CatalogSettings(**section("catalog")),
        roots=values.get("roots", ()),
        watch=WatchSettings(**section("watch")),
        index=IndexSettings(**section("index")),
        readers=ReaderSettings(**section("readers")),
        wandb=WandbSettings(**section("wandb")),
        metrics=MetricSettings(**section("metrics")),
        server=ServerSettings(**section("server")),
        log=LogSettings(**section("log")),
        origins=origins,
    )


def _default_db() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "catalog.db"


def _environment_values(environ: Mapping[str, str], base: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield (variable, key, value). CKPT_INDEXER_DB comes last: it is the documented name of `catalog.db`."""
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX) or "__" not in variable or not environ[variable]:
            continue
        key = variable[len(ENVIRONMENT_PREFIX) :].lower().replace("__", ".", 1)
        if key not in KEYS:
            raise unknown(variable, key, KEYS)
        try:
            raw = KEYS[key].parse(environ[variable])
        except ValueError as error:
            raise misfit(variable, key, environ[variable]) from error
        yield variable, key, checked(variable, key, raw, base)
    if environ.get(DB_VARIABLE):
        yield DB_VARIABLE, "catalog.db", checked(DB_VARIABLE, "catalog.db", environ[DB_VARIABLE], base)


def _file_values(file: Path) -> dict[str, Any]:
    """Return dotted key -> checked value of one file. Relative paths start at the file's directory."""
    base, origin = file.parent, str(file)
    sections = {key.partition(".")[0] for key in KEYS}
    values: dict[str, Any] = {}
    for section, table in _document(file).items():
        if section == "roots":
            values["roots"] = _roots(origin, table, base)
        elif section not in sections:
            raise unknown(origin, section, [*sections, "roots"])
        elif not isinstance(table, dict):
            raise SettingsError(f"{origin}: '{section}' must be a table, [{section}]", path=origin, key=section)
        else:
            values |= {f"{section}.{name}": value for name, value in _section(origin, section, table, base)}
    return values


def _section(origin: str, section: str, table: dict[str, Any], base: Path) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{section}.{name}"
        if key not in KEYS:
            raise unknown(origin, key, [known for known in KEYS if known.startswith(section + ".")])
        yield name, checked(origin, key, value, base)


def _document(file: Path) -> dict[str, Any]:
    """Return the table of settings in a file; a pyproject.toml that does not name this program is not even parsed."""
    try:
        text = file.read_bytes()
        if file.name == "pyproject.toml" and APP.encode() not in text:
            return {}
        import tomllib

        document = tomllib.loads(text.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a TOML or UTF-8 error is a ValueError
        reason = str(error.strerror if isinstance(error, OSError) else error)
        raise SettingsError(f"cannot read settings from {file}: {reason}", path=str(file)) from error
    if file.name != "pyproject.toml":
        return document
    tools = document.get("tool", {})
    table = tools.get(APP, {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: 'tool.{APP}' must be a table, [tool.{APP}]", path=str(file))
    return table


def _roots(origin: str, value: object, base: Path) -> tuple[RootSettings, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SettingsError(f"{origin}: 'roots' must be an array of tables, [[roots]]", path=origin, key="roots")
    roots = tuple(_root(origin, item, base) for item in value)
    for what in ("path", "name"):
        seen = [getattr(root, what) for root in roots if getattr(root, what) is not None]
        twice = next((item for item in seen if seen.count(item) > 1), None)
        if twice is not None:
            raise SettingsError(f"{origin}: two roots have the {what} '{twice}'", path=origin, key=f"roots.{what}")
    return roots


def _root(origin: str, item: dict[str, Any], base: Path) -> RootSettings:
    for key in item:
        if key not in ROOT_KEYS:
            raise unknown(origin, f"roots.{key}", [f"roots.{known}" for known in ROOT_KEYS])
    if "path" not in item:
        raise SettingsError(f"{origin}: a [[roots]] entry has no 'path'", path=origin, key="roots.path")
    name, exclude = item.get("name"), item.get("exclude", [])
    if name is not None and (
        not isinstance(name, str) or not name.isprintable() or not name.strip(" .") or "/" in name
    ):
        raise SettingsError(f"{origin}: 'roots.name' must be a plain name, not {name!r}", path=origin, key="roots.name")
    if not isinstance(exclude, list) or not all(isinstance(pattern, str) and pattern for pattern in exclude):
        raise SettingsError(f"{origin}: 'roots.exclude' must be a list of patterns, not {exclude!r}", path=origin)
    return RootSettings(checked(origin, "roots.path", item["path"], base, kind=ROOT_PATH), name, tuple(exclude))
