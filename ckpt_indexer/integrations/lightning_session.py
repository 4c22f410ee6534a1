"""One trainer's checkpoints and their documents: what is being saved, what was just saved, what to rewrite or remove.

A `Ticket` is taken before the trainer saves, holds the document of that moment, and is settled once the file is there:
at once, or by the thread that writes it. The documents of the current step stay at hand, because a validation that
ends at the same step measured the very same weights. One lock orders writing, rewriting and removing.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import ref

from ckpt_indexer.integrations.beside_checkpoint import is_gone, read_beside, remove_beside, state_of, write_beside
from ckpt_indexer.integrations.flushing import Flusher
from ckpt_indexer.integrations.freshness import Freshness
from ckpt_indexer.integrations.lightning_metrics import logged_by_training, numbers, shown_metrics
from ckpt_indexer.integrations.lightning_owner import Owner, owner_of
from ckpt_indexer.integrations.lightning_snapshot import (
    Constants,
    Saving,
    constants,
    document_of,
    metrics_of,
    recounted,
)
from ckpt_indexer.integrations.places import absolute
from ckpt_indexer.metadata.schema import LATEST

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ckpt_indexer.integrations.beside_checkpoint import Block, State
    from ckpt_indexer.integrations.guard import Guard
    from ckpt_indexer.integrations.lightning_snapshot import Options

    AnyPath = str | os.PathLike[str]

MAX_REMEMBERED = 256
"""Documents of one step kept for rewriting, and saves that were announced and never came."""


@dataclass(slots=True)
class Ticket:
    """One save, from before it begins until its document is written."""

    saving: Saving
    document: Block
    before: State | None
    """What was at the path before the save."""
    by_io: bool
    """The checkpoint IO says when the file is there; it may be another thread."""
    written: State | None = None
    """The file that the document on disk describes."""
    links: list[str] = field(default_factory=list)
    """Links to the file that were made before it was there."""

    @property
    def path(self) -> str:
        """Absolute path of the checkpoint."""
        return self.saving.path


class Session:
    """Everything the callback knows about one trainer. Methods may raise: whoever calls them guards the training."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self.options = options
        self.guard = guard
        self.freshness = Freshness()
        self._flusher = Flusher(guard)
        self._constants: Constants | None = None
        self._module: ref[Any] | None = None  # the module that the constants are about
        self._lock = threading.RLock()
        self._waiting: dict[str, deque[Ticket]] = {}
        self._recent: deque[Ticket] = deque(maxlen=MAX_REMEMBERED)
        self._linked: dict[str, str] = {}
        self._described: set[str] = set()  # checkpoints whose documents were written here

    def begin(self, trainer: Any, stage: str) -> None:  # noqa: ANN401  # a trainer
        """Forget what belonged to an earlier training, or to another model.

        `stage` is Lightning's word: fit, validate, test, predict. What a training said and measured outlives a mere
        evaluation of its model; but see `notice_loaded`.
        """
        with self._lock:
            self._recent.clear()
            if stage == "fit" or self._module is None or self._module() is not trainer.lightning_module:
                self.freshness = Freshness()
                self._constants = None
                self._module = ref(trainer.lightning_module)

    def notice_loaded(self, trainer: Any) -> None:  # noqa: ANN401  # a trainer
        """Forget what was measured when an evaluation that is about to start has loaded other weights."""
        if not is_fitting(trainer) and trainer.ckpt_path is not None:
            self.freshness = Freshness()

    def learn(self, trainer: Any) -> Constants:  # noqa: ANN401  # a trainer
        """Ask once what stays the same during this training."""
        known = self._constants
        self._constants = constants(trainer, self.guard) if known is None else recounted(known, trainer, self.guard)
        return self._constants

    def announce(
        self,
        checkpoint: Mapping[str, Any],
        path: AnyPath,
        trainer: Any,  # noqa: ANN401  # a trainer
        *,
        by_io: bool,
    ) -> Ticket | None:
        """Take the snapshot of a save that is about to begin; None when it gets no document: a path on another machine,
        a dotfile (temporary, as of the learning rate finder), or a process other than the first."""
        shown = (
            self.guard.run("reading the metrics", shown_metrics, trainer) or {}
        )  # on every rank: it may wait for all
        local = absolute(path)
        if not trainer.is_global_zero or local is None or local.rpartition("/")[2].startswith("."):
            return None
        self.settle_overdue()
        owner = self.guard.run("asking the checkpoint callbacks", owner_of, local, trainer) or Owner(None, "manual")
        saving = Saving(local, checkpoint.get("epoch"), checkpoint.get("global_step"), owner)
        document = document_of(saving, trainer, self.learn(trainer), options=self.options, guard=self.guard)
        document |= self._metrics(saving, trainer, shown)
        ticket = Ticket(saving, document, state_of(local), by_io)
        with self._lock:
            self._waiting.setdefault(local, deque(maxlen=MAX_REMEMBERED)).append(ticket)
            self._remember(ticket)
        return ticket

    def settle(self, ticket: Ticket) -> None:
        """Write the document if the save has changed what is at the path; else it waits for the file. A file that the
        checkpoint IO announces is left to it: a strategy writes directories by itself."""
        with self._lock:
            if not any(ticket is waiting for waiting in self._waiting.get(ticket.path, ())):
                return
            state = state_of(ticket.path)
            if state is None or state == ticket.before or (ticket.by_io and state.is_file):
                return
            self._drop(ticket)
            self._write(ticket, state)

    def settle_path(self, path: AnyPath) -> None:
        """Write the document of the first save announced for this path: its file is complete now."""
        local = absolute(path)
        with self._lock:
            waiting = self._waiting.get(local or "")
            if not waiting:
                return
            ticket = waiting[0]
            self._drop(ticket)
            state = state_of(ticket.path)
            if state is not None:  # else it was removed again before we came
                self._write(ticket, state)

    def settle_overdue(self) -> None:
        """Look again for files that were not there when their save returned."""
        with self._lock:
            for ticket in [ticket for tickets in self._waiting.values() for ticket in tickets]:
                self.settle(ticket)

    def finish(self) -> None:
        """Settle what still waits, now that every writer is done; saves that left no file are forgotten."""
        with self._lock:
            for ticket in [tickets[-1] for tickets in self._waiting.values()]:
                ticket.by_io = False
                self.settle(ticket)
            self._waiting.clear()
        self.sweep()
        self._flusher.close()
        self.guard.summarise()

    def sweep(self) -> None:
        """Remove the documents of checkpoints that were deleted past the trainer, by the training's own code."""
        with self._lock:
            for path in [path for path in self._described if is_gone(path)]:
                self.guard.run(f"removing the sidecar of {path}", self._clear_away, path)

    def failed(self, path: AnyPath) -> None:
        """Forget the first save announced for this path: it raised. If it spoiled the file, the document goes."""
        local = absolute(path)
        with self._lock:
            waiting = self._waiting.get(local or "")
            if not waiting:
                return
            ticket = waiting[0]
            self._drop(ticket)
            self._recent = deque((t for t in self._recent if t is not ticket), maxlen=MAX_REMEMBERED)
            if state_of(ticket.path) != ticket.before:
                remove_beside(ticket.path)

    def removed(self, path: AnyPath) -> None:
        """Remove the document of a checkpoint the trainer removed, and those of links that now lead nowhere."""
        local = absolute(path)
        if local is None:
            return
        with self._lock:
            for gone in (local, *(link for link, target in self._linked.items() if target == local)):
                if state_of(gone) is None:
                    self._clear_away(gone)

    def linked(self, target: AnyPath, link: AnyPath) -> None:
        """Give a link to a checkpoint a document of its own: what the target's says, under the link's name."""
        source, local = absolute(target), absolute(link)
        if source is None or local is None or source == local:
            return
        with self._lock:
            self._linked[local] = source
            waiting = self._waiting.get(source)
            if waiting:
                waiting[-1].links.append(local)
            else:
                self._write_link(source, local)

    def rewrite(self, trainer: Any, step: int, shown: Mapping[str, Any]) -> None:  # noqa: ANN401  # a trainer; tensors
        """Put what a validation returned into the documents of checkpoints saved at the same step."""
        with self._lock:
            for ticket in [ticket for ticket in self._recent if ticket.saving.global_step == step]:
                for key in ("metrics", "metrics_step"):
                    ticket.document.pop(key, None)
                ticket.document |= self._metrics(ticket.saving, trainer, shown)
                if ticket.written is not None and state_of(ticket.path) == ticket.written:
                    self._write(ticket, ticket.written)

    def _metrics(self, saving: Saving, trainer: Any, shown: Mapping[str, Any]) -> Block:  # noqa: ANN401  # a trainer
        """Return `metrics` and `metrics_step` for a checkpoint of the step the trainer is at."""
        step = saving.global_step
        if not isinstance(step, int):
            return {}
        ended = self.freshness.epoch_ended_at == step
        trained = self.guard.run("reading what training logged", logged_by_training, trainer, epoch_ended=ended)
        values = numbers(shown)
        measured = self.freshness.measured(step, values, trained or (), decides=saving.owner.monitor)
        return metrics_of(measured, trainer, self.guard)

    def _remember(self, ticket: Ticket) -> None:
        """Keep the documents of the current step only; of one path the latest."""
        step = ticket.saving.global_step
        kept = [old for old in self._recent if old.saving.global_step == step and old.path != ticket.path]
        self._recent = deque([*kept, ticket], maxlen=MAX_REMEMBERED)

    def _drop(self, ticket: Ticket) -> None:
        left = deque((other for other in self._waiting[ticket.path] if other is not ticket), maxlen=MAX_REMEMBERED)
        self._waiting[ticket.path] = left
        if not left:
            del self._waiting[ticket.path]

    def _clear_away(self, path: str) -> None:
        """Remove what describes a checkpoint that is gone, and forget it."""
        self._described.discard(path)
        self._recent = deque((ticket for ticket in self._recent if ticket.path != path), maxlen=MAX_REMEMBERED)
        remove_beside(path)

    def _write(self, ticket: Ticket, state: State) -> None:
        ticket.written = None
        what = f"writing the sidecar of {ticket.path}"
        if self.guard.run(what, self._write_version, ticket.document, ticket.path, state):
            ticket.written = state if state.is_file else state_of(ticket.path)  # the document is inside a directory
        links, ticket.links = ticket.links, []
        for link in links:
            self.guard.run(f"writing the sidecar of {link}", self._write_link, ticket.path, link)

    def _write_version(self, document: Block, path: str, state: State) -> bool:
        write_beside(document, path, state, version=self.options.schema_version, sync=self._flusher.later)
        self._described.add(path)
        return True

    def _write_link(self, source: str, link: str) -> None:
        """Write the document of a link, from the latest document of its target at hand or on disk."""
        state = state_of(link)
        target = next((ticket for ticket in reversed(self._recent) if ticket.path == source), None)
        said = target.document if target is not None else read_beside(source)
        if state is None or not state.is_file or said is None:  # a directory has one document, inside
            return
        document = {**said, "saved_as": "last"} if said["schema_version"] == LATEST else said
        if "checkpoint_path" in said:
            document["checkpoint_path"] = _beside(said["checkpoint_path"], source, link)
        if target is None:
            self._write_version(document, link, state)
            return
        saving = Saving(link, target.saving.epoch, target.saving.global_step, target.saving.owner)
        ticket = Ticket(saving, document, None, by_io=False)
        self._remember(ticket)
        self._write(ticket, state)


def is_fitting(trainer: Any) -> bool:  # noqa: ANN401  # a trainer
    """Tell whether the trainer runs `fit`, of which validation is a part."""
    return str(getattr(trainer.state.fn, "value", trainer.state.fn)) == "fit"


def _beside(place: str, source: str, link: str) -> str:
    """Return the path of a link as documents have it, given that of its target."""
    directory, slash, _ = place.rpartition("/")
    name = link.rpartition("/")[2]
    same = source.rpartition("/")[0] == link.rpartition("/")[0]
    return f"{directory}{slash}{name}" if same else name
