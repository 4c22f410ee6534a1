"""W&B run directories on this disk, as a source: no network, and exact values per checkpoint.

Finds the directories of the checkpoint's run (`wandb_places`), has them read in a limited child (`wandb_jobs`), and
says what the run's configuration and the history row of the checkpoint's step hold (`wandb_match`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import ReaderDied, ReaderError, SourceRejected
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.record import Finding, Input, Problem
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.wandb.jobs import READ_RUN, said_of
from ckpt_indexer.sources.wandb.places import Places, run_stamps
from ckpt_indexer.sources.wandb.run import RUN_ID, RunAnswer, RunRef

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sources.base import Said
    from ckpt_indexer.sources.wandb.places import RunDir


class WandbLocalSource:
    """Says what the local directories of a checkpoint's W&B run hold; nothing when it belongs to none, or to several.

    The run id is the one another source knows, else that of the only run it can belong to.
    """

    name = "wandb"
    cost = Cost.CHILD

    def __init__(self, *, pool: Pool, places: Places | None = None) -> None:
        self._pool = pool
        self._places = places or Places()

    def find(self, candidate: Candidate, said: Said) -> Finding | None:
        """Return history and configuration; the summary, another voice, is in its `also`.

        Raises:
            SourceRejected: the directories cannot be read within the limits of a child.
        """
        answer = self.look(candidate, said)
        if answer is None or not answer.findings:
            return None
        first, *others = answer.findings
        first.also, first.denies = others, answer.denies
        return first

    def look(self, candidate: Candidate, said: Said) -> RunAnswer | None:
        """Return findings, and whether the history denies the metrics inside the file; None when there is no run.

        Raises:
            SourceRejected: as `find`.
        """
        known = RunRef.parse(said.fact(RUN_ID))
        if known is not None:
            runs = {known.id: self._places.of_run(candidate, known.id)}
        else:
            runs = {display(run_id): found for run_id, found in self._places.near(candidate).items()}
        runs = {run_id: found for run_id, found in runs.items() if found}
        if not runs:
            return None
        if len(runs) > 1:
            return RunAnswer([_ambiguous(candidate, runs)], denies=False)
        ((run_id, directories),) = runs.items()
        return self._ask(candidate, said, run_id, directories)

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return the stamps of the `wandb` folders and of the newest runs' files: an older run does not change."""
        return self._places.stamps(root, directory)

    def _ask(self, candidate: Candidate, said: Said, run_id: str, directories: list[RunDir]) -> RunAnswer:
        monitor = said.fact("monitor")
        arguments: dict[str, Any] = {  # JSON values
            "root": _text(candidate.root),
            "directories": [_text(found.path) for found in directories],
            "run_id": run_id,
            "detail": display(directories[-1].path),
            "monitor": monitor if isinstance(monitor, str) else None,
            "epoch": said.fact("epoch"),
            "global_step": said.fact("global_step"),
            "alone": self._places.serves_one(candidate.root, directories[-1]),
        }
        stamps = [stamp for found in directories for stamp in run_stamps(candidate.root, found)]
        try:
            try:
                answer = self._pool.call(READ_RUN, **arguments)
            except ReaderDied:  # it may have been killed from outside
                answer = self._pool.call(READ_RUN, **arguments)
        except ReaderError as error:
            where = display(directories[-1].path)
            raise SourceRejected(f"{where} could not be read safely ({error.message})", path=where) from error
        told = said_of(answer)
        told.findings[0].inputs = [Input(path, *stamp, source=self.name) for path, stamp in stamps]
        if said.fact(RUN_ID) is not None:  # perhaps as `entity/project/id`: another spelling is no other opinion
            told.findings[0].facts.pop(RUN_ID, None)
        return told


def _ambiguous(candidate: Candidate, runs: dict[str, list[RunDir]]) -> Finding:
    some = ", ".join(sorted(runs)[:5])
    message = f"it may belong to any of {len(runs)} W&B runs ({some}); none is used until something names one"
    newest = [found[-1] for found in runs.values()][-16:]
    inputs = [
        Input(path, *stamp, source=WandbLocalSource.name)
        for found in newest
        for path, stamp in run_stamps(candidate.root, found)
    ]
    return Finding(WandbLocalSource.name, "", problems=[Problem("wandb_ambiguous", message)], inputs=inputs)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
