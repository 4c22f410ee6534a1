from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.integrations.describe import KNOWN, Facts, describe
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.loading import parse_inline

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem

texts = st.text(max_size=12) | st.sampled_from(
    ["unknown", "", "a b", "../x", "/x", "min", "training", "\ud800", "1e-3"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=4)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.integers(), inner, max_size=3),
    max_leaves=8,
)
PART_KEYS = st.sampled_from(["name", "model_name", "pretrained", "in_channels", "inner_channels", "params", "role"])
parts = st.dictionaries(PART_KEYS | texts, anything, max_size=4)
models = st.dictionaries(
    st.sampled_from(["architecture", "encoder", "backbone", "decoder", "head", "loss", "components", "num_parameters"]),
    parts | st.lists(parts, max_size=2) | anything,
    max_size=4,
)
facts = st.dictionaries(st.sampled_from(sorted(KNOWN)), anything, max_size=6) | st.fixed_dictionaries({"model": models})


@given(said=facts)
@settings(deadline=None, max_examples=400)
def test_whatever_is_said_the_document_is_valid_and_comes_back(said: Any) -> None:
    problems: list[Problem] = []
    document = describe(said, problems)
    document |= {"schema_version": "2.0", "file": {"name": "x.ckpt"}}
    MetadataV2.model_validate(document)
    back = parse_inline(emit(document).encode())
    assert back == document
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reading = read_document(back, detail="x")
    assert reading.valid, reading.finding.problems


@given(said=facts)
@settings(deadline=None, max_examples=100)
def test_what_is_left_out_is_said(said: Any) -> None:
    problems: list[Problem] = []
    describe(said, problems)
    assert all(problem.kind in {"field", "not_finite"} and problem.message for problem in problems)


def test_an_unknown_argument_is_named() -> None:
    problems: list[Problem] = []
    said: Any = {"hmean": 0.5, "epochs": 3}
    assert describe(said, problems) == {}
    assert [problem.message.partition(":")[0] for problem in problems] == ["epochs", "hmean"]


def test_words_for_not_known_are_absent_and_no_fault() -> None:
    problems: list[Problem] = []
    said: Facts = {"exp_name": "unknown", "run": "", "model": "Unknown", "monitor": " "}
    assert describe(said, problems) == {}
    assert problems == []


def test_every_argument_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert {key for key in KNOWN if f"`{key}`" not in page} == set()


def test_paths_without_an_outputs_directory_are_left_out() -> None:
    problems: list[Problem] = []
    assert describe({"run": {"dir": "/somewhere/run", "id": "r"}}, problems) == {"run": {"id": "r"}}
    assert problems == []
