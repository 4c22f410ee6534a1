from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.record import Finding, Metric
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.trainer.source import TrainerSource
from tests.sources.event_files import event, simple
from tests.sources.test_trainer_logs import MMENGINE, TIMM, YOLO_NEW, state
from tests.sources.training_runs import candidate_of, said, train_with_lightning, train_with_transformers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CSV = "epoch,step,train_loss,val_loss\n0,0,1,\n0,9,,0.5\n1,12,1,\n1,19,,0.4\n2,22,1,\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(size=1) as pool:
        yield pool


@pytest.fixture
def source(pool: Pool) -> TrainerSource:
    return TrainerSource(pool=pool)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/run").mkdir(parents=True)
    return tmp_path / "root"


def write(path: Path, content: str | bytes = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def find(source: TrainerSource, root: Path, path: str, **facts: Any) -> Finding:
    finding = source.find(candidate_of(root, root / path), said(**facts))
    assert finding is not None
    return finding


def values(finding: Finding) -> dict[str, float | None]:
    return {name: metric.value for name, metric in finding.metrics.items()}


@pytest.fixture(scope="module")
def lightning_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("lightning")
    return folder, train_with_lightning(folder / "run")


def test_every_checkpoint_of_a_real_lightning_run_gets_its_own_validation(
    source: TrainerSource, lightning_run: tuple[Path, dict[str, Any]]
) -> None:
    root, checkpoints = lightning_run
    validated = {4: 0.5, 8: 0.6, 12: 0.7}
    assert len(checkpoints) == 8
    for name, (epoch, step) in checkpoints.items():
        finding = find(source, root, f"run/checkpoints/{name}", epoch=epoch, global_step=step)
        assert finding.problems == []
        if step in validated:
            assert finding.metrics["val/hmean"].value == pytest.approx(validated[step])
            assert set(finding.metrics) == {"val/hmean", "val/loss", "accuracy"}
            assert finding.facts == {"metrics_step": step}
        else:
            assert finding.metrics == {}
        assert finding.denies is (step not in validated)


@pytest.mark.parametrize("logger", ["csv_logs", "tensorboard"])
def test_each_logger_alone_tells_the_same(
    source: TrainerSource, lightning_run: tuple[Path, dict[str, Any]], tmp_path: Path, logger: str
) -> None:
    run, _ = lightning_run
    (log,) = (path for path in (run / "run" / logger / "version_0").iterdir() if path.name != "hparams.yaml")
    write(tmp_path / "run" / logger / "version_0" / log.name, log.read_bytes())
    write(tmp_path / "run/checkpoints/a.ckpt")
    finding = find(source, tmp_path, "run/checkpoints/a.ckpt", epoch=1, global_step=8)
    assert finding.metrics["val/hmean"].value == pytest.approx(0.6)
    assert finding.detail == f"run/{logger}/version_0/{log.name}"
    assert find(source, tmp_path, "run/checkpoints/a.ckpt", epoch=1, global_step=7).denies


@pytest.fixture(scope="module")
def transformers_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transformers")
    train_with_transformers(folder / "run")
    return folder


def test_every_checkpoint_of_a_real_transformers_run_gets_its_own_evaluation(
    source: TrainerSource, transformers_run: Path
) -> None:
    losses = []
    for epoch, step in ((1, 2), (2, 4)):
        finding = find(source, transformers_run, f"run/checkpoint-{step}")
        assert finding.facts == {"epoch": epoch, "global_step": step, "max_epochs": 3, "metrics_step": step}
        assert finding.params["train_batch_size"] == 2
        losses.append(finding.metrics["eval_loss"].value)
    rows = json.loads((transformers_run / "run/trainer_state.json").read_text())["log_history"]
    assert losses == [row["eval_loss"] for row in rows if "eval_loss" in row]
    last = find(source, transformers_run, "run/checkpoint-6")
    assert last.metrics == {}
    assert last.denies


def test_the_final_weights_of_a_real_transformers_run_are_of_its_last_step(
    source: TrainerSource, transformers_run: Path
) -> None:
    finding = find(source, transformers_run, "run/model.safetensors")
    assert finding.facts["global_step"] == 6
    assert finding.metrics == {}


def test_a_state_beside_other_files_says_nothing_of_them(source: TrainerSource, root: Path) -> None:
    write(root / "run/trainer_state.json", json.dumps(state()))
    write(root / "run/other.ckpt")
    assert source.find(candidate_of(root, root / "run/other.ckpt"), said()) is None


def test_timm_s_table_and_arguments(source: TrainerSource, root: Path) -> None:
    write(root / "run/summary.csv", TIMM)
    write(root / "run/args.yaml", "model: resnet50\nepochs: 3\nlr: 0.1\nnum_classes: 10\n")
    write(root / "run/checkpoint-1.pth.tar")
    finding = find(source, root, "run/checkpoint-1.pth.tar", epoch=1)
    assert values(finding) == {"eval_loss": 5.1, "eval_top1": 11.5, "eval_top5": 25.5}
    assert finding.facts["backbone"] == "resnet50"
    assert finding.facts["max_epochs"] == 3
    assert finding.params["lr"] == 0.1
    assert [component.role for component in finding.components] == ["encoder"]


def test_ultralytics_best_is_recognised_by_its_metrics(source: TrainerSource, root: Path) -> None:
    write(root / "run/results.csv", YOLO_NEW)
    write(root / "run/weights/best.pt")
    own = {"metrics/precision(B)": Metric(0.612341), "metrics/mAP50(B)": Metric(0.512338), "fitness": Metric(None)}
    header = Finding("header", "", metrics=own)
    finding = source.find(candidate_of(root, root / "run/weights/best.pt"), Said([header]))
    assert finding is not None
    assert finding.facts == {"epoch": 1}
    assert finding.metrics["val/box_loss"].value == 1.01234


def test_mmengine_s_log(source: TrainerSource, root: Path) -> None:
    write(root / "run/20250101_101010/vis_data/scalars.json", MMENGINE)
    write(root / "run/epoch_2.pth")
    assert values(find(source, root, "run/epoch_2.pth", epoch=2)) == {"coco/bbox_mAP": 0.41, "coco/bbox_mAP_50": 0.6}


def test_names_tell_the_step_only_where_nothing_else_does(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", CSV)
    write(root / "run/epoch=1-step=20.ckpt")
    assert values(find(source, root, "run/epoch=1-step=20.ckpt")) == {"val_loss": 0.4}
    assert values(find(source, root, "run/epoch=1-step=20.ckpt", epoch=0, global_step=10)) == {"val_loss": 0.5}


def test_logs_that_contradict_each_other_are_not_believed(source: TrainerSource, root: Path) -> None:
    write(root / "run/lightning_logs/version_0/metrics.csv", CSV)
    write(root / "run/lightning_logs/version_1/metrics.csv", CSV.replace("0.5", "0.6"))
    write(root / "run/checkpoints/a.ckpt")
    finding = find(source, root, "run/checkpoints/a.ckpt", epoch=0, global_step=10)
    assert (finding.metrics, finding.facts, finding.denies) == ({}, {}, False)
    assert [problem.kind for problem in finding.problems] == ["trainer_ambiguous"]
    assert values(find(source, root, "run/checkpoints/a.ckpt", epoch=1, global_step=20)) == {"val_loss": 0.4}


def test_logs_that_have_nothing_in_common_are_not_believed(source: TrainerSource, root: Path) -> None:
    write(root / "run/lightning_logs/version_0/metrics.csv", CSV)
    write(root / "run/lightning_logs/version_1/metrics.csv", CSV.replace("val_loss", "val_acc"))
    write(root / "run/checkpoints/a.ckpt")
    finding = find(source, root, "run/checkpoints/a.ckpt", epoch=0, global_step=10)
    assert finding.metrics == {}
    assert [problem.kind for problem in finding.problems] == ["trainer_ambiguous"]


def test_a_nearer_log_that_denies_ends_the_search(source: TrainerSource, root: Path) -> None:
    write(root / "run/checkpoints/metrics.csv", CSV)
    write(root / "run/metrics.csv", "epoch,step,val_loss\n1,12,0.9\n")
    write(root / "run/checkpoints/a.ckpt")
    finding = find(source, root, "run/checkpoints/a.ckpt", epoch=1, global_step=13)
    assert finding.metrics == {}
    assert finding.denies


def test_a_log_without_this_checkpoint_is_an_input_all_the_same(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", CSV)
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt", epoch=9, global_step=500)
    assert (finding.facts, finding.metrics, finding.problems) == ({}, {}, [])
    assert finding.detail == "run/metrics.csv"
    assert [(one.path, one.source, one.absent) for one in finding.inputs] == [(b"run/metrics.csv", "trainer", False)]
    assert not finding.denies


def test_a_table_that_grows_is_read_again(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", CSV)
    write(root / "run/a.ckpt")
    assert find(source, root, "run/a.ckpt", epoch=2, global_step=30).metrics == {}
    before = source.surroundings(os.fsencode(root), b"run")
    write(root / "run/metrics.csv", CSV + "2,29,,0.3\n")
    assert values(find(source, root, "run/a.ckpt", epoch=2, global_step=30)) == {"val_loss": 0.3}
    assert source.surroundings(os.fsencode(root), b"run") != before


def test_a_line_being_written_is_not_read(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", CSV + "2,29,,0.3")
    write(root / "run/a.ckpt")
    assert find(source, root, "run/a.ckpt", epoch=2, global_step=30).metrics == {}


@pytest.mark.parametrize("kind", ["fifo", "link", "folder_link", "not_text"])
def test_what_is_no_file_of_the_run_is_a_problem_or_not_seen(
    source: TrainerSource, pool: Pool, root: Path, kind: str
) -> None:
    log = root / "run/metrics.csv"
    write(root / "run/a.ckpt")
    write(root.parent / "outside/metrics.csv", CSV)
    if kind == "fifo":
        os.mkfifo(log)
    elif kind == "link":
        log.symlink_to(root.parent / "outside/metrics.csv")
    elif kind == "folder_link":
        (root / "run/lightning_logs").symlink_to(root.parent / "outside")
        assert source.find(candidate_of(root, root / "run/a.ckpt"), said(epoch=0, global_step=10)) is None
        return
    else:
        write(log, b"epoch,step,val_\xff\n0,9,0.5\n\xff,\xfe,\x00\n")
    finding = find(source, root, "run/a.ckpt", epoch=0, global_step=10)
    assert finding.facts == ({} if kind != "not_text" else {"metrics_step": 10})
    assert [problem.kind for problem in finding.problems] == (["trainer_unreadable"] if kind != "not_text" else [])
    assert len(pool.pids()) == 1


def test_a_value_that_is_not_finite_is_told(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", "epoch,step,val_loss,val_acc\n0,9,nan,0.5\n")
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt", epoch=0, global_step=10)
    assert values(finding) == {"val_loss": None, "val_acc": 0.5}
    assert [problem.kind for problem in finding.problems] == ["not_finite"]


def test_a_huge_table_is_read_at_its_end_and_said_to_be(source: TrainerSource, root: Path) -> None:
    line = b"0,1,0.123456789," + b" " * 4_000 + b"\n"
    head, tail = b"epoch,step,train_loss,val_loss\n0,9,,0.5\n", b"7,99,,0.25\n"
    with (root / "run/metrics.csv").open("wb") as table:
        table.write(head)
        for _ in range(100):
            table.write(line * (1_000_000 // len(line)))
        table.write(tail)
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt", epoch=7, global_step=100)
    assert values(finding) == {"val_loss": 0.25}
    assert [problem.kind for problem in finding.problems] == ["trainer_limit"]
    early = find(source, root, "run/a.ckpt", epoch=0, global_step=10)
    assert (early.metrics, early.denies) == ({}, False)


def test_logs_too_large_together_are_left_out_and_named(source: TrainerSource, root: Path) -> None:
    write(root / "run/metrics.csv", CSV)
    for number in range(3):
        with write(root / f"run/lightning_logs/version_{number}/metrics.csv", "").open("wb") as table:
            table.truncate(40 << 20)
    write(root / "run/a.ckpt")
    finding = find(source, root, "run/a.ckpt", epoch=0, global_step=10)
    assert values(finding) == {"val_loss": 0.5}
    assert "version_1/metrics.csv, run/lightning_logs/version_0/metrics.csv" in finding.problems[0].message
    assert len(finding.inputs) == 4


def test_several_event_files_of_one_run_add_up(source: TrainerSource, root: Path) -> None:
    write(root / "run/events.out.tfevents.1.h.1.0", event(9, simple("val_loss", 0.5), simple("epoch", 0)))
    write(root / "run/events.out.tfevents.2.h.1.0", event(19, simple("val_loss", 0.25), simple("epoch", 1)))
    write(root / "run/a.ckpt")
    assert values(find(source, root, "run/a.ckpt", epoch=0, global_step=10)) == {"val_loss": 0.5}
    assert values(find(source, root, "run/a.ckpt", epoch=1, global_step=20)) == {"val_loss": 0.25}


def test_without_children_it_tells_only_whether_there_is_something(root: Path) -> None:
    source = TrainerSource(pool=None)
    write(root / "run/a.ckpt")
    assert source.find(candidate_of(root, root / "run/a.ckpt"), said()) is None
    write(root / "run/metrics.csv", CSV)
    with pytest.raises(NeedsChild):
        source.find(candidate_of(root, root / "run/a.ckpt"), said())
