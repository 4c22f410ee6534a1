from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.sandbox.protocol import pack, receive

MESSAGES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
        lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=100)
@given(messages=st.lists(MESSAGES, max_size=4), step=st.integers(1, 9))
def test_messages_arrive_one_by_one_however_the_stream_is_cut(messages: list[dict[str, Any]], step: int) -> None:
    stream = io.BytesIO(b"".join(map(pack, messages)))
    for message in messages:
        assert receive(lambda count: stream.read(min(count, step)), 1 << 20) == message
    assert receive(stream.read, 1 << 20) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0",
        b"\0\0\0\x09{}",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02[]",
        b"\0\0\0\x03\xff{}",
        b"\0\0\0\x01{",
        (100_000).to_bytes(4, "big") + b"[" * 100_000,
    ],
)
def test_a_broken_stream_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        receive(io.BytesIO(data).read, 1 << 20)


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    stream = io.BytesIO(pack({"a": "x" * 1000}))
    with pytest.raises(ValueError, match="over the limit of 100"):
        receive(stream.read, 100)
    assert stream.tell() == 4


def test_nan_crosses_the_border() -> None:
    assert json.dumps(receive(io.BytesIO(pack({"a": float("nan")})).read, 100)) == '{"a": NaN}'
