from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ckpt_indexer.integrations.parameters import MAX_ITEMS, MAX_PARAMS, flat_params

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem


def test_what_is_no_parameter_is_left_out_without_a_word() -> None:
    problems: list[Problem] = []
    config = {"lr": 0.1, "model": object(), "ids": list(range(MAX_ITEMS + 1)), "nan": float("nan"), "path": Path("a/b")}
    assert flat_params(config, problems) == {"lr": 0.1, "path": "a/b"}
    assert problems == []


def test_an_empty_config_is_fine_and_no_config_is_a_problem() -> None:
    problems: list[Problem] = []
    assert flat_params({}, problems) == {}
    assert problems == []
    assert flat_params([1], problems) == {}
    assert [problem.message.partition(":")[0] for problem in problems] == ["config"]


def test_more_parameters_than_fit_are_named() -> None:
    problems: list[Problem] = []
    found = flat_params({f"p{n}": n for n in range(MAX_PARAMS + 5)}, problems)
    assert len(found) == MAX_PARAMS
    assert f"p{MAX_PARAMS} and those after it" in problems[0].message


def test_a_config_that_raises_is_a_problem() -> None:
    class Broken(dict[str, int]):
        def items(self) -> object:  # type: ignore[override]  # it is broken
            raise RuntimeError("no")

    problems: list[Problem] = []
    assert flat_params(Broken(a=1), problems) == {}
    assert problems
