"""What the path alone says, as two sources."""

from __future__ import annotations

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.record import Metric
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.names import NamesSource, PlaceSource


def _candidate(path: bytes) -> Candidate:
    return Candidate(b"/data/outputs", path, Kind.FILE, Fingerprint(1, 2, 3, 4, 5))


def test_every_path_has_a_run_directory_and_a_default_experiment() -> None:
    finding = PlaceSource().find(_candidate(b"dbnet/checkpoints/best.ckpt"), Said())
    assert finding.facts == {"run_dir": "dbnet", "experiment": "dbnet"}
    assert finding.defaults == {"experiment"}


def test_a_checkpoint_at_the_top_belongs_to_the_root() -> None:
    finding = PlaceSource().find(_candidate(b"best.ckpt"), Said())
    assert finding.facts == {"run_dir": ".", "experiment": "outputs"}


def test_a_name_tells_epoch_step_and_metrics() -> None:
    finding = NamesSource().find(_candidate(b"run/epoch=0-step=12-val_hmean=0.25.ckpt"), Said())
    assert finding is not None
    assert (finding.source, finding.facts) == ("names", {"epoch": 0, "global_step": 12})
    assert finding.metrics == {"val_hmean": Metric(0.25)}


def test_a_name_that_tells_nothing_is_no_answer() -> None:
    assert NamesSource().find(_candidate(b"run/model.ckpt"), Said()) is None
