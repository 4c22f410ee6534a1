"""The files of an experiment: which of them could go, and what people said about them. Nothing here deletes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web import parts
from ckpt_indexer.web.headline import value_of
from ckpt_indexer.web.markup import Html, tag
from ckpt_indexer.web.parts import Cell, Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]  # JSON values


def files(rows: Sequence[Row], metric: str, going: Mapping[int, str], *, more: str | None = None) -> Html:
    """Return the files, and why some could go (`going`: id -> why). `more` says that there are others."""
    columns = (
        Column("checkpoint"), Column("epoch", is_number=True), Column("step", is_number=True),
        Column(metric, is_number=True), Column("size", is_number=True), Column("saved as"),
        Column("why it could go"),
    )  # fmt: skip
    made = [
        (
            _link(row), parts.number(row["epoch"]),
            parts.number(row["global_step"]), parts.metric(value_of(row, metric)), parts.size(row["size_bytes"]),
            parts.said(row["saved_as"]), Cell(going.get(row["id"], "")),
        )
        for row in rows
    ]  # fmt: skip
    told = None if more is None else tag("p", more, class_="ckpt-dim")
    table = parts.table("Files of the experiment", columns, made)
    return tag("section", tag("h2", "Files"), told, table, class_="ckpt-card")


def annotated(rows: Sequence[Row], experiment: str) -> Html | None:
    """Return tags, notes and pins of the files; None where there are none. They are edited in a file's details."""
    said = [row for row in rows if row["tags"] or row["notes"] or row["pinned"]]
    if not said:
        return None
    columns = (Column("checkpoint"), Column("epoch", is_number=True), Column("tags"), Column("note"), Column("pinned"))
    made = [
        (
            _link(row), parts.number(row["epoch"]), Cell(", ".join(row["tags"]), ", ".join(row["tags"])),
            Cell(tag("div", row["notes"] or "", class_="ckpt-note"), row["notes"] or ""),
            Cell("pinned" if row["pinned"] else "", "pinned" if row["pinned"] else ""),
        )
        for row in said
    ]  # fmt: skip
    counts: dict[str, int] = {}
    for row in said:
        for one in row["tags"]:
            counts[one] = counts.get(one, 0) + 1
    chips = [
        tag("a", f"{one} · {count:,}", href=address(q=f"{is_('experiment', experiment)} {is_('tags', one)}"),
            class_="ckpt-tag")
        for one, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]  # fmt: skip
    return tag(
        "section", tag("h2", "Tags and notes"), tag("div", *chips, class_="ckpt-row") if chips else None,
        parts.table("Tags and notes", columns, made), class_="ckpt-card",
    )  # fmt: skip


def _link(row: Row) -> Cell:
    return parts.link(row["name"], address(id=str(row["id"])), opens=row["id"])
