"""A UI process and a daemon: found, asked, guarded, restarted."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.client import connect
from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import DatabaseAbsent, StoreError
from tests.journeys.harness import Daemon, eventually, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for epoch in range(3):
        checkpoint = write_checkpoint(tmp_path / "outputs" / "exp" / f"epoch={epoch}.ckpt")
        write_sidecar(checkpoint, epoch=epoch, hmean=epoch / 10)
    return tmp_path


def configured(place: Path, text: str) -> None:
    (place / "ckpt-indexer.toml").write_text(f'[catalog]\ndb = "catalog.db"\n{text}')


def test_a_guarded_daemon_is_asked_by_programs_of_the_same_user(place: Path) -> None:
    configured(place, f'[server]\nauth = "all"\nuds = "{place}/api.sock"\n')
    program = (
        "import sys; from ckpt_indexer import connect; print([row['epoch'] for row in connect(sys.argv[1]).best()])"
    )
    with Daemon(place / "outputs", place / "catalog.db") as daemon:
        daemon.settle()
        url = daemon.serving.rpartition("url=")[2]
        for address in (url, f"unix:{place}/api.sock"):
            command = [sys.executable, "-c", program, address]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=60)
            assert (done.stdout, done.stderr) == ("[2]\n", "")
        with pytest.raises(StoreError, match="wants its token"):
            connect(url)
        token = (place / "catalog.db.token").read_text().strip()
        with closing(connect(url, token=token)) as catalog, LocalCatalog(place / "catalog.db") as local:
            assert [dict(row) for row in catalog.find()] == [dict(row) for row in local.find()]
            assert catalog.stats() == local.stats()


def test_a_client_outlives_the_daemon_it_asks(place: Path) -> None:
    configured(place, f'[server]\nuds = "{place}/api.sock"\n')
    arguments = (place / "outputs", place / "catalog.db")
    with Daemon(*arguments) as daemon:
        daemon.settle()
        catalog = connect(f"unix:{place}/api.sock")
        assert len(catalog.find()) == 3
    with pytest.raises(DatabaseAbsent, match="start the daemon"):
        catalog.find()
    write_checkpoint(place / "outputs" / "exp" / "epoch=9.ckpt")
    with closing(catalog), Daemon(*arguments):
        eventually(lambda: len(catalog.find()) == 4, what="the new row")
