"""When a file is at rest."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.candidate import Fingerprint
from ckpt_indexer.discovery.settle import Ready, Settle, Wait


def _print(size: int) -> Fingerprint:
    return Fingerprint(1, 2, size, 3, 4)


def test_a_finished_file_is_ready_at_once() -> None:
    settle: Settle[str] = Settle()
    assert settle.observe("a", _print(1), now=0.0, finished=True) == Ready("finished")
    assert len(settle) == 0


def test_an_old_file_is_ready_at_once() -> None:
    assert Settle[str]().observe("a", _print(1), now=0.0, age_s=60.0) == Ready("old")


def test_an_untrusted_clock_means_waiting() -> None:
    assert Settle[str]().observe("a", _print(1), now=0.0, age_s=None) == Wait(0.5)


def test_a_file_still_for_the_delay_is_ready() -> None:
    settle: Settle[str] = Settle()
    assert settle.observe("a", _print(1), now=10.0) == Wait(10.5)
    assert settle.observe("a", _print(1), now=10.4) == Wait(10.5)
    assert settle.due(10.4) == []
    assert settle.due(10.5) == ["a"]
    assert settle.observe("a", _print(1), now=10.5) == Ready("still")
    assert len(settle) == 0


def test_a_growing_file_is_looked_at_ever_less_often_but_every_five_seconds() -> None:
    settle: Settle[str] = Settle()
    now, pauses = 0.0, []
    for size in range(12):
        verdict = settle.observe("a", _print(size), now=now)
        assert isinstance(verdict, Wait)
        pauses.append(verdict.until - now)
        now = verdict.until
    assert pauses[0] == 0.5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0


def test_a_due_key_nobody_answers_for_comes_back() -> None:
    settle: Settle[str] = Settle()
    settle.observe("a", _print(1), now=0.0)
    assert settle.due(1.0) == ["a"]
    assert settle.due(2.0) == []
    assert settle.due(6.0) == ["a"]
    assert "a" in settle


def test_a_forgotten_key_is_never_due() -> None:
    settle: Settle[str] = Settle()
    settle.observe("a", _print(1), now=0.0)
    settle.forget("a")
    assert settle.due(100.0) == []
    assert settle.next_due() is None
    assert "a" not in settle


def test_the_next_due_time_is_the_earliest() -> None:
    settle: Settle[str] = Settle()
    settle.observe("a", _print(1), now=1.0)
    settle.observe("b", _print(1), now=0.0)
    assert settle.next_due() == 0.5


def test_a_stale_time_is_not_the_next_due_one() -> None:
    settle: Settle[str] = Settle()
    settle.observe("a", _print(1), now=0.0)
    settle.observe("a", _print(2), now=0.25)
    settle.observe("b", _print(1), now=0.5)
    assert settle.next_due() == 1.0
    assert settle.due(0.9) == []


def test_forgetting_many_keeps_the_few() -> None:
    settle: Settle[int] = Settle()
    for key in range(200):
        settle.observe(key, _print(1), now=float(key))
    for key in range(1, 200):
        settle.forget(key)
    assert len(settle._queue) < 70
    assert settle.due(1000.0) == [0]


def test_memory_stays_in_proportion_to_what_waits() -> None:
    settle: Settle[int] = Settle()
    for round_ in range(200):
        for key in range(20):
            settle.observe(key, _print(round_), now=float(round_))
    assert len(settle._queue) <= 4 * len(settle) + 64
    for key in range(20):
        settle.forget(key)
    assert len(settle) == 0
    assert len(settle._queue) <= 64


_steps = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 2),
        st.floats(0.0, 1.0),
        st.booleans(),
        st.one_of(st.none(), st.floats(0.0, 2.0)),
        st.booleans(),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(_steps)
def test_a_settled_file_was_still_for_the_whole_delay_unless_finished_or_old(
    steps: list[tuple[str, int, float, bool, float | None, bool]],
) -> None:
    settle: Settle[str] = Settle(0.5)
    now = 0.0
    since: dict[str, tuple[int, float]] = {}
    for key, size, pause, finished, age_s, forget in steps:
        now += pause
        if forget:
            settle.forget(key)
            since.pop(key, None)
        if since.get(key, (None, 0.0))[0] != size:
            since[key] = (size, now)
        verdict = settle.observe(key, _print(size), now=now, finished=finished, age_s=age_s)
        if isinstance(verdict, Ready):
            is_old = age_s is not None and age_s >= 0.5
            assert finished or is_old or now - since[key][1] >= 0.5
            del since[key]
        else:
            assert now <= verdict.until <= now + 5.0
        assert len(settle) <= 2
