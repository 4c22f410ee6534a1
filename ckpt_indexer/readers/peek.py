"""Epoch and global step from the first bytes of a Lightning checkpoint, without reading its header.

Lightning writes `epoch` and `global_step` as the first keys of the first pickle of a torch zip file, so the first 4 KiB
tell. This is the one parse of checkpoint bytes that runs inside the daemon: a few dozen opcodes that push scalars, and
nothing else. Whatever it does not know ends it with the answer "cannot tell".

Layout of a zip entry: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT section 4.3.7; order of the keys:
https://github.com/Lightning-AI/pytorch-lightning/blob/2.5.0/src/lightning/pytorch/trainer/connectors/checkpoint_connector.py
"""

from __future__ import annotations

import os
import stat
from struct import Struct, error
from typing import NamedTuple

PREFIX_BYTES = 4096
_OPCODES = 64
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_LOCAL = Struct("<4s2xHH8xI4xHH").unpack_from
"""Signature, flags, compression method, compressed size, length of the name, length of the extra field; 30 bytes."""
_LOCAL_BYTES = 30
_ENCRYPTED = 1
_SIZE_FOLLOWS = 8
"""Flag: the sizes are written after the content, as torch does."""
_NAME = b"/data.pkl"
_INT4 = Struct("<i").unpack_from
_UINT4 = Struct("<I").unpack_from
_UINT2 = Struct("<H").unpack_from
_STEP_OVER = {0x80: 1, 0x95: 8, 0x71: 1, 0x72: 4, 0x94: 0}
"""PROTO, FRAME, BINPUT, LONG_BINPUT, MEMOIZE: opcode -> bytes of an argument that carries nothing."""
_EMPTY_DICT, _MARK = 0x7D, 0x28
_OTHER = {0x4E: 0, 0x88: 0, 0x89: 0, 0x47: 8}
"""NONE, NEWTRUE, NEWFALSE, BINFLOAT: opcode -> bytes of a value that is no integer."""
_MOST_EPOCH = (1 << 31) - 1
_MOST_STEP = (1 << 53) - 1


class Peek(NamedTuple):
    """What the first keys say; None for one that is not among them or is no plausible number."""

    epoch: int | None
    global_step: int | None


def peek_file(path: bytes) -> Peek | None:
    """Return what the first 4 KiB of a regular file say; None when they do not, or it cannot be opened or read."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return peek(os.pread(descriptor, PREFIX_BYTES, 0))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def peek(prefix: bytes) -> Peek | None:
    """Return what the first bytes of a file say; None when they do not tell. Never raises.

    Only a stored, unencrypted first entry named `<one part>/data.pkl` is looked at, and of it at most 64 opcodes.
    """
    prefix = bytes(prefix[:PREFIX_BYTES])
    try:
        signature, flags, method, size, name_bytes, extra_bytes = _LOCAL(prefix, 0)
        start = _LOCAL_BYTES + name_bytes
        name = prefix[_LOCAL_BYTES:start]
        if signature != b"PK\x03\x04" or method or flags & _ENCRYPTED:
            return None
        if not name.endswith(_NAME) or name.count(b"/") != 1 or name == _NAME:
            return None
    except error:
        return None
    start += extra_bytes
    end = len(prefix) if flags & _SIZE_FOLLOWS else min(len(prefix), start + size)
    found = _first_keys(prefix[:end], start)
    epoch = _plausible(found.get(b"epoch"), _MOST_EPOCH)
    step = _plausible(found.get(b"global_step"), _MOST_STEP)
    return None if epoch is None and step is None else Peek(epoch, step)


def _plausible(value: int | bytes | None, most: int) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _first_keys(data: bytes, pos: int) -> dict[bytes, int | bytes]:
    """Return `epoch` and `global_step` where they are among the first keys of the dict a pickle begins with.

    Ends at the first value that is no scalar, at the end of the bytes and after 64 opcodes.
    """
    found: dict[bytes, int | bytes] = {}
    opening = [_MARK, _EMPTY_DICT]
    key = b""
    is_key = True
    for _ in range(_OPCODES):
        if pos >= len(data):
            break
        code = data[pos]
        if code in _STEP_OVER:
            pos += 1 + _STEP_OVER[code]
            continue
        if opening:
            if code != opening.pop():
                break
            pos += 1
            continue
        value, pos = _scalar(data, pos + 1, code)
        if value is None:
            break
        if is_key:
            key = value if type(value) is bytes else b""
        elif key in (b"epoch", b"global_step"):
            found[key] = value
            if len(found) == 2:
                break
        is_key = not is_key
    return found


def _scalar(data: bytes, pos: int, code: int) -> tuple[int | bytes | None, int]:
    """Return an integer, or the bytes of a text (empty for what is neither), and the position after it; None: stop."""
    if code in _OTHER:
        return b"", pos + _OTHER[code]
    try:
        if code == 0x4B:  # BININT1
            return data[pos], pos + 1
        if code == 0x4D:  # BININT2
            return _UINT2(data, pos)[0], pos + 2
        if code == 0x4A:  # BININT
            return _INT4(data, pos)[0], pos + 4
        if code == 0x58:  # BINUNICODE
            after = pos + 4 + _UINT4(data, pos)[0]
            text = data[pos + 4 : after]
        elif code == 0x8C:  # SHORT_BINUNICODE
            after = pos + 1 + data[pos]
            text = data[pos + 1 : after]
        elif code == 0x8A and 0 < data[pos] <= 8:  # LONG1
            after = pos + 1 + data[pos]
            number = int.from_bytes(data[pos + 1 : after], "little", signed=True)
            return (number if after <= len(data) else None), after
        else:
            return None, pos
    except (IndexError, error):
        return None, pos
    return (text if after <= len(data) else None), after
