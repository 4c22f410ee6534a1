"""A dropdown of checkpoints for Streamlit that follows the catalog. Adapts streamlit (extra `streamlit`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from ckpt_indexer.catalog.labels import label as label_of
from ckpt_indexer.errors import CheckpointNotFound, CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row

LIMIT = 1000
"""Entries of one dropdown: more are of no use to a person, and all of them are sent to the browser."""
_BEYOND = 2**62 - 1
"""A seq no catalog reaches: asking for changes after it yields nothing but the catalog's state."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:])")


class Choices(NamedTuple):
    """What a dropdown offers, in the order of the query."""

    ids: tuple[int, ...]
    labels: dict[int, str]
    more: bool
    """There are more than are offered."""


def checkpoint_selectbox(
    label: str, catalog: Catalog, query: str = "", *, key: str = "checkpoint", limit: int = LIMIT,
    refresh_s: float | None = 2.0,
) -> Row | None:  # fmt: skip
    """Show the checkpoints that match a query, as `dbnet · resnet50 · exp (ep10 • hmean 0.843 ...)`; return the row of
    the chosen one, as it is now. The first is chosen to begin with, so `hmean-` at the end of a query chooses the best.

    The list is read again when the catalog has changed, at the latest `refresh_s` seconds after (None: when the app
    reruns anyway). A choice stays as long as its checkpoint matches. `key` tells two dropdowns of one app apart.

    None when nothing matches, and when the catalog cannot be asked or the query is wrong, which is said in place of the
    dropdown.
    """
    try:
        state = _state(catalog)
        choices = _choices(catalog, state, query, limit)
    except CkptIndexerError as error:
        st.error(_plain(error.message))
        return None
    if refresh_s is not None:
        _follow(catalog, state, refresh_s)
    chosen = _select(label, choices, key)
    if choices.more:
        st.caption(f"the first {limit:,} that match; narrow the query to see others")
    return None if chosen is None else _row(catalog, chosen)


def _select(label: str, choices: Choices, key: str) -> int | None:
    """Show the dropdown; return the id that is chosen."""
    remembered = f"{key}/chosen"
    if not choices.ids:
        st.selectbox(label, (), placeholder="no checkpoint matches", disabled=True, key=f"{key}/none")
        return None
    wanted = st.session_state.get(key, st.session_state.get(remembered))
    st.session_state[key] = wanted if wanted in choices.labels else choices.ids[0]  # a new list alone would forget it
    chosen = st.selectbox(label, choices.ids, format_func=_labeller(choices), key=key)
    st.session_state[remembered] = chosen
    return chosen


def _labeller(choices: Choices) -> Callable[[int], str]:
    return lambda row_id: choices.labels.get(row_id, str(row_id))


def _state(catalog: Catalog) -> tuple[str, int]:
    """Return which catalog it is and its seq."""
    page = catalog.changes_since(_BEYOND, limit=1)
    return page.catalog, page.seq


@st.cache_resource(max_entries=32, show_spinner=False)
def _choices(_catalog: Catalog, state: tuple[str, int], query: str, limit: int) -> Choices:  # noqa: ARG001  # a key
    """Return what to offer; read once for each state of the catalog, for all sessions of the app."""
    page = _catalog.find(query, limit=limit)
    labels = {row["id"]: label_of(row) for row in page}
    return Choices(tuple(labels), labels, page.next is not None)


def _follow(catalog: Catalog, shown: tuple[str, int], refresh_s: float) -> None:
    """Rerun the app when the catalog is no longer what is shown."""
    with_app = iter((True,))  # the first run of a fragment is part of the app's own: it was asked just now

    @st.fragment(run_every=refresh_s)
    def look() -> None:
        if next(with_app, False):
            return
        try:
            now = _state(catalog)
        except CkptIndexerError:
            return  # the next rerun says so
        if now != shown:
            st.rerun()

    look()


def _row(catalog: Catalog, row_id: int) -> Row | None:
    try:
        return catalog.get(row_id)
    except CheckpointNotFound:
        return None  # it was forgotten since the list was made
    except CkptIndexerError as error:
        st.error(_plain(error.message))
        return None


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it stands."""
    return _MARKDOWN.sub(r"\\\1", text)
