from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.api.control import Annotation
from ckpt_indexer.errors import DaemonError, DatabaseFull

if TYPE_CHECKING:
    from tests.api.interface import Interface


@pytest.mark.parametrize(
    ("address", "body", "said"),
    [
        ("tags", {"add": [" best ", "x"], "remove": ["old"]}, Annotation(("best", "x"), ("old",))),
        ("note", {"text": "fine"}, Annotation(notes="fine")),
        ("note", {"text": ""}, Annotation(notes="")),
        ("note", {"text": " \n"}, Annotation(notes="")),
        ("note", {"text": "x" * 20_000}, Annotation(notes="x" * 20_000)),
        ("tags", {"remove": ["a,b"]}, Annotation((), ("a,b",))),
        ("pin", {"pinned": False}, Annotation(pinned=False)),
        ("pin", {}, Annotation(pinned=True)),
        ("annotations", {"tags_add": ["a"], "pinned": True}, Annotation(("a",), pinned=True)),
    ],
)
def test_what_people_say_goes_to_the_writer_and_comes_back_as_the_row(
    http: Interface, address: str, body: object, said: Annotation
) -> None:
    answer = http.post(f"/api/v1/checkpoints/3/{address}", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == 3
    assert http.control.orders[-1] == ("annotate", 3, said)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("tags", {"add": [""]}),
        ("tags", {"add": ["a\nb"]}),
        ("tags", {"add": ["x" * 101]}),
        ("tags", {"add": ["x"] * 101}),
        ("tags", {"add": ["unknown"]}),
        ("tags", {"add": ["a,b"]}),
        ("tags", {"add": ["+x"]}),
        ("tags", {"add": ["a\u202eb"]}),
        ("annotations", {"tags_add": ["-x"]}),
        ("tags", {"add": "x"}),
        ("tags", {"plus": ["x"]}),
        ("note", {}),
        ("note", {"text": "a\0b"}),
        ("note", {"text": "x" * 20_001}),
        ("pin", {"pinned": "yes"}),
        ("pin", {"pinned": 1}),
        ("pin", []),
    ],
)
def test_a_body_that_does_not_fit_is_refused(http: Interface, address: str, body: object) -> None:
    before = len(http.control.orders)
    answer = http.post(f"/api/v1/checkpoints/3/{address}", body)
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert len(http.control.orders) == before


@pytest.mark.parametrize("row_id", ["5000", str(2**63), "9" * 40])
def test_nobody_annotates_what_is_not_there(http: Interface, row_id: str) -> None:
    assert http.post(f"/api/v1/checkpoints/{row_id}/pin", {"pinned": True}).status_code == 404


def test_a_rescan_is_accepted(http: Interface) -> None:
    answer = http.post("/api/v1/rescan", {"root": "outputs", "full": True})
    assert (answer.status_code, answer.json()) == (202, {"accepted": True, "roots": ["outputs"]})
    assert http.control.orders[-1] == ("rescan", "outputs", True)
    assert http.post("/api/v1/rescan", {"root": "nobody"}).status_code == 404


@pytest.mark.parametrize("error", [DaemonError("the writer sleeps"), DatabaseFull("no room", path="/secret/c.db")])
def test_a_writer_that_cannot_write_is_503_and_retried(http: Interface, error: DaemonError) -> None:
    http.control.error = error
    try:
        answer = http.post("/api/v1/checkpoints/3/pin", {"pinned": True})
    finally:
        http.control.error = None
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "/secret" not in answer.text


def test_sql_gives_columns_and_rows(http: Interface) -> None:
    answer = http.post(
        "/api/v1/sql", {"sql": "SELECT backbone, count(*) AS n, x'00ff' FROM checkpoints GROUP BY 1"}
    ).json()
    assert answer["columns"] == ["backbone", "n", "x'00ff'"]
    assert answer["rows"] == [["resnet18", 12, {"base64": "AP8="}], ["resnet50", 12, {"base64": "AP8="}]]
    assert answer["truncated"] is False


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM checkpoints",
        "ATTACH 'x.db' AS x",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "SELECT writefile('x', 'y')",
        "SELECT hex(zeroblob(50000000))",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "nonsense",
        "SELECT printf('%.*c', 900000000, 'x')",
    ],
)
def test_hostile_sql_is_refused(http: Interface, statement: str) -> None:
    answer = http.post("/api/v1/sql", {"sql": statement})
    assert answer.status_code in (400, 408)
    assert answer.json()["type"] == "urn:ckpt-indexer:problem:sql"
