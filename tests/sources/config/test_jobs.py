from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.sources.config.jobs import read_configs

if TYPE_CHECKING:
    from pathlib import Path


class Configs:
    """Files of one test, and the job that reads them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, name: str, text: str | bytes) -> list[Any]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = path.stat()
        return [name, found.st_size, found.st_mtime_ns]

    def read(self, beside: list[list[Any]], *runs: list[list[Any]]) -> dict[str, Any]:
        return read_configs(str(self.root), beside, list(runs))


@pytest.fixture
def configs(tmp_path: Path) -> Configs:
    return Configs(tmp_path)


def test_an_empty_configuration_lets_the_next_one_speak(configs: Configs) -> None:
    empty, full = configs.file("hparams.yaml", "{}\n"), configs.file("config.yaml", "exp_name: x\n")
    answer = configs.read([], [empty], [full])
    assert answer["used"] == ["config.yaml"]
    assert answer["config"]["facts"] == {"experiment": "x"}
    assert answer["problems"] == []


def test_a_broken_configuration_is_told_and_lets_the_next_one_speak(configs: Configs) -> None:
    broken, full = configs.file("hparams.yaml", "a: [1\n"), configs.file("config.yaml", "exp_name: x\n")
    answer = configs.read([], [broken], [full])
    assert answer["used"] == ["config.yaml"]
    assert [path for path, _ in answer["problems"]] == ["hparams.yaml"]


def test_the_one_beside_the_checkpoint_wins_and_the_run_s_fills_its_gaps(configs: Configs) -> None:
    beside = configs.file("best.config.json", '{"model": {"encoder": {"model_name": "resnet50"}}}')
    run = configs.file("config.yaml", "exp_name: x\nmodel: {encoder: {model_name: resnet18}}\n")
    answer = configs.read([beside], [run])
    assert answer["config"]["facts"] == {"backbone": "resnet50", "experiment": "x"}
    assert answer["used"] == ["best.config.json", "config.yaml"]


def test_hydra_s_files_complete_its_configuration(configs: Configs) -> None:
    hydra = [
        configs.file(".hydra/config.yaml", "exp_name: run-${hydra:job.num}\ntrainer: {max_epochs: 3}\n"),
        configs.file(".hydra/hydra.yaml", "hydra: {job: {num: 7}}\n"),
        configs.file(".hydra/overrides.yaml", "- trainer=fast\n"),
    ]
    answer = configs.read([], hydra)
    assert answer["config"]["facts"] == {"experiment": "run-7", "max_epochs": 3}
    assert answer["config"]["params"]["trainer"] == "fast"


def test_broken_companions_of_a_good_configuration_are_told(configs: Configs) -> None:
    hydra = [
        configs.file(".hydra/config.yaml", "exp_name: x\nwhere: ${hydra:job.num}\n"),
        configs.file(".hydra/hydra.yaml", b"\xff"),
        configs.file(".hydra/overrides.yaml", "a: b\n"),
    ]
    answer = configs.read([], hydra)
    assert answer["config"]["facts"] == {"experiment": "x"}
    assert len(answer["problems"]) == 2


def test_a_list_is_no_configuration(configs: Configs) -> None:
    answer = configs.read([], [configs.file("config.yaml", "- a\n")])
    assert answer["config"] is None
    assert answer["problems"] == [["config.yaml", "a list; a configuration is a mapping"]]


def test_nothing_to_say_is_no_configuration(configs: Configs) -> None:
    assert configs.read([], [configs.file("config.yaml", "{}\n")]) == {"config": None, "used": [], "problems": []}


def test_a_changed_file_is_read_again(configs: Configs) -> None:
    assert configs.read([], [configs.file("config.yaml", "exp_name: x\n")])["config"]["facts"] == {"experiment": "x"}
    assert configs.read([], [configs.file("config.yaml", "exp_name: yy\n")])["config"]["facts"] == {"experiment": "yy"}
