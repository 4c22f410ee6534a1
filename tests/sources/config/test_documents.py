from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SourceRejected
from ckpt_indexer.sources.config.documents import MAX_BYTES, parse_config

GOLDEN = Path(__file__).parents[2] / "golden" / "configs"
LAUGHS = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 40)
)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.name)
def test_real_configs_read_as_the_yaml_library_reads_them(path: Path) -> None:
    assert parse_config(path.read_bytes()) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, b: [x, 2.5]}", {"a": 1, "b": ["x", 2.5]}),
        ('{"a": NaN}', None),
        ('{"a": {"b": [true, null]}}', {"a": {"b": [True, None]}}),
        ("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  l: 2\n", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}),
        ("a: &x {k: 1}\nc:\n  k: 3\n  <<: [*x, {m: 4}]\n", {"a": {"k": 1}, "c": {"k": 3, "m": 4}}),
        ("a: !!python/tuple [1, 2]\n", {"a": [1, 2]}),
        ("a: !!python/name:torch.nn.ReLU ''\n", {"a": "torch.nn.ReLU"}),
        ("a: !!python/object:argparse.Namespace {lr: 0.1}\n", {"a": {"lr": 0.1}}),
        ("a: !!python/object/apply:my.Enum\n- max\n", {"a": "max"}),
        ("a: !!python/object/apply:os.system ['touch x']\n", {"a": "touch x"}),
        ("a: !custom {b: !other c}\n", {"a": {"b": "c"}}),
        ("a: !!int x\n", {"a": "x"}),
        ("a: !!float ''\n", {"a": ""}),
        ("a: 2025-01-01\nb: 1e-3\n", {"a": "2025-01-01", "b": "1e-3"}),
        ("1: a\ntrue: b\n", {"1": "a", "true": "b"}),
        ("a: 1\na: 2\n", {"a": 2}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("- a=1\n", ["a=1"]),
        ("", None),
        ("just text", None),
        ("a: " + "9" * 1000, {"a": "9" * 1000}),
    ],
)
def test_a_configuration_becomes_plain_data(text: str, value: object) -> None:
    parsed = parse_config(text.encode())
    if value is None and isinstance(parsed, dict):
        assert parsed["a"] != parsed["a"]
    else:
        assert parsed == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (LAUGHS, "nodes"),
        (b"a: &a [*a]\n", "structure"),
        (b"a: &a {b: {c: *a}}\n", "structure"),
        (b"[" * 60_000, "depth"),
        (b"{a: " * 60_000, "depth"),
        (b"- " * 5_000 + b"x", "depth"),
        (b'{"a":' * 10_000, "depth"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "depth"),
        (b"a: [" + b"1," * 60_000 + b"]", "nodes"),
        (b'{"a": [' + b"1," * 60_000 + b"1]}", "nodes"),
        (b"? [a, b]\n: c\n", "structure"),
        (b"a: [1, 2\n", "syntax"),
        (b"a: *missing\n", "syntax"),
        (b"a: 1\n---\nb: 2\n", "syntax"),
        (b"a: \xff\xfe", "encoding"),
        (b"a: \x00", "syntax"),
        (b"a: " + b"x" * MAX_BYTES, "size"),
    ],
)
def test_a_hostile_document_is_refused_in_words(data: bytes, reason: str) -> None:
    started = time.process_time()
    with pytest.raises(SourceRejected) as refused:
        parse_config(data)
    assert refused.value.details["reason"] == reason
    assert time.process_time() - started < 5


def test_a_json_config_that_is_no_json_is_refused() -> None:
    with pytest.raises(SourceRejected, match="no JSON"):
        parse_config(b"a: 1", json_only=True)
    with pytest.raises(SourceRejected, match="no JSON"):
        parse_config(b'{"a": 1', json_only=True)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!<>|\n '\"#?,%@`\\0", max_size=80).map(str.encode))
def test_whatever_comes_is_a_value_or_a_refusal(data: bytes) -> None:
    parsed: object = None
    with contextlib.suppress(SourceRejected):
        parsed = parse_config(data)
    assert parsed is None or isinstance(parsed, dict | list)
