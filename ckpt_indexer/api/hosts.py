"""Under which names a request may come, and from which page. Pure.

A page of any origin can send requests to 127.0.0.1, and after DNS rebinding read the answers: a list of hosts stops the
second, a look at the origin the first.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SCHEMES = ("http://", "https://")


def name_of(authority: str) -> str | None:
    """Return the host of `host[:port]` in lower case, without a dot at its end; None when it is malformed."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host += bracket
    else:
        host, colon, rest = authority.partition(":")
        rest = colon + rest
    port = rest.removeprefix(":")
    if (rest and not rest.startswith(":")) or (port and not (port.isascii() and port.isdigit() and len(port) <= 5)):
        return None
    host = host.lower().removesuffix(".")
    return host if host and all(char.isalnum() or char in "-._[]:" for char in host) and host.isascii() else None


def is_allowed(authority: str, *, names: Collection[str], address: str | None) -> bool:
    """Tell whether a request may name this host: loopback, a name of the settings, or the address it came to."""
    host = name_of(authority)
    if host is None:
        return False
    if host in LOOPBACK or host in names:
        return True
    return address is not None and is_address(host) and host.strip("[]") == address.lower()


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens on a host."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_own_origin(origin: str, authority: str) -> bool:
    """Tell whether an `Origin` is the page this request's host serves."""
    lower = origin.lower()
    scheme = next((one for one in SCHEMES if lower.startswith(one)), None)
    if scheme is None:
        return False
    default = ":443" if scheme == "https://" else ":80"
    return lower.removeprefix(scheme).removesuffix(default) == authority.lower().removesuffix(default)
