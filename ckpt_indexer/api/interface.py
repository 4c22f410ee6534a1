"""What belongs to one running interface: the routes find it at the application they were called in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.api.metrics import Traffic
    from ckpt_indexer.api.stream import Stream


@dataclass(frozen=True, slots=True)
class Interface:
    """Where questions go, what was counted, who listens."""

    desk: Desk
    traffic: Traffic
    stream: Stream
    parameters: dict[Callable[..., Any], frozenset[str]] = field(default_factory=dict)  # endpoints take what they take
    """Endpoint -> the query parameters it takes."""
