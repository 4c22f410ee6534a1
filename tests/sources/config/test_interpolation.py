from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ckpt_indexer.sources.config.documents import parse_config
from ckpt_indexer.sources.config.interpolation import MAX_VALUES, resolve

GOLDEN = Path(__file__).parents[2] / "golden" / "configs"
HYDRA = {
    "job": {"name": "train", "num": 3, "env_set": {"WANDB": "x"}, "id": "${hydra.job.num}"},
    "runtime": {"cwd": "/srv", "output_dir": "/srv/outputs"},
    "launcher": {"user": "me"},
}


def one(config: dict[str, Any], key: str = "x") -> Any:
    return resolve(config, HYDRA)[key]


@pytest.mark.parametrize(
    ("config", "resolved"),
    [
        ({"x": "${a.b}", "a": {"b": 5}}, 5),
        ({"x": "${a.b}", "a": {"b": None}}, None),
        ({"x": "${a}", "a": {"b": [1, "${c}"]}, "c": 2}, {"b": [1, 2]}),
        ({"x": "run-${a}-${b}", "a": 1, "b": True}, "run-1-True"),
        ({"x": "${a}", "a": "${b}", "b": "${c}", "c": 0.0}, 0.0),
        ({"x": "${a[1]}", "a": [5, 6]}, 6),
        ({"x": "${a.1.k}", "a": [5, {"k": 6}]}, 6),
        ({"x": {"y": "${.z}", "z": 3}}, {"y": 3, "z": 3}),
        ({"x": {"y": {"v": "${..z}"}, "z": 3}}, {"y": {"v": 3}, "z": 3}),
        ({"x": "${hydra:job.name}"}, "train"),
        ({"x": "${hydra:runtime.output_dir}/checkpoints"}, "/srv/outputs/checkpoints"),
        ({"x": "${hydra:job.id}"}, 3),
    ],
)
def test_a_reference_becomes_what_it_refers_to(config: dict[str, Any], resolved: Any) -> None:
    assert one(config) == resolved


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:HOME}",
        "${oc.env:HOME,default}",
        "${env:HOME}",
        "${now:%Y-%m-%d}",
        "${missing.key}",
        "${a.missing}",
        "${x}",
        "${missing_value}",
        "${a${b}}",
        r"\${a}",
        "${hydra:job.env_set.WANDB}",
        "${hydra:launcher.user}",
        "${hydra:missing}",
        "${.....a}",
        "${api.key}",
        "${wandb.api_key}",
        "${list.99999999999}",
        "${list[-1]}",
        "${",
        "${}",
        "$a",
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    tree = {"a": {"b": 1}, "missing_value": "???", "api": {"k": 1}, "wandb": {"api_key": "secret"}, "list": [1]}
    assert one({"x": text, **tree}) == text


def test_the_environment_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "value")
    resolved = resolve({"a": "${oc.env:HIDDEN}", "b": "${a}", "c": "x${oc.env:HIDDEN}"})
    assert "value" not in str(resolved)


def test_a_loop_stays_text() -> None:
    assert resolve({"a": "${b}", "b": "${a}"}) == {"a": "${b}", "b": "${a}"}
    assert resolve({"a": {"b": "${a}"}})["a"]["b"] != {}


def test_references_that_multiply_are_bounded() -> None:
    doubling: dict[str, Any] = {f"k{level}": [f"${{k{level + 1}}}"] * 10 for level in range(15)}
    started = time.process_time()
    resolved = resolve({**doubling, "k15": "end", "t": "${u}${u}", "u": "${v}${v}" * 50, "v": "x" * 10_000})
    assert time.process_time() - started < 5
    assert _count(resolved) < 3 * MAX_VALUES


def test_a_deep_tree_of_references_is_no_recursion() -> None:
    chain: dict[str, Any] = {}
    here = chain
    for _ in range(46):
        here["k"] = here = {}
    here["end"] = "${top}"
    assert resolve({"top": chain, "x": "${top}"})["x"] is not None


def test_agrees_with_omegaconf_on_real_configs() -> None:
    for path in sorted(GOLDEN.glob("hydra_*_config.yaml")):
        config = parse_config(path.read_bytes())
        assert isinstance(config, dict)
        loaded = OmegaConf.load(path)
        checked = 0
        for key, mine in _leaves(resolve(config)):
            if isinstance(mine, str) and "${" in mine:
                continue
            theirs = OmegaConf.select(loaded, key)
            if isinstance(theirs, str | int | float | bool):
                assert str(mine) == str(theirs) or float(mine) == float(theirs)
                checked += 1
        assert checked > 50


@settings(deadline=None, max_examples=40)
@given(
    st.recursive(
        st.sampled_from(["${a}", "${b.c}", "${..a}", "${.b}", "${a[0]}", "t${b}", 1, None, "${c}${c}"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_tree_comes_out_with_the_same_keys(tree: Any) -> None:
    config = {"a": tree, "b": {"c": tree}, "c": 1}
    assert list(resolve(config)) == ["a", "b", "c"]


def _count(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_count(item) for item in below)


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, below in value.items() for leaf in _leaves(below, f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list):
        return [leaf for n, below in enumerate(value) for leaf in _leaves(below, f"{prefix}[{n}]")]
    return [(prefix, value)]
