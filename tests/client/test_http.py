from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.api.encoding import RowBytes
from ckpt_indexer.api.kept import KeptAnswers
from ckpt_indexer.api.server import HttpServer, listen_on_path
from ckpt_indexer.app.faces import stamp_of
from ckpt_indexer.client import connect
from ckpt_indexer.client.http import HttpCatalog
from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import (
    CheckpointNotFound,
    DatabaseAbsent,
    DatabaseForeign,
    DatabaseFromFuture,
    DatabaseLocked,
    InvalidFilter,
    SettingsError,
    StoreError,
)
from tests.api.interface import TOKEN, interface
from tests.client.catalog_contract import CatalogContract, rows
from tests.client.catalog_database import CatalogFile, build
from tests.client.scripted_server import VERSION, Asked, ScriptedServer, answer, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.interface import Interface


@pytest.fixture(scope="module")
def shared(file: Path) -> Iterator[Interface]:
    """A server that is given another catalog for every test: starting one takes longer than asking it."""
    with interface(file) as found:
        yield found


class TestHttpCatalog(CatalogContract):
    @pytest.fixture
    def opened(self, shared: Interface) -> Iterator[Callable[[Path], HttpCatalog]]:
        with ExitStack() as stack:

            def opened(path: Path) -> HttpCatalog:
                desk, local = shared.face.desk, LocalCatalog(path)
                desk.catalog.close()
                desk.catalog, desk.kept, desk.rows = local, KeptAnswers(stamp_of(local)), RowBytes()
                return stack.enter_context(HttpCatalog(shared.url))

            yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("http") / "catalog.db", rows())


@pytest.fixture(scope="module")
def running(file: Path) -> Iterator[Interface]:
    with interface(file) as found:
        yield found


@pytest.fixture
def catalog(running: Interface) -> Iterator[HttpCatalog]:
    with HttpCatalog(running.url) as found:
        yield found


@pytest.mark.parametrize(
    "question",
    [
        lambda c: dict(c.stats()), lambda c: c.facets(), lambda c: c.facets(["format", "pinned"]),
        lambda c: list(c.disk()), lambda c: list(c.disk(["backbone", "experiment"])), lambda c: list(c.disk(["month"])),
        lambda c: list(c.experiments()),
        lambda c: list(c.problems()), lambda c: list(c.options("hmean-")), lambda c: list(c.curve("a", "val/iou")),
        lambda c: [dict(row) for row in c.best(k=3)], lambda c: [dict(row) for row in c.find("presence:any")],
        lambda c: c.get(8).details(), lambda c: dict(c.get("id:3")), lambda c: c.compare([1, 2, 3])["fields"],
        lambda c: repr(c.get(1)), lambda c: c.find().roots, lambda c: c.get(-1), lambda c: c.get(2**63),
        lambda c: [row["id"] for row in c.find(["exp:d d", "name:epoch=2.ckpt"])],
        lambda c: [row["id"] for row in c.find(["exp:d d"])], lambda c: [row["id"] for row in c.find([])],
        lambda c: [row["id"] for row in c.find(sort="hmean- epoch")], lambda c: list(c.changes_since(2**62)),
        lambda c: [row["id"] for row in c.changes_since(-5)], lambda c: c.find(""), lambda c: c.best(query="x" * 9000),
    ],
)  # fmt: skip
def test_a_daemon_answers_as_the_file_does(question: Callable[[Any], Any], catalog: HttpCatalog, file: Path) -> None:
    def told(one: Any) -> Any:
        try:
            found = question(one)
        except Exception as error:  # noqa: BLE001  # the two must fail alike
            return type(error)
        return (list(map(dict, found)), found.seq) if hasattr(found, "seq") else found

    with LocalCatalog(file) as local:
        assert told(catalog) == told(local)


def test_more_rows_than_one_answer_holds_are_fetched_in_turn(tmp_path: Path) -> None:
    made = [{"path": f"{number:04}.ckpt", "epoch": number} for number in range(2300)]
    with interface(build(tmp_path / "c.db", made)) as running, HttpCatalog(running.url) as catalog:
        assert [row["epoch"] for row in catalog.find()] == list(range(2300))
        page = catalog.find("epoch-", limit=1500)
        assert ([row["epoch"] for row in page], page.hidden) == (list(range(2299, 799, -1)), 0)
        assert [row["epoch"] for row in catalog.find("epoch-", limit=2, cursor=page.next)] == [799, 798]
        assert len(catalog.changes_since(0)) == 2300
        assert len(catalog.options("epoch<1200")) == 1200


def test_a_commit_is_seen_by_the_next_question(tmp_path: Path) -> None:
    file = CatalogFile(tmp_path / "c.db")
    file.add("a.ckpt", hmean=0.5)
    with closing(file), interface(tmp_path / "c.db") as running, HttpCatalog(running.url) as catalog:
        assert (catalog.version(), len(catalog.options())) == (1, 1)
        file.add("b.ckpt", hmean=0.7)
        assert (catalog.version(), len(catalog.options())) == (2, 2)
        assert catalog.best()[0]["value"] == 0.7


def said(asked: Asked) -> bytes:
    """Answer as a daemon with an empty catalog."""
    if asked.headers.get("if-none-match") == 'w/"cafe0123-1"':
        return b'HTTP/1.1 304 Same\r\netag: W/"cafe0123-1"\r\n\r\n'
    freshness = {key: VERSION[key] for key in ("catalog", "seq", "as_of", "roots")}
    if "/options" in asked.target:
        return answer(freshness | {"items": [{"value": 1}], "next": None})
    if "/version" in asked.target:
        return answer(VERSION, etag='W/"cafe0123-1"')
    return answer(freshness | {"items": [{"id": 1, "backbone": "vit"}], "next": None}, etag='W/"cafe0123-1"')


def test_an_unchanged_answer_is_not_sent_again_and_may_be_changed_by_who_got_it() -> None:
    with ScriptedServer(said) as server, HttpCatalog(server.url) as catalog:
        first, second = catalog.best(), catalog.best()
        assert [dict(row) for row in first] == [dict(row) for row in second]
        first[0]["metrics"]["mine"] = 1
        assert catalog.best()[0]["metrics"] == {}
        assert [one.headers.get("if-none-match") for one in server.asked[1:]] == [None] + ['w/"cafe0123-1"'] * 2
        assert server.connections == 1


def test_options_are_kept_as_long_as_the_catalog_is_as_it_was() -> None:
    with ScriptedServer(said) as server, HttpCatalog(server.url) as catalog:
        assert list(catalog.options()) == list(catalog.options()) == [{"value": 1}]
    assert sum("/options" in one.target for one in server.asked) == 1


def test_what_an_older_daemon_does_not_know_is_unknown() -> None:
    with ScriptedServer(said) as server, HttpCatalog(server.url) as catalog:
        row = catalog.best()[0]
        assert (row["backbone"], row["hmean"], row["metrics"], row["tags"]) == ("vit", None, {}, [])


def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    with ScriptedServer(said, per_connection=1) as server, HttpCatalog(server.url) as catalog:
        assert [catalog.version() for _ in range(3)] == [1, 1, 1]


def test_a_server_that_never_answers_is_asked_twice() -> None:
    fine = [True]
    with ScriptedServer(lambda asked: said(asked) if fine[0] else None) as server, HttpCatalog(server.url) as catalog:
        fine[0] = False
        before = len(server.asked)
        with pytest.raises(StoreError, match="closed the connection without an answer"):
            catalog.version()
        assert len(server.asked) == before + 2
        fine[0] = True
        assert catalog.version() == 1


def test_a_daemon_that_ended_is_told_of_and_found_again(file: Path) -> None:
    with interface(file) as first:
        catalog = HttpCatalog(first.url)
    with pytest.raises(DatabaseAbsent, match="nothing listens at http://127"):
        catalog.version()
    catalog.close()


def test_silence_has_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreError, match=r"no answer within 0\.05 s"):
            HttpCatalog(url, timeout_s=0.05)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", f"unix:{tmp_path}/none.sock"):
        with pytest.raises(DatabaseAbsent, match="start the daemon"):
            connect(url)


@pytest.mark.parametrize(
    "body",
    [
        answer(b"<html>Jupyter</html>", kind="text/html"), answer([1, 2]), answer({"status": "up"}),
        answer(b"not found", 404, kind="text/plain"), answer({"detail": "Not Found"}, 404),
        answer({}, 401), answer(b"", 302, location="/lab"), answer(b"{}", 500, kind="application/problem+json"),
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)  # fmt: skip
def test_another_server_is_told_apart(body: bytes) -> None:
    with ScriptedServer(lambda _: body) as server, pytest.raises(DatabaseForeign, match="no ckpt-indexer"):
        HttpCatalog(server.url)


@pytest.mark.parametrize("body", [answer(VERSION | {"api": "v2"}), problem(404, "not-found", "nothing is there")])
def test_a_daemon_that_no_longer_answers_this_interface_is_newer(body: bytes) -> None:
    with ScriptedServer(lambda _: body) as server, pytest.raises(DatabaseFromFuture, match="no longer answers"):
        HttpCatalog(server.url)


@pytest.mark.parametrize("body", [{"items": [{}]}, {"items": 3}, {}])
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(body: dict[str, Any]) -> None:
    def say(asked: Asked) -> bytes:
        return said(asked) if "/version" in asked.target else answer(body)

    with ScriptedServer(say) as server, HttpCatalog(server.url) as catalog:
        for ask in (catalog.find, catalog.problems):
            with pytest.raises(DatabaseForeign):
                ask() if body != {"items": [{}]} or ask == catalog.find else catalog.find()


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (problem(503, "unavailable", "locked", error="DatabaseLocked"), DatabaseLocked, "locked"),
        (problem(503, "busy", "too many"), StoreError, "too many"),
        (problem(500, "internal", "see 12ab"), StoreError, "12ab"),
        (problem(400, "query", "no field", error="Nonsense"), InvalidFilter, "no field"),
        (problem(414, "too-large", "an address is"), InvalidFilter, "an address"),
        (problem(404, "not-found", "no such"), CheckpointNotFound, "no such"),
    ],
)
def test_a_problem_is_the_error_it_tells_of(body: bytes, kind: type[Exception], words: str) -> None:
    def say(asked: Asked) -> bytes:
        return said(asked) if "/version" in asked.target else body

    with ScriptedServer(say) as server, HttpCatalog(server.url) as catalog:
        with pytest.raises(kind, match=words) as caught:
            catalog.best()
        assert type(caught.value) is kind
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


@pytest.fixture(scope="module")
def guarded(file: Path) -> Iterator[Interface]:
    with interface(file, guards_reads=True) as found:
        yield found


def test_a_token_opens_what_is_guarded(guarded: Interface) -> None:
    with HttpCatalog(guarded.url, token=TOKEN + "\n") as catalog:
        assert catalog.version() == 8
    with HttpCatalog(f"{guarded.url}/ui/?token={TOKEN}") as catalog:  # as `serve` prints it
        assert (catalog.version(), catalog.url) == (8, guarded.url)


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "wants its token"), ("wrong" * 8, "refuses this token"), (lambda: None, "wants its token"),
     (lambda: "wrong" * 8, "refuses this token")],
)  # fmt: skip
def test_a_wrong_token_is_said(token: Any, words: str, guarded: Interface) -> None:
    with pytest.raises(StoreError, match=words):
        HttpCatalog(guarded.url, token=token)


@pytest.mark.parametrize("token", ["a\nb", "\u00e4", " "])
def test_what_is_no_token_is_not_sent(token: str) -> None:
    with pytest.raises(SettingsError, match="no token"):
        HttpCatalog("http://127.0.0.1:1", token=token)


def found_token() -> str:
    return TOKEN


def test_a_token_is_looked_for_when_it_is_wanted(guarded: Interface, running: Interface) -> None:
    looked: list[int] = []

    def look() -> str:
        looked.append(1)
        return TOKEN

    with HttpCatalog(running.url, token=look) as catalog:
        assert (catalog.version(), looked) == (8, [])
    with HttpCatalog(guarded.url, token=look) as catalog:
        assert (catalog.version(), catalog.version(), looked) == (8, 8, [1])


def test_a_found_token_is_not_sent_elsewhere() -> None:
    with ScriptedServer(lambda _: problem(401, "unauthorized", "token")) as server:
        with pytest.raises(StoreError):
            HttpCatalog(f"http://127.0.0.1:{server.port}/prefix", token=lambda: None)
        assert "authorization" not in server.asked[0].headers
        assert server.asked[0].target == "/prefix/api/v1/version"


def test_a_catalog_travels_and_takes_no_found_token_along(guarded: Interface) -> None:
    with HttpCatalog(guarded.url, token=found_token, directions={"odd": "min"}) as catalog:
        text = pickle.dumps(catalog)
        assert TOKEN.encode() not in text
        with pickle.loads(text) as copy:
            assert copy.version() == catalog.version() == 8
            assert copy._directions == {"odd": "min"}
    with pytest.raises(StoreError, match="closed"):
        catalog.version()


def test_threads_share_a_catalog(catalog: HttpCatalog) -> None:
    seen: list[int] = []

    def ask() -> None:
        seen.extend(len(catalog.find(f"hmean>{number / 100}")) for number in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [6] * 80
    assert len(catalog._asking.channel._idle) <= 8


def test_a_forked_child_has_connections_of_its_own(catalog: HttpCatalog) -> None:
    assert catalog.version() == 8
    (kept,) = catalog._asking.channel._idle
    child = os.fork()
    if child == 0:
        os._exit(0 if catalog.version() == 8 and kept not in catalog._asking.channel._idle else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert catalog.version() == 8
    assert catalog._asking.channel._idle == [kept]


@pytest.mark.parametrize("folder", [".", "a" * 60 + "/" + "b" * 60])
def test_a_unix_socket_needs_no_token(
    folder: str, guarded: Interface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(place)
    listener = listen_on_path(type(tmp_path)("api.sock"))  # bound by its short name
    face, options = guarded.face, guarded.face.desk.options
    server = HttpServer(url="unix", listeners=[listener], build=lambda: face, options=options)
    server.start()
    try:
        for url in (f"unix:{place.resolve()}/api.sock", "unix:api.sock", f"unix://{place.resolve()}/api.sock"):
            with closing(connect(url)) as catalog:
                assert catalog.version() == 8
    finally:
        server._server.should_exit = True  # type: ignore[union-attr]  # started above; the face belongs to another
        server._thread.join(5)  # type: ignore[union-attr]  # started above
        listener.close()


def test_directions_decide_where_no_mode_is_asked_for(tmp_path: Path) -> None:
    made = [{"path": f"{n}.ckpt", "metrics": {"odd": float(n)}, "directions": {"odd": "max"}} for n in (1, 2)]
    with (
        interface(build(tmp_path / "c.db", made)) as running,
        HttpCatalog(running.url, directions={"odd": "min"}) as one,
    ):
        assert one.best("odd")[0]["value"] == 1.0
        assert one.best("odd", mode="max")[0]["value"] == 2.0


def test_a_closed_catalog_refuses_and_its_pages_stay_usable(running: Interface) -> None:
    catalog = HttpCatalog(running.url)
    page = catalog.find("exp:c")
    catalog.close()
    catalog.close()
    assert (page[0]["metrics"], page.hidden) == ({"hmean": 0.99}, 1)
    assert repr(catalog) == f"<HttpCatalog {running.url}>"
    with pytest.raises(StoreError, match="closed"):
        catalog.version()


def test_asking_a_daemon_takes_the_standard_library_only(running: Interface) -> None:
    program = (
        "import sys; from ckpt_indexer import connect; c = connect(sys.argv[1]); c.best(); c.find(); c.options();"
        "heavy = {'sqlalchemy', 'pydantic', 'httpx', 'requests', 'fastapi', 'orjson', 'sqlite3', 'yaml', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program, running.url], capture_output=True, text=True,
                          check=False, env={"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
