"""The token beside a catalog, and whether the program that asks for it may be told."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHAPE = re.compile(r"[A-Za-z0-9_-]{32,128}")
_LISTENS = "0A"
"""State of a listening socket in /proc/net/tcp: https://docs.kernel.org/networking/proc_net_tcp.html"""
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def read_token(database: str | os.PathLike[str]) -> str | None:
    """Return the token in `<db>.token`; None unless it is a file that only this user can read."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(os.fspath(database) + ".token", flags)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            return None
        text = os.read(descriptor, 256).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    return text if _SHAPE.fullmatch(text) else None


def listens_as_this_user(port: int, tables: tuple[str, ...] = _TABLES) -> bool:
    """Tell whether everything that listens on a TCP port of this machine belongs to this user.

    Another user may have taken the port of a daemon that is not running, to be told its token.
    """
    owners = {owner for table in tables for owner in _owners(table, port)}
    return owners == {os.geteuid()}


def _owners(table: str, port: int) -> Iterator[int]:
    try:
        with open(table, encoding="ascii", errors="replace") as stream:
            lines = stream.readlines()[1:]
    except OSError:
        return
    ending = f":{port:04X}"
    for line in lines:
        words = line.split()
        if len(words) > 7 and words[3] == _LISTENS and words[1].endswith(ending):
            yield int(words[7])
