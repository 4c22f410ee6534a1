"""Does a parser child start, keep to its limits and read a checkpoint? Tried for real, on a file of some hundred bytes.

The file is made in a temporary directory and goes with it; nothing is written anywhere else.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.readers.asking import READ_HEADER
from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.tools.doctor import Check, failed, fine, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "installation.sandbox"
LIMITS_HERE = "ckpt_indexer.tools.doctor_child:limits_here"
FILE = "doctor.ckpt"
EXPECTED = {"epoch": 3, "global_step": 7}
PICKLE = b"\x80\x02}(X\x05\x00\x00\x00epochK\x03X\x0b\x00\x00\x00global_stepK\x07X\x0a\x00\x00\x00state_dict}u."
"""`{"epoch": 3, "global_step": 7, "state_dict": {}}`, as `pickle.dumps` with protocol 2 would write it."""
_NAMES = {
    "memory_bytes": resource.RLIMIT_AS,
    "file_size": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "core": resource.RLIMIT_CORE,
}
SLOW_S = 5.0
"""A child that takes longer to start and answer makes every first scan slow."""


class ChildSeen(NamedTuple):
    """What became of the attempt."""

    limits: Mapping[str, int]
    """Name of a limit -> what the child found in force."""
    facts: Mapping[str, Any]  # JSON values
    """What the child read."""
    seconds: float
    error: str | None = None
    """Why there was no answer."""
    could_write: bool = True
    """False: there was no place for the test file."""


def limits_here() -> dict[str, Any]:  # JSON values
    """Return the limits of this process, and whether torch is loaded in it. Runs in the child."""
    limits = {name: resource.getrlimit(number)[0] for name, number in _NAMES.items()}
    return {"limits": limits, "torch": "torch" in sys.modules}


def try_child() -> ChildSeen:
    """Have a child of the usual kind read a checkpoint made for this."""
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="ckpt-indexer-doctor-") as directory:
            _write(Path(directory) / FILE)
            with Pool(size=1) as pool:
                header = pool.call(READ_HEADER, root=directory, path=FILE, kind="file")
                told = pool.call(LIMITS_HERE)
    except OSError as error:
        return ChildSeen({}, {}, time.monotonic() - started, error.strerror or str(error), could_write=False)
    except CkptIndexerError as error:
        return ChildSeen({}, {}, time.monotonic() - started, error.message)
    facts = {**header.get("facts", {}), "format": header.get("format"), "torch": told["torch"]}
    return ChildSeen(told["limits"], facts, time.monotonic() - started)


def judge(seen: ChildSeen) -> Check:
    """Return the verdict on an attempt; pure."""
    facts = {"seconds": round(seen.seconds, 3), "limits": dict(seen.limits)}
    if not seen.could_write:
        return skipped(NAME, f"no test file could be written: {seen.error}; set TMPDIR to a directory with room")
    if seen.error is not None:
        fix = "look for limits on memory or processes (ulimit -a, cgroups); no checkpoint can be read without a child"
        return failed(NAME, f"a parser child could not read a test checkpoint: {seen.error}", fix, **facts)
    loose = [name for name in _NAMES if seen.limits.get(name, -1) < 0 or seen.limits[name] > getattr(Limits(), name)]
    if loose:
        message = f"a parser child runs without its limits: {', '.join(loose)}"
        return failed(NAME, message, "report this with your kernel and container runtime", **facts)
    wrong = {name: seen.facts.get(name) for name, value in EXPECTED.items() if seen.facts.get(name) != value}
    if wrong or seen.facts.get("torch"):
        what = "loaded torch" if seen.facts.get("torch") else f"misread a test checkpoint: {wrong}"
        return failed(NAME, f"a parser child {what}", "report this as a bug", **facts)
    done = f"a parser child started under its limits and read a test checkpoint in {seen.seconds:.2f} s"
    if seen.seconds > SLOW_S:
        return warning(NAME, done, "a loaded machine or a slow disk under Python; look again later", **facts)
    return fine(NAME, done, **facts)


def _write(path: Path) -> None:
    """Write what `torch.save` writes for a checkpoint without tensors."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", PICKLE)
        archive.writestr("archive/version", "3\n")
