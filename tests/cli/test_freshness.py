from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ckpt_indexer.catalog.views import Page, RootView
from ckpt_indexer.cli.freshness import sentences

NOW = datetime(2026, 11, 20, 21, 3, tzinfo=UTC)


def page(*, mode: str, state: str = "present") -> Page:
    root = RootView(name="outputs", path="/o", state=state, mode=mode, as_of="2026-11-20T21:00:00.000000Z")
    return Page((), catalog="c", seq=1, roots=[root])


@pytest.mark.parametrize(
    ("mode", "state", "watched", "start"),
    [
        ("events", "present", True, "live, last full scan 2026-11-20 21:00:00Z, 3 min ago; a daemon is watching"),
        ("poll", "present", True, "as of 2026-11-20 21:00:00Z, 3 min ago; a daemon is watching"),
        ("events", "unreachable", True, "as of 2026-11-20 21:00:00Z, 3 min ago; a daemon is watching"),
        ("events", "present", False, "as of 2026-11-20 21:00:00Z, 3 min ago; no daemon is watching"),
    ],
)
def test_only_roots_that_events_cover_are_live(*, mode: str, state: str, watched: bool, start: str) -> None:
    first = next(sentences(page(mode=mode, state=state), now=NOW, watched=watched))

    assert first.startswith(start)
