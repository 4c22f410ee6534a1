from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.tools.strict import as_version, lost_keys, without_unknown

DOCUMENT: dict[str, Any] = {
    "schema_version": "2.0",
    "file": {"name": "a.ckpt"},
    "training": {"epoch": 0, "global_step": 1},
    "metrics": {"hmean": 84.0},
}


def test_the_latest_version_is_checked_and_kept() -> None:
    assert as_version(DOCUMENT, "2.0") == DOCUMENT


def test_version_1_takes_the_time_of_the_file_where_it_must_have_one() -> None:
    old = as_version(DOCUMENT, "1.0", mtime_ns=1_700_000_000_999_999_999)
    assert (old["created_at"], old["checkpoint_path"]) == ("2023-11-14T22:13:20+00:00", "a.ckpt")
    assert (old["metrics"]["hmean"], old["metrics"]["additional_metrics"]) == (None, {"hmean": 84.0})
    with pytest.raises(SidecarInvalid, match="created_at"):
        as_version(DOCUMENT, "1.0")


def test_faults_are_named_by_their_key_paths_the_first_few() -> None:
    wrong = {"schema_version": "2.0", "training": dict.fromkeys("abcdefg", 1)}
    with pytest.raises(SidecarInvalid) as raised:
        as_version(wrong, "2.0")
    assert raised.value.message.startswith("training.a: ")
    assert raised.value.message.endswith("and 2 more")
    with pytest.raises(SidecarInvalid, match="the document: "):
        as_version({"schema_version": "2.0"}, "2.0")


def test_unknown_keys_and_nulls_are_left_out() -> None:
    given = {**DOCUMENT, "team": 1, "run": {"id": None, "x": 1}, "params": {"any": 1}, "notes": None}
    assert without_unknown(given) == {**DOCUMENT, "run": {}, "params": {"any": 1}}


def test_what_is_gone_is_named_once() -> None:
    before = {"a": {"b": 1, "c": {}}, "d": {"e": 1}, "f": None, "g": 1}
    assert lost_keys(before, {"a": {}, "g": 2}) == ["a.b", "d"]
