"""TensorBoard event files: scalars by step, without TensorFlow or protobuf. Pure but for the bytes it asks for.

A file is a sequence of records (length, its checksum, data, its checksum), each one `Event`:
https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/core/lib/io/record_writer.h
https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/core/util/event.proto
A file that ends within a record is still being written. A length that fails its checksum ends the reading, since
nothing tells where the next record starts. The data of a record is checked before any value in it is used; records too
long for scalars (images, graphs) are stepped over unread.

Only Lightning's files are used: they log an `epoch` at every step, which other writers do not, and whose steps follow
the rule in `trainer_lightning`.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ckpt_indexer.sources.trainer.rows import (
    LIMITED,
    MAX_CELLS,
    UNREADABLE,
    History,
    Row,
    is_evaluation,
    is_name,
    whole,
)
from ckpt_indexer.sources.trainer.wire import BrokenMessage, Field, fields_of, first_bytes, packed_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.sources.trainer.rows import Metrics

MAX_BYTES = 64 << 20
"""Bytes of records that may hold scalars."""
MAX_RECORDS = 300_000
_MAX_RECORD = 64 << 10
_WINDOW = 1 << 20
_HEAD = 12
_FOOT = 4
_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected: https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
_MASK_DELTA = 0xA282EAD8
_EPOCH = "epoch"
_IGNORED = frozenset({"hp_metric"})
_EVENT_STEP, _EVENT_SUMMARY = 2, 5
_SUMMARY_VALUE = 1
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR = 1, 2, 8
_TENSOR_TYPE, _TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES = 1, 4, 5, 6
_KINDS = {1: ("<f", _TENSOR_FLOATS), 2: ("<d", _TENSOR_DOUBLES)}
"""Tensor data type -> (its format, the field of values given one by one)."""


class Readable(Protocol):
    """What the records are read from (`readers.opening.OpenFile`)."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on."""
        ...


class Scalar(NamedTuple):
    """One logged number."""

    step: int
    tag: str
    value: float


def read_events(file: Readable, monitor: str | None) -> History:
    """Return the evaluations in an event file, each step with its epoch; none where no epoch is logged."""
    history = History()
    epochs: dict[int, int] = {}
    found: dict[int, Metrics] = {}
    cells = 0
    for data, checksum in _records(file, history):
        scalars = [one for one in _scalars(data) if one.tag == _EPOCH or _is_wanted(one.tag, monitor)]
        if not scalars:
            continue
        if _masked(crc32c(data)) != checksum:
            history.problems.append((UNREADABLE, "a record fails its checksum and is passed over"))
            continue
        for step, tag, value in scalars:
            history.reach(step)
            if tag == _EPOCH:
                epochs[step] = epoch if (epoch := whole(value)) is not None else -1
                continue
            cells += 1
            found.setdefault(step, {})[tag] = value if isfinite(value) else None
        if cells > MAX_CELLS:
            history.complete = False
            history.problems.append((LIMITED, "too many values; only the first ones are kept"))
            break
    history.problems = sorted(set(history.problems))
    history.rows = [Row(step, epochs[step], metrics) for step, metrics in found.items() if epochs.get(step, -1) >= 0]
    return history


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        crc = number
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _records(file: Readable, history: History) -> Iterator[tuple[bytes, int]]:
    """Yield (data, masked checksum) of every record short enough to hold scalars."""
    window, start = b"", 0
    offset = used = count = 0
    while offset + _HEAD <= file.size:
        if not start <= offset <= start + len(window) - _HEAD:
            window, start = file.read(offset, _WINDOW), offset
        here = offset - start
        if len(window) - here < _HEAD:  # it shrank
            return
        length, checksum = struct.unpack_from("<QI", window, here)
        if _masked(crc32c(window[here : here + 8])) != checksum:
            history.complete = False
            history.problems.append((UNREADABLE, f"a record at byte {offset} is broken; nothing behind it is read"))
            return
        end = offset + _HEAD + length + _FOOT
        if end > file.size:
            return
        if length <= _MAX_RECORD:
            used, count = used + length, count + 1
            if used > MAX_BYTES or count > MAX_RECORDS:
                history.complete = False
                history.problems.append((LIMITED, "the log is too large; only its first records are read"))
                return
            if end > start + len(window):
                window, start = file.read(offset, _WINDOW), offset
                here = 0
            body = window[here + _HEAD : here + _HEAD + length + _FOOT]
            if len(body) < length + _FOOT:
                return
            yield body[:length], int.from_bytes(body[length:], "little")
        offset = end


def _is_wanted(tag: str, monitor: str | None) -> bool:
    return tag not in _IGNORED and is_name(tag) and is_evaluation(tag, monitor)


def _scalars(event: bytes) -> list[Scalar]:
    """Return the scalars of one event; none of one that is broken."""
    step = 0
    summaries: list[bytes] = []
    scalars = []
    try:
        for number, value in fields_of(event):
            if number == _EVENT_STEP and isinstance(value, int):
                step = value
            elif number == _EVENT_SUMMARY and isinstance(value, bytes):
                summaries.append(value)
        for summary in summaries:
            for number, value in fields_of(summary):
                if number == _SUMMARY_VALUE and isinstance(value, bytes):
                    scalars += _scalar(step, value)
    except BrokenMessage:
        return []
    return scalars if 0 <= step < 1 << 63 else []


def _scalar(step: int, message: bytes) -> list[Scalar]:
    """Return the one scalar of a summary value; none where it is something else."""
    fields = list(fields_of(message))
    tag = first_bytes(fields, _VALUE_TAG)
    if tag is None:
        return []
    value: float | None = None
    for number, given in fields:
        if number == _VALUE_SIMPLE and isinstance(given, bytes) and len(given) == 4:
            value = struct.unpack("<f", given)[0]
        elif number == _VALUE_TENSOR and isinstance(given, bytes):
            value = _tensor(list(fields_of(given)))
    return [] if value is None else [Scalar(step, tag.decode("utf-8", "replace"), value)]


def _tensor(fields: list[Field]) -> float | None:
    """Return the one number in a tensor of single or double precision; None for any other."""
    kind = next((value for number, value in fields if number == _TENSOR_TYPE and isinstance(value, int)), 0)
    if kind not in _KINDS:
        return None
    code, one_by_one = _KINDS[kind]
    content = first_bytes(fields, _TENSOR_CONTENT)
    numbers = packed_numbers(code, content) if content is not None else []
    for number, value in fields:
        if number == one_by_one and isinstance(value, bytes):
            numbers += packed_numbers(code, value)
    return numbers[0] if len(numbers) == 1 else None
