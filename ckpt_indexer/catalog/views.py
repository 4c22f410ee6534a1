"""What a question returns: rows, pages, roots. Pure values; nested keys are decoded only when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

ROW_KEYS = (
    "id", "root", "path", "abs_path", "name", "format", "size_bytes", "mtime", "created_at", "experiment", "run_id",
    "run_dir", "architecture", "backbone", "decoder", "head", "loss", "epoch", "global_step", "training_phase",
    "max_epochs", "hmean", "precision", "recall", "validation_loss", "metrics", "metrics_step", "monitor",
    "monitor_mode", "dataset", "split", "num_parameters", "components", "params", "saved_as", "source",
    "sidecar_state", "has_sidecar", "schema_version", "read_state", "presence", "problems", "conflicts", "provenance",
    "alias_of", "duplicate_of", "wandb_run_id", "config_path", "tags", "notes", "pinned", "seq",
    "content_id", "weights_id", "header",
)  # fmt: skip
"""The public row, in order. Keys may be added, never taken away."""

NESTED_KEYS: dict[str, Callable[[], Any]] = {
    "metrics": dict, "components": list, "params": dict, "problems": list, "conflicts": list, "provenance": dict,
    "tags": list, "header": dict,
}  # fmt: skip
"""Keys held in the row's JSON column, and what they are when absent."""

BEST_KEYS = ("group", "value", "rank", "n", "ties")
"""What a ranking adds to each row: its group (None for unknown), the ranked value, its place in the group from 1, how
many rows the group ranks, how many of them share the value."""


class Row(Mapping[str, Any]):
    """One checkpoint as every face gives it: a mapping over `ROW_KEYS` (plus `BEST_KEYS` in a ranking)."""

    __slots__ = ("_nested", "_text", "_values")

    def __init__(self, values: dict[str, Any], nested: str = "{}") -> None:
        """Take the scalar values in key order and the JSON text of the nested ones, which is parsed when first used."""
        self._values = values
        self._text = nested
        self._nested: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # a JSON value: its type depends on the key
        make = NESTED_KEYS.get(key)
        if make is None:
            return self._values[key]
        if self._nested is None:
            self._nested = json.loads(self._text)
        value = self._nested.get(key)
        return make() if value is None else value

    def __iter__(self) -> Iterator[str]:
        yield from ROW_KEYS
        for key in self._values:
            if key in BEST_KEYS:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Row {self._values['id']} {self._values['root']}:{self._values['path']}>"

    def details(self) -> dict[str, str]:
        """Return source name -> where in it the facts were found."""
        if self._nested is None:
            self._nested = json.loads(self._text)
        return dict(self._nested.get("details") or {})


class RootView(NamedTuple):
    """A watched root and how fresh its rows are."""

    name: str
    path: str
    state: str
    mode: str
    as_of: str | None
    """When its last complete scan ended; None before the first."""


class Page(Sequence[Row]):
    """Rows of one answer, and how fresh they are."""

    def __init__(
        self, rows: Sequence[Row], *, catalog: str, seq: int, roots: Sequence[RootView], next_: str | None = None,
        hidden: int | Callable[[], int] = 0, warnings: tuple[str, ...] = (), known_metrics: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Keep the rows; `next_` is the cursor of the following page, `hidden` how many matching rows were left out
        because they are not present, or how to count them should anybody ask."""
        self._rows = tuple(rows)
        self.catalog = catalog
        self.seq = seq
        self.roots = tuple(roots)
        self.next = next_
        self._hidden = hidden
        self.warnings = warnings
        """Sentences a face should say beside the answer: mixed datasets, a metric no row has."""
        self.known_metrics = known_metrics
        """When a ranking is empty: the metrics that could be ranked."""

    @property
    def hidden(self) -> int:
        """Return how many matching rows were left out because they are missing or unreachable."""
        if not isinstance(self._hidden, int):
            self._hidden = self._hidden()
        return self._hidden

    @property
    def as_of(self) -> str | None:
        """Return the oldest of the roots' last complete scans; None when one was never scanned."""
        times = [root.as_of for root in self.roots]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Page of {len(self)} rows, seq {self.seq}>"

    def __getstate__(self) -> dict[str, Any]:  # the attributes
        """Return what is kept of a page in a cache or another process: a number, not how to count."""
        return vars(self) | {"_hidden": self.hidden}
