"""The handshake of the page's websocket, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.api.interface import Interface


def shake(page: Interface, host: str, *more: str) -> int:
    """Return the status of a websocket's handshake."""
    head = [
        "GET /ui/_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1", f"Host: {host}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *more,
    ]  # fmt: skip
    return page.status(("\r\n".join(head) + "\r\n\r\n").encode())
