from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.signatures import recognise as signatures
from ckpt_indexer.readers.signatures.blocks import describe, text_of
from ckpt_indexer.readers.signatures.families import FAMILIES
from ckpt_indexer.readers.signatures.recognise import recognise, recognise_parts
from ckpt_indexer.readers.signatures.rows import ROWS
from ckpt_indexer.readers.signatures.rows_numbered import NUMBERED_ROWS
from tests.readers.structure_files import (
    LIBRARIES,
    Shapes,
    craft_decoder,
    craft_head,
    db_head,
    dbpp_decoder,
    fpn_decoder,
    models,
    pan_decoder,
    under,
    unet,
)

NOT_IN_THE_TABLE = {
    "seresnet50", "resnetrs50", "ecaresnet50d", "resnetv2_50", "res2net50_26w_4s", "regnety_032", "hrnet_w18",
    "deit_base_distilled_patch16_224", "vit_base_patch16_clip_224", "vit_base_patch14_dinov2", "beit_base_patch16_224",
    "squeezenet1_1", "shufflenet_v2_x1_0", "mnasnet1_0", "googlenet",
}  # fmt: skip
SAME_STRUCTURE = {"tf_efficientnet_b0": "efficientnet_b0", "deit_small_patch16_224": "vit_small_patch16_224"}
ALL = [(library, name) for library in LIBRARIES for name in models(library)]
KNOWN = [(library, name) for library, name in ALL if name not in NOT_IN_THE_TABLE]
PREFIXES = (
    "", "model.", "encoder.model.", "model.encoder.model.", "module.", "_orig_mod.", "encoder.", "backbone.", "net.",
    "module._orig_mod.model.backbone.body.",
)  # fmt: skip


def names_of(library: str, name: str) -> Shapes:
    return models(library)[name]


def without(shapes: Shapes, *starts: str) -> Shapes:
    return {name: shape for name, shape in shapes.items() if not name.startswith(starts)}


@pytest.mark.parametrize(("library", "name"), KNOWN)
def test_a_real_model_is_recognised(library: str, name: str) -> None:
    fitting = recognise(names_of(library, name))["encoder"]
    own = SAME_STRUCTURE.get(name, name)
    assert own in fitting
    assert fitting == [own] or name.startswith("swinv2_")


@pytest.mark.parametrize("name", sorted(NOT_IN_THE_TABLE))
def test_a_model_that_only_resembles_known_ones_is_not_recognised(name: str) -> None:
    library = next(library for library in LIBRARIES if name in models(library))
    assert recognise(names_of(library, name)) == {}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("timm", "resnet18"), ("torchvision", "resnet101"), ("timm", "mobilenetv3_small_050"), ("timm", "vgg16_bn"),
        ("torchvision", "mobilenet_v3_large"), ("timm", "efficientnet_b3"), ("torchvision", "convnext_small"),
        ("timm_features", "convnext_tiny"), ("timm_features", "swin_tiny_patch4_window7_224"),
        ("timm_features", "vit_small_patch16_224"), ("torchvision", "vit_b_16"), ("torchvision", "densenet121"),
    ],
)  # fmt: skip
def test_any_prefix_may_stand_before_it(prefix: str, library: str, name: str) -> None:
    assert recognise(under(prefix, names_of(library, name))) == {"encoder": [name]}


@pytest.mark.parametrize(
    ("library", "name", "head"),
    [
        ("timm", "resnet50", ("fc.",)),
        ("timm", "mobilenetv3_large_100", ("classifier.", "conv_head.")),
        ("timm", "efficientnet_b0", ("classifier.", "conv_head.", "bn2.")),
        ("torchvision", "efficientnet_b0", ("classifier.",)),
        ("timm", "convnext_base", ("head.",)),
        ("timm", "swin_base_patch4_window7_224", ("head.", "norm.")),
        ("timm", "vit_base_patch16_224", ("head.", "norm.")),
        ("torchvision", "vgg16", ("classifier.",)),
        ("torchvision", "resnet18", ("fc.", "conv1.", "bn1.")),
    ],
)
def test_neither_classifier_nor_stem_is_needed(library: str, name: str, head: tuple[str, ...]) -> None:
    assert recognise(without(names_of(library, name), *head)) == {"encoder": [name]}


def test_running_statistics_are_not_needed() -> None:
    weights = {name: shape for name, shape in names_of("timm", "resnet34").items() if len(shape) == 4}
    assert recognise(weights) == {"encoder": ["resnet34"]}


@pytest.mark.parametrize(("kernel", "channels"), [(3, 3), (7, 1), (7, 4)])
def test_the_stem_of_a_resnet_may_differ(kernel: int, channels: int) -> None:
    shapes = names_of("torchvision", "resnet18") | {"conv1.weight": (64, channels, kernel, kernel)}
    assert recognise(shapes) == {"encoder": ["resnet18"]}


def test_block_counts_and_kinds_are_enough_for_a_resnet() -> None:
    blocks = {1: 3, 2: 4, 3: 23, 4: 3}
    shapes: Shapes = {}
    for stage, count in blocks.items():
        width = 64 * 2 ** (stage - 1)
        for block in range(count):
            shapes[f"model.encoder.model.layer{stage}.{block}.conv1.weight"] = (width, 4 * width, 1, 1)
            shapes[f"model.encoder.model.layer{stage}.{block}.conv3.weight"] = (4 * width, width, 1, 1)
    assert recognise(shapes) == {"encoder": ["resnet101"]}


def test_evidence_that_fits_several_gives_candidates() -> None:
    shapes = {n: s for n, s in names_of("timm", "resnet50").items() if "conv1" not in n and "conv2" not in n}
    assert recognise(shapes) == {"encoder": ["resnet50", "wide_resnet50_2", "resnext50_32x4d"]}


def test_a_trunk_that_lacks_its_last_stage_is_recognised_when_only_one_fits() -> None:
    assert recognise(without(names_of("timm", "resnet18"), "layer4.", "fc.")) == {"encoder": ["resnet18"]}
    assert recognise(without(names_of("timm", "resnet50"), "layer4.", "fc.")) == {"encoder": ["resnet50", "resnet101"]}


def test_a_state_dict_cut_within_a_stage_names_nothing_wrong() -> None:
    whole = names_of("timm", "resnet101")
    for kept in range(0, len(whole), 7):
        fitting = recognise(dict(list(whole.items())[:kept])).get("encoder", [])
        assert fitting == [] or "resnet101" in fitting


def test_a_missing_block_in_the_middle_is_not_recognised() -> None:
    assert recognise(without(names_of("timm", "resnet50"), "layer3.2.")) == {}


@pytest.mark.parametrize(
    "extra",
    [
        {"layer1.0.se.fc1.weight": (16, 64, 1, 1)}, {"layer2.0.conv2_offset.weight": (27, 128, 3, 3)},
        {"layer3.5.attn.weight": (1,)}, {"layer5.0.conv1.weight": (1, 1, 1, 1)} | {"layer4.0.aa.filt": (1,)},
    ],
)  # fmt: skip
def test_one_foreign_tensor_in_a_block_makes_it_something_else(extra: Shapes) -> None:
    assert recognise(names_of("timm", "resnet50") | extra) == {}


def test_the_resnet_of_clip_is_no_plain_one() -> None:
    shapes = without(names_of("timm", "resnet50"), "fc.") | {"attnpool.positional_embedding": (50, 2048)}
    assert recognise(under("visual.", shapes)) == {}


@pytest.mark.parametrize("token", ["dist_token", "reg_token", "norm_pre.weight"])
def test_a_transformer_with_further_tokens_is_no_plain_one(token: str) -> None:
    assert recognise(names_of("timm", "vit_base_patch16_224") | {token: (1, 1, 768)}) == {}


@pytest.mark.parametrize(
    ("tokens", "fitting"),
    [
        (197, ["vit_base_patch16_224"]), (577, ["vit_base_patch16_384"]),
        (17, ["vit_base_patch16_224", "vit_base_patch16_384"]), (1, ["vit_base_patch16_224", "vit_base_patch16_384"]),
    ],
)  # fmt: skip
def test_the_position_embedding_tells_the_size_of_the_image(tokens: int, fitting: list[str]) -> None:
    shapes = names_of("timm", "vit_base_patch16_224") | {"pos_embed": (1, tokens, 768)}
    assert recognise(shapes) == {"encoder": fitting}


def test_a_table_of_offsets_tells_the_window_of_swin_2() -> None:
    shapes = names_of("timm", "swinv2_tiny_window8_256")
    told = {f"layers.0.blocks.{block}.attn.relative_coords_table": (1, 31, 31, 2) for block in range(2)}
    assert recognise(shapes)["encoder"] == ["swinv2_tiny_window8_256", "swinv2_tiny_window16_256"]
    assert recognise(shapes | told)["encoder"] == ["swinv2_tiny_window16_256"]


def test_patch_merging_may_stand_at_either_end_of_a_stage() -> None:
    older = {
        name.replace("layers.1.downsample", "layers.0.downsample"): shape
        for name, shape in names_of("timm", "swin_tiny_patch4_window7_224").items()
    }
    assert recognise(older) == {"encoder": ["swin_tiny_patch4_window7_224"]}


def test_two_different_encoders_are_candidates() -> None:
    shapes = under("teacher.", names_of("timm", "resnet50")) | under("student.", names_of("timm", "resnet18"))
    assert sorted(recognise(shapes)["encoder"]) == ["resnet18", "resnet50"]


def test_two_equal_encoders_are_one_answer() -> None:
    shapes = under("teacher.", names_of("timm", "resnet18")) | under("student.", names_of("timm", "resnet18"))
    assert recognise(shapes) == {"encoder": ["resnet18"]}


def test_a_network_in_a_decoder_is_no_encoder() -> None:
    assert recognise(under("decoder.", names_of("timm", "resnet18"))) == {}


def test_craft_slices_are_a_vgg() -> None:
    slices = {1: range(12), 2: range(12, 19), 3: range(19, 29), 4: range(29, 39)}
    shapes: Shapes = {}
    for number, places in slices.items():
        for name, shape in names_of("torchvision", "vgg16_bn").items():
            if name.startswith("features.") and int(name.split(".")[1]) in places:
                shapes[f"basenet.slice{number}.{name.removeprefix('features.')}"] = shape
    assert recognise(shapes) == {"encoder": ["vgg16_bn"]}


@pytest.mark.parametrize(
    ("shapes", "name", "params"),
    [
        (
            pan_decoder(),
            "pan_decoder",
            {"in_channels": [64, 128, 256, 512], "inner_channels": 256, "output_channels": 128},
        ),
        (
            dbpp_decoder(),
            "dbpp_decoder",
            {"in_channels": [256, 512, 1024, 2048], "inner_channels": 256, "output_channels": 128},
        ),
        (
            fpn_decoder(),
            "fpn_decoder",
            {"in_channels": [64, 128, 256, 512], "inner_channels": 96, "output_channels": 128},
        ),
        (unet(), "unet", {"in_channels": [64, 128, 256, 512], "inner_channels": 256, "output_channels": 64}),
        (unet((64,)), "unet", {"in_channels": [64], "inner_channels": 256, "output_channels": 64}),
        (
            craft_decoder(),
            "craft_decoder",
            {"in_channels": [64, 128, 256, 512], "inner_channels": 256, "output_channels": 256},
        ),
        (
            {
                "decoder.bottom_up.0.depthwise.weight": (64, 1, 3, 3),
                "decoder.bottom_up.0.pointwise.weight": (96, 64, 1, 1),
                "decoder.lateral_convs.0.0.weight": (64, 16, 1, 1),
                "decoder.lateral_convs.1.0.weight": (64, 32, 1, 1),
            },
            "pan_decoder",
            {"in_channels": [16, 32], "inner_channels": 64, "output_channels": 96},
        ),
        (
            {"decoder.bottom_up.0.0.weight": (96, 64, 3, 3)},
            "pan_decoder",
            {"inner_channels": 64, "output_channels": 96},
        ),
        (
            {"decoder.fusion.0.weight": (128, 1024, 3, 3)},
            "fpn_decoder",
            {"inner_channels": 256, "output_channels": 128},
        ),
        ({"decoder.fusion.0.weight": (128, 1022, 3, 3)}, "fpn_decoder", {"output_channels": 128}),
        (
            {"neck.lateral_convs.0.conv.weight": (256, 64, 1, 1), "neck.asf_conv.conv.weight": (64, 256, 3, 3)},
            "dbpp_decoder",
            {"in_channels": [64], "inner_channels": 256},
        ),
        (
            {"decoder.blocks.0.conv1.0.weight": (256, 3072, 3, 3), "decoder.blocks.0.conv2.0.weight": (256, 256, 3, 3)},
            "unet",
            {},
        ),
    ],
)
def test_a_decoder_is_recognised_with_its_channels(shapes: Shapes, name: str, params: dict[str, object]) -> None:
    recognised = recognise_parts(under("model.", shapes))
    assert recognised.names == {"decoder": [name]}
    assert recognised.params == ({"decoder": params} if params else {})


@pytest.mark.parametrize(
    ("shapes", "name", "channels"),
    [
        (db_head(), "db_head", 256), (craft_head(64), "craft_head", 64),
        ({"det_head.binarize.0.weight": (64, 128, 3, 3)}, "db_head", 128),
        ({"head.craft.0.weight": (64, 32, 3, 3)}, "craft_head", 32),
    ],
)  # fmt: skip
def test_a_head_is_recognised_with_its_channels(shapes: Shapes, name: str, channels: int) -> None:
    recognised = recognise_parts(under("module.model.", shapes))
    assert recognised.names == {"head": [name]}
    assert recognised.params == {"head": {"in_channels": channels}}


def test_a_whole_detector_is_told_by_its_parts() -> None:
    shapes = under("model.encoder.model.", names_of("timm_features", "resnet50"))
    shapes |= under("model.", dbpp_decoder()) | under("model.", db_head())
    assert recognise(shapes) == {"encoder": ["resnet50"], "decoder": ["dbpp_decoder"], "head": ["db_head"]}


def test_two_different_decoders_are_candidates_without_channels() -> None:
    recognised = recognise_parts(under("a.", unet()) | under("b.", pan_decoder()))
    assert recognised.names == {"decoder": ["unet", "pan_decoder"]}
    assert recognised.params == {}


@pytest.mark.parametrize(
    "shapes",
    [
        {}, {"weight": (2, 2)}, {"decoder.embed.weight": (10, 10)}, {"decoder.fusion.weight": (1, 1, 1, 1)},
        {"head.weight": (10, 10)}, {"head.binarize.0.bias": (64,)}, {"layer1.0.conv1.weight": ()},
        {"layer1.999.conv1.weight": (64, 64, 3, 3)}, {"layer99999.0.conv1.weight": (64, 64, 3, 3)},
        {"blocks.0.attn.qkv.weight": (1, 1)}, {".layer1.0.conv1.weight": (64,)}, {"layer1.0.": (1,)}, {"": ()},
    ],
)  # fmt: skip
def test_what_is_no_known_model_is_not_recognised(shapes: Shapes) -> None:
    assert recognise(shapes) == {}


def test_absurd_channels_are_not_repeated() -> None:
    shapes = {"decoder.inners.0.weight": (1 << 60, 1 << 60, 1, 1), "decoder.inners.99999.weight": (1, 1, 1, 1)}
    assert recognise_parts(shapes).params == {}


def test_more_tensors_than_any_model_has_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "MAX_TENSORS", 10)
    assert recognise(names_of("timm", "resnet18")) == {}


_PARTS = st.sampled_from(
    [
        "layer1",
        "layer2",
        "0",
        "1",
        "7",
        "conv1",
        "weight",
        "blocks",
        "attn",
        "qkv",
        "features",
        "block",
        "decoder",
        "head",
        "binarize",
        "fusion",
        "stages_0",
        "layers",
        "denseblock1",
        "denselayer1",
        "encoder",
        "encoder_layer_0",
        "",
        "\u00b2",
        "\u0663",
    ]
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.lists(_PARTS, min_size=1, max_size=7).map(".".join),
        st.lists(st.integers(0, 2**63), max_size=5).map(tuple),
        max_size=40,
    )
)
def test_no_names_or_shapes_are_an_error(shapes: Shapes) -> None:
    assert set(recognise(shapes)) <= {"encoder", "decoder", "head"}


def test_no_name_of_a_layer_has_a_line_end() -> None:
    shapes = names_of("torchvision", "resnet18")
    assert recognise(shapes) == {"encoder": ["resnet18"]}
    assert recognise({**shapes, "a\nlayer1.0.conv1.weight": (64, 64, 3, 3)}) == {}


@pytest.mark.parametrize("word", ["sublayer1.0.conv1.weight", "x.sublayer1.0.layer9.conv1.weight", "layer1.0"])
def test_a_block_begins_with_a_whole_word(word: str) -> None:
    assert recognise({**names_of("torchvision", "resnet18"), word: (64, 64, 3, 3)}) == {"encoder": ["resnet18"]}


def test_every_row_is_proved_by_a_real_model() -> None:
    written = {
        line.partition(" = ")[2]
        for table in (ROWS, NUMBERED_ROWS)
        for text in table.values()
        for line in text.replace("\n ", " ").split("\n")
        if line
    }
    real = {
        str(description)
        for library, name in ALL
        for family in FAMILIES
        for shapes in [names_of(library, name)]
        for description in describe(family, shapes, text_of(shapes))
    }
    assert {" ".join(row.split()) for row in written} <= real


def test_no_two_rows_of_a_family_are_the_same() -> None:
    for text in (*ROWS.values(), *NUMBERED_ROWS.values()):
        rows = [line.partition(" = ") for line in text.replace("\n ", " ").split("\n") if line]
        assert len({row for _, _, row in rows}) == len(rows)
        assert len({names for names, _, _ in rows}) == len(rows)
