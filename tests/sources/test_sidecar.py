"""Which document beside a checkpoint counts, and how far it is believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind
from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.record import Finding, Input, SidecarState
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.sidecar import SidecarSource, believe, derived_from

if TYPE_CHECKING:
    from tests.sources.conftest import Folder  # the type of the fixture only

SOURCE = SidecarSource(parse=parse_inline)


def find(candidate: Candidate) -> Finding:
    finding = SOURCE.find(candidate, Said())
    assert finding is not None
    return finding


def kinds(finding: Finding) -> list[str]:
    return [problem.kind for problem in finding.problems]


# -- which one counts


def test_a_checkpoint_without_a_document_has_no_finding(folder: Folder) -> None:
    folder.document("other.metadata.yaml", checkpoint_path="other.ckpt")
    assert SOURCE.find(folder.checkpoint("best.ckpt"), Said()) is None


def test_the_first_valid_document_is_used(folder: Folder) -> None:
    folder.document("best.ckpt.metadata.yaml", checkpoint_path="best.ckpt", notes="first")
    folder.document("best.metadata.yaml", checkpoint_path="best.ckpt", notes="second")
    finding = find(folder.checkpoint())
    assert (finding.facts["notes"], finding.detail, kinds(finding)) == ("first", "best.ckpt.metadata.yaml", [])


def test_a_broken_document_gives_way_to_the_next_and_stays_a_problem(folder: Folder) -> None:
    (folder.path / "best.ckpt.metadata.yaml").write_text("a: [1\n")
    folder.document("best.metadata.yaml", checkpoint_path="best.ckpt", notes="second")
    finding = find(folder.checkpoint())
    assert (finding.facts["notes"], kinds(finding)) == ("second", ["sidecar_invalid"])
    assert finding.problems[0].message.startswith("best.ckpt.metadata.yaml: ")


def test_a_document_with_a_bad_field_gives_way_to_a_valid_one(folder: Folder) -> None:
    folder.document("best.ckpt.metadata.yaml", checkpoint_path="best.ckpt", training={"epoch": -1}, notes="bad")
    folder.document("best.metadata.yaml", checkpoint_path="best.ckpt", notes="good")
    finding = find(folder.checkpoint())
    assert (finding.facts["notes"], finding.sidecar_state) == ("good", SidecarState.UNVERIFIED)


def test_without_a_valid_document_the_first_that_parses_is_used(folder: Folder) -> None:
    folder.document("best.ckpt.metadata.yaml", checkpoint_path="best.ckpt", training={"epoch": -1}, notes="first")
    folder.document("best.metadata.yaml", checkpoint_path="best.ckpt", training={"epoch": "x"}, notes="second")
    finding = find(folder.checkpoint())
    assert (finding.facts["notes"], finding.sidecar_state) == ("first", SidecarState.INVALID)


def test_a_document_that_names_another_file_is_left_to_it(folder: Folder) -> None:
    folder.document("best.metadata.yaml", checkpoint_path="run/best.safetensors", notes="not mine")
    finding = find(folder.checkpoint())
    assert (finding.facts, kinds(finding)) == ({}, ["sidecar_of_another_file"])
    assert "best.safetensors" in finding.problems[0].message


@pytest.mark.parametrize("path", ["best.ckpt", "elsewhere/best.ckpt", "C:\\runs\\best.ckpt"])
def test_only_the_last_part_of_the_named_path_counts(folder: Folder, path: str) -> None:
    folder.document(
        "best.metadata.yaml", schema_version="1.0", checkpoint_path=path, exp_name="mine", training={"epoch": 1}
    )
    assert find(folder.checkpoint()).facts["experiment"] == "mine"


def test_the_name_of_the_file_block_comes_before_the_path(folder: Folder) -> None:
    folder.document("best.metadata.yaml", checkpoint_path="old.ckpt", file={"name": "best.ckpt"}, notes="mine")
    assert find(folder.checkpoint()).facts["notes"] == "mine"


def test_a_document_that_names_no_file_is_taken_for_this_one(folder: Folder) -> None:
    folder.document("best.metadata.yaml", schema_version="1.0", exp_name="mine")
    assert find(folder.checkpoint()).facts["experiment"] == "mine"


@pytest.mark.parametrize(
    ("run_dir", "place", "ours"),
    [("proj/run", "proj/run/best.ckpt", "run"), (".", "best.ckpt", "run"), (".", "proj/run/best.ckpt", None)],
)
def test_a_run_directory_is_relative_to_our_root_whatever_the_training_called_its_outputs(
    folder: Folder, run_dir: str, place: str, ours: str | None
) -> None:
    folder.document("best.metadata.yaml", checkpoint_path=place, run={"dir": run_dir})
    assert find(folder.checkpoint()).facts.get("run_dir") == ours


def test_a_document_that_is_no_document_is_a_finding_without_facts(folder: Folder) -> None:
    (folder.path / "best.metadata.yaml").write_text("hello: world\n")
    finding = find(folder.checkpoint())
    assert (finding.facts, finding.sidecar_state, kinds(finding)) == ({}, SidecarState.INVALID, ["sidecar_invalid"])


def test_a_hard_document_is_left_to_a_source_with_a_child(folder: Folder) -> None:
    (folder.path / "best.metadata.yaml").write_text("a: &x 1\nb: *x\n")
    with pytest.raises(NeedsChild):
        SOURCE.find(folder.checkpoint(), Said())


# -- what is noted beside it


def test_a_shared_stem_is_reported_on_either_side(folder: Folder) -> None:
    folder.document("best.metadata.yaml", notes="whose")
    folder.checkpoint("best.safetensors")
    finding = find(folder.checkpoint("best.ckpt"))
    assert "shared_stem" in kinds(finding)
    assert any("best.safetensors" in problem.message for problem in finding.problems)


def test_a_document_by_the_full_name_shares_no_stem(folder: Folder) -> None:
    folder.document("best.ckpt.metadata.yaml", checkpoint_path="best.ckpt")
    folder.checkpoint("best.safetensors")
    candidate = folder.checkpoint("best.ckpt")
    assert kinds(find(candidate)) == []
    assert [path for path, _ in derived_from(candidate)] == [b"run/best.ckpt.metadata.yaml"]


def test_the_inputs_are_the_documents_and_the_presence_of_sharers(folder: Folder) -> None:
    folder.document("best.ckpt.metadata.yaml", checkpoint_path="best.ckpt")
    folder.document("best.metadata.yaml", checkpoint_path="best.ckpt")
    folder.checkpoint("best.safetensors")
    candidate = folder.checkpoint("best.ckpt")
    expected = [
        (f"run/{name}".encode(), FileStamp(stat.st_size, stat.st_mtime_ns))
        for name in ("best.ckpt.metadata.yaml", "best.metadata.yaml")
        for stat in [(folder.path / name).stat()]
    ]
    expected.append((b"run/best.safetensors", FileStamp(0, 0)))
    assert list(derived_from(candidate)) == expected
    assert find(candidate).inputs == [Input(path, *stamp) for path, stamp in expected]


def test_the_target_of_a_linked_document_is_an_input_as_well(folder: Folder) -> None:
    folder.document("kept.yaml", checkpoint_path="best.ckpt", notes="linked")
    (folder.path / "best.metadata.yaml").symlink_to("kept.yaml")
    finding = find(folder.checkpoint())
    assert finding.facts["notes"] == "linked"
    assert [given.path for given in finding.inputs] == [b"run/best.metadata.yaml", b"run/kept.yaml"]


def test_a_document_from_the_future_is_used_and_marked(folder: Folder) -> None:
    folder.document("best.metadata.yaml", schema_version="9.9", checkpoint_path="best.ckpt", training={"epoch": 3})
    finding = find(folder.checkpoint())
    assert (finding.facts["epoch"], finding.sidecar_state) == (3, SidecarState.FROM_FUTURE)


def test_a_document_of_another_size_is_contradicted_and_says_so(folder: Folder) -> None:
    folder.document("best.metadata.yaml", file={"name": "best.ckpt", "size_bytes": 1})
    finding = find(folder.checkpoint(content=b"four"))
    assert (finding.sidecar_state, kinds(finding)) == (SidecarState.CONTRADICTED, ["sidecar_contradicted"])


def test_a_name_of_any_bytes_can_be_verified(folder: Folder) -> None:
    name = os.fsdecode(b"b\xc3\xa4st.ckpt")
    candidate = folder.checkpoint(name)
    stamp = candidate.fingerprint
    block = {"name": "b\u00e4st.ckpt", "size_bytes": stamp.size_bytes, "mtime_ns": stamp.mtime_ns}
    assert believe(_reading({"schema_version": "2.0", "file": block}), candidate) is SidecarState.VERIFIED


# -- how far it is believed

PLAIN = Candidate(b"/r", b"run/best.ckpt", Kind.FILE, Fingerprint(1, 2, 30, 40, 50))


def _reading(document: dict[str, Any]) -> Any:  # Any: JSON values
    return read_document(document, detail="best.metadata.yaml")


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({"file": {"name": "best.ckpt", "size_bytes": 30, "mtime_ns": 40}}, SidecarState.VERIFIED),
        ({"file": {"name": "best.ckpt", "size_bytes": 30, "mtime_ns": 41}}, SidecarState.UNVERIFIED),
        ({"file": {"name": "best.ckpt", "size_bytes": 30}}, SidecarState.UNVERIFIED),
        ({"file": {"size_bytes": 30, "mtime_ns": 40}, "checkpoint_path": "best.ckpt"}, SidecarState.UNVERIFIED),
        ({"file": {"name": "best.ckpt", "mtime_ns": 40}}, SidecarState.UNVERIFIED),
        ({"file": {"name": "best.ckpt"}}, SidecarState.UNVERIFIED),
        ({"checkpoint_path": "best.ckpt"}, SidecarState.UNVERIFIED),
        ({"file": {"name": "best.ckpt", "size_bytes": 31, "mtime_ns": 40}}, SidecarState.CONTRADICTED),
        ({"file": {"name": "best.ckpt", "size_bytes": "30"}}, SidecarState.INVALID),
        ({"training": {"epoch": -1}, "checkpoint_path": "best.ckpt"}, SidecarState.INVALID),
        ({"schema_version": "9.9", "file": {"name": "best.ckpt", "size_bytes": 31}}, SidecarState.FROM_FUTURE),
    ],
)
def test_a_document_is_believed_by_what_it_says_of_its_file(keys: dict[str, Any], state: SidecarState) -> None:
    assert believe(_reading({"schema_version": "2.0", **keys}), PLAIN) is state
