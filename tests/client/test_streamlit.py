"""The dropdown, in apps that Streamlit's own test bench runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.interface import interface
from tests.client.catalog_contract import rows
from tests.client.catalog_database import CatalogFile, build

pytest.importorskip("streamlit", reason="the dropdown needs the extra `streamlit`")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # Streamlit's own

from streamlit.testing.v1 import AppTest  # noqa: E402  # after the check that it is installed

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "streamlit_app.py")


def app(where: str, query: str, limit: int) -> None:
    """Run in the test bench, which takes nothing along but the arguments."""
    import streamlit as st

    from ckpt_indexer.client import connect
    from ckpt_indexer.client.streamlit import checkpoint_selectbox

    row = checkpoint_selectbox("Checkpoint", st.cache_resource(connect)(where), query, limit=limit)
    st.text("nothing" if row is None else row["path"])


def shown(where: Any, query: str = "hmean-", limit: int = 1000) -> AppTest:
    test = AppTest.from_function(app, args=(str(where), query, limit), default_timeout=20)
    return ran(test)


def ran(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception, test.exception
    return test


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    import streamlit as st

    yield
    st.cache_resource.clear()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[CatalogFile]:
    made = CatalogFile(tmp_path / "catalog.db")
    made.add_all(rows())
    yield made
    made.close()


def test_the_first_of_the_query_is_chosen_and_its_row_returned(file: CatalogFile) -> None:
    test = shown(file.path)
    box = test.selectbox[0]
    assert box.options[2:4] == [
        "dbnet · resnet18 · a (ep9 • hmean 0.900 • 20260630_2359)",
        "dbnet · resnet50 · b (ep1 • hmean 0.900 • 20260701_0000)",
    ]
    assert (box.value, test.text[0].value, len(box.options)) == (5, "c/best.ckpt", 7)


def test_a_choice_stays_when_the_catalog_changes(file: CatalogFile) -> None:
    test = shown(file.path)
    test.selectbox[0].select(3)
    assert ran(test).text[0].value == "b/checkpoints/epoch=1.ckpt"
    file.add("new/epoch=7.ckpt", hmean=0.999, backbone="vit", metrics={"hmean": 0.999})
    ran(test)
    assert (test.selectbox[0].value, test.text[0].value) == (3, "b/checkpoints/epoch=1.ckpt")
    assert test.selectbox[0].options[0] == "vit (hmean 0.999)"
    file.connection.execute("UPDATE checkpoints SET presence = 'missing' WHERE id = 3")
    file.add("other.ckpt")
    assert ran(test).text[0].value == "new/epoch=7.ckpt"


def test_the_list_is_read_once_for_each_state(file: CatalogFile, monkeypatch: pytest.MonkeyPatch) -> None:
    from ckpt_indexer.client.local import LocalCatalog

    asked: list[str] = []
    find = LocalCatalog.find

    def counted(catalog: LocalCatalog, query: str = "", **given: Any) -> Any:
        asked.append(query)
        return find(catalog, query, **given)

    monkeypatch.setattr(LocalCatalog, "find", counted)
    test = shown(file.path)
    ran(test)
    assert len(asked) == 1
    file.add("new.ckpt")
    ran(test)
    assert len(asked) == 2


def test_a_daemon_is_asked_alike(file: CatalogFile) -> None:
    with interface(file.path) as running:
        assert shown(running.url, "backbone:resnet18 hmean-").text[0].value == "a/checkpoints/epoch=9.ckpt"


def test_nothing_matches(file: CatalogFile) -> None:
    test = shown(file.path, "exp:nothing")
    assert (test.selectbox[0].disabled, test.selectbox[0].options, test.text[0].value) == (True, [], "nothing")


def test_a_wrong_query_is_said(file: CatalogFile) -> None:
    test = shown(file.path, "backbon:x")
    assert "did you mean backbone" in test.error[0].value
    assert test.text[0].value == "nothing"


def test_a_daemon_that_ended_is_said(file: CatalogFile) -> None:
    with interface(file.path) as running:
        test = shown(running.url)
        assert test.text[0].value == "c/best.ckpt"
    assert "nothing listens at" in ran(test).error[0].value


def test_a_long_list_is_cut(file: CatalogFile) -> None:
    test = shown(file.path, limit=3)
    assert (len(test.selectbox[0].options), test.caption[0].value[:11]) == (3, "the first 3")


def test_the_example_shows_what_would_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = build(tmp_path / "catalog.db", rows())
    monkeypatch.setattr(sys, "argv", [EXAMPLE, str(database)])
    test = ran(AppTest.from_file(EXAMPLE, default_timeout=20))
    assert test.selectbox[0].value == 5
    assert "/data/outputs/c/best.ckpt" in test.code[0].value
    assert [one.label for one in test.metric] == ["hmean"]
    test.text_input[0].set_value("backbone:resnet18 hmean-")
    assert "epoch=9.ckpt" in ran(test).code[0].value
    test.text_input[0].set_value("exp:nothing")
    assert len(ran(test).code) == 0


def test_the_example_says_when_there_is_no_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [EXAMPLE, str(tmp_path / "none.db")])
    assert "none" in ran(AppTest.from_file(EXAMPLE, default_timeout=20)).error[0].value
