"""The last resort: torch itself, for a file the pickle machine could not read. The only module that imports torch.

Only in a limited child of its own (`LIMITS`), only `weights_only=True`, only onto the meta device, only from 2.10 on:
before, that loader had holes (GHSA-53q9-r3pm-6pq6, GHSA-63cw-57p8-fm3p). A refusal is final; nothing falls back to a
loader that would run what is in the file.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import resource
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded, ReaderError
from ckpt_indexer.readers.answering import answer
from ckpt_indexer.readers.contents import Contents
from ckpt_indexer.readers.detect import Bytes, detect
from ckpt_indexer.readers.formats.torch_legacy import find_preface
from ckpt_indexer.readers.header import Header
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.opening import open_file
from ckpt_indexer.sandbox.limits import Limits, allow_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.header import JsonDict
    from ckpt_indexer.readers.nodes import Plain
    from ckpt_indexer.readers.opening import OpenFile

LIMITS = Limits(wall_s=30.0, cpu_s=20, memory_bytes=12 << 30, open_files=64)
"""For the pool of these children. Importing a CUDA build takes most of that address space, and no memory; on a busy
machine it takes its time, which is no fault of the file."""
HEAP_BYTES = 512 << 20
"""What loading may allocate beyond what the import did."""
MOST_BYTES = 960 << 20
"""Resident memory of the child altogether: it keeps what earlier files left behind."""
LOAD_S = 4
"""Processor time of one file, the import apart: loading it and saying what it holds. Together with what the machine
may take before, a file ends within ten seconds."""
RECYCLE_BYTES = 768 << 20
"""A child with torch in it is that large at once; replacing it after each job would cost an import per file."""
IDLE_S = 20.0
"""And is not kept for the next file, which may never come."""
MAX_STREAM_BYTES = 256 << 20
"""Of a legacy stream: torch reads its storages, whatever device they are meant for."""
OLDEST = (2, 10)
MAX_NODES, MAX_DEPTH = 200_000, 64
_REFUSALS = (
    pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError, AttributeError,
    AssertionError, ImportError, ArithmeticError,
)  # fmt: skip
_TRIED = frozenset({"torch_zip", "torch_legacy"})
_FAILED = frozenset({"limit", "malformed", "corrupt"})


def is_worth_trying(header: Header) -> bool:
    """Tell whether torch might read what the machine could not: a whole file in its format that gave no tensor."""
    failed = any(kind in _FAILED for kind, _ in header.problems)
    return header.format in _TRIED and header.complete is not False and failed and not header.tensors


def read_with_torch(root: str, path: str) -> JsonDict:
    """Return the header of a torch file as `child_jobs.read_header` does, read by torch. Runs in a child of its own.

    Raises:
        ReaderError: torch is not installed or too old, or the file cannot be opened.
        CorruptCheckpoint: torch refuses the file.
        LimitExceeded: it is no file for this way.
    """
    torch = _torch()
    with open_file(root, path) as file:
        header = _checked(file)
        _bound_heap()
        with _bounded_time():
            contents = Contents(header, _plain(torch, _loaded(torch, file)))
            return answer(contents, path)


def _checked(file: OpenFile) -> Header:
    found = detect(file.head, file.name)
    if found is Bytes.ZIP:
        return Header("torch_zip", complete=True)
    if found is not Bytes.PICKLE or find_preface(file) is None:
        raise CorruptCheckpoint("not a format torch is asked to read", path=file.path, reason="torch")
    if file.size > MAX_STREAM_BYTES:
        raise LimitExceeded("a legacy stream too large to be read whole", path=file.path, limit=MAX_STREAM_BYTES)
    return Header("torch_legacy", complete=True)


def _torch() -> Any:  # noqa: ANN401  # a module that need not be installed
    """Return torch, new enough.

    Raises:
        ReaderError: it is absent, too old, or cannot be imported within this process's limits.
    """
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as exc:
        message = f"torch cannot be imported here ({exc}); install ckpt-indexer[torch]"
        raise ReaderError(message, reason="torch") from exc
    numbers = re.match(r"(\d+)\.(\d+)", str(torch.__version__))
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST:
        message = f"torch {torch.__version__} is too old to be trusted with files; {OLDEST[0]}.{OLDEST[1]} is needed"
        raise ReaderError(message, reason="torch")
    return torch


def _loaded(torch: Any, file: OpenFile) -> Any:  # noqa: ANN401  # whatever the file holds
    with os.fdopen(os.dup(file.descriptor), "rb") as stream:
        stream.seek(0)
        try:
            return torch.load(stream, map_location="meta", weights_only=True)
        except MemoryError as exc:
            message = f"torch needed more than {HEAP_BYTES >> 20} MiB"
            raise LimitExceeded(message, path=file.path, limit_bytes=HEAP_BYTES) from exc
        except _REFUSALS as exc:
            message = f"torch refuses it too ({type(exc).__name__}: {str(exc)[:200]})"
            raise CorruptCheckpoint(message, path=file.path, reason="torch") from exc


@contextmanager
def _bounded_time() -> Iterator[None]:
    """Bound the processor time of what is inside: torch's unpickler is Python and is interrupted, foreign code that is
    not ends with this process.

    Raises:
        LimitExceeded: it took too long.
    """

    def stop(*_: object) -> None:
        raise LimitExceeded(f"torch took more than {LOAD_S} s of processor time", limit_s=LOAD_S)

    before = signal.signal(signal.SIGPROF, stop)
    allow_cpu(LOAD_S)
    signal.setitimer(signal.ITIMER_PROF, LOAD_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _bound_heap() -> None:
    """Let this process allocate so much more and nothing beyond; called again, it counts from then on."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    taken = {name: int(kib) * 1024 for name, kib in re.findall(r"^(VmData|VmRSS):\s+(\d+) kB", status, re.MULTILINE)}
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if len(taken) == 2:
        more = max(0, min(HEAP_BYTES, MOST_BYTES - taken["VmRSS"]))
        resource.setrlimit(resource.RLIMIT_DATA, (taken["VmData"] + more, hard))


def _plain(torch: Any, value: Any) -> Plain:  # noqa: ANN401  # whatever torch made of the file
    """Return plain data (`nodes.Plain`) for what torch gave; shared and cyclic parts are written out within bounds."""
    budget = MAX_NODES

    def convert(value: Any, depth: int) -> Plain:  # noqa: ANN401  # as above
        nonlocal budget
        budget -= 1
        if budget < 0 or depth > MAX_DEPTH:
            return None
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return value
        if isinstance(value, torch.Tensor):
            return _tensor(torch, value)
        if isinstance(value, dict):
            return {_key(key): convert(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [convert(one, depth + 1) for one in value]
        return Opaque(type(value).__module__, type(value).__qualname__)

    return convert(value, 0)


def _key(key: Any) -> Plain:  # noqa: ANN401  # any hashable thing
    return key if key is None or isinstance(key, str | int | float | bool) else str(type(key))


def _tensor(torch: Any, tensor: Any) -> Tensor:  # noqa: ANN401  # modules and tensors of torch are untyped here
    """Return the description of a tensor; storages on the meta device are told apart by their place in the file."""
    dtype, shape = str(tensor.dtype).removeprefix("torch."), tuple(int(size) for size in tensor.shape)
    if tensor.layout is not torch.strided:
        return Tensor(dtype, shape, layout="sparse")
    place = getattr(tensor.untyped_storage(), "_checkpoint_offset", None)
    return Tensor(dtype, shape, None if place is None else str(place), int(tensor.storage_offset()))
