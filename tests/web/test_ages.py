from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web.ages import MOST_BARS, Bar, bars, options, table, term, title
from tests.web.drawing import rows_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def sizes(*months: str | None, size_bytes: int = 10) -> list[dict[str, Any]]:
    return [{"month": month, "count": 1, "size_bytes": size_bytes} for month in months]


def test_months_without_files_are_gaps_in_the_order_of_time() -> None:
    found = bars(sizes("2026-02", "2025-11", size_bytes=7))
    assert [(bar.label, bar.files, bar.size_bytes) for bar in found] == [
        ("2025-11", 1, 7), ("2025-12", 0, 0), ("2026-01", 0, 0), ("2026-02", 1, 7),
    ]  # fmt: skip
    drawn = options(found)
    assert drawn["xAxis"]["data"] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert [one is None for one in drawn["series"][0]["data"]] == [False, True, True, False]


def test_what_is_unknown_has_a_bar_of_its_own_at_the_end() -> None:
    found = bars(sizes(None, "2026-06"))
    assert found[-1] == Bar("unknown", "created:", 1, 10)
    assert [bar.label for bar in bars(sizes(None))] == ["unknown"]
    assert bars([]) == []
    assert title(bars(sizes(None))) == "Age, by month of creation"


def test_sixty_months_are_months_and_one_more_are_years() -> None:
    assert len(bars(sizes("2021-07", "2026-06"))) == MOST_BARS
    found = bars(sizes("2021-06", "2021-12", "2026-06"))
    assert [(bar.label, bar.query, bar.files) for bar in found] == [
        ("2021", "created:2021", 2), ("2022", "created:2022", 0), ("2023", "created:2023", 0),
        ("2024", "created:2024", 0), ("2025", "created:2025", 0), ("2026", "created:2026", 1),
    ]  # fmt: skip
    assert (title(found), title(bars(sizes("2026-06")))) == ("Age, by year of creation", "Age, by month of creation")


def test_clocks_gone_wrong_make_no_thousand_bars() -> None:
    found = bars(sizes("0001-01", "1970-01", "2026-06", "9999-12"))
    assert [bar.label for bar in found] == ["0001", "1970", "2026", "9999"]
    many = bars(sizes(*(f"{year}-01" for year in range(1900, 2000))))
    assert len(many) == MOST_BARS
    assert (many[0].label, many[0].query, many[0].files) == ("until 1940", "created:..1940", 41)
    assert sum(bar.files for bar in many) == 100


@pytest.mark.parametrize(
    "months",
    [
        ["2026-03-31T23:59:59.999999Z", "2026-04-01T00:00:00Z", "2026-02-28T23:59:59Z", None, "2026-03-01T00:00:00Z"],
        ["2016-01-01T00:00:00Z", "2026-12-31T23:59:59.5Z", "2026-01-01T00:00:00Z", None],
        [f"{year}-06-01T00:00:00Z" for year in range(1900, 2000, 1)],
    ],
    ids=["months", "years", "centuries"],
)
def test_a_bar_leads_to_just_the_checkpoints_it_counts(of: Of, months: list[str | None]) -> None:
    catalog = of([{"path": f"{n}.ckpt", "created_at": at, "size_bytes": 10**n} for n, at in enumerate(months[:15])])
    found = bars(catalog.disk(["month"]))
    assert sum(bar.files for bar in found) == len(months[:15])
    for bar in found:
        rows = catalog.find(bar.query)
        assert (len(rows), sum(row["size_bytes"] for row in rows)) == (bar.files, bar.size_bytes), bar


def test_files_that_are_not_there_take_no_room(of: Of) -> None:
    row = {"created_at": "2026-03-01T00:00:00Z", "size_bytes": 5}
    catalog = of([row | {"path": "a.ckpt"}, row | {"path": "b.ckpt", "presence": "missing"}])
    assert bars(catalog.disk(["month"])) == [Bar("2026-03", "created:2026-03", 1, 5)]


def test_of_many_bars_the_last_has_its_label() -> None:
    few, many = (options(bars(sizes("2026-01", last, None)))["xAxis"] for last in ("2026-11", "2026-12"))
    assert few["axisLabel"] == {"hideOverlap": True}
    assert (many["data"][-1], many["axisLabel"]["showMaxLabel"]) == ("unknown", True)


@pytest.mark.parametrize(
    ("size_bytes", "unit", "value"), [(0, "B", 0), (999, "B", 999), (1_500_000, "MB", 1.5), (2 * 10**15, "PB", 2)]
)
def test_bars_are_measured_in_the_unit_of_the_largest(size_bytes: int, unit: str, value: float) -> None:
    drawn = options(bars(sizes("2026-06", size_bytes=size_bytes)))
    assert drawn["yAxis"]["name"] == unit
    (bar,) = drawn["series"][0]["data"]
    assert bar["value"] == value
    assert bar["query"] == "created:2026-06"


def test_a_bar_says_how_many_files_and_bytes() -> None:
    months = [{"month": "2026-06", "count": 1200, "size_bytes": 3_000_000}, *sizes("2026-07")]
    said = [one["tooltip"]["formatter"] for one in options(bars(months))["series"][0]["data"]]
    assert said == ["2026-06\n3 MB in 1,200 files", "2026-07\n10 B in 1 file"]
    spoken = options(bars([*months, *sizes("2026-09")]))["aria"]["label"]["description"]
    assert spoken == (
        "Age, by month of creation. 2026-06: 3 MB in 1,200 files; 2026-07: 10 B in 1 file; 2026-09: 10 B in 1 file."
    )


def test_the_table_has_the_same_numbers_and_links() -> None:
    made = table(bars(sizes("2026-01", "2026-03", None)))
    assert rows_of(made)[1:] == [
        ["2026-01", "1", "10 B"], ["2026-02", "0", "0 B"], ["2026-03", "1", "10 B"], ["unknown", "1", "10 B"],
    ]  # fmt: skip
    links = [one["href"] for name, one in tags_of(made) if name == "a"]
    assert links == ["/ui/?q=created%3A2026-01", "/ui/?q=created%3A2026-03", "/ui/?q=created%3A"]


@pytest.mark.parametrize(
    ("field", "value", "query"),
    [("month", "2026-03", "created:2026-03"), ("month", None, "created:"), ("root", None, "root:"),
     ("root", "a b", 'root:"a b"')],
)  # fmt: skip
def test_what_was_counted_is_found_again(field: str, value: str | None, query: str) -> None:
    assert term(field, value) == query
