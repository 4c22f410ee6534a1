"""What any catalog can be asked, wherever it lives: the seam between faces and storage."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, SupportsIndex, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.views import Page, Row

Ref: TypeAlias = SupportsIndex | str | PathLike[str]
"""What names a checkpoint: its id (numpy's integers, too), its path, or a query with one answer."""


class Catalog(Protocol):
    """Questions about checkpoints: `client.local.LocalCatalog` answers from a file, `client.http.HttpCatalog` over
    HTTP."""

    def version(self) -> int:
        """Return the current seq: it grows with every change and never otherwise."""
        ...

    def find(
        self, query: str | Sequence[str] = "", *, sort: str | None = None, limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """Return matching rows. `limit` None gives all. Raises InvalidFilter, InvalidCursor."""
        ...

    def count(self, query: str | Sequence[str] = "") -> int:
        """Return how many rows `find` gives. Raises InvalidFilter."""
        ...

    def get(self, ref: Ref) -> Row:
        """Return the one checkpoint with this id, path, or query. Raises CheckpointNotFound, InvalidFilter."""
        ...

    def best(
        self, metric: str = "hmean", by: str = "backbone", query: str | Sequence[str] = "", *, k: int = 1,
        mode: str | None = None,
    ) -> Page:  # fmt: skip
        """Return the best `k` rows of each group, best group first, the unknown group last. `mode` is 'min' or 'max'.
        Raises InvalidFilter when the direction of the metric is unknown or contradictory."""
        ...

    def compare(self, refs: Sequence[Ref]) -> Mapping[str, Any]:
        """Return {rows, fields: {field: [value per row]}} of the fields in which the checkpoints differ."""
        ...

    def experiments(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return one mapping per experiment: name, count, size, best and last epoch, newest time."""
        ...

    def curve(self, experiment: str, metric: str = "hmean") -> Sequence[Mapping[str, Any]]:
        """Return {epoch, global_step, value, id, path} of one metric over the checkpoints of an experiment."""
        ...

    def facets(self, fields: Sequence[str] = ()) -> Mapping[str, Mapping[str | None, int]]:
        """Return how many present checkpoints each value of each field has."""
        ...

    def disk(self, by: Sequence[str] = ("experiment",)) -> Sequence[Mapping[str, Any]]:
        """Return {field: value..., count, size_bytes} of present checkpoints, the largest first. `month` is that of
        `created_at`, in UTC (`2026-03`; None where it is unknown): the rows that `created:2026-03` finds.

        Raises:
            InvalidFilter: there is no such field.
        """
        ...

    def stats(self) -> Mapping[str, Any]:
        """Return totals: checkpoints by presence and read state, bytes, experiments, metric names, roots."""
        ...

    def problems(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {path, root, kind, message, first_seen, last_seen, count, checkpoint_id} of every open problem."""
        ...

    def changes_since(self, seq: int, *, limit: int | None = None) -> Page:
        """Return rows changed after `seq`, oldest change first, whatever their presence."""
        ...

    def options(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {value, label, path, config_path} for a dropdown."""
        ...

    def close(self) -> None:
        """Let go of files and sockets."""
        ...
