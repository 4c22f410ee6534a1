from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.tools.unit import MARK, Unit, is_ours, quoted

EXAMPLE = Path(__file__).parent.parent.parent / "configs" / "systemd" / "ckpt-indexer.service"


def unit(**facts: object) -> Unit:
    return Unit(**({"python": "/usr/bin/python3", "database": "/d/c.db", "roots": ("/o",)} | facts))  # type: ignore[arg-type]  # facts of a unit


def directives(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def unquoted(line: str) -> list[bytes]:
    """Take a command line apart as systemd does: quotes, escapes, then specifiers and variables."""
    words: list[bytes] = []
    for token in re.findall(r'"(?:\\.|[^"\\])*"|\S+', line):
        word = token[1:-1] if token.startswith('"') else token
        raw = b""
        for piece in re.findall(r"\\x[0-9a-f]{2}|\\.|[^\\]", word, re.DOTALL):
            if piece.startswith("\\x"):
                raw += bytes.fromhex(piece[2:])
            else:
                raw += {"\\n": "\n", "\\t": "\t", "\\r": "\r"}.get(piece, piece[-1]).encode()
        raw = raw.replace(b"%%", b"%")
        words.append(raw.replace(b"$$", b"$") if words else raw)
    return words


def test_a_unit_of_ours_is_known_by_its_first_line() -> None:
    assert unit().text.startswith(MARK)
    assert is_ours(unit().text)
    assert not is_ours("[Unit]\nDescription=mine\n")


def test_the_daemon_is_told_database_roots_and_settings() -> None:
    made = directives(unit(config="/e/c.toml", directory="/p").text)
    assert made["ExecStart"] == (
        "/usr/bin/python3 -P -m ckpt_indexer --db /d/c.db --config /e/c.toml --log-format json serve /o"
    )
    assert made["WorkingDirectory"] == "/p"
    assert (made["Type"], int(made["WatchdogSec"]) > 0) == ("notify", True)


def test_usage_and_settings_errors_are_not_tried_again() -> None:
    assert {"2", "78"} <= set(directives(unit().text)["RestartPreventExitStatus"].split())


def test_the_example_says_what_the_installed_unit_says() -> None:
    ours, example = directives(unit().text), directives(EXAMPLE.read_text(encoding="utf-8"))
    assert {k: v for k, v in example.items() if k != "ExecStart"} == {k: v for k, v in ours.items() if k != "ExecStart"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [("/a/b", "/a/b"), ("/a b", '"/a b"'), ("/a%h", '"/a%%h"'), ("/$HOME", '"/$$HOME"'), ('/a"b\\', '"/a\\"b\\\\"'),
     ("/a\nExecStart=/bin/evil", '"/a\\nExecStart=/bin/evil"'), ("/\udcff", '"/\\xff"'), ("", '""'),
     ("/\u00fc", "/\u00fc")],
)  # fmt: skip
def test_words_are_quoted_where_they_mean_something(word: str, expected: str) -> None:
    assert quoted(word) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=4))
@settings(deadline=None, max_examples=200)
def test_any_path_comes_back_from_the_command_line(names: list[str]) -> None:
    roots = tuple("/" + name for name in names)
    line = directives(unit(roots=roots).text)["ExecStart"]
    words = unquoted(line)
    assert words[words.index(b"serve") + 1 :] == [root.encode() for root in roots]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing on this machine")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "ckpt-indexer.service"
    file.write_text(unit(roots=("/a b", "/100%/$x\"'"), directory="/tmp").text, encoding="utf-8")
    line = ["systemd-analyze", "verify", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert [one for one in done.stderr.splitlines() if "ckpt-indexer" in one] == []
