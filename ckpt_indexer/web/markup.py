"""HTML that is inert by construction: every text is escaped, and characters that hide or reorder are written out. Pure.

Only `tag` and `join` make `Html`; whatever else is put into them is text.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ckpt_indexer.catalog.cells import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID = frozenset({"input", "br", "hr"})
SEEN = frozenset({"title", "aria_label", "placeholder"})
"""Attributes a person reads: what hides or reorders is written out in them, too."""


class Html(str):
    """Markup that was made here."""

    __slots__ = ()


Child = Html | str | int | None
Attribute = str | int | bool | None


def text(value: str) -> Html:
    r"""Return a text as markup: `<` becomes `&lt;`, a right-to-left mark `\u202e`."""
    return Html(escape("\n".join(map(shown, value.split("\n")))))


def join(children: Iterable[Child]) -> Html:
    """Return children one after the other; None is left out."""
    return Html(
        "".join(child if isinstance(child, Html) else text(str(child)) for child in children if child is not None)
    )


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element. `class_` is `class`, `data_id` is `data-id`; False and None leave an attribute out."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        word = key.rstrip("_").replace("_", "-")
        said = shown(str(value)) if key in SEEN else str(value)
        words.append(word if value is True else f'{word}="{escape(said)}"')
    opening = Html(f"<{' '.join(words)}>")
    return opening if name in VOID else Html(f"{opening}{join(children)}</{name}>")
