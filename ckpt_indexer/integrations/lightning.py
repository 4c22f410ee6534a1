"""A correct document beside every checkpoint that Lightning saves.

    from ckpt_indexer.integrations.lightning import MetadataCallback
    trainer = Trainer(callbacks=[MetadataCallback(), ModelCheckpoint(monitor="val/hmean", mode="max")])

The callback hooks the trainer's strategy, so top-k, last, step, manual, exception and weights-only saves are all seen,
and so are removals. Under `lightning.pytorch` as under `pytorch_lightning`; see `lightning_base` for which one counts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import ref

from ckpt_indexer.integrations.guard import Guard, SidecarWarning
from ckpt_indexer.integrations.lightning_base import callback_bases
from ckpt_indexer.integrations.lightning_hooks import install
from ckpt_indexer.integrations.lightning_metrics import numbers, shown_metrics
from ckpt_indexer.integrations.lightning_session import Session, is_fitting
from ckpt_indexer.integrations.lightning_snapshot import Options
from ckpt_indexer.metadata.schema import LATEST, PHASES
from ckpt_indexer.metadata.writable import name

if TYPE_CHECKING:
    from collections.abc import Callable

    Sessions = list[tuple[ref[Any], Session]]  # trainers

__all__ = ["MetadataCallback", "SidecarWarning"]

VERSIONS = ("1.0", LATEST)
"""Versions of the document that can be written."""

_Base: Any = type("_Base", callback_bases(), {})  # Lightning's Callback, chosen at run time


class MetadataCallback(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """Writes `<stem>.metadata.yaml` beside every checkpoint the trainer saves, and removes it with its checkpoint.

    Its one promise: the document says what is true of that very file, or nothing; and the training neither fails nor
    waits for it. The first failure is warned about once (`SidecarWarning`), later ones are logged.
    """

    def __init__(
        self,
        exp_name: str | None = None,
        outputs_dir: str | os.PathLike[str] | None = None,
        training_phase: str = "training",
        schema_version: str = LATEST,
    ) -> None:
        """Say what the trainer cannot know.

        Args:
            exp_name: The experiment. Left out, it is the `exp_name` of the hyper-parameters or of the run's Hydra
                configuration, else the directory the run lies in.
            outputs_dir: The directory that a catalog watches; paths in documents are relative to it. Left out, paths
                are relative to the trainer's own directory or the current one.
            training_phase: `training`, `validation` or `finetuning`.
            schema_version: `2.0`, or `1.0` while programs that know only that read the documents.

        Raises:
            ValueError: a phase or version there is not.
        """
        super().__init__()
        if training_phase not in PHASES:
            raise ValueError(f"training_phase is {' or '.join(PHASES)}, not {training_phase!r}")
        if str(schema_version) not in VERSIONS:
            raise ValueError(f"schema_version is {' or '.join(VERSIONS)}, not {schema_version!r}")
        place = None if outputs_dir is None else os.path.abspath(outputs_dir)
        self._options = Options(name(exp_name), place, training_phase, str(schema_version))
        self._sessions: Sessions = []

    def __getstate__(self) -> dict[str, Any]:
        """What was seen so far stays in this process."""
        return {**self.__dict__, "_sessions": []}

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Put the hooks in place; they stay after the run, for saves by hand."""
        session = self._session(trainer)
        _safely(session, "starting", session.begin, trainer, stage)
        _safely(session, "hooking the trainer's saves", install, trainer, session)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Ask once what does not change: it may take longer than a save should."""
        session = self._session(trainer)
        if trainer.is_global_zero:
            _safely(session, "describing the training", session.learn, trainer)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Remember what the trainer shows before the evaluation."""
        session = self._session(trainer)
        _safely(session, "reading the metrics", _evaluation_began, session, trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Take what the evaluation returned, also for checkpoints saved at this step already."""
        session = self._session(trainer)
        _safely(session, "reading the results of the evaluation", _evaluation_ended, session, trainer)

    on_test_start = on_validation_start
    on_test_end = on_validation_end

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Notice that other weights were loaded for it."""
        session = self._session(trainer)
        _safely(session, "looking for weights that were loaded", session.notice_loaded, trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """From here on values of the whole epoch are those of this step."""
        session = self._session(trainer)
        _safely(session, "reading the global step", _epoch_ended, session, trainer)
        _safely(session, "looking for overdue checkpoints", session.settle_overdue)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Look for files that came late: the run may end without another hook."""
        session = self._session(trainer)
        _safely(session, "looking for overdue checkpoints", session.settle_overdue)
        _safely(session, "looking for checkpoints that are gone", session.sweep)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ANN401, ARG002  # Lightning's hook
        """Every writer has ended: settle what is left."""
        session = self._session(trainer)
        _safely(session, "settling the last checkpoints", session.finish)

    def _session(self, trainer: Any) -> Session:  # noqa: ANN401  # a trainer
        """Return what belongs to this trainer, by identity: one of another class may not be hashable."""
        for held, session in self._sessions:
            if held() is trainer:
                return session
        session = Session(self._options, Guard())
        self._sessions = [*((held, old) for held, old in self._sessions if held() is not None), (ref(trainer), session)]
        return session


def _epoch_ended(session: Session, trainer: Any) -> None:  # noqa: ANN401  # a trainer
    session.freshness.epoch_ended_at = trainer.global_step


def _evaluation_began(session: Session, trainer: Any) -> None:  # noqa: ANN401  # a trainer
    if trainer.sanity_checking:
        return
    session.notice_loaded(trainer)
    session.freshness.evaluation_began(shown_metrics(trainer))


def _evaluation_ended(session: Session, trainer: Any) -> None:  # noqa: ANN401  # a trainer
    if trainer.sanity_checking:
        return
    shown = shown_metrics(trainer)
    if not trainer.is_global_zero:
        return
    session.freshness.evaluation_ended(trainer.global_step, shown, numbers(shown))
    if is_fitting(trainer):  # else the weights may be others
        session.rewrite(trainer, trainer.global_step, shown)


def _safely(session: Session, what: str, call: Callable[..., object], *given: object) -> None:
    session.guard.run(what, call, *given)
