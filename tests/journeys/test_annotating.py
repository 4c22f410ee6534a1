"""Tags, notes and pins from the command line: beside a daemon and without one, across moves, rewrites, rebuilds."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ckpt_indexer import app
from ckpt_indexer.daemon.lock import CatalogLock
from ckpt_indexer.daemon.wire import ask
from ckpt_indexer.errors import CkptIndexerError
from tests.journeys.harness import (
    eventually,
    program,
    run,
    service,
    settings_for,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkpoint(root: Path, database: Path) -> Path:
    checkpoint = write_checkpoint(root / "exp" / "best.ckpt")
    write_sidecar(checkpoint, tags=["doc"])
    app.scan(settings_for(database), [root], full=False, progress=None)
    return checkpoint


def said(database: Path, ref: str) -> dict[str, Any]:
    with closing(app.open_catalog(settings_for(database))) as catalog:
        row = catalog.get(ref)
        return {key: row[key] for key in ("tags", "notes", "pinned")}


def scan(database: Path) -> None:
    app.scan(settings_for(database), [], full=False, progress=None)


def test_what_is_said_survives_a_move_a_rewrite_and_a_rebuild(checkpoint: Path, database: Path, root: Path) -> None:
    assert run(database, "tag", checkpoint, "+good", "+b").returncode == 0
    assert run(database, "note", checkpoint, "a note").returncode == 0
    assert run(database, "pin", checkpoint).returncode == 0
    expected = {"tags": ["doc", "good", "b"], "notes": "a note", "pinned": True}
    assert said(database, "best.ckpt") == expected

    moved = root / "elsewhere" / "kept.ckpt"
    moved.parent.mkdir()
    checkpoint.rename(moved)
    checkpoint.with_name("best.metadata.yaml").unlink()
    scan(database)
    expected["tags"] = ["good", "b"]
    assert said(database, "kept.ckpt") == expected

    write_checkpoint(moved, size=128)
    scan(database)
    assert said(database, "kept.ckpt") == expected

    app.db_rebuild(settings_for(database), None)
    assert said(database, "kept.ckpt") == expected
    assert run(database, "ls", "tag:good", "pinned:true", "-o", "paths").stdout == f"{moved}\n"


def test_the_daemon_writes_while_it_runs(checkpoint: Path, database: Path, root: Path) -> None:
    with service(root, database):
        done = run(database, "tag", checkpoint, "+good", "-none", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["tags"] == ["doc", "good"]
        assert run(database, "unpin", checkpoint).returncode == 0
        assert noted(database, b"two\nlines\n") == 0
        assert said(database, "best.ckpt")["notes"] == "two\nlines"
        assert noted(database, b"\xff") == noted(database, b"") == 2


def noted(database: Path, text: bytes) -> int:
    """Write a note through standard input; return the exit code."""
    return subprocess.run([*program(database), "note", "best.ckpt", "-"], input=text, check=False).returncode


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"spots": [["/r"]]},
        {"spots": [["/r", 1]]},
        {"spots": [], "tags_add": "x"},
        {"spots": [], "notes": 1},
        {"spots": [], "pinned": "yes"},
        {"spots": [["/nowhere", "x.ckpt"]], "pinned": True},
        {"spots": [], "tags_add": ["a,b"]},
        {"spots": [], "notes": "x" * 30_000},
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused(
    request_: dict[str, Any], checkpoint: Path, database: Path, root: Path
) -> None:
    assert checkpoint.exists()
    with service(root, database), pytest.raises(CkptIndexerError):
        ask(database, {"op": "annotate", **request_})


def test_a_scan_that_holds_the_catalog_is_4(checkpoint: Path, database: Path) -> None:
    with CatalogLock(database):
        done = run(database, "pin", checkpoint)
    assert done.returncode == 4
    assert "keeps the catalog" in done.stderr


def test_tags_reach_the_document_and_the_catalog_reads_them_back(checkpoint: Path, database: Path, root: Path) -> None:
    document = checkpoint.with_name("best.metadata.yaml")
    with service(root, database):
        done = run(database, "tag", checkpoint, "+good", "-doc", "--to-sidecar")
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(document.read_text())["tags"] == ["good"]
        assert yaml.safe_load(document.with_name("best.metadata.yaml.bak").read_text())["tags"] == ["doc"]
        eventually(lambda: said(database, "best.ckpt")["tags"] == ["good"], what="the document to be read anew")
        assert run(database, "tag", checkpoint, "-good", "--to-sidecar").returncode == 0
        assert "tags" not in yaml.safe_load(document.read_text())
        eventually(lambda: said(database, "best.ckpt")["tags"] == [], what="the document to be read anew")


def test_a_name_that_is_no_text_can_be_annotated(root: Path, database: Path) -> None:
    write_checkpoint(root / "a\udcff.ckpt")
    app.scan(settings_for(database), [root], full=False, progress=None)
    assert run(database, "tag", "a\udcff.ckpt", "+odd").returncode == 0
    assert said(database, "1")["tags"] == ["odd"]
    with service(root, database):
        assert run(database, "tag", "1", "+odd2").returncode == 0
    assert said(database, "1")["tags"] == ["odd", "odd2"]


def test_a_forgotten_root_is_back_with_what_was_said(checkpoint: Path, database: Path, root: Path) -> None:
    assert run(database, "pin", checkpoint).returncode == 0
    done = run(database, "db", "forget-root", root, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["root"], told["path"], told["checkpoints"]) == (root.name, str(root), 1)
    assert json.loads(run(database, "ls", "presence:any", "--json").stdout) == []
    assert run(database, "db", "check").returncode == 0
    gone = run(database, "db", "forget-root", root.name)
    assert gone.returncode == 1
    assert "its roots: none" in gone.stderr
    assert checkpoint.exists()
    app.scan(settings_for(database), [root], full=False, progress=None)
    assert said(database, "best.ckpt")["pinned"] is True


def test_a_root_is_not_forgotten_under_a_daemon_or_against_the_settings(
    checkpoint: Path, database: Path, root: Path, tmp_path: Path
) -> None:
    with CatalogLock(database):
        assert run(database, "db", "forget-root", root.name).returncode == 4
    named = tmp_path / "named.toml"
    named.write_text(f'[[roots]]\npath = "{root}"\n')
    refused = run(database, "db", "forget-root", root.name, "--config", named)
    assert refused.returncode == 2
    assert "[[roots]]" in refused.stderr
    assert run(database, "show", checkpoint).returncode == 0
