"""How many rows a query would match if missing and unreachable ones were shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.store.read_rows import hidden_rows
from ckpt_indexer.store.readonly import open_readonly, reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.store.compile import Compiled
    from ckpt_indexer.store.read_rows import Look


def hidden(look: Look, compiled: Compiled) -> int | Callable[[], int]:
    """Return the number where it is known, else how to count it: that looks at every row, so only on demand."""
    if not compiled.present_only:
        return 0
    total = hidden_rows(look)
    if not total or compiled.where == "1":
        return total
    return lambda: _count(look.path, compiled)


def _count(path: str, compiled: Compiled) -> int:
    """Count on a connection of its own: the page may be asked long after its catalog was closed."""
    with reading(path):
        connection = open_readonly(path)
        try:
            statement = f"SELECT count(*) FROM checkpoints c WHERE c.presence <> 'present' AND ({compiled.where})"
            return int(connection.execute(statement, compiled.parameters).fetchone()[0])
        finally:
            connection.close()
