"""Where W&B run directories lie around a checkpoint, and which of them are its run's. Names and stats only.

A run writes into `wandb/run-<time>-<id>` or `wandb/offline-run-<time>-<id>` below the directory it was started in or
told to use; a resumed run leaves several directories of one id. `latest-run` is only a hint and is not followed.
"""

from __future__ import annotations

import os
import re
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.metadata.fields import is_clean
from ckpt_indexer.metadata.naming import raw
from ckpt_indexer.metadata.runs import split_path
from ckpt_indexer.sources.company import checkpoints_below, company

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Candidate

FOLDER = b"wandb"
FILES = (b"files/config.yaml", b"files/wandb-summary.json", b"files/wandb-metadata.json")
_RUN_DIR = re.compile(rb"(?:offline-)?run-(\d{8}_\d{6})-(.+)", re.DOTALL)
_WATCHED_RUNS = 16
"""Run directories of one `wandb` folder whose files are compared at each scan: the newest, which may be live."""
_MAX_RUNS = 10_000
_OLD_NS = 5_000_000_000
"""A directory unchanged for so long before it was listed has no entry the listing missed."""


class RunDir(NamedTuple):
    """One directory a run wrote into."""

    path: bytes
    """Relative to the root."""
    started: bytes
    """`<date>_<time>`, local time of the machine that trained."""
    id: bytes
    """The end of its name: the run's id, in rare cases with a suffix."""


class Places:
    """Finds run directories below one or many roots; remembers listings of directories that do not change."""

    def __init__(self, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._listed: dict[bytes, tuple[tuple[int, int, int], tuple[RunDir, ...]]] = {}

    def of_run(self, candidate: Candidate, run_id: str) -> list[RunDir]:
        """Return the directories of the run with that id in the nearest `wandb` folder that has any, oldest first."""
        wanted = raw(run_id)
        for folder in folders(candidate.directory):
            same = [found for found in self._runs(candidate.root, folder) if _is_of(candidate.root, found, wanted)]
            if same:
                return [found._replace(id=wanted) for found in same]
        return []

    def near(self, candidate: Candidate) -> dict[bytes, list[RunDir]]:
        """Return id -> directories of the runs a checkpoint of unknown run may belong to.

        A run whose id is a directory of the checkpoint's path (as Lightning makes them) is the only one; else those
        within the checkpoint's run directory.
        """
        parts = set(candidate.path.split(b"/")[:-1])
        run_dir = b"/".join(split_path(candidate.path).run)
        within: dict[bytes, list[RunDir]] = {}
        for folder in folders(candidate.directory):
            inside = _is_in(folder.rpartition(FOLDER)[0].rstrip(b"/"), run_dir)
            named: dict[bytes, list[RunDir]] = {}
            for found in self._runs(candidate.root, folder):
                if found.id in parts:
                    named.setdefault(found.id, []).append(found)
                if inside:
                    within.setdefault(found.id, []).append(found)
            if named:
                return named
        return within

    def stamps(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return (path, stamp) of the folders, and of the newest runs' files, that checkpoints in a directory are
        described from."""
        found: list[tuple[bytes, FileStamp]] = []
        for folder in folders(directory):
            stamp = stamp_of(root, folder, directories=True)
            if stamp is None:
                continue
            found.append((folder, stamp))
            for run in self._runs(root, folder)[-_WATCHED_RUNS:]:
                found += run_stamps(root, run)
            if self._holds_one(root, folder):
                found += company(root, _above(folder))
        return found

    def serves_one(self, root: bytes, run: RunDir) -> bool:
        """Tell whether the `wandb` folder of a run holds no other one, and one checkpoint lies where that may be the
        run's."""
        folder = run.path.rpartition(b"/")[0]
        return self._holds_one(root, folder) and checkpoints_below(root, _above(folder)) == 1

    def _holds_one(self, root: bytes, folder: bytes) -> bool:
        return len({found.id for found in self._runs(root, folder)}) == 1

    def _runs(self, root: bytes, folder: bytes) -> tuple[RunDir, ...]:
        """Return the run directories of one `wandb` folder, oldest first; none when there is no such folder."""
        absolute = _join(root, folder)
        try:
            seen = os.lstat(absolute)
            if not stat.S_ISDIR(seen.st_mode):
                return ()
            state = (seen.st_dev, seen.st_ino, seen.st_mtime_ns)
            known = self._listed.get(absolute)
            if known is not None and known[0] == state:
                return known[1]
            with os.scandir(absolute) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:  # absent, or not ours to see: whoever scans the directory reports that
            return ()
        matched = [(name, match) for name in names if (match := _RUN_DIR.fullmatch(name)) is not None]
        runs = [RunDir(folder + b"/" + name, match[1], match[2]) for name, match in matched if _is_text(match[2])]
        runs.sort(key=lambda run: (run.started, run.path))
        listed = tuple(runs[-_MAX_RUNS:])
        if _is_still(absolute, state) and self._now_ns() - state[2] > _OLD_NS:
            if len(self._listed) >= 256:
                self._listed.clear()
            self._listed[absolute] = (state, listed)
        return listed


def folders(directory: bytes) -> list[bytes]:
    """Return where `wandb` folders may lie for checkpoints in a directory: in it and in its ancestors up to the root,
    nearest first, relative to the root."""
    parts = directory.split(b"/") if directory else []
    return [b"/".join([*parts[:count], FOLDER]) for count in range(len(parts), -1, -1)]


def _above(folder: bytes) -> bytes:
    """Return the directory a `wandb` folder lies in."""
    return folder[: -len(FOLDER)].rstrip(b"/")


def run_stamps(root: bytes, run: RunDir) -> list[tuple[bytes, FileStamp]]:
    """Return (path relative to the root, stamp) of the files of a run directory that there are now."""
    paths = [run.path + b"/" + name for name in (*FILES, log_name(run.id))]
    return [(path, stamp) for path in paths if (stamp := stamp_of(root, path)) is not None]


def log_name(run_id: bytes) -> bytes:
    """Return the name of a run's log within its directory."""
    return b"run-" + run_id + b".wandb"


def stamp_of(root: bytes, path: bytes, *, directories: bool = False) -> FileStamp | None:
    """Return the stamp of a regular file, or of a directory, below the root; None when there is none."""
    try:
        seen = os.lstat(_join(root, path))
    except OSError:
        return None
    if directories:
        return FileStamp(0, seen.st_mtime_ns) if stat.S_ISDIR(seen.st_mode) else None
    return FileStamp(seen.st_size, seen.st_mtime_ns) if stat.S_ISREG(seen.st_mode) else None


def _is_of(root: bytes, run: RunDir, wanted: bytes) -> bool:
    """Tell whether a directory is of the run: by its name, or by that of its log where the name has a suffix."""
    if run.id == wanted:
        return True
    with_suffix = run.id.startswith(wanted + b"-")
    return with_suffix and stamp_of(root, run.path + b"/" + log_name(wanted)) is not None


def _is_text(name: bytes) -> bool:
    try:
        return is_clean(name.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _join(root: bytes, path: bytes) -> bytes:
    return root.rstrip(b"/") + b"/" + path


def _is_in(directory: bytes, above: bytes) -> bool:
    return not above or directory == above or directory.startswith(above + b"/")


def _is_still(path: bytes, state: tuple[int, int, int]) -> bool:
    """Tell whether a directory is as it was before it was listed."""
    try:
        seen = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (seen.st_dev, seen.st_ino, seen.st_mtime_ns) == state
