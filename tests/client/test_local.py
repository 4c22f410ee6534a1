from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.client import connect
from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import DatabaseAbsent, DatabaseFromFuture, SettingsError, StoreError
from tests.client.catalog_contract import CatalogContract, rows
from tests.client.catalog_database import CatalogFile, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class TestLocalCatalog(CatalogContract):
    @pytest.fixture
    def opened(self) -> Iterator[Callable[[Path], LocalCatalog]]:
        made: list[LocalCatalog] = []

        def opened(path: Path) -> LocalCatalog:
            made.append(LocalCatalog(path))
            return made[-1]

        yield opened
        for catalog in made:
            catalog.close()


def test_a_commit_is_seen_by_the_next_question(tmp_path: Path) -> None:
    file = CatalogFile(tmp_path / "c.db")
    file.add("a.ckpt", hmean=0.5)
    with LocalCatalog(tmp_path / "c.db") as catalog:
        assert catalog.version() == 1
        file.add("b.ckpt", hmean=0.7)
        assert catalog.version() == 2
        assert catalog.best()[0]["value"] == 0.7
    file.close()


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [{"path": "a.ckpt"}], wal=False)
    with LocalCatalog(path) as catalog:
        assert catalog.find().catalog == "cafe0123"
        build(tmp_path / "new.db", [{"path": "b.ckpt"}], catalog="beef", wal=False).replace(path)
        page = catalog.find()
        assert page.catalog == "beef"
        assert page[0]["path"] == "b.ckpt"
        path.unlink()
        with pytest.raises(DatabaseAbsent):
            catalog.version()


def test_a_stamp_differs_after_a_commit_and_for_another_file(tmp_path: Path) -> None:
    file = CatalogFile(tmp_path / "c.db")
    file.add("a.ckpt")
    with LocalCatalog(tmp_path / "c.db") as catalog:
        before = catalog.stamp()
        assert catalog.stamp() == before
        file.add("b.ckpt")
        after = catalog.stamp()
        assert after != before
        with LocalCatalog(build(tmp_path / "d.db", [{"path": "a.ckpt"}])) as other:
            assert other.stamp() not in (before, after)
        file.close()
        build(tmp_path / "new.db", [{"path": "b.ckpt"}], wal=False).replace(tmp_path / "c.db")
        assert catalog.stamp() not in (before, after)


def test_a_schema_from_the_future_is_noticed_while_open(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", rows())
    with LocalCatalog(path) as catalog:
        assert catalog.version() == 8
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 9999")
        other.close()
        with pytest.raises(DatabaseFromFuture):
            catalog.version()


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    seen: list[int] = []
    with LocalCatalog(build(tmp_path / "c.db", rows())) as catalog:
        threads = [threading.Thread(target=lambda: seen.append(len(catalog.find()))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [7] * 4


def test_a_closed_catalog_refuses_and_its_pages_stay_usable(tmp_path: Path) -> None:
    catalog = LocalCatalog(build(tmp_path / "c.db", rows()))
    page = catalog.find("exp:c")
    catalog.close()
    catalog.close()
    assert page[0]["metrics"] == {"hmean": 0.99}
    assert page.hidden == 1
    with pytest.raises(StoreError, match="closed"):
        catalog.version()


def test_a_forked_child_opens_its_own_connection(tmp_path: Path) -> None:
    with LocalCatalog(build(tmp_path / "c.db", rows())) as catalog:
        before = catalog._connection()
        child = os.fork()
        if child == 0:
            os._exit(0 if catalog._connection() is not before and len(catalog.find()) == 7 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert catalog._connection() is before


def test_questions_leave_no_read_transaction_behind(tmp_path: Path) -> None:
    with LocalCatalog(build(tmp_path / "c.db", rows())) as catalog:
        catalog.best()
        with pytest.raises(Exception, match="no field"):
            catalog.find("nope:1")
        assert not catalog._connection().in_transaction


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "file:{}", "file://{}", "sqlite:{}"])
def test_connect_takes_paths_and_file_addresses(tmp_path: Path, form: str) -> None:
    path = build(tmp_path / "c ?#%.db", rows())
    catalog = connect(form.format(path) if form != "{}" else path)
    assert catalog.version() == 8
    catalog.close()


def test_connect_takes_the_address_a_path_has(tmp_path: Path) -> None:
    path = build(tmp_path / "my runs 100%.db", rows())
    with closing(connect(path.as_uri())) as catalog:
        assert catalog.version() == 8


def test_connect_without_an_address_takes_the_catalog_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CKPT_INDEXER_DB", str(build(tmp_path / "mine.db", rows())))
    with closing(connect()) as catalog:
        assert catalog.version() == 8


def test_directions_given_to_connect_decide_where_no_mode_is_asked_for(tmp_path: Path) -> None:
    made = [{"path": f"{n}.ckpt", "metrics": {"odd": float(n)}, "directions": {"odd": "max"}} for n in (1, 2)]
    with closing(connect(build(tmp_path / "c.db", made), directions={"odd": "min"})) as catalog:
        assert catalog.best("odd")[0]["value"] == 1.0
        assert catalog.best("odd", mode="max")[0]["value"] == 2.0


@pytest.mark.parametrize("url", ["ftp://x/", "postgresql://x/y", "postgresql+psycopg://x/y"])
def test_connect_says_what_it_cannot_read_yet(url: str) -> None:
    with pytest.raises(SettingsError, match="give the path of the catalog's file"):
        connect(url)


def test_reading_imports_neither_sqlalchemy_nor_pydantic(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", rows())
    program = (
        "import sys; from ckpt_indexer.client import connect; c = connect(sys.argv[1]); c.best(); c.find(); c.stats();"
        "heavy = {'sqlalchemy', 'sqlmodel', 'pydantic', 'alembic', 'subprocess', 'difflib', 'pathlib', 'urllib.parse'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program, path], capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
