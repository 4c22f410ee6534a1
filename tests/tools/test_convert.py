from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ckpt_indexer.errors import CorruptCheckpoint
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.record import Metric, Problem, ReadState, Record, SidecarState
from ckpt_indexer.metadata.versions import MetadataV1
from ckpt_indexer.sidecar.loading import parse_anything
from ckpt_indexer.tools.convert import Converter, Options, sources_of
from ckpt_indexer.tools.plan import Outcome, Plan, Step, execute
from tests.tools.tree_files import V1, Teller, changed_meanwhile, checkpoint, files, found, known, read, write

NOW = datetime(2026, 11, 20, 21, 3, 1, tzinfo=UTC)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    outputs = tmp_path.resolve() / "outputs"
    checkpoint(outputs / "exp" / "checkpoints" / "best.ckpt")
    return outputs


@pytest.fixture
def best(outputs: Path) -> Path:
    return outputs / "exp" / "checkpoints" / "best.ckpt"


@pytest.fixture
def teller() -> Teller:
    return Teller()


def converter(teller: Teller, **options: Any) -> Converter:
    return Converter(describe=teller, parse=parse_anything, now=lambda: NOW, options=Options(**options))


def convert(outputs: Path, teller: Teller, **options: Any) -> Plan:
    """Plan and execute."""
    tool = converter(teller, **options)
    plan = tool.plan(found(outputs))
    execute(plan, tool.act, None, "writing")
    return plan


def only(plan: Plan) -> Step:
    (step,) = plan.steps
    return step


def test_a_checkpoint_without_a_document_gets_one(outputs: Path, best: Path, teller: Teller) -> None:
    plan = convert(outputs, teller)
    document = read(best.with_name("best.metadata.yaml"))
    assert (plan.count(Outcome.WRITE), plan.ok) == (1, True)
    assert MetadataV2.model_validate(document).training is not None
    assert document["checkpoint_path"] == "exp/checkpoints/best.ckpt"
    assert document["file"] == {"name": "best.ckpt", "size_bytes": 7, "mtime_ns": best.stat().st_mtime_ns}
    assert document["training"] == {"epoch": 3, "global_step": 100}
    assert document["environment"]["sources"]["epoch"] == "header"
    assert document["environment"]["converted_at"] == "2026-11-20T21:03:01Z"
    assert sources_of(plan.steps) == {"header": 1, "names": 1}


def test_planning_writes_nothing_and_is_what_is_executed(outputs: Path, teller: Teller) -> None:
    before = files(outputs)
    tool = converter(teller)
    plan = tool.plan(found(outputs))
    assert files(outputs) == before
    planned = only(plan)
    execute(plan, tool.act, None, "writing")
    assert planned.target is not None
    assert read(Path(os.fsdecode(planned.target))) == planned.document


def test_converting_twice_changes_nothing(outputs: Path, teller: Teller) -> None:
    convert(outputs, teller)
    before = files(outputs)
    step = only(convert(outputs, teller))
    assert (step.outcome, step.reason) == (Outcome.SKIP, "existing")
    assert "--force" in step.message
    assert files(outputs) == before
    assert teller.asked == [b"best.ckpt"]


@pytest.mark.parametrize("name", ["best.metadata.yaml", "best.ckpt.metadata.yaml", "best.metadata.json"])
def test_an_existing_document_of_any_name_is_left_alone(name: str, outputs: Path, best: Path, teller: Teller) -> None:
    write(best.with_name(name), V1)
    before = files(outputs)
    assert only(convert(outputs, teller)).reason == "existing"
    assert files(outputs) == before


@pytest.mark.parametrize("name", ["best.metadata.yaml", "best.ckpt.metadata.yaml"])
def test_force_replaces_the_document_that_counts_and_keeps_it(
    name: str, outputs: Path, best: Path, teller: Teller
) -> None:
    old = write(best.with_name(name), V1).read_bytes()
    step = only(convert(outputs, teller, force=True))
    assert step.backup == os.fsencode(best.with_name(name + ".bak"))
    assert best.with_name(name + ".bak").read_bytes() == old
    document = read(best.with_name(name))
    assert document["training"] == {"epoch": 3, "global_step": 100}
    assert document["checkpointing"] == {"save_top_k": 3, "save_last": True}


def test_force_leaves_the_old_json_where_it_is(outputs: Path, best: Path, teller: Teller) -> None:
    old = write(best.with_name("best.metadata.json"), V1).read_bytes()
    convert(outputs, teller, force=True)
    assert best.with_name("best.metadata.json").read_bytes() == old
    assert read(best.with_name("best.metadata.yaml"))["schema_version"] == "2.0"


def test_a_broken_document_is_there_all_the_same(outputs: Path, best: Path, teller: Teller) -> None:
    broken = best.with_name("best.metadata.yaml")
    broken.write_text("a: [1\n")
    step = only(convert(outputs, teller))
    assert (step.reason, "not valid" in step.message) == ("existing", True)
    assert only(convert(outputs, teller, force=True)).outcome is Outcome.WRITE
    assert broken.with_name("best.metadata.yaml.bak").read_text() == "a: [1\n"


@pytest.mark.parametrize("text", ["schema_version: '9.1'\nfile: {name: best.ckpt}\n", "schema_version: 9.1\nx: [\n"])
@pytest.mark.parametrize("name", ["best.metadata.yaml", "best.ckpt.metadata.yaml", "best.metadata.json"])
def test_a_document_from_the_future_is_never_touched(
    text: str, name: str, outputs: Path, best: Path, teller: Teller
) -> None:
    best.with_name(name).write_text(text)
    before = files(outputs)
    step = only(convert(outputs, teller, force=True))
    assert (step.outcome, step.reason) == (Outcome.SKIP, "from_future")
    assert files(outputs) == before


def test_a_document_from_the_future_that_comes_meanwhile_stays(outputs: Path, best: Path, teller: Teller) -> None:
    tool = converter(teller)
    plan = tool.plan(found(outputs))
    best.with_name("best.metadata.yaml").write_text("schema_version: '9.1'\n")
    execute(plan, tool.act, None, "writing")
    assert [step.reason for step in plan.turned] == ["from_future"]


def test_the_document_of_another_file_is_neither_counted_nor_overwritten(
    outputs: Path, best: Path, teller: Teller
) -> None:
    other = write(best.with_name("best.metadata.yaml"), {**V1, "checkpoint_path": "exp/other.ckpt"})
    text = other.read_text()
    step = only(convert(outputs, teller))
    assert step.target == os.fsencode(best.with_name("best.ckpt.metadata.yaml"))
    assert other.read_text() == text
    os.replace(best.with_name("best.ckpt.metadata.yaml"), other)
    write(best.with_name("best.ckpt.metadata.yaml"), {**V1, "checkpoint_path": "exp/other.ckpt"})
    other.unlink()
    step = only(convert(outputs, teller))
    assert (step.reason, "another file" in step.message) == ("existing", True)


def test_checkpoints_that_share_a_stem_get_a_document_each(outputs: Path, best: Path, teller: Teller) -> None:
    checkpoint(best.with_suffix(".safetensors"))
    convert(outputs, teller)
    written = [name for name in files(best.parent) if name.endswith(".yaml")]
    assert written == ["best.ckpt.metadata.yaml", "best.safetensors.metadata.yaml"]


def test_links_are_skipped_and_say_what_they_lead_to(outputs: Path, best: Path, teller: Teller) -> None:
    best.with_name("a-link.ckpt").symlink_to("best.ckpt")
    os.link(best, best.with_name("zz-twin.ckpt"))
    plan = convert(outputs, teller)
    assert [(step.outcome, step.reason) for step in plan.steps] == [
        (Outcome.SKIP, "link"), (Outcome.WRITE, ""), (Outcome.SKIP, "link"),
    ]  # fmt: skip
    assert "exp/checkpoints/best.ckpt" in plan.steps[0].message
    assert str(best) in plan.steps[2].message
    assert plan.ok


def test_a_directory_checkpoint_gets_its_document_inside(outputs: Path, teller: Teller) -> None:
    saved = outputs / "hf" / "checkpoint-500"
    checkpoint(saved / "model.safetensors")
    checkpoint(saved / "trainer_state.json", b"{}")
    convert(saved, teller)
    document = read(saved / "checkpoint.metadata.yaml")
    assert document["file"] == {"name": "checkpoint-500"}
    assert document["checkpoint_path"] == "hf/checkpoint-500"


def test_one_failure_does_not_hide_the_others(outputs: Path, best: Path, teller: Teller) -> None:
    for name in ("bad.ckpt", "busy.ckpt", "mute.ckpt", "torn.ckpt", "closed.ckpt", "bug.ckpt", "odd.ckpt"):
        checkpoint(best.with_name(name))
    teller.about("bad.ckpt", CorruptCheckpoint("no zip at all")).about("busy.ckpt", changed_meanwhile())
    teller.about("mute.ckpt", Record(provenance={"experiment": "names", "format": "header"}))
    torn = [Problem("truncated", "cut off"), Problem("no_metadata", "x")]
    teller.about("torn.ckpt", Record(problems=torn, read_state=ReadState.UNREADABLE))
    teller.about("bug.ckpt", Record(problems=[Problem("internal_error", "KeyError: 'x'")]))
    teller.about("odd.ckpt", Record(problems=[Problem("suffix_mismatch", "it is a zip")]))
    teller.about("closed.ckpt", Record(problems=[Problem("unreadable", "denied")], read_state=ReadState.UNREADABLE))
    plan = convert(outputs, teller)
    assert {os.fsdecode(step.path.rpartition(b"/")[2]): (step.outcome, step.message) for step in plan.steps} == {
        "bad.ckpt": (Outcome.FAIL, "no zip at all"),
        "best.ckpt": (Outcome.WRITE, ""),
        "bug.ckpt": (Outcome.FAIL, "KeyError: 'x'"),
        "busy.ckpt": (Outcome.FAIL, "it changed while it was read"),
        "closed.ckpt": (Outcome.FAIL, "denied"),
        "mute.ckpt": (Outcome.SKIP, "nothing is known about it but its path"),
        "odd.ckpt": (Outcome.SKIP, "nothing is known about it but its path"),
        "torn.ckpt": (Outcome.FAIL, "cut off"),
    }
    assert not plan.ok
    assert len(files(best.parent)) == 9


def test_a_checkpoint_that_changed_since_the_plan_is_skipped(outputs: Path, best: Path, teller: Teller) -> None:
    tool = converter(teller)
    plan = tool.plan(found(outputs))
    best.write_bytes(b"other weights")
    execute(plan, tool.act, None, "writing")
    step = only(plan)
    assert (step.outcome, step.reason) == (Outcome.SKIP, "changed")
    assert plan.turned == [step]
    assert list(files(best.parent)) == ["best.ckpt"]


def test_a_document_that_changed_since_the_plan_is_not_replaced(outputs: Path, best: Path, teller: Teller) -> None:
    document = write(best.with_name("best.metadata.yaml"), V1)
    tool = converter(teller, force=True)
    plan = tool.plan(found(outputs))
    document.write_text("schema_version: '2.0'\nfile: {name: best.ckpt}\nnotes: by hand\n")
    execute(plan, tool.act, None, "writing")
    assert only(plan).reason == "changed"
    assert "by hand" in document.read_text()
    assert list(files(best.parent)) == ["best.ckpt", "best.metadata.yaml"]


def test_a_place_that_takes_no_document_fails_alone(outputs: Path, best: Path, teller: Teller) -> None:
    checkpoint(outputs / "open" / "a.ckpt")
    best.with_name("best.metadata.yaml").mkdir()
    plan = convert(outputs, teller, force=True)
    assert [(step.outcome, step.reason) for step in plan.steps] == [(Outcome.FAIL, "io"), (Outcome.WRITE, "")]
    assert str(best.with_name("best.metadata.yaml")) in plan.steps[0].message
    assert list(files(best.parent)) == ["best.ckpt"]


def test_what_nobody_checked_does_not_prove_itself(outputs: Path, best: Path, teller: Teller) -> None:
    write(best.with_name("best.metadata.yaml"), V1)
    record = known()
    record.provenance["metrics"], record.sidecar_state = "sidecar", SidecarState.UNVERIFIED
    convert(outputs, teller.about("best.ckpt", record), force=True)
    assert read(best.with_name("best.metadata.yaml"))["file"] == {"name": "best.ckpt"}


def test_converting_anew_keeps_what_was_written_by_hand_and_first_origins(
    outputs: Path, best: Path, teller: Teller
) -> None:
    convert(outputs, teller)
    path = best.with_name("best.metadata.yaml")
    document = {**read(path), "lineage": {"finetuned_from": "base.ckpt"}, "run": {"name": "first"}}
    write(path, document)
    record = known()
    record.provenance |= {"epoch": "sidecar"}
    convert(outputs, teller.about("best.ckpt", record), force=True)
    again = read(path)
    assert (again["lineage"], again["run"]) == (document["lineage"], document["run"])
    assert again["environment"]["sources"]["epoch"] == "header"


def test_converting_anew_what_says_so_already_keeps_no_further_bak(outputs: Path, best: Path, teller: Teller) -> None:
    convert(outputs, teller)
    before = files(outputs)
    assert only(convert(outputs, teller, force=True)).reason == "unchanged"
    assert files(outputs) == before
    write(best.with_name("best.metadata.yaml"), {**read(best.with_name("best.metadata.yaml")), "environment": {}})
    assert only(convert(outputs, teller, force=True)).outcome is Outcome.WRITE


def test_a_document_that_changes_while_it_is_read_is_left(outputs: Path, best: Path, teller: Teller) -> None:
    document = write(best.with_name("best.metadata.yaml"), V1)

    def parse(data: bytes) -> Any:
        value = parse_anything(data)
        document.write_text("notes: by hand\n")
        return value

    tool = Converter(describe=teller, parse=parse, now=lambda: NOW, options=Options(force=True))
    assert only(tool.plan(found(outputs))).reason == "failed"
    assert document.read_text() == "notes: by hand\n"


def test_version_1_is_written_for_old_readers(outputs: Path, best: Path, teller: Teller) -> None:
    convert(outputs, teller, version="1.0")
    document = read(best.with_name("best.metadata.yaml"))
    old = MetadataV1.model_validate(document)
    assert (old.schema_version, old.metrics.hmean, old.model.architecture) == ("1.0", 0.9, "unknown")
    assert document["created_at"].endswith("+00:00")


def test_version_1_demands_an_epoch(outputs: Path, best: Path, teller: Teller) -> None:
    record = known()
    del record.facts["epoch"]
    step = only(convert(outputs, teller.about("best.ckpt", record), version="1.0"))
    assert (step.outcome, "training.epoch" in step.message) == (Outcome.FAIL, True)
    assert not best.with_name("best.metadata.yaml").exists()


def test_more_parameters_than_a_document_holds_are_left_out(outputs: Path, best: Path, teller: Teller) -> None:
    record = known()
    record.params = {f"key{number}": number for number in range(20_000)}
    step = only(convert(outputs, teller.about("best.ckpt", record)))
    assert step.told["left_out"] == ["params"]
    assert read(best.with_name("best.metadata.yaml"))["training"]["epoch"] == 3


def test_a_document_too_large_in_its_metrics_fails(outputs: Path, teller: Teller) -> None:
    record = known()
    record.metrics = {f"metric{number}": Metric(0.5) for number in range(20_000)}
    step = only(convert(outputs, teller.about("best.ckpt", record)))
    assert (step.outcome, "shorten" in step.message) == (Outcome.FAIL, True)


def test_progress_and_interruption(outputs: Path, best: Path, teller: Teller) -> None:
    checkpoint(best.with_name("a.ckpt"))
    told: list[tuple[str, int, int]] = []
    tool = converter(teller)
    plan = tool.plan(found(outputs), lambda *report: told.append(report))
    assert told == [("reading", 1, 2), ("reading", 2, 2)]

    def act(step: Step) -> Step:
        if step.path.endswith(b"best.ckpt"):
            raise KeyboardInterrupt
        return tool.act(step)

    with pytest.raises(KeyboardInterrupt):
        execute(plan, act, lambda *report: told.append(report), "writing")
    assert told[-1] == ("writing", 1, 2)
    assert list(files(best.parent)) == ["a.ckpt", "a.metadata.yaml", "best.ckpt"]


def test_an_interrupt_while_reading_ends_it(outputs: Path, best: Path, teller: Teller) -> None:
    for number in range(20):
        checkpoint(best.with_name(f"{number}.ckpt"))

    def stop(_phase: str, done: int, _total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        converter(teller).plan(found(outputs), stop)
    assert len(files(best.parent)) == 21


def test_hostile_names_are_converted(outputs: Path, best: Path, teller: Teller) -> None:
    for name in (b"\xff.ckpt", b"a\nb.ckpt", b"x\\y.ckpt", "\u202eé.ckpt".encode()):
        os.close(os.open(os.fsencode(best.parent) + b"/" + name, os.O_CREAT))
    plan = convert(outputs, teller)
    assert plan.count(Outcome.WRITE) == 5
    again = convert(outputs, teller)
    assert again.reasons(Outcome.SKIP) == {"existing": 5}


def test_metrics_left_over_from_an_earlier_checkpoint_are_null(outputs: Path, best: Path, teller: Teller) -> None:
    checkpoint(best.with_name("early.ckpt"))
    teller.about("early.ckpt", known(epoch=1, global_step=40, run_dir="exp"))
    teller.about("best.ckpt", lambda: known(run_dir="exp"))
    plan = convert(outputs, teller)
    assert (plan.count(Outcome.WRITE), plan.ok) == (2, True)
    assert read(best.with_name("early.metadata.yaml"))["metrics"]["hmean"] == 0.9
    assert read(best.with_name("best.metadata.yaml"))["metrics"] == {"additional_metrics": {"val/hmean": None}}
