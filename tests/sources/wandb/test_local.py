from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ckpt_indexer.metadata.record import Metric
from ckpt_indexer.sandbox.pool import Pool
from ckpt_indexer.sources.wandb.local import WandbLocalSource
from tests.sources.wandb_files import (
    RUN_DIR,
    candidate,
    config,
    ended,
    field,
    history,
    item,
    lightning_rows,
    log_of,
    run,
    said,
    summary,
    train,
    write_log,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Finding
    from ckpt_indexer.sources.base import Said

MODEL = {"encoder": {"model_name": "resnet50"}, "decoder": {"name": "pan_decoder"}}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(size=1) as children:
        yield children


@pytest.fixture
def source(pool: Pool) -> WandbLocalSource:
    return WandbLocalSource(pool=pool)


def findings_of(source: WandbLocalSource, place: Candidate, known: Said) -> list[Finding]:
    """Return history and configuration first, then the summary where the run has one."""
    answer = source.look(place, known)
    return [] if answer is None else answer.findings


def offline_log(epochs: int = 4, **more: Any) -> bytes:
    head = [run(config={"model": MODEL, "exp_name": "night", "api_key": "hush"}), config({"lr": 0.001})]
    rows = [history({**row, **more}) for row in lightning_rows(epochs)]
    return log_of([*head, *rows, summary({"val/hmean": 0.9, "_step": 7}), ended()])


def test_an_offline_run_gives_the_row_of_each_checkpoint(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    for epoch in range(4):
        found = source.find(candidate(tmp_path), said(epoch=epoch, global_step=(epoch + 1) * 10))
        assert found is not None
        assert found.metrics == {"val/hmean": Metric(epoch / 10), "val/loss": Metric(1.5)}
        assert found.facts["metrics_step"] == (epoch + 1) * 10


def test_configuration_becomes_facts_and_secrets_do_not(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    found = source.find(candidate(tmp_path), said(epoch=0, global_step=10))
    assert found is not None
    assert (found.facts["backbone"], found.facts["experiment"]) == ("resnet50", "night")
    assert found.facts["wandb_run_id"] == "abc12345"
    assert found.params["lr"] == 0.001
    assert "hush" not in repr(found)
    assert [one.path.decode() for one in found.inputs] == [f"{RUN_DIR}/run-abc12345.wandb"]


def test_the_summary_is_another_voice_and_stale(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    found = source.find(candidate(tmp_path), said(epoch=0, global_step=10))
    assert found is not None
    assert [(one.source, one.metrics) for one in found.also] == [
        ("wandb:summary", {"val/hmean": Metric(0.9, stale=True)})
    ]


@pytest.mark.parametrize(
    ("checkpoints", "last", "is_own"),
    [
        (("best.ckpt",), {}, True), (("best.ckpt", "last.ckpt"), {}, False),
        (("best.ckpt",), {"trainer/global_step": 19}, False), (("best.ckpt",), {"epoch": 4}, False),
        (("best.ckpt", "last.ckpt"), {"trainer/global_step": 9, "epoch": 0}, True),
    ],
)  # fmt: skip
def test_the_summary_of_an_online_run_counts_where_it_is_the_checkpoints(
    tmp_path: Path, source: WandbLocalSource, checkpoints: tuple[str, ...], last: dict[str, float], is_own: bool
) -> None:
    files = write_log(tmp_path, b"", run_dir="wandb/run-20251018_143200-abc12345").parent / "files"
    (files / "wandb-summary.json").write_text(json.dumps({"val/hmean": 0.7, "best/hmean": 0.8, "_step": 9, **last}))
    place = candidate(tmp_path)
    directory = tmp_path / place.directory.decode()
    directory.mkdir(parents=True, exist_ok=True)
    for name in checkpoints:
        (directory / name).write_bytes(b"")
    _, summed_up = findings_of(source, place, said(epoch=0, global_step=10))
    best = {"best/hmean": Metric(0.8, stale=True)}
    assert summed_up.metrics == {"val/hmean": Metric(0.7, stale=not is_own), **best}


def test_a_second_checkpoint_changes_the_surroundings(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    seen = []
    for name in ("a.ckpt", "b.ckpt", "c.ckpt"):
        (tmp_path / name).write_bytes(b"")
        seen.append(dict(source.surroundings(bytes(tmp_path), b""))[b"*"].size_bytes)
    assert seen == [1, 2, 2]


def test_a_step_without_validation_is_unknown_and_denied(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    answer = source.look(candidate(tmp_path), said(epoch=1, global_step=15))
    assert answer is not None
    assert (answer.findings[0].metrics, answer.denies) == ({}, True)


def test_an_online_run_is_read_from_its_files(tmp_path: Path, source: WandbLocalSource) -> None:
    files = write_log(tmp_path, b"", run_dir="wandb/run-20251018_143200-abc12345").parent / "files"
    wrapped = {"model": {"desc": None, "value": MODEL}, "_wandb": {"desc": None, "value": {"t": {1: [5, 6]}}}}
    (files / "config.yaml").write_text(yaml.safe_dump(wrapped))
    (files / "wandb-summary.json").write_text(json.dumps({"val/hmean": 0.7, "_step": 9, "val/loss": float("nan")}))
    (files / "wandb-metadata.json").write_text(json.dumps({"host": "box", "username": "me", "program": "/a/train.py"}))
    main, last = findings_of(
        source, candidate(tmp_path), said(wandb_run_id="ent/proj/abc12345", epoch=0, global_step=10)
    )
    assert main.facts["backbone"] == "resnet50"
    assert "wandb_run_id" not in main.facts, "it is known already, in another spelling"
    assert main.params["environment.program"] == "train.py"
    assert last.metrics == {"val/hmean": Metric(0.7, stale=True), "val/loss": Metric(None, stale=True)}
    assert main.problems == []
    assert (len(main.inputs), last.inputs) == (4, [])
    assert "box" not in repr((main, last))


def test_no_run_is_no_answer(tmp_path: Path, source: WandbLocalSource) -> None:
    assert source.find(candidate(tmp_path), said()) is None
    write_log(tmp_path, offline_log())
    assert source.find(candidate(tmp_path), said(wandb_run_id="another1")) is None


def test_several_runs_are_none(tmp_path: Path, source: WandbLocalSource) -> None:
    write_log(tmp_path, offline_log())
    write_log(tmp_path, offline_log(), run_dir="wandb/run-20251019_000000-zzz", run_id="zzz")
    found = source.find(candidate(tmp_path), said(epoch=0, global_step=10))
    assert found is not None
    assert (found.facts, found.metrics) == ({}, {})
    assert [problem.kind for problem in found.problems] == ["wandb_ambiguous"]
    known = source.find(candidate(tmp_path), said(wandb_run_id="zzz", epoch=0, global_step=10))
    assert known is not None
    assert known.metrics["val/hmean"] == Metric(0.0)


def test_a_resumed_run_is_one_run(tmp_path: Path, source: WandbLocalSource) -> None:
    rows = lightning_rows(4)
    write_log(tmp_path, log_of([run(config={"lr": 1}), *map(history, rows[:4])]))
    write_log(
        tmp_path,
        log_of([run(), *map(history, rows[4:]), ended()]),
        run_dir="wandb/offline-run-20251019_000000-abc12345",
    )
    for epoch in range(4):
        found = source.find(candidate(tmp_path), said(epoch=epoch, global_step=(epoch + 1) * 10))
        assert found is not None
        assert found.metrics["val/hmean"] == Metric(epoch / 10)


def test_a_live_log_is_read_on(tmp_path: Path, source: WandbLocalSource) -> None:
    whole = offline_log(60, **{f"train/x{number}": number for number in range(30)})
    path = write_log(tmp_path, whole[: len(whole) // 2])
    assert not findings_of(source, candidate(tmp_path), said(epoch=59, global_step=600))[0].metrics
    path.write_bytes(whole)
    main = findings_of(source, candidate(tmp_path), said(epoch=59, global_step=600))[0]
    assert main.metrics["val/hmean"] == Metric(5.9)
    assert main.problems == []


def test_a_log_that_was_replaced_is_read_anew(tmp_path: Path, source: WandbLocalSource) -> None:
    path = write_log(tmp_path, offline_log(2))
    assert findings_of(source, candidate(tmp_path), said(epoch=0, global_step=10))[0].metrics
    rows = [{**row, "val/hmean": 0.77} for row in lightning_rows(9) if "val/hmean" in row]
    path.write_bytes(log_of([run(), *map(history, rows)]))
    assert findings_of(source, candidate(tmp_path), said(epoch=0, global_step=10))[0].metrics["val/hmean"] == Metric(
        0.77
    )


def test_a_damaged_log_gives_what_came_before_and_says_so(tmp_path: Path, source: WandbLocalSource) -> None:
    data = bytearray(offline_log(40))
    data[-500] ^= 0x10
    write_log(tmp_path, bytes(data))
    answer = source.look(candidate(tmp_path), said(epoch=0, global_step=10))
    assert answer is not None
    assert answer.findings[0].metrics["val/hmean"] == Metric(0.0)
    assert [problem.kind for problem in answer.findings[0].problems] == ["wandb_damaged"]
    assert not source.look(candidate(tmp_path), said(epoch=1, global_step=15)).denies  # type: ignore[union-attr]  # there


def test_the_monitored_metric_counts_whatever_its_name(tmp_path: Path, source: WandbLocalSource) -> None:
    rows = [{"mIoU": 0.4, "epoch": 0, "trainer/global_step": 9}]
    write_log(tmp_path, log_of([run(), *map(history, rows)]))
    place = candidate(tmp_path)
    assert not findings_of(source, place, said(epoch=0, global_step=10))[0].metrics
    assert findings_of(source, place, said(epoch=0, global_step=10, monitor="mIoU"))[0].metrics == {"mIoU": Metric(0.4)}


def test_values_in_their_own_types_are_read_too(tmp_path: Path, source: WandbLocalSource) -> None:
    items = item("val/a", b"\0\0\0\0\0\0\xe0?", value_field=16)  # no JSON: left out
    typed = field(2, b"val/b") + b"\x31" + b"\0\0\0\0\0\0\xe0?" + b""
    counter = field(2, b"trainer/global_step") + field(5, 18)
    row = field(2, field(1, items) + field(1, typed) + field(1, counter) + field(1, item("epoch", 0)))
    write_log(tmp_path, log_of([run(), row]))
    assert findings_of(source, candidate(tmp_path), said(epoch=0, global_step=10))[0].metrics == {"val/b": Metric(0.5)}


@pytest.mark.parametrize(
    "record",
    [
        field(2, b"\xff" * 50),
        field(2, field(1, item("val/x", b"[" * 100_000))),
        field(2, field(1, item("val/x", b"1" * 100_000))),
        field(2, field(1, item(("val",) * 500, 1))),
        field(2, field(1, b"\x12\x03va\xff\x82\x01\x011")),
        field(3, field(1, item("val/x", b"{" * 5_000))),
        field(5, field(1, item("a", json.dumps({"b" * 1_000: ["c" * 1_000] * 900}).encode()))),
        field(17, field(3, b"\0" * 70)),
        b"\xff\xff\xff",
    ],
    ids=["wire", "deep", "long number", "deep keys", "text", "braces", "large config", "name", "record"],
)
def test_a_hostile_record_hides_no_other(tmp_path: Path, source: WandbLocalSource, record: bytes) -> None:
    good = history({"val/hmean": 0.5, "epoch": 0, "trainer/global_step": 9})
    write_log(tmp_path, log_of([run(), record, good]))
    main = findings_of(source, candidate(tmp_path), said(epoch=0, global_step=10))[0]
    assert main.metrics["val/hmean"] == Metric(0.5)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", b"[" * 60_000),
        ("config.yaml", b"a: &x [1]\nb: *x\n"),
        ("config.yaml", b"!!python/object/apply:os.system ['touch canary']\n"),
        ("config.yaml", b"- a\n- b\n"),
        ("config.yaml", b"x" * (2 << 20)),
        ("config.yaml", b"\xff\xfe\0"),
        ("wandb-summary.json", b"[" * 200_000),
        ("wandb-summary.json", b"7"),
        ("wandb-summary.json", b'{"val/x": ' + b"9" * 100_000 + b"}"),
        ("wandb-metadata.json", b"{"),
    ],
)
def test_a_hostile_file_is_a_problem(tmp_path: Path, source: WandbLocalSource, name: str, content: bytes) -> None:
    path = write_log(tmp_path, offline_log())
    (path.parent / "files" / name).write_bytes(content)
    main = findings_of(source, candidate(tmp_path), said(epoch=0, global_step=10))[0]
    assert main.metrics["val/hmean"] == Metric(0.0)
    assert main.facts["backbone"] == "resnet50", "the log knows the configuration as well"
    assert [problem.kind for problem in main.problems] == ["wandb_unreadable"]
    assert not (tmp_path / "canary").exists()


def test_no_link_out_of_the_root_and_no_pipe_is_read(tmp_path: Path, source: WandbLocalSource) -> None:
    root = tmp_path / "root"
    path = write_log(root, offline_log())
    (tmp_path / "secret.json").write_text('{"val/hmean": 0.99}')
    (path.parent / "files/wandb-summary.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(path.parent / "files/config.yaml")
    main, last = findings_of(source, candidate(root), said(epoch=0, global_step=10))
    assert main.metrics["val/hmean"] == Metric(0.0)
    assert last.metrics == {"val/hmean": Metric(0.9, stale=True)}
    assert len(main.problems) == 2


@pytest.mark.parametrize("seed", range(6))
def test_bytes_changed_anywhere_never_stop_the_source(tmp_path: Path, source: WandbLocalSource, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(offline_log(30))
    for _ in range(dice.choice([1, 5, 50])):
        data[dice.randrange(len(data))] = dice.randrange(256)
    write_log(tmp_path, bytes(data))
    found = source.find(candidate(tmp_path), said(epoch=0, global_step=10))
    assert found is not None
    assert found.metrics in ({}, {"val/hmean": Metric(0.0), "val/loss": Metric(1.5)})


LOOP = """
import sys, wandb
run = wandb.init(project="p", id="abc12345", dir=sys.argv[1], config={"model": {"encoder": {"model_name": "resnet18"}}})
for epoch in range(3):
    last = epoch * 10 + 9
    run.log({"train/loss": 1.0, "epoch": epoch, "trainer/global_step": last - 5})
    row = {"val/hmean": epoch / 10, "epoch": epoch, "trainer/global_step": last}
    run.log({**row, "val": {"nested": epoch}, "bad": float("nan"), "kind": "text"})
run.summary["best/hmean"] = 0.25
run.finish()
"""


def test_a_real_offline_run_is_read(tmp_path: Path, source: WandbLocalSource) -> None:
    train(LOOP, tmp_path)
    for epoch in range(3):
        main, last = findings_of(source, candidate(tmp_path), said(epoch=epoch, global_step=epoch * 10 + 10))
        expected = {"val/hmean": Metric(epoch / 10), "val.nested": Metric(float(epoch)), "bad": Metric(None)}
        assert main.metrics == expected
        assert last.metrics["best/hmean"] == Metric(0.25, stale=True)
        assert (main.facts["backbone"], main.problems) == ("resnet18", [])


LIGHTNING = """
import sys, torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger

class Model(LightningModule):
    def __init__(self):
        super().__init__()
        self.save_hyperparameters({"lr": 0.1})
        self.layer = torch.nn.Linear(2, 1)
    def training_step(self, batch, _):
        loss = self.layer(batch).sum()
        self.log("train/loss", loss)
        return loss
    def validation_step(self, batch, _):
        self.log("val/hmean", 0.1 * (self.current_epoch + 1))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

data = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2)
every = ModelCheckpoint(monitor="val/hmean", mode="max", save_top_k=-1, filename="{epoch}")
steps = ModelCheckpoint(every_n_train_steps=3, save_top_k=-1, filename="step-{step}")
logger = WandbLogger(project="proj", save_dir=sys.argv[1], offline=True, id="abc12345")
trainer = Trainer(max_epochs=3, logger=logger, callbacks=[every, steps], log_every_n_steps=1, accelerator="cpu",
                  enable_progress_bar=False, enable_model_summary=False)
trainer.fit(Model(), data, data)
trainer.save_checkpoint(sys.argv[1] + "/proj/abc12345/checkpoints/after.ckpt")
import json
told = {}
for path in __import__("pathlib").Path(sys.argv[1]).rglob("*.ckpt"):
    kept = torch.load(path, weights_only=False)
    told[str(path.relative_to(sys.argv[1]))] = [kept["epoch"], kept["global_step"]]
open(sys.argv[1] + "/told.json", "w").write(json.dumps(told))
"""


@pytest.mark.prove
def test_a_real_lightning_training_gives_exact_values(tmp_path: Path, source: WandbLocalSource) -> None:
    train(LIGHTNING, tmp_path)
    told = json.loads((tmp_path / "told.json").read_text())
    assert len(told) >= 6, sys.version
    for path, (epoch, step) in told.items():
        answer = source.look(candidate(tmp_path, path), said(epoch=epoch, global_step=step))
        assert answer is not None, path
        values = {name: metric.value for name, metric in answer.findings[0].metrics.items()}
        if step % 4:
            assert (values, answer.denies) == ({}, step > 4), path
        else:
            assert values["val/hmean"] == pytest.approx(step // 4 / 10), path
            assert not answer.denies
