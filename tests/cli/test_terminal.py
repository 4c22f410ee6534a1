from __future__ import annotations

import io

import pytest
from rich.console import Console

from ckpt_indexer.cli import terminal
from ckpt_indexer.cli.columns import column
from ckpt_indexer.cli.commands.best import columns as best_columns
from ckpt_indexer.cli.commands.ls import COLUMNS
from ckpt_indexer.cli.text import width

WIDE = ["1", "experiment-1", "resnet18", "12", "0.8125", "2.0 KiB", "ok", "runs/dbnet/checkpoints/best-of-all.ckpt"]


def drawn(cells: list[list[str]], columns: int, *, color: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=True, no_color=not color, highlight=False)
    terminal.draw(COLUMNS, cells, color=color, console=console)
    return out.getvalue()


@pytest.mark.parametrize("room", [200, 120, 100, 80, 60, 40, 20])
def test_no_line_is_wider_than_the_terminal(room: int) -> None:
    plain = drawn([WIDE], room).replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert max(width(line.rstrip()) for line in plain.splitlines()) <= room


@pytest.mark.parametrize(
    ("room", "kept"),
    [(200, "id experiment backbone epoch hmean size state path"), (75, "id experiment backbone epoch hmean state path"),
     (56, "id backbone epoch hmean path"), (46, "id backbone hmean path"), (36, "id hmean path"), (10, "id path")],
)  # fmt: skip
def test_narrow_terminals_leave_out_what_matters_least(room: int, kept: str) -> None:
    places = terminal.fitting(COLUMNS, [WIDE], room)
    assert [COLUMNS[place].title for place in places] == kept.split()


def test_a_path_is_wrapped_never_cut() -> None:
    text = drawn([WIDE], 45)
    assert "…" not in text
    tail = "".join(line[-24:].strip() if "0.81" not in line else line.split()[-1] for line in text.splitlines()[1:])
    assert "checkpoints" in tail.replace("\x1b[0m", "")


def test_cells_are_text_not_markup() -> None:
    cells = [[*WIDE[:-1], "[bold red]x[/] :smile: [link=http://x]y[/link]"]]
    assert "[bold red]x[/] :smile: [link=http://x]y[/link]" in drawn(cells, 200)


def test_a_ranking_keeps_group_value_and_path() -> None:
    columns = best_columns("hmean", "backbone", 3)
    cells = [["x" * 10 for _ in columns]]
    assert [columns[place].title for place in terminal.fitting(columns, cells, 20)] == ["backbone", "hmean", "path"]


def test_a_table_of_one_column_fits_anywhere() -> None:
    assert terminal.fitting([column("a")], [["x" * 500]], 3) == [0]
