"""Everything about one checkpoint: where it is, what it is, who said so, who disagrees, how to load it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.tagging import MAX_NOTE, MAX_TAG
from ckpt_indexer.web import snippets, words
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Row = Mapping[str, Any]  # JSON values

MODEL = ("architecture", "backbone", "decoder", "head", "loss", "num_parameters")
TRAINING = (
    "experiment", "run_id", "run_dir", "epoch", "global_step", "training_phase", "max_epochs", "monitor",
    "monitor_mode", "dataset", "split", "wandb_run_id",
)  # fmt: skip
FILE = (
    "format", "size_bytes", "created_at", "mtime", "saved_as", "read_state", "presence", "source", "sidecar_state",
    "schema_version", "config_path", "content_id", "weights_id",
)  # fmt: skip
HEADLINES = ("hmean", "precision", "recall", "validation_loss")


def detail(row: Row, sources: Mapping[str, str]) -> Html:
    """Return the drawer of a row. `sources` says where in each source its facts were found."""
    return join(
        [
            _top(row),
            _troubles(row),
            _metrics(row),
            _facts("Model", row, MODEL),
            _components(row["components"]),
            _facts("Training", row, TRAINING),
            _values("Hyper-parameters", row["params"]),
            _facts("File", row, FILE),
            _conflicts(row["conflicts"]),
            _sources(sources),
            _load(row),
            _said(row),
        ]
    )


def missing(message: str) -> Html:
    """Return the drawer of what is not there."""
    close = tag("button", "✕", type="button", data_do="close-drawer", aria_label="Close", class_="ckpt-close")
    return join([close, tag("h2", "No such checkpoint"), tag("p", message)])


def _top(row: Row) -> Html:
    copied = snippets.copied(row["abs_path"])
    pin = tag(
        "button", "Unpin" if row["pinned"] else "Pin",
        type="button", data_do="pin", data_id=row["id"], data_pinned="true" if row["pinned"] else "false",
    )  # fmt: skip
    return join(
        [
            tag("button", "✕", type="button", data_do="close-drawer", aria_label="Close", class_="ckpt-close"),
            tag("h2", row["name"]),
            tag("p", row["abs_path"], class_="ckpt-path"),
            tag(
                "div",
                tag("button", "Copy path", type="button", data_do="copy", data_text=copied),
                tag("button", "Select to compare", type="button", data_do="select", data_id=row["id"]),
                pin,
                class_="ckpt-row",
            ),
            _links(row),
        ]
    )


def _links(row: Row) -> Html | None:
    made = []
    for key, words_ in (("alias_of", "a link to"), ("duplicate_of", "same content as")):
        if row[key] is not None:
            made.append(tag("span", f"{words_} ", _opening(row[key], f"#{row[key]}")))
    if row["experiment"] is not None:
        made.append(tag("a", "its experiment", href=address("experiments", name=row["experiment"])))
    return tag("p", *[part for one in made for part in (one, " ")], class_="ckpt-dim") if made else None


def _opening(row_id: int, label: str) -> Html:
    return tag("a", label, href=address(id=str(row_id)), data_open=row_id)


def _troubles(row: Row) -> Html | None:
    if not row["problems"]:
        return None
    items = [tag("li", tag("strong", one["kind"]), " ", one["message"]) for one in row["problems"]]
    return tag("section", tag("h3", "Problems"), tag("ul", *items), class_="ckpt-trouble")


def _metrics(row: Row) -> Html | None:
    known = [(name, row[name], _who(row, name)) for name in HEADLINES if row[name] is not None]
    known += [(name, value, "") for name, value in row["metrics"].items() if name not in HEADLINES]
    if not known:
        return tag("section", tag("h3", "Metrics"), tag("p", "None are known.", class_="ckpt-dim"))
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", words.metric(value), class_="num"),
            tag("td", who, class_="who"),
        )
        for name, value, who in known
    ]
    step = row["metrics_step"]
    note = None if step is None else tag("p", f"measured at step {step:,}", class_="ckpt-dim")
    return tag("section", tag("h3", "Metrics"), tag("table", *rows), note)


def _who(row: Row, key: str) -> str:
    said = row["provenance"]
    return str(said.get(key) or (said.get("metrics") if key in HEADLINES else None) or "")


def _facts(title: str, row: Row, keys: Iterable[str]) -> Html | None:
    rows = [
        tag(
            "tr",
            tag("th", key, scope="row"), tag("td", _value(key, row[key])), tag("td", _who(row, key), class_="who"),
        )
        for key in keys
        if row[key] is not None
    ]  # fmt: skip
    return tag("section", tag("h3", title), tag("table", *rows)) if rows else None


def _value(key: str, value: Any) -> Html | str:  # noqa: ANN401  # a JSON value of a row
    if key == "size_bytes":
        return f"{words.size(value)} ({value:,})"
    if key == "num_parameters":
        return f"{value:,}"
    if key in ("architecture", "backbone", "decoder", "head", "loss", "dataset", "experiment"):
        return tag("a", value, href=address(q=is_(key, value)))
    return words.plain(value)


def _components(parts: Sequence[Row]) -> Html | None:
    rows = [
        tag("tr", tag("th", str(part.get("role")), scope="row"), tag("td", words.plain(part.get("name"))),
            tag("td", words.plain(part.get("params") or {}), class_="who"))
        for part in parts
    ]  # fmt: skip
    return tag("section", tag("h3", "Components"), tag("table", *rows)) if rows else None


def _values(title: str, values: Row) -> Html | None:
    if not values:
        return None
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", words.plain(value))) for name, value in values.items()]
    shown = tag("details", tag("summary", f"{title} ({len(rows)})"), tag("table", *rows), open=len(rows) <= 12)
    return tag("section", shown)


def _conflicts(found: Sequence[Row]) -> Html | None:
    if not found:
        return None
    head = tag("tr", *[tag("th", title, scope="col") for title in ("field", "shown", "also said")])
    rows = [
        tag(
            "tr",
            tag("th", one["field"], scope="row"),
            tag("td", words.plain(one["kept"]), " ", tag("span", one["kept_source"], class_="who")),
            tag("td", words.plain(one["other"]), " ", tag("span", one["other_source"], class_="who")),
        )
        for one in found
    ]
    said = tag("p", "Sources disagree; the more trusted one is shown.", class_="ckpt-dim")
    return tag(
        "section", tag("h3", "Conflicts"), said, tag("table", head, *rows), class_="ckpt-conflict", id="ckpt-conflicts"
    )


def _sources(sources: Mapping[str, str]) -> Html | None:
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", where)) for name, where in sources.items()]
    return tag("section", tag("h3", "Found in"), tag("table", *rows)) if rows else None


def _load(row: Row) -> Html:
    blocks = [
        tag("div", tag("pre", tag("code", code)),
            tag("button", "Copy", type="button", data_do="copy", data_text=code, aria_label=f"Copy the {name} lines"),
            class_="ckpt-code")
        for name, code in (("Python", snippets.python(row)), ("shell", snippets.shell(row)))
    ]  # fmt: skip
    return tag("section", tag("h3", "Load it"), *blocks)


def _said(row: Row) -> Html:
    tags = [
        tag("span", one, " ", tag("button", "✕", type="button", data_do="untag", data_id=row["id"], data_tag=one,
            aria_label=f"Remove the tag {one}"), class_="ckpt-tag")
        for one in row["tags"]
    ]  # fmt: skip
    adding = tag(
        "form",
        tag("input", name="tag", placeholder="add a tag", aria_label="Add a tag", maxlength=MAX_TAG,
            autocomplete="off"),
        tag("button", "Add", type="submit"),
        data_form="tag", data_id=row["id"], class_="ckpt-row",
    )  # fmt: skip
    note = tag(
        "form",
        tag("textarea", row["notes"] or "", name="note", rows=3, aria_label="Note", maxlength=MAX_NOTE),
        tag("button", "Save note", type="submit"),
        data_form="note", data_id=row["id"],
    )  # fmt: skip
    return tag("section", tag("h3", "Tags and note"), tag("div", *tags, class_="ckpt-row"), adding, note)
