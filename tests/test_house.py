"""The house rules that a machine can check: who imports whom, how long things are, what never appears."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parent.parent
PACKAGE = CHECKOUT / "ckpt_indexer"
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff", "tools_", "base_utils"}
FILE_LINES, FUNCTION_LINES = 300, 40
TEST_FILE_LINES, TEST_FUNCTION_LINES = 600, 60


def sources(*folders: str) -> list[Path]:
    """Return every Python file below these folders of the checkout."""
    return sorted(
        path for folder in folders for path in (CHECKOUT / folder).rglob("*.py") if "golden" not in path.parts
    )


OURS = sources("ckpt_indexer", "migrations", "scripts")
SIZED = sources("ckpt_indexer", "scripts")
"""Migrations spell out whole tables, are written once and never edited: their length is that of the schema."""
TESTS = sources("tests")


def named(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from the first statement after the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_room_keeps_to_its_imports() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SIZED, ids=named)
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", SIZED, ids=named)
def test_a_function_fits_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    assert {f.name: n for f in functions(tree) if (n := body_lines(f)) > FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_tests_stay_readable(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    assert len(path.read_text(encoding="utf-8").splitlines()) <= TEST_FILE_LINES
    assert {f.name: n for f in functions(tree) if (n := body_lines(f)) > TEST_FUNCTION_LINES} == {}


def test_no_module_is_a_drawer() -> None:
    assert [named(path) for path in OURS + TESTS if path.stem.strip("_") in DRAWERS] == []


@pytest.mark.parametrize("path", OURS, ids=named)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert (ast.get_docstring(ast.parse(path.read_bytes())) or "").strip()


ASSERTS = r"\bassert\b|\bassert_\w+\(|\bAssertionError\b|\b(?:raises|warns|fail|expect)\(|run_state_machine_as_test"

HOOK = "test_step"
"""A method of Lightning's modules, no test."""


@cache
def sources_of(path: Path) -> dict[str, str]:
    """Return the text of every function and method of a file, by name."""
    text = path.read_text(encoding="utf-8")
    return {f.name: ast.get_source_segment(text, f) or "" for f in functions(ast.parse(text))}


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_every_test_asserts(path: Path) -> None:
    beside = [text for file in path.parent.glob("*.py") for text in sources_of(file).items()]
    helpers = {name for name, text in beside if re.search(ASSERTS, text)}
    proof = re.compile(rf"{ASSERTS}|\b(?:{'|'.join(sorted(helpers))})\(")
    tests = {name: text for name, text in sources_of(path).items() if name.startswith("test_") and name != HOOK}
    silent = [name for name, text in tests.items() if not proof.search(text)]
    assert silent == []


def test_tests_mirror_the_package() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")}
    folders = {path.name for path in (CHECKOUT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert folders - rooms <= {"journeys", "browser", "fakes", "migrations", "scripts"}


def text_files() -> list[Path]:
    """Return every text file that git would track: not ignored, not binary, not a golden sample."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT, capture_output=True, check=False,
    )  # fmt: skip
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
    found = [CHECKOUT / name for name in names if name] or [*OURS, *TESTS, *CHECKOUT.glob("docs/**/*.md")]
    return [path for path in found if path.is_file() and "golden" not in path.parts and b"\0" not in path.read_bytes()]


def lines_with(pattern: str) -> list[str]:
    seen = []
    for path in text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if re.search(pattern, line):
                seen.append(f"{named(path)}:{number}: {line.strip()[:80]}")
    return seen


def test_no_path_of_somebodys_machine() -> None:
    assert lines_with(r"(?<![\w.~])/(?:home|Users|work)/" + r"(?!user\b|me\b|you\b|u\b)\w") == []


def test_nothing_is_left_for_later() -> None:
    assert lines_with("TO" + "DO|FIX" + r"ME|\bXX" + r"X\b") == []


def test_no_emoji() -> None:
    found = lines_with("[\U0001f300-\U0001faff\u2705\u274c\u26a0\u2728]")
    assert [line for line in found if not line.startswith("tests/")] == []  # file names in tests may hold anything


def swallows_everything(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler catches any exception and does not raise again."""
    broad = handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
    return broad and not any(isinstance(node, ast.Raise) or hands_over(node) for node in ast.walk(handler))


def hands_over(node: ast.AST) -> bool:
    """Tell whether an expression gives an exception to whoever waits for a future, who raises it."""
    return isinstance(node, ast.Attribute) and node.attr == "set_exception"


def test_broad_excepts_are_few() -> None:
    handlers = {
        named(path)
        for path in sources("ckpt_indexer")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ExceptHandler) and swallows_everything(node)
    }
    assert len(handlers) <= 5, handlers
