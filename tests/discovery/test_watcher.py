"""The watcher on real inotify, with the failures it must survive."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from watchdog.observers.inotify_c import InotifyFD

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.watcher import RETRY_S, Watcher, WatcherFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.discovery.conftest import Sink, Tree

    Watch = Callable[..., Watcher]
    Eventually = Callable[..., bool]


def _root_hints(sink: Sink) -> list[Hint]:
    return [hint for hint in sink.hints if hint.kind is HintKind.ROOT]


# --- what events become --------------------------------------------------------------------------------------------


def test_a_written_file_is_finished_when_it_is_closed(tree: Tree, sink: Sink, watch: Watch) -> None:
    watch(tree.root)
    descriptor = os.open(tree.at("a.ckpt"), os.O_WRONLY | os.O_CREAT)
    sink.wait_path(b"a.ckpt", finished=False)
    os.write(descriptor, b"x")
    time.sleep(0.05)
    assert not any(hint.finished for hint in sink.hints)
    os.close(descriptor)
    sink.wait_path(b"a.ckpt", finished=True)


def test_an_atomic_save_is_one_finished_path(tree: Tree, sink: Sink, watch: Watch) -> None:
    watch(tree.root)
    for number in range(100):
        tree.file("a.ckpt.tmp", b"%d" % number)
        os.rename(tree.at("a.ckpt.tmp"), tree.at("a.ckpt"))
    tree.file("end.ckpt")
    sink.wait_path(b"end.ckpt", finished=True)
    assert sink.paths() == {b"a.ckpt", b"end.ckpt"}
    assert all(hint.finished for hint in sink.hints if hint.path == b"a.ckpt")


def test_a_deleted_file_is_a_hint_not_a_verdict(tree: Tree, sink: Sink, watch: Watch) -> None:
    tree.file("a.ckpt")
    watch(tree.root)
    os.unlink(tree.at("a.ckpt"))
    sink.wait_path(b"a.ckpt", gone=True)


def test_a_renamed_file_is_gone_here_and_finished_there(tree: Tree, sink: Sink, watch: Watch) -> None:
    tree.file("a.ckpt")
    watch(tree.root)
    os.rename(tree.at("a.ckpt"), tree.at("b.ckpt"))
    sink.wait_path(b"a.ckpt", gone=True)
    sink.wait_path(b"b.ckpt", finished=True)


def test_a_file_moved_in_from_elsewhere_is_finished(tree: Tree, sink: Sink, watch: Watch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "written-here.ckpt"
    elsewhere.write_bytes(b"x")
    watch(tree.root)
    os.rename(elsewhere, tree.at("a.ckpt"))
    sink.wait_path(b"a.ckpt", finished=True)


def test_a_file_moved_out_does_not_hold_up_what_follows(tree: Tree, sink: Sink, watch: Watch, tmp_path: Path) -> None:
    for number in range(10):
        tree.file(f"{number}.ckpt")
    watch(tree.root)
    started = time.monotonic()
    for number in range(10):
        os.rename(tree.at(f"{number}.ckpt"), os.fsencode(tmp_path / f"{number}.ckpt"))
        tree.file(f"new{number}.pt")
    sink.wait_path(b"new9.pt", finished=True)
    assert time.monotonic() - started < 10 * 0.4
    sink.wait_path(b"9.ckpt", gone=True)


def test_reading_files_makes_no_hints(tree: Tree, sink: Sink, watch: Watch) -> None:
    tree.file("run/a.ckpt")
    watch(tree.root)
    for _ in range(20):
        os.listdir(tree.at("run"))
        os.close(os.open(tree.at("run/a.ckpt"), os.O_RDONLY))
    tree.file("end.ckpt")
    sink.wait_path(b"end.ckpt", finished=True)
    assert sink.paths() == {b"end.ckpt"}


def test_logs_of_a_training_make_no_hints(tree: Tree, sink: Sink, watch: Watch) -> None:
    tree.directory("run/wandb/files")
    watch(tree.root)
    for name in ("run/events.out.tfevents", "run/wandb/files/a.ckpt", "run/.hidden.ckpt", "end.ckpt"):
        tree.file(name)
    sink.wait_path(b"end.ckpt", finished=True)
    assert sink.paths() == {b"end.ckpt"}


@pytest.mark.parametrize(
    "name", [b"\x80\xff.ckpt", b"new\nline.ckpt", "🦊.ckpt".encode(), b"-rf.ckpt", b"a" * 250 + b".ckpt"]
)
def test_names_of_any_bytes_arrive_as_they_are(tree: Tree, sink: Sink, watch: Watch, name: bytes) -> None:
    watch(tree.root)
    tree.file(b"\xfe/" + name)
    sink.wait_for(lambda hint: hint.path in {b"\xfe", b"\xfe/" + name})
    tree.file(b"\xfe/" + name)
    sink.wait_path(b"\xfe/" + name, finished=True)


# --- directories (reliability 3 to 7, 12) --------------------------------------------------------------------------


def _is_covered(path: bytes, hints: list[Hint]) -> bool:
    return any(
        hint.path == path or (hint.kind is HintKind.TREE and path.startswith(hint.path + b"/")) for hint in hints
    )


def test_no_file_in_a_directory_just_made_is_missed(tree: Tree, sink: Sink, watch: Watch) -> None:
    watch(tree.root)
    for number in range(300):
        tree.file(f"e{number}/checkpoints/a.ckpt")
    tree.file("end.ckpt")
    sink.wait_path(b"end.ckpt", finished=True)
    missed = [n for n in range(300) if not _is_covered(b"e%d/checkpoints/a.ckpt" % n, sink.hints)]
    assert missed == []


def test_a_directory_moved_in_is_a_tree_and_is_watched_from_then_on(
    tree: Tree, sink: Sink, watch: Watch, tmp_path: Path
) -> None:
    (tmp_path / "new" / "below").mkdir(parents=True)
    (tmp_path / "new" / "below" / "a.ckpt").write_text("x")
    watch(tree.root)
    (tmp_path / "new").rename(tree.path / "new")
    sink.wait_tree(b"new", gone=False)
    tree.file("new/below/b.ckpt")
    sink.wait_path(b"new/below/b.ckpt", finished=True)


def test_a_directory_moved_out_is_a_tree_that_is_gone(tree: Tree, sink: Sink, watch: Watch, tmp_path: Path) -> None:
    tree.file("run/a.ckpt")
    watch(tree.root)
    (tree.path / "run").rename(tmp_path / "away")
    sink.wait_tree(b"run", gone=True)


def test_a_directory_renamed_inside_is_gone_here_and_a_tree_there(tree: Tree, sink: Sink, watch: Watch) -> None:
    for number in range(20):
        tree.file(f"run/{number}.ckpt")
    watch(tree.root)
    os.rename(tree.at("run"), tree.at("renamed"))
    sink.wait_tree(b"run", gone=True)
    sink.wait_tree(b"renamed", gone=False)
    tree.file("renamed/new.ckpt")
    sink.wait_path(b"renamed/new.ckpt", finished=True)


def test_a_file_moved_between_roots_is_hinted_at_in_both(tmp_path: Path, sink: Sink, watch: Watch) -> None:
    roots = [os.fsencode(tmp_path.resolve() / name) for name in "ab"]
    for root in roots:
        os.mkdir(root)
    (tmp_path / "a" / "x.ckpt").write_text("x")
    watch(*roots)
    (tmp_path / "a" / "x.ckpt").rename(tmp_path / "b" / "x.ckpt")
    sink.wait_for(lambda hint: hint.root == roots[1] and hint.path == b"x.ckpt" and not hint.gone)
    sink.wait_for(lambda hint: hint.root == roots[0] and hint.path == b"x.ckpt" and hint.gone)


def test_a_link_to_a_parent_does_not_multiply_watches(tree: Tree, sink: Sink, watch: Watch) -> None:
    tree.directory("a")
    os.symlink(b"..", tree.at("a/up"))
    watcher = watch(tree.root)
    assert watcher.coverage() == (2, 2)
    tree.file("a/x.ckpt")
    sink.wait_path(b"a/x.ckpt", finished=True)
    assert sink.paths() == {b"a/x.ckpt"}


def test_a_directory_replaced_after_it_moved_out_does_not_end_the_watching(
    tree: Tree, sink: Sink, watch: Watch, tmp_path: Path, eventually: Eventually
) -> None:
    tree.directory("run")
    watcher = watch(tree.root)
    (tree.path / "run").rename(tmp_path / "away")
    sink.wait_tree(b"run", gone=True)
    tree.directory("run")
    sink.wait_tree(b"run", gone=False)
    tree.file("sync.ckpt")
    sink.wait_path(b"sync.ckpt", finished=True)  # watchdog is done walking the new directory
    os.rmdir(tree.at("run"))
    (tmp_path / "away").rmdir()
    assert eventually(lambda: watcher.losses == 1)
    assert watcher.check(time.monotonic()) == []
    tree.file("end.ckpt")
    sink.wait_path(b"end.ckpt", finished=True)


# --- what can go wrong with watching itself ------------------------------------------------------------------------

STALLED = """
    import os, sys, time
    from ckpt_indexer.discovery.watcher import Watcher
    hints = []
    root = os.fsencode(sys.argv[1])
    watcher = Watcher([root], hints.append)
    watcher.start()
    print("watching", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not any(hint.kind == "root" for hint in hints):
        time.sleep(0.02)
    os.close(os.open(root + b"/late/after.ckpt", os.O_CREAT | os.O_WRONLY))
    while time.monotonic() < deadline and not any(hint.path == b"late/after.ckpt" for hint in hints):
        time.sleep(0.02)
    seen = any(hint.path == b"late/after.ckpt" for hint in hints)
    print(sum(hint.kind == "root" for hint in hints), seen, watcher.losses)
    watcher.stop()
"""


def test_a_queue_overflow_asks_for_a_scan_of_the_root(tree: Tree) -> None:
    tree.directory("run")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STALLED), os.fsdecode(tree.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "watching\n"
        os.kill(child.pid, signal.SIGSTOP)
        base = os.open(tree.at("run"), os.O_RDONLY)
        queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        for number in range(queue // 2 + 500):
            os.close(os.open(b"%d.ckpt" % number, os.O_CREAT | os.O_WRONLY, dir_fd=base))
        os.close(base)
        tree.directory("late")
        os.kill(child.pid, signal.SIGCONT)
        out, err = child.communicate("\n", timeout=30)
    assert out.split() == ["1", "True", "1"], err


def test_losses_in_a_row_make_one_round_of_scans_now_and_one_later(tree: Tree, sink: Sink) -> None:
    now = [100.0]
    watcher = Watcher([tree.root], sink, clock=lambda: now[0])
    for _ in range(5):
        watcher._on_loss()
    assert (len(_root_hints(sink)), watcher.losses) == (1, 5)
    watcher.check(102.0)
    assert len(_root_hints(sink)) == 1
    watcher.check(106.0)
    watcher.check(112.0)
    assert len(_root_hints(sink)) == 2


def test_an_exception_in_the_handler_ends_nothing(
    tree: Tree, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    taken: list[Hint] = []

    def sink(hint: Hint) -> None:
        if hint.path.startswith(b"bad"):
            raise RuntimeError("sink failed")
        taken.append(hint)

    watcher = Watcher([tree.root], sink)
    watcher.start()
    try:
        tree.file("bad1.ckpt")
        tree.file("bad2.ckpt")
        tree.file("good.ckpt")
        assert eventually(lambda: any(hint.path == b"good.ckpt" and hint.finished for hint in taken))
        assert watcher.handler_errors >= 4
        assert watcher.check(time.monotonic()) == []
    finally:
        assert watcher.stop()
    logged = [record for record in caplog.records if record.name == "ckpt_indexer.discovery.handler"]
    assert len(logged) == 1
    assert logged[0].exc_info is not None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_reader_thread_is_noticed_and_everything_built_anew(
    tree: Tree, sink: Sink, watch: Watch, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    watcher = watch(tree.root)

    def fail(_self: InotifyFD, _event: object) -> None:
        raise RuntimeError("injected")

    with monkeypatch.context() as patched:
        patched.setattr(InotifyFD, "handle_event", fail)
        tree.file("lost.ckpt")
        assert eventually(lambda: watcher.check(time.monotonic()) != [])
    (fault,) = watcher.check(time.monotonic())
    assert fault.kind == "thread_died"
    assert "reader" in fault.message
    watcher.restart()
    assert (watcher.restarts, watcher.check(time.monotonic())) == (1, [])
    assert [hint.root for hint in _root_hints(sink)] == [tree.root]
    tree.file("after.ckpt")
    sink.wait_path(b"after.ckpt", finished=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_dispatcher_is_noticed(tree: Tree, watch: Watch, eventually: Eventually) -> None:
    watcher = watch(tree.root)
    assert watcher._observer is not None
    watcher._observer.event_queue.put("no event")
    assert eventually(lambda: [fault.kind for fault in watcher.check(time.monotonic())] == ["thread_died"])


def test_a_root_deleted_and_made_again_is_watched_again_when_told(
    tree: Tree, sink: Sink, watch: Watch, eventually: Eventually
) -> None:
    watcher = watch(tree.root)
    shutil.rmtree(tree.root)
    found: list[WatcherFault] = []

    def check() -> bool:
        found.extend(watcher.check(time.monotonic()))
        return bool(found)

    assert eventually(check)
    assert [fault.kind for fault in found] == ["root_lost"]
    assert watcher.mode_of(tree.root) == "poll"
    os.mkdir(tree.root)
    sink.clear()
    watcher.rearm(tree.root)
    assert watcher.mode_of(tree.root) == "events"
    assert [hint.kind for hint in sink.hints] == [HintKind.ROOT]
    tree.file("a.ckpt")
    sink.wait_path(b"a.ckpt", finished=True)


def test_an_absent_root_is_polled_and_says_why(tree: Tree, watch: Watch) -> None:
    absent = tree.root + b"/absent"
    watcher = watch(absent, tree.root)
    assert (watcher.mode_of(absent), watcher.mode_of(tree.root)) == ("poll", "events")
    assert "No such file" in watcher.needs_scan()[absent]
    assert watcher.mode_of(b"/unknown") == "poll"


def test_a_network_root_is_polled(tree: Tree, watch: Watch) -> None:
    line = b"1 0 0:9 / %s rw - nfs4 server:/export rw\n" % tree.root
    watcher = watch(tree.root, mountinfo=lambda: os.fsdecode(line))
    assert watcher.mode_of(tree.root) == "poll"
    assert "nfs4" in watcher.needs_scan()[tree.root]
    assert watcher.coverage() == (0, 0)


def test_without_mountinfo_a_root_is_watched_all_the_same(tree: Tree, watch: Watch) -> None:
    def fail() -> str:
        raise FileNotFoundError(errno.ENOENT, "no /proc")

    assert watch(tree.root, mountinfo=fail).mode_of(tree.root) == "events"


class _Limited:
    """inotify_add_watch with a limit on watches, as the kernel answers it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._real: Callable[..., Any] = InotifyFD._get_or_create_watch

    def __call__(self, reader: InotifyFD, path: bytes, mask: int) -> Any:
        if self.held >= self.limit:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        self.held += 1
        return self._real(reader, path, mask)


def test_running_out_of_watches_is_reported_covered_and_retried(
    tree: Tree, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        tree.directory(f"d{number}")
    limited = _Limited(12)

    def get_or_create(reader: InotifyFD, path: bytes, mask: int) -> Any:
        return limited(reader, path, mask)

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", get_or_create)
    now = [1000.0]
    watcher = Watcher([tree.root], sink, clock=lambda: now[0])
    watcher.start()
    try:
        assert watcher.coverage() == (12, 31)
        assert "19 directories" in watcher.needs_scan()[tree.root]
        assert [fault.kind for fault in watcher.check(now[0])] == ["watch_limit"]
        limited.limit = 1000
        now[0] += RETRY_S - 1
        watcher.check(now[0])
        assert watcher.coverage() == (12, 31)
        now[0] += 2
        watcher.check(now[0])
        assert watcher.coverage() == (31, 31)
        assert (watcher.check(now[0]), watcher.needs_scan()) == ([], {})
        assert len(_root_hints(sink)) == 1
    finally:
        assert watcher.stop()


def test_without_an_inotify_instance_everything_is_polled_until_a_restart(
    tree: Tree, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object) -> int:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    now = [0.0]
    watcher = Watcher([tree.root], sink, clock=lambda: now[0])
    with monkeypatch.context() as patched:
        patched.setattr(InotifyFD, "_create_inotify_fd", refuse)
        watcher.start()
    assert "instance limit" in watcher.needs_scan()[tree.root]
    assert watcher.check(now[0]) == []
    now[0] += RETRY_S
    assert [fault.kind for fault in watcher.check(now[0])] == ["not_started"]
    watcher.restart()
    assert (watcher.mode_of(tree.root), watcher.needs_scan()) == ("events", {})
    assert watcher.stop()


def test_a_directory_that_becomes_readable_is_watched_then(
    tree: Tree, as_nobody: Callable[[Callable[[], None]], None]
) -> None:
    tree.directory("closed")
    if os.getuid() == 0:
        for name in (b".", b"closed"):
            os.chown(tree.at(name), 65534, 65534)
    os.chmod(tree.at("closed"), 0)
    root_fd = os.open(tree.root, os.O_RDONLY)

    def check() -> None:
        os.fchdir(root_fd)
        hints: list[Hint] = []
        watcher = Watcher([b"."], hints.append, mountinfo=lambda: "")
        watcher.start()
        assert watcher.coverage().held == 1
        os.chmod("closed", 0o755)
        deadline = time.monotonic() + 10
        while watcher.coverage().held < 2 and time.monotonic() < deadline:
            watcher.check(time.monotonic())
            time.sleep(0.01)
        assert watcher.coverage() == (2, 2)
        assert any(hint.kind is HintKind.TREE and hint.path == b"closed" for hint in hints)
        assert watcher.stop()

    as_nobody(check)
    os.close(root_fd)


# --- too many directories ------------------------------------------------------------------------------------------


def test_too_many_directories_are_watched_in_part_and_new_ones_at_once(tree: Tree, sink: Sink, watch: Watch) -> None:
    for number in range(40):
        tree.directory(f"run{number:02}/checkpoints")
        os.utime(tree.at(f"run{number:02}/checkpoints"), (1000 + number, 1000 + number))
        os.utime(tree.at(f"run{number:02}"), (500, 500))
    watcher = watch(tree.root, options=Options(max_watched_directories=20, max_watches=8))
    coverage = watcher.coverage()
    assert coverage.held <= 20
    assert coverage.wanted == 81
    assert "too many" in watcher.needs_scan()[tree.root]
    tree.file("run39/checkpoints/a.ckpt")
    sink.wait_path(b"run39/checkpoints/a.ckpt", finished=True)
    tree.directory("newest/checkpoints")
    sink.wait_tree(b"newest")
    assert watcher.check(time.monotonic()) == []
    tree.file("newest/checkpoints/b.ckpt")
    sink.wait_path(b"newest/checkpoints/b.ckpt", finished=True)
    assert watcher.coverage().held <= 20


# --- coming and going ----------------------------------------------------------------------------------------------


def test_roots_are_added_and_removed_while_watching(tmp_path: Path, sink: Sink, watch: Watch) -> None:
    roots = [os.fsencode(tmp_path.resolve() / name) for name in "ab"]
    for root in roots:
        os.mkdir(root)
    watcher = watch(roots[0])
    watcher.add_root(roots[1], Options(excludes=("skip*",)))
    for name in ("skip.ckpt", "x.ckpt"):
        (tmp_path / "b" / name).write_text("x")
    sink.wait_for(lambda hint: hint.root == roots[1] and hint.finished)
    assert sink.paths() == {b"x.ckpt"}
    watcher.remove_root(roots[1])
    watcher.remove_root(roots[1])
    assert watcher.coverage() == (1, 1)


def test_stopping_ends_every_thread_and_closes_every_descriptor(tree: Tree, sink: Sink) -> None:
    tree.directory("a/b/c")
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        watcher = Watcher([tree.root], sink)
        watcher.start()
        tree.file("a/x.ckpt")
        assert watcher.stop()
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_stopping_twice_or_before_the_start_is_fine(tree: Tree, sink: Sink) -> None:
    watcher = Watcher([tree.root], sink)
    assert watcher.stop()
    assert watcher.check(0.0) == []
    watcher.start()
    assert watcher.stop()
    assert watcher.stop()


def test_stopping_keeps_its_deadline_though_the_sink_hangs(
    tree: Tree, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    release, hanging = threading.Event(), threading.Event()

    def sink(_hint: Hint) -> None:
        hanging.set()
        release.wait(20)

    watcher = Watcher([tree.root], sink)
    watcher.start()
    tree.file("a.ckpt")
    assert hanging.wait(10)
    with caplog.at_level(logging.WARNING):
        assert not watcher.stop(0.1)
    release.set()
    assert eventually(lambda: not any(thread.name == "watcher-stop" for thread in threading.enumerate()))


def test_a_directory_moved_into_one_made_just_before_is_watched_under_its_new_name(
    tree: Tree, sink: Sink, watch: Watch, eventually: Eventually
) -> None:
    tree.file("c/checkpoints/a.ckpt")
    watcher = watch(tree.root)
    for number in range(20):
        os.mkdir(tree.at(f"d{number}"))
        os.rename(tree.at("c"), tree.at(f"d{number}/e"))
        os.rename(tree.at(f"d{number}/e"), tree.at("c"))
    os.mkdir(tree.at("end"))
    os.rename(tree.at("c"), tree.at("end/e"))
    time.sleep(0.3)
    watcher.check(time.monotonic())
    time.sleep(0.3)
    sink.hints.clear()
    tree.file("end/e/checkpoints/late.ckpt")
    sink.wait_path(b"end/e/checkpoints/late.ckpt", finished=True)
    assert eventually(lambda: watcher.check(time.monotonic()) == [])
