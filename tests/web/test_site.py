"""Memory that drawing took is given back when nothing is drawn any more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.web import site
from ckpt_indexer.web.site import Site

if TYPE_CHECKING:
    import pytest


def site_of(tidied: list[int] | None) -> Site:
    face: Any = SimpleNamespace(desk=None, stream=None)
    return Site(face, None if tidied is None else lambda: tidied.append(1))


def test_many_pages_lead_to_one_tidying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "TIDY_S", 0.01)
    tidied: list[int] = []

    async def draw() -> None:
        one = site_of(tidied)
        for _ in range(5):
            one.stir()
        await asyncio.sleep(0.2)  # twenty times as long as the wait

    asyncio.run(draw())
    assert tidied == [1]


def test_a_process_that_collects_often_is_left_alone() -> None:
    async def draw() -> int:
        site_of(None).stir()
        return len(asyncio.all_tasks())

    assert asyncio.run(draw()) == 1
