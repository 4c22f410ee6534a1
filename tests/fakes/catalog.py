"""A catalog in memory with a vocabulary: `FakeCatalog().having("a.ckpt", hmean=0.8).scanned("2026-11-20T21:00:00Z")`.

It ranks and finds by id or path, keeps the questions it was asked, and knows no query language: that is the business of
the real one. A query that names a word no path contains matches nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.views import NESTED_KEYS, ROW_KEYS, Page, RootView, Row
from ckpt_indexer.errors import CheckpointNotFound, InvalidFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Ref
    from ckpt_indexer.store.notes import Edit


@dataclass
class FakeCatalog:
    directions: dict[str, str] = field(default_factory=lambda: {"hmean": "max", "val/loss": "min"})
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    closed: bool = False
    hidden: int = 0
    said: tuple[str, ...] = ()
    roots: list[RootView] = field(
        default_factory=lambda: [RootView("outputs", "/data/outputs", "present", "manual", None)]
    )
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def having(self, path: str, **facts: Any) -> FakeCatalog:
        """Add a checkpoint; what is not said is unknown."""
        row: dict[str, Any] = dict.fromkeys(ROW_KEYS)
        row |= {key: make() for key, make in NESTED_KEYS.items()}
        place = self.roots[0].path
        row |= {
            "id": len(self._rows) + 1, "root": self.roots[0].name, "path": path, "abs_path": f"{place}/{path}",
            "name": path.rpartition("/")[2], "size_bytes": 2048, "mtime": "2026-11-20T20:00:00Z", "read_state": "ok",
            "presence": "present", "has_sidecar": True, "pinned": False, "seq": len(self._rows) + 1,
        }  # fmt: skip
        row |= facts
        if facts.get("hmean") is not None:
            row["metrics"] = {"hmean": facts["hmean"]} | row["metrics"]
        self._rows.append(row)
        return self

    def scanned(self, time: str) -> FakeCatalog:
        """Say when the roots were last scanned."""
        self.roots = [root.__class__(root.name, root.path, root.state, root.mode, time) for root in self.roots]
        return self

    def count(self, query: str | Sequence[str] = "") -> int:
        return len(self.find(query))

    def hiding(self, rows: int) -> FakeCatalog:
        """Say how many matching rows are not present."""
        self.hidden = rows
        return self

    def warning(self, sentence: str) -> FakeCatalog:
        """Say this beside every ranking."""
        self.said = (*self.said, sentence)
        return self

    def annotated(self, ids: Sequence[int], edit: Edit) -> int:
        """Take over what a person says; tags in `document_tags` of a row stay, as those of a document do."""
        for row in self._rows:
            if row["id"] in ids:
                kept = [tag for tag in (*row["tags"], *edit.tags_add) if tag not in edit.tags_remove]
                row["tags"] = list(dict.fromkeys((*row.get("document_tags", ()), *kept)))
                row["notes"] = row["notes"] if edit.notes is None else edit.notes or None
                row["pinned"] = row["pinned"] if edit.pinned is None else edit.pinned
        return len(self._rows)

    def page(self, rows: Sequence[Row], next_: str | None = None, warnings: tuple[str, ...] = ()) -> Page:
        return Page(
            rows, catalog="c0ffee", seq=len(self._rows), roots=self.roots, hidden=self.hidden, next_=next_,
            warnings=warnings,
        )  # fmt: skip

    def version(self) -> int:
        return len(self._rows)

    def find(
        self, query: str | Sequence[str] = "", *, sort: str | None = None, limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:  # fmt: skip
        self.asked.append(("find", query, sort, limit, cursor))
        found = self._matching(query)[int(cursor or 0) :]
        more = limit is not None and len(found) > limit
        return self.page(
            [_row(row) for row in found[:limit]], next_=str(int(cursor or 0) + (limit or 0)) if more else None
        )

    def get(self, ref: Ref) -> Row:
        self.asked.append(("get", ref))
        for row in self._rows:
            if ref in (row["id"], str(row["id"]), row["path"], row["abs_path"]):
                return _row(row)
        raise CheckpointNotFound(f"no checkpoint matches {ref!r}")

    def best(
        self, metric: str = "hmean", by: str = "backbone", query: str | Sequence[str] = "", *, k: int = 1,
        mode: str | None = None,
    ) -> Page:  # fmt: skip
        self.asked.append(("best", metric, by, query, k, mode))
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in self._matching(query):
            if row["metrics"].get(metric) is not None:
                groups.setdefault(None if by == "none" else row[by], []).append(row)
        mode = mode or self.directions.get(metric)
        if groups and mode is None:
            raise InvalidFilter(f"which end of '{metric}' is better is unknown: give --mode min or max")
        sign = -1 if mode == "max" else 1
        ranked = [self._ranked(group, rows, metric, sign)[:k] for group, rows in groups.items()]
        ranked.sort(key=lambda rows: (rows[0]["group"] is None, sign * rows[0]["value"]))
        return self.page([_row(row) for rows in ranked for row in rows], warnings=self.said)

    @staticmethod
    def _ranked(group: Any, rows: list[dict[str, Any]], metric: str, sign: int) -> list[dict[str, Any]]:
        rows = sorted(rows, key=lambda row: (sign * row["metrics"][metric], row["path"]))
        values = [row["metrics"][metric] for row in rows]
        return [
            row | {"group": group, "value": value, "rank": place, "n": len(rows), "ties": values.count(value)}
            for place, (row, value) in enumerate(zip(rows, values, strict=True), 1)
        ]

    def _matching(self, query: str | Sequence[str]) -> list[dict[str, Any]]:
        words = query.split() if isinstance(query, str) else list(query)
        plain = [word for word in words if word.isalnum()]
        rows = [row for row in self._rows if all(word in row["path"] for word in plain)]
        return sorted(rows, key=lambda row: str(row["path"]))

    def compare(self, refs: Sequence[Ref]) -> Mapping[str, Any]:
        return {"rows": [self.get(ref) for ref in refs], "fields": {}}

    def experiments(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        self.asked.append(("experiments", query))
        return []

    def curve(self, experiment: str, metric: str = "hmean") -> Sequence[Mapping[str, Any]]:
        self.asked.append(("curve", experiment, metric))
        return []

    def facets(self, fields: Sequence[str] = ()) -> Mapping[str, Mapping[str | None, int]]:
        return {field: {} for field in fields}

    def stats(self) -> Mapping[str, Any]:
        return {"metrics": sorted({name for row in self._rows for name in row["metrics"]})}

    def disk(self, by: Sequence[str] = ("experiment",)) -> Sequence[Mapping[str, Any]]:
        self.asked.append(("disk", tuple(by)))
        return []

    def problems(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        self.asked.append(("problems", query))
        return []

    def changes_since(self, seq: int, *, limit: int | None = None) -> Page:
        return self.page([_row(row) for row in self._rows if row["seq"] > seq][:limit])

    def options(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        self.asked.append(("options", query))
        return []

    def close(self) -> None:
        self.closed = True


def _row(values: dict[str, Any]) -> Row:
    nested = {key: value for key, value in values.items() if key in NESTED_KEYS or key == "details"}
    scalars = {key: value for key, value in values.items() if key not in nested}
    return Row(scalars, json.dumps(nested))
