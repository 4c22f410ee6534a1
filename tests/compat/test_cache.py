from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ckpt_indexer.compat import CatalogCache, CheckpointCatalog, build_catalog, clear_global_cache, get_global_cache
from ckpt_indexer.compat.cache import MAX_REMEMBERED
from ckpt_indexer.compat.told import Told
from tests.compat.catalog_files import CLEVAL, configured, described, place, saved, settled

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def catalog(directory: Path, count: int = 0) -> CheckpointCatalog:
    return CheckpointCatalog(outputs_dir=directory, total_count=count)


def test_a_key_tells_directories_apart(tmp_path: Path) -> None:
    cache = CatalogCache()
    (tmp_path / "below").mkdir()
    assert cache.get_cache_key(tmp_path) == cache.get_cache_key(tmp_path)
    assert cache.get_cache_key(tmp_path) != cache.get_cache_key(tmp_path / "below")


def test_what_was_set_is_got(tmp_path: Path) -> None:
    cache = CatalogCache()
    assert cache.get(tmp_path) is None
    cache.set(tmp_path, kept := catalog(tmp_path))
    assert cache.get(tmp_path) is kept
    cache.clear()
    assert cache.get(tmp_path) is None


def test_the_directory_not_asked_for_the_longest_goes(tmp_path: Path) -> None:
    cache = CatalogCache(maxsize=2)
    first, second, third = (tmp_path / name for name in ("a", "b", "c"))
    for directory in (first, second):
        directory.mkdir()
        cache.set(directory, catalog(directory))
    assert cache.get(first) is not None
    third.mkdir()
    cache.set(third, catalog(third))
    assert [cache.get(one) is not None for one in (first, second, third)] == [True, False, True]


def test_a_directory_is_kept_once_however_often_it_changed(outputs: Path) -> None:
    cache = CatalogCache(maxsize=2)
    for count in range(5):
        place(outputs, f"{count}.ckpt").touch()
        cache.set(outputs, catalog(outputs, count))
    other = outputs / "test_exp"
    cache.set(other, catalog(other))
    assert cache.get(outputs) == catalog(outputs, 4)


def test_get_or_build_builds_once(tmp_path: Path) -> None:
    cache = CatalogCache()
    built: list[int] = []

    def build() -> CheckpointCatalog:
        built.append(1)
        return catalog(tmp_path, len(built))

    assert cache.get_or_build(tmp_path, "key", build) is cache.get_or_build(tmp_path, "key", build)
    assert cache.get_or_build(tmp_path, "other", build).total_count == 2


def test_an_unchanged_directory_gives_the_same_catalog(outputs: Path) -> None:
    described(place(outputs, "a.ckpt"))
    first = build_catalog(outputs)
    assert build_catalog(outputs) is first  # written a moment ago
    settled(outputs)
    first = build_catalog(outputs)
    assert build_catalog(outputs) is first
    clear_global_cache()
    again = build_catalog(outputs)
    assert again is not first
    assert again.entries == first.entries


def test_without_the_cache_every_build_is_new(outputs: Path) -> None:
    described(place(outputs, "a.ckpt"))
    assert build_catalog(outputs, use_cache=False) is not build_catalog(outputs, use_cache=False)
    assert get_global_cache().get(outputs) is None


def test_what_is_new_deep_below_is_seen(outputs: Path) -> None:
    described(place(outputs, "epoch=1.ckpt"), epoch=1)
    settled(outputs)
    before = outputs.stat().st_mtime_ns
    assert build_catalog(outputs).total_count == 1
    described(place(outputs, "epoch=2.ckpt"), epoch=2)
    assert outputs.stat().st_mtime_ns == before
    assert build_catalog(outputs).total_count == 2
    place(outputs, "epoch=1.ckpt").unlink()
    assert [entry.epochs for entry in build_catalog(outputs).entries] == [2]


def test_a_changed_document_is_seen(outputs: Path) -> None:
    checkpoint = described(place(outputs, "a.ckpt"), hmean=0.5)
    assert build_catalog(outputs).entries[0].hmean == 0.5
    described(checkpoint, hmean=0.6)
    assert build_catalog(outputs).entries[0].hmean == 0.6


def test_a_changed_configuration_is_seen(outputs: Path) -> None:
    saved(place(outputs, "a.ckpt"), cleval_metrics=CLEVAL)
    assert build_catalog(outputs).entries[0].backbone == "unknown"
    configured(outputs)
    assert build_catalog(outputs).entries[0].backbone == "resnet50"


def test_the_old_key_is_a_quirk(outputs: Path) -> None:
    described(place(outputs, "epoch=1.ckpt"), epoch=1)
    settled(outputs)
    assert build_catalog(outputs, legacy_quirks=True).total_count == 1
    described(place(outputs, "epoch=2.ckpt"), epoch=2)
    assert build_catalog(outputs, legacy_quirks=True).total_count == 1
    os.utime(outputs, (time.time(), time.time()))
    assert build_catalog(outputs, legacy_quirks=True).total_count == 2


def test_the_old_key_of_an_absent_directory(tmp_path: Path) -> None:
    cache = CatalogCache()
    absent = tmp_path / "none"
    assert cache.get_cache_key(absent, legacy_quirks=True).endswith(":0")
    assert cache.get_cache_key(absent) == cache.get_cache_key(absent)


def test_catalogs_built_otherwise_are_kept_apart(outputs: Path) -> None:
    saved(place(outputs, "a.ckpt"), epoch=0)
    assert build_catalog(outputs).total_count == 1
    assert build_catalog(outputs, legacy_quirks=True).total_count == 0
    assert build_catalog(outputs).total_count == 1


def test_only_what_changed_is_read_again(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ckpt_indexer.compat.describing import Describer

    for name in ("a.ckpt", "b.ckpt"):
        saved(place(outputs, name, name[0]), cleval_metrics=CLEVAL)
    settled(outputs)
    os.utime(outputs / "a", None)
    time.sleep(0.06)  # the tick after which what was seen counts
    build_catalog(outputs)
    seen: list[list[str]] = []
    describe = Describer.describe

    def noted(self: Describer, candidates: list[object]) -> object:
        seen.append([str(one) for one in candidates])
        return describe(self, candidates)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(Describer, "describe", noted)
    place(outputs, "c.ckpt", "c").touch()
    assert build_catalog(outputs).total_count == 3
    assert [len(batch) for batch in seen] == [1]


def test_memory_is_bounded_and_knows_states() -> None:
    cache = CatalogCache()
    state = ((1, 2, 3, 4, 5), (), b"x")
    for number in range(MAX_REMEMBERED + 1):
        cache.remember(b"/%d" % number, state, Told(epoch=number))  # type: ignore[arg-type]  # any state will do
    assert cache.recall(b"/0", state) is None  # type: ignore[arg-type]  # likewise
    assert cache.recall(b"/7", state) == Told(epoch=7)  # type: ignore[arg-type]  # likewise
    assert cache.recall(b"/7", (*state[:2], b"y")) is None  # type: ignore[arg-type]  # likewise
