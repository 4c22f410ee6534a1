"""What a child process may use, and how it binds itself to that. Linux only; refuses to know what the work is."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one child. Wall and CPU time are per job, the rest for its life."""

    wall_s: float = 10.0
    """Watched by the parent, which kills the child."""
    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    """Address space."""
    file_size: int = 0
    """Bytes of the largest file it may write."""
    open_files: int = 16
    core: int = 0
    answer_bytes: int = 4 << 20


def bind(limits: Limits, parent: int) -> None:
    """Apply the limits to this process and tie its life to that of the process `parent`.

    The kernel sends the signal when the parent's *thread* that started the child ends, so the pool starts all
    children from one thread that lives as long as the pool.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
    _set(resource.RLIMIT_AS, limits.memory_bytes)
    _set(resource.RLIMIT_FSIZE, limits.file_size)
    _set(resource.RLIMIT_CORE, limits.core)
    _set(resource.RLIMIT_NOFILE, limits.open_files)


def allow_cpu(seconds: int) -> None:
    """Allow this process so much more CPU time, counted from what it has used; the kernel ends it beyond that."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(time.process_time()) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _set(what: int, value: int) -> None:
    """Set soft and hard limit, never above the hard limit this process was given."""
    _, hard = resource.getrlimit(what)
    bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (bounded, bounded))
