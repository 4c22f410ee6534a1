from __future__ import annotations

from typing import Any, cast

import pytest

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.errors import LimitExceeded, NeedsChild, ReaderDied, ReaderError
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.sources.asking import Asking, problems_of, stamped

PLACES = [(b"a/metrics.csv", FileStamp(5, 7))]


class ScriptedPool:
    """Answers calls with what it was given, in order; raises what is an exception."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def call(self, function: str, **arguments: Any) -> Any:
        self.calls.append({"job": function, **arguments})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def asking(pool: ScriptedPool) -> Asking:
    return Asking(cast(Pool, pool), "module:job")


def test_the_answer_is_the_child_s() -> None:
    pool = ScriptedPool({"a": 1})
    assert asking(pool).ask(b"/root\xff", PLACES, x=1) == {"a": 1}
    assert pool.calls == [{"job": "module:job", "root": "/root\udcff", "x": 1}]


def test_without_a_pool_a_child_is_needed() -> None:
    with pytest.raises(NeedsChild):
        Asking(None, "module:job").ask(b"/root", PLACES)


def test_a_child_that_dies_is_asked_once_more() -> None:
    assert asking(ScriptedPool(ReaderDied("killed"), {"a": 1})).ask(b"/root", PLACES) == {"a": 1}
    told = asking(ScriptedPool(ReaderDied("killed"), ReaderDied("killed"))).ask(b"/root", PLACES)
    assert told == "reading them safely failed (killed)"


def test_files_that_cost_too_much_are_tried_again_only_when_they_change() -> None:
    pool = ScriptedPool(LimitExceeded("too slow"), {"a": 1})
    one = asking(pool)
    assert [one.ask(b"/root", PLACES) for _ in range(3)] == ["reading them safely failed (too slow)"] * 3
    assert len(pool.calls) == 1
    assert one.ask(b"/root", [(b"a/metrics.csv", FileStamp(6, 8))]) == {"a": 1}


def test_the_same_question_about_the_same_files_is_asked_once() -> None:
    pool = ScriptedPool({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})
    one = Asking(cast(Pool, pool), "module:job", answers=1)
    assert [one.ask(b"/root", PLACES, x=1) for _ in range(3)] == [{"a": 1}] * 3
    assert one.ask(b"/root", PLACES, x=2) == {"a": 2}
    assert one.ask(b"/root", [(b"a/metrics.csv", FileStamp(6, 8))], x=2) == {"a": 3}
    assert one.ask(b"/root", PLACES, x=1) == {"a": 4}


def test_a_fault_of_the_job_does_not_hide_other_sources() -> None:
    told = asking(ScriptedPool(ReaderError("KeyError"))).ask(b"/root", PLACES)
    assert told == "reading them safely failed (KeyError)"
    assert asking(ScriptedPool([1])).ask(b"/root", PLACES) == "the child answered nonsense"


def test_paths_cross_the_border_as_text_and_are_shown_readably() -> None:
    assert stamped([(b"\xff", FileStamp(1, 2))]) == [["\udcff", 1, 2]]
    assert problems_of("kind", [["a\udcff", "broken"]]) == [("kind", "a\\xff: broken")]
