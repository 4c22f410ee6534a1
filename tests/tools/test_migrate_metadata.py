from __future__ import annotations

import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.versions import MetadataV1
from ckpt_indexer.sidecar.loading import parse_anything
from ckpt_indexer.tools.migrate_metadata import Migrator, Options
from ckpt_indexer.tools.plan import Outcome, Plan, Step, execute
from tests.tools.tree_files import V0, V1, checkpoint, files, found, read, write

GOLDEN = Path(__file__).parent.parent / "golden" / "documents"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    outputs = tmp_path.resolve() / "outputs"
    checkpoint(outputs / "exp" / "checkpoints" / "best.ckpt")
    return outputs


@pytest.fixture
def path(outputs: Path) -> Path:
    return outputs / "exp" / "checkpoints" / "best.metadata.yaml"


def migrate(outputs: Path, **options: Any) -> Plan:
    """Plan and execute."""
    tool = Migrator(parse=parse_anything, options=Options(**options))
    plan = tool.plan(found(outputs))
    execute(plan, tool.act, None, "writing")
    return plan


def only(plan: Plan) -> Step:
    (step,) = plan.steps
    return step


def without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def test_a_document_of_1_becomes_one_of_2_under_its_name(outputs: Path, path: Path) -> None:
    old = write(path, V1).read_bytes()
    step = only(migrate(outputs))
    assert step.told == {"from": "1.0", "to": "2.0"}
    assert step.backup == os.fsencode(path) + b".bak"
    assert Path(os.fsdecode(step.backup)).read_bytes() == old
    document = read(path)
    assert document["schema_version"] == "2.0"
    assert MetadataV2.model_validate(without(document, "team")).training is not None


def test_nothing_is_lost(outputs: Path, path: Path) -> None:
    write(path, V1)
    migrate(outputs)
    document = read(path)
    assert document["team"] == {"owner": "me", "ticket": 7}
    assert document["metrics"] == V1["metrics"]
    original = document["upgraded_from"]["original"]
    assert original["model"]["encoder"] == {"pretrained": True, "frozen": False}
    assert original["model"]["head"] == {"name": "unknown"}
    assert original["created_at"] == V1["created_at"]


def test_migrating_twice_is_migrating_once(outputs: Path, path: Path) -> None:
    write(path, V1)
    migrate(outputs)
    once = files(outputs)
    assert only(migrate(outputs)).reason == "current"
    assert files(outputs) == once


def test_a_dry_run_is_the_plan(outputs: Path, path: Path) -> None:
    write(path, V1)
    before = files(outputs)
    step = only(Migrator(parse=parse_anything).plan(found(outputs)))
    assert files(outputs) == before
    migrate(outputs)
    assert read(path) == step.document


@pytest.mark.parametrize("name", ["best.metadata.yaml", "best.ckpt.metadata.yaml"])
def test_a_document_keeps_its_name(name: str, outputs: Path, path: Path) -> None:
    write(path.with_name(name), V1)
    migrate(outputs)
    assert list(files(path.parent)) == ["best.ckpt", name, name + ".bak"]


def test_an_earlier_bak_stays(outputs: Path, path: Path) -> None:
    write(path, V1)
    path.with_name(path.name + ".bak").write_text("mine")
    assert only(migrate(outputs)).backup == os.fsencode(path) + b".bak1"
    assert path.with_name(path.name + ".bak").read_text() == "mine"


@pytest.mark.parametrize("document", [V0, V1], ids=["version 0", "version 1.0"])
def test_json_becomes_yaml_and_is_kept(document: dict[str, Any], outputs: Path, path: Path) -> None:
    old = path.with_name("best.metadata.json")
    old.write_text(json.dumps(document))
    step = only(migrate(outputs))
    assert (step.target, step.backup) == (os.fsencode(path), os.fsencode(old) + b".bak")
    assert list(files(path.parent)) == ["best.ckpt", "best.metadata.json.bak", "best.metadata.yaml"]
    reading = read_document(read(path), detail="x")
    assert (reading.valid, reading.version) == (True, "2.0")
    assert reading.finding.facts["epoch"] == document["training"]["epoch"]


def test_a_document_that_named_no_file_names_the_one_it_lies_beside(outputs: Path, path: Path) -> None:
    path.with_name("best.metadata.json").write_text(json.dumps(V0))
    migrate(outputs)
    assert read(path)["file"] == {"name": "best.ckpt"}


def test_a_document_that_names_no_file_and_lies_beside_none_or_two_is_left(outputs: Path, path: Path) -> None:
    path.with_name("gone.metadata.json").write_text(json.dumps(V0))
    path.with_name("best.metadata.json").write_text(json.dumps(V0))
    checkpoint(path.with_name("best.pt"))
    before = files(outputs)
    plan = migrate(outputs)
    assert [step.reason for step in plan.steps] == ["impossible", "impossible"]
    assert "file.name" in plan.steps[0].message
    assert (plan.ok, files(outputs)) == (True, before)


def test_json_beside_yaml_is_left(outputs: Path, path: Path) -> None:
    write(path, V1)
    path.with_name("best.metadata.json").write_text(json.dumps(V0))
    plan = migrate(outputs)
    assert [step.reason for step in plan.steps] == ["hidden", ""]
    assert path.with_name("best.metadata.json").exists()


def test_json_that_nobody_reads_does_not_become_a_document_that_is_read_first(outputs: Path, path: Path) -> None:
    path.with_name("best.ckpt.metadata.json").write_text(json.dumps(V1))
    before = files(outputs)
    assert only(migrate(outputs)).reason == "hidden"
    assert files(outputs) == before


def test_absolute_paths_move_to_what_it_was_upgraded_from(outputs: Path, path: Path) -> None:
    write(path, {**V1, "checkpoint_path": "/data/exp/best.ckpt", "hydra_config_path": "/data/.hydra/config.yaml"})
    migrate(outputs)
    document = read(path)
    assert document["file"] == {"name": "best.ckpt"}
    original = document["upgraded_from"]["original"]
    assert original["checkpoint_path"] == "/data/exp/best.ckpt"
    assert original["hydra_config_path"] == "/data/.hydra/config.yaml"
    assert read_document(document, detail="x").valid


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("schema_version: '9.0'\nmore: here\n", "from_future"),
        ("a: [\n", "invalid"),
        ("- a\n- b\n", "invalid"),
        ("", "invalid"),
        ("hello: world\n", "invalid"),
        ("\xff\xfe", "invalid"),
    ],
)
def test_what_cannot_be_understood_is_left_alone(text: str, reason: str, outputs: Path, path: Path) -> None:
    path.write_bytes(text.encode("latin-1"))
    before = files(outputs)
    step = only(migrate(outputs, force=True))
    assert (step.outcome, step.reason) == (Outcome.SKIP, reason)
    assert step.message
    assert files(outputs) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"training": {"epoch": -1, "global_step": 1}}, "training.epoch"),
        ({"metrics": {"hmean": 84.0}}, "metrics.hmean"),
    ],
)
def test_an_invalid_document_is_left_and_the_fault_named(
    change: dict[str, Any], told: str, outputs: Path, path: Path
) -> None:
    write(path, {**V1, **change})
    before = files(outputs)
    step = only(migrate(outputs))
    assert (step.reason, told in step.message) == ("invalid", True)
    assert files(outputs) == before


def test_a_link_is_left_and_its_target_migrated(outputs: Path, path: Path) -> None:
    write(path, V1)
    path.with_name("last.metadata.yaml").symlink_to(path.name)
    plan = migrate(outputs)
    assert [(step.outcome, step.reason) for step in plan.steps] == [(Outcome.WRITE, ""), (Outcome.SKIP, "link")]
    assert path.with_name("last.metadata.yaml").is_symlink()


def test_a_document_without_its_checkpoint_is_migrated_too(outputs: Path, path: Path) -> None:
    write(path.with_name("gone.metadata.yaml"), {**V1, "checkpoint_path": "exp/gone.ckpt"})
    assert only(migrate(outputs)).outcome is Outcome.WRITE


def test_the_document_inside_a_directory_checkpoint(outputs: Path) -> None:
    saved = outputs / "hf" / "checkpoint-500"
    checkpoint(saved / "trainer_state.json", b"{}")
    (saved / "checkpoint.metadata.yaml").write_text(yaml.safe_dump({**V0, "schema_version": 0}))
    assert only(migrate(outputs)).outcome is Outcome.WRITE
    assert read(saved / "checkpoint.metadata.yaml")["file"] == {"name": "checkpoint-500"}


def test_a_document_that_changed_since_the_plan_is_left(outputs: Path, path: Path) -> None:
    write(path, V1)
    tool = Migrator(parse=parse_anything)
    plan = tool.plan(found(outputs))
    write(path, {**V1, "exp_name": "renamed"})
    before = files(outputs)
    execute(plan, tool.act, None, "writing")
    assert (only(plan).outcome, only(plan).reason) == (Outcome.SKIP, "changed")
    assert files(outputs) == before


def test_a_document_that_went_is_no_failure(outputs: Path, path: Path) -> None:
    write(path, V1)
    seen = found(outputs)
    path.unlink()
    assert only(Migrator(parse=parse_anything).plan(seen)).reason == "gone"
    write(path, V1)
    tool = Migrator(parse=parse_anything)
    plan = tool.plan(found(outputs))
    path.unlink()
    execute(plan, tool.act, None, "writing")
    assert only(plan).outcome is Outcome.FAIL


def test_an_older_version_takes_force_and_says_what_is_lost(outputs: Path, path: Path) -> None:
    write(path, V1)
    migrate(outputs)
    write(path, {**read(path), "tags": ["paper"], "run": {"id": "r1"}, "file": {"name": "best.ckpt"}})
    before = files(outputs)
    step = only(migrate(outputs, to="1.0"))
    assert (step.outcome, step.reason) == (Outcome.SKIP, "newer")
    assert {"tags", "run", "team", "file"} <= set(step.told["lost"])
    assert all(word in step.message for word in ("tags", "--force"))
    assert files(outputs) == before
    step = only(migrate(outputs, to="1.0", force=True))
    assert step.outcome is Outcome.WRITE
    assert MetadataV1.model_validate(read(path)).training.epoch == 10
    assert Path(os.fsdecode(step.backup or b"")).read_bytes() == before["exp/checkpoints/best.metadata.yaml"]


def test_what_1_demands_and_2_does_not_know_makes_a_downgrade_impossible(outputs: Path, path: Path) -> None:
    write(path, {"schema_version": "2.0", "file": {"name": "best.ckpt"}})
    step = only(migrate(outputs, to="1.0", force=True))
    assert (step.reason, "training.epoch" in step.message) == ("invalid", True)


def test_version_0_as_1_is_left_where_1_demands_more(outputs: Path, path: Path) -> None:
    path.with_name("best.metadata.json").write_text(json.dumps(V0))
    step = only(migrate(outputs, to="1.0"))
    assert (step.reason, "as version 1.0" in step.message) == ("impossible", True)


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.metadata.yaml")))
def test_real_documents_migrate(name: str, outputs: Path, path: Path) -> None:
    shutil.copy(GOLDEN / name, path)
    before = read_document(read(path), detail="x").finding
    assert only(migrate(outputs)).outcome is Outcome.WRITE
    after = read_document(read(path), detail="x")
    assert after.valid
    assert without(after.finding.facts, "schema_version") == without(before.facts, "schema_version")
    assert (after.finding.metrics, after.finding.params) == (before.metrics, before.params)


def test_progress_is_told(outputs: Path, path: Path) -> None:
    write(path, V1)
    told: list[tuple[str, int, int]] = []
    Migrator(parse=parse_anything).plan(found(outputs), lambda *report: told.append(report))
    assert told == [("reading", 1, 1)]


SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=6)
EXTRAS = st.dictionaries(
    st.text("abcdefgh_", min_size=3, max_size=8).map("x_{}".format),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)),
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(EXTRAS, EXTRAS, st.sampled_from(["unknown", "dbnet", "Unknown", ""]))
def test_every_key_survives_a_migration(
    tmp_path_factory: pytest.TempPathFactory, top: dict[str, Any], model: dict[str, Any], name: str
) -> None:
    outputs = tmp_path_factory.mktemp("any").resolve()
    document = copy.deepcopy(V1) | top
    document["model"] |= model
    document["model"]["architecture"] = name
    path = outputs / "best.metadata.yaml"
    path.write_text(json.dumps(document))
    checkpoint(outputs / "best.ckpt")
    step = only(migrate(outputs))
    assert step.outcome is Outcome.WRITE, step.message
    after = read(path)
    assert {key: after[key] for key in top} == top
    assert {key: after["model"][key] for key in model} == model
    kept = after["model"].get("architecture", after["upgraded_from"]["original"]["model"].get("architecture"))
    assert kept == name
