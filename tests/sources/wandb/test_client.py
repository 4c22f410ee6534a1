"""The child that imports `wandb`, against a local server in each of its moods."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import SourceUnavailable
from ckpt_indexer.sources.wandb.client import outcome_of
from ckpt_indexer.sources.wandb.process import WandbProcess
from tests.fakes.wandb_server import WandbServer

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789" * 4


def ask(server: WandbServer, home: Path, *, key: str | None = KEY) -> Any:
    environ = {"PATH": os.defpath, "HOME": str(home)} | ({} if key is None else {"WANDB_API_KEY": key})
    child = WandbProcess.start({"base_url": server.url, "timeout_s": 1.0}, environ)
    try:
        child.wait_until_ready()
        return child.ask("ent/proj/abc")
    finally:
        child.close()


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("ok", "ok"),
        pytest.param("empty", "notfound", marks=pytest.mark.prove),
        ("401", "unauthorised"),
        pytest.param("403", "unauthorised", marks=pytest.mark.prove),
        ("429", "unreachable"),
        pytest.param("500", "unreachable", marks=pytest.mark.prove),
        pytest.param("hang", "unreachable", marks=pytest.mark.prove),
        pytest.param("garbage", "unreachable", marks=pytest.mark.prove),
    ],
)
def test_each_mood_of_the_server_has_its_outcome(tmp_path: Path, mode: str, outcome: str) -> None:
    with WandbServer() as server:
        server.having("ent/proj/abc").mode = mode
        answer = ask(server, tmp_path)
    assert answer["outcome"] == outcome
    assert KEY not in repr(answer)


def test_no_key_is_unauthorised_and_nothing_is_sent(tmp_path: Path) -> None:
    with WandbServer() as server:
        answer = ask(server, tmp_path, key=None)
        assert (answer["outcome"], server.asked) == ("unauthorised", [])


@pytest.mark.prove
def test_a_key_in_the_netrc_file_is_used(tmp_path: Path) -> None:
    with WandbServer() as server:
        server.having("ent/proj/abc")
        (tmp_path / ".netrc").write_text(f"machine {server.url[7:]}\n  login user\n  password {KEY}\n")
        (tmp_path / ".netrc").chmod(0o600)
        assert ask(server, tmp_path, key=None)["outcome"] == "ok"
        assert server.keys == {KEY}


@pytest.mark.prove
def test_a_dead_port_is_unreachable(tmp_path: Path) -> None:
    server = WandbServer()
    server._server.server_close()
    assert ask(server, tmp_path)["outcome"] == "unreachable"


@pytest.mark.prove
def test_a_huge_answer_is_given_up(tmp_path: Path) -> None:
    with WandbServer() as server:
        server.having("ent/proj/abc", rows=[{"_step": 0, "val/acc": 0.5}]).mode = "huge"
        try:
            answer = ask(server, tmp_path)
        except SourceUnavailable:
            return
    assert answer["outcome"] == "unreachable" or answer["run"]["rows"] == []


@pytest.mark.prove
def test_keys_logged_at_different_steps_are_all_found(tmp_path: Path) -> None:
    often = [{"_step": n, "trainer/global_step": n * 10 + 9, "val/loss": 1.0 * n} for n in range(4)]
    rarely = [{"_step": 9, "trainer/global_step": 39, "epoch": 3, "val/map": 0.5, "bad/val": "NaN"}]
    with WandbServer() as server:
        server.having("ent/proj/abc", rows=[*often, *rarely], state="running")
        run = ask(server, tmp_path)["run"]
    assert [row for row in run["rows"] if "val/loss" in row] == often
    assert any(row.get("val/map") == 0.5 for row in run["rows"])
    assert run["state"] == "running"


class Refused(Exception):
    def __init__(self, status: int | None) -> None:
        super().__init__("refused")
        self.response = type("Response", (), {"http_status": status})()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, "unauthorised"), (403, "unauthorised"), (404, "notfound"), (429, "unreachable"), (None, "unreachable")],
)
def test_the_innermost_error_knows_the_status(status: int | None, outcome: str) -> None:
    outer = ValueError("Failed to verify credentials")
    outer.__cause__ = Refused(status)
    assert outcome_of(outer) == outcome
