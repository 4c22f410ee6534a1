from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.ingest.inbox import Inbox

ROOT = b"/r"


def path(name: bytes, **more: bool) -> Hint:
    return Hint(HintKind.PATH, ROOT, name, **more)


def test_hints_on_one_path_become_one() -> None:
    inbox = Inbox()
    for _ in range(1000):
        inbox.put(path(b"x.ckpt"))

    assert inbox.take(max_paths=10, timeout_s=0).paths == [path(b"x.ckpt")]


def test_a_closing_event_is_not_forgotten_when_others_follow() -> None:
    inbox = Inbox()
    inbox.put(path(b"x.ckpt", finished=True))
    inbox.put(path(b"x.ckpt"))

    assert inbox.take(max_paths=10, timeout_s=0).paths[0].finished


def test_too_many_paths_become_scans_of_their_directories() -> None:
    inbox = Inbox(max_paths=10)
    for number in range(11):
        inbox.put(path(b"d%d/x.ckpt" % (number % 2)))
    for number in range(11):
        inbox.put(path(b"d%d/y%d.ckpt" % (number % 2, number)))

    delivery = inbox.take(max_paths=100, timeout_s=0)

    assert {hint.path for hint in delivery.trees} == {b"d0", b"d1"}
    assert inbox.dropped >= 11


def test_too_many_directories_become_a_scan_of_the_root_and_later_paths_are_covered_by_it() -> None:
    inbox = Inbox(max_trees=3)
    for number in range(4):
        inbox.put(Hint(HintKind.TREE, ROOT, b"d%d" % number))
    inbox.put(path(b"d0/x.ckpt"))

    delivery = inbox.take(max_paths=100, timeout_s=0)

    assert (delivery.roots, delivery.trees, delivery.paths) == ([ROOT], [], [])
    assert inbox.dropped == 5


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=200))
def test_every_hint_is_covered_by_what_comes_out(places: list[tuple[int, int]]) -> None:
    inbox = Inbox(max_paths=20, max_trees=8)
    for directory, name in places:
        inbox.put(path(b"d%d/%d.ckpt" % (directory, name)))
    out = inbox.take(max_paths=10_000, timeout_s=0)
    paths, trees = {hint.path for hint in out.paths}, {hint.path for hint in out.trees}

    for directory, name in places:
        assert ROOT in out.roots or b"d%d" % directory in trees or b"d%d/%d.ckpt" % (directory, name) in paths


def test_a_call_runs_where_the_inbox_is_emptied_and_its_result_comes_back() -> None:
    inbox = Inbox()
    future = inbox.call(threading.get_ident)

    for function, answer in inbox.take(max_paths=1, timeout_s=0).calls:
        answer.set_result(function())

    assert future.result(timeout=0) == threading.get_ident()


def test_when_nothing_can_be_written_only_calls_are_taken() -> None:
    inbox = Inbox()
    inbox.put(path(b"x.ckpt"))
    inbox.call(int)

    assert len(inbox.take_calls(timeout_s=0).calls) == 1
    assert inbox.depth() == 1


def test_a_waiting_reader_is_woken_by_a_hint() -> None:
    inbox = Inbox()
    taken: list[Hint] = []
    reader = threading.Thread(target=lambda: taken.extend(inbox.take(max_paths=5, timeout_s=30).paths))
    reader.start()
    inbox.put(path(b"x.ckpt"))
    reader.join(timeout=10)

    assert taken == [path(b"x.ckpt")]
