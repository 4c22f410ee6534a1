"""A document that describes another state of its file is found out."""

from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.metadata.record import Finding, Problem, SidecarState
from ckpt_indexer.sources.cross_check import cross_check

VERIFIED, UNVERIFIED = SidecarState.VERIFIED, SidecarState.UNVERIFIED
CONTRADICTED, INVALID = SidecarState.CONTRADICTED, SidecarState.INVALID


def checked(state: SidecarState | None, said: dict[str, Any], own: dict[str, Any]) -> Finding:
    sidecar = Finding("sidecar", "best.metadata.yaml", facts=said, sidecar_state=state)
    if state is CONTRADICTED:
        sidecar.problems.append(Problem("sidecar_contradicted", "another size"))
    cross_check([sidecar, Finding("header", "", facts=own)])
    return sidecar


@pytest.mark.parametrize(
    ("before", "said", "own", "after"),
    [
        (UNVERIFIED, {"epoch": 3, "global_step": 30}, {"epoch": 3, "global_step": 30}, VERIFIED),
        (UNVERIFIED, {"epoch": 0}, {"epoch": 0, "global_step": 9}, VERIFIED),
        (UNVERIFIED, {"epoch": 6}, {"epoch": 3}, CONTRADICTED),
        (UNVERIFIED, {"epoch": 3, "global_step": 31}, {"epoch": 3, "global_step": 30}, CONTRADICTED),
        (UNVERIFIED, {"epoch": 3}, {}, UNVERIFIED),
        (UNVERIFIED, {}, {"epoch": 3}, UNVERIFIED),
        (UNVERIFIED, {"epoch": 3}, {"epoch": None, "global_step": None}, UNVERIFIED),
        (VERIFIED, {"epoch": 3}, {"epoch": 4}, CONTRADICTED),
        (CONTRADICTED, {"epoch": 3}, {"epoch": 3}, VERIFIED),
        (CONTRADICTED, {"epoch": 3}, {}, CONTRADICTED),
        (INVALID, {"epoch": 3}, {"epoch": 3}, INVALID),
        (INVALID, {"epoch": 3}, {"epoch": 4}, INVALID),
        (None, {}, {"epoch": 4}, None),
    ],
)
def test_the_file_has_the_last_word(
    before: SidecarState, said: dict[str, Any], own: dict[str, Any], after: SidecarState
) -> None:
    sidecar = checked(before, said, own)
    assert sidecar.sidecar_state is after
    assert ("sidecar_contradicted" in {problem.kind for problem in sidecar.problems}) == (after is CONTRADICTED)


def test_a_contradiction_says_what_differs() -> None:
    sidecar = checked(UNVERIFIED, {"epoch": 6, "global_step": 60}, {"epoch": 3, "global_step": 30})
    assert sidecar.problems == [
        Problem(
            "sidecar_contradicted",
            "best.metadata.yaml says epoch 6, the file says 3; global step 60, the file says 30",
        )
    ]


def test_without_a_header_nothing_changes() -> None:
    sidecar = Finding("sidecar", "x", facts={"epoch": 1}, sidecar_state=UNVERIFIED)
    cross_check([sidecar])
    assert sidecar.sidecar_state is UNVERIFIED
