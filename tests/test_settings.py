from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ckpt_indexer import settings
from ckpt_indexer.errors import SettingsError
from ckpt_indexer.settings.checks import KEYS, ROOT_KEYS

EXAMPLE = Path(__file__).parent.parent / "configs" / "example.toml"


@pytest.fixture(autouse=True)
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the person a home of their own: platformdirs asks the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "config" / "ckpt-indexer" / "config.toml"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def load(here: Path, environ: dict[str, str] | None = None, **options: Any) -> settings.Settings:
    return settings.load(environ=environ or {}, cwd=here, **options)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_defaults_need_no_file(here: Path, tmp_path: Path) -> None:
    found = load(here)
    assert found.catalog.db == tmp_path / "data" / "ckpt-indexer" / "catalog.db"
    assert found.roots == ()
    assert (found.watch.settle_ms, found.watch.poll_s, found.watch.rescan_minutes) == (500, 30, 15)
    assert (found.index.keep_missing_days, found.server.host, found.server.port) == (30, "127.0.0.1", 8765)
    assert {origin for _key, _value, origin in found.items()} == {"default"}


def test_every_key_is_a_field_and_every_field_a_key(here: Path) -> None:
    found = load(here)
    fields = {
        f"{section.name}.{field.name}"
        for section in dataclasses.fields(found)
        if dataclasses.is_dataclass(getattr(found, section.name))
        for field in dataclasses.fields(getattr(found, section.name))
    }
    assert fields == set(KEYS)
    assert tuple(field.name for field in dataclasses.fields(settings.RootSettings)) == ROOT_KEYS
    assert [key for key, _value, _origin in found.items()] == [*KEYS, "roots"]


def test_the_order_is_flag_environment_project_user_default(here: Path, user_file: Path) -> None:
    def level(environ: dict[str, str] | None = None, **options: Any) -> tuple[str, str]:
        found = load(here, environ, **options)
        return found.log.level, found.origins.get("log.level", "default")

    variable = {"CKPT_INDEXER_LOG__LEVEL": "warning"}
    assert level() == ("info", "default")
    write(user_file, '[log]\nlevel = "error"')
    assert level() == ("error", str(user_file))
    project = write(here / "ckpt-indexer.toml", '[log]\nlevel = "debug"')
    assert level() == ("debug", str(project))
    assert level(variable) == ("warning", "CKPT_INDEXER_LOG__LEVEL")
    assert level(variable, flags={"log.level": "info"}) == ("info", "flag")
    assert level(variable, flags={"log.level": None}) == ("warning", "CKPT_INDEXER_LOG__LEVEL")


def test_layers_are_merged_key_by_key(here: Path, user_file: Path) -> None:
    write(user_file, '[watch]\npoll_s = 7\n[server]\nport = 1\n[[roots]]\npath = "/user"')
    write(here / "ckpt-indexer.toml", "[server]\nport = 2")
    found = load(here)
    assert (found.watch.poll_s, found.server.port, found.roots[0].path) == (7, 2, Path("/user"))


def test_pyproject_is_read_unless_there_is_a_file_of_our_own(here: Path) -> None:
    pyproject = write(here / "pyproject.toml", "[tool.ckpt-indexer.server]\nport = 3\n[tool.other]\nx = 1")
    assert load(here).server.port == 3
    assert settings.settings_files(cwd=here) == [pyproject]
    own = write(here / "ckpt-indexer.toml", "")
    assert load(here).server.port == 8765
    assert settings.settings_files(cwd=here) == [own]


@pytest.mark.parametrize("text", ["not toml at all", '[project]\nname = "ckpt-indexer"', 'tool = "ckpt-indexer"', ""])
def test_a_pyproject_that_is_not_about_us_is_left_alone(text: str, here: Path) -> None:
    write(here / "pyproject.toml", text)
    assert load(here).server.port == 8765
    assert settings.settings_files(cwd=here) == []


def test_config_replaces_project_and_user_files(here: Path, user_file: Path) -> None:
    write(user_file, "[server]\nport = 1")
    write(here / "ckpt-indexer.toml", "[server]\nport = 2")
    other = write(here / "sub" / "other.toml", '[catalog]\ndb = "c.db"')
    found = load(here, config="sub/other.toml")
    assert found.server.port == 8765
    assert found.catalog.db == here / "sub" / "c.db"
    assert settings.settings_files("sub/other.toml", cwd=here) == [other]


def test_relative_paths_start_where_they_are_written(here: Path, user_file: Path, tmp_path: Path) -> None:
    write(user_file, '[[roots]]\npath = "a/../b"\nname = "b"\nexclude = ["**/tmp"]')
    found = load(here, {"CKPT_INDEXER_DB": "env.db"})
    assert found.roots == (settings.RootSettings(user_file.parent / "b", "b", ("**/tmp",)),)
    assert found.catalog.db == here / "env.db"
    assert load(here, flags={"catalog.db": Path("flag.db")}).catalog.db == here / "flag.db"
    assert load(here, {"CKPT_INDEXER_DB": "~/x.db"}).catalog.db == tmp_path / "home" / "x.db"


def test_the_short_variable_wins_over_the_long_one_and_empty_ones_say_nothing(here: Path) -> None:
    both = {"CKPT_INDEXER_DB": "/short.db", "CKPT_INDEXER_CATALOG__DB": "/long.db"}
    assert load(here, both).catalog.db == Path("/short.db")
    assert load(here, {"CKPT_INDEXER_CATALOG__DB": "/long.db", "CKPT_INDEXER_DB": ""}).catalog.db == Path("/long.db")
    assert load(here, {"CKPT_INDEXER_SERVER__PORT": "", "CKPT_INDEXER_FOO": "x", "OTHER__X": "1"}).origins == {}


def test_variables_are_read_as_their_kind(here: Path) -> None:
    found = load(
        here,
        {
            "CKPT_INDEXER_SERVER__PORT": "0",
            "CKPT_INDEXER_METRICS__DIRECTIONS": '{ "val/err" = "min", acc = "max" }',
        },
    )
    assert found.server.port == 0
    assert found.metrics.directions == {"val/err": "min", "acc": "max"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[watch]\nsetle_ms = 1", "unknown key 'watch.setle_ms'; did you mean 'watch.settle_ms'?"),
        ("[wach]\nsettle_ms = 1", "unknown key 'wach'; did you mean 'watch'?"),
        ("[index]\nzzz = 1", "unknown key 'index.zzz'; known here: index.keep_missing_days"),
        ("port = 1", "unknown key 'port'"),
        ("watch = 1", "'watch' must be a table, [watch]"),
        ("roots = 1", "'roots' must be an array of tables, [[roots]]"),
        ("[roots]\npath = 'x'", "'roots' must be an array of tables, [[roots]]"),
        ("[watch]\nsettle_ms = '1'", "'watch.settle_ms' must be a whole number from 0 to 3600000, not '1'"),
        ("[watch]\nsettle_ms = true", "'watch.settle_ms' must be a whole number"),
        ("[watch]\nsettle_ms = -1", "'watch.settle_ms' must be a whole number"),
        ("[watch]\npoll_s = 0", "'watch.poll_s' must be"),
        ("[server]\nport = 65536", "'server.port' must be a whole number from 0 to 65535"),
        ("[server]\nport = 1.5", "'server.port' must be"),
        ("[server]\nhost = ''", "'server.host' must be a host name or address, not ''"),
        ("[catalog]\ndb = ''", "'catalog.db' must be a path"),
        ('[catalog]\ndb = "a\\u0000b"', "'catalog.db' must be a path"),
        ("[catalog]\ndb = '~nobody-of-that-name/x'", "'catalog.db' must be a path"),
        ("[log]\nlevel = 'loud'", "'log.level' must be one of debug, info, warning, error, not 'loud'"),
        ("[metrics]\ndirections = { a = 'up' }", "'metrics.directions' must be a table"),
        ("[metrics]\ndirections = { a = [] }", "'metrics.directions' must be a table"),
        ("[[roots]]\nname = 'a'", "a [[roots]] entry has no 'path'"),
        ("[[roots]]\npath = 1", "'roots.path' must be a path, not 1"),
        ("[[roots]]\npath = 'a'\nnaem = 'x'", "unknown key 'roots.naem'; did you mean 'roots.name'?"),
        ("[[roots]]\npath = 'a'\nname = 'x/y'", "'roots.name' must be a plain name"),
        ("[[roots]]\npath = 'a'\nname = \"x\\n\"", "'roots.name' must be a plain name"),
        ("[[roots]]\npath = 'a'\nexclude = 'x'", "'roots.exclude' must be a list of patterns"),
        ("[[roots]]\npath = 'a'\n[[roots]]\npath = './a'", "two roots have the path"),
        ("[[roots]]\npath = 'a'\nname = 'n'\n[[roots]]\npath = 'b'\nname = 'n'", "two roots have the name 'n'"),
        ("[watch\n", "cannot read settings from"),
        ("a = " + "[" * 5000, "cannot read settings from"),
    ],
)
def test_what_does_not_fit_names_file_and_key(text: str, says: str, here: Path) -> None:
    file = write(here / "ckpt-indexer.toml", text)
    with pytest.raises(SettingsError) as caught:
        load(here)
    assert says in caught.value.message
    assert str(file) in caught.value.message
    assert caught.value.path == str(file)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("CKPT_INDEXER_WATCH__SETTLE", "1", "unknown key 'watch.settle'; did you mean 'watch.settle_ms'?"),
        ("CKPT_INDEXER_SERVER__PORT", "http", "'server.port' must be a whole number from 0 to 65535, not 'http'"),
        ("CKPT_INDEXER_METRICS__DIRECTIONS", "min", "'metrics.directions' must be a table"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, says: str, here: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(here, {variable: value})
    assert caught.value.message.startswith(variable)
    assert says in caught.value.message


def test_a_file_that_cannot_be_read_is_named(here: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        load(here, config="gone.toml")
    with pytest.raises(SettingsError, match="Is a directory"):
        load(here, config=str(here))
    (here / "ckpt-indexer.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot read settings"):
        load(here)


def test_a_bad_pyproject_table_is_named(here: Path) -> None:
    write(here / "pyproject.toml", "[tool]\nckpt-indexer = 1")
    with pytest.raises(SettingsError, match="must be a table"):
        load(here)


def test_the_example_names_every_key_with_its_default(here: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    uncommented = [
        line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [[")) else line for line in lines
    ]
    text = "\n".join(
        line for line in uncommented if line.startswith("[") or (" = " in line and not line.startswith("#"))
    )
    document = tomllib.loads(text)
    assert {f"{name}.{key}" for name, table in document.items() if name != "roots" for key in table} == set(KEYS)
    assert tuple(document["roots"][0]) == ROOT_KEYS
    defaults = {key: value for key, value, _origin in load(here).items()}
    shown = {key: document[key.partition(".")[0]][key.partition(".")[2]] for key in KEYS}
    differing = {key for key in KEYS if shown[key] != defaults[key]}
    others = {"server.uds", "server.allowed_hosts"}
    assert differing - others == {"catalog.db", "metrics.directions", "wandb.entity", "wandb.project", "wandb.base_url"}


def test_the_example_as_it_stands_changes_nothing(here: Path) -> None:
    assert dataclasses.asdict(load(here, config=EXAMPLE)) == dataclasses.asdict(load(here))


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})\nfrom ckpt_indexer.settings import load\nload()"
    )
    environ = {**os.environ, "PYTHONPATH": str(EXAMPLE.parent.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environ)
    assert "SettingsError: the working directory no longer exists" in done.stderr
