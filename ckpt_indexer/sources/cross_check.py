"""Does the document describe this file? Decided by what the file itself says of its epoch and step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.record import Problem, SidecarState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.metadata.record import Finding

COUNTERS = ("epoch", "global_step")
"""What a file and its document must agree on."""
_OPEN = {SidecarState.VERIFIED, SidecarState.UNVERIFIED}
"""States that the file's own word can still change, besides a size that differs."""


def disagreements(said: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Return "epoch 6, the file says 3" for every counter on which a document and its file differ."""
    pairs = [(name, said.get(name), own.get(name)) for name in COUNTERS]
    return [
        f"{name.replace('_', ' ')} {theirs}, the file says {mine}"
        for name, theirs, mine in pairs
        if theirs is not None and mine is not None and theirs != mine
    ]


def agrees(said: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Tell whether a document and its file name the same counters, at least one of them."""
    shared = [name for name in COUNTERS if said.get(name) is not None and own.get(name) is not None]
    return bool(shared) and all(said[name] == own[name] for name in shared)


def cross_check(findings: Sequence[Finding]) -> None:
    """Settle how far the document is believed, now that the file's header has spoken. Changes its finding."""
    sidecar = next((finding for finding in findings if finding.source == "sidecar"), None)
    header = next((finding for finding in findings if finding.source == "header"), None)
    if sidecar is None or header is None:
        return
    differing = disagreements(sidecar.facts, header.facts)
    if differing:
        if sidecar.sidecar_state in _OPEN:
            sidecar.sidecar_state = SidecarState.CONTRADICTED
            sidecar.problems.append(contradiction(sidecar.detail, differing))
    elif agrees(sidecar.facts, header.facts) and sidecar.sidecar_state in {*_OPEN, SidecarState.CONTRADICTED}:
        sidecar.sidecar_state = SidecarState.VERIFIED
        sidecar.problems = [problem for problem in sidecar.problems if problem.kind != "sidecar_contradicted"]


def contradiction(where: str, differing: Sequence[str]) -> Problem:
    """Return what people are told about a document that describes another state of its file."""
    return Problem("sidecar_contradicted", f"{where} says {'; '.join(differing)}")
