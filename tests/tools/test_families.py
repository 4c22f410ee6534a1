from __future__ import annotations

from pathlib import Path

import pytest

from ckpt_indexer.errors import MetadataError, SidecarUnreadable
from ckpt_indexer.metadata.record import Component, Record
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.tools.families import load_families, match_record, match_row

GOLDEN = Path(__file__).parent.parent / "golden" / "families" / "compatibility.yaml"


def test_a_document_is_read_from_where_it_lies() -> None:
    families = load_families(GOLDEN, parse_inline)
    assert len(families.families) == 9
    assert families.problems == ()


def test_a_link_to_a_document_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "compatibility.yaml"
    link.symlink_to(GOLDEN)
    assert len(load_families(link, parse_inline).families) == 9


def test_an_absent_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(SidecarUnreadable, match=r"there is no .*none\.yaml") as caught:
        load_families(tmp_path / "none.yaml", parse_inline)
    assert caught.value.details["reason"] == "absent"


def test_another_document_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("schema_version: '1.0'\n", encoding="utf-8")
    with pytest.raises(MetadataError, match="model_families"):
        load_families(other, parse_inline)


def test_rows_and_records_give_the_same_answer() -> None:
    families = load_families(GOLDEN, parse_inline)
    decoder = Component("decoder", "pan_decoder", {"output_channels": 128, "inner_channels": 256})
    record = Record(facts={"backbone": "resnet34"}, components=[decoder])
    row = {"backbone": "resnet34", "components": [decoder._asdict()]}
    expected = ("dbnet_resnet34_pan", ("decoder.output_channels: 128 here, 256 in dbnet_resnet34_pan",))
    assert match_record(record, families) == match_row(row, families) == expected
    assert match_record(Record(), families).family_id is None
