"""The parent's end of the child that talks to a W&B server: started, asked, killed. Knows no run and no cache."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from ckpt_indexer.errors import SourceRejected, SourceUnavailable
from ckpt_indexer.sandbox.interpreter import interpreter
from ckpt_indexer.sandbox.protocol import pack, receive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = (sys.executable, "-I", "-m", "ckpt_indexer.sources.wandb.client")
_PASSED_ON = (
    "HOME", "PATH", "LANG", "NETRC", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "HTTP_PROXY", "HTTPS_PROXY",
    "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)  # fmt: skip
"""All the child gets of our environment: where keys are, and how to reach the network."""
_START_S = 30.0
"""The package takes half a second to import, on a busy machine much longer."""
_GRACE_S = 1.0
"""Between the timeout the package was given and ours."""
_DYING_S = 1.0
"""Between the end of the stream and that of the child."""
_ANSWER_BYTES = 4 << 20


class WandbProcess:
    """A child that has the `wandb` package loaded and answers one question at a time."""

    def __init__(self, process: subprocess.Popen[bytes], stream: socket.socket, home: str, timeout_s: float) -> None:
        self._process = process
        self._stream = stream
        self._home = home
        self._timeout_s = timeout_s
        self._ending = threading.Lock()

    @classmethod
    def start(cls, options: Mapping[str, Any], environ: Mapping[str, str], command: Sequence[str] = COMMAND) -> Self:
        """Start a child. `options`: base_url, entity, project, timeout_s.

        Must be called from a thread that outlives the child.

        Raises:
            SourceUnavailable: there is no room for a process.
        """
        home = tempfile.mkdtemp(prefix="ckpt-indexer-wandb-")
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603  # our own interpreter and module, no shell
                    [*command, str(os.getpid()), json.dumps(dict(options))],
                    executable=interpreter() if command[0] == sys.executable else None,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=home,
                    env=_environment(environ, home),
                    start_new_session=True,
                )
            except OSError as exc:
                ours.close()
                shutil.rmtree(home, ignore_errors=True)
                raise SourceUnavailable(f"no process for the W&B client could be started: {exc}") from exc
        return cls(process, ours, home, options["timeout_s"])

    def wait_until_ready(self) -> None:
        """Wait until the package is loaded.

        Raises:
            SourceRejected: it is not installed.
            SourceUnavailable: the child did not get that far. In both cases it must be closed.
        """
        if "missing" in self._receive(_START_S):
            raise SourceRejected("the wandb package is not installed; install ckpt-indexer[wandb]")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, run_path: str) -> dict[str, Any]:  # JSON values
        """Return the child's answer about `entity/project/id`: `{outcome, run | reason}`.

        Raises:
            SourceUnavailable: no answer in time, or the child died. It must be closed.
        """
        try:
            self._stream.settimeout(self._timeout_s)
            self._stream.sendall(pack({"run": run_path}))
        except OSError as exc:
            raise SourceUnavailable("the W&B client ended") from exc
        return self._receive(self._timeout_s + _GRACE_S)

    def close(self) -> None:
        """End the child, by force if it does not follow, and remove what it wrote. May be called from another thread,
        and more than once.

        The package's own server, in a session of its own, is ended by the child, or notices soon that it is gone.
        """
        with self._ending:
            with contextlib.suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_S)
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._stream.close()
            shutil.rmtree(self._home, ignore_errors=True)

    def _receive(self, within_s: float) -> dict[str, Any]:  # JSON values
        deadline = time.monotonic() + within_s

        def read(count: int) -> bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._stream.settimeout(left)
            return self._stream.recv(count)

        try:
            answer = receive(read, _ANSWER_BYTES)
        except TimeoutError as exc:
            raise SourceUnavailable(f"the W&B server gave no answer within {within_s:g} s") from exc
        except (OSError, ValueError) as exc:
            raise SourceUnavailable("the W&B client ended within its answer") from exc
        if answer is None:
            raise SourceUnavailable("the W&B client ended without an answer")
        return answer


def _environment(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the child's environment: nothing is written outside `home`, nothing is reported to anybody else."""
    kept = {name: environ[name] for name in _PASSED_ON if name in environ}
    directories = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR", "TMPDIR")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        **kept,
        **dict.fromkeys(directories, home),
        "XDG_CACHE_HOME": home,
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
    }
