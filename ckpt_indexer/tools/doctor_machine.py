"""Looks at this machine for a checkup: versions, limits, files, roots. Reads only; decides nothing."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ckpt_indexer.discovery.mounts import filesystem_of
from ckpt_indexer.discovery.roots import RootIdentity, RootState, inspect_root
from ckpt_indexer.discovery.survey import count_directories
from ckpt_indexer.tools.doctor_database import FileSeen
from ckpt_indexer.tools.doctor_installation import Package
from ckpt_indexer.tools.doctor_watching import InotifyLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    T = TypeVar("T")

DISTRIBUTION = "ckpt-indexer"
PATIENCE_S = 10.0
"""A network file system whose server is gone answers never."""
MOST_COUNTED = 50_000
"""Directories; to count more says nothing new."""
WANDB_HOST = "api.wandb.ai"
_BELONGING = ("", "-wal", "-shm", "-journal", ".lock", ".sock", ".token", ".annotations.jsonl")
_DATED = (".backup-", ".corrupt-")
_INOTIFY = Path("/proc/sys/fs/inotify")


def required() -> list[Package]:
    """Return what the installed package cannot do without; nothing when it is not installed as one."""
    return [package for package, extra in _requirements() if extra is None]


def optional(name: str) -> Package:
    """Return one package of the extras, with the version its extra asks for."""
    wanted = [package for package, extra in _requirements() if extra == package.name == name]
    return wanted[0] if wanted else Package(name, _installed(name))


def has_json() -> bool:
    """Tell whether SQLite knows JSON."""
    with closing(sqlite3.connect(":memory:")) as connection, suppress(sqlite3.OperationalError):
        return bool(connection.execute("SELECT count(*) FROM json_each('[1]')").fetchone()[0])
    return False


def inotify_limits() -> InotifyLimits | None:
    """Return what the kernel allows one user; None where it does not say."""
    names = ("max_user_watches", "max_user_instances", "max_queued_events")
    try:
        return InotifyLimits(*(int((_INOTIFY / name).read_text(encoding="ascii")) for name in names))
    except (OSError, ValueError):
        return None


def files_of(database: Path) -> tuple[FileSeen, ...]:
    """Return the database, when it is there, and what belongs to it."""
    found = []
    with suppress(OSError), os.scandir(database.parent) as entries:
        for entry in entries:
            suffix = entry.name.removeprefix(database.name)
            if not entry.name.startswith(database.name) or not (suffix in _BELONGING or suffix.startswith(_DATED)):
                continue
            with suppress(OSError):
                seen = entry.stat()
                found.append(FileSeen(entry.name, seen.st_size, stat.S_IMODE(seen.st_mode)))
    return tuple(sorted(found))


def is_writable(database: Path) -> bool:
    """Tell whether this user could write the database and, beside it, its log. True for what is not there yet."""
    return all(os.access(path, os.W_OK) for path in (database, database.parent) if path.exists())


def free_bytes(database: Path) -> int | None:
    """Return the room this user has where the database lies, or would lie."""
    for place in (database.parent, *database.parent.parents):
        with suppress(OSError):
            found = os.statvfs(place)
            return found.f_bavail * found.f_frsize
    return None


def filesystem_at(place: str | Path) -> str:
    """Return the type of the file system a path lies on; empty where the system does not say."""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        return filesystem_of(os.path.realpath(os.fsencode(place)), table)
    except OSError:
        return ""


def is_locked(lock: Path) -> bool:
    """Tell whether a process holds a lock file, without touching the lock.

    https://man7.org/linux/man-pages/man5/proc_locks.5.html
    """
    try:
        inode = lock.stat().st_ino
        held = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(rf"FLOCK +ADVISORY +WRITE +-?\d+ +\w+:\w+:{inode} ", held) is not None


def wandb_key(environ: Mapping[str, str], base_url: str | None) -> str | None:
    """Return where a W&B key is to be found; None when there is none. The key itself is not kept."""
    if environ.get("WANDB_API_KEY", "").strip():
        return "WANDB_API_KEY"
    if environ.get("WANDB_IDENTITY_TOKEN_FILE", "").strip():
        return "WANDB_IDENTITY_TOKEN_FILE"
    import netrc
    from urllib.parse import urlsplit

    host = urlsplit(base_url).hostname if base_url else WANDB_HOST
    file = Path(environ["NETRC"]) if environ.get("NETRC") else Path(environ.get("HOME", "~")).expanduser() / ".netrc"
    try:
        found = netrc.netrc(os.fspath(file)).hosts.get(host or WANDB_HOST)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError, RuntimeError):
        return None
    return "the netrc file" if found is not None and found[2] else None


def trouble_with(root: bytes, identity: tuple[int, int] | None) -> str | None:
    """Return why a root cannot be read, or what lies in its place; None when it is there."""
    known = None if identity is None else RootIdentity(*identity)
    sight = within(PATIENCE_S, lambda: inspect_root(root, known))
    if sight is None:
        return f"it gave no answer within {PATIENCE_S:g} s"
    if sight.state is RootState.GONE:
        return sight.reason or "it is gone"
    if sight.is_unreachable:
        return "an empty directory lies there instead: it is not mounted"
    return None


def directories_below(root: bytes) -> int | None:
    """Return how many directories a root has, up to `MOST_COUNTED` and a few; None when counting takes too long."""
    return within(PATIENCE_S, lambda: count_directories(root, MOST_COUNTED))


def within(seconds: float, function: Callable[[], T]) -> T | None:
    """Return what a function returns; None when it takes longer. It then goes on until the process ends."""
    answers: list[T] = []
    thread = threading.Thread(target=lambda: answers.append(function()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else None


def _requirements() -> list[tuple[Package, str | None]]:
    """Return (package, the extra that asks for it) for every requirement of the installed distribution."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        wanted, _, marker = line.partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", wanted)
        minimum = re.search(r">=\s*([0-9.]+)", wanted)
        extra = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", marker)
        if name is not None:
            package = Package(name[0], _installed(name[0]), None if minimum is None else minimum[1])
            found.append((package, None if extra is None else extra[1]))
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
