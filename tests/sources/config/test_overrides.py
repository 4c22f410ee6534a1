from __future__ import annotations

from pathlib import Path

import pytest

from ckpt_indexer.errors import SourceRejected
from ckpt_indexer.sources.config.overrides import MAX_OVERRIDES, parse_overrides

GOLDEN = Path(__file__).parents[2] / "golden" / "configs"


def test_the_overrides_of_a_real_job_are_read() -> None:
    said = parse_overrides((GOLDEN / "hydra_multirun_overrides.yaml").read_bytes())
    assert said["trainer.max_epochs"] == 1
    assert said["model.architecture.backbone.pretrained"] is False
    assert said["dataset_base_path"] == "data/datasets/"
    assert len(said) == 13


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("+a.b=1", "a.b", 1),
        ("++a=x=y", "a", "x=y"),
        ("model/encoder=resnet50", "model/encoder", "resnet50"),
        ("lr=1e-3", "lr", 0.001),
        ("a=[1,2]", "a", [1, 2]),
        ("a='quoted text'", "a", "quoted text"),
        ("a=${b}", "a", "${b}"),
        ("a=", "a", None),
        ("a=null", "a", None),
        ("a={b:1}", "a", None),
        ("~a", "a", None),
        ("hydra.job.name=x", "hydra.job.name", None),
        ("hydra/launcher=slurm", "hydra/launcher", None),
        ("a=[unclosed", "a", "[unclosed"),
    ],
)
def test_an_override_sets_a_parameter(override: str, key: str, value: object) -> None:
    assert (
        parse_overrides(f"- {override!r}\n".encode() if "'" not in override else f'- "{override}"\n'.encode()).get(key)
        == value
    )


def test_only_lists_are_overrides() -> None:
    assert parse_overrides(b"[]\n") == {}
    assert parse_overrides(b"") == {}
    assert parse_overrides(b"- 5\n- [a]\n- {a: b}\n- null\n") == {}
    with pytest.raises(SourceRejected, match="list of key=value"):
        parse_overrides(b"a: 1\n")


def test_more_overrides_than_anyone_types_are_left_out() -> None:
    said = parse_overrides(b"".join(b"- k%d=1\n" % number for number in range(1_000)))
    assert len(said) == MAX_OVERRIDES
