"""Which names matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.discovery import rules
from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.rules import DirectoryFormat, Role

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (b"a.ckpt", Role.CHECKPOINT),
        (b"a.pth.tar", Role.CHECKPOINT),
        (b"a.safetensors", Role.CHECKPOINT),
        (b"a.gguf", Role.CHECKPOINT),
        (b"\xff\xfe.pt", Role.CHECKPOINT),
        (b"-rf.ckpt", Role.CHECKPOINT),
        (b"new\nline.ckpt", Role.CHECKPOINT),
        (b"a.metadata.yaml", Role.METADATA),
        (b"a.ckpt.metadata.yaml", Role.METADATA),
        (b"a.metadata.json", Role.METADATA),
        (b"latest", Role.MARKER),
        (b".metadata", Role.MARKER),
        (b"__0_0.distcp", Role.MARKER),
        (b"model.safetensors.index.json", Role.MARKER),
        (b"mp_rank_00_model_states.pt", Role.CHECKPOINT),
        (b"mp_rank_00", Role.MARKER),
        (b"events.out.tfevents.1", Role.OTHER),
        (b"config.yaml", Role.OTHER),
        (b".a.ckpt", Role.IGNORED),
        (b".ckpt", Role.IGNORED),
        (b"a.ckpt.tmp", Role.IGNORED),
        (b"a.ckpt.partial", Role.IGNORED),
        (b"a.ckpt.part", Role.IGNORED),
        (b"a.ckpt~", Role.IGNORED),
        (b".a.metadata.yaml", Role.IGNORED),
    ],
)
def test_a_name_has_one_role(name: bytes, role: Role) -> None:
    assert rules.role(name, Options()) is role


def test_an_excluded_name_is_ignored() -> None:
    assert rules.role(b"debug-1.ckpt", Options(excludes=("debug-*",))) is Role.IGNORED


@pytest.mark.parametrize("name", [b"wandb", b".git", b"__pycache__", b".cache", b".hydra"])
def test_directories_of_tools_are_never_walked(name: bytes) -> None:
    assert rules.is_ignored_directory(name)
    assert not rules.is_walked(b"run/" + name + b"/files", Options())


def test_a_whole_segment_is_compared_not_a_part_of_it() -> None:
    assert rules.is_walked(b"wandb_exports/run", Options())
    assert rules.is_walked(b"", Options())


def test_a_glob_without_slash_matches_one_name_only() -> None:
    options = Options(excludes=("a*.ckpt", "scratch/"))
    assert rules.excluded(b"abc/abc.ckpt", options)
    assert not rules.excluded(b"abc/b.ckpt", options)
    assert not rules.is_walked(b"run/scratch/x", options)


def test_a_glob_with_slash_matches_the_path() -> None:
    options = Options(excludes=("old/*/tmp", "*/été"))
    assert rules.excluded(b"old/run/tmp", options)
    assert not rules.excluded(b"new/run/tmp", options)
    assert rules.excluded("x/été".encode(), options)


def _format(
    name: bytes, names: Iterable[bytes], inner: dict[bytes, list[bytes]] | None = None
) -> DirectoryFormat | None:
    below = inner or {}
    return rules.directory_format(name, frozenset(names), lambda: (n for names in below.values() for n in names))


def test_a_trainer_directory_needs_both_name_and_state() -> None:
    assert _format(b"checkpoint-500", [b"trainer_state.json"]) is DirectoryFormat.HF_TRAINER
    assert _format(b"checkpoint-500", [b"model.safetensors"]) is None
    assert _format(b"outputs", [b"trainer_state.json", b"model.safetensors"]) is None
    assert _format(b"checkpoint-last", [b"trainer_state.json"]) is None


def test_deepspeed_needs_latest_and_rank_files_one_level_below() -> None:
    inner = {b"global_step10": [b"mp_rank_00_model_states.pt"]}
    assert _format(b"run", [b"latest", b"global_step10"], inner) is DirectoryFormat.DEEPSPEED
    assert _format(b"run", [b"latest", b"global_step10"], {b"global_step10": [b"a.pt"]}) is None
    assert _format(b"run", [b"global_step10"], inner) is None


def test_dcp_needs_metadata_and_a_shard() -> None:
    assert _format(b"x", [b".metadata", b"__0_0.distcp"]) is DirectoryFormat.DCP
    assert _format(b"x", [b".metadata"]) is None
    assert _format(b"x", [b"__0_0.distcp"]) is None


def test_a_shard_index_makes_a_sharded_checkpoint_unless_the_directory_is_a_store() -> None:
    assert _format(b"x", [b"model.safetensors.index.json"]) is DirectoryFormat.SHARDED_SAFETENSORS
    crowd = [b"%d.ckpt" % number for number in range(rules.MAX_SHARDED_NAMES)]
    assert _format(b"x", [*crowd, b"model.safetensors.index.json"]) is None


def test_a_name_alone_never_makes_a_directory_a_checkpoint() -> None:
    assert _format(b"x.ckpt", [b"data.pkl", b"version"]) is None


def test_only_trainer_directories_are_entered_and_only_in_a_sharded_model() -> None:
    assert rules.is_entered(DirectoryFormat.SHARDED_SAFETENSORS, b"checkpoint-5")
    assert not rules.is_entered(DirectoryFormat.SHARDED_SAFETENSORS, b"sub")
    assert not rules.is_entered(DirectoryFormat.HF_TRAINER, b"checkpoint-5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"model-00001-of-00003.safetensors", True),
        (b"optimizer.pt", True),
        (b"rng_state_0.pth", True),
        (b"checkpoint.metadata.yaml", True),
        (b"best.pt", False),
    ],
)
def test_usual_parts_of_directory_checkpoints_are_known(name: bytes, expected: bool) -> None:
    assert rules.is_member(name) is expected
