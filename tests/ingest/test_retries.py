"""Places that could not be read for want of descriptors or memory."""

from __future__ import annotations

from ckpt_indexer.ingest.retries import LONGEST_S, Retries

PLACE = (b"/r", b"a.ckpt")


def test_a_place_is_due_once_per_note() -> None:
    retries = Retries()
    retries.note(PLACE, 10.0)
    assert retries.due(10.4) == []
    assert retries.due(10.5) == [PLACE]
    assert retries.due(99.0) == []
    assert len(retries) == 1  # not read yet


def test_each_failure_waits_longer_up_to_a_bound() -> None:
    retries = Retries()
    waits = []
    for _ in range(10):
        retries.note(PLACE, 0.0)
        due = retries.next_due()
        assert due is not None
        waits.append(due)
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S


def test_a_place_that_was_read_is_forgotten_and_starts_anew() -> None:
    retries = Retries()
    retries.note(PLACE, 0.0)
    retries.note(PLACE, 0.0)
    retries.forget(PLACE)
    assert (len(retries), retries.next_due()) == (0, None)
    retries.note(PLACE, 0.0)
    assert retries.next_due() == 0.5
