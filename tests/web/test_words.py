from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ckpt_indexer.catalog.query import parse
from ckpt_indexer.web import words
from ckpt_indexer.web.words import UNKNOWN
from tests.web.catalogs import HOSTILE


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, UNKNOWN), (0.0, "0.0000"), (0.84312, "0.8431"), (-0.5, "-0.5000"), (12.5, "12.5000"), (1e-5, "1.000e-05"),
     (2.5e6, "2.500e+06"), (1, "1.0000")],
)  # fmt: skip
def test_metrics(value: float | None, said: str) -> None:
    assert words.metric(value) == said


@pytest.mark.parametrize(("value", "said"), [(0.0, "+0.0000"), (-0.01, "-0.0100"), (0.00002, "+2.0e-05")])
def test_differences_have_a_sign(value: float, said: str) -> None:
    assert words.difference(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, UNKNOWN), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (173_400_000, "173 MB"),
     (1.5e12, "1.5 TB"), (3e18, "3000 PB")],
)  # fmt: skip
def test_sizes(value: float | None, said: str) -> None:
    assert words.size(value) == said


def test_counts_and_times() -> None:
    assert (words.count(None), words.count(0), words.count(1234567)) == (UNKNOWN, "0", "1,234,567")
    assert (words.moment(None), words.moment("2026-06-01T10:11:12.5Z")) == (UNKNOWN, "2026-06-01 10:11")


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, UNKNOWN), (True, "yes"), (False, "no"), (0, "0"), (0.1 + 0.2, "0.3"), ([], UNKNOWN),
     ({}, UNKNOWN), ([1, None], f"1, {UNKNOWN}"),
     ({"a": {"b": 1}}, "a=b=1"), ("x", "x")],
)  # fmt: skip
def test_any_value_in_one_line(value: Any, said: str) -> None:
    assert words.plain(value) == said


@pytest.mark.parametrize(
    "value", ["resnet18", "a b", "0.5", 'say "no"', "back\\slash", "-minus", "a:b", "a*", "a,b", HOSTILE]
)
def test_a_condition_reads_back_as_the_value_it_was_made_of(value: str) -> None:
    (term,) = parse(words.is_("experiment", value)).terms
    assert [(check.op, check.low) for check in term.checks] == [("is", value)]


def test_one_of_several_values_reads_back_as_them() -> None:
    values = ["a,b", 'say "no"', "plain"]
    (term,) = parse(words.one_of("experiment", values)).terms
    assert [(check.op, check.low) for check in term.checks] == [("is", value) for value in values]


@pytest.mark.parametrize(
    ("name", "said"),
    [("hmean", "hmean"), ("val/iou", "val/iou"), ("f1", "metric.f1"), ("epoch", "metric.epoch"),
     ("param.x/y", "metric.param.x/y"), ("mAP@0.5:0.95", '"metric.mAP@0.5:0.95"'), ("loss-", '"metric.loss-"')],
)  # fmt: skip
def test_any_metric_has_a_name_in_queries(name: str, said: str) -> None:
    assert words.metric_field(name) == said
    (term,) = parse(f"{said}:-0.5..1e-05", {name}).terms
    assert term.target is not None
    assert (term.target.name, [(check.low, check.high) for check in term.checks]) == (name, [(-0.5, 1e-05)])


def test_the_unknown_is_a_condition_too() -> None:
    assert words.is_("decoder", None) == "decoder:"


def test_an_address_leaves_out_what_is_empty_and_escapes_the_rest() -> None:
    found = words.address("experiments", name="a&b=c #1\n", metric="", over=["x", "y z"], mode=None)
    parts = urlsplit(found)
    assert parts.path == "/ui/experiments"
    assert parse_qs(parts.query) == {"name": ["a&b=c #1\n"], "over": ["x", "y z"]}
    assert words.address() == "/ui/"
