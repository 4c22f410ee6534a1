"""What the API needs of the daemon around it. Implemented by `app.faces` over the service, and by a fake in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one request changes of what people say about a checkpoint. None leaves a thing as it is."""

    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    notes: str | None = None
    """Empty takes the notes away."""
    pinned: bool | None = None


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """What one statement yielded."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]  # SQLite values
    truncated: bool


class Control(Protocol):
    """The daemon, as the API sees it. Every method may block for a moment and is called from a thread."""

    def health(self) -> Mapping[str, Any]:  # JSON values
        """Return how the service is, as the daemon's socket does; never raises."""
        ...

    def is_ready(self) -> bool:
        """Tell whether the first reconcile is done, nothing was pending then, and the catalog can be written."""
        ...

    def progress(self) -> Mapping[str, Any] | None:  # JSON values
        """Return {phase, root, found, done, pending} of the scan under way; None when there is none."""
        ...

    def rescan(self, root: str | None, *, full: bool) -> Sequence[str]:
        """Begin to scan the root of a name, or all; return their names. Raises CheckpointNotFound, DaemonError."""
        ...

    def annotate(self, row_id: int, said: Annotation) -> int:
        """Write down what somebody said; return the seq that shows it. Raises CheckpointNotFound, StoreError,
        DaemonError."""
        ...

    def sql(self, statement: str) -> SqlAnswer:
        """Return what one SELECT yields, within the limits of the interface. Raises QueryError, StoreError."""
        ...
