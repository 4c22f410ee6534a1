from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ckpt_indexer.sandbox.limits import Limits


def _run(code: str) -> subprocess.CompletedProcess[str]:
    setup = "import os, resource, sys; from ckpt_indexer.sandbox.limits import *\n"
    return subprocess.run([sys.executable, "-c", setup + code], capture_output=True, text=True, check=False)


def test_the_limits_are_those_of_the_contract() -> None:
    limits = Limits()
    assert (limits.wall_s, limits.cpu_s, limits.memory_bytes, limits.answer_bytes) == (10, 10, 1 << 30, 4 << 20)
    assert (limits.file_size, limits.open_files, limits.core) == (0, 16, 0)


def test_a_bound_process_has_the_limits_soft_and_hard() -> None:
    done = _run(
        "bind(Limits(), os.getppid())\n"
        "for what in 'AS FSIZE NOFILE CORE'.split(): print(*resource.getrlimit(getattr(resource, 'RLIMIT_' + what)))"
    )
    assert done.stdout.splitlines() == [f"{1 << 30} {1 << 30}", "0 0", "16 16", "0 0"]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("bytearray(2 << 30)", "MemoryError"),
        ("[os.open('/dev/null', os.O_RDONLY) for _ in range(20)]", "Too many open files"),
    ],
)
def test_a_bound_process_cannot_take_more(act: str, error: str) -> None:
    done = _run(f"bind(Limits(), os.getppid())\n{act}")
    assert done.returncode != 0
    assert error in done.stderr


def test_a_bound_process_cannot_write_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("written") / "x"
    done = _run(
        f"bind(Limits(), os.getppid())\nf = os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY)\nos.write(f, b'x')"
    )
    assert done.returncode != 0
    assert path.stat().st_size == 0


def test_a_limit_lower_than_ours_stays() -> None:
    done = _run(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))\nbind(Limits(), os.getppid())\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    assert done.stdout == "9 9\n"


def test_a_process_whose_parent_went_ends_itself() -> None:
    assert _run("bind(Limits(), 1 << 22)\nprint('still here')").stdout == ""


def test_processor_time_is_allowed_anew_for_each_job() -> None:
    done = _run("allow_cpu(5); allow_cpu(7); print(resource.getrlimit(resource.RLIMIT_CPU)[0])")
    assert done.stdout == "8\n"


def test_more_processor_time_than_allowed_ends_the_process() -> None:
    assert _run("allow_cpu(0)\nwhile True: pass").returncode == -signal.SIGXCPU
