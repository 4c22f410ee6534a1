from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import errors
from ckpt_indexer.cli import exits

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication

EXPECTED = {
    errors.SettingsError: 78,
    errors.CheckpointNotFound: 1,
    errors.InvalidFilter: 2,
    errors.InvalidCursor: 2,
    errors.QueryError: 2,
    errors.DatabaseAbsent: 3,
    errors.DatabaseForeign: 3,
    errors.DatabaseCorrupt: 3,
    errors.DatabaseFull: 3,
    errors.MigrationFailed: 3,
    errors.StoreError: 3,
    errors.DatabaseLocked: 4,
    errors.AlreadyRunning: 4,
    errors.AddressInUse: 4,
    errors.DatabaseFromFuture: 5,
    errors.ComponentFailed: 1,
    errors.DaemonError: 1,
    errors.CkptIndexerError: 1,
}


def all_errors(root: type[errors.CkptIndexerError] = errors.CkptIndexerError) -> list[type[errors.CkptIndexerError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_one_line(
    kind: type[errors.CkptIndexerError], app: FakeApplication, run: Run
) -> None:
    app.failing(kind("bad\nnews \x1b[31m about /a/b"))
    done = run("ls")
    assert done.code == EXPECTED.get(kind, 1)
    assert done.out == ""
    assert done.err.startswith("Error: bad\\nnews \\x1b[31m about /a/b")
    assert done.err.count("\n") == 1


def test_every_code_has_a_meaning() -> None:
    assert {code for _kind, code in exits.CODES} <= set(exits.MEANINGS)


def test_a_missing_database_names_the_fix_once(app: FakeApplication, run: Run) -> None:
    app.failing(errors.DatabaseAbsent("there is no catalog at /x"))
    assert run("best").err == "Error: there is no catalog at /x; run `ckpt-indexer scan DIR` first\n"
    app.failing(errors.DatabaseAbsent("nothing at /x: run ckpt-indexer scan outputs first"))
    assert run("best").err == "Error: nothing at /x: run ckpt-indexer scan outputs first\n"


def test_an_interrupt_is_130(app: FakeApplication, run: Run) -> None:
    app.failing(KeyboardInterrupt())
    done = run("scan")
    assert (done.code, done.err) == (130, "\nError: interrupted\n")


def test_a_bug_stays_a_bug(app: FakeApplication, run: Run) -> None:
    app.failing(KeyError("x"))
    with pytest.raises(KeyError):
        run("ls")
