"""`ls` and `best`: what goes where, in every form."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.catalog.listing import PAGE
from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS, RootView

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication

FRESH = "as of 2026-11-20 21:00:01Z, 3 min ago; no daemon is watching (ckpt-indexer serve)\n"
HOSTILE = "x/[bold]\x1b[31m\n\u202e=cmd.ckpt"


@pytest.fixture(autouse=True)
def rows(app: FakeApplication) -> None:
    app.catalog.scanned("2026-11-20T21:00:01Z")
    app.catalog.having("b/last.ckpt", backbone="resnet50", epoch=0, hmean=0.75, experiment="dbnet-1", dataset="icdar")
    app.catalog.having(
        "a/best.ckpt", backbone="resnet18", epoch=12, hmean=0.8125, experiment="dbnet-2", dataset="icdar"
    )
    app.catalog.having("a/copy.ckpt", backbone="resnet18", epoch=3, hmean=0.8125, alias_of=2, dataset="icdar")
    app.catalog.having("c/torn.ckpt", read_state="unreadable", presence="missing")


def test_ls_gives_every_row_in_plain_aligned_text(run: Run) -> None:
    done = run("ls")
    assert done.code == 0
    assert done.out == (
        "id  experiment  backbone  epoch   hmean     size  state                path\n"
        " 2  dbnet-2     resnet18     12  0.8125  2.0 KiB  ok                   a/best.ckpt\n"
        " 3  -           resnet18      3  0.8125  2.0 KiB  alias of 2           a/copy.ckpt\n"
        " 1  dbnet-1     resnet50      0  0.7500  2.0 KiB  ok                   b/last.ckpt\n"
        " 4  -           -             -       -  2.0 KiB  unreadable, missing  c/torn.ckpt\n"
    )
    assert done.err == FRESH


def test_best_shows_group_value_counts_and_path(run: Run) -> None:
    done = run("best")
    assert done.out == (
        "backbone   hmean  n  ties  experiment  epoch  path\n"
        "resnet18  0.8125  2     2  dbnet-2        12  a/best.ckpt\n"
        "resnet50  0.7500  1     1  dbnet-1         0  b/last.ckpt\n"
    )
    assert done.err == FRESH


def test_json_is_one_array_of_whole_rows(run: Run) -> None:
    rows = json.loads(run("ls", "--json").out)
    assert [tuple(row) for row in rows] == [ROW_KEYS] * 4
    assert rows[2]["epoch"] == 0
    ranked = json.loads(run("best", "-o", "json").out)
    assert tuple(ranked[0]) == (*ROW_KEYS, *BEST_KEYS)
    assert (ranked[0]["group"], ranked[0]["value"], ranked[0]["n"], ranked[0]["ties"]) == ("resnet18", 0.8125, 2, 2)


def test_no_rows_is_an_empty_array(run: Run) -> None:
    assert run("ls", "nothing", "--json").out == "[]\n"


def test_json_lines_are_the_same_rows(run: Run) -> None:
    assert [json.loads(line) for line in run("ls", "-o", "jsonl").out.splitlines()] == json.loads(
        run("ls", "--json").out
    )


def test_csv_has_a_short_name(run: Run) -> None:
    assert run("ls", "--csv").out == run("ls", "-o", "csv").out
    assert run("best", "--csv").out == run("best", "-o", "csv").out
    assert run("scan", "--csv").code == 2


def test_csv_has_every_key_and_exact_numbers(run: Run, app: FakeApplication) -> None:
    app.catalog.having("z.ckpt", hmean=0.1 + 0.2, experiment="=HYPERLINK(1)", metrics={"x": -0.5})
    found = list(csv.DictReader(io.StringIO(run("ls", "-o", "csv").out)))
    assert tuple(found[0]) == ROW_KEYS
    assert found[-1]["hmean"] == "0.30000000000000004"
    assert found[-1]["experiment"] == "'=HYPERLINK(1)"
    assert json.loads(found[-1]["metrics"])["x"] == -0.5
    assert next(csv.reader(io.StringIO(run("best", "-o", "csv").out)))[:5] == list(BEST_KEYS)


@pytest.mark.parametrize(("flags", "end"), [(("-o", "paths"), b"\n"), (("-0",), b"\0"), (("-o", "paths", "-0"), b"\0")])
def test_paths_are_absolute_and_raw(flags: tuple[str, ...], end: bytes, run: Run, app: FakeApplication) -> None:
    app.catalog.having(HOSTILE)
    done = run("ls", *flags)
    assert b"/data/outputs/" + HOSTILE.encode() + end in done.raw
    assert done.raw.startswith(b"/data/outputs/a/best.ckpt" + end)


def test_undecodable_names_come_out_as_their_bytes(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.catalog.roots = [RootView("o", str(tmp_path), "present", "manual", None)]
    app.catalog.having("odd\\\\name\\xff.ckpt")
    assert str(tmp_path).encode() + b"/odd\\name\xff.ckpt\0" in run("ls", "-0").raw
    os.close(os.open(str(tmp_path).encode() + b"/odd\\\\name\\xff.ckpt", os.O_CREAT))
    assert str(tmp_path).encode() + b"/odd\\\\name\\xff.ckpt\0" in run("ls", "-0").raw


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_hostile_names_are_inert(form: str, run: Run, app: FakeApplication) -> None:
    app.catalog.having(HOSTILE, experiment="\x1b]0;owned\x07", backbone="-1+1|cmd", hmean=0.9)
    for command in ("ls", "best"):
        done = run(command, "-o", form)
        assert all(line.isprintable() for line in done.out.splitlines())
        assert "[bold]" in done.out
        assert "\u202e" not in done.out
        if form == "csv":
            assert "'-1+1|cmd" in done.out


def test_lone_surrogates_are_safe(run: Run, app: FakeApplication) -> None:
    app.catalog.having("s.ckpt", experiment="\ud800 \udcff")
    for form in ("table", "json", "jsonl", "csv"):
        assert run("ls", "-o", form).code == 0
    assert json.loads(run("ls", "--json").out)[-1]["experiment"] == "\ud800 \udcff"


def test_quiet_means_data_only(run: Run, app: FakeApplication) -> None:
    app.catalog.hiding(3)
    assert run("ls", "-q").err == ""
    assert run("-q", "best", "--metric", "nothing").err == ""
    assert "daemon_alive" not in [call[0] for call in app.calls]


def test_hidden_rows_and_a_running_daemon_are_said(run: Run, app: FakeApplication) -> None:
    app.catalog.hiding(3)
    app.daemon = True
    err = run("ls").err
    assert "; a daemon is watching\n" in err
    assert "3 matching rows hidden: missing or unreachable (presence:any shows all)\n" in err


def test_an_unscanned_and_an_unreachable_root_are_said(run: Run, app: FakeApplication) -> None:
    app.catalog.roots = [RootView("nas", "/mnt/nas\x1b", "unreachable", "poll", None)]
    err = run("ls").err
    assert "not completely scanned yet: nas;" in err
    assert "root nas is unreachable: /mnt/nas\\x1b\n" in err


def test_several_roots_get_a_column(run: Run, app: FakeApplication) -> None:
    app.catalog.roots.append(RootView("archive", "/archive", "present", "manual", None))
    assert run("ls").out.splitlines()[0].split()[-2:] == ["root", "path"]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (["-source:names"], ("^source:names",)),
        (["^source:names"], ("^source:names",)),
        (["backbone:resnet18", "-dbnet", "hmean-"], ("backbone:resnet18", "^dbnet", "hmean-")),
        (["-kind:x", "-o", "json"], ("^kind:x",)),
        (["-hmean>0.5", "-qv", "-ojson"], ("^hmean>0.5",)),
        (["--sort", "-hmean", "x"], ("x",)),
        (["--", "-raw"], ("-raw",)),
    ],
)
def test_terms_that_begin_with_a_dash_need_no_dashes(
    typed: list[str], asked: tuple[str, ...], run: Run, app: FakeApplication
) -> None:
    done = run("ls", *typed)
    assert done.code == 0
    assert app.catalog.asked[0][1] == asked


def test_a_long_option_with_one_dash_is_no_term(run: Run) -> None:
    done = run("ls", "-limit", "5")
    assert done.code == 2
    assert "did you mean '--limit'?" in done.err


def test_an_unknown_letter_is_no_term(run: Run) -> None:
    assert run("ls", "-x").code == 2


def test_limit_sort_and_cursor_reach_the_catalog(run: Run, app: FakeApplication) -> None:
    done = run("ls", "--limit", "2", "--sort", "hmean-", "--cursor", "1")
    assert app.catalog.asked == [("find", (), "hmean-", 2, "1")]
    assert [line.split()[-1] for line in done.out.splitlines()[1:]] == ["a/copy.ckpt", "b/last.ckpt"]
    assert "there are more: --cursor 3\n" in done.err


@pytest.mark.parametrize("limit", [None, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 4])
def test_long_lists_are_fetched_page_by_page(limit: int | None, run: Run, app: FakeApplication) -> None:
    for number in range(2 * PAGE):
        app.catalog.having(f"z/{number:05}.ckpt")
    done = run("ls", "-o", "jsonl", *([] if limit is None else ["--limit", str(limit)]))
    paths = [json.loads(line)["path"] for line in done.out.splitlines()]
    assert paths == sorted(set(paths))
    assert len(paths) == (limit or 2 * PAGE + 4)
    assert all(size <= PAGE for _find, _query, _sort, size, _cursor in app.catalog.asked)
    assert ("there are more" in done.err) is (limit is not None and limit < 2 * PAGE + 4)


def test_best_passes_what_was_asked(run: Run, app: FakeApplication) -> None:
    run("best", "a", "--metric", "hmean", "--by", "experiment", "-k", "3", "--mode", "min")
    assert app.catalog.asked[0] == ("best", "hmean", "experiment", ("a",), 3, "min")


def test_the_settings_know_a_direction(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text('[metrics]\ndirections = { "val/err" = "min" }\n')
    run("best", "--metric", "val/err")
    assert app.catalog.asked[0][5] == "min"
    run("best", "--metric", "val/err", "--mode", "max")
    assert "max" in app.catalog.asked[-1]


def test_an_unknown_direction_is_2(run: Run, app: FakeApplication) -> None:
    app.catalog.having("m.ckpt", metrics={"odd": 1.0})
    done = run("best", "--metric", "odd")
    assert (done.code, done.out) == (2, "")
    assert "--mode" in done.err


def test_no_such_metric_is_empty_and_0(run: Run) -> None:
    done = run("best", "--metric", "bleu")
    assert (done.code, done.out) == (0, "")
    assert run("best", "--metric", "bleu", "--json").out == "[]\n"


def test_what_the_catalog_wants_said_is_said(run: Run, app: FakeApplication) -> None:
    app.catalog.warning("no checkpoint has the metric x\x1b; there are: hmean")
    assert "no checkpoint has the metric x\\x1b; there are: hmean\n" in run("best").err
    assert run("best", "-q").err == ""


def test_by_none_ranks_all_together(run: Run) -> None:
    out = run("best", "--by", "none", "-k", "2").out
    assert out.splitlines()[0].split() == ["rank", "hmean", "n", "ties", "experiment", "epoch", "path"]
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["1", "2"]


def test_refresh_looks_at_the_disk_first(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("")
    for command in (["ls"], ["best"], ["show", "1"]):
        app.calls.clear()
        run(*command, "--refresh")
        assert [call[0] for call in app.calls[:3]] == ["database_path", "scan", "open_catalog"]
        assert app.calls[1][2:] == ((), False)


def test_refresh_never_makes_a_catalog(run: Run, app: FakeApplication) -> None:
    run("best", "--refresh")
    assert [call[0] for call in app.calls[:2]] == ["database_path", "open_catalog"]


def test_the_catalog_is_closed(run: Run, app: FakeApplication) -> None:
    run("ls")
    assert app.catalog.closed
