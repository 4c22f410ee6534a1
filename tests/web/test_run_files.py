from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from ckpt_indexer.catalog.query import parse
from ckpt_indexer.web.run_files import annotated, files
from ckpt_indexer.web.words import UNKNOWN
from tests.web.catalogs import HOSTILE
from tests.web.drawing import rows_of, tags_of, text_of


def row(number: int, **said: Any) -> dict[str, Any]:
    known = {
        "id": number, "name": f"{number}.ckpt", "epoch": number, "global_step": number * 10, "hmean": 0.5,
        "metrics": {}, "size_bytes": 1000, "saved_as": None, "tags": [], "notes": None, "pinned": False,
    }  # fmt: skip
    return known | said


def test_files_say_why_they_could_go_and_whether_there_are_others() -> None:
    made = files([row(0), row(1, saved_as="last")], "hmean", {0: "worse"}, more="The first 2 files.")
    assert rows_of(made)[1:] == [
        ["0.ckpt", "0", "0", "0.5000", "1 kB", UNKNOWN, "worse"], ["1.ckpt", "1", "10", "0.5000", "1 kB", "last", ""],
    ]  # fmt: skip
    assert "The first 2 files." in text_of(made)


def test_what_people_said_stands_beside_its_checkpoint() -> None:
    said = [row(0), row(1, tags=["good", "v1"]), row(2, notes="worse on receipts"), row(3, pinned=True, tags=["v1"])]
    made = annotated(said, "run")
    assert made is not None
    assert rows_of(made)[1:] == [
        ["1.ckpt", "1", "good, v1", "", ""],
        ["2.ckpt", "2", "", "worse on receipts", ""],
        ["3.ckpt", "3", "v1", "", "pinned"],
    ]  # fmt: skip


def test_nothing_said_is_nothing_shown() -> None:
    assert annotated([row(0), row(1)], "run") is None


def test_tags_lead_to_their_checkpoints_the_frequent_first() -> None:
    made = annotated([row(0, tags=["rare", "v 1"]), row(1, tags=["v 1"])], 'a "run"')
    assert made is not None
    links = [attributes for name, attributes in tags_of(made) if name == "a" and attributes.get("class") == "ckpt-tag"]
    queries = [parse(parse_qs(urlsplit(str(one["href"])).query)["q"][0]) for one in links]
    assert [[term.checks[0].low for term in query.terms] for query in queries] == [
        ['a "run"', "v 1"],
        ['a "run"', "rare"],
    ]
    assert "v 1 · 2" in text_of(made)


def test_what_people_said_is_inert() -> None:
    made = annotated([row(0, tags=[HOSTILE], notes=HOSTILE)], HOSTILE)
    assert made is not None
    assert "<img" not in made
    assert "\u202e" not in text_of(made)
