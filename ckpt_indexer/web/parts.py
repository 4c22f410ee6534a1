"""Pieces that several pages are made of: tables that sort, cards with one number, a chart with its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.web import words
from ckpt_indexer.web.markup import Html, join, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Cell(NamedTuple):
    """What a table shows, and what it sorts by."""

    shown: Html | str
    value: float | str | None = None


class Column(NamedTuple):
    """A column: its title, and whether it holds numbers."""

    title: str
    is_number: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Html:
    """Return a table; a click on a title sorts it in the browser."""
    heads = [
        tag("th", tag("button", column.title, type="button", data_do="sort"), scope="col",
            class_="num" if column.is_number else None)
        for column in columns
    ]  # fmt: skip
    body = [
        tag(
            "tr",
            *[
                tag("td", cell.shown, class_="num" if column.is_number else None, data_v=_sorted_by(cell))
                for column, cell in zip(columns, row, strict=True)
            ],
        )
        for row in rows
    ]
    title = tag("caption", caption, class_="ckpt-hidden")
    return tag(
        "div",
        tag("table", title, tag("thead", tag("tr", *heads)), tag("tbody", *body)),
        class_="ckpt-table", tabindex="0", role="region", aria_label=caption,
    )  # fmt: skip


def _sorted_by(cell: Cell) -> str | None:
    return None if cell.value is None else str(cell.value)


def metric(value: float | None) -> Cell:
    """Return the cell of a metric."""
    return Cell(words.metric(value), value)


def number(value: int | None) -> Cell:
    """Return the cell of a count."""
    return Cell(words.count(value), value)


def size(value: int | None) -> Cell:
    """Return the cell of a size in bytes."""
    return Cell(words.size(value), value)


def moment(value: str | None) -> Cell:
    """Return the cell of a time."""
    return Cell(words.moment(value), value or "")


def said(value: str | None) -> Cell:
    """Return the cell of a word."""
    return Cell(words.UNKNOWN if value is None else value, value or "")


def link(label: str | None, address: str, *, opens: int | None = None) -> Cell:
    """Return the cell of a link; `opens` is the id of the checkpoint it shows in the drawer."""
    return Cell(tag("a", label or words.UNKNOWN, href=address, data_open=opens), label or "")


def cards(*pairs: tuple[str, str]) -> Html:
    """Return cards with one number each."""
    made = [tag("div", tag("dd", value), tag("dt", name), class_="ckpt-card ckpt-number") for value, name in pairs]
    return tag("dl", *made, class_="ckpt-cards")


def notice(title: str, *lines: Html | str) -> Html:
    """Return what stands where there is nothing to show."""
    return tag("div", tag("h2", title), *[tag("p", line) for line in lines], class_="ckpt-notice")


def choice(label: str, name: str, options: Iterable[str | tuple[str, str]], chosen: str) -> Html:
    """Return a list to choose from; the page is opened anew with the choice in its address."""
    made = []
    for option in options:
        value, words_ = option if isinstance(option, tuple) else (option, option)
        made.append(tag("option", words_, value=value, selected=value == chosen))
    return tag("label", label, " ", tag("select", *made, name=name, data_do="choose"))


def mode(chosen: str | None) -> Html:
    """Return the choice of which end of a metric is better."""
    return choice("better is", "mode", [("", "as known"), ("max", "higher"), ("min", "lower")], chosen or "")


def search(value: str, hint: str) -> Html:
    """Return a search field that speaks the query language."""
    field = tag(
        "input", type="search", id="ckpt-q", name="q", value=value, placeholder=hint, autocomplete="off",
        spellcheck="false", aria_label="Query", aria_describedby="ckpt-q-error", maxlength=4000,
    )  # fmt: skip
    return join([field, tag("p", id="ckpt-q-error", role="alert", hidden=True)])


def starting(roots: Sequence[str]) -> Html:
    """Return what an empty catalog says."""
    watched = ", ".join(roots) if roots else "no directory yet"
    return notice(
        "No checkpoints yet",
        join(["Watched: ", tag("strong", watched), ". Files appear here as soon as training writes them."]),
        join(["Another directory: ", tag("code", "ckpt-indexer serve outputs/")]),
        join(["Metadata for each: ", tag("code", "ckpt_indexer.integrations.lightning.MetadataCallback()")]),
    )
