"""What is imported when: read commands and training jobs must not pay for what they do not use."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

DATABASE = {"sqlalchemy", "sqlmodel", "alembic"}
MODELS = {"pydantic"}
WEB = {"fastapi", "starlette", "uvicorn", "prometheus_client", "nicegui"}
TRAINING = {"torch", "numpy", "lightning", "transformers", "wandb"}
HEAVY = DATABASE | MODELS | WEB | TRAINING | {"watchdog", "rich", "multiprocessing", "asyncio"}


@cache
def modules_after(code: str) -> frozenset[str]:
    """Return the top-level modules a fresh interpreter holds after running the code."""
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return frozenset(name.partition(".")[0] for name in done.stdout.split())


def modules_after_command(*arguments: str) -> frozenset[str]:
    """Return the top-level modules a fresh interpreter holds after a `ckpt-indexer` command ended."""
    return modules_after(
        f"import sys; sys.argv = ['ckpt-indexer', *{arguments!r}]\n"
        "import contextlib, io\n"
        "from ckpt_indexer.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "    try: run()\n"
        "    except SystemExit: pass"
    )


def test_the_package_itself_is_cheap() -> None:
    assert not modules_after("import ckpt_indexer") & (HEAVY | {"yaml", "click", "sqlite3", "orjson"})


@pytest.mark.parametrize(
    "module",
    ["client.local", "catalog.protocol", "catalog.views", "settings", "store.queries"],
)
def test_the_read_path_is_light(module: str) -> None:
    assert not modules_after(f"import ckpt_indexer.{module}") & (HEAVY | {"yaml"})


def test_connect_is_light() -> None:
    assert not modules_after("from ckpt_indexer import connect") & (HEAVY | {"yaml", "click"})


def test_writing_a_document_needs_no_models_and_no_database() -> None:
    assert not modules_after("from ckpt_indexer import save_metadata") & (HEAVY | {"click", "sqlite3"})


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("best", "--help")], ids=" ".join)
def test_help_and_version_import_next_to_nothing(arguments: tuple[str, ...]) -> None:
    assert not modules_after_command(*arguments) & (HEAVY | {"yaml", "sqlite3"})


@pytest.mark.parametrize("arguments", [("best",), ("ls",), ("show", "1"), ("status",)], ids=" ".join)
def test_read_commands_import_neither_database_layer_nor_models(arguments: tuple[str, ...]) -> None:
    seen = modules_after_command(*arguments, "--db", "absent-directory/absent.db")
    assert not seen & (DATABASE | MODELS | WEB | TRAINING)


@pytest.mark.parametrize("module", ["app", "daemon", "ingest", "store.writer", "cli.main"])
def test_no_room_imports_torch_or_a_web_server(module: str) -> None:
    assert not modules_after(f"import ckpt_indexer.{module}") & (TRAINING | WEB)
