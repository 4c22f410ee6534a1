"""What the shell offers when Tab is pressed: fields, values the catalog has, metrics. Never fails, never waits long.

bash breaks words at `:` and hands over the last piece only; zsh and fish hand over whole words. Both ways are answered.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import click
    from click.shell_completion import CompletionItem

    from ckpt_indexer.catalog.protocol import Catalog

MOST = 200
"""Values offered at once."""
VALUES = {
    "presence": ("present", "missing", "unreachable", "any"),
    "read_state": ("pending", "ok", "degraded", "unreadable"),
    "pinned": ("true", "false"),
    "has_sidecar": ("true", "false"),
}
"""Field -> its values, where these do not depend on the catalog."""


def query_terms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer fields, and after `field:` the values that checkpoints have."""
    from ckpt_indexer.catalog.fields import FIELDS

    sign = incomplete[:1] if incomplete[:1] in ("-", "^") else ""
    field, colon, begun = incomplete[len(sign) :].partition(":")
    if colon:
        *listed, last = begun.split(",")
        kept = "".join(f"{one}," for one in listed)
        return _items(f"{sign}{field}:{kept}{value}" for value in _values(ctx, field) if value.startswith(last))
    before = _broken_at_colon(ctx.params.get(param.name or "") or ())
    if before is not None:
        return _items(value for value in _values(ctx, before) if value.startswith(incomplete.removeprefix(":")))
    return _items(f"{sign}{name}:" for name in FIELDS if name.startswith(field))


def metric_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the metrics of the catalog."""
    found = _asked(ctx, lambda catalog: catalog.stats()["metrics"])
    return _items(name for name in found if name.startswith(incomplete))


def checkpoints(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files, as most checkpoints are named by their paths."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _broken_at_colon(words: Sequence[str]) -> str | None:
    """Return the field whose value is being typed, when the shell made `field`, `:` of it; None otherwise."""
    if words and words[-1] == ":":
        return words[-2].lstrip("-^") if len(words) > 1 else None
    return None


def _values(ctx: click.Context, name: str) -> list[str]:
    """Return the values of a field: counted ones of the catalog, the frequent ones first."""
    from ckpt_indexer.catalog.fields import find_field

    field = find_field(name)
    if field is None:
        return []
    if field.name in VALUES:
        return list(VALUES[field.name])
    if field.name == "metrics":
        return _asked(ctx, lambda catalog: catalog.stats()["metrics"])
    if field.kind != "text":
        return []
    return _asked(ctx, lambda catalog: [value for value in catalog.facets([field.name])[field.name] if value])


def _asked(ctx: click.Context, ask: Callable[[Catalog], Iterable[str]]) -> list[str]:
    """Return what the catalog says; nothing when it cannot be asked: a completion has nobody to tell of it."""
    from ckpt_indexer.cli.session import Session

    session = ctx.find_object(Session) or Session()
    try:
        with closing(session.app.open_catalog(session.settings)) as catalog:
            return list(ask(catalog))
    except CkptIndexerError:
        return []


def _items(values: Iterable[str]) -> list[CompletionItem]:
    """Return offers; values that a shell would take apart, or a terminal obey, are left out."""
    from click.shell_completion import CompletionItem

    fit = (value for value in values if value.isprintable() and not any(char in value for char in " \t'\"\\`$"))
    return [CompletionItem(value) for value, _ in zip(fit, range(MOST), strict=False)]
