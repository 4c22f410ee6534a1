from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.config.source import RunConfigSource
from tests.sources.config.test_documents import LAUGHS
from tests.sources.training_runs import candidate_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.metadata.record import Finding

GOLDEN = Path(__file__).parents[2] / "golden" / "configs"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(size=1) as pool:
        yield pool


@pytest.fixture
def source(pool: Pool) -> RunConfigSource:
    return RunConfigSource(pool=pool)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def hydra(run: Path, sample: str = "kie") -> None:
    (run / ".hydra").mkdir(parents=True)
    for name in ("config", "hydra", "overrides"):
        shutil.copy(GOLDEN / f"hydra_{sample}_{name}.yaml", run / ".hydra" / f"{name}.yaml")


def write(path: Path, text: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def find(source: RunConfigSource, root: Path, path: str) -> Finding | None:
    return source.find(candidate_of(root, root / path), Said())


def test_a_checkpoint_without_a_configuration_has_none(source: RunConfigSource, root: Path) -> None:
    write(root / "run/a.ckpt")
    assert find(source, root, "run/a.ckpt") is None


def test_the_nearest_hydra_run_above_the_checkpoint_is_its_own(source: RunConfigSource, root: Path) -> None:
    hydra(root / "multirun", "single")
    hydra(root / "multirun/0")
    write(root / "multirun/0/lightning_logs/version_0/checkpoints/a.ckpt")
    finding = find(source, root, "multirun/0/lightning_logs/version_0/checkpoints/a.ckpt")
    assert finding is not None
    assert finding.source == "config"
    assert finding.detail == "multirun/0/.hydra/config.yaml"
    assert finding.facts["config_path"] == "multirun/0/.hydra/config.yaml"
    assert finding.facts["experiment"] == "ocr_training_b"
    assert finding.facts["monitor"] == "val/hmean"
    assert finding.params["domain"] == "recognition"
    assert [one.path for one in finding.inputs] == [
        b"multirun/0/.hydra/config.yaml",
        b"multirun/0/.hydra/hydra.yaml",
        b"multirun/0/.hydra/overrides.yaml",
    ]
    assert all(one.source == "config" for one in finding.inputs)
    assert finding.problems == []


def test_the_root_itself_may_be_the_run(source: RunConfigSource, root: Path) -> None:
    hydra(root)
    write(root / "a.ckpt")
    finding = find(source, root, "a.ckpt")
    assert finding is not None
    assert finding.facts["config_path"] == ".hydra/config.yaml"


def test_what_lies_above_the_root_is_never_read(source: RunConfigSource, root: Path) -> None:
    hydra(root.parent)
    write(root.parent / "config.yaml", "exp_name: outside\n")
    write(root / "a.ckpt")
    assert find(source, root, "a.ckpt") is None


@pytest.mark.parametrize("name", ["a.config.yaml", "a.config.yml", "a.config.json", "a.resolved.config.json"])
def test_a_config_beside_the_checkpoint_comes_first(source: RunConfigSource, root: Path, name: str) -> None:
    hydra(root / "run")
    write(root / "run/checkpoints" / name, '{"model": {"encoder": {"model_name": "resnet50"}}}')
    write(root / "run/checkpoints/a.ckpt")
    write(root / "run/checkpoints/b.ckpt")
    finding = find(source, root, "run/checkpoints/a.ckpt")
    other = find(source, root, "run/checkpoints/b.ckpt")
    assert finding is not None
    assert other is not None
    assert finding.facts["backbone"] == "resnet50"
    assert finding.facts["max_epochs"] == 2
    assert finding.facts["config_path"] == f"run/checkpoints/{name}"
    assert other.facts["backbone"] == "vit_small_patch16_224"


@pytest.mark.parametrize("place", ["run/checkpoints", "run"])
@pytest.mark.parametrize("name", ["hparams.yaml", "config.yaml"])
def test_lightning_s_configs_are_found_beside_and_one_above(
    source: RunConfigSource, root: Path, place: str, name: str
) -> None:
    write(root / place / name, "lr: 0.1\nexp_name: x\n")
    write(root / "run/checkpoints/a.ckpt")
    finding = find(source, root, "run/checkpoints/a.ckpt")
    assert finding is not None
    assert finding.facts == {"experiment": "x", "config_path": f"{place}/{name}"}
    assert finding.params["lr"] == 0.1


def test_an_empty_hparams_is_passed_over_but_watched(source: RunConfigSource, root: Path) -> None:
    (root / "run").mkdir()
    shutil.copy(GOLDEN / "lightning_logs_hparams.yaml", root / "run/hparams.yaml")
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt")
    assert finding is not None
    assert (finding.facts, finding.params, finding.problems) == ({}, {}, [])
    assert [one.path for one in finding.inputs] == [b"run/hparams.yaml"]


def test_a_project_s_templates_are_never_read(source: RunConfigSource, root: Path) -> None:
    write(root / "configs/config.yaml", "exp_name: template\n")
    write(root / "run/configs/train.yaml", "exp_name: template\n")
    write(root / "run/checkpoints/a.ckpt")
    assert find(source, root, "run/checkpoints/a.ckpt") is None


@pytest.mark.parametrize("kind", ["laughs", "binary", "fifo", "link", "huge", "not_mine"])
def test_a_hostile_configuration_is_a_problem_and_the_child_lives(
    source: RunConfigSource, pool: Pool, root: Path, kind: str
) -> None:
    config = root / "run/config.yaml"
    write(root / "run/a.ckpt")
    if kind == "fifo":
        os.mkfifo(config)
    elif kind == "link":
        config.symlink_to(write(root.parent / "outside.yaml", "exp_name: outside\n"))
    elif kind == "not_mine":
        write(config, "exp_name: x\n").chmod(0)
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
    else:
        config.write_bytes({"laughs": LAUGHS, "binary": b"\x80\x02}", "huge": b"a: " + b"x" * (2 << 20)}[kind])
    finding = find(source, root, "run/a.ckpt")
    assert finding is not None
    assert finding.facts == {}
    assert [problem.kind for problem in finding.problems] == ["config_unreadable"]
    assert finding.problems[0].message.startswith("run/config.yaml: ")
    assert len(pool.pids()) == 1


def test_a_linked_hydra_directory_is_not_followed(source: RunConfigSource, root: Path) -> None:
    hydra(root.parent / "elsewhere")
    write(root / "run/a.ckpt")
    (root / "run/.hydra").symlink_to(root.parent / "elsewhere/.hydra")
    assert find(source, root, "run/a.ckpt") is None


def test_a_name_that_is_no_text_is_found_and_shown(source: RunConfigSource, root: Path) -> None:
    run = Path(os.fsdecode(os.fsencode(root) + b"/r\xff"))
    write(run / "config.yaml", "exp_name: x\n")
    write(run / "a.ckpt")
    finding = source.find(candidate_of(root, run / "a.ckpt"), Said())
    assert finding is not None
    assert finding.facts["config_path"] == "r\\xff/config.yaml"


def test_without_children_it_tells_only_whether_there_is_something(root: Path) -> None:
    source = RunConfigSource(pool=None)
    write(root / "run/a.ckpt")
    assert find(source, root, "run/a.ckpt") is None
    write(root / "run/config.yaml", "a: 1\n")
    with pytest.raises(NeedsChild):
        find(source, root, "run/a.ckpt")


def test_surroundings_are_what_would_be_read_for_the_directory(source: RunConfigSource, root: Path) -> None:
    hydra(root / "run")
    for name in ("a.config.yaml", "b.config.json", "hparams.yaml"):
        write(root / "run/checkpoints" / name, "{}")
    places = source.surroundings(os.fsencode(root), b"run/checkpoints")
    assert [path for path, _ in places] == [
        b"run/.hydra/config.yaml",
        b"run/.hydra/hydra.yaml",
        b"run/.hydra/overrides.yaml",
        b"run/checkpoints/a.config.yaml",
        b"run/checkpoints/b.config.json",
        b"run/checkpoints/hparams.yaml",
    ]
    write(root / "run/checkpoints/hparams.yaml", "lr: 0.1\n")
    assert source.surroundings(os.fsencode(root), b"run/checkpoints") != places
    assert source.surroundings(os.fsencode(root), b"absent") == []


def test_parameters_beyond_the_bound_are_told(source: RunConfigSource, root: Path) -> None:
    write(root / "run/config.yaml", "".join(f"k{number}: 1\n" for number in range(700)))
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt")
    assert finding is not None
    assert len(finding.params) == 500
    assert [problem.kind for problem in finding.problems] == ["config_too_many_params"]
