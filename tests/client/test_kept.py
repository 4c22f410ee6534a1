from __future__ import annotations

import os

from ckpt_indexer.client.kept import MAX_ANSWERS, KeptAnswers


def test_the_last_answer_is_kept() -> None:
    kept = KeptAnswers()
    kept.keep("/a", "1", b"old")
    kept.keep("/a", "2", b"new")
    assert (kept.find("/a"), kept.find("/b")) == (("2", b"new"), None)


def test_those_not_asked_for_the_longest_go_first() -> None:
    kept = KeptAnswers(max_bytes=10)
    kept.keep("/a", "1", b"aaaa")
    kept.keep("/b", "1", b"bbbb")
    kept.find("/a")
    kept.keep("/c", "1", b"cccc")
    assert [kept.find(target) is None for target in ("/a", "/b", "/c")] == [False, True, False]
    kept.keep("/a", "2", b"x" * 11)
    assert kept.find("/a") is None
    assert kept.find("/c") is not None


def test_their_number_is_bounded() -> None:
    kept = KeptAnswers()
    for number in range(MAX_ANSWERS + 1):
        kept.keep(str(number), "1", b"")
    assert (kept.find("0"), kept.find("1")) == (None, ("1", b""))


def test_a_forked_child_waits_for_no_lock_of_its_parent() -> None:
    kept = KeptAnswers()
    kept.keep("/a", "1", b"a")
    with kept._lock:  # as another thread may hold it
        child = os.fork()
        if child == 0:
            os._exit(0 if kept.find("/a") is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert kept.find("/a") == ("1", b"a")
