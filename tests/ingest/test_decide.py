from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind
from ckpt_indexer.ingest.decide import Action, decide
from ckpt_indexer.store.changes import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

PRINT = Fingerprint(1, 2, 30, 40, 50)
CANDIDATE = Candidate(b"/r", b"a/x.ckpt", Kind.FILE, PRINT)
SIDECAR = (b"a/x.metadata.yaml", FileStamp(7, 8))


def known(**changes: object) -> Known:
    row = Known(1, 1, b"a/x.ckpt", "file", PRINT, ((b"a/x.metadata.yaml", 7, 8),), "present", "ok", 1, None)
    return row._replace(**changes)  # type: ignore[arg-type]  # the keys are those of Known


def test_a_path_without_a_row_is_read_because_it_is_new() -> None:
    decision = decide(CANDIDATE, None, [])

    assert (decision.action, decision.reason) == (Action.READ, "new")


def test_nothing_changed_is_skipped() -> None:
    assert decide(CANDIDATE, known(), [SIDECAR], derivation=1).action is Action.SKIP


@pytest.mark.parametrize("place", range(5))
def test_any_difference_in_the_fingerprint_is_a_change(place: int) -> None:
    values = list(PRINT)
    values[place] += 1

    decision = decide(CANDIDATE, known(fingerprint=Fingerprint(*values)), [SIDECAR], derivation=1)

    assert (decision.action, decision.reason) == (Action.READ, "fingerprint changed")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (known(presence="missing"), "was missing"),
        (known(presence="unreachable"), "was unreachable"),
        (known(read_state="pending"), "was pending"),
        (known(derivation=0), "derived by an older release"),
        (known(kind="symlink"), "fingerprint changed"),
    ],
)
def test_a_row_that_is_not_current_is_read_again(row: Known, reason: str) -> None:
    assert decide(CANDIDATE, row, [SIDECAR], derivation=1).reason == reason


@pytest.mark.parametrize(
    "sidecars",
    [
        [],
        [(b"a/x.metadata.yaml", FileStamp(7, 9))],
        [(b"a/x.metadata.yaml", FileStamp(6, 8))],
        [SIDECAR, (b"a/x.ckpt.metadata.yaml", FileStamp(1, 1))],
        [(b"a/x.metadata.json", FileStamp(7, 8))],
    ],
)
def test_a_sidecar_that_came_went_or_changed_is_a_reason(sidecars: Sequence[tuple[bytes, FileStamp]]) -> None:
    assert decide(CANDIDATE, known(), sidecars, derivation=1).reason == "sidecar changed"
