"""One child process seen from its parent: started, asked, killed, reaped. No threads, no policy."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ckpt_indexer.errors import LimitExceeded, ReaderDied, ResourceShortage
from ckpt_indexer.sandbox.interpreter import interpreter
from ckpt_indexer.sandbox.protocol import pack, receive

if TYPE_CHECKING:
    from ckpt_indexer.sandbox.limits import Limits

_START_S = 30.0
"""A loaded machine may take its time to start an interpreter; that is no fault of the job."""
_DYING_S = 1.0
"""Between the end of the stream and that of the process."""
_ENVELOPE_BYTES = 64 * 1024
"""Beyond `answer_bytes`: an error's message and traceback."""
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ChildProcess:
    """A limited child that does one job at a time. Must be started from a thread that outlives it."""

    def __init__(self, process: subprocess.Popen[bytes], stream: socket.socket, limits: Limits) -> None:
        self._process = process
        self._stream = stream
        self._limits = limits
        self._ending = threading.Lock()
        self.jobs_done = 0

    @classmethod
    def start(cls, limits: Limits) -> Self:
        """Start an interpreter and wait until it is ready.

        Raises:
            ReaderDied: it did not get that far.
            ResourceShortage: the system starts no process now.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as exc:
            raise _not_started(exc) from exc
        arguments = [str(os.getpid()), json.dumps(asdict(limits))]
        with theirs:
            try:
                process = _spawn(arguments, theirs)
            except OSError as exc:
                ours.close()
                raise _not_started(exc) from exc
        child = cls(process, ours, limits)
        try:
            child._receive(time.monotonic() + _START_S)
        except BaseException:
            child.kill()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once it has ended (and is reaped)."""
        with self._ending:
            return self._process.poll() is None

    def ask(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:  # JSON values
        """Return the child's answer: `{"value": ...}` or `{"error": ...}`.

        Raises:
            LimitExceeded: no answer within the wall or processor time. The child must be killed.
            ReaderDied: it ended, or spoke nonsense. Likewise.
        """
        packed = pack({"call": function, "args": arguments})
        deadline = time.monotonic() + self._limits.wall_s
        try:
            self._stream.settimeout(self._limits.wall_s)
            self._stream.sendall(packed)
        except TimeoutError as exc:
            raise self._too_slow() from exc
        except OSError as exc:
            raise self._died() from exc
        answer = self._receive(deadline)
        self.jobs_done += 1
        return answer

    def resident_bytes(self) -> int:
        """Return its resident memory; 0 when it has ended."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def terminate(self) -> None:
        """End it and everything it started, and reap it; whoever waits for its answer sees the stream end."""
        with self._ending:
            if self._process.returncode is None:  # not reaped yet, so the id is still its own
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def kill(self) -> None:
        """Terminate it and close the stream. For its one user only."""
        self.terminate()
        self._stream.close()

    def _receive(self, deadline: float) -> dict[str, Any]:  # JSON values
        def read(count: int) -> bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._stream.settimeout(left)
            return self._stream.recv(count)

        try:
            answer = receive(read, self._limits.answer_bytes + _ENVELOPE_BYTES)
        except TimeoutError as exc:
            raise self._too_slow() from exc
        except (OSError, ValueError) as exc:
            raise self._died() from exc
        if answer is None:
            raise self._died()
        return answer

    def _too_slow(self) -> LimitExceeded:
        limit = self._limits.wall_s
        return LimitExceeded(f"the parser child gave no answer within {limit:g} s and was killed", limit_s=limit)

    def _died(self) -> LimitExceeded | ReaderDied:
        with self._ending, contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING_S)
        code = self._process.returncode
        if code == -signal.SIGXCPU:
            limit = self._limits.cpu_s
            return LimitExceeded(f"the parser child used more than {limit} s of processor time", limit_s=limit)
        how = "broke the protocol" if code is None else _ending(code)
        return ReaderDied(f"the parser child {how}", returncode=code)


def _spawn(arguments: list[str], stream: socket.socket) -> subprocess.Popen[bytes]:
    """Start an interpreter with the stream as descriptor 0 and nothing else of ours."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module, no shell
        [sys.executable, "-I", "-m", "ckpt_indexer.sandbox.child", *arguments],
        executable=interpreter(),
        stdin=stream.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )


def _not_started(exc: OSError) -> ResourceShortage:
    """Return the error for a process that could not be started, which says nothing about the file it was to read."""
    return ResourceShortage(f"no child process could be started: {exc}; free memory or processes", errno=exc.errno)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
