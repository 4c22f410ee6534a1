from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from ckpt_indexer import __version__
from ckpt_indexer.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication

VERBS = {
    "db": ["upgrade", "check", "rebuild", "forget-root", "path"],
    "config": ["show", "path", "init"],
    "service": ["install", "uninstall", "status", "logs"],
}
COMMANDS = [
    *([name] for name in cli.list_commands(click.Context(cli))),
    *([name, verb] for name, verbs in VERBS.items() for verb in verbs),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_an_example(words: list[str], flag: str, run: Run) -> None:
    done = run(*words, flag)
    assert done.code == 0
    assert f"Usage: ckpt-indexer {' '.join(words)}" in done.out
    examples = done.out.partition("Examples:\n")[2].partition("\n\n")[0]
    assert f"ckpt-indexer {' '.join(words)}" in examples
    assert "Global options:" in done.out
    assert ("Exit codes:" in done.out) is (words[0] not in VERBS or len(words) == 2)
    assert done.err == ""


def test_the_list_of_commands_comes_with_short_helps(run: Run) -> None:
    done = run("--help")
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n  {name} " in done.out


def test_the_group_lists_verbs_in_their_order(run: Run) -> None:
    listed = run("db", "--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == VERBS["db"]


def test_version(run: Run) -> None:
    assert run("--version").out == f"ckpt-indexer {__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [(("bst",), "did you mean 'best'?"), (("stauts",), "did you mean 'status'?"), (("db", "chek"), "'check'?"),
     (("xyzzy",), "there are: serve, scan, ls")],
)  # fmt: skip
def test_a_mistyped_command_names_the_nearest(words: tuple[str, ...], hint: str, run: Run) -> None:
    done = run(*words)
    assert done.code == 2
    assert hint in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "words", [("ls", "--limit", "x"), ("best", "--by", "colour"), ("ls", "--nope"), ("show",), ("ls", "-o", "xml")]
)
def test_wrong_usage_is_2_and_on_stderr(words: tuple[str, ...], run: Run) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert "Error:" in done.err


@pytest.mark.parametrize("before", [True, False])
def test_global_options_stand_before_or_after_the_command(
    before: bool, run: Run, app: FakeApplication, tmp_path: Path
) -> None:
    flag = ["--db", str(tmp_path / "other.db")]
    run(*(flag if before else []), "ls", *([] if before else flag))
    assert app.calls[0] == ("open_catalog", tmp_path / "other.db")


@pytest.mark.parametrize("option", ["--db", "--config"])
def test_an_empty_file_name_is_no_way_to_say_the_usual_one(option: str, run: Run, app: FakeApplication) -> None:
    done = run("ls", option, "")
    assert (done.code, app.calls) == (2, [])
    assert option in done.err


def test_the_option_nearest_to_the_verb_wins(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    app.answering(ok=True, findings=[])
    run("--db", "/a.db", "db", "--db", "/b.db", "check", "--db", str(tmp_path / "c.db"))
    assert app.calls[0] == ("db_check", tmp_path / "c.db")


def test_bad_configuration_is_78(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ckpt-indexer.toml").write_text("[watch]\nsetle_ms = 5\n")
    done = run("ls")
    assert done.code == 78
    assert "unknown key 'watch.setle_ms'; did you mean 'watch.settle_ms'?" in done.err
    assert run("--config", "none.toml", "ls").code == 78


def test_no_command_shows_the_help(run: Run) -> None:
    done = run()
    assert done.code == 2
    assert "Commands:" in done.out + done.err
