"""The configuration a run was started with, as a source: files beside the checkpoint, Hydra's, Lightning's.

Asked in this order: `<stem>.config.yaml|yml|json` and `<stem>.resolved.config.json` beside the checkpoint, which often
hold the model's part only; then one configuration of the run, which fills the gaps: that of the nearest `.hydra` above
the checkpoint, else `hparams.yaml` or `config.yaml` in the checkpoint's directory, in those up to its run's, or in the
one above it. An empty one (Lightning writes `{}`) does not count. A project's `configs/` is never read: it holds
templates, not the run's values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.naming import stem
from ckpt_indexer.metadata.record import Finding, Problem
from ckpt_indexer.sources.around import Around, ancestors, is_directory, join, place_of, run_levels
from ckpt_indexer.sources.asking import Asking, inputs_of, problems_of, shown_path, stamped
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.config.facts import ConfigAnswer
from ckpt_indexer.sources.input_names import CONFIG_SUFFIXES, HYDRA, HYDRA_NAMES, RUN_CONFIGS

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sources.around import Place
    from ckpt_indexer.sources.base import Said

_JOB = "ckpt_indexer.sources.config.jobs:read_configs"
_REMEMBERED = 16
UNREADABLE = "config_unreadable"
"""Kind of the problem: a configuration lies there and cannot be read."""
TOO_MANY = "config_too_many_params"
"""Kind of the problem: parameters beyond the bound were left out."""


class RunConfigSource:
    """Reads what the run was configured with. Without a pool it only tells whether there is something to read."""

    name = "config"
    cost = Cost.CHILD

    def __init__(self, *, pool: Pool | None, around: Around | None = None) -> None:
        self._asking = Asking(pool, _JOB, answers=_REMEMBERED)
        self._around = around or Around()

    def find(self, candidate: Candidate, said: Said) -> Finding | None:  # noqa: ARG002  # it needs nobody's word
        """Return what the configuration says; None when there is none. An unreadable one is a finding with problems.

        Raises:
            NeedsChild: there is one and no pool.
        """
        beside = self._beside(candidate)
        runs = self._runs(candidate.root, candidate.directory)
        if not beside and not runs:
            return None
        places = [*beside, *(one for run in runs for one in run)]
        finding = Finding(self.name, "", inputs=inputs_of(self.name, places))
        answer = self._asking.ask(candidate.root, places, beside=stamped(beside), runs=[stamped(run) for run in runs])
        if isinstance(answer, str):
            finding.problems.append(Problem(UNREADABLE, answer))
            return finding
        finding.problems += problems_of(UNREADABLE, answer["problems"])
        if answer["config"] is not None:
            _take(finding, ConfigAnswer.from_json(answer["config"]), [shown_path(path) for path in answer["used"]])
        return finding

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return the configs that checkpoints in this directory would be described by, with their stamps."""
        names = self._around.listed(root, directory).files
        beside = (place_of(root, join(directory, name)) for name in sorted(names) if name.endswith(CONFIG_SUFFIXES))
        found = {place for place in beside if place is not None}
        found.update(one for run in self._runs(root, directory) for one in run)
        return sorted(found)

    def _beside(self, candidate: Candidate) -> list[Place]:
        names = tuple(stem(candidate.name) + suffix for suffix in CONFIG_SUFFIXES)
        return self._around.present(candidate.root, candidate.directory, names)

    def _runs(self, root: bytes, directory: bytes) -> list[list[Place]]:
        """Return the configurations of the run in the order they are asked, each as the files that make it up."""
        levels = run_levels(directory)
        above = levels[-1].rpartition(b"/")[0]
        plain = [*levels, above] if len(levels) == 1 and levels[-1] else [*levels]
        runs = [[place] for level in plain for place in self._around.present(root, level, RUN_CONFIGS)]
        hydra = _nearest_hydra(root, directory)
        return [hydra, *runs] if hydra else runs


def _nearest_hydra(root: bytes, directory: bytes) -> list[Place]:
    """Return Hydra's files of the nearest directory at or above this one that has its configuration."""
    for level in ancestors(directory):
        config = place_of(root, join(level, HYDRA + b"/" + HYDRA_NAMES[0]))
        if config is not None and is_directory(root, join(level, HYDRA)):
            others = (place_of(root, join(level, HYDRA + b"/" + name)) for name in HYDRA_NAMES[1:])
            return [config, *(place for place in others if place is not None)]
    return []


def _take(finding: Finding, answer: ConfigAnswer, used: list[str]) -> None:
    finding.detail = ", ".join(used)
    finding.facts = {**answer.facts, "config_path": used[0]}
    finding.components = answer.components
    finding.params = answer.params
    if answer.dropped:
        kept = len(answer.params)
        finding.problems.append(Problem(TOO_MANY, f"{used[-1]}: {kept} parameters kept, {answer.dropped} left out"))
