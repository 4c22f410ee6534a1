"""Files that real versions of torch wrote, and what was saved in them (`scripts/make_golden_checkpoints.py`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ckpt_indexer.readers.child_jobs import read_header

GOLDEN = Path(__file__).parent.parent / "golden" / "checkpoints"
FACTS: dict[str, dict[str, Any]] = {
    name: facts
    for listed in sorted(GOLDEN.glob("*.json"))
    for name, facts in json.loads(listed.read_text(encoding="utf-8")).items()
}


def test_every_golden_file_is_listed_and_there() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.suffix != ".json"} == set(FACTS)
    assert len(FACTS) >= 20


@pytest.mark.parametrize("name", FACTS)
def test_what_was_saved_is_found(name: str) -> None:
    header = read_header(str(GOLDEN), name, "file")
    found = header | header["facts"]
    assert {key: found.get(key) for key in FACTS[name]} == FACTS[name]
    assert [kind for kind, _ in header["problems"]] == (["not_a_mapping"] if "module" in name else [])
