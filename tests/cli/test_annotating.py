"""`tag`, `note`, `pin`, `unpin` against the fake application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import AlreadyRunning
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.tools.annotate import Said
from ckpt_indexer.tools.plan import Outcome, Step

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication


@pytest.fixture(autouse=True)
def _rows(app: FakeApplication) -> None:
    app.catalog.having("a.ckpt", tags=["old", "doc"], document_tags=["doc"]).having("b.ckpt", notes="two\nlines")


def edits(app: FakeApplication) -> list[tuple[tuple[int, ...], Edit]]:
    return [(call[2], call[3]) for call in app.calls if call[0] == "annotate"]


def test_signs_add_and_take_away(run: Run, app: FakeApplication) -> None:
    done = run("tag", "1", "+good", "-old", "+table 2", "--add", "x")
    assert edits(app) == [((1,), Edit(("good", "table 2", "x"), ("old",)))]
    assert done.code == 0
    assert done.out == "a.ckpt (id 1)\n  tags  doc, good, table 2, x\n"


@pytest.mark.parametrize("word", ["-old", "^old", "-vip", "-hot"])
def test_a_tag_to_take_away_is_no_option(word: str, run: Run, app: FakeApplication) -> None:
    run("tag", "1", word)
    assert edits(app) == [((1,), Edit((), (word[1:],)))]


@pytest.mark.parametrize("words", [("--list",), ()])
def test_without_a_change_the_tags_are_shown(words: tuple[str, ...], run: Run, app: FakeApplication) -> None:
    done = run("tag", "1", *words, "--json")
    assert edits(app) == []
    assert json.loads(done.out) == {
        "id": 1, "root": "outputs", "path": "a.ckpt", "tags": ["old", "doc"], "notes": None, "pinned": False, "seq": 1,
    }  # fmt: skip


def test_a_tag_of_the_document_stays_and_that_is_said(run: Run) -> None:
    done = run("tag", "1", "-doc")
    assert done.code == 1
    assert "still there, because the document beside the checkpoint says so: doc" in done.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [(("good",), "write +TAG"), (("+a", "-a"), "added and taken away"), (("--list", "+a"), "--list"),
     (("--dry-run", "+a"), "--to-sidecar"), (("+a,b",), "comma"), (("+",), "says nothing"), (("+a\x1b",), "control"),
     (("-json",), "did you mean '--json'")],
)  # fmt: skip
def test_what_is_no_tag_is_2_and_changes_nothing(
    words: tuple[str, ...], hint: str, run: Run, app: FakeApplication
) -> None:
    done = run("tag", "1", *words)
    assert (done.code, done.out, edits(app)) == (2, "", [])
    assert hint in done.err
    assert "\x1b" not in done.err


def test_a_busy_catalog_is_4(run: Run, app: FakeApplication) -> None:
    app.failing(AlreadyRunning("process 7 already keeps the catalog", pid=7))
    assert run("pin", "1").code == 4


def test_an_unknown_checkpoint_is_1(run: Run, app: FakeApplication) -> None:
    assert run("tag", "77", "+a").code == 1
    assert edits(app) == []


def test_tags_go_into_the_document_on_request(run: Run, app: FakeApplication) -> None:
    app.plan.steps = [Step(b"/o/a.ckpt", Outcome.WRITE, target=b"/o/a.metadata.yaml", backup=b"/o/a.metadata.yaml.bak")]
    done = run("tag", "1", "+good", "-doc", "--to-sidecar")
    assert done.code == 0
    assert app.calls[-1][2:] == (1, Said(("old", "good"), None), False)
    assert done.out == ("write  /o/a.metadata.yaml\n    tags: old, good\nkept   /o/a.metadata.yaml.bak\n")


def test_a_dry_run_changes_nothing(run: Run, app: FakeApplication) -> None:
    app.plan.steps = [Step(b"/o/a.ckpt", Outcome.WRITE, target=b"/o/a.metadata.yaml")]
    done = run("tag", "1", "+good", "--to-sidecar", "--dry-run")
    assert edits(app) == []
    assert app.calls[-1][2:] == (1, Said(("old", "doc", "good"), None), True)
    assert done.out.startswith("would write  /o/a.metadata.yaml\n")


def test_a_document_that_was_not_written_is_1(run: Run, app: FakeApplication) -> None:
    app.plan.steps = [Step(b"/o/a.ckpt", Outcome.SKIP, "older", "it is of version 1.0")]
    done = run("tag", "1", "+good", "--to-sidecar")
    assert done.code == 1
    assert "skip  /o/a.ckpt: it is of version 1.0" in done.out
    told = json.loads(run("tag", "1", "--to-sidecar", "--json").out)
    assert told["documents"][0]["reason"] == "older"


def test_a_note_is_written_shown_and_cleared(run: Run, app: FakeApplication) -> None:
    assert run("note", "2").out == "b.ckpt (id 2)\n  notes  two\\nlines\n"
    assert "notes  new words" in run("note", "2", "new words").out
    assert run("note", "2", "--clear").out == "b.ckpt (id 2)\n  nothing is said\n"
    assert edits(app) == [((2,), Edit(notes="new words")), ((2,), Edit(notes=""))]


@pytest.mark.parametrize("words", [("x", "--clear"), ("",), ("a\udcff",), ("--dry-run",)])
def test_what_is_no_note_is_2(words: tuple[str, ...], run: Run, app: FakeApplication) -> None:
    assert run("note", "2", *words).code == 2
    assert edits(app) == []


def test_a_cleared_note_leaves_the_document_on_request(run: Run, app: FakeApplication) -> None:
    app.plan.steps = [Step(b"/o/b.ckpt", Outcome.WRITE, target=b"/o/b.metadata.yaml")]
    run("note", "2", "--clear", "--to-sidecar")
    assert app.calls[-1][3] == Said(None, "")


def test_pins_are_set_and_taken_away_together(run: Run, app: FakeApplication) -> None:
    assert run("pin", "1", "b.ckpt").out.count("pinned  yes") == 2
    assert edits(app) == [((1, 2), Edit(pinned=True))]
    told = json.loads(run("unpin", "1", "2", "--json").out)
    assert (told["pinned"], [one["pinned"] for one in told["checkpoints"]]) == (False, [False, False])


def test_one_unknown_checkpoint_among_several_pins_none(run: Run, app: FakeApplication) -> None:
    assert run("pin", "1", "77").code == 1
    assert edits(app) == []
