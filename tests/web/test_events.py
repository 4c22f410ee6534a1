from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web.events import changed_last, highest_id, latest, reason, table
from ckpt_indexer.web.tail import MOST, Event
from ckpt_indexer.web.words import UNKNOWN
from tests.web import catalogs
from tests.web.drawing import rows_of, tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]

AT = "2026-06-01T12:00:07Z"
ROW = {
    "id": 1, "seq": 5, "root": "outputs", "path": "a.ckpt", "presence": "present", "read_state": "ok", "problems": [],
    "conflicts": [], "alias_of": None, "duplicate_of": None, "saved_as": None, "mtime": "2026-05-01T00:00:00Z",
}  # fmt: skip


def test_the_rows_that_changed_last_come_first_whatever_their_presence(of: Of) -> None:
    catalog = of([{"path": f"{n}.ckpt", "presence": ("present", "missing")[n % 2]} for n in range(MOST + 5)])
    found = changed_last(catalog)
    assert [row["id"] for row in found] == list(range(MOST + 5, 5, -1))
    assert highest_id(catalog) == MOST + 5
    assert highest_id(of([])) == 0


def test_what_nobody_heard_is_told_by_the_rows() -> None:
    gone = ROW | {"id": 2, "seq": 9, "presence": "missing"}
    assert latest([], [gone, ROW]) == [
        Event(9, 9, None, "missing", 2, "outputs", "a.ckpt", "no file lies there any more"),
        Event(5, 5, "2026-05-01T00:00:00Z", "written", 1, "outputs", "a.ckpt", None),
    ]


def test_what_was_heard_is_not_told_twice() -> None:
    heard = [Event(5, 5, AT, "new", 1, "outputs", "a.ckpt"), Event(5, 5, AT, "new best", 1, "outputs", "a.ckpt", "0.9")]
    assert latest(heard, [ROW]) == heard[::-1]


def test_changes_that_belong_to_an_event_are_not_told_again_and_explain_it() -> None:
    heard = [Event(3, 5, AT, "new", 1, "outputs", "a.ckpt"), Event(4, 4, AT, "new", 2)]
    found = latest(heard, [ROW | {"saved_as": "last"}])
    assert [(one.what, one.id, one.why) for one in found] == [("new", 2, None), ("new", 1, "saved as last")]


def test_what_happened_unheard_in_between_is_in_its_place() -> None:
    heard = [Event(4, 4, AT, "new", 1), Event(8, 8, AT, "changed", 3)]
    assert [(one.what, one.id) for one in latest(heard, [ROW | {"id": 3, "seq": 8}, ROW | {"seq": 6}])] == [
        ("changed", 3), ("written", 1), ("new", 1),
    ]  # fmt: skip


def test_a_row_explains_only_its_last_event() -> None:
    row = ROW | {"read_state": "degraded", "problems": [{"kind": "truncated", "message": "ends early"}] * 3}
    heard = [Event(3, 3, AT, "missing", 1), Event(4, 4, AT, "changed", 1), Event(5, 5, AT, "there again", 1)]
    assert [one.why for one in latest(heard, [row])] == [
        "degraded, truncated: ends early (and 2 more)", None, "no file lies there any more",
    ]  # fmt: skip


def test_no_more_than_fifty_are_told() -> None:
    heard = [Event(n, n, AT, "new", n) for n in range(40)]
    found = latest(heard, [ROW | {"id": n, "seq": n} for n in range(100, 60, -1)])
    assert len(found) == MOST
    assert (found[0].id, found[-1].id) == (100, 30)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, None),
        ({"presence": "unreachable", "problems": [{"kind": "x", "message": "y"}]}, "its directory cannot be reached"),
        ({"read_state": "pending"}, "waits to be read"),
        ({"read_state": "unreadable", "problems": [{"kind": "x", "message": "y"}]}, "unreadable, x: y"),
        ({"conflicts": [{"field": "epoch"}, {"field": "epoch"}, {"field": "hmean"}]},
         "sources disagree on epoch, hmean"),
        ({"alias_of": 7}, "another name of #7"),
        ({"duplicate_of": 7}, "same content as #7"),
        ({"saved_as": "top_k"}, "saved as top_k"),
    ],
)  # fmt: skip
def test_a_row_says_why(facts: dict[str, Any], said: str | None) -> None:
    assert reason(ROW | facts) == said


def test_events_are_a_table_whose_files_open() -> None:
    made = table([Event(9, 9, AT, "new", 4, "outputs", "a/b.ckpt"), Event(8, 8, None, "many changes")])
    assert rows_of(made)[1:] == [
        ["2026-06-01 12:00:07", "new", "a/b.ckpt", UNKNOWN],
        [UNKNOWN, "many changes", UNKNOWN, UNKNOWN],
    ]
    (link,) = [one for name, one in tags_of(made) if name == "a"]
    assert (link["href"], link["data-open"]) == ("/ui/?id=4", "4")
    both = table([Event(9, 9, AT, "new", 4, root, "a.ckpt") for root in ("outputs", "archive")])
    assert [row[-1] for row in rows_of(both)] == ["root", "outputs", "archive"]
    assert text_of(table([])) == "Nothing happened yet."


def test_hostile_names_are_shown_as_text(of: Of) -> None:
    made = table(latest([], changed_last(of(catalogs.hostile()))))
    assert len(rows_of(made)) == 3
    assert [one for name, one in tags_of(made) if name in ("img", "script")] == []
    assert "\u202e" not in text_of(made)
