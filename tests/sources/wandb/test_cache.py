from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.sources.wandb.cache import Cached, MemoryCache

if TYPE_CHECKING:
    from ckpt_indexer.sources.wandb.cache import WandbCache


def test_what_was_put_is_got_and_replaced() -> None:
    cache: WandbCache = MemoryCache()
    cache.put("e/p/a", {"x": 1}, 1.0, final=False)
    cache.put("e/p/a", {"x": 2}, 2.0, final=True)
    assert cache.get("e/p/a") == Cached({"x": 2}, 2.0, final=True)
    assert cache.get("e/p/b") is None


def test_the_oldest_goes_first() -> None:
    cache = MemoryCache(limit=2)
    for name in ("a", "b", "a", "c"):
        cache.put(name, {}, 0.0, final=True)
    assert [cache.get(name) is None for name in ("a", "b", "c")] == [False, True, False]
