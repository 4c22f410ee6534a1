from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ckpt_indexer.integrations.places import (
    Root,
    absolute,
    experiment_in,
    experiment_of,
    hydra_config,
    root_of,
    run_directory,
)


def test_paths_are_relative_to_the_root_also_through_links(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    root = Root(str(tmp_path / "link"), given=True)
    assert root.relative(str(real / "run" / "a.ckpt")) == "run/a.ckpt"
    assert root.relative(str(tmp_path / "elsewhere" / "a.ckpt")) is None
    assert root.relative(str(real)) is None


def test_a_path_on_another_machine_is_none() -> None:
    assert absolute("s3://bucket/a.ckpt") is None
    assert absolute("file:///tmp/a.ckpt") == "/tmp/a.ckpt"
    assert absolute(Path("a.ckpt")) == os.path.join(os.getcwd(), "a.ckpt")


def test_without_an_outputs_directory_the_trainer_s_own_counts(tmp_path: Path) -> None:
    inside = str(tmp_path / "run" / "a.ckpt")
    assert root_of(inside, None, str(tmp_path)) == Root(str(tmp_path), given=False)
    assert root_of(inside, None, str(tmp_path / "other")) is None
    assert root_of(inside, "/outputs", None) == Root("/outputs", given=True)


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/o/dbnet-r50/checkpoints/a.ckpt", Root("/o", given=True), "dbnet-r50"),
        ("/o/2025-10-18/14-32-15/checkpoints/a.ckpt", Root("/o", given=True), "2025-10-18/14-32-15"),
        ("/o/lightning_logs/version_0/checkpoints/a.ckpt", Root("/o", given=True), "o"),
        ("/home/me/17/checkpoints/a.ckpt", None, "17"),
        ("/home/me/dbnet/checkpoints/a.ckpt", None, "dbnet"),
    ],
)
def test_the_experiment_is_the_directory_of_the_run(path: str, root: Root | None, expected: str) -> None:
    assert experiment_of(path, root) == expected


def test_the_run_directory_needs_a_root_the_user_named() -> None:
    path = "/o/exp/checkpoints/a.ckpt"
    assert run_directory(path, Root("/o", given=True)) == "exp"
    assert run_directory(path, Root("/o", given=False)) is None
    assert run_directory(path, None) is None


def test_the_nearest_hydra_configuration_below_the_root_counts(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "outputs" / "run"):
        (place / ".hydra").mkdir(parents=True)
        (place / ".hydra" / "config.yaml").write_text("exp_name: dbnet  # mine\nlr: 1\n")
    root = Root(str(tmp_path / "outputs"), given=True)
    near = str(tmp_path / "outputs" / "run" / "checkpoints" / "a.ckpt")
    found = hydra_config(near, root)
    assert found == str(tmp_path / "outputs" / "run" / ".hydra" / "config.yaml")
    assert experiment_in(found) == "dbnet"
    assert hydra_config(str(tmp_path / "outputs" / "other" / "a.ckpt"), root) is None


def test_the_running_hydra_application_is_asked_when_the_checkpoints_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "hydra" / ".hydra" / "config.yaml"
    runtime = SimpleNamespace(output_dir=str(tmp_path / "hydra"))
    holder = SimpleNamespace(initialized=lambda: True, get=lambda: SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "hydra.core.hydra_config", SimpleNamespace(HydraConfig=holder))
    root, path = Root(str(tmp_path), given=True), str(tmp_path / "elsewhere" / "a.ckpt")
    assert hydra_config(path, root) is None
    config.parent.mkdir(parents=True)
    config.touch()
    assert hydra_config(path, root) == str(config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exp_name: 'a b'\n", "a b"), ("x: 1\nexp_name: run-3\n", "run-3"), ("exp_name: ${oc.env:X}\n", None),
        ("  exp_name: nested\n", None), ("exp_name:\n  a: 1\n", None), ("other: 1\n", None),
    ],
)  # fmt: skip
def test_only_a_literal_name_is_read(tmp_path: Path, text: str, expected: str | None) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    assert experiment_in(str(config)) == expected
