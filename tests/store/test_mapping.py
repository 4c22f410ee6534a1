from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.candidate import Fingerprint, Kind
from ckpt_indexer.metadata.record import Component, Conflict, Input, Metric, Problem, Record
from ckpt_indexer.store import mapping
from ckpt_indexer.store.changes import RootRow
from tests.store.fakes import ROOT, candidate, record

OUTPUTS = RootRow(1, "outputs", ROOT, None, None, "present", "manual", None)


def row_of(of: Record, alias_of: int | None = None, **stat: Any) -> tuple[mapping.Row, mapping.Children]:
    row = mapping.new_row(5, OUTPUTS, candidate("exp/a.ckpt", **stat), now="now")
    return row, mapping.set_record(row, of, alias_of, derivation=3)


@settings(deadline=None)
@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1)
)
def test_a_fingerprint_comes_back_as_it_was(device: int, inode: int, size: int, mtime: int) -> None:
    one = candidate("a.ckpt", device=device, inode=inode or 1, size=size, mtime=mtime)
    row = mapping.new_row(1, OUTPUTS, one, now="now")
    assert mapping.fingerprint_of(row) == one.fingerprint
    assert mapping.same_stamp(row, one.fingerprint)
    assert mapping.same_content(row, one.fingerprint)


def test_a_time_beyond_64_bits_is_not_a_change_for_ever() -> None:
    one = candidate("a.ckpt", mtime=2**65)
    row = mapping.new_row(1, OUTPUTS, one, now="now")
    assert mapping.same_stamp(row, one.fingerprint)
    assert not mapping.same_stamp(row, Fingerprint(*one.fingerprint[:3], 5, 5))


def test_the_nested_json_holds_every_key() -> None:
    of = record(problems=(Problem("scale", "x"),), tags=("t", "t"))
    of.conflicts = [Conflict("epoch", 3, 4, "header", "sidecar")]
    of.details = {"sidecar": "a.yaml"}
    of.directions = {"hmean": "max"}
    row, _ = row_of(of)
    assert json.loads(row["nested"]) == {
        "metrics": {"hmean": 0.8, "val/iou": 0.5, "val/nothing": None},
        "components": [
            {"role": "encoder", "name": "resnet18", "params": {"depth": 18}},
            {"role": "head", "name": None, "params": {}},
        ],
        "params": {"lr": 0.001, "amp": True},
        "problems": [{"kind": "scale", "message": "x"}],
        "conflicts": [{"field": "epoch", "kept": 3, "other": 4, "kept_source": "header", "other_source": "sidecar"}],
        "provenance": {"metrics": "sidecar", "epoch": "sidecar"},
        "details": {"sidecar": "a.yaml"},
        "directions": {"hmean": "max"},
        "tags": ["t"],
    }


def test_facts_that_do_not_fit_are_null_and_a_problem() -> None:
    row, children = row_of(record(epoch=2**63, global_step="many", no_column=1, experiment=None))
    assert (row["epoch"], row["global_step"], row["experiment"]) == (None, None, None)
    assert children.problems == {
        "unstorable": "epoch is no whole number of at most 64 bits; global_step is no whole number of at most 64 bits"
    }


def test_a_missing_fact_is_null_even_when_it_was_known_before() -> None:
    row, _ = row_of(record(epoch=0, dataset="icdar"))
    assert (row["epoch"], row["dataset"]) == (0, "icdar")
    mapping.set_record(row, Record(facts={"epoch": None}), None, derivation=3)
    assert {row[name] for name in (*mapping.TEXT_FACTS, *mapping.INTEGER_FACTS, *mapping.PROMOTED_NAMES)} == {None}


def test_ranked_names_are_own_fresh_and_finite() -> None:
    of = record(metrics={"a": 1.0, "b": Metric(1.0, stale=True), "c": None, "hmean": 84.0, "recall": float("inf")})
    row, children = row_of(of)
    assert children.own == ("a", "hmean") == mapping.own_metrics(row)
    row, children = row_of(record(hmean=None, metrics={"hmean": 84.0}))
    assert children.own == () == mapping.own_metrics(row)


def test_names_that_become_equal_are_one_row() -> None:
    of = Record(
        metrics={"\udc80": Metric(1.0), "\\udc80": Metric(2.0)},
        params={"\udc80": 1, "\\udc80": [float("nan")]},
        inputs=[Input(b"x", 1, 1), Input(b"x", 2**70, 2**70)],
        components=[Component("a", "\0", {}), Component("a", None, {})],
    )
    _, children = row_of(of)
    assert children.metrics == [(5, "\\udc80", 2.0, 0)]
    assert children.params == [(5, "\\udc80", None, "[null]")]
    assert children.inputs == [(5, b"x", 2**63 - 1, 2**63 - 1, 0, "sidecar")]
    assert children.components == [(5, 0, "a", "\\x00", "{}"), (5, 1, "a", None, "{}")]


def test_aliases_links_and_absent_files_are_not_ranked() -> None:
    assert row_of(record())[0]["rankable"] == 1
    assert row_of(record(), alias_of=2)[0]["rankable"] == 0
    assert row_of(record(), kind=Kind.SYMLINK)[0]["rankable"] == 0
    row, _ = row_of(record())
    row["presence"] = "missing"
    mapping.set_rankable(row)
    assert row["rankable"] == 0


def test_a_name_of_any_bytes_has_a_text() -> None:
    row = mapping.new_row(1, OUTPUTS, candidate(b"d\\e/\xffa.ckpt"), now="now")
    assert (row["path"], row["name"], row["path_bytes"]) == (r"d\\e/\xffa.ckpt", r"\xffa.ckpt", b"d\\e/\xffa.ckpt")
