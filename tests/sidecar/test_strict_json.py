from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_DEPTH, MAX_NODES
from ckpt_indexer.sidecar.strict_json import parse_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=15,
)


@settings(deadline=None, max_examples=100)
@given(value=VALUES)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "duplicate_key"),
        ("[" * 100_000, "depth"),
        ('{"a":' * 40 + "1" + "}" * 40, "depth"),
        ("[" + "1," * MAX_NODES + "1]", "nodes"),
        (r'{"a": "\ud800"}', "encoding"),
        (r'{"\udfff": 1}', "encoding"),
    ],
)
def test_a_document_over_the_limits_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SidecarUnreadable) as caught:
        parse_json(text)
    assert caught.value.details["reason"] == reason


def test_the_depth_limit_is_that_of_yaml() -> None:
    assert parse_json("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) is not None
    with pytest.raises(SidecarUnreadable):
        parse_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_nan_and_infinities_are_floats() -> None:
    value = parse_json('{"a": NaN, "b": Infinity, "c": -Infinity}')
    assert math.isnan(value["a"])
    assert (value["b"], value["c"]) == (math.inf, -math.inf)


@pytest.mark.parametrize("text", ["{a: 1}", "{", '{"a": 1} x', f'{{"a": {"9" * 5000}}}'])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
