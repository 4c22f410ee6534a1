"""The token in `<db>.token`: whoever may read that file may write through the API."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

from ckpt_indexer.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

COOKIE = "ckpt-indexer-token"
"""Where the page keeps it."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]{32,128}")


def token_path(database: Path) -> Path:
    """Return where the token of a catalog lies."""
    return database.with_name(database.name + ".token")


def ensure_token(database: Path) -> str:
    """Return the token of a catalog, made when there is none, or when others could have read it.

    Raises:
        StoreError: it cannot be written.
    """
    path = token_path(database)
    try:
        return _found(path) or _made(path)
    except OSError as error:
        raise StoreError(f"the token {path} cannot be written: {error.strerror}", path=str(path)) from error


def matches(given: str, token: str) -> bool:
    """Tell whether a client knows the token, in a time that does not depend on what it got right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _found(path: Path) -> str | None:
    """Return the token kept there; None unless it is a file that only this user can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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


def _made(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(token.encode() + b"\n")
    fresh.replace(path)
    return token
