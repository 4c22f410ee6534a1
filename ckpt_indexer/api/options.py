"""What a user may set about the HTTP interface, and the bounds nobody may set."""

from __future__ import annotations

from dataclasses import dataclass, field

PREFIX = "/api/v1"
"""Where everything but health, metrics and the page lives."""
MAX_LIMIT = 1000
"""Most rows of one page."""
DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one client from harming the others."""

    connections: int = 512
    head_bytes: int = 16 * 1024
    url_bytes: int = 8 * 1024
    body_bytes: int = 64 * 1024
    page_body_bytes: int = 1024 * 1024
    """Bodies for the page's own transport."""
    head_s: float = 5.0
    """For a request to arrive up to its body."""
    body_s: float = 10.0
    idle_s: float = 30.0
    """Between two requests on one connection."""
    stall_s: float = 30.0
    """For a client to take the next part of a streamed answer."""
    waiting: int = 256
    """Questions that may wait for a thread."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the HTTP interface answers."""

    token: str
    """What writes and SQL need."""
    version: str
    """Of this program."""
    guards_reads: bool = False
    """Reads need the token, too."""
    allowed_hosts: tuple[str, ...] = ()
    """Names beside localhost and the address itself under which requests may come."""
    page: bool = False
    """The page is mounted at /ui; it needs websockets and scripts of its own."""
    no_page: str = ""
    """Why there is none; empty: it is not installed."""
    limits: Limits = field(default_factory=Limits)
