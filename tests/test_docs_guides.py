"""What the guides show is run as it stands there: Datasette, DuckDB, pandas beside a writer, HTTP against a server."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.api.metrics import PREFIX
from tests.api.interface import interface
from tests.client.catalog_database import build
from tests.store.fakes import Catalog, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface

CHECKOUT = Path(__file__).parent.parent
DOCS = CHECKOUT / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def shown_with(page: str, language: str, word: str) -> str:
    """Return the one example of a page that has this word in it."""
    (found,) = [block for block in blocks(page, language) if word in block]
    return found


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog that its writer still holds open, as a daemon does."""
    from ckpt_indexer.store.writer import open_writer

    path = tmp_path / "catalog.db"
    open_writer(path).close()
    made = Catalog(path)
    made.describe("a.ckpt", record(hmean=0.5, epoch=0))
    made.describe("b.ckpt", record(hmean=0.75, epoch=1))
    yield made
    made.writer.close()


def test_datasette_answers_as_documented_while_a_writer_holds_the_catalog(catalog: Catalog) -> None:
    pytest.importorskip("datasette", reason="datasette is not installed: its commands not tried")
    asked = shown_with("sql.md", "sh", 'datasette "$(ckpt-indexer db path)" --get')
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | {"PATH": programs, "CKPT_INDEXER_DB": str(catalog.path)}

    done = subprocess.run(
        ["bash", "-c", asked], cwd=catalog.path.parent, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == '[{"backbone": "resnet18", "n": 2, "hmean": 0.75, "path": "b.ckpt"}]', done.stderr


def test_duckdb_answers_as_documented_while_a_writer_holds_the_catalog(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: its lines not tried")
    install_extension(duckdb, tmp_path / "extensions")
    monkeypatch.chdir(catalog.path.parent)
    names: dict[str, Any] = {}

    try:
        exec(shown_with("sql.md", "python", "duckdb"), names)
        assert names["spread"].fetchall() == [("resnet18", 2, 0.625, 0.75)]
        assert names["curves"].fetchall() == [("exp", 0, 0.5, None), ("exp", 1, 0.5, None)]
        assert (tmp_path / "metrics.parquet").stat().st_size > 0
    finally:
        duckdb.sql("DETACH DATABASE IF EXISTS c")


def install_extension(duckdb: Any, folder: Path) -> None:
    """Put the packaged extension where `INSTALL sqlite` would put it, so that it needs no network."""
    found = importlib.util.find_spec("duckdb_extension_sqlite_scanner")
    if found is None or found.origin is None:
        pytest.skip("duckdb-extension-sqlite-scanner is not installed: DuckDB's lines not tried")
    (platform,), (version, *_) = (duckdb.sql(f"PRAGMA {word}").fetchone() for word in ("platform", "version"))
    made = next(iter(Path(found.origin).parent.rglob(f"{version}/*.duckdb_extension")), None)
    if made is None:
        pytest.skip(f"duckdb-extension-sqlite-scanner is not that of DuckDB {version}: DuckDB's lines not tried")
    (folder / version / platform).mkdir(parents=True)
    shutil.copy(made, folder / version / platform)
    duckdb.sql(f"SET extension_directory = '{folder}'")


def test_pandas_reads_the_catalog_as_documented(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed: its lines not tried")
    monkeypatch.chdir(catalog.path.parent)
    names: dict[str, Any] = {}

    exec(shown_with("sql.md", "python", "pandas"), names)

    names["connection"].close()
    assert names["best"].to_dict("records") == [{"backbone": "resnet18", "hmean": 0.75, "epoch": 1, "path": "b.ckpt"}]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    rows = [{"path": f"e/{epoch}.ckpt", "experiment": "e", "epoch": epoch, "hmean": epoch / 4} for epoch in range(4)]
    with interface(build(tmp_path_factory.mktemp("guides") / "catalog.db", rows)) as running:
        yield running


def test_the_documented_loop_over_pages_yields_every_row_once(http: Interface) -> None:
    names: dict[str, Any] = {}
    code = shown_with("ui-authors.md", "python", "def every_row").replace('"limit": 500', '"limit": 3')
    exec(code, names)

    assert [row["epoch"] for row in names["every_row"](http.url, "hmean-")] == [3, 2, 1, 0]


def test_the_documented_loop_over_events_goes_on_where_it_was(http: Interface) -> None:
    names: dict[str, Any] = {}
    exec(shown_with("ui-authors.md", "python", "def events"), names)
    stream = names["events"]("127.0.0.1", http.port, 1)

    greeted, missed = next(stream), next(stream)
    stream.close()

    assert (greeted[0], greeted[1]) == (1, "hello")
    assert (missed[0], missed[1]) == (str(missed[2]["seq"]), "catalog")
    assert {row["path"] for row in missed[2]["changed"]} <= {f"e/{epoch}.ckpt" for epoch in range(4)}


def test_every_metric_is_explained_and_every_explained_metric_exists(http: Interface) -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    section = text[text.index("## Metrics") : text.index("## Logs")]
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    explained = {name for cell in cells for name in re.findall(r"`([a-z_]+)(?:\{[a-z,]+\})?`", cell)}
    counted = ("waiting", "uptime_s", "dropped_hints", "watcher_restarts", "writer_restarts", "lost_events")
    http.control.state |= dict.fromkeys(counted, 0)

    told = re.findall(rf"^# TYPE {PREFIX}(\w+) ", http.get("/metrics").text, re.MULTILINE)

    assert set(told) == explained


def test_the_documented_alerts_ask_for_metrics_that_exist(http: Interface) -> None:
    alerts = shown_with("operations.md", "yaml", "alert:")
    told = set(re.findall(r"^# TYPE (\w+) ", http.get("/metrics").text, re.MULTILINE))
    asked = set(re.findall(rf"{PREFIX}\w+", alerts))
    assert len(asked) == alerts.count("alert:")
    assert asked <= told


def test_every_benchmark_has_its_line() -> None:
    made = {path.name for path in (CHECKOUT / "scripts").glob("bench_*.py")}
    run = re.search(r"^BENCHES := (.+)$", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert run is not None
    listed = re.findall(r"^\| `scripts/(bench_\w+\.py)`", (DOCS / "benchmarks.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(made)
    assert {f"bench_{name}.py" for name in run[1].split()} == made


def test_the_page_is_described_as_it_is() -> None:
    pytest.importorskip("nicegui", reason="nicegui is not installed: the page's keys not compared")
    layout = importlib.import_module("ckpt_indexer.web.layout")
    text = (DOCS / "page.md").read_text(encoding="utf-8")
    views = re.findall(r"^\| ([A-Z]\w+) \| .+ \| `/ui/(\w*)", text, re.MULTILINE)
    keys = text[text.index("## Keys") : text.index("## Addresses")]

    assert views == [(place.name, place.page) for place in layout.PLACES]
    assert [place.key for place in layout.PLACES] == re.findall(r"`(\w)`", keys[keys.index("`g` then") + 8 :])[:6]
    assert keys.count("\n| ") == len(layout.KEYS) + 2


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), CHECKOUT / "README.md"], ids=lambda path: path.name)
def test_prose_fits_the_width_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = [] if text.startswith("<!-- Generated") else re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
    assert [line for line in prose if len(line) > 120 and not line.startswith(("|", "!"))] == []
