"""What the records of a W&B log hold: configuration, summary, validation rows. Bytes in, a `RunSaid` out. Pure.

The record and item fields are those of W&B's own description of them
(https://github.com/wandb/wandb/blob/v0.19.0/wandb/proto/wandb_internal.proto). Most records of a long log are training
rows and summary updates of nobody's interest: a record is decoded only when its bytes hold a hint of a validation
value, except for the last few summary updates.
"""

from __future__ import annotations

import json
import re
from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import is_clean
from ckpt_indexer.sources.wandb.match import HINTS
from ckpt_indexer.sources.wandb.run import RunSaid, row_of, summary_of
from ckpt_indexer.sources.wandb.wire import double, fields, signed, zigzag

if TYPE_CHECKING:
    from ckpt_indexer.sources.wandb.wire import Value

_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT, _ENVIRONMENT = 2, 3, 5, 17, 18, 26
_UPDATE, _REMOVE = 1, 2
_KEY, _NESTED_KEY, _VALUE_JSON = 1, 2, 16
_NULL, _BOOLEAN, _INTEGER, _NUMBER, _TEXT, _JSON = 3, 4, 5, 6, 7, 8
_RECENT_UPDATES = 256
_RECENT_BYTES = 1 << 16
MAX_ROWS = 20_000
"""Validation rows kept of one log, the last ones."""
MAX_VALUES = 400_000
"""Numbers in all rows kept."""
_MAX_KEYS = 5_000
"""Top-level keys kept of a configuration and of a summary."""
_MAX_JSON_BYTES = 1 << 20
_WORD = re.compile(r"[^/\\]{1,200}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class RunRecords:
    """Takes one record after the other and knows what they add up to."""

    def __init__(self, *, monitor: str | None = None) -> None:
        self._monitor = monitor
        self._hints = HINTS if not monitor else (*HINTS, _last_part(monitor))
        self._config: dict[str, Any] = {}
        self._summary: dict[str, Any] = {}
        self._recent: deque[bytes] = deque(maxlen=_RECENT_UPDATES)
        """The last updates of the summary; those without validation values are only decoded when somebody asks."""
        self._values = 0
        self.rows: deque[dict[str, float | None]] = deque()
        self.dropped = 0
        """Validation rows that there was no room for."""
        self.bad = 0
        """Records whose content could not be understood, though their checksum was right."""
        self.state = "running"
        """Until the run's exit is recorded, `finished` or `failed` from then on."""
        self._names: dict[str, str] = {}

    def take(self, record: bytes) -> None:
        """Take one record; one that cannot be understood is counted and changes nothing."""
        kind = _kind(record)
        if kind == _SUMMARY and len(record) <= _RECENT_BYTES:
            self._recent.append(record)
        if kind in {_SUMMARY, _HISTORY} and not self._may_validate(record):
            return
        try:
            for number, value in fields(record):
                if isinstance(value, bytes):
                    self._take(number, value)
        except (ValueError, RecursionError):
            self.bad += 1

    def said(self, run_id: str) -> RunSaid:
        """Return what the records so far say."""
        summary = deepcopy(self._summary)
        for record in self._recent:
            self._take_update(record, summary)
        said = RunSaid(run_id, summary=summary_of(summary), rows=list(self.rows), whole=not self.dropped)
        said.entity, said.project = self._names.get("entity"), self._names.get("project")
        said.program, said.git_commit = self._names.get("program"), self._names.get("git_commit")
        said.state = self.state
        said.add_config(self._config)
        return said

    def _take(self, number: int, body: bytes) -> None:
        if number == _HISTORY:
            self._add_row(body)
        elif number == _SUMMARY:
            _apply(self._summary, body)
        elif number == _CONFIG:
            _apply(self._config, body)
        elif number == _RUN:
            self._add_run(body)
        elif number == _ENVIRONMENT:
            self._add_environment(body)
        elif number == _EXIT:
            self.state = "failed" if _exit_code(body) else "finished"

    def _add_row(self, body: bytes) -> None:
        values: dict[str, Any] = {}
        for number, item in fields(body):
            if number == _UPDATE and isinstance(item, bytes):
                _set_item(values, item)
        row = row_of(values, self._monitor)
        if row is None:
            return
        self.rows.append(row)
        self._values += len(row)
        while len(self.rows) > MAX_ROWS or self._values > MAX_VALUES:
            self._values -= len(self.rows.popleft())
            self.dropped += 1

    def _may_validate(self, record: bytes) -> bool:
        for hint in self._hints:  # noqa: SIM110  # a generator costs twice as much, and this is done for every record
            if hint in record:
                return True
        return False

    def _take_update(self, record: bytes, into: dict[str, Any]) -> None:
        try:
            for number, value in fields(record):
                if number == _SUMMARY and isinstance(value, bytes):
                    _apply(into, value)
        except (ValueError, RecursionError):
            self.bad += 1

    def _add_run(self, body: bytes) -> None:
        for number, value in fields(body):
            if isinstance(value, bytes):
                if number in {2, 3}:
                    self._name("entity" if number == 2 else "project", value)
                elif number == 4:
                    _apply(self._config, value)
                elif number == 21:
                    self._add_git(value)

    def _add_environment(self, body: bytes) -> None:
        """Take program and commit; host, user, command line and paths are nobody's business."""
        for number, value in fields(body):
            if isinstance(value, bytes):
                if number == 6:
                    self._name("program", value)
                elif number == 9:
                    self._add_git(value)

    def _add_git(self, body: bytes) -> None:
        for number, value in fields(body):
            if number == 2 and isinstance(value, bytes):
                self._name("git_commit", value)

    def _name(self, name: str, value: bytes) -> None:
        text = clean_name(name, value.decode("utf-8"))
        if text is not None:
            self._names[name] = text


def _kind(record: bytes) -> int | None:
    """Return the field that follows the record's number, as it does in every log seen; None when it does not."""
    if record[:1] != b"\x08":
        return None
    for place in range(1, min(len(record) - 1, 11)):
        if record[place] < 0x80:
            tag = record[place + 1]
            return tag >> 3 if tag < 0x80 and tag & 7 == 2 else None
    return None


def clean_name(name: str, value: object) -> str | None:
    """Return a project, an entity, the name of a program without its directory, or a commit; None for what is none."""
    if not isinstance(value, str) or not is_clean(value):
        return None
    text = value.replace("\\", "/").rpartition("/")[2].strip()
    fits = (_COMMIT if name == "git_commit" else _WORD).fullmatch(text)
    return None if fits is None else text


def _apply(into: dict[str, Any], body: bytes) -> None:
    """Apply an update of a configuration or summary."""
    for number, item in fields(body):
        if not isinstance(item, bytes):
            continue
        if number == _UPDATE:
            _set_item(into, item)
        elif number == _REMOVE:
            path, _ = _item(item)
            if len(path) == 1:
                into.pop(path[0], None)


def _set_item(into: dict[str, Any], item: bytes) -> None:
    """Set one value below its key, or nested keys; a value that is no JSON is left out."""
    path, value = _item(item)
    if not path or len(path) > 16:
        return
    here = into
    for key in path[:-1]:
        below = here.get(key)
        if not isinstance(below, dict):
            if len(here) >= _MAX_KEYS:
                return
            below = here[key] = {}
        here = below
    if path[-1] in here or len(here) < _MAX_KEYS:
        here[path[-1]] = value


def _item(item: bytes) -> tuple[list[str], Any]:
    """Return (key path, value) of one item."""
    path: list[str] = []
    value: Any = None
    for number, field in fields(item):
        if number in {_KEY, _NESTED_KEY}:
            if isinstance(field, bytes) and (number == _NESTED_KEY or field):
                path.append(field.decode("utf-8"))
        else:
            value = _value(number, field, value)
    return path, value


def _value(number: int, field: Value, known: Any) -> Any:  # noqa: ANN401  # JSON values
    """Return the value a field of an item gives; `known` for a field that gives none."""
    if isinstance(field, bytes):
        if number in {_VALUE_JSON, _JSON}:
            return _loads(field)
        if number == _NUMBER:
            return double(field)
        return field.decode("utf-8") if number == _TEXT else known
    if number == _BOOLEAN:
        return bool(field)
    if number == _INTEGER:
        return zigzag(field)
    return None if number == _NULL else known


def _loads(text: bytes) -> Any:  # noqa: ANN401  # JSON values
    """Return the value of JSON text; None when it is none, is too long, or too deep."""
    if len(text) > _MAX_JSON_BYTES:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _last_part(name: str) -> bytes:
    """Return what of a name surely stands in one piece in the bytes: nested keys are split where its dots are."""
    return name.rpartition(".")[2].encode("utf-8", "surrogateescape") or name.encode("utf-8", "surrogateescape")


def _exit_code(body: bytes) -> int:
    """Return the code an exit record holds; zero is not written."""
    return next((signed(value) for number, value in fields(body) if number == 1 and isinstance(value, int)), 0)
