from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ckpt_indexer.errors import MetadataError
from ckpt_indexer.metadata.families import Channels, Family, channels_of, match_family, read_families
from ckpt_indexer.metadata.record import Component

GOLDEN = Path(__file__).parent.parent / "golden" / "families" / "compatibility.yaml"
FAMILIES = read_families(yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))).families
UNET = Channels(output_channels=256, inner_channels=256, head_in_channels=256, in_channels=(64, 128, 256, 512))


def document(**entry: Any) -> dict[str, Any]:
    return {"model_families": [{"id": "a", "encoder": {"model_names": ["resnet18"]}, **entry}]}


def test_the_published_document_is_read_whole() -> None:
    read = read_families(yaml.safe_load(GOLDEN.read_text(encoding="utf-8")))
    assert [family.id for family in read.families] == [
        "dbnet_resnet18_unet64",
        "dbnet_resnet18_unet256",
        "dbnet_resnet34_pan",
        "dbnet_resnet18_pan",
        "dbnet_mobilenetv3_small_unet256",
        "dbnet_mobilenetv3_small_resnet_channels",
        "dbnetpp_resnet50",
        "dbnetpp_resnet18",
        "craft_resnet50",
    ]
    assert read.problems == ()
    assert read.families[6] == Family(
        "dbnetpp_resnet50",
        "DBNet++ architecture trained with ResNet50/ResNet101 backbone and DBPP decoder.",
        ("resnet50", "resnet101"),
        Channels(128, 256, 128, (256, 512, 1024, 2048)),
        "ocr.models.decoder.dbpp_decoder.DBPPDecoder",
        "ocr.models.head.db_head.DBHead",
    )


def test_the_family_without_contradictions_wins() -> None:
    match = match_family("resnet34", UNET, FAMILIES)
    assert match.family_id == "dbnet_resnet34_pan"
    assert match.issues == ()
    assert match.valid


def test_channels_choose_among_families_of_one_encoder() -> None:
    own = Channels(output_channels=128, inner_channels=256, head_in_channels=128, in_channels=(64, 128, 256, 512))
    assert match_family("resnet18", own, FAMILIES) == ("dbnetpp_resnet18", ())
    inputs = UNET._replace(in_channels=(8, 16, 24, 288))
    assert match_family("mobilenetv3_small_050", inputs, FAMILIES).family_id == "dbnet_mobilenetv3_small_unet256"


def test_equal_contradictions_are_decided_by_output_channels_then_by_id() -> None:
    assert match_family("resnet18", Channels(), FAMILIES).family_id == "dbnet_resnet18_unet64"
    wide = match_family("resnet18", Channels(output_channels=256), FAMILIES)
    assert wide.family_id == "dbnet_resnet18_pan"  # before dbnet_resnet18_unet256


def test_a_family_that_says_no_output_channels_comes_last() -> None:
    silent = Family("a", None, ("resnet18",), Channels())
    assert match_family("resnet18", Channels(), [silent, *FAMILIES]).family_id == "dbnet_resnet18_unet64"


def test_every_contradiction_is_one_issue() -> None:
    own = Channels(output_channels=1, inner_channels=2, head_in_channels=3, in_channels=(4,))
    match = match_family("resnet34", own, FAMILIES)
    assert match.issues == (
        "decoder.output_channels: 1 here, 256 in dbnet_resnet34_pan",
        "decoder.inner_channels: 2 here, 256 in dbnet_resnet34_pan",
        "head.in_channels: 3 here, 256 in dbnet_resnet34_pan",
        "decoder.in_channels: 4 here, 64, 128, 256, 512 in dbnet_resnet34_pan",
    )
    assert not match.valid


def test_what_is_not_known_contradicts_nothing() -> None:
    silent = Family("a", None, ("x",), Channels())
    assert match_family("x", UNET, [silent]).valid
    assert match_family("resnet34", Channels(), FAMILIES).valid


def test_an_encoder_no_family_lists_has_none() -> None:
    assert match_family("vit_b_16", UNET, FAMILIES) == (None, ("no family lists the encoder vit_b_16",))
    assert match_family(None, UNET, FAMILIES) == (None, ("the encoder is not known",))


@pytest.mark.parametrize("encoder", ["ResNet34", " resnet34 ", "resnet34.a1_in1k"])
def test_spelling_and_the_tag_of_the_weights_do_not_matter(encoder: str) -> None:
    assert match_family(encoder, UNET, FAMILIES).family_id == "dbnet_resnet34_pan"


def test_a_family_may_list_the_tag_itself() -> None:
    family = Family("a", None, ("ResNet18.a1_in1k",), Channels())
    assert match_family("resnet18.a1_in1k", Channels(), [family]).family_id == "a"
    assert match_family("resnet18", Channels(), [family]).family_id is None


@pytest.mark.parametrize("wrong", [None, [], "text", {}, {"model_families": {}}, {"model_families": None}])
def test_anything_but_a_list_of_families_is_refused(wrong: object) -> None:
    with pytest.raises(MetadataError, match="list of model_families"):
        read_families(wrong)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", "model_families.0: expected a mapping, found 'text'"),
        ({"encoder": {"model_names": ["x"]}}, "model_families.0.id: missing, a family cannot be told without it"),
        ({"id": " ", "encoder": {"model_names": ["x"]}}, "model_families.0.id: missing, a family cannot be told"),
        ({"id": "a"}, "model_families.0.encoder.model_names: missing"),
        ({"id": "a", "encoder": {"model_names": "x"}}, "model_families.0.encoder.model_names: missing"),
        ({"id": "a", "encoder": {"model_names": [1, ""]}}, "model_families.0.encoder.model_names: missing"),
    ],
)
def test_an_entry_that_cannot_be_told_is_left_out(entry: object, message: str) -> None:
    read = read_families({"model_families": [entry, *document()["model_families"]]})
    assert [family.id for family in read.families] == ["a"]
    assert read.problems[0].message.startswith(message)


def test_an_encoder_that_is_no_mapping_is_named() -> None:
    read = read_families({"model_families": [{"id": "a", "encoder": "resnet18"}]})
    assert read.families == ()
    assert read.problems[0].message == "model_families.0.encoder: expected a mapping, found 'resnet18'"


def test_an_id_counts_once() -> None:
    first, second = document(description="first"), document(description="second")
    read = read_families({"model_families": first["model_families"] + second["model_families"]})
    assert [family.description for family in read.families] == ["first"]
    assert read.problems == (("field", "model_families.1.id: 'a' is there already"),)


@pytest.mark.parametrize(
    ("blocks", "path"),
    [
        ({"decoder": {"output_channels": "256"}}, "model_families.0.decoder.output_channels"),
        ({"decoder": {"inner_channels": 0}}, "model_families.0.decoder.inner_channels"),
        ({"decoder": {"inner_channels": True}}, "model_families.0.decoder.inner_channels"),
        ({"decoder": {"in_channels": 256}}, "model_families.0.decoder.in_channels"),
        ({"decoder": {"in_channels": [64, "x"]}}, "model_families.0.decoder.in_channels"),
        ({"head": {"in_channels": -1}}, "model_families.0.head.in_channels"),
    ],
)
def test_a_bad_number_is_a_problem_and_counts_as_unknown(blocks: dict[str, Any], path: str) -> None:
    read = read_families(document(**blocks))
    assert read.families[0].channels == Channels()
    assert read.problems[0].message.startswith(path + ": expected")


def test_absent_and_empty_values_are_no_problem() -> None:
    blocks: dict[str, Any] = {
        "decoder": {"in_channels": [], "class": " ", "output_channels": None},
        "head": None,
        "description": 7,
    }
    read = read_families(document(**blocks))
    assert read.problems == ()
    assert read.families == (Family("a", None, ("resnet18",), Channels()),)


def test_channels_come_from_the_components_of_records_and_rows() -> None:
    params = {"in_channels": [64, 128], "inner_channels": 256, "output_channels": 64}
    components = [
        Component("encoder", "resnet18", {"pretrained": True}),
        Component("decoder", "unet", params),
        Component("head", "db_head", {"in_channels": 256}),
    ]
    expected = Channels(64, 256, 256, (64, 128))
    assert channels_of(components) == expected
    assert channels_of([component._asdict() for component in components]) == expected


def test_the_first_component_of_a_role_counts_and_none_is_unknown() -> None:
    first, second = Component("head", "a", {"in_channels": 1}), Component("head", "b", {"in_channels": 2})
    assert channels_of([first, second]) == Channels(head_in_channels=1)
    assert channels_of([]) == Channels()
    assert channels_of([Component("decoder", "x", {"in_channels": "64", "output_channels": 1.5})]) == Channels()
