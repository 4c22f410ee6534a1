"""The public surface is `ckpt_indexer.__all__`, all of it real, all of it documented; everything else may change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ckpt_indexer
from ckpt_indexer import CkptIndexerError

DOCS = Path(__file__).parent.parent / "docs"


def test_the_surface_is_sorted_and_has_no_doubles() -> None:
    assert list(ckpt_indexer.__all__) == sorted(set(ckpt_indexer.__all__))


@pytest.mark.parametrize("name", ckpt_indexer.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(ckpt_indexer, name) is not None


def test_public_names_come_from_where_they_are_made() -> None:
    from ckpt_indexer.app import connect
    from ckpt_indexer.integrations.recorder import forget, record
    from ckpt_indexer.sidecar.io import save_metadata

    assert ckpt_indexer.connect is connect
    assert ckpt_indexer.save_metadata is save_metadata
    assert ckpt_indexer.record is record
    assert ckpt_indexer.forget is forget
    assert issubclass(CkptIndexerError, Exception)


def test_a_star_import_gives_exactly_the_surface() -> None:
    space: dict[str, object] = {}
    exec("from ckpt_indexer import *", space)
    assert sorted(name for name in space if name != "__builtins__") == list(ckpt_indexer.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ckpt_indexer.nothing


def test_the_documented_surface_is_the_surface() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `([\w.]+)[`(]", text, re.MULTILINE)
    assert sorted(name for name in table if "." not in name) == list(ckpt_indexer.__all__)
