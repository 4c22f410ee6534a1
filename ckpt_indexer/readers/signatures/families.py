"""Families of encoders: how each names its blocks in a state dict, and what of them tells its members apart. Constants.

Read as `blocks` says; `rows` holds the descriptions of known members.
"""

from __future__ import annotations

import re

from ckpt_indexer.readers.signatures.blocks import Family, Read

_END = r"\.(?:weight|bias|running_mean|running_var|num_batches_tracked)"


def _read(label: str, tensor: str, axis: int, dimensions: int = 0) -> Read:
    return Read(label, re.compile(tensor), axis, dimensions)


def _block(first: str, rest: str) -> re.Pattern[str]:
    """Return the pattern of names in which a block begins with a word. The word comes first, so that searching is fast,
    then the look back to what is before it."""
    return re.compile(rf"{first}(?<=[.\n]{first}){rest}")


_SUB_BLOCKS = (
    _read("a", r"0\.0\.weight", 0), _read("k", r"0\.0\.weight", 2), _read("l", r"1\.0\.weight", 2),
    _read("b", r"1\.(?:0\.|fc1\.)?weight", 0, 4), _read("c", r"2\.(?:0\.|fc1\.)?weight", 0, 4),
    _read("d", r"3\.0\.weight", 0),
)  # fmt: skip

FAMILIES = (
    Family(
        "resnet", "layer",
        _block("layer", r"(?P<stage>[1-4])\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:(?:conv|bn)[123]|(?:downsample|shortcut)\.[012]){_END}"),
        (
            _read("a", r"conv1\.weight", 0), _read("b", r"conv2\.weight", 1), _read("c", r"conv3\.weight", 0),
            _read("k", r"conv1\.weight", 2), _read("v", r"downsample\.1\.weight", 0, 4),
        ),
        beside=(_read("s", "conv1.0.weight|stem.0.weight", 0, 4), _read("t", "conv1.6.weight|stem.6.weight", 0, 4)),
        refused=("attnpool.positional_embedding",), optional=frozenset("abk"), spare=1,
    ),
    Family(
        "mbconv", "blocks.",
        _block("blocks", r"\.(?P<stage>\d{1,2})\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:conv(?:_dw|_pw|_pwl|_exp)?|bn[123]|se\.conv_(?:reduce|expand)){_END}"),
        (
            _read("k", r"conv_dw\.weight", 2), _read("m", r"conv_dw\.weight", 0), _read("p", r"conv_pw\.weight", 0),
            _read("o", r"conv_pwl\.weight", 0), _read("x", r"conv_exp\.weight", 0), _read("n", r"conv\.weight", 0, 4),
            _read("r", r"se\.conv_reduce\.weight", 0),
        ),
        beside=(_read("s", "conv_stem.weight", 0),),
        optional=frozenset("s"), spare=1,
    ),
    Family(
        "mobilenet_v3_torchvision", ".block.",
        _block("features", r"\.(?P<stage>\d{1,2})\.block\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3]\.(?:[01]|fc[12]){_END}"), _SUB_BLOCKS,
    ),
    Family(
        "mobilenet_v2_torchvision", ".conv.",
        _block("features", r"\.(?P<stage>\d{1,2})\.conv\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3](?:\.[01])?{_END}"), _SUB_BLOCKS,
    ),
    Family(
        "efficientnet_torchvision", ".block.",
        _block("features", r"\.(?P<stage>\d{1,2})\.(?P<block>\d{1,3})\.block\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3]\.(?:[01]|fc[12]){_END}"), _SUB_BLOCKS,
    ),
    Family(
        "convnext", "stages",
        _block("stages", r"[._](?P<stage>\d)\.(?:blocks\.)?(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(r"(?:conv_dw|dwconv|norm|mlp\.fc[12]|pwconv[12]|mlp\.grn)\.(?:weight|bias)|gamma|grn\.(?:gamma|beta)"),
        (
            _read("d", r"(?:conv_dw|dwconv)\.weight", 0), _read("k", r"(?:conv_dw|dwconv)\.weight", 2),
            _read("m", r"(?:mlp\.fc1|pwconv1)\.weight", 0), _read("g", r"mlp\.grn\.weight|grn\.gamma", -1),
        ),
        spare=1,
    ),
    Family(
        "convnext_torchvision", "features.",
        _block("features", r"\.(?P<stage>[1357])\.(?P<block>\d{1,3})\.(?P<leaf>block\..+|layer_scale)"),
        re.compile(r"block\.[0235]\.(?:weight|bias)|layer_scale"),
        (_read("d", r"block\.0\.weight", 0), _read("k", r"block\.0\.weight", 2), _read("m", r"block\.3\.weight", 0)),
        spare=1,
    ),
    Family(
        "swin", "layers",
        _block("layers", r"[._](?P<stage>\d)\.blocks\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(
            r"(?:norm[12]|attn\.(?:qkv|proj|cpb_mlp\.[02])|mlp\.fc[12])\.(?:weight|bias)|attn_mask|"
            r"attn\.(?:logit_scale|[qkv]_bias|relative_(?:position_bias_table|position_index|coords_table))"
        ),
        (
            _read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.fc1\.weight", 0),
            _read("h", r"attn\.relative_position_bias_table", 1), _read("w", r"attn\.relative_position_bias_table", 0),
            _read("c", r"attn\.cpb_mlp\.2\.weight", 0), _read("t", r"attn\.relative_coords_table", 1),
        ),
        optional=frozenset("t"), spare=1,
    ),
    Family(
        "swin_torchvision", "features.",
        _block("features", r"\.(?P<stage>[1357])\.(?P<block>\d{1,3})\.(?P<leaf>(?:attn|mlp|norm).+)"),
        re.compile(
            r"(?:norm[12]|attn\.(?:qkv|proj|cpb_mlp\.[02])|mlp\.[03])\.(?:weight|bias)|"
            r"attn\.(?:logit_scale|relative_(?:position_bias_table|position_index|coords_table))"
        ),
        (
            _read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.0\.weight", 0),
            _read("h", r"attn\.relative_position_bias_table", 1), _read("c", r"attn\.cpb_mlp\.2\.weight", 0),
        ),
        spare=1,
    ),
    Family(
        "vit", "blocks.",
        _block("blocks", r"\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(r"(?:norm[12]|attn\.(?:qkv|proj)|mlp\.fc[12])\.(?:weight|bias)"),
        (_read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.fc1\.weight", 0)),
        beside=(_read("p", "patch_embed.proj.weight", 2),),
        refused=("dist_token", "reg_token", "norm_pre.weight", "attn_pool.latent", "mask_token", "decoder_pos_embed"),
        positions="pos_embed",
    ),
    Family(
        "vit_torchvision", "encoder_layer_",
        _block("encoder", r"\.layers\.encoder_layer_(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(
            r"(?:ln_[12]|self_attention\.out_proj|mlp\.(?:0|3|linear_[12]))\.(?:weight|bias)|"
            r"self_attention\.in_proj_(?:weight|bias)"
        ),
        (_read("d", r"self_attention\.out_proj\.weight", 0), _read("m", r"mlp\.(?:0|linear_1)\.weight", 0)),
        beside=(_read("p", "conv_proj.weight", 2),),
    ),
    Family(
        "vgg", "features|slice",
        re.compile(
            r"(?:features(?<=[.\n]features)[._]|slice(?<=[.\n]slice)[1-4]\.)(?P<stage>\d{1,2})\.(?P<leaf>weight)$",
            re.MULTILINE,
        ),
        re.compile(r"weight"),
        (_read("o", r"weight", 0, 4), _read("n", r"weight", 0, 1)),
        spare=2,
    ),
    Family(
        "densenet", "denselayer",
        _block("features", r"[._]denseblock(?P<stage>\d)\.denselayer(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:conv|norm)[12]{_END}"),
        (_read("a", r"conv1\.weight", 0), _read("b", r"conv2\.weight", 0)),
        spare=1,
    ),
)  # fmt: skip
"""A leaf pattern names what the libraries have had in these blocks; sizes are read from the last block of a stage."""
