from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.families import Channels, Families, Family
from ckpt_indexer.metadata.record import Component, Conflict, Problem, Record, SidecarState
from ckpt_indexer.sidecar.loading import parse_anything
from ckpt_indexer.tools.validate import Checked, Validation, Validator, Verdict
from tests.tools.tree_files import V1, Teller, changed_meanwhile, checkpoint, found, write

if TYPE_CHECKING:
    from pathlib import Path

V2: dict[str, Any] = {
    "schema_version": "2.0",
    "file": {"name": "best.ckpt"},
    "training": {"epoch": 3, "global_step": 100},
    "metrics": {"hmean": 0.8, "additional_metrics": {"val/precision": 0.9, "val/recall": 0.7}},
}


@pytest.fixture
def best(tmp_path: Path) -> Path:
    return checkpoint(tmp_path.resolve() / "outputs" / "exp" / "checkpoints" / "best.ckpt")


@pytest.fixture
def path(best: Path) -> Path:
    return best.with_name("best.metadata.yaml")


def validate(path: Path, teller: Teller | None = None) -> Validation:
    return Validator(parse=parse_anything, describe=teller).validate(found(path))


def only(validation: Validation) -> Checked:
    (checked,) = validation.checked
    return checked


def types(faults: list[Any]) -> list[tuple[str, str | None]]:
    return [(fault.type, fault.field) for fault in faults]


def test_a_valid_document_is_valid(best: Path, path: Path) -> None:
    write(path, V2)
    validation = validate(best.parent)
    checked = only(validation)
    assert (checked.verdict, checked.version, checked.document) == (Verdict.VALID, "2.0", os.fsencode(path))
    assert (checked.errors, checked.warnings) == ([], [])
    assert validation.ok()


def test_a_checkpoint_without_a_document_is_missing_one(best: Path) -> None:
    validation = validate(best.parent)
    assert only(validation).verdict is Verdict.MISSING
    assert (validation.ok(), validation.ok(allow_missing=True)) == (False, True)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"training": {"epoch": "ten", "global_step": 1}}, ("value", "training.epoch")),
        ({"training": {"global_step": 1}}, ("missing", "training.epoch")),
        ({"schema_version": "soon"}, ("value", "schema_version")),
        ({"metrics": {"hmean": float("nan")}}, ("not_finite", "metrics.hmean")),
        ({"metrics": {"hmean": 84.0}}, ("value", "metrics.hmean")),
        ({"checkpointing": {"monitor": "a", "mode": "up"}}, ("value", "checkpointing.mode")),
    ],
)
def test_every_fault_has_a_type_and_a_field(
    change: dict[str, Any], fault: tuple[str, str], best: Path, path: Path
) -> None:
    write(path, {**V1, **change})
    checked = only(validate(best.parent))
    assert checked.verdict is Verdict.INVALID
    assert fault in types(checked.errors)
    assert all(one.message for one in checked.errors)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"a: [", "invalid"), (b"", "no_mapping"), (b"- a\n", "no_mapping"), (b"\xff\xfea", "encoding"),
        (b"a: 1\na: 2\n", "duplicate_key"), (b"x" * 300_000, "too_large"), (b"hello: world\n", "invalid"),
    ],
)  # fmt: skip
def test_what_is_no_document_says_why(content: bytes, kind: str, best: Path, path: Path) -> None:
    path.write_bytes(content)
    checked = only(validate(best.parent))
    assert checked.verdict is Verdict.INVALID
    assert checked.errors[0].type == kind or kind == "invalid"
    assert checked.errors[0].message


def test_one_broken_document_hides_no_other(best: Path, path: Path) -> None:
    write(path, V2)
    for number in range(5):
        checkpoint(best.with_name(f"{number}.ckpt"))
        best.with_name(f"{number}.metadata.yaml").write_text("a: [\n" if number % 2 else "schema_version: '2.0'\n")
    validation = validate(best.parent)
    assert (validation.count(Verdict.VALID), validation.count(Verdict.INVALID)) == (1, 5)
    assert sum(validation.error_types().values()) >= 5
    assert not validation.ok()


def test_missing_metrics_and_unknown_keys_are_warnings(best: Path, path: Path) -> None:
    document = {**V2, "metrics": {"hmean": 0.5}, "trainings": {}, "run": {"colour": "red"}}
    write(path, document)
    checked = only(validate(best.parent))
    assert checked.verdict is Verdict.VALID
    assert types(checked.warnings) == [
        ("missing_metric", "metrics.precision"), ("missing_metric", "metrics.recall"),
        ("unknown_key", "trainings"), ("unknown_key", "run.colour"),
    ]  # fmt: skip


def test_what_has_no_place_in_a_row_is_not_unknown(best: Path, path: Path) -> None:
    write(path, {**V1, "team": {"a": 1}})
    assert types(only(validate(best.parent)).warnings) == [("unknown_key", "team")]
    more = {
        "lineage": {"resumed_from": "a"},
        "environment": {"torch": "2"},
        "hydra_config_path": "a/.hydra/config.yaml",
    }
    write(path, {**V2, **more, "run": {"name": "n"}, "dataset": {"version": "2"}})
    assert only(validate(best.parent)).warnings == []


def test_a_document_from_the_future_is_neither_valid_nor_invalid(best: Path, path: Path) -> None:
    path.write_text("schema_version: '9.0'\nfile: {name: best.ckpt}\n")
    checked = only(validate(best.parent))
    assert (checked.verdict, checked.version) == (Verdict.FROM_FUTURE, "9.0")
    assert not validate(best.parent).ok()


def test_another_size_contradicts(best: Path, path: Path) -> None:
    write(path, {**V2, "file": {"name": "best.ckpt", "size_bytes": 99, "mtime_ns": 1}})
    checked = only(validate(best.parent))
    assert (checked.verdict, types(checked.errors)) == (Verdict.CONTRADICTED, [("contradicted", "file.size_bytes")])


def test_a_verified_document_is_not_asked_about(best: Path, path: Path) -> None:
    stat = best.stat()
    write(path, {**V2, "file": {"name": "best.ckpt", "size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}})
    teller = Teller()
    assert only(validate(best.parent, teller)).verdict is Verdict.VALID
    assert teller.asked == []


def test_the_file_may_say_otherwise(best: Path, path: Path) -> None:
    write(path, V2)
    record = Record(
        conflicts=[Conflict("epoch", 6, 3, "header", "sidecar"), Conflict("head", "a", "b", "sidecar", "names")],
        sidecar_state=SidecarState.CONTRADICTED,
    )
    checked = only(validate(best.parent, Teller().about("best.ckpt", record)))
    assert (checked.verdict, types(checked.errors)) == (Verdict.CONTRADICTED, [("contradicted", "epoch")])
    assert checked.errors[0].message == "epoch: it says 3, header 6"


@pytest.mark.parametrize("problems", [[], [Problem("sidecar_contradicted", "it is of another file")]])
def test_a_contradiction_without_fields_is_one_too(problems: list[Problem], best: Path, path: Path) -> None:
    write(path, V2)
    record = Record(sidecar_state=SidecarState.CONTRADICTED, problems=problems)
    checked = only(validate(best.parent, Teller().about("best.ckpt", record)))
    assert types(checked.errors) == [("contradicted", None)]


def test_a_file_that_cannot_be_asked_leaves_a_warning(best: Path, path: Path) -> None:
    write(path, V2)
    checked = only(validate(best.parent, Teller().about("best.ckpt", changed_meanwhile())))
    assert (checked.verdict, types(checked.warnings)) == (Verdict.VALID, [("not_cross_checked", None)])


def test_links_need_no_document(best: Path, path: Path) -> None:
    write(path, V2)
    best.with_name("link.ckpt").symlink_to("best.ckpt")
    os.link(best, best.with_name("twin.ckpt"))
    validation = validate(best.parent)
    assert [one.verdict for one in validation.checked] == [Verdict.VALID, Verdict.ALIAS, Verdict.ALIAS]
    assert validation.ok()


def test_the_first_valid_document_counts(best: Path, path: Path) -> None:
    write(path, V2)
    best.with_name("best.ckpt.metadata.yaml").write_text("a: [\n")
    checked = only(validate(best.parent))
    assert (checked.verdict, checked.document) == (Verdict.VALID, os.fsencode(path))
    assert types(checked.warnings) == [("unused", None)]


def test_the_document_of_another_file_is_none(best: Path, path: Path) -> None:
    write(path, {**V2, "file": {"name": "other.ckpt"}})
    checked = only(validate(best.parent))
    assert (checked.verdict, types(checked.warnings)) == (Verdict.MISSING, [("of_another_file", None)])


def test_a_shared_stem_is_a_warning(best: Path, path: Path) -> None:
    write(path, {**V2, "file": {"size_bytes": 7}, "checkpoint_path": "exp/best.ckpt"})
    checkpoint(best.with_suffix(".pt"))
    first = validate(best.parent).checked[0]
    assert types(first.warnings) == [("shared_stem", None)]
    assert "best.pt" in first.warnings[0].message


def test_documents_without_a_checkpoint_are_listed_and_do_not_count(best: Path, path: Path) -> None:
    write(path, V2)
    write(path.with_name("gone.metadata.yaml"), {**V2, "file": {"name": "gone.ckpt"}})
    path.with_name("old.metadata.yaml").write_text("a: [\n")
    path.with_name("new.metadata.json").write_text('{"schema_version": "9.0"}')
    path.with_name("plain.metadata.json").write_text('{"training": {"epoch": 1}, "config": {}}')
    validation = validate(best.parent)
    assert validation.ok()
    verdicts = {one.path.rpartition(b"/")[2]: one.verdict for one in validation.orphans}
    assert verdicts == {
        b"gone.metadata.yaml": Verdict.VALID, b"new.metadata.json": Verdict.FROM_FUTURE,
        b"old.metadata.yaml": Verdict.INVALID, b"plain.metadata.json": Verdict.VALID,
    }  # fmt: skip
    seen = found(best.parent)
    path.with_name("gone.metadata.yaml").unlink()
    gone = Validator(parse=parse_anything).validate(seen).orphans[0]
    assert types(gone.errors) == [("gone", None)]


FAMILY = Family("small", None, ("resnet18",), Channels(output_channels=64))


def described(encoder: str, channels: int) -> Record:
    return Record(facts={"backbone": encoder}, components=[Component("decoder", "unet", {"output_channels": channels})])


def matched(path: Path, teller: Teller) -> Validation:
    tool = Validator(parse=parse_anything, describe=teller, families=Families((FAMILY,), ()))
    return tool.validate(found(path))


def test_every_checkpoint_is_matched_with_the_families(best: Path, path: Path) -> None:
    write(path, V2)
    for name in ("fits.ckpt", "foreign.ckpt", "gone.ckpt"):
        checkpoint(best.with_name(name))
    teller = Teller().about("best.ckpt", described("resnet18", 256)).about("fits.ckpt", described("resnet18", 64))
    teller.about("foreign.ckpt", described("vit", 64)).about("gone.ckpt", changed_meanwhile())
    validation = matched(best.parent, teller)
    said = {one["checkpoint"].rpartition("/")[2]: one for one in (each.to_dict() for each in validation.checked)}
    assert {name: one["family"] for name, one in said.items()} == {
        "best.ckpt": "small", "fits.ckpt": "small", "foreign.ckpt": None, "gone.ckpt": None,
    }  # fmt: skip
    assert said["best.ckpt"]["family_issues"] == ["decoder.output_channels: 256 here, 64 in small"]
    assert said["fits.ckpt"]["family_issues"] == []
    assert said["gone.ckpt"]["family_issues"] == ["it changed while it was read"]
    assert (validation.matched(), validation.mismatched(), validation.ok(allow_missing=True)) == (1, 3, False)
    assert sorted(teller.asked) == [b"best.ckpt", b"fits.ckpt", b"foreign.ckpt", b"gone.ckpt"]


def test_one_that_fits_passes_and_without_families_nothing_is_said_of_them(best: Path, path: Path) -> None:
    write(path, V2)
    assert matched(best.parent, Teller().about("best.ckpt", described("resnet18", 64))).ok()
    assert "family" not in only(validate(best.parent)).to_dict()


def test_progress_and_json(best: Path, path: Path) -> None:
    write(path, {**V1, "training": {"epoch": -1, "global_step": 0}})
    told: list[tuple[str, int, int]] = []
    tool = Validator(parse=parse_anything)
    (checked,) = tool.validate(found(best), lambda *report: told.append(report)).checked
    assert told == [("checking", 1, 1)]
    assert checked.to_dict()["errors"] == [
        {
            "type": "value",
            "field": "training.epoch",
            "message": "training.epoch: expected a whole number of at least 0, found -1",
        }
    ]
