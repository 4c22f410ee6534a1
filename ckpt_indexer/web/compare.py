"""Compare: why is A better than B. A column per checkpoint; what differs is tinted, what is best is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.compare import differ, side_by_side
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, panels, parts, words
from ckpt_indexer.web.headline import mode_of, of_rows
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.panels import Curves
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
_METRICS = GROUPS[0][1]


class Found(NamedTuple):
    """What the page shows."""

    rows: Sequence[Row]
    metric: str
    """What the curves show."""
    curves: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


def install(site: Site) -> None:
    """Give the page its address."""

    async def compare(ids: str = "", metric: str = "") -> None:
        wanted = ids_of(ids)
        async with shell(site, "compare", "Compare"):
            content = ui.html("", sanitize=False).props("id=ckpt-content")
            if not wanted:
                content.set_content(nothing())
                return
            try:
                found = await site.ask(lambda catalog: look(catalog, wanted, metric))
            except CkptIndexerError as error:
                content.set_content(parts.notice("That cannot be compared", error.message))
                return
            content.set_content(page(found, wanted))
            _draw_curves(found)

    ui.page("/compare", response_timeout=PATIENCE_S)(compare)


def ids_of(text: str) -> list[int]:
    """Return up to 12 ids of an address; what is none is left out."""
    numbers = [int(word) for word in text.split(",") if word.isascii() and word.isdigit() and len(word) < 19]
    return list(dict.fromkeys(numbers))[:MOST]


def look(catalog: Catalog, ids: Sequence[int], metric: str = "") -> Found:
    """Return the rows, and the curves of their experiments: of a metric, or of what the rows are judged by.

    Raises CheckpointNotFound.
    """
    rows = [catalog.get(one) for one in ids]
    metric = metric or of_rows(rows)
    names = dict.fromkeys(row["experiment"] for row in rows if row["experiment"] is not None)
    return Found(rows, metric, [(name, catalog.curve(name, metric)) for name in names])


def nothing() -> Html:
    """Return what stands there without checkpoints."""
    to_list = tag("a", "the table of checkpoints", href=address())
    return parts.notice(
        "Nothing to compare yet",
        join(["Select two or more in ", to_list, " with the boxes or the space bar, then press Compare."]),
    )


def page(found: Found, ids: Sequence[int]) -> Html:
    """Return the table, and what can be chosen."""
    rows = found.rows
    fields = side_by_side(rows)
    heads = [tag("th", tag("span", "field"), scope="col")]
    heads += [_head(row, ids) for row in rows]
    modes = {
        name: mode_of(name.removeprefix("metrics."), rows)
        for name in fields
        if _is_metric(name) and _is_known(fields[name])
    }
    body = [line for title, names in grouped(list(fields)) for line in _group(title, names, fields, modes)]
    only = tag("button", "Only differences", type="button", data_do="only", aria_pressed="false")
    made = tag(
        "table",
        tag("caption", "Checkpoints side by side", class_="ckpt-hidden"),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
    )
    box = tag("div", made, class_="ckpt-table ckpt-compare", tabindex="0", role="region", aria_label="Comparison")
    names = dict.fromkeys([found.metric, *(name.removeprefix("metrics.") for name in modes)])
    chosen = parts.choice("Curves of", "metric", names, found.metric)
    return join([tag("div", only, chosen, class_="ckpt-controls"), tag("section", box, class_="ckpt-card")])


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


def _is_known(values: Sequence[Any]) -> bool:
    return any(value is not None for value in values)


def _is_metric(name: str) -> bool:
    return name in PROMOTED or name.startswith("metrics.")


def _group(
    title: str, names: Sequence[str], fields: Mapping[str, Sequence[Any]], modes: Mapping[str, str | None]
) -> list[Html]:
    said = [name for name in names if _is_known(fields[name]) and not _is_said_above(name, fields)]
    lines = []
    for name in said:
        values = fields[name]
        is_different = differ(values)
        best = best_places(values, modes.get(name))
        cells = [
            tag("td", _value(name, value), _delta(name, values, place), class_="best" if place in best else None)
            for place, value in enumerate(values)
        ]
        lines.append(
            tag("tr", tag("th", _label(name), scope="row"), *cells, class_="differs" if is_different else "same")
        )
    if not lines:
        return []
    head = tag("th", title, scope="rowgroup", colspan=len(fields[names[0]]) + 1)
    is_different = any(differ(fields[name]) for name in said)
    return [tag("tr", head, class_="group" if is_different else "group same"), *lines]


def _label(name: str) -> str:
    """Return a field as it stands beneath its heading: a logged metric by its bare name, unless another row has it."""
    bare = name.removeprefix("metrics.")
    return f"{bare} (logged)" if bare != name and bare in _METRICS else bare


def _delta(name: str, values: Sequence[Any], place: int) -> Html | None:
    """Return how far a metric is from that of the first column."""
    first, value = values[0], values[place]
    if not _is_metric(name) or first is None or value is None or value == first:
        return None
    return tag("span", " ", words.difference(value - first), class_="ckpt-dim")


def _is_said_above(name: str, fields: Mapping[str, Sequence[Any]]) -> bool:
    """Tell whether a logged metric only repeats the headline of its name."""
    headline = name.removeprefix("metrics.")
    return headline != name and headline in PROMOTED and fields.get(headline) == fields[name]


def _value(name: str, value: Any) -> str:  # noqa: ANN401  # a JSON value of a row
    if name == "size_bytes" and value is not None:
        return f"{words.size(value)} ({value:,})"
    if isinstance(value, float):
        return words.metric(value) if _is_metric(name) else words.plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("num_parameters", "global_step"):
        return f"{value:,}"
    return words.plain(value)


def best_places(values: Sequence[Any], mode: str | None) -> set[int]:
    """Return which columns hold the best value of a metric; none where all are the same, or nobody knows what is
    better."""
    known = {place: value for place, value in enumerate(values) if isinstance(value, int | float)}
    if mode is None or len(known) < 2 or not differ(list(known.values())):
        return set()
    best = max(known.values()) if mode == "max" else min(known.values())
    return {place for place, value in known.items() if value == best}


def _draw_curves(found: Found) -> None:
    if not any(curve for _, curve in found.curves):
        return
    sets = [Curves(found.metric, mode_of(found.metric, found.rows), found.curves)]
    made = panels.drawing(sets)
    charts.Chart(made.title).show(made.options, panels.table(sets), height=320)
