"""Which checkpoints of one conversion only carry on the metrics of an earlier one (`metadata.leftovers`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.leftovers import Moment, carried_on, evaluation_of

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.leftovers import Evaluation
    from ckpt_indexer.metadata.record import Record


class Leftovers:
    """Remembers of each checkpoint what it takes to compare it with the others of its run."""

    def __init__(self) -> None:
        self._seen: dict[tuple[bytes, str, Evaluation], dict[bytes, Moment]] = {}

    def note(self, candidate: Candidate, record: Record) -> None:
        """Take in what was told of a checkpoint."""
        values = evaluation_of({name: metric.value for name, metric in record.metrics.items()}, record.provenance)
        run_dir = record.facts.get("run_dir")
        if values and isinstance(run_dir, str):
            moment = Moment(record.facts.get("epoch"), record.facts.get("global_step"))
            self._seen.setdefault((candidate.root, run_dir, values), {})[candidate.absolute] = moment

    def late(self) -> dict[bytes, list[str]]:
        """Return path -> names of its metrics that were measured for an earlier checkpoint."""
        found: dict[bytes, list[str]] = {}
        for (_, _, values), moments in self._seen.items():
            for path, is_late in zip(moments, carried_on(list(moments.values())), strict=True):
                if is_late:
                    found[path] = [name for name, _ in values]
        return found
