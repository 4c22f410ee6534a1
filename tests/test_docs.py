"""The documentation against the code: generated pages are current, links lead somewhere, examples are real."""

from __future__ import annotations

import importlib
import re
import shlex
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from ckpt_indexer.catalog.protocol import Catalog
from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS
from ckpt_indexer.cli.exits import MEANINGS
from ckpt_indexer.cli.main import cli, main
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.store.writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

CHECKOUT = Path(__file__).parent.parent
DOCS = CHECKOUT / "docs"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")])


def named(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def commands(group: click.Group = cli, prefix: str = "ckpt-indexer") -> Iterator[tuple[str, click.Command]]:
    """Yield every command and verb with the words that are typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


COMMANDS = dict(commands())


@pytest.fixture(scope="module")
def make_docs() -> Iterator[ModuleType]:
    """Return the page generator; scripts import the modules beside them."""
    sys.path.insert(0, str(CHECKOUT / "scripts"))
    yield importlib.import_module("make_docs")
    sys.path.remove(str(CHECKOUT / "scripts"))


def test_generated_pages_are_current(make_docs: ModuleType) -> None:
    assert [named(path) for path in make_docs.outdated()] == [], "run `make docs`"


def anchors(text: str) -> set[str]:
    """Return the anchors GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if re.match(r"https?://", target):
            continue
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_examples_compile(page: Path) -> None:
    examples = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert all(compile(example, named(page), "exec") is not None for example in examples)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_shell_examples_name_real_commands(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    typed = set(re.findall(r"ckpt-indexer ((?:db|config) [a-z-]+|[a-z][a-z-]+)", "\n".join(code_of(text))))
    known = {name.removeprefix("ckpt-indexer ") for name in COMMANDS}
    assert {words for words in typed if words not in known} == set()


def code_of(text: str) -> list[str]:
    """Return code blocks and inline code."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.fixture(scope="module")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("docs") / "catalog.db"
    open_writer(path).close()
    return path


def typed_questions() -> list[str]:
    """Return every read command that the pages show and that stands alone on its line."""
    lines = [line for page in PAGES for block in shell_blocks(page) for line in block.splitlines()]
    commands = [re.sub(r"\s+#.*$", "", line.strip().removeprefix("$ ").removeprefix(".venv/bin/")) for line in lines]
    asked = [line for line in commands if re.match(r"ckpt-indexer (ls|best|show|sql|status)\b", line)]
    return sorted({line for line in asked if not re.search(r" - | [<>|] |\$\(", line)})


def shell_blocks(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"```text\n(\$.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("line", typed_questions())
def test_questions_in_the_docs_can_be_asked(line: str, empty_catalog: Path) -> None:
    _program, command, *words = shlex.split(line)
    assert main([command, *words, "--db", str(empty_catalog)]) in (0, 1)


def test_the_example_document_is_one_we_would_write() -> None:
    example = re.search(r"```yaml\n(.*?)```", read("document.md"), re.DOTALL)
    assert example is not None
    written = MetadataV2.model_validate(yaml.safe_load(example[1]))
    assert written.model_fields_set == set(MetadataV2.model_fields) - {"upgraded_from"}


def test_every_question_of_the_client_is_explained() -> None:
    asked = {name for name in vars(Catalog) if not name.startswith("_")}
    assert set(re.findall(r"^\| `catalog\.(\w+)\(", read("python.md"), re.MULTILINE)) == asked


def sql_examples() -> list[str]:
    text = "\n".join(read(page) for page in ("sql.md", "row.md", "quickstart.md"))
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    return [statement.strip() for block in blocks for statement in block.split(";") if statement.strip()]


@pytest.mark.parametrize("statement", sql_examples())
def test_sql_in_the_docs_can_be_asked(statement: str, empty_catalog: Path) -> None:
    with closing(sqlite3.connect(empty_catalog)) as catalog:
        assert catalog.execute(statement).fetchall() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_examples_and_a_place_in_the_docs(name: str) -> None:
    command = COMMANDS[name]
    assert (command.help or "").strip()
    assert f"\n## {name}\n" in read("cli.md")
    if not isinstance(command, click.Group):
        assert getattr(command, "examples", ())


@pytest.mark.parametrize("key", [*ROW_KEYS, *BEST_KEYS])
def test_every_key_of_the_row_is_explained(key: str) -> None:
    assert re.search(rf"^\| .*`{key}`", read("row.md"), re.MULTILINE)


@pytest.mark.parametrize("code", MEANINGS)
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\| {code} \|", read("cli.md"), re.MULTILINE)


def test_every_page_is_reachable_from_the_index() -> None:
    text = read("index.md")
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in text} == set()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted((DOCS / "adr").glob("*.md")), ids=named)
def test_a_decision_has_context_decision_and_consequence(path: Path) -> None:
    titles = re.findall(r"^## (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles == ["Context", "Decision", "Consequence"]


def test_the_map_of_the_house_is_complete() -> None:
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (CHECKOUT / "ckpt_indexer").iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in (CHECKOUT / "ckpt_indexer").glob("*.py")} - {"__init__", "__main__"}
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def test_make_verbs_in_the_docs_exist() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = "\n".join(part for page in PAGES for part in code_of(page.read_text(encoding="utf-8")))
    used = set(re.findall(r"\bmake ([a-z]+)\b", code))
    assert used <= verbs
    assert {"demo", "test", "browser", "prove", "bench", "fmt", "lint", "types", "imports", "docs", "dist"} <= verbs


def test_the_changelog_keeps_its_form() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)[0] == "Unreleased"
    allowed = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= allowed


def test_every_kind_of_problem_is_documented() -> None:
    made = re.compile(r"""Problem\(\s*"([a-z_]+)"|\(name, "([a-z_]+)", """)
    kinds = {
        found
        for file in sorted((CHECKOUT / "ckpt_indexer").rglob("*.py"))
        for pair in made.findall(file.read_text(encoding="utf-8"))
        for found in pair
        if found
    }
    page = (DOCS / "row.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))

    assert len(kinds) > 15
    assert kinds <= documented
