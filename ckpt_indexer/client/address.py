"""Where a daemon answers: `http://host:port`, `https://host/prefix`, `unix:/path`. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from ckpt_indexer.errors import SettingsError

DEFAULT_PORTS = {"http": 80, "https": 443}
PAGE = "/ui"


class Address(NamedTuple):
    """One address, taken apart."""

    shown: str
    """What people are told: without a token."""
    scheme: str
    """http, https or unix."""
    host: str
    port: int
    """0 for a Unix socket."""
    prefix: str
    """What stands before every path, without a slash at its end."""
    socket: str | None = None
    """Path of the Unix socket."""
    token: str | None = None
    """The token that stood in the address, as in the one `serve` prints."""

    @property
    def is_loopback(self) -> bool:
        """Tell whether it is a TCP address that only this machine reaches."""
        if self.scheme == "unix" or self.host == "localhost":
            return self.scheme != "unix"
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # another name
            return False


def read_address(text: str) -> Address:
    """Take an address apart. The page's address, and one with `?token=`, are taken as well.

    Raises:
        SettingsError: it is none.
    """
    scheme = text.partition(":")[0].lower()
    if scheme in ("unix", "http+unix"):
        return _unix(text, scheme)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{_shown(text)} is no address: {error}", url=_shown(text)) from error
    if not host or parts.username is not None or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(f"{_shown(text)} is no address of a daemon; one is http://127.0.0.1:8765", url=_shown(text))
    prefix = parts.path.rstrip("/")
    prefix = prefix.removesuffix(PAGE) if prefix.endswith(PAGE) else prefix
    token = parse_qs(parts.query).get("token", [None])[0]
    shown = f"{scheme}://{parts.netloc}{prefix}"
    return Address(shown, scheme, host, port or DEFAULT_PORTS[scheme], prefix, token=token)


def _unix(text: str, scheme: str) -> Address:
    rest = text.partition(":")[2]
    path = "/" + rest.lstrip("/") if rest.startswith("/") else rest
    if scheme == "http+unix":  # as other clients write it: http+unix://%2Frun%2Fx.sock
        path = unquote(rest.removeprefix("//"), errors="surrogateescape")
    if not path or "\x00" in path:
        raise SettingsError(f"{text} names no socket; an address is unix:/path/to/socket", url=text)
    return Address(f"unix:{path}", "unix", "localhost", 0, "", socket=path)


def _shown(text: str) -> str:
    return text.partition("?")[0]
