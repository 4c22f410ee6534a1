from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from ckpt_indexer.errors import SidecarInvalid, SidecarUnreadable
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.tools.plan import Outcome, Plan, Step, execute
from ckpt_indexer.tools.writing import CHANGED

STEP = Step(b"/a/\xff.ckpt", Outcome.WRITE, target=b"/a/b.yaml", told={"sources": {}})


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "message"),
    [
        (SidecarUnreadable("it moved", reason=CHANGED), Outcome.SKIP, CHANGED, "it moved"),
        (SidecarUnreadable("too big", reason="too_large"), Outcome.FAIL, "too_large", "too big"),
        (SidecarInvalid("nonsense"), Outcome.FAIL, "failed", "nonsense"),
        (OSError(errno.ENOSPC, "No space"), Outcome.FAIL, "io", "cannot write /a/b.yaml: No space"),
    ],
)
def test_a_step_that_fails_says_why_and_the_next_is_done(
    error: Exception, outcome: Outcome, reason: str, message: str
) -> None:
    def act(step: Step) -> Step:
        if step.target == STEP.target:
            raise error
        return step

    plan = Plan([STEP, Step(b"/x", Outcome.SKIP, "link"), Step(b"/y", Outcome.WRITE, target=b"/y.yaml")])
    execute(plan, act, None, "writing")
    assert (plan.steps[0].outcome, plan.steps[0].reason, plan.steps[0].message) == (outcome, reason, message)
    assert plan.steps[2].outcome is Outcome.WRITE
    assert plan.turned == [plan.steps[0]]
    assert plan.ok is (outcome is Outcome.SKIP)


def test_bugs_are_not_hidden() -> None:
    def act(_step: Step) -> Step:
        raise TypeError("a bug")

    with pytest.raises(TypeError):
        execute(Plan([STEP]), act, None, "writing")


def test_counts_and_reasons() -> None:
    skips = [Step(b"/x", Outcome.SKIP, reason) for reason in ("link", "existing", "existing")]
    plan = Plan([STEP, *skips], problems=[(b"/p", Problem("kind", "told"))])
    assert plan.count(Outcome.SKIP) == 3
    assert plan.reasons(Outcome.SKIP) == {"existing": 2, "link": 1}
    assert plan.places() == [{"path": "/p", "kind": "kind", "message": "told"}]
    assert plan.ok
    plan.complete = False
    assert not plan.ok


def test_a_step_is_json() -> None:
    assert replace(STEP, backup=b"/a/b.yaml.bak").to_dict("checkpoint") == {
        "checkpoint": "/a/\\xff.ckpt",
        "outcome": "write",
        "reason": None,
        "message": None,
        "document": "/a/b.yaml",
        "backup": "/a/b.yaml.bak",
        "sources": {},
    }
    assert Step(b"/a", Outcome.FAIL, "io", "m").to_dict("path")["document"] is None
