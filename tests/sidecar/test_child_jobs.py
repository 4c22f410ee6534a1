from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from ckpt_indexer.errors import LimitExceeded, ReaderDied, SidecarUnreadable
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.sidecar.child_jobs import parse_encoded, parse_with


class ScriptedPool:
    """Answers calls with what it was given, in order; raises what is an exception."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, function: str, **arguments: Any) -> Any:
        self.calls.append((function, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


HARD = b"a: !!int '1'\n"


def test_the_job_parses_what_it_is_given() -> None:
    assert parse_encoded(base64.b64encode(HARD).decode()) == {"a": 1}


def test_a_harmless_document_needs_no_child() -> None:
    pool = ScriptedPool()
    assert parse_with(cast(Pool, pool))(b"notes: 'a & b'\n") == {"notes": "a & b"}
    assert pool.calls == []


def test_a_hard_document_goes_to_a_child() -> None:
    with Pool(size=1) as pool:
        parse = parse_with(pool)
        assert parse(HARD) == {"a": 1}
        for hostile in (
            b"[" * 60_000,
            b"a: &x [1]\nb: [*x, *x]\n",
            b"a: &x {k: 1}\nb:\n  <<: *x\n",
            b"a: !!python/name:os x",
        ):
            with pytest.raises(SidecarUnreadable):
                parse(hostile)
        assert len(pool.pids()) == 1


def test_a_child_that_dies_is_asked_once_more() -> None:
    pool = ScriptedPool(ReaderDied("killed"), {"a": 1})
    assert parse_with(cast(Pool, pool))(HARD) == {"a": 1}


@pytest.mark.parametrize(
    "answers", [[ReaderDied("x"), ReaderDied("y")], [LimitExceeded("x")], [ReaderDied("x"), LimitExceeded("y")]]
)
def test_a_document_no_child_survives_is_unreadable(answers: list[Exception]) -> None:
    with pytest.raises(SidecarUnreadable, match="plain block YAML"):
        parse_with(cast(Pool, ScriptedPool(*answers)))(HARD)
