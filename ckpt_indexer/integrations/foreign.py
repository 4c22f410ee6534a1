"""Asking objects of the training itself (models, configs, tensors): what one raises is a problem, never a failure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from ckpt_indexer.integrations.guard import Guard
from ckpt_indexer.metadata.fields import INT_LIMIT, refuse
from ckpt_indexer.metadata.record import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)


class Asking(Guard):
    """A guard that turns every failure into a problem of the document, for one document."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self._problems = problems

    def _tell(self, what: str, error: Exception) -> None:
        _log.debug("failed: %s", what, exc_info=error)
        self._problems.append(Problem("field", f"{what}: it raised {type(error).__name__}"))


def ask(what: str, question: Callable[[], Answer], problems: list[Problem]) -> Answer | None:
    """Return the answer; None, with a problem that says `what`, when asking raised."""
    return Asking(problems).run(what, question)


def plain(value: object) -> object:
    """Return the one Python value of a tensor, array or numpy scalar; anything else as it is.

    Raises:
        Exception: whatever a tensor that does not hold exactly one value raises.
    """
    item = None if isinstance(value, str | bytes | int | float | Mapping) else getattr(value, "item", None)
    return item() if callable(item) else value


def whole(value: object, path: str, problems: list[Problem], *, low: int = 0) -> int | None:
    """Return a count as a plain integer, from `3`, `3.0` or a tensor of it; None for None, else None with a problem."""
    if value is None:
        return None
    found = ask(path, lambda: plain(value), problems)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool) and low <= found < INT_LIMIT:
        return int(found)
    refuse(problems, path, f"a whole number of at least {low}", value)
    return None
