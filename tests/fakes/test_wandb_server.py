"""The fake server answers as its vocabulary promises."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.fakes.wandb_server import WandbServer

RUN = "query Run($project: String!) { project { run { state config } } }"
HISTORY = "query RunSampledHistory($specs: [JSONString!]!) { project { run { sampledHistory(specs: $specs) } } }"


def ask(server: WandbServer, query: str, **variables: Any) -> Any:
    credentials = base64.b64encode(b"api:key").decode()
    request = urllib.request.Request(
        f"{server.url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Authorization": f"Basic {credentials}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def named(run_id: str) -> dict[str, str]:
    return {"entity": "ent", "project": "proj", "name": run_id}


def test_a_run_it_has_is_described_and_another_is_null() -> None:
    with WandbServer() as server:
        server.having("ent/proj/abc", config={"lr": 1}, rows=[{"_step": 0, "val/a": 1}], state="running")
        run = ask(server, RUN, **named("abc"))["data"]["project"]["run"]
        assert (run["state"], json.loads(run["config"])["lr"]["value"]) == ("running", 1)
        assert run["historyKeys"]["keys"]["val/a"]["typeCounts"][0]["count"] == 1
        assert ask(server, RUN, **named("other"))["data"]["project"]["run"] is None
        assert (server.asked, server.keys) == (["Run", "Run"], {"key"})


def test_sampled_rows_hold_every_key_asked_for_and_no_other() -> None:
    rows = [{"_step": 0, "a": 1}, {"_step": 1, "a": 2, "b": 3}, {"_step": 2, "a": 4, "b": 5}]
    with WandbServer() as server:
        server.having("ent/proj/abc", rows=rows)
        specs = [json.dumps({"keys": ["_step", "b"], "samples": 1})]
        run = ask(server, HISTORY, **named("abc"), specs=specs)["data"]["project"]["run"]
        assert run["sampledHistory"] == [[{"_step": 1, "b": 3}]]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_it_refuses_when_told_to(status: int) -> None:
    with WandbServer() as server:
        server.mode = str(status)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(server, RUN, **named("abc"))
        refused.value.close()
        assert refused.value.code == status


def test_garbage_is_no_json() -> None:
    with WandbServer() as server:
        server.mode = "garbage"
        with pytest.raises(json.JSONDecodeError):
            ask(server, RUN, **named("abc"))
