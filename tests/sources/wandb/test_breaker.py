from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.sources.wandb.breaker import Breaker, BreakerOptions

OPTIONS = BreakerOptions(first_pause_s=5, longest_pause_s=300, open_after=3, open_s=600)


def test_pauses_double_and_the_third_failure_opens_it() -> None:
    breaker, waits = Breaker(), []
    for _ in range(4):
        breaker = breaker.failed(100.0, OPTIONS)
        waits.append((breaker.wait_s(100.0), breaker.is_open(OPTIONS)))
    assert waits == [(5, False), (10, False), (600, True), (600, True)]


def test_a_success_forgets_everything() -> None:
    assert Breaker().failed(0.0, OPTIONS).succeeded() == Breaker()


def test_after_the_pause_one_question_is_let_through() -> None:
    breaker = Breaker(failures=2).failed(0.0, OPTIONS)
    assert breaker.wait_s(599.0) == 1.0
    assert breaker.wait_s(600.0) == 0.0
    assert breaker.failed(600.0, OPTIONS).wait_s(600.0) == 600.0


def test_a_fresh_one_never_waits() -> None:
    assert Breaker().wait_s(-1e9) == 0.0


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 200), st.integers(1, 300))
def test_no_pause_is_longer_than_allowed(failures: int, open_after: int) -> None:
    options = BreakerOptions(open_after=open_after)
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.failed(0.0, options)
    assert 0 < breaker.wait_s(0.0) <= max(options.longest_pause_s, options.open_s)
