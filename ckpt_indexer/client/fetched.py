"""JSON of the HTTP interface -> rows, pages, errors. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ckpt_indexer import errors
from ckpt_indexer.catalog.views import NESTED_KEYS, ROW_KEYS, Page, RootView, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROBLEM = "application/problem+json"
_OURS = "urn:ckpt-indexer:problem:"
_BY_NAME = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CkptIndexerError)
}
_BY_STATUS: dict[int, type[errors.CkptIndexerError]] = {
    400: errors.InvalidFilter, 404: errors.CheckpointNotFound, 413: errors.InvalidFilter, 414: errors.InvalidFilter,
    431: errors.InvalidFilter, 503: errors.StoreError,
}  # fmt: skip
_OF_ANSWER = ("catalog", "catalog_seq", "as_of", "roots", "details")
"""What the answer about one checkpoint holds beside its row."""


class FetchedRow(Row):
    """A row that came as JSON."""

    __slots__ = ()

    def __init__(self, found: dict[str, Any], details: Mapping[str, str] | None = None) -> None:  # JSON values
        """Take a row's object over. What an older daemon does not know is unknown."""
        for key in ROW_KEYS:
            if key not in found:
                found[key] = None
        super().__init__(found)
        self._nested = {key: found[key] for key in NESTED_KEYS} | {"details": details}


def row_of(answer: dict[str, Any]) -> Row:  # JSON values
    """Return the row of an answer about one checkpoint."""
    beside = {key: answer.pop(key, None) for key in _OF_ANSWER}
    return FetchedRow(answer, beside["details"])


def page_of(answer: Mapping[str, Any]) -> Page:  # JSON values
    """Return the page of an answer with rows."""
    return Page(
        [FetchedRow(item) for item in answer["items"]],
        catalog=answer["catalog"],
        seq=answer["seq"],
        roots=[RootView(*(root.get(key) for key in RootView._fields)) for root in answer["roots"]],
        next_=answer["next"],
        hidden=answer.get("hidden", 0),
        warnings=tuple(answer.get("warnings", ())),
        known_metrics=tuple(answer.get("known_metrics", ())),
    )


def joined(pages: Sequence[Page]) -> Page:
    """Return one page of several that follow each other: as fresh as the first, to be continued after the last."""
    first = pages[0]
    rows = [row for page in pages for row in page]
    return Page(
        rows, catalog=first.catalog, seq=first.seq, roots=first.roots, next_=pages[-1].next, hidden=first.hidden
    )


def is_ours(document: object) -> bool:
    """Tell whether a problem document comes from a ckpt-indexer."""
    return isinstance(document, dict) and str(document.get("type", "")).startswith(_OURS)


def error_of(status: int, document: Mapping[str, Any]) -> errors.CkptIndexerError:  # JSON values
    """Return the error a problem document tells of: of the type it had in the daemon, as far as that is known."""
    kind = _BY_NAME.get(str(document.get("error"))) or _BY_STATUS.get(status, errors.StoreError)
    given = cast("Mapping[str, Any]", document.get("details") or {})  # JSON values
    details = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    error = kind(str(document.get("detail") or document.get("title") or f"HTTP {status}"))
    error.details.update(details)
    return error
