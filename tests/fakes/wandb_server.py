"""A local server that speaks the questions the W&B client asks, and misbehaves when told to.

    with WandbServer() as server:
        server.having("ent/proj/abc", config={"lr": 1e-3}, rows=[{"_step": 0, "epoch": 0, "val/acc": 0.5}])
        server.mode = "hang"

`server.asked` lists the operations in order, `server.keys` the API keys seen.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_STATUS = {"401": 401, "403": 403, "429": 429, "500": 500}
_HUGE = 64 << 20


class WandbServer:
    """Listens on a free port of the loopback interface from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self.mode = "ok"
        """ok | 401 | 403 | 429 | 500 | hang | garbage | empty | huge."""
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.entity = "ent"
        self.runs: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def having(
        self,
        path: str,
        *,
        config: dict[str, Any] | None = None,
        summary: dict[str, Any] | None = None,
        rows: list[dict[str, Any]] | None = None,
        state: str = "finished",
    ) -> Self:
        entity, project, run_id = path.split("/")
        self.runs[entity, project, run_id] = {
            "config": config or {},
            "summary": summary or {},
            "rows": rows or [],
            "state": state,
        }
        return self

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        operation = re.search(r"(?:query|mutation)\s+(\w+)", query)
        self.asked.append(operation[1] if operation else "?")
        if "sampledHistory" in query:
            run = self._run(variables)
            specs = [json.loads(spec) for spec in variables["specs"]]
            sampled = None if run is None else [_sampled(run["rows"], spec) for spec in specs]
            return {"project": {"run": {"sampledHistory": sampled}}}
        if "viewer" in query:
            viewer = {"id": "v", "entity": self.entity, "username": "user", "email": "user@example.org", "flags": "{}"}
            return {"viewer": {**viewer, "teams": {"edges": []}}}
        return {"project": {"run": self._described(variables)}}

    def _run(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        return self.runs.get((variables["entity"], variables["project"], variables["name"]))

    def _described(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        run = self._run(variables)
        if run is None:
            return None
        counts: dict[str, int] = {}
        for row in run["rows"]:
            for key in row:
                counts[key] = counts.get(key, 0) + 1
        keys = {key: {"typeCounts": [{"type": "number", "count": count}]} for key, count in counts.items()}
        wrapped = {key: {"desc": None, "value": value} for key, value in run["config"].items()}
        return {
            "projectId": "7", "id": "UnVuOnYx", "tags": [], "name": variables["name"], "displayName": "a name",
            "sweepName": None, "state": run["state"], "group": None, "jobType": None, "commit": "deadbeefcafe",
            "config": json.dumps({**wrapped, "_wandb": {"value": {}}}), "readOnly": False, "description": None,
            "createdAt": "2025-10-18T12:00:00", "heartbeatAt": "2025-10-18T13:00:00", "notes": None,
            "systemMetrics": "{}", "summaryMetrics": json.dumps(run["summary"]), "historyLineCount": len(run["rows"]),
            "user": {"name": "user", "username": "user"},
            "historyKeys": {"lastStep": len(run["rows"]) - 1, "keys": keys},
        }  # fmt: skip


def _sampled(rows: list[dict[str, Any]], spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that hold every key asked for, with these keys only, as the server does."""
    wanted = [{key: row[key] for key in spec["keys"]} for row in rows if all(key in row for key in spec["keys"])]
    return wanted[: spec["samples"]]


def _handler(fake: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            _, _, given = self.headers.get("Authorization", "").partition(" ")
            fake.keys.add(base64.b64decode(given).decode().partition(":")[2])
            if fake.mode == "hang":
                fake.released.wait(60)
                self.close_connection = True
                return
            if fake.mode in _STATUS:
                self._reply(_STATUS[fake.mode], b'{"errors": [{"message": "no"}]}')
            elif fake.mode == "garbage":
                self._reply(200, b"<html>a proxy's login page</html>")
            else:
                question = json.loads(body)
                self._reply(200, self._body(question["query"], question.get("variables") or {}))

        def _body(self, query: str, variables: dict[str, Any]) -> bytes:
            data = fake.answer(query, variables)
            if fake.mode == "empty" and "viewer" not in query:
                data = {}
            if fake.mode == "huge" and "sampledHistory" in query:
                data = {"project": {"run": {"sampledHistory": [[{"_step": 0, "val/acc": "x" * _HUGE}]]}}}
            return json.dumps({"data": data}).encode()

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
