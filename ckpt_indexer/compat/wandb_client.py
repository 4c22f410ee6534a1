"""What W&B says of the run a checkpoint comes from, and which run that is.

`get_metadata_from_wandb` asks the server through the `wandb` package in a short-lived child process, within seconds and
politely: after a failure not at once again. `get_run_config` and `get_run_summary` give what the package gives, so they
load it into this process.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ckpt_indexer.compat.config_resolver import load_config, resolve_config_path
from ckpt_indexer.compat.metadata_loader import documents_beside
from ckpt_indexer.compat.opened import settings_in_force
from ckpt_indexer.compat.wandb_metadata import metadata_of
from ckpt_indexer.errors import SourceError
from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.sources.wandb.api import Outcome, WandbOptions, complete
from ckpt_indexer.sources.wandb.breaker import Breaker
from ckpt_indexer.sources.wandb.process import COMMAND, WandbProcess
from ckpt_indexer.sources.wandb.run import RUN_ID, RunRef, RunSaid, row_of, summary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.compat.types import CheckpointMetadataV1

LOGGER = logging.getLogger(__name__)
_PACKAGE = "wandb"
_KEY = "WANDB_API_KEY"
_FAILURES: tuple[type[Exception], ...] = (ValueError, TypeError, KeyError, AttributeError, OSError, RuntimeError)
"""What the package raises beside its own errors."""


class _Kept(NamedTuple):
    value: Any
    """JSON values, or what a run said; None: the server does not know the run."""
    at: float
    """Monotonic seconds."""


class WandbClient:
    """Asks a W&B server. Available when `WANDB_API_KEY` is set, or W&B switched on in the settings, and the package is
    installed. Never raises for what a server does: no answer is None. Safe to share between threads."""

    def __init__(
        self,
        cache_size: int = 256,
        *,
        command: Sequence[str] = COMMAND,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cache_size`: answers that are kept."""
        self._options = _options()
        self._is_available = (bool(os.environ.get(_KEY)) or self._options.enabled) and _is_installed()
        self._api: Any = None  # the package is optional and untyped enough
        self._size = cache_size
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._lock = threading.RLock()
        self._command = command
        self._monotonic = monotonic
        self._breaker = Breaker()
        self._child: WandbProcess | None = None

    @property
    def is_available(self) -> bool:
        """Tell whether the server may be asked at all."""
        return self._is_available

    @property
    def is_reachable(self) -> bool:
        """Tell whether the last question was answered."""
        return not self._breaker.failures

    @property
    def api(self) -> Any:  # noqa: ANN401  # wandb.Api
        """The package's own client, made when first asked for; None when it is not available or refuses to start."""
        if self._api is None and self._is_available:
            import wandb

            try:
                self._api = wandb.Api(timeout=max(1, round(self._options.timeout_s)))
            except _failures() as error:
                LOGGER.warning("the W&B client cannot be used: %s", type(error).__name__)
        return self._api

    def get_run_config(self, run_id: str) -> dict[str, Any] | None:  # JSON values
        """Return the configuration of a run without W&B's own keys; None when it cannot be had."""
        config = self._fetched(run_id, "config")
        return None if config is None else {key: value for key, value in config.items() if not key.startswith("_")}

    def get_run_summary(self, run_id: str) -> dict[str, Any] | None:  # JSON values
        """Return the last values of a run; None when they cannot be had. They need not be any checkpoint's own."""
        return self._fetched(run_id, "summary")

    def get_metadata_from_wandb(
        self, run_id: str, checkpoint_path: str | os.PathLike[str]
    ) -> CheckpointMetadataV1 | None:
        """Return what a run says of one of its checkpoints; None when it says nothing, or nothing for version 1.0.

        Metrics are those of the history row measured at the checkpoint's step, never the last values of the run. Epoch
        and step are those in the first bytes of the checkpoint, else in its name.
        """
        with self._lock:
            said = self._said(run_id)
        return None if said is None else metadata_of(said, run_id, Path(checkpoint_path))

    def clear_cache(self) -> None:
        """Forget all answers, and that the server did not answer."""
        with self._lock:
            self._kept.clear()
            self._breaker = Breaker()

    def close(self) -> None:
        """End the child process; the next question starts another."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.close()

    def _said(self, run_id: str) -> RunSaid | None:
        if not self._is_available:
            return None
        if self._api is not None:
            return self._said_by_package(run_id)
        run = RunRef.parse(run_id)
        whole = None if run is None else complete(run, self._options)
        if whole is None:
            LOGGER.debug("the run %s is not asked for: its project is not known", run_id)
            return None
        kept = self._recall("run", whole.key)
        now = self._monotonic()
        if kept is not None and (kept.value is None or kept.value.final or now - kept.at < self._options.running_ttl_s):
            return cast("RunSaid | None", kept.value)
        if self._breaker.wait_s(now) > 0:
            return None
        said = self._ask(whole.key)
        if self.is_reachable:
            self._keep("run", whole.key, said)
        return said

    def _said_by_package(self, run_id: str) -> RunSaid | None:
        """Return what the package's client in this process says: the last values count where their step fits."""
        config, summary = self.get_run_config(run_id), self.get_run_summary(run_id)
        if config is None and summary is None:
            return None
        run = RunRef.parse(run_id)
        said = RunSaid(run_id if run is None else run.id, whole=False)
        said.add_config(config or {})
        last = row_of(summary or {})
        said.summary = summary_of(summary or {})
        said.rows = [] if last is None else [last]
        return said

    def _ask(self, key: str) -> RunSaid | None:
        """Ask the child; after a failure it is replaced, and the server left alone for a while."""
        try:
            if self._child is None:
                self._child = WandbProcess.start(self._child_options(), os.environ, self._command)
                self._child.wait_until_ready()
            answer = self._child.ask(key)
            outcome = Outcome(answer["outcome"])
            said = RunSaid.from_json(answer["run"]) if outcome is Outcome.OK else None
        except (SourceError, KeyError, TypeError, ValueError) as error:
            LOGGER.info("the W&B server was not reached: %s", error)
            outcome, said = Outcome.UNREACHABLE, None
        if outcome in {Outcome.OK, Outcome.NOTFOUND}:
            self._breaker = self._breaker.succeeded()
        else:
            self.close()
            self._breaker = self._breaker.failed(self._monotonic(), self._options.breaker)
        return said

    def _child_options(self) -> dict[str, Any]:  # JSON values
        options = self._options
        named = {"base_url": options.base_url, "entity": options.entity, "project": options.project}
        return {**named, "timeout_s": options.timeout_s}

    def _fetched(self, run_id: str, what: str) -> dict[str, Any] | None:  # JSON values
        """Return one part of a run, kept or fetched by the package's client in this process."""
        api = self.api
        if api is None:
            return None
        with self._lock:
            kept = self._recall(what, run_id)
            if kept is not None:
                return cast("dict[str, Any]", kept.value)  # JSON values
            try:
                found = dict(getattr(api.run(run_id), what))
            except _failures() as error:
                LOGGER.warning("the W&B run %s cannot be read: %s", run_id, type(error).__name__)
                return None
            self._keep(what, run_id, found)
            return found

    def _recall(self, what: str, key: str) -> _Kept | None:
        found = self._kept.get((what, key))
        if found is not None:
            self._kept.move_to_end((what, key))
        return found

    def _keep(self, what: str, key: str, value: Any) -> None:  # noqa: ANN401  # JSON values, or what a run said
        self._kept[what, key] = _Kept(value, self._monotonic())
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


@cache
def get_wandb_client() -> WandbClient:
    """Return the client that every builder of this process shares."""
    return WandbClient()


def extract_run_id_from_checkpoint(checkpoint_path: str | os.PathLike[str]) -> str | None:
    """Return the W&B run of a checkpoint as its document names it, else its configuration; None when neither does.

    A bare id, or `entity/project/id`. The document need not be valid.
    """
    path = os.fsencode(checkpoint_path)
    for one in documents_beside(path):
        named = one.attempt.document.get(RUN_ID) if one.attempt.document is not None else None
        if isinstance(named, str) and RunRef.parse(named) is not None:
            return named.strip()
    config = load_config(resolve_config_path(os.fsdecode(path)))
    found = find_facts(config).facts.get(RUN_ID) if isinstance(config, Mapping) else None
    return found if isinstance(found, str) else None


def _options() -> WandbOptions:
    """Return whom to ask: as settings say, else as the package's own environment variables do."""
    wanted, environ = settings_in_force().wandb, os.environ
    return WandbOptions(
        enabled=wanted.enabled,
        entity=wanted.entity or environ.get("WANDB_ENTITY") or None,
        project=wanted.project or environ.get("WANDB_PROJECT") or None,
        base_url=wanted.base_url or environ.get("WANDB_BASE_URL") or None,
        timeout_s=float(wanted.timeout_s),
    )


def _is_installed() -> bool:
    try:
        return find_spec(_PACKAGE) is not None
    except (ImportError, ValueError):  # half-loaded, or put in place by a test
        return True


def _failures() -> tuple[type[Exception], ...]:
    """Return what the package raises; it need not be loaded when its client was given."""
    own = getattr(sys.modules.get(_PACKAGE), "Error", None)
    return (*_FAILURES, own) if isinstance(own, type) and issubclass(own, Exception) else _FAILURES
