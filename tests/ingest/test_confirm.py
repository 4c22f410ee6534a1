"""Directories in which something happened are listed once more."""

from __future__ import annotations

from ckpt_indexer.ingest.confirm import LONGEST_S, MOST, QUIET_S, Confirmations

ROOT = b"/r"


def test_a_directory_is_due_when_it_has_been_quiet() -> None:
    looks = Confirmations()
    looks.note(ROOT, b"a", 0.0)
    looks.note(ROOT, b"a", 2.0)
    assert looks.due(QUIET_S) == []
    assert looks.next_due() == 2.0 + QUIET_S
    assert looks.due(2.0 + QUIET_S) == [(ROOT, b"a")]
    assert (len(looks), looks.next_due()) == (0, None)


def test_one_that_is_never_quiet_is_due_all_the_same() -> None:
    looks = Confirmations()
    now = 0.0
    while not looks.due(now):
        looks.note(ROOT, b"busy", now)
        now += 1.0
        assert now < LONGEST_S + 5
    assert now >= LONGEST_S


def test_directories_come_in_the_order_in_which_they_fell_quiet() -> None:
    looks = Confirmations()
    looks.note(ROOT, b"a", 0.0)
    looks.note(ROOT, b"b", 0.5)
    looks.note(ROOT, b"a", 1.0)
    assert looks.due(0.5 + QUIET_S) == [(ROOT, b"b")]
    assert looks.due(9.0) == [(ROOT, b"a")]


def test_what_is_kept_in_mind_is_bounded() -> None:
    looks = Confirmations()
    for number in range(MOST + 10):
        looks.note(ROOT, b"%d" % number, 0.0)
    assert len(looks) == MOST
