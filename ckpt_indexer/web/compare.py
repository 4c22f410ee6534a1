"""Compare: why is A better than B. A column per checkpoint; what differs is tinted, what is best is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.catalog.compare import differ, side_by_side
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, parts, words
from ckpt_indexer.web.layout import shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

MOST = 12
GROUPS = (
    ("Metrics", (*PROMOTED, "metrics", "metrics_step")),
    ("Training", (
        "experiment", "run_id", "run_dir", "epoch", "global_step", "training_phase", "max_epochs", "monitor",
        "monitor_mode", "dataset", "split",
    )),
    ("Model", ("architecture", "backbone", "decoder", "head", "loss", "num_parameters", "components")),
    ("Hyper-parameters", ("param",)),
)  # fmt: skip
"""Headings, and the row keys beneath; what is in none stands under File."""


class Found(NamedTuple):
    """What the page shows."""

    rows: Sequence[Row]
    lines: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


def install(site: Site) -> None:
    """Give the page its address."""

    async def compare(ids: str = "") -> None:
        wanted = ids_of(ids)
        async with shell(site, "compare", "Compare"):
            content = ui.html("", sanitize=False).props("id=ckpt-content")
            if not wanted:
                content.set_content(nothing())
                return
            try:
                found = await site.ask(lambda catalog: look(catalog, wanted))
            except CkptIndexerError as error:
                content.set_content(parts.notice("That cannot be compared", error.message))
                return
            content.set_content(page(found.rows, wanted))
            _draw_curves(found)

    ui.page("/compare")(compare)


def ids_of(text: str) -> list[int]:
    """Return up to 12 ids of an address; what is none is left out."""
    numbers = [int(word) for word in text.split(",") if word.isascii() and word.isdigit() and len(word) < 19]
    return list(dict.fromkeys(numbers))[:MOST]


def look(catalog: Catalog, ids: Sequence[int]) -> Found:
    """Return the rows, and the curves of their experiments. Raises CheckpointNotFound."""
    rows = [catalog.get(one) for one in ids]
    names = dict.fromkeys(row["experiment"] for row in rows if row["experiment"] is not None)
    return Found(rows, [(name, catalog.curve(name, "hmean")) for name in names])


def nothing() -> Html:
    """Return what stands there without checkpoints."""
    to_list = tag("a", "the table of checkpoints", href=address())
    return parts.notice(
        "Nothing to compare yet",
        join(["Select two or more in ", to_list, " with the boxes or the space bar, then press Compare."]),
    )


def page(rows: Sequence[Row], ids: Sequence[int]) -> Html:
    """Return the table."""
    fields = side_by_side(rows)
    heads = [tag("th", tag("span", "field"), scope="col")]
    heads += [_head(row, ids) for row in rows]
    body = [line for title, names in grouped(list(fields)) for line in _group(title, names, fields)]
    only = tag("button", "Only differences", type="button", data_do="only", aria_pressed="false")
    made = tag(
        "table",
        tag("caption", "Checkpoints side by side", class_="ckpt-hidden"),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
    )
    box = tag("div", made, class_="ckpt-table ckpt-compare", tabindex="0", role="region", aria_label="Comparison")
    return join([tag("div", only, class_="ckpt-controls"), tag("section", box, class_="ckpt-card")])


def _head(row: Row, ids: Sequence[int]) -> Html:
    rest = ",".join(str(one) for one in ids if one != row["id"])
    away = tag("a", "✕", href=address("compare", ids=rest), aria_label=f"Take {row['name']} away")
    opening = tag("a", row["name"], href=address(id=str(row["id"])), data_open=row["id"])
    return tag("th", opening, " ", away, tag("div", row["experiment"] or row["root"], class_="ckpt-dim"), scope="col")


def grouped(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the fields under their headings, in the order of the row."""
    made: list[tuple[str, list[str]]] = [(title, []) for title, _ in GROUPS]
    file: list[str] = []
    for name in names:
        key = name.partition(".")[0]
        place = next((index for index, (_, keys) in enumerate(GROUPS) if key in keys), None)
        (file if place is None else made[place][1]).append(name)
    return [(title, found) for title, found in [*made, ("File", file)] if found]


def _group(title: str, names: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> list[Html]:
    lines = []
    for name in names:
        values = fields[name]
        if all(value is None for value in values) or _is_said_above(name, fields):
            continue
        is_different = differ(values)
        best = best_places(name, values)
        cells = [
            tag("td", _value(name, value), class_="best" if place in best else None)
            for place, value in enumerate(values)
        ]
        lines.append(tag("tr", tag("th", name, scope="row"), *cells, class_="differs" if is_different else "same"))
    if not lines:
        return []
    return [tag("tr", tag("th", title, scope="rowgroup", colspan=len(fields[names[0]]) + 1), class_="group"), *lines]


def _is_said_above(name: str, fields: Mapping[str, Sequence[Any]]) -> bool:
    """Tell whether a logged metric only repeats the headline of its name."""
    headline = name.removeprefix("metrics.")
    return headline != name and headline in PROMOTED and fields.get(headline) == fields[name]


def _value(name: str, value: Any) -> str:  # noqa: ANN401  # a JSON value of a row
    if name == "size_bytes" and value is not None:
        return f"{words.size(value)} ({value:,})"
    if isinstance(value, float):
        return words.metric(value) if name in PROMOTED or name.startswith("metrics.") else words.plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("num_parameters", "global_step"):
        return f"{value:,}"
    return words.plain(value)


def best_places(name: str, values: Sequence[Any]) -> set[int]:
    """Return which columns hold the best value of a headline metric; none where all are the same."""
    mode = PROMOTED.get(name.removeprefix("metrics."))
    known = {place: value for place, value in enumerate(values) if isinstance(value, int | float)}
    if mode is None or len(known) < 2 or not differ(list(known.values())):
        return set()
    best = max(known.values()) if mode == "max" else min(known.values())
    return {place for place, value in known.items() if value == best}


def _draw_curves(found: Found) -> None:
    series = [
        (name, [(float(one["epoch"]), one["value"]) for one in curve if one["epoch"] is not None])
        for name, curve in found.lines
    ]
    series = [(name, points) for name, points in series if points]
    if not series:
        return
    columns = (Column("experiment"), Column("epoch", is_number=True), Column("hmean", is_number=True))
    rows = [
        (parts.said(name), parts.number(int(epoch)), parts.metric(value))
        for name, points in series
        for epoch, value in points
    ]
    chart = charts.Chart("hmean by epoch")
    chart.show(
        charts.lines([(shown(name), points) for name, points in series], x="epoch"),
        parts.table("hmean by epoch", columns, rows),
        height=320,
    )
