"""The border of the training callbacks: what fails behind it never reaches the training, and is never silent either."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)


class SidecarWarning(RuntimeWarning):
    """A sidecar, or part of one, could not be made; the training is not affected."""


class Guard:
    """Runs what must not fail a training. The first failure is told loudly, later ones at debug level; all are counted.

    Used from the training thread and from the threads that write checkpoints.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told = 0
        self.failures = 0

    def run(self, what: str, call: Callable[Given, Answer], *given: Given.args, **more: Given.kwargs) -> Answer | None:
        """Return what the call returns; None when it raises. `what` says what was attempted, as the end of
        "failed: "."""
        try:
            return call(*given, **more)
        except Exception as error:  # noqa: BLE001  # the border of the callbacks; told with its traceback
            self._tell(what, error)
            return None

    def summarise(self) -> None:
        """Say how many failures there were since the last summary, unless it was the one told already."""
        with self._lock:
            unsaid, self._told = self.failures - self._told, self.failures
        if unsaid > 0 and self.failures > 1:
            _log.warning("%d steps of describing checkpoints failed in all; details at level DEBUG", self.failures)

    def _tell(self, what: str, error: Exception) -> None:
        with self._lock:
            self.failures += 1
            first = self.failures == 1
        if not first:
            _log.debug("failed: %s", what, exc_info=error)
            return
        self._told = 1
        _log.warning("failed: %s; the training goes on", what, exc_info=error)
        message = f"failed: {what} ({type(error).__name__}: {error}); the training goes on, later failures are logged"
        try:
            warnings.warn(message, SidecarWarning, stacklevel=4)
        except SidecarWarning:  # the training runs with warnings as errors: not for ours
            _log.debug("the warning was turned into an error and dropped")
