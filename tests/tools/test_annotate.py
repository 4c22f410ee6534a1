from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ckpt_indexer.sidecar.loading import parse_anything
from ckpt_indexer.tools.annotate import Annotator, Said
from ckpt_indexer.tools.convert import Converter
from ckpt_indexer.tools.plan import Outcome, Plan, Step, execute
from tests.tools.tree_files import V1, Teller, checkpoint, files, found, read, write

NOW = datetime(2026, 11, 20, 21, 3, 1, tzinfo=UTC)
V2: dict[str, Any] = {
    "schema_version": "2.0",
    "file": {"name": "best.ckpt"},
    "created_at": "2026-01-02T03:04:05Z",
    "tags": ["old"],
    "training": {"epoch": 3},
    "team": {"owner": "me"},
}


@pytest.fixture
def best(tmp_path: Path) -> Path:
    return checkpoint(tmp_path.resolve() / "outputs" / "exp" / "checkpoints" / "best.ckpt")


def annotate(path: Path, said: Said, *, dry_run: bool = False) -> Plan:
    converter = Converter(describe=Teller(), parse=parse_anything, now=lambda: NOW)
    annotator = Annotator(parse=parse_anything, converter=converter)
    plan = annotator.plan(found(path), said)
    if not dry_run:
        execute(plan, annotator.act, None, "writing")
    return plan


def only(plan: Plan) -> Step:
    (step,) = plan.steps
    return step


def test_tags_and_notes_go_into_the_document_and_the_old_one_is_kept(best: Path) -> None:
    document = write(best.with_name("best.metadata.yaml"), V2)
    before = document.read_bytes()
    step = only(annotate(best, Said(("a", "b c"), "a note")))
    assert read(document) == {**V2, "tags": ["a", "b c"], "notes": "a note"}
    assert list(read(document))[:5] == list(V2)[:5]
    assert step.backup is not None
    assert Path(step.backup.decode()).read_bytes() == before


def test_a_dry_run_writes_nothing(best: Path) -> None:
    write(best.with_name("best.metadata.yaml"), V2)
    before = files(best.parent)
    assert only(annotate(best, Said(("a",)), dry_run=True)).outcome is Outcome.WRITE
    assert files(best.parent) == before


def test_what_is_not_said_stays_and_nothing_takes_away(best: Path) -> None:
    document = write(best.with_name("best.metadata.yaml"), {**V2, "notes": "theirs"})
    annotate(best, Said(tags=()))
    assert read(document).get("tags") is None
    assert read(document)["notes"] == "theirs"
    annotate(best, Said(notes=""))
    assert "notes" not in read(document)


def test_a_document_that_says_so_already_is_left_alone(best: Path) -> None:
    write(best.with_name("best.metadata.yaml"), V2)
    before = files(best.parent)
    step = only(annotate(best, Said(("old",))))
    assert (step.outcome, step.reason) == (Outcome.SKIP, "unchanged")
    assert files(best.parent) == before


def test_a_checkpoint_without_a_document_gets_a_whole_one(best: Path) -> None:
    step = only(annotate(best, Said(("a",), "n")))
    document = read(best.with_name("best.metadata.yaml"))
    assert (step.outcome, step.backup) == (Outcome.WRITE, None)
    assert (document["tags"], document["notes"], document["training"]["epoch"]) == (["a"], "n", 3)


@pytest.mark.parametrize(
    ("document", "outcome", "reason"),
    [
        (V1, Outcome.SKIP, "older"),
        ({**V2, "schema_version": "3.0"}, Outcome.SKIP, "from_future"),
        ({**V2, "training": {"epoch": "three"}}, Outcome.FAIL, "invalid"),
    ],
    ids=["older", "newer", "invalid"],
)
def test_other_documents_are_left_alone(best: Path, document: dict[str, Any], outcome: Outcome, reason: str) -> None:
    write(best.with_name("best.metadata.yaml"), {**document, "checkpoint_path": "exp/checkpoints/best.ckpt"})
    before = files(best.parent)
    step = only(annotate(best, Said(("a",))))
    assert (step.outcome, step.reason) == (outcome, reason)
    assert step.message
    assert files(best.parent) == before


def test_a_link_to_a_checkpoint_is_left_to_its_target(best: Path) -> None:
    link = best.with_name("last.ckpt")
    link.symlink_to("best.ckpt")
    assert only(annotate(link, Said(("a",)))).reason == "link"


def test_a_document_that_is_a_link_is_not_replaced(best: Path) -> None:
    real = write(best.parent / "shared.yaml", V2)
    best.with_name("best.metadata.yaml").symlink_to("shared.yaml")
    assert only(annotate(best, Said(("a",)))).reason == "link"
    assert read(real) == V2


def test_a_document_that_changes_meanwhile_is_left_alone(best: Path) -> None:
    document = write(best.with_name("best.metadata.yaml"), V2)
    annotator = Annotator(
        parse=parse_anything, converter=Converter(describe=Teller(), parse=parse_anything, now=lambda: NOW)
    )
    plan = annotator.plan(found(best), Said(("a",)))
    write(document, {**V2, "tags": ["theirs"], "notes": "longer"})
    execute(plan, annotator.act, None, "writing")
    assert (only(plan).outcome, only(plan).reason) == (Outcome.SKIP, "changed")
    assert read(document)["tags"] == ["theirs"]
