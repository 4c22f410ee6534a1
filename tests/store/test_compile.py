from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.catalog.fields import FIELDS
from ckpt_indexer.catalog.query import parse
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.store.compile import Key, compile_query, order_by, seek
from tests.client.catalog_database import schema


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    for statement in schema():
        made.execute(statement)
    return made


def run(database: sqlite3.Connection, text: str) -> list[tuple[object, ...]]:
    compiled = compile_query(parse(text, ["m"]))
    statement = f"SELECT c.id FROM checkpoints c WHERE {compiled.where} ORDER BY {order_by(compiled.keys)}"
    return database.execute(statement, compiled.parameters).fetchall()


def test_values_are_bound_and_never_spelled() -> None:
    hostile = "x') OR 1=1 --"
    compiled = compile_query(parse(f'backbone:"{hostile}" "{hostile}" param.a:"{hostile}" tags:"{hostile}"'))
    assert hostile not in compiled.where
    assert list(compiled.parameters.values()).count(hostile) == 4


def test_names_of_metrics_and_params_are_bound() -> None:
    compiled = compile_query(parse('"a/\'b">1 param.\'x:1 "a/\'b"-', ["a/'b"]))
    assert "'b" not in compiled.where
    assert all("'b" not in key.expression for key in compiled.keys)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("form", ["{}:", "-{}:", "{}:1", "{}:*", "{}>1", "{}:1..2", "{}-"])
def test_every_field_compiles_in_every_form_it_allows(database: sqlite3.Connection, name: str, form: str) -> None:
    try:
        found = run(database, form.format(name))
    except InvalidFilter as error:
        assert error.message  # noqa: PT017  # a form the field does not allow
    else:
        assert found == []


ATOMS = st.sampled_from(
    ["backbone:x", "-exp:a*",
     "hmean>1", "m<3", "val/x:1..2", "param.a:b", "param.a-", "tags:x", "presence:any", "x?", "m-",
     "created:2026", "id:1,2", "conflicts:", "abs_path:/x", "epoch-", "path+", "size>3M"]
)  # fmt: skip


@given(st.lists(ATOMS, max_size=6))
@settings(deadline=None, max_examples=100)
def test_any_mix_of_terms_is_one_statement(database: sqlite3.Connection, atoms: list[str]) -> None:
    assert run(database, " ".join(atoms)) == []


KEYS = (Key("a", descending=True), Key("b", descending=False))
SMALL = st.one_of(st.none(), st.integers(0, 2))


@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=80)
def test_seeking_behind_any_row_gives_the_rows_behind_it(
    rows: list[tuple[int | None, int | None]], data: st.DataObject
) -> None:
    memory = sqlite3.connect(":memory:")
    memory.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    memory.executemany("INSERT INTO t (a, b) VALUES (?, ?)", rows)
    source = "SELECT c.id, c.a, c.b FROM t c"
    whole = memory.execute(f"{source} ORDER BY {order_by(KEYS)}").fetchall()
    index = data.draw(st.integers(0, len(whole) - 1))
    row_id, *values = whole[index]
    condition, parameters = seek(KEYS, tuple(values), row_id)
    behind = memory.execute(f"{source} WHERE {condition} ORDER BY {order_by(KEYS)}", parameters).fetchall()
    memory.close()
    assert behind == whole[index + 1 :]


def test_only_queries_that_say_nothing_of_presence_hide_rows() -> None:
    assert compile_query(parse("")).present_only
    assert not compile_query(parse("presence:any")).present_only
    assert not compile_query(parse("-presence:missing")).present_only
