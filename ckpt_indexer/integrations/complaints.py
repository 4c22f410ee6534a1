"""What went wrong beside a training that tells us what to write: said once each, later only at debug level."""

from __future__ import annotations

import logging
import warnings

from ckpt_indexer.integrations.guard import Guard, SidecarWarning

_log = logging.getLogger(__name__)
_MAX_SUBJECTS = 1_000


class Complaints(Guard):
    """Warns about each subject once: a metric that is NaN must not use up the warning that nothing is written."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, int] = {}

    def about(self, subject: str, message: str, error: BaseException | None = None) -> None:
        """Say what happened. Messages of one subject differ only in detail; an `error` is logged with its traceback."""
        with self._lock:
            first = subject not in self._counts and len(self._counts) < _MAX_SUBJECTS
            if first or subject in self._counts:
                self._counts[subject] = self._counts.get(subject, 0) + 1
        if not first:
            _log.debug("%s", message, exc_info=error)
            return
        if error is not None:
            _log.warning("%s", message, exc_info=error)
        told = message if error is None else f"{message} ({type(error).__name__}: {error})"
        try:
            warnings.warn(f"{told}; the training goes on, this is said once", SidecarWarning, stacklevel=3)
        except SidecarWarning:  # the training turns warnings into errors: not with ours
            _log.warning("%s", told)

    def summarise(self) -> None:
        """Say how often subjects came up again, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
        for subject, count in counts.items():
            if count > 1:
                _log.warning("%s: %d times in all", subject, count)

    def _tell(self, what: str, error: Exception) -> None:
        self.about(what, f"failed: {what}", error)
