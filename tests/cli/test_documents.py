"""`convert`, `validate`, `migrate-metadata`: what they print, how they end, and that they do it."""

from __future__ import annotations

import json
import os
import pickle
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ckpt_indexer.cli.main import main
from ckpt_indexer.cli.session import Session
from ckpt_indexer.errors import QueryError
from ckpt_indexer.ingest.summary import ScanProgress
from ckpt_indexer.metadata.families import Families, Match
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.tools.faults import Fault
from ckpt_indexer.tools.plan import Outcome, Step
from ckpt_indexer.tools.selection import Wanted
from ckpt_indexer.tools.validate import Checked, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome as Ended
    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication

CHECKOUT = Path(__file__).parent.parent.parent
GOLDEN = CHECKOUT / "tests" / "golden" / "documents"
FAMILIES = CHECKOUT / "tests" / "golden" / "families" / "compatibility.yaml"
STEPS = [
    Step(b"/o/a.ckpt", Outcome.WRITE, target=b"/o/a.metadata.yaml", backup=b"/o/a.metadata.yaml.bak",
         told={"sources": {"epoch": "header", "backbone": "config", "metrics": "header"}, "left_out": ["params"]}),
    Step(b"/o/b\x1b.ckpt", Outcome.SKIP, "existing", "b.metadata.yaml describes it already"),
    Step(b"/o/c.ckpt", Outcome.FAIL, "unreadable", "cut\noff"),
]  # fmt: skip


@pytest.fixture
def planned(app: FakeApplication) -> FakeApplication:
    app.plan.steps = list(STEPS)
    app.plan.problems = [(b"/o/link", Problem("symlink_directory", "not followed"))]
    return app


def test_convert_shows_the_plan_and_the_summary(run: Run, planned: FakeApplication, tmp_path: Path) -> None:
    done = run("convert", str(tmp_path))
    assert done.out == (
        "write  /o/a.metadata.yaml\n"
        "    left out, too large: params\n"
        "fail  /o/c.ckpt: cut\\noff\n"
        "found         3\n"
        "converted     1\n"
        "skipped       1 (1 existing)\n"
        "failed        1 (1 unreadable)\n"
        "kept as .bak  1\n"
    )
    assert (done.code, done.err) == (1, "/o/link: not followed\n")
    assert planned.calls[-1][1:3] == (tmp_path / "catalog.db", Wanted((os.fsencode(tmp_path),)))


def test_convert_tells_more_when_asked(run: Run, planned: FakeApplication, tmp_path: Path) -> None:
    done = run("convert", str(tmp_path), "-v", "--dry-run")
    assert done.out.startswith(
        "would write  /o/a.metadata.yaml\n    header: epoch, metrics\n    config: backbone\n"
        "    left out, too large: params\nskip  /o/b\\x1b.ckpt: b.metadata.yaml describes it already\n"
    )
    assert "to be converted  1\n" in done.out
    assert planned.calls[-1][-1] is True


def test_convert_json_is_one_object(run: Run, planned: FakeApplication, tmp_path: Path) -> None:
    planned.plan.complete = False
    done = run("convert", str(tmp_path), "--json")
    answer = json.loads(done.out)
    assert {key: answer[key] for key in ("found", "converted", "skipped", "failed", "complete", "dry_run")} == {
        "found": 3, "converted": 1, "skipped": 1, "failed": 1, "complete": False, "dry_run": False,
    }  # fmt: skip
    assert [one["outcome"] for one in answer["checkpoints"]] == ["converted", "skipped", "failed"]
    assert answer["checkpoints"][0]["backup"] == "/o/a.metadata.yaml.bak"
    assert answer["sources"] == {"config": 1, "header": 1}
    assert answer["problems"][0]["path"] == "/o/link"
    assert "not every directory could be listed" in done.err


def test_what_turned_out_otherwise_is_said_after_the_plan(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.plan.turned = [Step(b"/o/a.ckpt", Outcome.SKIP, "changed", "it changed since the plan was made")]
    assert "skip  /o/a.ckpt: it changed since the plan was made\n" in run("convert", str(tmp_path)).out


def test_many_places_are_not_all_said(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.plan.problems = [(b"/o/%d" % number, Problem("k", "not followed")) for number in range(12)]
    assert run("convert", str(tmp_path)).err.endswith("and 2 more places like these\n")


def test_options_reach_the_work(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    file.touch()
    raw = os.fsencode(tmp_path)
    run("convert", "--checkpoint", str(file), "--exp-dir", str(tmp_path), "--outputs-dir", str(tmp_path), "--force",
        "--no-recursive", "--to", "1.0")  # fmt: skip
    _, _, wanted, options, dry_run = app.calls[-1]
    assert wanted == Wanted((), (raw + b"/a.ckpt",), (raw,), (raw,), recursive=False)
    assert (options.force, options.version, dry_run) == (True, "1.0", False)
    assert options.program.startswith("ckpt-indexer ")
    run("migrate-metadata", "--to", "1.0", "--force", "--dry-run")
    _, _, wanted, options, dry_run = app.calls[-1]
    assert (wanted, options.to, options.force, dry_run) == (Wanted(), "1.0", True, True)


@pytest.mark.parametrize("command", ["convert", "validate", "migrate-metadata"])
def test_progress_is_talk(command: str, run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.reporting(ScanProgress("reading", "/o", 5, 2, 0))
    assert run(command, str(tmp_path)).err == "reading /o: 2 of 5 checkpoints\n"
    assert run(command, str(tmp_path), "-q").err == ""


@pytest.mark.parametrize("command", ["convert", "validate", "migrate-metadata"])
def test_what_is_not_there_is_2_and_an_interrupt_130(command: str, run: Run, app: FakeApplication) -> None:
    done = run(command, "gone")
    assert (done.code, done.out) == (2, "")
    assert "'gone' does not exist" in done.err
    app.failing(QueryError("x.txt is no checkpoint"))
    assert (run(command).code, run(command).err) == (2, "Error: x.txt is no checkpoint\n")
    app.failing(KeyboardInterrupt())
    assert run(command).code == 130


def test_validate_names_what_is_wrong_and_counts(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    fault = Fault("value", "training.epoch", "training.epoch: expected a whole number, found 'x\x1b'")
    warning = Fault("missing_metric", "metrics.recall", "metrics.recall: not there")
    app.validation.checked = [
        Checked(b"/o/a.ckpt", Verdict.VALID, b"/o/a.metadata.yaml", "2.0", warnings=[warning]),
        Checked(b"/o/b.ckpt", Verdict.INVALID, b"/o/b.metadata.yaml", "1.0", errors=[fault]),
        Checked(b"/o/c.ckpt", Verdict.MISSING),
    ]
    app.validation.orphans = [Checked(b"/o/d.metadata.yaml", Verdict.VALID, b"/o/d.metadata.yaml")]
    done = run("validate", str(tmp_path))
    assert done.out == (
        "invalid  /o/b.ckpt\n"
        "    b.metadata.yaml: training.epoch: expected a whole number, found 'x\\x1b' [value]\n"
        "missing  /o/c.ckpt\n"
        "orphan  /o/d.metadata.yaml\n"
        "checkpoints   3\nvalid         1\ninvalid       1\nmissing       1\ncontradicted  0\nfrom_future   0\n"
        "alias         0\nwarnings      1\nerrors: 1 value\n"
    )
    assert (done.code, done.err) == (1, "1 warning: see them with -v\n")
    assert "valid  /o/a.ckpt\n    warning: metrics.recall: not there [missing_metric]\n" in run("validate", "-v").out
    answer = json.loads(run("validate", "--json").out)
    assert (answer["ok"], answer["checkpoints"], answer["error_types"]) == (False, 3, {"value": 1})
    assert [one["verdict"] for one in answer["results"]] == ["valid", "invalid", "missing"]
    assert answer["orphans"][0]["document"] == "/o/d.metadata.yaml"


def test_missing_documents_may_be_allowed(run: Run, app: FakeApplication) -> None:
    assert run("validate").code == 0
    app.validation.checked = [Checked(b"/o/c.ckpt", Verdict.MISSING)]
    assert run("validate").code == 1
    assert run("validate", "--allow-missing").code == 0
    app.validation.complete = False
    assert run("validate", "--allow-missing").code == 1


def test_families_are_told_of_and_count(run: Run, app: FakeApplication) -> None:
    app.validation.families = Families((), (Problem("field", "model_families.2.id: missing"),))
    issues = ("decoder.output_channels: 64 here, 256 in wide", "head.in_channels: 1 here, 2 in wide")
    app.validation.checked = [
        Checked(b"/o/a.ckpt", Verdict.VALID, match=Match("small\x1b", ())),
        Checked(b"/o/b.ckpt", Verdict.VALID, match=Match("wide", issues)),
    ]
    done = run("validate", "--families", "c.yaml")
    assert done.out.startswith(
        "valid  /o/b.ckpt\n    family: decoder.output_channels: 64 here, 256 in wide\n    family: h"
    )
    assert done.out.endswith("matched       1\nmismatched    1\n")
    assert (done.code, done.err) == (1, "c.yaml: model_families.2.id: missing\n")
    assert app.calls[-1][-1] == Path("c.yaml")
    assert "valid  /o/a.ckpt\n    family small\\x1b\n" in run("validate", "--families", "c.yaml", "-v").out
    answer = json.loads(run("validate", "--families", "c.yaml", "--json").out)
    assert (answer["ok"], answer["matched"], answer["mismatched"]) == (False, 1, 1)
    assert answer["results"][1] | {"family": "wide", "family_issues": [*issues]} == answer["results"][1]


def test_migrate_metadata_shows_versions_and_losses(run: Run, app: FakeApplication) -> None:
    told: dict[str, Any] = {"from": "2.0", "to": "1.0", "lost": ["tags", "run"]}
    app.plan.steps = [
        Step(b"/o/a.yaml", Outcome.WRITE, target=b"/o/a.yaml", told=told),
        Step(b"/o/b.yaml", Outcome.SKIP, "newer", "tags, run would be lost", told=told),
        Step(b"/o/c.yaml", Outcome.SKIP, "current", "it is of version 2.0 already"),
        Step(b"/o/d.yaml", Outcome.SKIP, "invalid", "mend it first"),
    ]
    assert run("migrate-metadata", "-v").out.startswith(
        "write  /o/a.yaml\n    from 2.0 to 1.0\n    lost: tags, run\nskip  /o/b.yaml: tags, run would be lost\n"
        "skip  /o/c.yaml: it is of version 2.0 already\nskip  /o/d.yaml: mend it first\n"
    )
    plain = run("migrate-metadata")
    assert ("c.yaml" in plain.out, "d.yaml" in plain.out, plain.code) == (False, True, 0)
    answer = json.loads(run("migrate-metadata", "--json").out)
    assert (answer["migrated"], answer["skipped"], answer["documents"][0]["lost"]) == (1, 3, ["tags", "run"])


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A real tree: one document of the replaced system, one link, one checkpoint of which nothing is known."""
    checkpoints = tmp_path.resolve() / "outputs" / "exp" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "best.ckpt").write_bytes(b"no checkpoint at all")
    (checkpoints / "last.ckpt").symlink_to("best.ckpt")
    shutil.copy(GOLDEN / "best.ckpt.metadata.yaml", checkpoints / "best.ckpt.metadata.yaml")
    return checkpoints.parent.parent


@pytest.fixture
def really(outputs: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command on the real application."""

    def command(*args: str) -> tuple[int, str, str]:
        session = Session(environ={}, cwd=outputs.parent)
        session.flags["catalog.db"] = str(outputs.parent / "catalog.db")
        code = main(args, session)
        return code, *capfd.readouterr()

    return command


def test_a_legacy_tree_is_validated_migrated_and_validated(
    outputs: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = really("validate", str(outputs), "--json")
    answer = json.loads(out)
    assert (answer["checkpoints"], answer["alias"], answer["missing"]) == (2, 1, 0)
    assert answer["results"][0]["version"] == "1.0"
    code, out, _ = really("migrate-metadata", str(outputs), "--json")
    assert (code, json.loads(out)["migrated"]) == (0, 1)
    code, out, _ = really("migrate-metadata", str(outputs), "--json")
    assert (code, json.loads(out)["reasons"]) == (0, {"current": 1})
    assert json.loads(really("validate", str(outputs), "--json")[1])["results"][0]["version"] == "2.0"
    documents = sorted(path.name for path in (outputs / "exp" / "checkpoints").glob("*.metadata.*"))
    assert documents == ["best.ckpt.metadata.yaml", "best.ckpt.metadata.yaml.bak"]


def test_convert_leaves_existing_documents_and_links(
    outputs: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = really("convert", str(outputs), "--json")
    assert (code, json.loads(out)["reasons"]) == (0, {"existing": 1, "link": 1})


def test_nothing_named_means_the_roots_of_the_catalog(
    outputs: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = really("convert")
    assert (code, "name a directory" in err) == (2, True)
    assert really("scan", str(outputs))[0] == 0
    code, out, _ = really("convert", "--json")
    assert (code, json.loads(out)["found"]) == (0, 2)


def torch_zip(path: Path, **content: Any) -> None:
    """Write what `torch.save` writes for a dictionary without tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/version", "3\n")


def test_a_real_checkpoint_gets_a_document_that_its_row_believes(
    tmp_path: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    outputs = tmp_path.resolve() / "legacy"
    hyper_parameters = {"architecture_name": "dbnet", "encoder": {"model_name": "resnet18"}, "lr": 0.1}
    metrics = {"precision": 0.9, "recall": 0.8, "hmean": 0.85}
    content = {"epoch": 0, "global_step": 5, "state_dict": {}, "cleval_metrics": metrics}
    torch_zip(outputs / "exp" / "checkpoints" / "best.ckpt", **content, hyper_parameters=hyper_parameters)
    code, out, err = really("convert", "--outputs-dir", str(outputs), "--json")
    assert (code, json.loads(out)["converted"]) == (0, 1), err
    assert json.loads(out)["sources"]["header"] == 1
    assert really("validate", str(outputs))[0] == 0
    assert really("scan", str(outputs))[0] == 0
    row = json.loads(really("ls", "--json")[1])[0]
    assert (row["epoch"], row["hmean"], row["backbone"]) == (0, 0.85, "resnet18")
    assert (row["sidecar_state"], row["has_sidecar"], row["experiment"]) == ("verified", True, "exp")


def test_a_reader_who_leaves_does_not_keep_the_plan_from_being_carried_out(tmp_path: Path) -> None:
    outputs = tmp_path.resolve() / "a-directory-with-a-name-so-long-that-the-plan-does-not-fit-into-one-buffer"
    for number in range(90):
        torch_zip(outputs / f"{number}.ckpt", epoch=number, state_dict={})
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "HOME": str(tmp_path), "CKPT_INDEXER_DB": str(tmp_path / "catalog.db")}
    line = [sys.executable, "-m", "ckpt_indexer", "convert", str(outputs), "-q"]
    try:
        done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, check=False, env=environ, timeout=60)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(outputs.glob("*.metadata.yaml"))) == 90


def test_the_plan_is_data_even_when_progress_moves_on_the_terminal(tmp_path: Path) -> None:
    outputs = tmp_path.resolve() / "legacy"
    torch_zip(outputs / "a.ckpt", epoch=1, state_dict={})
    terminal, end = pty.openpty()
    environ = {**os.environ, "HOME": str(tmp_path), "CKPT_INDEXER_DB": str(tmp_path / "c.db"), "TERM": "xterm"}
    line = [sys.executable, "-m", "ckpt_indexer", "convert", str(outputs)]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=end, check=False, env=environ, timeout=60)
    os.close(end)
    os.close(terminal)
    assert done.stdout.decode().splitlines()[:2] == [f"write  {outputs / 'a.metadata.yaml'}", "found      1"]


def test_a_mis_stamped_document_is_found_and_replaced(
    tmp_path: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    best = tmp_path.resolve() / "legacy" / "exp" / "checkpoints" / "best.ckpt"
    torch_zip(best, epoch=3, global_step=40, state_dict={}, cleval_metrics={"hmean": 0.9})
    document = (GOLDEN / "best.ckpt.metadata.yaml").read_text()
    best.with_name("best.metadata.yaml").write_text(document)
    code, out, _ = really("validate", str(best), "--json")
    found = json.loads(out)["results"][0]
    assert (code, found["verdict"]) == (1, "contradicted")
    assert {"epoch", "global_step"} <= {fault["field"] for fault in found["errors"]}
    code, out, _ = really("convert", "--checkpoint", str(best), "--force", "--json")
    assert (code, json.loads(out)["converted"]) == (0, 1)
    assert best.with_name("best.metadata.yaml.bak").read_text() == document
    written = yaml.safe_load(best.with_name("best.metadata.yaml").read_text())
    assert (written["training"]["epoch"], written["metrics"]["hmean"]) == (3, 0.9)
    assert really("validate", str(best))[0] == 0


def test_checkpoints_are_matched_with_the_families_of_a_document(
    tmp_path: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    outputs = tmp_path.resolve() / "legacy"
    encoders = {"a": "resnet18", "b": "vit_base"}
    for name, encoder in encoders.items():
        torch_zip(outputs / f"{name}.ckpt", epoch=1, hyper_parameters={"encoder": {"model_name": encoder}})
    families = str(FAMILIES)
    code, out, _ = really("validate", str(outputs), "--allow-missing", "--families", families, "--json")
    found = [(one["family"], bool(one["family_issues"])) for one in json.loads(out)["results"]]
    assert (code, found) == (1, [("dbnet_resnet18_unet64", False), (None, True)])
    assert really("validate", str(outputs / "a.ckpt"), "--allow-missing", "--families", families)[0] == 0


@pytest.mark.parametrize("content", [None, b"- a\n", b"a: [", b"x" * 300_000])
def test_a_broken_list_of_families_is_named(
    content: bytes | None, outputs: Path, really: Callable[..., tuple[int, str, str]]
) -> None:
    listed = outputs.parent / "compatibility.yaml"
    if content is not None:
        listed.write_bytes(content)
    code, out, err = really("validate", str(outputs), "--families", str(listed))
    assert (code, out, str(listed) in err) == (2, "", True)


@pytest.mark.parametrize("script", ["convert_legacy_checkpoints", "validate_metadata"])
def test_the_scripts_are_the_commands(script: str, outputs: Path) -> None:
    line = [sys.executable, str(CHECKOUT / "scripts" / f"{script}.py"), "--outputs-dir", str(outputs), "--json", "-q"]
    environ = {**os.environ, "HOME": str(outputs.parent), "CKPT_INDEXER_DB": str(outputs.parent / "catalog.db")}
    done = subprocess.run(line, capture_output=True, check=False, cwd=outputs.parent, env=environ, timeout=60)
    answer = json.loads(done.stdout)
    assert (answer.get("found", answer.get("checkpoints")), done.stderr) == (2, b"")


def test_json_is_one_object_even_when_nothing_is_found(tmp_path: Path, run: Run) -> None:
    done: Ended = run("convert", str(tmp_path), "--json")
    assert (done.code, json.loads(done.out)["found"]) == (0, 0)
