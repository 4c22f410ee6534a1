"""One way to run the command line in process: a fake application, a fixed clock, an empty environment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.cli.main import main
from ckpt_indexer.cli.session import Session
from tests.fakes.application import FakeApplication

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 20, 21, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str
    raw: bytes


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for library in ("alembic", "watchdog"):
        logging.getLogger(library).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


@pytest.fixture(autouse=True)
def _no_user_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the person a home of their own: platformdirs asks the environment."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))


@pytest.fixture
def app() -> FakeApplication:
    return FakeApplication()


@pytest.fixture
def run(app: FakeApplication, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run `ckpt-indexer ARGS` against the fake application in an empty directory."""

    def command(*args: str) -> Outcome:
        session = Session(make_application=lambda: app, now=lambda: NOW, environ={}, cwd=tmp_path)
        session.flags["catalog.db"] = str(tmp_path / "catalog.db")
        code = main(args, session)
        captured = capfdbinary.readouterr()
        return Outcome(code, captured.out.decode("utf-8", "replace"), captured.err.decode(), captured.out)

    return command
