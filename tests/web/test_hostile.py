"""Names that are markup, code and control characters, on every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.web import catalogs
from tests.web.catalogs import HOSTILE
from tests.web.drawing import Drawing, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface
    from tests.web.conftest import Opened

NAME = quote(HOSTILE, safe="")
PAGES = (
    "", "best", "best?by=experiment", "best?by=none", "experiments", f"experiments?name={NAME}&over={NAME}&also={NAME}",
    "compare?ids=1,2", "disk", "disk?by=experiment,root", "health", f"?q={NAME}", f"best?metric={NAME}",
    f"best?q={NAME}", f"best?by={NAME}", f"disk?by={NAME}", f"experiments?q={NAME}&metric={NAME}&order={NAME}",
    f"compare?ids=1&metric={NAME}", f"health?q={NAME}",
)  # fmt: skip


@pytest.fixture(scope="module")
def evil(opened: Opened) -> Iterator[Interface]:
    with opened(catalogs.hostile()) as running:
        yield running


def strings_of(value: Any, key: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for name, item in value.items() for pair in strings_of(item, name)]
    if isinstance(value, list):
        return [pair for item in value for pair in strings_of(item, key)]
    return [(key, value)] if isinstance(value, str) else []


@pytest.mark.parametrize("address", PAGES, ids=range(len(PAGES)))
def test_nothing_a_file_says_is_more_than_text(evil: Interface, address: str) -> None:
    answer = evil.get("/ui/" + address)
    assert answer.status_code == 200
    assert "<img" not in answer.text
    drawing = Drawing(answer)
    assert not re.search("[`$<>]", drawing.payload)
    elements = tags_of(drawing.header + drawing.html)
    assert {"img", "script", "iframe"}.isdisjoint(name for name, _ in elements)
    assert [name for _, attributes in elements for name in attributes if name.startswith("on")] == []
    assert not re.search("[\u202e\x1b]", drawing.text)
    for chart in drawing.charts:
        assert [key for key, _ in strings_of(chart) if key.startswith(":")] == []


@pytest.mark.parametrize("address", PAGES, ids=range(len(PAGES)))
def test_only_the_template_s_own_scripts_are_let_run(evil: Interface, address: str) -> None:
    (policy,) = [
        one for one in evil.get("/ui/" + address).headers.get_list("content-security-policy") if "sha256" in one
    ]
    assert policy.count("'sha256-") == 4


def test_titles_of_pages_are_inert(evil: Interface) -> None:
    title = Drawing(evil.get(f"/ui/experiments?name={NAME}")).title
    assert "\\u202e" in title
    assert "&lt;img" in title


def test_rows_and_the_drawer_are_inert(evil: Interface) -> None:
    rows = evil.get("/ui/data/rows?end=10").json()["rows"]
    assert all(text.isprintable() for key, text in strings_of(rows))
    assert "<img" not in evil.get("/ui/data/detail?id=1").text
