"""Rankings against an answer worked out in plain Python."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.catalog.query import Query, parse
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.store import read_walk
from ckpt_indexer.store.queries import best
from ckpt_indexer.store.read_rows import Look, looking
from ckpt_indexer.store.readonly import open_readonly
from tests.client.catalog_database import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = st.sampled_from([None, 0.0, 0.1, 0.5, 0.5, 0.9, 1.0])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "backbone": st.sampled_from([None, "", "a", "b", "B"]),
            "experiment": st.sampled_from([None, "x", "y"]),
            "dataset": st.sampled_from([None, "d1", "d2"]),
            "epoch": st.sampled_from([None, 0, 1, 2]),
            "hmean": VALUES,
            "other": VALUES,
            "stale": st.booleans(),
            "presence": st.sampled_from(["present", "present", "present", "missing", "unreachable"]),
            "link": st.sampled_from([False, False, False, True]),
        }
    ),
    max_size=12,
)


def stored(number: int, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": f"{number * 7 % 13:02d}.ckpt", "backbone": row["backbone"], "experiment": row["experiment"],
        "dataset": row["dataset"], "epoch": row["epoch"], "hmean": row["hmean"], "presence": row["presence"],
        "metrics": {"m/other": row["other"]}, "stale": ["m/other"] if row["stale"] else [],
        "kind": "symlink" if row["link"] else "file",
    }  # fmt: skip


def expected(rows: list[dict[str, Any]], metric: str, by: str, k: int, mode: str) -> list[tuple[Any, ...]]:
    """Return (id, group, value, rank, n, ties) as the contract words it."""
    sign = -1 if mode == "max" else 1
    groups: dict[str | None, list[tuple[Any, ...]]] = {}
    for number, row in enumerate(rows):
        value = row["hmean"] if metric == "hmean" else (None if row["stale"] else row["other"])
        if row["presence"] != "present" or row["link"] or value is None:
            continue
        group = None if by == "none" else row[by]
        place = (sign * value, row["epoch"] is None, row["epoch"] or 0, f"{number * 7 % 13:02d}.ckpt")
        groups.setdefault(group, []).append((place, number + 1, value))
    ordered = sorted((group for group in groups if group is not None), key=lambda group: min(groups[group]))
    found = []
    for group in [*ordered, *([None] if None in groups else [])]:
        members = sorted(groups[group])
        for rank, (_place, row_id, value) in enumerate(members[:k], 1):
            ties = sum(1 for member in members if member[2] == value)
            found.append((row_id, group, value, rank, len(members), ties))
    return found


def answer(look: Look, metric: str, by: str, text: str, *, k: int, mode: str) -> list[tuple[Any, ...]]:
    page = best(look, metric, by, text, k=k, mode=mode)
    return [tuple(row[key] for key in ("id", "group", "value", "rank", "n", "ties")) for row in page]


@given(ROWS, st.sampled_from(["backbone", "experiment", "none"]), st.integers(1, 3), st.sampled_from(["min", "max"]))
@settings(deadline=None, max_examples=40)
def test_every_way_to_rank_gives_what_the_contract_says(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], by: str, k: int, mode: str
) -> None:
    path = tmp_path_factory.mktemp("ranked") / "c.db"
    build(path, [stored(number, row) for number, row in enumerate(rows)], wal=False)
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        for metric in ("hmean", "m/other"):
            right = expected(rows, metric, by, k, mode)
            assert answer(look, metric, by, "", k=k, mode=mode) == right
            assert answer(look, metric, by, "id>0", k=k, mode=mode) == right


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    rows = [
        {"path": f"{n}.ckpt", "backbone": "weak" if n < 5 else "strong", "hmean": 0.5, "epoch": 9 - n % 5,
         "metrics": {"m/other": (0.0 if n < 5 else 1.0) + n % 3}, "directions": {"m/other": "max"}}
        for n in range(60)
    ]  # fmt: skip
    path = build(tmp_path / "c.db", rows)
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as made:
        yield made


@pytest.mark.parametrize("k", [1, 2, 10])
def test_a_group_far_down_is_looked_up_with_the_same_answer(look: Look, k: int) -> None:
    pages = [read_walk.best(look, "m/other", "backbone", k=k, mode=None, patience=n) for n in (1, 3, 10_000)]
    assert [dict(row) for row in pages[0]] == [dict(row) for row in pages[2]]
    assert [dict(row) for row in pages[1]] == [dict(row) for row in pages[2]]
    assert {row["group"] for row in pages[0]} == {"weak", "strong"}


def test_a_group_without_headline_metrics_is_walked_to(tmp_path: Path) -> None:
    rows = [{"path": f"{n}.ckpt", "backbone": "x" if n else "y", "metrics": {"m": float(n)}} for n in range(9)]
    path = build(tmp_path / "c.db", rows)
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        page = read_walk.best(look, "m", "backbone", k=1, mode="max", patience=2)
        assert [(row["group"], row["value"]) for row in page] == [("x", 8.0), ("y", 0.0)]


def test_the_direction_of_a_well_known_name_needs_no_document(tmp_path: Path) -> None:
    rows = [{"path": f"{n}.ckpt", "metrics": {"val/loss": float(n)}} for n in range(3)]
    path = build(tmp_path / "c.db", rows)
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        assert best(look, "val/loss", "none", "", k=1, mode=None)[0]["value"] == 0.0


def test_a_direction_nobody_knows_asks_for_a_mode(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [{"path": "a.ckpt", "metrics": {"zork": 1.0}}])
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        for text in ("", "id>0"):
            with pytest.raises(InvalidFilter, match="--mode min or --mode max"):
                best(look, "zork", "none", text, k=1, mode=None)


def test_counts_the_writer_has_not_kept_are_made_on_the_spot(tmp_path: Path) -> None:
    import sqlite3

    path = build(tmp_path / "c.db", [{"path": f"{n}.ckpt", "backbone": "a", "hmean": 0.5} for n in range(3)])
    with closing(sqlite3.connect(path)) as other:
        other.execute("DELETE FROM facets")
        other.commit()
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        assert best(look, "hmean", "backbone", "", k=1, mode=None)[0]["n"] == 3
        assert best(look, "hmean", "none", "", k=1, mode=None)[0]["n"] == 3


def test_an_empty_text_is_the_query_for_everything(look: Look) -> None:
    from ckpt_indexer.store.queries import parsed

    assert parsed(look, "") == parsed(look, []) == parse("") == Query()
