"""Catalogs that were built before, by the state of everything they were built from."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.compat.below import look_below
from ckpt_indexer.compat.opened import open_sources, settings_in_force

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Fingerprint
    from ckpt_indexer.compat.told import Told
    from ckpt_indexer.compat.types import CheckpointCatalog

MAX_REMEMBERED = 20_000
"""Checkpoints whose description is kept for the next build."""

State = tuple["Fingerprint", object, bytes]
"""A checkpoint's fingerprint, the documents beside it with their stamps, the digest of the files around it."""


class _Kept(NamedTuple):
    key: str
    catalog: CheckpointCatalog


class _Remembered(NamedTuple):
    state: State
    told: Told


class CatalogCache:
    """Keeps the catalogs of the last `maxsize` directories, and what the checkpoints in them said. Safe to share
    between threads.

    A catalog is found as long as no checkpoint, document or configuration below its directory has changed, however deep
    below. (The replaced cache looked at the modification time of the directory itself, in whole seconds.)
    """

    def __init__(self, maxsize: int = 128) -> None:
        self.maxsize = maxsize
        self._lock = threading.Lock()
        self._catalogs: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._told: OrderedDict[bytes, _Remembered] = OrderedDict()

    def get_cache_key(self, outputs_dir: str | os.PathLike[str], *, legacy_quirks: bool = False) -> str:
        """Return the key of a directory as it is now. With `legacy_quirks` it is the replaced package's."""
        if legacy_quirks:
            return key_of(outputs_dir, str(_seconds(outputs_dir)))
        with open_sources(settings_in_force()) as sources:
            below = look_below(outputs_dir, rules=sources.rules, digest=sources.digest)
        return key_of(outputs_dir, "" if below is None else below.signature)

    def get(
        self, outputs_dir: str | os.PathLike[str], cache_key: str | None = None, *, variant: str = ""
    ) -> CheckpointCatalog | None:
        """Return the catalog of a directory in the state that `cache_key` tells, by default as it is now; None when it
        has to be built. `variant` tells catalogs of one directory apart that were built otherwise."""
        key = cache_key or self.get_cache_key(outputs_dir)
        place = (_digest_of(outputs_dir), variant)
        with self._lock:
            found = self._catalogs.get(place)
            if found is None or found.key != key:
                return None
            self._catalogs.move_to_end(place)
            return found.catalog

    def set(
        self,
        outputs_dir: str | os.PathLike[str],
        catalog: CheckpointCatalog,
        cache_key: str | None = None,
        *,
        variant: str = "",
    ) -> None:
        """Keep a catalog in place of an earlier one of the directory; beyond `maxsize` the one that was not asked for
        the longest goes."""
        key = cache_key or self.get_cache_key(outputs_dir)
        place = (_digest_of(outputs_dir), variant)
        with self._lock:
            self._catalogs[place] = _Kept(key, catalog)
            self._catalogs.move_to_end(place)
            while len(self._catalogs) > self.maxsize:
                self._catalogs.popitem(last=False)

    def get_or_build(
        self, outputs_dir: Path, cache_key: str, build_fn: Callable[[], CheckpointCatalog]
    ) -> CheckpointCatalog:
        """Return the catalog kept under this key for the directory as it is now, else build and keep it."""
        state = self.get_cache_key(outputs_dir)
        found = self.get(outputs_dir, state, variant=cache_key)
        if found is None:
            found = build_fn()
            self.set(outputs_dir, found, state, variant=cache_key)
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._catalogs.clear()
            self._told.clear()

    def recall(self, path: bytes, state: State) -> Told | None:
        """Return what the checkpoint at an absolute path said when it was in this state; None when it was not."""
        with self._lock:
            found = self._told.get(path)
            if found is None or found.state != state:
                return None
            self._told.move_to_end(path)
            return found.told

    def remember(self, path: bytes, state: State, told: Told) -> None:
        """Keep what a checkpoint said in this state."""
        with self._lock:
            self._told[path] = _Remembered(state, told)
            self._told.move_to_end(path)
            if len(self._told) > MAX_REMEMBERED:
                self._told.popitem(last=False)


@cache
def get_global_cache() -> CatalogCache:
    """Return the cache that every builder of this process shares."""
    return CatalogCache()


def clear_global_cache() -> None:
    """Forget everything the shared cache holds."""
    get_global_cache().clear()


def key_of(outputs_dir: str | os.PathLike[str], signature: str) -> str:
    """Return the key of a directory in the state that the signature tells."""
    return f"{_digest_of(outputs_dir)}:{signature}"


def _digest_of(outputs_dir: str | os.PathLike[str]) -> str:
    return blake2b(os.fsencode(Path(outputs_dir).absolute()), digest_size=16).hexdigest()


def _seconds(outputs_dir: str | os.PathLike[str]) -> int:
    """Return the modification time of a directory in whole seconds; 0 when it is not there."""
    try:
        return int(Path(outputs_dir).stat().st_mtime)
    except OSError:
        return 0
