"""What the service needs of whatever answers over HTTP. Implemented by `api.server.HttpServer`, and in tests."""

from __future__ import annotations

from typing import Protocol


class Face(Protocol):
    """Something beside the socket that answers questions while the service runs."""

    url: str

    def start(self) -> None:
        """Begin to answer. Raises ComponentFailed."""
        ...

    def is_alive(self) -> bool:
        """Tell whether it still answers."""
        ...

    def close(self) -> None:
        """Stop answering."""
        ...
