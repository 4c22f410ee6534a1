"""Builds catalog files for tests of the read side, with plain SQL: rows and counts as the writer promises them."""

from __future__ import annotations

import json
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from ckpt_indexer.store.fields import APPLICATION_ID, FACETS, GROUPS, PROMOTED
from ckpt_indexer.store.readonly import SCHEMA_VERSION
from ckpt_indexer.store.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NESTED = ("metrics", "components", "params", "problems", "conflicts", "provenance", "details", "directions", "tags")
PROMOTED_NAMES = tuple(name for name, _mode in PROMOTED)


@cache
def schema() -> tuple[str, ...]:
    """Return the statements that create the tables and indexes."""
    dialect = sqlite.dialect()
    made = []
    for table in Table.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    return tuple(made)


class CatalogFile:
    """A catalog file being filled. Rows are given by their row keys; what is left out gets a plain default."""

    def __init__(self, path: Path, *, catalog: str = "cafe0123", wal: bool = True) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        if wal:
            self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("BEGIN")
        self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        for statement in schema():
            self.connection.execute(statement)
        self.connection.execute("INSERT INTO meta VALUES ('catalog_id', ?), ('seq', '0')", (catalog,))
        self.seq = 0
        self._columns = tuple(row[1] for row in self.connection.execute("PRAGMA table_info(checkpoints)"))
        self.connection.execute("COMMIT")

    @classmethod
    def reopened(cls, path: Path) -> CatalogFile:
        """Return a file that exists already, for more rows."""
        made = cls.__new__(cls)
        made.path, made.connection = path, sqlite3.connect(path, isolation_level=None)
        made.seq = int(made.connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0])
        made._columns = tuple(row[1] for row in made.connection.execute("PRAGMA table_info(checkpoints)"))
        return made

    def root(self, name: str, path: str | None = None, scanned_at: str | None = "2026-06-01T00:00:00Z") -> None:
        where = path or f"/data/{name}"
        self.connection.execute(
            "INSERT INTO roots (name, path, path_bytes, state, mode, scanned_at)"
            " VALUES (?, ?, ?, 'present', 'manual', ?)",
            (name, where, where.encode("utf-8", "surrogateescape"), scanned_at),
        )

    def add(self, path: str | bytes, /, **given: Any) -> int:
        """Insert one checkpoint with its metrics, components, params and problems; return its id."""
        return self.add_all([{"path": path, **given}])[0]

    def add_all(self, rows: Iterable[dict[str, Any]]) -> list[int]:
        """Insert many in one transaction, then count anew."""
        self.connection.execute("BEGIN")
        ids = [self._insert(dict(row)) for row in rows]
        self.connection.execute("UPDATE meta SET value = ? WHERE key = 'seq'", (str(self.seq),))
        self.count()
        self.connection.execute("COMMIT")
        return ids

    def _insert(self, given: dict[str, Any]) -> int:
        self.seq += 1
        raw = given.pop("path")
        raw = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogateescape")
        shown = _display(raw)
        root = given.setdefault("root", "outputs")
        stale = set(given.pop("stale", ()))
        nested = {key: given.pop(key) for key in NESTED if key in given}
        for key in ("presence", "kind"):
            given.setdefault(key, {"presence": "present", "kind": "file"}[key])
        alias = given.get("alias_of") is not None or given["kind"] == "symlink"
        row = {
            "root_id": self._root_id(root), "directory_id": self._directory_id(root, raw), "path": shown,
            "path_bytes": raw, "name": shown.rpartition("/")[2], "device": 1, "inode": self.seq, "size_bytes": 100,
            "mtime_ns": 0, "ctime_ns": 0, "mtime": "2026-06-01T00:00:00Z", "has_sidecar": 0, "read_state": "ok",
            "pinned": 0, "derivation": 1, "first_seen_at": "2026-06-01T00:00:00Z", "seq": self.seq,
            "rankable": int(given["presence"] == "present" and not alias), "nested": json.dumps(nested), **given,
        }  # fmt: skip
        names = [name for name in self._columns if name in row]
        marks = ", ".join("?" * len(names))
        done = self.connection.execute(
            f"INSERT INTO checkpoints ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names]
        )
        row_id = done.lastrowid
        assert row_id is not None
        self._children(row_id, self._root_id(root), raw, nested, stale)
        return row_id

    def _children(self, row_id: int, root_id: int, raw: bytes, nested: dict[str, Any], stale: set[str]) -> None:
        run = self.connection.executemany
        metrics = nested.get("metrics", {}).items()
        run("INSERT INTO metrics VALUES (?, ?, ?, ?)", [(row_id, name, v, int(name in stale)) for name, v in metrics])
        parts = enumerate(nested.get("components", ()))
        run("INSERT INTO components VALUES (?, ?, ?, ?, '{}')", [(row_id, i, p["role"], p["name"]) for i, p in parts])
        params = [
            (row_id, key, value if _is_number(value) else None, value if isinstance(value, str) else json.dumps(value))
            for key, value in nested.get("params", {}).items()
        ]
        run("INSERT INTO params VALUES (?, ?, ?, ?)", params)
        problems = [
            (row_id, root_id, _display(raw), raw, problem["kind"], problem["message"])
            for problem in nested.get("problems", ())
        ]
        run(
            "INSERT INTO problems (checkpoint_id, root_id, path, path_bytes, kind, message, first_seen, last_seen,"
            " count)"
            " VALUES (?, ?, ?, ?, ?, ?, '2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z', 1)",
            problems,
        )

    def _root_id(self, name: str) -> int:
        found = self.connection.execute("SELECT id FROM roots WHERE name = ?", (name,)).fetchone()
        if found is None:
            self.root(name)
            return self._root_id(name)
        return int(found[0])

    def _directory_id(self, root: str, raw: bytes) -> int:
        key = (self._root_id(root), raw.rpartition(b"/")[0])
        self.connection.execute("INSERT OR IGNORE INTO directories (root_id, path_bytes) VALUES (?, ?)", key)
        found = self.connection.execute("SELECT id FROM directories WHERE root_id = ? AND path_bytes = ?", key)
        return int(found.fetchone()[0])

    def count(self) -> None:
        """Write the counts anew, as the writer keeps them."""
        run = self.connection.execute
        run("DELETE FROM facets")
        insert = "INSERT INTO facets (field, value, is_null, metric, n, size_bytes) "
        for field in (*FACETS, ""):
            value = field or "''"
            keys = f"'{field}', coalesce({value}, ''), {value} IS NULL"
            group = f"GROUP BY {value}" if field else "HAVING count(*) > 0"
            present = "checkpoints WHERE presence = 'present'"
            run(f"{insert} SELECT {keys}, '', count(*), sum(size_bytes) FROM {present} {group}")
            if field not in (*GROUPS, ""):
                continue
            for name in PROMOTED_NAMES:
                only = f"rankable = 1 AND {name} IS NOT NULL"
                run(f"{insert} SELECT {keys}, '{name}', count(*), 0 FROM checkpoints WHERE {only} {group}")
            others = f"m.stale = 0 AND m.value IS NOT NULL AND m.name NOT IN {PROMOTED_NAMES}"
            by = f"{field}, m.name" if field else "m.name"
            run(
                f"{insert} SELECT {keys}, m.name, count(*), 0"
                " FROM checkpoints c JOIN metrics m ON m.checkpoint_id = c.id"
                f" WHERE c.rankable = 1 AND {others} GROUP BY {by}"
            )
        run(
            f"{insert} SELECT 'presence', presence, 0, '', count(*), sum(size_bytes) FROM checkpoints GROUP BY presence"
        )

    def close(self) -> None:
        self.connection.close()


def build(path: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Path:
    """Write a closed catalog file with these rows and return its path."""
    made = CatalogFile(path, **options)
    made.add_all(rows)
    made.close()
    return path


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _display(raw: bytes) -> str:
    from ckpt_indexer.metadata.naming import display

    return display(raw)
