from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import yaml

from ckpt_indexer.compat import (
    CheckpointCatalogBuilder,
    WandbClient,
    build_catalog,
    extract_run_id_from_checkpoint,
    get_wandb_client,
)
from ckpt_indexer.sources.wandb.run import RunSaid
from tests.compat.catalog_files import configured, described, metadata, place, saved
from tests.fakes.wandb_server import WandbServer

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789" * 4
CONFIG = {"model": {"architecture": "dbnet", "encoder": {"model_name": "resnet34"}}, "trainer": {"max_epochs": 20}}
ROWS = [
    {"_step": 0, "epoch": 4, "trainer/global_step": 399, "val/hmean": 0.7, "val/precision": 0.6, "val/recall": 0.8},
    {"_step": 1, "epoch": 5, "trainer/global_step": 499, "val/hmean": 0.0, "val/precision": 0.5, "val/recall": 0.9},
    {"_step": 2, "epoch": 6, "trainer/global_step": 599, "val/hmean": 0.9, "val/precision": 0.9, "val/recall": 0.9},
]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)


class FakeRun:
    def __init__(self, config: dict[str, Any], summary: dict[str, Any]) -> None:
        self.config = config
        self.summary = summary


class FakeApi:
    """Speaks like the package's client, in this process."""

    def __init__(self, **summary: Any) -> None:
        self.asked: list[str] = []
        self.found = FakeRun({**CONFIG, "_wandb_internal": "hidden"}, summary)

    def run(self, path: str) -> FakeRun:
        self.asked.append(path)
        if path.endswith("gone"):
            raise ValueError("Could not find run")
        return self.found


def with_api(api: Any) -> WandbClient:
    client = WandbClient()
    client._is_available = True
    client._api = api
    return client


def test_without_a_key_nobody_is_asked() -> None:
    client = WandbClient()
    assert (client._is_available, client.is_available, client.api) == (False, False, None)
    assert client.get_run_config("test/project/run_id") is None
    assert client.get_run_summary("test/project/run_id") is None
    assert client.get_metadata_from_wandb("test/project/run_id", "best.ckpt") is None


@pytest.mark.usefixtures("key")
def test_with_a_key_and_the_package_it_is_available() -> None:
    assert WandbClient()._is_available


def test_one_client_is_shared() -> None:
    assert get_wandb_client() is get_wandb_client()


def test_a_configuration_comes_without_the_packages_own_keys() -> None:
    assert with_api(FakeApi()).get_run_config("test/project/run_id") == CONFIG


def test_a_summary_comes_as_it_is() -> None:
    last = {"val/hmean": 0.85, "epoch": 10}
    assert with_api(FakeApi(**last)).get_run_summary("test/project/run_id") == last


def test_answers_are_kept_and_failures_are_not() -> None:
    client = with_api(api := FakeApi(epoch=1))
    for _ in range(2):
        client.get_run_config("e/p/a")
        assert client.get_run_config("e/p/gone") is None
    assert api.asked == ["e/p/a", "e/p/gone", "e/p/gone"]
    client.clear_cache()
    client.get_run_config("e/p/a")
    assert api.asked[-1] == "e/p/a"


def test_kept_answers_are_bounded() -> None:
    client = with_api(api := FakeApi())
    client._size = 2
    for run in ("a", "b", "c", "a"):
        client.get_run_summary(run)
    assert api.asked == ["a", "b", "c", "a"]


def test_last_values_count_where_their_step_fits(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "a.ckpt", epoch=5, global_step=500)
    last = {"epoch": 5, "trainer/global_step": 499, "val/hmean": 0.0, "val/precision": 0.5}
    found = with_api(FakeApi(**last)).get_metadata_from_wandb("e/p/a", checkpoint)
    assert found is not None
    assert (found.metrics.hmean, found.metrics.precision, found.training.epoch) == (0.0, 0.5, 5)
    assert (found.wandb_run_id, found.model.encoder.model_name) == ("e/p/a", "resnet34")
    other = with_api(FakeApi(**last)).get_metadata_from_wandb("e/p/a", saved(tmp_path / "b.ckpt", global_step=400))
    assert other is not None
    assert other.metrics.hmean is None


def test_a_run_that_says_too_little_is_none(tmp_path: Path) -> None:
    assert with_api(FakeApi()).get_metadata_from_wandb("e/p/a", tmp_path / "best.ckpt") is None
    assert with_api(FakeApi()).get_metadata_from_wandb("e/p/gone", tmp_path / "best.ckpt") is None


class FakeChild:
    """Answers as the child process does."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.closed = False

    def ask(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        return self.answer

    def close(self) -> None:
        self.closed = True


def answered(**run: Any) -> dict[str, Any]:
    return {"outcome": "ok", "run": RunSaid("a", rows=[dict(row) for row in ROWS], **run).to_json()}


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("answer", "after_a_minute", "after_an_hour"),
    [
        (answered(state="finished"), 1, 1),
        (answered(state="running"), 1, 2),
        ({"outcome": "notfound", "reason": "x"}, 1, 1),
    ],
)
def test_a_run_that_goes_on_is_asked_for_again(
    tmp_path: Path, answer: dict[str, Any], after_a_minute: int, after_an_hour: int
) -> None:
    now = [0.0]
    client = WandbClient(monotonic=lambda: now[0])
    client._child = child = FakeChild(answer)  # type: ignore[assignment]  # all that is used of one
    checkpoint = saved(tmp_path / "a.ckpt")
    for seconds, times in ((0.0, 1), (60.0, after_a_minute), (3600.0, after_an_hour)):
        now[0] = seconds
        client.get_metadata_from_wandb("e/p/a", checkpoint)
        assert len(child.asked) == times


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("answer", [{}, {"outcome": "ok"}, {"outcome": "?"}, {"outcome": "unreachable", "reason": "x"}])
def test_a_child_that_answers_nonsense_is_ended(tmp_path: Path, answer: dict[str, Any]) -> None:
    client = WandbClient()
    client._child = child = FakeChild(answer)  # type: ignore[assignment]  # all that is used of one
    assert client.get_metadata_from_wandb("e/p/a", tmp_path / "a.ckpt") is None
    assert (child.closed, client.is_reachable) == (True, False)


@pytest.mark.usefixtures("key")
def test_a_bare_id_without_a_project_is_not_sent(tmp_path: Path) -> None:
    client = WandbClient(command=("/nonexistent/python",))
    assert client.get_metadata_from_wandb("abc123", tmp_path / "best.ckpt") is None
    assert client.is_reachable


@pytest.mark.usefixtures("key")
def test_after_a_failure_the_server_is_left_alone(tmp_path: Path) -> None:
    now = [0.0]
    client = WandbClient(command=("/nonexistent/python",), monotonic=lambda: now[0])
    assert client.get_metadata_from_wandb("e/p/a", tmp_path / "best.ckpt") is None
    assert (client.is_reachable, client._breaker.failures) == (False, 1)
    client.get_metadata_from_wandb("e/p/a", tmp_path / "best.ckpt")
    assert client._breaker.failures == 1
    now[0] = 60.0
    client.get_metadata_from_wandb("e/p/a", tmp_path / "best.ckpt")
    assert client._breaker.failures == 2
    client.clear_cache()
    assert client.is_reachable


def test_metadata_is_that_of_the_checkpoints_own_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = saved(tmp_path / "a.ckpt", epoch=5, global_step=500)
    with WandbServer() as server:
        server.having("ent/proj/abc", config=CONFIG, summary={"val/hmean": 0.9, "epoch": 6}, rows=ROWS)
        for name, value in (("WANDB_API_KEY", KEY), ("WANDB_BASE_URL", server.url), ("WANDB_PROJECT", "proj")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WANDB_ENTITY", "ent")
        client = WandbClient()
        first = client.get_metadata_from_wandb("abc", checkpoint)
        asked = len(server.asked)
        second = client.get_metadata_from_wandb("ent/proj/abc", saved(tmp_path / "b.ckpt", epoch=6, global_step=600))
        client.close()
        assert len(server.asked) == asked
    assert first is not None
    assert (first.metrics.hmean, first.metrics.precision, first.metrics.recall) == (0.0, 0.5, 0.9)
    assert (first.training.epoch, first.training.global_step, first.wandb_run_id) == (5, 500, "abc")
    assert (first.model.architecture, first.model.encoder.model_name) == ("dbnet", "resnet34")
    assert second is not None
    assert second.metrics.hmean == 0.9


def test_the_step_of_an_unreadable_file_is_that_of_its_epoch(tmp_path: Path) -> None:
    (tmp_path / "epoch=5.ckpt").touch()
    last = {"epoch": 5, "trainer/global_step": 499, "val/hmean": 0.4}
    found = with_api(FakeApi(**last)).get_metadata_from_wandb("e/p/a", tmp_path / "epoch=5.ckpt")
    assert found is not None
    assert (found.training.global_step, found.metrics.hmean) == (500, 0.4)


def test_a_run_id_comes_from_the_document(tmp_path: Path) -> None:
    path = tmp_path / "test.metadata.yaml"
    path.write_text(yaml.safe_dump({"wandb_run_id": "test/project/abc123"}), encoding="utf-8")
    assert extract_run_id_from_checkpoint(tmp_path / "test.ckpt") == "test/project/abc123"
    path.rename(tmp_path / "test.metadata.json")
    (tmp_path / "test.metadata.json").write_text(json.dumps({"wandb_run_id": "xyz"}), encoding="utf-8")
    assert extract_run_id_from_checkpoint(str(tmp_path / "test.ckpt")) == "xyz"


def test_a_run_id_comes_from_the_configuration(outputs: Path) -> None:
    configured(outputs, logger={"wandb": {"id": "xyz789"}})
    assert extract_run_id_from_checkpoint(place(outputs, "test.ckpt")) == "xyz789"


@pytest.mark.parametrize("logger", [{"wandb": True}, {"wandb": {"id": None}}, "wandb", {"wandb": {"id": "a b\n"}}])
def test_no_run_id_is_none(outputs: Path, logger: Any) -> None:
    configured(outputs, logger=logger)
    assert extract_run_id_from_checkpoint(place(outputs, "test.ckpt")) is None
    assert extract_run_id_from_checkpoint("/nonexistent/outputs/checkpoints/epoch=10.ckpt") is None


@pytest.mark.parametrize("named", ["", 7, None, "a/b/c/d/e"])
def test_what_names_no_run_is_passed_over(outputs: Path, named: Any) -> None:
    configured(outputs, logger={"wandb": {"id": "xyz789"}})
    checkpoint = place(outputs, "test.ckpt")
    checkpoint.with_suffix(".metadata.yaml").write_text(yaml.safe_dump({"wandb_run_id": named}), encoding="utf-8")
    assert extract_run_id_from_checkpoint(checkpoint) == "xyz789"


def test_a_catalog_asks_where_something_is_missing(outputs: Path) -> None:
    configured(outputs, logger={"wandb": {"id": "abc123"}})
    described(place(outputs, "epoch=4.ckpt"), epoch=4)
    place(outputs, "epoch=5.ckpt").touch()
    client = Mock()
    client.get_metadata_from_wandb.return_value = metadata(epoch=7, hmean=0.87, precision=0.9, recall=0.84)
    builder = CheckpointCatalogBuilder(outputs, use_cache=False, use_wandb_fallback=True)
    builder.wandb_client = client
    catalog = builder.build_catalog()
    assert (catalog.total_count, catalog.metadata_available_count) == (2, 2)
    first, second = catalog.entries
    assert (first.hmean, second.hmean, second.epochs, second.has_metadata) == (0.85, 0.87, 5, True)
    client.get_metadata_from_wandb.assert_called_once_with("abc123", place(outputs, "epoch=5.ckpt"))


def test_a_catalog_that_is_told_not_to_ask_does_not(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    configured(outputs, logger={"wandb": {"id": "e/p/abc123"}})
    place(outputs, "epoch=5.ckpt").touch()
    builder = CheckpointCatalogBuilder(outputs, use_wandb_fallback=False)
    assert builder.wandb_client is None
    assert builder.build_catalog().entries[0].has_metadata is False


@pytest.mark.usefixtures("key")
def test_a_catalog_does_not_keep_what_a_failing_server_left_open(outputs: Path) -> None:
    configured(outputs, logger={"wandb": {"id": "e/p/abc123"}})
    saved(place(outputs, "epoch=5.ckpt"))
    builder = CheckpointCatalogBuilder(outputs)
    builder.wandb_client = WandbClient(command=("/nonexistent/python",))
    catalog = builder.build_catalog()
    assert [entry.hmean for entry in catalog.entries] == [None]
    builder.wandb_client = Mock()
    builder.wandb_client.get_metadata_from_wandb.return_value = metadata(hmean=0.3)
    assert [entry.hmean for entry in builder.build_catalog().entries] == [0.3]


def test_local_runs_need_no_client(outputs: Path) -> None:
    run = outputs / "test_exp" / "wandb" / "run-20251018_143215-abc123" / "files"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump({key: {"value": value} for key, value in CONFIG.items()}))
    (run / "wandb-summary.json").write_text(json.dumps({"val/hmean": 0.9}), encoding="utf-8")
    saved(place(outputs, "epoch=5.ckpt"))
    (entry,) = build_catalog(outputs, use_wandb_fallback=False).entries
    assert entry.backbone == "resnet34"
