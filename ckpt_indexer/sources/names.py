"""What the path alone says: where the checkpoint lies (always asked) and what its name tells (asked last)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.path_facts import find_path_facts
from ckpt_indexer.metadata.record import Finding
from ckpt_indexer.metadata.runs import place_of
from ckpt_indexer.sources.base import Cost

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sources.base import Said

_EXPERIMENT_IS_DEFAULT = frozenset({"experiment"})


class PlaceSource:
    """The run directory, and the experiment that it suggests until someone says better. Reads nothing."""

    name = "names"
    cost = Cost.INLINE

    def find(self, candidate: Candidate, said: Said) -> Finding:  # noqa: ARG002  # it needs nobody's word
        """Return run directory and default experiment; every path has them."""
        run_dir, experiment = _place(candidate.root, candidate.path)
        return Finding(
            self.name, run_dir, facts={"run_dir": run_dir, "experiment": experiment}, defaults=_EXPERIMENT_IS_DEFAULT
        )


class NamesSource:
    """Epoch, step, metrics and model names as whole tokens of the path. Reads nothing."""

    name = "names"
    cost = Cost.INLINE

    def find(self, candidate: Candidate, said: Said) -> Finding | None:  # noqa: ARG002  # it needs nobody's word
        """Return what the name says; None when it says nothing."""
        return find_path_facts(candidate.path)


def _place(root: bytes, path: bytes) -> tuple[str, str]:
    place = place_of(path, display(root.rpartition(b"/")[2]))
    return place.run_dir, place.experiment
