"""What the W&B server said, kept in the catalog: read from any thread, written by the writer's."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ckpt_indexer.sources.wandb.cache import Cached
from ckpt_indexer.store import identity

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.store.writer import Writer

_RECENT = 200


class CatalogAnswers:
    """A `WandbCache` over the catalog's table. What was put is seen at once, on disk a moment later."""

    def __init__(self, *, writer: Writer, inbox: Inbox) -> None:
        self._writer = writer
        self._inbox = inbox
        self._recent: dict[str, Cached] = {}
        self._lock = threading.Lock()

    def get(self, run_key: str) -> Cached | None:
        """Return the answer kept for a run; None when there is none, or it cannot be read now."""
        with self._lock:
            recent = self._recent.get(run_key)
        return recent if recent is not None else stored_answer(self._writer.path, run_key)

    def put(self, run_key: str, answer: dict[str, Any], fetched_at: float, *, final: bool) -> None:  # JSON values
        """Keep an answer, in place of any earlier one of that run."""
        with self._lock:
            self._recent.pop(run_key, None)
            self._recent[run_key] = Cached(answer, fetched_at, final)
            while len(self._recent) > _RECENT:
                self._recent.pop(next(iter(self._recent)))
        text = json.dumps(answer)
        self._inbox.call(lambda: self._writer.keep_wandb_answer(run_key, text, fetched_at, final=final))


def stored_answer(path: Path, run_key: str) -> Cached | None:
    """Return what a catalog keeps of a run; None when it keeps nothing, or cannot be read now."""
    try:
        with closing(sqlite3.connect(identity.uri(path, "ro"), uri=True, timeout=1.0)) as connection:
            found = connection.execute(
                "SELECT answer, fetched_at, final FROM wandb_cache WHERE run = ?", (run_key,)
            ).fetchone()
    except sqlite3.Error:  # locked, or just replaced: as good as not kept
        return None
    return None if found is None else Cached(json.loads(found[0]), float(found[1]), bool(found[2]))
