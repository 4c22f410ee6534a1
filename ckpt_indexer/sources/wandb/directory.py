"""One W&B run directory as a `RunSaid`. For a limited child: all in it is as hostile as any other file.

Online runs have `files/config.yaml`, `wandb-summary.json` and `wandb-metadata.json` besides their log, offline runs the
log alone. A log that has grown since it was last read is read on from where it ended.
"""

from __future__ import annotations

import json
import os
import stat
import time
import zlib
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.metadata.fields import is_mapping
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.sidecar.opening import is_below
from ckpt_indexer.sources.wandb.log import LogReader
from ckpt_indexer.sources.wandb.places import FILES, log_name
from ckpt_indexer.sources.wandb.records import RunRecords, clean_name
from ckpt_indexer.sources.wandb.run import RunSaid, summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_MAX_YAML_BYTES = 1 << 20
_MAX_JSON_BYTES = 4 << 20
_CPU_S = 6.0
"""Spent on one log at a time; a child of the sandbox has 10."""
_TAIL_BYTES = 4096
_TOO_LARGE = object()


def read_directory(root: bytes, path: bytes, run_id: bytes, monitor: str | None) -> RunSaid:
    """Return what a run directory says. Files that are absent say nothing, bad ones become problems.

    `path` is relative to the root; `monitor` names a metric that counts as a validation value whatever it is called.
    """
    directory = root.rstrip(b"/") + b"/" + path
    log = directory + b"/" + log_name(run_id)
    said = _log_of(root, log, monitor).read(display(run_id))
    config_file, summary_file, metadata_file = (directory + b"/" + name for name in FILES)
    config = _mapping(root, config_file, _MAX_YAML_BYTES, said)
    if config is not None:
        said.add_config(config)
    summary = _mapping(root, summary_file, _MAX_JSON_BYTES, said)
    if summary is not None:
        said.summary = summary_of(summary)
    metadata = _mapping(root, metadata_file, _MAX_JSON_BYTES, said)
    if metadata is not None:
        git = metadata.get("git")
        said.program = clean_name("program", metadata.get("program")) or said.program
        commit = clean_name("git_commit", git.get("commit")) if is_mapping(git) else None
        said.git_commit = commit or said.git_commit
    return said


class _Log:
    """The log at one path: read once, and read on when it has grown."""

    def __init__(self, root: bytes, path: bytes, monitor: str | None) -> None:
        self._root = root
        self._path = path
        self._monitor = monitor
        self._damage: str | None = None
        self._state: tuple[int, ...] = ()
        self._said: RunSaid | None = None
        self._forget()

    def read(self, run_id: str) -> RunSaid:
        """Return what the log says now."""
        problems: list[tuple[str, str]] = []
        where = display(self._path.rpartition(b"/")[2])
        try:
            with opened(self._root, self._path) as (descriptor, seen):
                self._read_on(descriptor, seen)
        except FileNotFoundError:
            self._forget()
        except (OSError, SidecarUnreadable) as error:
            self._forget()
            problems.append(("wandb_unreadable", f"{where}: {_reason(error)}"))
        said = self._copy_of_said(run_id)
        problems += [("wandb_damaged", f"{where}: {told}") for told in self._notes()]
        said.problems += problems
        said.whole = said.whole and not problems and self._offset > 0
        return said

    def _copy_of_said(self, run_id: str) -> RunSaid:
        """Return what the records say, for the caller to change."""
        if self._said is None:
            self._said = self._records.said(run_id)
            if not self._offset:
                self._said.state = None  # no log tells nothing of how the run ended
        return replace(self._said, problems=[])

    def _forget(self) -> None:
        self._records = RunRecords(monitor=self._monitor)
        self._offset = self._tail = self._skipped = 0
        self._damage = self._said = None
        self._state = ()

    def _read_on(self, descriptor: int, seen: os.stat_result) -> None:
        state = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        if state == self._state:
            return
        same = state[:2] == self._state[:2] and self._damage is None and self._offset <= seen.st_size
        if not same or _tail_of(descriptor, self._offset) != self._tail:
            self._forget()
        self._said = None
        reader = LogReader(descriptor, offset=self._offset)
        until = time.process_time() + _CPU_S
        self._state = state
        for count, record in enumerate(reader):
            self._records.take(record)
            if count % 1024 == 0 and time.process_time() > until:
                self._state = state[:2]  # is read on the next time
                break
        self._offset, self._damage = reader.offset, reader.damage
        self._skipped += reader.skipped
        self._tail = _tail_of(descriptor, self._offset)

    def _notes(self) -> Iterator[str]:
        if self._damage is not None:
            yield self._damage
        if len(self._state) == 2:
            yield "it is long; only its beginning is read so far"
        if self._records.bad:
            yield f"{self._records.bad} records could not be understood"
        if self._skipped:
            yield f"{self._skipped} records are too large and were passed over"


@lru_cache(maxsize=8)
def _log_of(root: bytes, path: bytes, monitor: str | None) -> _Log:
    """Return the log at a path, with what was read of it before by this process. A child of the sandbox does one job
    at a time and is replaced when it has grown too large."""
    return _Log(root, path, monitor)


@contextmanager
def opened(root: bytes, path: bytes) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file that really lies below the root; yield its descriptor and stat.

    Raises:
        FileNotFoundError: there is none.
        SidecarUnreadable: it is no regular file, or a link leads elsewhere.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise SidecarUnreadable("not a regular file", reason="not_regular")
        if not is_below(os.readlink(b"/proc/self/fd/%d" % descriptor), root):  # bytes, which pathlib refuses
            raise SidecarUnreadable("it lies outside the root", reason="outside_root")
        yield descriptor, seen
    finally:
        os.close(descriptor)


def _mapping(root: bytes, path: bytes, limit_bytes: int, said: RunSaid) -> dict[str, Any] | None:  # JSON-like values
    """Return the mapping in a YAML or JSON file; None, and perhaps a problem, when there is none."""
    try:
        with opened(root, path) as (descriptor, _):
            data = os.pread(descriptor, limit_bytes + 1, 0)
        value = _parse(data, yaml=path.endswith(b".yaml")) if len(data) <= limit_bytes else _TOO_LARGE
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, SidecarUnreadable) as error:
        said.problems.append(("wandb_unreadable", f"{display(path.rpartition(b'/')[2])}: {_reason(error)}"))
        return None
    if value is not None and not is_mapping(value):
        told = f"over the limit of {limit_bytes} bytes" if value is _TOO_LARGE else "it holds no mapping"
        said.problems.append(("wandb_unreadable", f"{display(path.rpartition(b'/')[2])}: {told}"))
    return dict(value) if is_mapping(value) else None


def _parse(data: bytes, *, yaml: bool) -> Any:  # noqa: ANN401  # JSON-like values
    """Return the value of a file; None for an empty one, which a run that just began may have."""
    text = data.decode("utf-8-sig")
    if not text.strip():
        return None
    if not yaml:
        return json.loads(text)
    from ckpt_indexer.sidecar.strict_yaml import parse_yaml

    return parse_yaml(text)


def _tail_of(descriptor: int, offset: int) -> int:
    """Return a checksum of the bytes before an offset."""
    start = max(0, offset - _TAIL_BYTES)
    return zlib.crc32(os.pread(descriptor, offset - start, start))


def _reason(error: Exception) -> str:
    if isinstance(error, SidecarUnreadable):
        return error.message
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    return "nested too deeply" if isinstance(error, RecursionError) else "its content is not what its name says"
