"""What to tell about an answer: how fresh it is, what it leaves out. Pure sentences, and one place that says them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.cli.text import count, since

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.cli.session import Session


def sentences(page: Page, *, now: datetime, watched: bool) -> Iterator[str]:
    """Yield what a person should know about an answer."""
    watching = "a daemon is watching" if watched else "no daemon is watching (ckpt-indexer serve)"
    if page.as_of is not None:
        live = watched and all(root.mode == "events" and root.state == "present" for root in page.roots)
        yield f"{'live, last full scan' if live else 'as of'} {since(page.as_of, now)}; {watching}"
    elif not page.roots:
        yield f"the catalog has no root yet: run `ckpt-indexer scan DIR`; {watching}"
    else:
        unscanned = ", ".join(root.name for root in page.roots if root.as_of is None)
        yield f"not completely scanned yet: {unscanned}; {watching}"
    for root in page.roots:
        if root.state == "unreachable":
            yield f"root {root.name} is unreachable: {root.path}"
    if page.hidden:
        yield f"{count(page.hidden, 'matching row')} hidden: missing or unreachable (presence:any shows all)"


def tell(session: Session, page: Page) -> None:
    """Say it, unless the person wants data only."""
    if session.quiet:
        return
    for sentence in sentences(page, now=session.now(), watched=session.app.daemon_alive(session.settings)):
        session.say(sentence)


def tell_of_catalog(session: Session, catalog: Catalog) -> None:
    """Say how fresh the whole catalog is, for an answer that is no page of rows."""
    if not session.quiet:
        tell(session, catalog.find("presence:any", limit=1))
