"""What a user installs: the wheel holds everything the program needs, and works far from the checkout."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the wheel and the source archive, built with the tools at hand, without a network."""
    out = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(out),
        str(CHECKOUT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory holding the package as pip would install it."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


def run_installed(target: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the installed package, and of no other."""
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "import ckpt_indexer\n"
        f"assert ckpt_indexer.__file__.startswith({str(target)!r}), ckpt_indexer.__file__\n"
        f"sys.argv = ['ckpt-indexer', *{arguments!r}]\n"
        "from ckpt_indexer.cli.main import run\n"
        "run()"
    )
    command = [sys.executable, "-P", "-c", program]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_holds_code_migrations_configs_and_the_licence(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    for folder, home in (("migrations", "_migrations"), ("configs", "_configs")):
        for path in (CHECKOUT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"ckpt_indexer/{home}/{path.relative_to(CHECKOUT / folder).as_posix()}" in names
    assert "ckpt_indexer/py.typed" in names
    assets = {f"ckpt_indexer/web/assets/{path.name}" for path in (CHECKOUT / "ckpt_indexer/web/assets").iterdir()}
    assert len(assets) >= 3
    assert assets <= names
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_wheel_holds_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"ckpt_indexer"}
    assert [name for name in names if "__pycache__" in name or "/tests/" in name] == []


def test_the_source_archive_can_be_tested(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "constraints.txt", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert {"tests/test_packaging.py", "scripts/demo.py", "docs/index.md", "migrations/env.py"} <= names


def test_the_command_is_declared(built: Path) -> None:
    scripts = configparser.ConfigParser()
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        scripts.read_string(wheel.read(name).decode())
    assert dict(scripts["console_scripts"]) == {"ckpt-indexer": "ckpt_indexer.cli.main:run"}


def test_the_installed_package_makes_and_asks_a_catalog(installed: Path, tmp_path: Path) -> None:
    checkpoints = tmp_path / "outputs" / "dbnet-demo" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "epoch=0-step=10.ckpt").write_bytes(b"PK\x05\x06" + bytes(18))
    (checkpoints / "epoch=0-step=10.metadata.yaml").write_text(
        "schema_version: '2.0'\ncheckpoint_path: dbnet-demo/checkpoints/epoch=0-step=10.ckpt\n"
        "training:\n  epoch: 0\n  global_step: 10\n"
        "model:\n  architecture: dbnet\n  encoder:\n    model_name: resnet18\nmetrics:\n  hmean: 0.5\n",
        encoding="utf-8",
    )
    scanned = run_installed(installed, "scan", "outputs", "--db", "catalog.db", cwd=tmp_path)
    assert scanned.returncode == 0, scanned.stderr
    asked = run_installed(installed, "best", "--db", "catalog.db", "-o", "paths", cwd=tmp_path)
    assert (asked.returncode, Path(asked.stdout.strip()).name) == (0, "epoch=0-step=10.ckpt"), asked.stderr
    checked = run_installed(installed, "db", "check", "--db", "catalog.db", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_the_installed_package_writes_its_example_settings(installed: Path, tmp_path: Path) -> None:
    done = run_installed(installed, "config", "init", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "ckpt-indexer.toml").read_text(encoding="utf-8")
    assert written == (CHECKOUT / "configs" / "example.toml").read_text(encoding="utf-8")


def test_only_torch_is_constrained() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").split()
    assert [line.partition("==")[0] for line in lines] == ["torch"]


def test_the_extras_are_the_promised_ones() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert extras == {"ui", "wandb", "torch", "lightning", "transformers", "parquet", "streamlit", "all", "test"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"
