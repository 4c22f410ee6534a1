"""The enricher, mostly with a small stand-in for its child, and end to end with the real `wandb` package."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sources.wandb.api import Outcome, WandbOptions, run_said
from ckpt_indexer.sources.wandb.breaker import BreakerOptions
from ckpt_indexer.sources.wandb.cache import MemoryCache
from ckpt_indexer.sources.wandb.enricher import WandbEnricher
from ckpt_indexer.sources.wandb.process import COMMAND
from ckpt_indexer.sources.wandb.run import RunRef
from tests.fakes.wandb_server import WandbServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "0123456789" * 4
QUICK = BreakerOptions(first_pause_s=0.01, longest_pause_s=0.02, open_after=3, open_s=0.05)
STAND_IN = """
import json, os, sys
from ckpt_indexer.sandbox.protocol import pack, receive
from ckpt_indexer.sources.wandb.run import RunSaid
os.write(0, pack({"ready": "1"}))
while (job := receive(lambda count: os.read(0, count), 1 << 20)) is not None:
    run = job["run"].rpartition("/")[2]
    with open(%r, "a") as seen: seen.write(run + "\\n")
    if run == "dies": os._exit(3)
    if run == "hangs": os.read(0, 1)
    answers = {"nonsense": {"outcome": "maybe"}, "halves": {"outcome": "ok", "run": {"run_id": 1}},
               "absent": {"outcome": "notfound"}, "refused": {"outcome": "unauthorised"}}
    said = RunSaid(run, state="finished" if run != "live" else "running")
    os.write(0, pack(answers.get(run, {"outcome": "ok", "run": said.to_json()})))
"""


class Waiting:
    """Counts questions that ended; waits for them without sleeping."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)

    def __call__(self) -> None:
        self._arrived.release()

    def until(self, count: int) -> None:
        for _ in range(count):
            assert self._arrived.acquire(timeout=30)


def enricher(
    cache: MemoryCache,
    command: Sequence[str],
    waiting: Waiting,
    *,
    timeout_s: float = 5.0,
    breaker: BreakerOptions = QUICK,
    base_url: str | None = None,
    environ: dict[str, str] | None = None,
) -> WandbEnricher:
    options = WandbOptions(
        enabled=True, entity="ent", project="proj", base_url=base_url, timeout_s=timeout_s, breaker=breaker
    )
    given = {"PATH": os.defpath} if environ is None else environ
    return WandbEnricher(options=options, cache=cache, environ=given, on_change=waiting, command=command)


def stand_in(tmp_path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", STAND_IN % str(tmp_path / "seen"))


def seen(tmp_path: Path) -> list[str]:
    return (tmp_path / "seen").read_text().split()


def test_wanted_runs_are_answered_once_and_kept(tmp_path: Path) -> None:
    cache, waiting = MemoryCache(), Waiting()
    with enricher(cache, stand_in(tmp_path), waiting) as asking:
        for name in ("one", "live", "one", "absent", "bad id"):
            asking.want(RunRef(name), (1,))
        waiting.until(3)
        answered = {answer.run.id: answer.outcome for answer in asking.answers()}
        assert asking.answers() == []
        assert asking.waiting() == 0
    assert answered == {"one": Outcome.OK, "live": Outcome.OK, "absent": Outcome.NOTFOUND}
    kept = {name: cache.get(f"ent/proj/{name}") for name in answered}
    assert {name: entry.final for name, entry in kept.items() if entry is not None} == {
        "one": True, "live": False, "absent": False,
    }  # fmt: skip
    assert sorted(seen(tmp_path)) == ["absent", "live", "one"]


@pytest.mark.parametrize("bad", ["dies", "nonsense", "halves", "refused"])
def test_a_run_that_cannot_be_asked_about_keeps_no_other_waiting(tmp_path: Path, bad: str) -> None:
    cache, waiting = MemoryCache(), Waiting()
    with enricher(cache, stand_in(tmp_path), waiting) as asking:
        asking.want(RunRef(bad))
        asking.want(RunRef("good"))
        waiting.until(2)
        assert [answer.run.id for answer in asking.answers()] == ["good"]
        assert asking.waiting() == 1
    assert cache.get(f"ent/proj/{bad}") is None


def test_a_hanging_server_costs_its_timeout_and_opens_the_breaker(tmp_path: Path) -> None:
    never = BreakerOptions(first_pause_s=3600)
    waiting = Waiting()
    with enricher(MemoryCache(), stand_in(tmp_path), waiting, timeout_s=0.2, breaker=never) as asking:
        asking.want(RunRef("hangs"))
        waiting.until(1)
        asking.want(RunRef("good"))
        assert asking.breaker().failures == 1
        assert asking.waiting() == 2
    assert seen(tmp_path) == ["hangs"]


def test_being_offline_is_said_once_and_quietly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting()
    with caplog.at_level(logging.INFO), enricher(MemoryCache(), stand_in(tmp_path), waiting) as asking:
        asking.want(RunRef("refused"))
        waiting.until(4)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_missing_package_is_a_warning_that_says_what_to_install(caplog: pytest.LogCaptureFixture) -> None:
    program = "import sys; sys.modules['wandb'] = None\nfrom ckpt_indexer.sources.wandb.client import main\nmain()"
    waiting = Waiting()
    command = (sys.executable, "-I", "-c", program)
    with caplog.at_level(logging.INFO), enricher(MemoryCache(), command, waiting) as asking:
        asking.want(RunRef("one"))
        waiting.until(2)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "ckpt-indexer[wandb]" in vars(warnings[0])["reason"]


def test_closing_ends_a_child_that_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "seen")  # reading it waits for the child
    asking = enricher(MemoryCache(), stand_in(tmp_path), Waiting(), timeout_s=3600).start()
    asking.want(RunRef("hangs"))
    assert (tmp_path / "seen").read_text() == "hangs\n"
    asking.close()
    asking.close()
    assert asking.answers() == []


def test_nothing_runs_unless_configured() -> None:
    asking = WandbEnricher(options=WandbOptions(), cache=MemoryCache(), environ={}, command=("false",)).start()
    asking.want(RunRef("abc", "proj", "ent"))
    assert asking.waiting() == 0
    asking.close()


def real(server: WandbServer, cache: MemoryCache, waiting: Waiting, home: Path) -> WandbEnricher:
    environ = {"PATH": os.defpath, "HOME": str(home), "WANDB_API_KEY": KEY}
    never = BreakerOptions(first_pause_s=3600)
    return enricher(cache, COMMAND, waiting, breaker=never, base_url=server.url, environ=environ)


def test_the_real_package_gives_config_summary_and_validation_rows(tmp_path: Path) -> None:
    cache, waiting = MemoryCache(), Waiting()
    validated = [{"_step": n, "epoch": n, "trainer/global_step": n * 10 + 9, "val/acc": n / 10} for n in range(3)]
    trained = [{"_step": 7, "epoch": 2, "trainer/global_step": 25, "train/loss": 1.0}]
    with WandbServer() as server, real(server, cache, waiting, tmp_path) as asking:
        config = {"model": {"encoder": {"model_name": "resnet50"}}, "api_key": "hush"}
        server.having("ent/proj/abc", config=config, summary={"val/acc": 0.2}, rows=[*validated, *trained])
        asking.want(RunRef("abc"))
        asking.want(RunRef("absent1"))
        waiting.until(2)
        assert {answer.outcome for answer in asking.answers()} == {Outcome.OK, Outcome.NOTFOUND}
    kept = cache.get("ent/proj/abc")
    assert kept is not None
    run = run_said(kept.answer)
    assert run is not None
    assert run.rows == validated
    assert (run.facts["backbone"], run.summary, run.whole, kept.final) == ("resnet50", {"val/acc": 0.2}, True, True)
    assert "hush" not in repr(kept)
    assert KEY not in repr(kept)
    assert server.keys == {KEY}
    assert list(tmp_path.iterdir()) == [], "nothing is written into the home"
