"""What Weights & Biases knows of a run: from its own directory beside the checkpoints, or from a server, later."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.wandb_server import WandbServer
from tests.journeys import real_trees
from tests.journeys.harness import Daemon, eventually, problems, rows, run
from tests.sources.wandb_files import train

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789" * 4
RUN = "abc12345"
LOGGING = f"""
import sys, wandb
config = {{"model": {{"encoder": {{"model_name": "resnet18"}}}}}}
run = wandb.init(project="proj", id="{RUN}", dir=sys.argv[1], config=config)
for epoch in range(3):
    last = epoch * 10 + 9
    run.log({{"train/loss": 1.0, "epoch": epoch, "trainer/global_step": last - 5}})
    run.log({{"val/hmean": (epoch + 1) / 10, "epoch": epoch, "trainer/global_step": last}})
run.finish()
"""
ROWS = [
    {"_step": epoch, "epoch": epoch, "trainer/global_step": epoch * 10 + 9, "val/hmean": (epoch + 1) / 10}
    for epoch in range(3)
]
CONFIG = {"model": {"encoder": {"model_name": "resnet18"}}}


def write_run(root: Path, **more: Any) -> None:
    """Write one checkpoint per epoch, as Lightning saves them; step 25 is between two validations."""
    for epoch, step in ((0, 10), (1, 20), (2, 25), (2, 30)):
        state = real_trees.state(epoch, step, seed=step, callbacks={}, **more)
        real_trees.save(root / "exp" / "checkpoints" / f"step={step}.ckpt", state)


def hmeans(database: Path) -> dict[int, float | None]:
    return {row["global_step"]: row["hmean"] for row in rows(database, "global_step, hmean")}


EXACT = {10: 0.1, 20: 0.2, 25: None, 30: 0.3}


# -- beside the checkpoints


def test_an_offline_run_gives_each_checkpoint_its_own_validation(root: Path, database: Path) -> None:
    write_run(root)
    train(LOGGING, root / "exp")
    real_trees.scan(root, database)
    assert hmeans(database) == EXACT
    assert [row["backbone"] for row in rows(database, "backbone")] == ["resnet18"] * 4
    row = real_trees.shown(database, "exp/checkpoints/step=20.ckpt")
    assert (row["provenance"]["metrics"], row["source"], row["metrics_step"]) == ("wandb", "wandb", 20)
    assert row["wandb_run_id"].endswith(RUN)
    assert real_trees.best(database, by="none") == ["exp/checkpoints/step=30.ckpt"]
    assert problems(database) == []


# -- on a server


def configure(database: Path, server: WandbServer) -> dict[str, str]:
    """Switch the server on in the settings beside the database; return the environment of the daemon."""
    settings = {
        "enabled": "true",
        "entity": '"ent"',
        "project": '"proj"',
        "base_url": f'"{server.url}"',
        "timeout_s": "1",
    }
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    (database.parent / "ckpt-indexer.toml").write_text(f"[wandb]\n{lines}\n")
    home = database.parent / "home"
    home.mkdir(exist_ok=True)
    return {"WANDB_API_KEY": KEY, "HOME": os.fspath(home), "NO_PROXY": "127.0.0.1"}


def wandb_hyper_parameters() -> dict[str, Any]:
    return {"hyper_parameters": {"lr": 0.5, "wandb_run_id": RUN}}


def test_rows_appear_without_the_server_and_are_enriched_when_it_has_answered(root: Path, database: Path) -> None:
    write_run(root, **wandb_hyper_parameters())
    with WandbServer() as server:
        server.having(f"ent/proj/{RUN}", config=CONFIG, rows=ROWS)
        env = configure(database, server)
        with Daemon(root, database, env=env) as daemon:
            eventually(lambda: len(rows(database, "id", "read_state = 'ok'")) == 4)
            assert set(hmeans(database).values()) == {None}, "the answer cannot have come yet"
            eventually(lambda: hmeans(database) == EXACT, timeout_s=20)
            eventually(lambda: [row["backbone"] for row in rows(database, "backbone")] == ["resnet18"] * 4)
            asked = len(server.asked)
            late = real_trees.state(1, 20, seed=99, callbacks={}, **wandb_hyper_parameters())
            real_trees.save(root / "exp" / "checkpoints" / "late.ckpt", late)
            eventually(lambda: [row["hmean"] for row in rows(database, "hmean", "name = 'late.ckpt'")] == [0.2])
            assert len(server.asked) == asked, "a run that has ended is asked about once"
            assert daemon.stop() == 0
    assert KEY not in daemon.log.read_text()
    assert real_trees.shown(database, "exp/checkpoints/late.ckpt")["provenance"]["metrics"] == "wandb"


@pytest.mark.parametrize("mode", ["hang", "401", "429"])
def test_a_server_that_does_not_answer_delays_no_row_and_no_end(root: Path, database: Path, mode: str) -> None:
    write_run(root, **wandb_hyper_parameters())
    with WandbServer() as server:
        server.having(f"ent/proj/{RUN}", config=CONFIG, rows=ROWS)
        server.mode = mode
        with Daemon(root, database, env=configure(database, server)) as daemon:
            eventually(lambda: len(rows(database, "id", "read_state = 'ok'")) == 4)
            eventually(lambda: bool(server.keys), timeout_s=20, what="the server to be asked")
            began = time.monotonic()
            real_trees.save(root / "new.ckpt", real_trees.state(1, 20, seed=5, **wandb_hyper_parameters()))
            eventually(lambda: len(rows(database, "id", "read_state = 'ok'")) == 5, timeout_s=3)
            assert not daemon.ask(op="health")["busy"]
            children = real_trees.children_of(daemon.process.pid)
            assert daemon.stop() == 0
            assert time.monotonic() - began < 5
    eventually(lambda: real_trees.alive(children) == [], timeout_s=3)
    assert set(hmeans(database).values()) == {None}
    log = daemon.log.read_text()
    assert "Traceback" not in log
    assert problems(database) == []


@pytest.mark.prove
def test_an_outage_that_ends_is_made_up_for(root: Path, database: Path) -> None:
    write_run(root, **wandb_hyper_parameters())
    with WandbServer() as server:
        server.having(f"ent/proj/{RUN}", config=CONFIG, rows=ROWS)
        server.mode = "500"
        with Daemon(root, database, env=configure(database, server)) as daemon:
            eventually(lambda: bool(server.keys), timeout_s=20)
            server.mode = "ok"
            eventually(lambda: hmeans(database) == EXACT, timeout_s=60)
            assert daemon.stop() == 0


def test_a_scan_never_asks_the_server(root: Path, database: Path) -> None:
    write_run(root, **wandb_hyper_parameters())
    with WandbServer() as server:
        server.mode = "hang"
        configure(database, server)
        assert run(database, "scan", root, timeout_s=20).returncode == 0
        assert not server.keys
    assert set(hmeans(database)) == set(EXACT)
