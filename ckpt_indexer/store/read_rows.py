"""One consistent look at the catalog, and how its rows become views.

Every answer is read inside one transaction: rows, seq and the freshness of the roots belong to the same moment.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.views import NESTED_KEYS, ROW_KEYS, Page, RootView, Row
from ckpt_indexer.store.readonly import check_version, reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ckpt_indexer.store.compile import Bound

COLUMNS = tuple(key for key in ROW_KEYS if key not in NESTED_KEYS and key != "abs_path")
"""Row keys that are columns of `checkpoints`, in the order of `SELECTED`."""
SELECTED = ", ".join(f"c.{name}" for name in (*COLUMNS, "nested"))
"""What a statement selects of `checkpoints c` for `Look.row`."""
WIDTH = len(COLUMNS) + 1
"""How many values `SELECTED` yields; a statement may select more behind them."""
_ROOT = COLUMNS.index("root")


class StoredRow(Row):
    """A row as SQLite gave it; turned into named values when one is first asked for."""

    __slots__ = ("_extra", "_place", "_stored")

    def __init__(self, stored: Sequence[Any], place: str, extra: dict[str, Any] | None = None) -> None:  # SQLite values
        """Take what `SELECTED` yielded, the root's path with a slash behind it, and what a ranking adds."""
        self._stored = stored
        self._place = place
        self._extra = extra
        self._text = stored[WIDTH - 1]
        self._nested = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # only ever the dict of values, on first use
        if name != "_values":
            raise AttributeError(name)
        values = dict(zip(COLUMNS, self._stored, strict=False))
        values["abs_path"] = self._place + values["path"]
        values["has_sidecar"] = values["has_sidecar"] != 0
        values["pinned"] = values["pinned"] != 0
        if self._extra:
            values.update(self._extra)
        self._values = values
        return values


class Look(NamedTuple):
    """The catalog at one moment."""

    connection: sqlite3.Connection
    path: str
    catalog: str
    seq: int
    roots: tuple[RootView, ...]
    places: dict[str, str]
    """Root name -> its absolute path with a slash at the end."""

    def row(self, values: Sequence[Any], extra: dict[str, Any] | None = None) -> Row:  # SQLite values
        """Return the view of what `SELECTED` yielded, with what a ranking adds."""
        return StoredRow(values, self.places.get(values[_ROOT], ""), extra)

    def rows(self, found: Iterable[Sequence[Any]]) -> list[Row]:  # SQLite values
        """Return the views of a whole statement."""
        places = self.places
        return [StoredRow(values, places.get(values[_ROOT], "")) for values in found]

    def page(
        self, rows: Sequence[Row], *, next_: str | None = None, hidden: int | Callable[[], int] = 0,
        warnings: tuple[str, ...] = (), known_metrics: tuple[str, ...] = (),
    ) -> Page:  # fmt: skip
        """Return rows with the freshness of this moment."""
        return Page(
            rows, catalog=self.catalog, seq=self.seq, roots=self.roots, next_=next_, hidden=hidden, warnings=warnings,
            known_metrics=known_metrics,
        )  # fmt: skip

    def all(self, sql: str, parameters: dict[str, Bound] | tuple[Bound, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement as SQLite gives them."""
        return self.connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: dict[str, Bound] | tuple[Bound, ...] = ()) -> Any:  # noqa: ANN401  # a SQLite value
        """Return the first value of the first row, None when there is no row."""
        found = self.connection.execute(sql, parameters).fetchone()
        return None if found is None else found[0]

    def mappings(self, sql: str, parameters: dict[str, Bound] | tuple[Bound, ...] = ()) -> list[dict[str, Any]]:
        """Return all rows of a statement, by column name."""
        found = self.connection.execute(sql, parameters)
        names = [column[0] for column in found.description]
        return [dict(zip(names, values, strict=True)) for values in found]

    def metric_names(self) -> MetricNames:
        """Return the names the catalog has logged, read when first needed."""
        return MetricNames(self.connection)


@contextmanager
def looking(connection: sqlite3.Connection, path: str) -> Iterator[Look]:
    """Give one consistent look. Raises StoreError in all its kinds."""
    with reading(path):
        connection.execute("BEGIN")
        try:
            check_version(connection, path)
            meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('catalog_id', 'seq')"))
            found = connection.execute("SELECT name, path, state, mode, scanned_at FROM roots ORDER BY name")
            roots = tuple(RootView(*values) for values in found)
            places = {root.name: root.path if root.path.endswith("/") else root.path + "/" for root in roots}
            yield Look(connection, path, meta.get("catalog_id", ""), int(meta.get("seq", 0)), roots, places)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


_DISTINCT_NAMES = """
WITH RECURSIVE n(name) AS (
  SELECT (SELECT name FROM metrics INDEXED BY ix_metrics_name_value ORDER BY name LIMIT 1)
  UNION ALL
  SELECT (SELECT m.name FROM metrics m INDEXED BY ix_metrics_name_value WHERE m.name > n.name ORDER BY m.name LIMIT 1)
  FROM n WHERE n.name IS NOT NULL)
SELECT name FROM n WHERE name IS NOT NULL"""


class MetricNames:
    """The metric names of a catalog, looked up by index; the whole list is read only when asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __contains__(self, name: object) -> bool:
        found = self._connection.execute("SELECT 1 FROM metrics WHERE name = ? LIMIT 1", (name,))
        return found.fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return iter([name for (name,) in self._connection.execute(_DISTINCT_NAMES)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def hidden_rows(look: Look) -> int:
    """Return how many rows of the catalog are not present, from the writer's counts."""
    counts = "FROM facets WHERE field = 'presence' AND metric = '' AND value <> 'present'"
    return int(look.one(f"SELECT coalesce(sum(n), 0) {counts}"))
