from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import LimitExceeded, ReaderDied, ReaderError, SidecarUnreadable
from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.sandbox.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Until = Callable[[Callable[[], bool]], None]

PARSE = "ckpt_indexer.sidecar.child_jobs:parse_encoded"


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool() as made:
        yield made


def _parse(pool: Pool, document: bytes) -> Any:
    return pool.call(PARSE, document=base64.b64encode(document).decode())


def _warm_up(pool: Pool, *, wall_s: float) -> None:
    """Start a child and let it do its imports; only then it is held to a time, which a loaded machine could miss."""
    _parse(pool, b"a: 1\n")
    pool._idle[0]._limits = Limits(wall_s=wall_s)


def _state(pid: int) -> str:
    """Return the kernel's letter for a process; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it may end between opening and reading
        return ""


def _during_a_job(pool: Pool, until: Until, *signals: int) -> BaseException | None:
    """Send signals to a child that is in the middle of a job; return how the call ended."""
    if not pool.pids():
        _warm_up(pool, wall_s=30)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _state(pid) == "T")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(_parse, pool, b"a: 1\n")
        until(lambda: bool(pool._busy))
        for number in signals:
            os.kill(pid, number)
        ended = call.exception()
    assert _state(pid) == ""
    return ended


# -- answers ----------------------------------------------------------------------------------------------------------


def test_a_job_is_done_in_another_process_and_answered(pool: Pool) -> None:
    assert _parse(pool, b"a: !!int '3'\n") == {"a": 3}
    assert os.getpid() not in pool.pids()


def test_one_child_does_job_after_job(pool: Pool) -> None:
    _parse(pool, b"a: 1\n")
    first = pool.pids()
    assert [_parse(pool, b"a: 1\n") for _ in range(5)] == [{"a": 1}] * 5
    assert pool.pids() == first


def test_our_errors_come_back_as_themselves(pool: Pool) -> None:
    with pytest.raises(SidecarUnreadable, match="a second time") as caught:
        _parse(pool, b"a: 1\na: 2\n")
    assert caught.value.details == {"reason": "duplicate_key", "line": 2, "column": 1}
    assert len(pool.pids()) == 1


def test_other_errors_are_logged_with_their_traceback(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ReaderError, match="TypeError") as caught:
        pool.call(PARSE, wrong="x")
    assert type(caught.value) is ReaderError
    assert "Traceback" in vars(caplog.records[0])["child_traceback"]


@pytest.mark.parametrize(
    "function",
    [
        "os:getpid",
        "ckpt_indexer_evil:run",
        "ckpt_indexer.errors",
        "ckpt_indexer.sandbox.child:os",
        "ckpt_indexer.no:x",
        ":",
    ],
)
def test_only_functions_of_this_package_are_called(pool: Pool, function: str) -> None:
    with pytest.raises(ReaderError, match=r"ValueError|ModuleNotFoundError"):
        pool.call(function)


def test_an_answer_over_the_limit_is_refused() -> None:
    with Pool(limits=Limits(answer_bytes=1000)) as pool:
        with pytest.raises(LimitExceeded, match="over the limit of 1000"):
            _parse(pool, b"a: '" + b"x" * 2000 + b"'\n")
        assert _parse(pool, b"a: 1\n") == {"a": 1}


def test_threads_share_the_children() -> None:
    with Pool(size=2) as pool, ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda number: _parse(pool, b"a: %d\n" % number), range(40)))
        assert answers == [{"a": number} for number in range(40)]
        assert 1 <= len(pool.pids()) <= 2


# -- hostile jobs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [b"[" * 60_000, b"- " * 100_000, b"\n".join(b" " * n + b"k:" for n in range(700)), b'{"a":' * 40_000]
)
def test_deep_documents_end_as_an_error(pool: Pool, document: bytes) -> None:
    with pytest.raises(SidecarUnreadable, match="nested deeper"):
        _parse(pool, document)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_ends_the_child_only(pool: Pool, until: Until, number: signal.Signals) -> None:
    ended = _during_a_job(pool, until, number, signal.SIGCONT)
    assert isinstance(ended, ReaderDied)
    assert ended.details == {"returncode": -number}
    assert _parse(pool, b"a: 1\n") == {"a": 1}


def test_too_much_processor_time_is_a_limit(pool: Pool, until: Until) -> None:
    ended = _during_a_job(pool, until, signal.SIGXCPU, signal.SIGCONT)
    assert isinstance(ended, LimitExceeded)
    assert "processor time" in ended.message


def test_a_hanging_child_is_killed(pool: Pool, until: Until) -> None:
    _warm_up(pool, wall_s=0.2)
    ended = _during_a_job(pool, until)
    assert isinstance(ended, LimitExceeded)
    assert ended.details == {"limit_s": 0.2}
    assert pool.pids() == []


def test_a_child_that_takes_no_job_is_killed(pool: Pool) -> None:
    _warm_up(pool, wall_s=0.2)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(LimitExceeded):
        pool.call(PARSE, document="x" * (4 << 20))  # more than the stream holds
    assert _state(pid) == ""


def test_a_child_out_of_memory_says_so_and_is_replaced() -> None:
    with Pool() as pool:
        _parse(pool, b"a: 1\n")
        (pid,) = pool.pids()
        used = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    with Pool(limits=Limits(memory_bytes=used + (2 << 20))) as pool:
        _parse(pool, b"a: 1\n")
        before = pool.pids()
        with pytest.raises(LimitExceeded, match="MiB"):
            _parse(pool, b"- {a: 1, b: [1, 2]}\n" * 3_000)
        assert _parse(pool, b"a: 1\n") == {"a": 1}
        assert pool.pids() != before


# -- life and death ---------------------------------------------------------------------------------------------------


def test_no_child_is_started_before_it_is_needed(pool: Pool) -> None:
    assert pool.pids() == []


def test_a_child_killed_while_idle_is_replaced_silently(pool: Pool, until: Until) -> None:
    _parse(pool, b"a: 1\n")
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: _state(pid) in {"Z", ""})
    assert _parse(pool, b"a: 1\n") == {"a": 1}
    assert _state(pid) == ""


def test_a_child_is_recycled_after_enough_jobs() -> None:
    with Pool(recycle_after=2) as pool:
        seen = []
        for _ in range(4):
            _parse(pool, b"a: 1\n")
            seen.append(tuple(pool.pids()))
    assert seen[1] == seen[3] == ()
    assert seen[0] != seen[2]


def test_a_child_grown_too_large_is_recycled() -> None:
    with Pool(recycle_bytes=1) as pool:
        assert _parse(pool, b"a: 1\n") == {"a": 1}
        assert pool.pids() == []


def test_a_child_outlives_the_thread_that_asked_first(pool: Pool) -> None:
    thread = threading.Thread(target=_parse, args=(pool, b"a: 1\n"))
    thread.start()
    thread.join()
    before = pool.pids()
    assert _parse(pool, b"a: 1\n") == {"a": 1}
    assert pool.pids() == before


def test_close_leaves_no_process_thread_or_descriptor() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors(), threading.active_count()
    for _ in range(3):
        with Pool(limits=Limits(wall_s=5)) as pool, ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: _parse(pool, b"a: 1\n"), range(4)))
            pids = pool.pids()
        assert [_state(pid) for pid in pids] == [""] * len(pids)
    assert (descriptors(), threading.active_count()) == before


def test_close_ends_a_call_under_way(until: Until) -> None:
    pool = Pool()
    _parse(pool, b"a: 1\n")
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(_parse, pool, b"a: 1\n")
        until(lambda: bool(pool._busy))
        pool.close()
        assert isinstance(call.exception(), ReaderDied)
    assert _state(pid) == ""


def test_a_closed_pool_takes_no_jobs_and_closes_again() -> None:
    pool = Pool()
    pool.close()
    pool.close()
    with pytest.raises(ReaderDied, match="closed"):
        _parse(pool, b"a: 1\n")


def test_a_pool_without_children_is_refused() -> None:
    with pytest.raises(ValueError):
        Pool(size=0)


def test_children_die_with_a_killed_parent(until: Until) -> None:
    code = (
        "import os, signal; from ckpt_indexer.sandbox.pool import Pool\n"
        f"pool = Pool(); pool.call({PARSE!r}, document='')\n"
        "print(*pool.pids(), flush=True); os.kill(pool.pids()[0], signal.SIGSTOP); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    until(lambda: _state(pid) in {"Z", ""})
    assert done.returncode == -signal.SIGKILL


# -- what a child is --------------------------------------------------------------------------------------------------


def test_a_child_is_isolated_from_its_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    with Pool() as pool:
        assert _parse(pool, b"a: !!int '3'\n") == {"a": 3}
        (pid,) = pool.pids()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert sorted(entry.partition(b"=")[0] for entry in environment if entry) == [b"LANG", b"PATH"]
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        targets = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        assert {name: target.partition(":")[0] for name, target in targets.items()} == {
            "0": "socket",
            "1": "/dev/null",
            "2": "/dev/null",
        }


def test_a_child_imports_nothing_heavy_before_a_job_asks() -> None:
    code = (
        "import sys; import ckpt_indexer.sandbox.child\n"
        "print(sorted({'yaml', 'torch', 'pydantic', 'sqlalchemy', 'socket', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_child_nobody_asks_for_long_is_ended_and_replaced_when_needed(until: Until) -> None:
    with Pool(idle_s=0.2) as pool:
        _parse(pool, b"a: 1\n")
        (first,) = pool.pids()
        until(lambda: pool.pids() == [] and _state(first) == "")
        assert _parse(pool, b"a: 1\n") is not None
        assert pool.pids() != [first]


def test_a_child_in_use_is_not_idle() -> None:
    with Pool(idle_s=60) as pool:
        pids = []
        for _ in range(5):
            _parse(pool, b"a: 1\n")
            pids.append(pool.pids())
        assert pids == [pids[0]] * 5
        timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        assert sum(timer.is_alive() and not timer.finished.is_set() for timer in timers) == 1
    assert all(timer.finished.is_set() for timer in timers)
