"""Verdicts of gathered values: the database, its journal, daemon, roots, rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import (
    DatabaseAbsent,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseFromFuture,
    StoreError,
)
from ckpt_indexer.store.journal import Contents as Journal
from ckpt_indexer.store.journal import Entry
from ckpt_indexer.store.notes import Note
from ckpt_indexer.store.read_checkup import Contents, RootKept
from ckpt_indexer.tools import doctor_annotations, doctor_catalog, doctor_database, doctor_settings, doctor_watching
from ckpt_indexer.tools.doctor import Checkup, Verdict, failed, fine, size, skipped, warning
from ckpt_indexer.tools.doctor_database import DatabaseSeen, FileSeen
from ckpt_indexer.tools.doctor_watching import DaemonSeen, InotifyLimits, RootSeen

if TYPE_CHECKING:
    from ckpt_indexer.tools.doctor import Check

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GIB = 1 << 30
KEPT = RootKept("o", b"/o", 1, 2, "present", "manual", "2026-11-20T11:00:00Z")
CONTENTS = Contents(
    is_checked=True, present=10, size_bytes=100 * GIB, read_states={"ok": 10}, sidecar_states={"verified": 7},
    without_document=3, kinds=(), places=0, duplicates=0, duplicate_bytes=0, roots=(KEPT,), notes={},
)  # fmt: skip
WELL = DatabaseSeen(
    "/d/c.db", (FileSeen("c.db", 4096, 0o600),), filesystem="ext4", free_bytes=50 * GIB, contents=CONTENTS
)
ROOT = RootSeen("o", "/o", known=True, as_of="2026-11-20T11:00:00Z", directories=5)
HEALTHY = {"status": "ok", "pid": 7, "watch": {"o": "events"}, "watched_directories": {"held": 5, "wanted": 5}}


def database(seen: DatabaseSeen, name: str) -> Check:
    return next(check for check in doctor_database.checks(seen, 2) if check.name == f"database.{name}")


def without_contents(error: StoreError, **more: Any) -> DatabaseSeen:
    return replace(WELL, contents=None, error=error, **more)


def test_a_checkup_is_ok_unless_something_failed() -> None:
    calm = Checkup("1", (fine("a.b", "x"), warning("a.c", "y", "z"), skipped("a.d", "w")), 1.23456)
    assert calm.ok
    assert not Checkup("1", (*calm.checks, failed("a.e", "y", "z"))).ok
    told = calm.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["counts"] == {"ok": 1, "warning": 1, "failed": 0, "skipped": 1}
    assert told["checks"][1] == {"name": "a.c", "verdict": "warning", "message": "y", "fix": "z", "facts": {}}
    assert told["seconds"] == 1.235


def test_a_catalog_in_order_has_no_complaint() -> None:
    assert {check.verdict for check in doctor_database.checks(WELL, 2)} == {Verdict.OK}


def test_every_complaint_says_what_to_do_and_names_are_unique() -> None:
    seen = (
        WELL,
        without_contents(DatabaseAbsent("none"), files=()),
        without_contents(DatabaseForeign("theirs")),
        without_contents(DatabaseCorrupt("damaged", findings=("page 3",))),
        without_contents(DatabaseFromFuture("newer", version=9)),
        without_contents(StoreError("older", version=1)),
        without_contents(StoreError("no permission")),
        replace(WELL, is_network=True, free_bytes=1, is_writable=False),
    )
    for one in seen:
        checks = doctor_database.checks(one, 2)
        assert len({check.name for check in checks}) == len(checks)
        bad = [check for check in checks if check.verdict in (Verdict.WARNING, Verdict.FAILED)]
        assert all(check.fix for check in bad)


@pytest.mark.parametrize(
    ("error", "more", "check", "verdict", "words"),
    [
        (DatabaseAbsent("none"), {"files": ()}, "file", "failed", "there is no catalog at /d/c.db"),
        (DatabaseAbsent("none"), {"files": ()}, "integrity", "skipped", "no catalog"),
        (DatabaseForeign("theirs"), {}, "file", "failed", "no catalog of ckpt-indexer"),
        (DatabaseForeign("theirs"), {}, "integrity", "failed", "theirs"),
        (DatabaseCorrupt("page 3 is bad", findings=("a", "b")), {}, "integrity", "failed", "page 3 is bad"),
        (DatabaseFromFuture("newer", version=9), {}, "schema", "failed", "schema 9"),
        (DatabaseFromFuture("newer", version=9), {}, "integrity", "skipped", "not that of this release"),
        (StoreError("older", version=1), {}, "schema", "failed", "older schema 1"),
        (StoreError("disk I/O error"), {}, "integrity", "failed", "disk I/O error"),
        (StoreError("disk I/O error"), {}, "file", "ok", "4.0 KiB"),
    ],
)  # fmt: skip
def test_a_catalog_that_cannot_be_read(
    error: StoreError, more: dict[str, Any], check: str, verdict: str, words: str
) -> None:
    found = database(without_contents(error, **more), check)
    assert (found.verdict, words in found.message) == (verdict, True)


@pytest.mark.parametrize(
    ("change", "check", "verdict", "words"),
    [
        ({"is_network": True, "filesystem": "nfs4"}, "disk", "failed", "nfs4"),
        ({"free_bytes": 1 << 20}, "space", "failed", "1.0 MiB left"),
        ({"free_bytes": 100 << 20}, "space", "warning", "little room"),
        ({"free_bytes": None}, "space", "skipped", "does not say"),
        ({"is_writable": False}, "permissions", "warning", "cannot be written"),
        ({"files": (FileSeen("c.db", 1, 0o644),)}, "permissions", "warning", "c.db (0644)"),
        ({"files": (FileSeen("c.db", 1, 0o600), FileSeen("c.db.sock", 0, 0o777))}, "permissions", "warning", "sock"),
        ({"files": (FileSeen("c.db", 1, 0o600), FileSeen("c.db-wal", GIB, 0o600))}, "wal", "warning", "1.0 GiB"),
        ({"files": (FileSeen("c.db", 1, 0o600), FileSeen("c.db-wal", 4096, 0o600))}, "wal", "ok", "4.0 KiB"),
        ({"files": (FileSeen("c.db.corrupt-2026", GIB, 0o600),)}, "leftovers", "warning", "1 file of a damaged"),
        ({"contents": replace(CONTENTS, is_checked=False)}, "integrity", "skipped", "db check"),
    ],
)  # fmt: skip
def test_what_can_be_wrong_with_the_file(change: dict[str, Any], check: str, verdict: str, words: str) -> None:
    found = database(replace(WELL, **change), check)
    assert (found.verdict, words in found.message) == (verdict, True)


# -- annotations


def journal_check(said: dict[bytes, Note | None], kept: dict[bytes, Note], *, unreadable: int = 0) -> Check:
    journal = Journal(tuple(Entry(b"/o", path, note, "t") for path, note in said.items()), unreadable)
    contents = replace(CONTENTS, notes={(b"/o", path): note for path, note in kept.items()})
    return doctor_annotations.check(journal, contents, "/d/c.db")


def note(*tags: str, at: str = "1") -> Note:
    return Note(tags=tags, updated_at=at)


@pytest.mark.parametrize(
    ("said", "kept", "verdict", "fix"),
    [
        ({b"a": note("x")}, {b"a": note("x", at="2")}, "ok", ""),
        ({b"a": None, b"b": note()}, {}, "ok", ""),
        ({b"a": note("x")}, {}, "warning", "db rebuild"),
        ({b"a": note("x", at="3")}, {b"a": note("y", at="2")}, "warning", "db rebuild"),
        ({}, {b"a": note("x")}, "warning", "copy /d/c.db.annotations.jsonl away"),
        ({b"a": note("x", at="1")}, {b"a": note("y", at="2")}, "warning", "copy /d/c.db.annotations.jsonl away"),
        ({b"a": None, b"b": note("x")}, {b"a": note("x")}, "warning", "copy /d/c.db.annotations.jsonl away"),
    ],
)
def test_journal_and_catalog(said: dict[bytes, Note | None], kept: dict[bytes, Note], verdict: str, fix: str) -> None:
    check = journal_check(said, kept)
    assert (check.verdict, fix in (check.fix or "")) == (verdict, True)


def test_a_journal_that_cannot_be_read_is_a_failure_a_torn_line_a_warning() -> None:
    assert doctor_annotations.check(StoreError("no"), CONTENTS, "/c").verdict is Verdict.FAILED
    assert journal_check({}, {}, unreadable=1).verdict is Verdict.WARNING


def test_no_journal_is_fine_until_something_belongs_in_it() -> None:
    assert doctor_annotations.check(None, CONTENTS, "/c").verdict is Verdict.OK
    annotated = replace(CONTENTS, notes={(b"/o", b"a"): note("x")})
    assert doctor_annotations.check(None, annotated, "/c").verdict is Verdict.WARNING
    assert doctor_annotations.check(None, None, "/c").verdict is Verdict.SKIPPED
    assert doctor_annotations.check(Journal((), 0), None, "/c").verdict is Verdict.SKIPPED


def test_paths_of_roots_the_catalog_does_not_know_stay_in_the_journal_in_peace() -> None:
    journal = Journal((Entry(b"/elsewhere", b"a", note("x"), "t"),), 0)
    assert doctor_annotations.check(journal, CONTENTS, "/c").verdict is Verdict.OK


# -- daemon and roots


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (DaemonSeen(), "ok", "no daemon is running"),
        (DaemonSeen(HEALTHY), "ok", "process 7 answers"),
        (DaemonSeen({"status": "degraded", "reasons": ["disk full", "x"]}), "warning", "disk full; x"),
        (DaemonSeen({"status": "degraded"}), "warning", "does not say why"),
        (DaemonSeen(error="timed out", pid=7), "failed", "timed out"),
        (DaemonSeen(lock_held=True, pid=7), "warning", "process 7 holds the catalog"),
    ],
)
def test_the_daemon(seen: DaemonSeen, verdict: str, words: str) -> None:
    check = doctor_watching.daemon(seen)
    assert (check.verdict, words in check.message) == (verdict, True)


@pytest.mark.parametrize(
    ("health", "root", "verdict", "words"),
    [
        (HEALTHY, ROOT, "ok", "5 directories watched"),
        (HEALTHY | {"watch": {"o": "poll"}}, ROOT, "warning", "below o are found by polling"),
        (HEALTHY | {"watch": {"o": "poll"}}, ROOT._replace(is_network=True), "ok", "lie on the network: o"),
        (HEALTHY | {"watched_directories": {"held": 3, "wanted": 5}}, ROOT, "warning", "3 of 5 directories"),
        (None, ROOT, "skipped", "no daemon"),
    ],
)
def test_how_roots_are_watched(health: dict[str, Any] | None, root: RootSeen, verdict: str, words: str) -> None:
    check = doctor_watching.watching(DaemonSeen(health), [root])
    assert (check.verdict, words in check.message) == (verdict, True)


def test_roots_that_are_gone_fail_and_new_ones_are_told() -> None:
    (check,) = doctor_watching.roots([ROOT])
    assert (check.verdict, check.message) == ("ok", "1 root reachable: o (/o)")
    gone, new = doctor_watching.roots(
        [ROOT._replace(trouble="No such file or directory"), RootSeen("n", "/n", known=False)]
    )
    assert (gone.verdict, gone.message) == ("failed", "o (/o): No such file or directory")
    assert (new.name, new.verdict) == ("roots.configured", "warning")
    assert doctor_watching.roots([])[0].verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("limits", "directories", "verdict", "words"),
    [
        (InotifyLimits(8192, 128, 16384), 100, "ok", "8,192 watches allowed"),
        (InotifyLimits(8192, 128, 16384), 7000, "warning", "7,000 directories"),
        (InotifyLimits(500_000, 128, 16384), 20_000, "ok", "most recently changed are watched"),
        (None, 5, "skipped", "does not say"),
    ],
)
def test_the_limits_of_inotify(limits: InotifyLimits | None, directories: int, verdict: str, words: str) -> None:
    check = doctor_watching.inotify(limits, [ROOT._replace(directories=directories)], most_watched=8000)
    assert (check.verdict, words in check.message) == (verdict, True)


@pytest.mark.parametrize(
    ("hours", "watched", "verdict", "words"),
    [
        (1, False, "ok", "60 min ago"),
        (30, False, "ok", "30 h ago"),
        (24 * 8, False, "warning", "o 8 days ago"),
        (1, True, "warning", "o 60 min ago"),
        (0.5, True, "ok", "30 min ago"),
        (-1, False, "ok", "0 s ago"),
        (None, False, "warning", "never scanned completely: o"),
    ],
)
def test_the_age_of_the_last_scan(hours: float | None, watched: bool, verdict: str, words: str) -> None:
    as_of = None if hours is None else (NOW - timedelta(hours=hours)).isoformat()
    check = doctor_watching.scan_age([ROOT._replace(as_of=as_of)], NOW, watched=watched, rescan_minutes=15)
    assert (check.verdict, words in check.message) == (verdict, True)


def test_without_roots_there_is_no_age() -> None:
    new = RootSeen("n", "/n", known=False)
    assert doctor_watching.scan_age([new], NOW, watched=False, rescan_minutes=15).verdict is Verdict.SKIPPED


# -- rows


def catalog(name: str, **change: Any) -> Check:
    checks = doctor_catalog.checks(replace(CONTENTS, **change), daemon_running=False)
    return next(check for check in checks if check.name == f"catalog.{name}")


@pytest.mark.parametrize(
    ("name", "change", "verdict", "words"),
    [
        ("rows", {}, "ok", "10 checkpoints, all read"),
        ("rows", {"read_states": {}, "present": 0}, "ok", "0 checkpoints"),
        ("rows", {"read_states": {"pending": 2, "ok": 8}}, "warning", "2 not read yet"),
        (
            "rows",
            {"read_states": {"unreadable": 1, "degraded": 2}, "kinds": (("scale", 2), ("unreadable", 1))},
            "warning",
            "1 unreadable, 2 with problems (scale 2, unreadable 1)",
        ),
        ("sidecars", {}, "ok", "7 verified, 3 without a document"),
        ("sidecars", {"sidecar_states": {}, "without_document": 0}, "ok", "no checkpoints"),
        ("sidecars", {"sidecar_states": {"contradicted": 2, "invalid": 1}}, "warning", "2 contradicted, 1 invalid"),
        ("sidecars", {"sidecar_states": {"from_future": 1}}, "warning", "1 from_future"),
        ("duplicates", {}, "ok", "no file"),
        ("duplicates", {"duplicates": 1, "duplicate_bytes": GIB}, "ok", "1 file repeats"),
        ("duplicates", {"duplicates": 9, "duplicate_bytes": 20 * GIB}, "warning", "20.0 GiB of 100.0 GiB"),
    ],
)
def test_what_the_catalog_holds(name: str, change: dict[str, Any], verdict: str, words: str) -> None:
    check = catalog(name, **change)
    assert (check.verdict, words in check.message) == (verdict, True)


def test_pending_rows_are_the_daemons_business_while_it_runs() -> None:
    contents = replace(CONTENTS, read_states={"pending": 2, "ok": 8})
    rows, *_ = doctor_catalog.checks(contents, daemon_running=True)
    assert (rows.verdict, rows.message) == ("ok", "10 checkpoints, 2 being read")


def test_a_catalog_that_cannot_be_read_is_skipped() -> None:
    assert {check.verdict for check in doctor_catalog.checks(None, daemon_running=False)} == {Verdict.SKIPPED}


# -- settings


def test_settings() -> None:
    assert doctor_settings.files(["/a.toml"], None, {}).message == "read from /a.toml"
    assert doctor_settings.files([], None, {"catalog.db": "flag"}).message.endswith(
        "1 value set by flag or environment"
    )
    assert doctor_settings.files(["/a.toml"], "/a.toml: unknown key 'x'", {}).verdict is Verdict.FAILED


def test_a_variable_nobody_reads_is_told() -> None:
    environ = {"CKPT_INDEXER_DB": "/x", "CKPT_INDEXER_LOG_LEVEL": "debug", "CKPT_INDEXER_LOG__LEVEL": "debug", "A": "1"}
    known = frozenset({"CKPT_INDEXER_DB"})
    check = doctor_settings.variables(environ, prefix="CKPT_INDEXER_", known=known)
    assert (check.verdict, check.facts["unread"]) == ("warning", ["CKPT_INDEXER_LOG_LEVEL"])
    assert doctor_settings.variables({}, prefix="CKPT_INDEXER_", known=known).verdict is Verdict.OK


@pytest.mark.parametrize(("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text
