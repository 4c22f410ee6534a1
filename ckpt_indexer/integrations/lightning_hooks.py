"""Replacements for four methods on instances, which tell a session what they did. Adapts Lightning; decides nothing.

`strategy.save_checkpoint` and `remove_checkpoint` are public, and every save and removal goes through them: top-k,
last, manual, on exception, weights only, sharded. Where the checkpoint IO wraps another one (AsyncCheckpointIO), the
innermost one knows when the file is there. `ModelCheckpoint._link_checkpoint` alone is private: a link made with
`save_last="link"` passes by all of these.
https://github.com/Lightning-AI/pytorch-lightning/blob/2.5.0/src/lightning/pytorch/strategies/strategy.py

What a replaced method returns or raises is passed on unchanged. A copy or pickle of the instance has the method it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.integrations.lightning_owner import model_checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.integrations.lightning_session import Session

    Method = Callable[..., Any]  # a method of Lightning's


MAX_WRAPPED = 8
"""Checkpoint IOs around each other that are looked into."""


class Hook:
    """A callable that stands in for one method of one instance."""

    method: str
    """Its name."""

    def __init__(self, holder: Any, session: Session) -> None:  # noqa: ANN401  # whatever has the method
        self.original: Method = getattr(holder, self.method)
        self.session = session

    def __reduce__(self) -> tuple[Callable[[Method], Method], tuple[Method]]:
        """Other processes and copies get the original: the session stays here."""
        return _itself, (self.original,)


class SaveHook(Hook):
    """`Strategy.save_checkpoint`: takes the snapshot before the save and settles it after."""

    method = "save_checkpoint"

    def __init__(self, holder: Any, session: Session, trainer: Any, *, by_io: bool) -> None:  # noqa: ANN401  # a strategy
        super().__init__(holder, session)
        self.trainer = trainer
        self.by_io = by_io

    def __call__(self, checkpoint: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Lightning's
        """Save as the strategy does."""
        session, guard = self.session, self.session.guard
        ticket = guard.run(
            f"describing {filepath}", session.announce, checkpoint, filepath, self.trainer, by_io=self.by_io
        )
        try:
            answer = self.original(checkpoint, filepath, *args, **kwargs)
        except BaseException:
            if ticket is not None and not self.by_io:
                guard.run(f"forgetting {filepath}", session.failed, filepath)
            raise
        if ticket is not None:
            guard.run(f"writing the sidecar of {filepath}", session.settle, ticket)
        return answer


class RemoveHook(Hook):
    """`Strategy.remove_checkpoint`: removes the document too."""

    method = "remove_checkpoint"

    def __init__(self, holder: Any, session: Session, trainer: Any) -> None:  # noqa: ANN401  # a strategy, its trainer
        super().__init__(holder, session)
        self.trainer = trainer

    def __call__(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Lightning's
        """Remove as the strategy does."""
        answer = self.original(filepath, *args, **kwargs)
        if self.trainer.is_global_zero:  # every process gets here; another may be late, and hit a new document
            self.session.guard.run(f"removing the sidecar of {filepath}", self.session.removed, filepath)
        return answer


class WriteHook(Hook):
    """`CheckpointIO.save_checkpoint` of the innermost IO, which may run in a thread of its own."""

    method = "save_checkpoint"

    def __call__(self, checkpoint: Any, path: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Lightning's
        """Write as the IO does."""
        session = self.session
        try:
            answer = self.original(checkpoint, path, *args, **kwargs)
        except BaseException:
            session.guard.run(f"forgetting {path}", session.failed, path)
            raise
        session.guard.run(f"writing the sidecar of {path}", session.settle_path, path)
        return answer


class LinkHook(Hook):
    """`ModelCheckpoint._link_checkpoint`: gives the link a document of its own."""

    method = "_link_checkpoint"

    def __call__(self, trainer: Any, filepath: Any, linkpath: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Lightning's
        """Link as the callback does."""
        answer = self.original(trainer, filepath, linkpath, *args, **kwargs)
        if trainer.is_global_zero:
            self.session.guard.run(f"writing the sidecar of {linkpath}", self.session.linked, filepath, linkpath)
        return answer


def install(trainer: Any, session: Session) -> None:  # noqa: ANN401  # a trainer
    """Put the hooks of a session in place; those that are there already stay."""
    strategy, guard = trainer.strategy, session.guard
    if not _is_ours(vars(strategy).get(SaveHook.method), session):
        by_io = guard.run("following the checkpoint IO", _follow_io, strategy, session) or False
        strategy.save_checkpoint = SaveHook(strategy, session, trainer, by_io=by_io)
        strategy.remove_checkpoint = RemoveHook(strategy, session, trainer)
    for callback in model_checkpoints(trainer):
        links = callback.save_last == "link" and hasattr(callback, LinkHook.method)
        if links and not _is_ours(vars(callback).get(LinkHook.method), session):
            setattr(callback, LinkHook.method, LinkHook(callback, session))


def _follow_io(strategy: Any, session: Session) -> bool:  # noqa: ANN401  # a strategy
    """Hook the innermost checkpoint IO where one wraps another; tell whether one does."""
    outer = inner = strategy.checkpoint_io
    for _ in range(MAX_WRAPPED):  # one that delegates everything may wrap itself
        wrapped = getattr(inner, "checkpoint_io", None)
        if wrapped is None or wrapped is inner:
            break
        inner = wrapped
    if inner is outer:
        return False
    if not _is_ours(vars(inner).get(WriteHook.method), session):
        inner.save_checkpoint = WriteHook(inner, session)
    return True


def _is_ours(method: object, session: Session) -> bool:
    """Tell whether a method is a hook of this session, or one that another session has hooked again."""
    while isinstance(method, Hook):
        if method.session is session:
            return True
        method = method.original
    return False


def _itself(method: Method) -> Method:
    return method
