"""Only a document that is proved to be its file's spares reading the file."""

from __future__ import annotations

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.record import Finding, SidecarState
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.gate import Gate

CANDIDATE = Candidate(b"/r", b"a.ckpt", Kind.FILE, Fingerprint(1, 2, 3, 4, 5))


def asked(*states: SidecarState | None) -> None:
    findings = [Finding("names", "")] + [Finding("sidecar", "", sidecar_state=state) for state in states]
    Gate().find(CANDIDATE, Said(findings))


def test_a_verified_document_is_let_through() -> None:
    assert Gate().find(CANDIDATE, Said([Finding("sidecar", "", sidecar_state=SidecarState.VERIFIED)])) is None  # type: ignore[func-returns-value]  # it knows nothing


@pytest.mark.parametrize("state", [None, *(state for state in SidecarState if state is not SidecarState.VERIFIED)])
def test_everything_else_needs_the_file_to_be_read(state: SidecarState | None) -> None:
    with pytest.raises(NeedsChild):
        asked(state)


def test_without_a_document_the_file_must_be_read() -> None:
    with pytest.raises(NeedsChild):
        asked()
