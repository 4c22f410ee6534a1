"""The interface inside `serve`: a real daemon, a real writer."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from ckpt_indexer.api.token import token_path
from tests.api.interface import Listener
from tests.journeys.harness import Daemon, eventually, program, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def url_of(daemon: Daemon) -> str:
    found = re.search(r"url=(http://\S+)$", daemon.serving)
    assert found is not None, daemon.serving
    return found[1]


def keys(daemon: Daemon) -> dict[str, str]:
    return {"authorization": f"Bearer {token_path(daemon.database).read_text().strip()}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "outputs"
    write_sidecar(write_checkpoint(path / "exp" / "epoch=1.ckpt"), hmean=0.5)
    return path


@pytest.fixture
def daemon(root: Path, tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(root, tmp_path / "catalog.db") as running:
        eventually(lambda: httpx.get(url_of(running) + "/readyz").status_code == 200, what="the daemon to be ready")
        yield running


def ended(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*program(database), "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=database.parent)


def test_a_daemon_that_is_ready_knows_every_checkpoint(daemon: Daemon) -> None:
    items = httpx.get(url_of(daemon) + "/api/v1/best").json()["items"]
    assert [(row["path"], row["value"]) for row in items] == [("exp/epoch=1.ckpt", 0.5)]


def test_a_new_checkpoint_is_heard_of_and_listed(daemon: Daemon, root: Path) -> None:
    with closing(Listener(url_of(daemon))) as listener:
        listener.wait("hello")
        write_sidecar(write_checkpoint(root / "exp" / "epoch=2.ckpt"), epoch=2, hmean=0.9)
        news = listener.wait("new_best", timeout_s=10)
        assert (news["path"], news["value"]) == ("exp/epoch=2.ckpt", 0.9)


def test_what_people_say_is_written_by_the_one_writer_and_journaled(daemon: Daemon) -> None:
    with httpx.Client(base_url=url_of(daemon), headers=keys(daemon)) as client:
        row_id = client.get("/api/v1/checkpoints").json()["items"][0]["id"]
        said = {"tags_add": ["keep", "paper"], "notes": "table 3", "pinned": True}
        row = client.post(f"/api/v1/checkpoints/{row_id}/annotations", json=said).json()
        assert (row["tags"], row["notes"], row["pinned"]) == (["keep", "paper"], "table 3", True)
        assert client.post(f"/api/v1/checkpoints/{row_id}/tags", json={"remove": ["keep"]}).json()["tags"] == ["paper"]
        assert client.post("/api/v1/checkpoints/999/pin", json={"pinned": True}).status_code == 404
    journal = daemon.database.with_name("catalog.db.annotations.jsonl").read_text()
    assert "table 3" in journal


def page_of(log: Path) -> str:
    """Return the address of the page that a daemon told in its log of JSON lines."""
    said = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    return str(next(event for event in said if event.startswith("the page is at "))).removeprefix("the page is at ")


@contextmanager
def served(root: Path, database: Path, *arguments: str) -> Iterator[tuple[str, Path]]:
    """Serve; give the address of the interface, and the file that holds what was said on stderr."""
    log = database.with_name("serve.log")
    with log.open("w") as stderr:
        command = [*program(database), "serve", str(root), "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        with process:
            assert process.stdout is not None
            yield process.stdout.readline().rstrip().rpartition("url=")[2], log
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_the_address_of_the_page_is_told_and_opens_it_for_changes(root: Path, tmp_path: Path) -> None:
    with served(root, tmp_path / "catalog.db") as (url, log), httpx.Client(follow_redirects=True) as browser:
        address = page_of(log)
        assert address.startswith(f"{url}/ui/?token=")
        opened = browser.get(address)
        assert (opened.status_code, str(opened.url)) == (200, f"{url}/ui/")
        found = browser.get(f"{url}/ui/data/rows?end=5").json()
        assert [row["hmean"] for row in found["rows"]] == [0.5]
        said = browser.post(
            f"{url}/api/v1/checkpoints/{found['rows'][0]['id']}/tags", json={"add": ["paper"]}, headers={"origin": url}
        )
        assert (said.status_code, said.json()["tags"]) == (200, ["paper"])
    assert "Traceback" not in log.read_text()


def test_without_the_page_its_address_says_why(root: Path, tmp_path: Path) -> None:
    with served(root, tmp_path / "catalog.db", "--no-ui") as (url, log):
        answer = httpx.get(f"{url}/ui/")
        assert answer.status_code == 404
        assert "--no-ui" in answer.json()["detail"]
        assert "the page is at" not in log.read_text()


def test_a_rescan_finds_its_root_by_name(daemon: Daemon) -> None:
    with httpx.Client(base_url=url_of(daemon), headers=keys(daemon)) as client:
        before = client.get("/api/v1/version").json()["as_of"]
        assert client.post("/api/v1/rescan", json={"root": "outputs"}).json()["roots"] == ["outputs"]
        eventually(lambda: client.get("/api/v1/stats").json()["as_of"] > before, what="a later scan")
        assert client.post("/api/v1/rescan", json={"root": "nobody"}).status_code == 404
        answer = client.post("/api/v1/sql", json={"sql": "SELECT count(*) FROM catalog"}).json()
        assert answer["rows"] == [[1]]


def test_sigterm_ends_it_soon_although_somebody_listens(daemon: Daemon) -> None:
    with closing(Listener(url_of(daemon))) as listener:
        listener.wait("hello")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5


def test_a_port_in_use_is_one_sentence_and_leaves_no_lock(root: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ended(tmp_path / "catalog.db", str(root), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 4
    assert "is in use by another program" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_other_machines_may_not_read_without_a_token(root: Path, tmp_path: Path, host: str) -> None:
    done = ended(tmp_path / "catalog.db", str(root), "--host", host, "--port", "0")
    assert done.returncode == 78
    assert "--auth all" in done.stderr


def test_with_auth_all_any_address_is_served_to_who_knows_the_token(root: Path, tmp_path: Path) -> None:
    command = [
        *program(tmp_path / "catalog.db"),
        "serve",
        str(root),
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--auth",
        "all",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process:
        assert process.stdout is not None
        port = process.stdout.readline().rstrip().rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/api/v1/version"
        token = token_path(tmp_path / "catalog.db").read_text().strip()
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"authorization": f"Bearer {token}"}).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_unix_socket_needs_no_token(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    command = [
        *program(tmp_path / "catalog.db"),
        "serve",
        str(root),
        "--port",
        "0",
        "--uds",
        str(path),
        "--auth",
        "all",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("serving ")
        assert path.stat().st_mode & 0o777 == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as client:
            answer = client.post("/api/v1/sql", json={"sql": "SELECT 1 AS one"})
            assert json.loads(answer.content)["rows"] == [[1]]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not path.exists()


def test_a_database_that_is_deleted_is_answered_from_again(daemon: Daemon) -> None:
    for suffix in ("", "-wal", "-shm"):
        daemon.database.with_name(daemon.database.name + suffix).unlink(missing_ok=True)
    with httpx.Client(base_url=url_of(daemon)) as client:
        assert client.get("/api/v1/best").status_code in (200, 503)

        def back() -> bool:
            answer = client.get("/api/v1/best")
            return answer.status_code == 200 and [row["value"] for row in answer.json()["items"]] == [0.5]

        eventually(back, timeout_s=20, what="the catalog to be built anew")
