from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web.health import MOST, page
from ckpt_indexer.web.health import look as look_at
from ckpt_indexer.web.words import UNKNOWN
from tests.web.drawing import rows_of, tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_a_healthy_daemon(look: Look) -> None:
    drawing = look("health")
    assert "Everything works." in drawing.text
    assert "24\ncheckpoints present" in drawing.text
    assert ["outputs", "/data/outputs", "present", "manual", "2026-06-01 00:00"] in rows_of(drawing.html)
    assert ["sidecar", "24", "100.0 %"] in rows_of(drawing.html)
    assert ["backlog", "0"] in rows_of(drawing.html)
    assert "There are none." in drawing.text


def test_a_scan_can_be_asked_for(look: Look) -> None:
    asked = [one["data-full"] for _, one in tags_of(look("health").html) if one.get("data-do") == "rescan"]
    assert asked == ["false", "true"]


def test_problems_by_file_with_what_happened(of: Of) -> None:
    catalog = of(
        [{"path": "bad.ckpt", "problems": [{"kind": "truncated", "message": "ends early"}], "read_state": "degraded"}]
    )
    made = page({"status": "ok"}, look_at(catalog, ""), "")
    assert ["truncated", "ends early", "bad.ckpt", "outputs", "1", "2026-06-01 00:00", "2026-06-02 00:00"] in rows_of(
        made
    )
    assert "1" in [one.get("data-open") for _, one in tags_of(made)]


def test_the_latest_changes_are_listed_newest_first(look: Look) -> None:
    drawing = look("health")
    listed = [row for row in rows_of(drawing.html) if "written" in row]
    assert len(listed) == 24
    assert listed[0][:4] == ["2026-06-01 00:00:00", "written", "dbnet-r50/epoch=11.ckpt", UNKNOWN]
    assert "24" in [one.get("data-open") for _, one in tags_of(drawing.html)]


def test_what_is_wrong_is_said_first(of: Of) -> None:
    state = {"status": "degraded", "reasons": ["the watcher died", "a root is gone"], "busy": True}
    made = page(state, look_at(of([]), ""), "")
    assert text_of(made).startswith("the watcher died\na root is gone")
    assert ["busy", "yes"] in rows_of(made)


def test_problems_of_some_checkpoints_only(look: Look) -> None:
    assert look("health?q=epoch:3").status == 200
    assert "cannot be read now" in look("health?q=nosuch:1").text


def test_more_problems_than_anybody_reads_are_counted(of: Of) -> None:
    found = look_at(of([]), "")
    one = {
        "kind": "k", "message": "m", "path": "p", "root": "r", "count": 1, "first_seen": None, "last_seen": None,
        "checkpoint_id": None,
    }  # fmt: skip
    made = page({"status": "ok"}, found._replace(problems=[one] * (MOST + 7)), "")
    assert "and 7 more" in text_of(made)
    assert ["k", "m", "p", "r", "1", UNKNOWN, UNKNOWN] in rows_of(made)
