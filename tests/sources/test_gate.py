"""Only a complete document that is proved to be its file's spares reading the file."""

from __future__ import annotations

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.record import Finding, Metric, SidecarState
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.gate import Gate

FACTS = {"epoch": 0, "global_step": 10, "architecture": "dbnet", "backbone": "resnet18", "experiment": "a"}
CANDIDATE = Candidate(b"/r", b"a.ckpt", Kind.FILE, Fingerprint(1, 2, 3, 4, 5))


def asked(*states: SidecarState | None, without: str = "") -> None:
    facts = {name: value for name, value in FACTS.items() if name != without}
    metrics = {} if without == "metric" else {"val/loss": Metric(0.5)}
    findings = [Finding("sidecar", "", facts, metrics, sidecar_state=state) for state in states]
    assert Gate().find(CANDIDATE, Said([Finding("names", ""), *findings])) is None  # type: ignore[func-returns-value]  # it knows nothing


def test_a_verified_and_complete_document_is_let_through() -> None:
    asked(SidecarState.VERIFIED)


@pytest.mark.parametrize("missing", [*FACTS, "metric"])
def test_what_a_verified_document_leaves_open_is_asked_of_the_others(missing: str) -> None:
    with pytest.raises(NeedsChild):
        asked(SidecarState.VERIFIED, without=missing)


@pytest.mark.parametrize("state", [None, *(state for state in SidecarState if state is not SidecarState.VERIFIED)])
def test_everything_else_needs_the_file_to_be_read(state: SidecarState | None) -> None:
    with pytest.raises(NeedsChild):
        asked(state)


def test_without_a_document_the_file_must_be_read() -> None:
    with pytest.raises(NeedsChild):
        asked()
