"""What runs in a limited child: take a job, call one function of this package, answer, until the parent hangs up.

Started by the pool as `python -I -m ckpt_indexer.sandbox.child PARENT LIMITS` with the stream as descriptor 0. Imports
nothing that a job does not ask for.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

from ckpt_indexer.errors import CkptIndexerError, LimitExceeded
from ckpt_indexer.sandbox.limits import Limits, allow_cpu, bind
from ckpt_indexer.sandbox.protocol import pack, receive

_STREAM = 0
_PACKAGE = "ckpt_indexer."
_JOB_BYTES = 64 << 20
_TRACEBACK_CHARACTERS = 4000


def main() -> None:
    """Serve jobs until the stream ends."""
    parent, limits = int(sys.argv[1]), Limits(**json.loads(sys.argv[2]))
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    bind(limits, parent)
    _send(pack({"ready": os.getpid()}))
    while (job := receive(lambda count: os.read(_STREAM, count), _JOB_BYTES)) is not None:
        allow_cpu(limits.cpu_s)
        _send(_answer(job, limits))


def _answer(job: dict[str, Any], limits: Limits) -> bytes:  # JSON values
    """Do one job; whatever happens in it becomes an answer."""
    try:
        packed = pack({"value": _function(job["call"])(**job["args"])})
    except CkptIndexerError as exc:
        return pack({"error": _describe(exc, details=exc.details, path=exc.path)})
    except MemoryError as exc:
        exc.__traceback__ = None  # lets go of what filled the memory
        return pack({"error": {"type": "MemoryError", "message": "out of memory"}})
    except Exception as exc:  # noqa: BLE001  # the child's boundary: the parent logs the traceback
        trace = traceback.format_exc()[-_TRACEBACK_CHARACTERS:]  # logged by the parent: this process has no log
        return pack({"error": _describe(exc, traceback=trace)})
    if len(packed) > limits.answer_bytes:
        message = f"the answer has {len(packed)} bytes, over the limit of {limits.answer_bytes}"
        return pack({"error": _describe(LimitExceeded(message))})
    return packed


def _describe(exc: Exception, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    message = exc.message if isinstance(exc, CkptIndexerError) else str(exc)[:_TRACEBACK_CHARACTERS]
    return {"type": type(exc).__name__, "message": message, **more}


def _function(call: str) -> Any:  # noqa: ANN401  # any function of this package
    """Return the function named `module:function`, of this package only."""
    module, _, name = call.partition(":")
    if not module.startswith(_PACKAGE) or not name.isidentifier():
        raise ValueError(f"{call!r} names no function of {_PACKAGE}")
    function = getattr(import_module(module), name)
    if getattr(function, "__module__", None) != module:
        raise ValueError(f"{call!r} is not defined there")
    return function


def _send(packed: bytes) -> None:
    view = memoryview(packed)
    while view:
        view = view[os.write(_STREAM, view) :]


if __name__ == "__main__":
    main()
