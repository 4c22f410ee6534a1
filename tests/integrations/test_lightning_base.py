"""Either name of Lightning will do, and whichever the training imported counts."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ASK = """
from ckpt_indexer.integrations.lightning import MetadataCallback
names = [name for name in ("lightning.pytorch", "pytorch_lightning") if name in sys.modules]
print(names, [isinstance(MetadataCallback(), sys.modules[name].Callback) for name in names])
print(sorted({"pydantic", "torch", "wandb", "yaml", "sqlite3"} & set(sys.modules)))
"""


def stand_ins(folder: Path, *packages: str) -> None:
    """Make importable packages that hold nothing but a Callback of their own."""
    for package in packages:
        place = folder.joinpath(*package.split("."))
        place.mkdir(parents=True)
        if place.parent != folder:
            (place.parent / "__init__.py").touch()
        (place / "__init__.py").write_text("class Callback:\n    pass\n")


def answers(folder: Path, before: str) -> list[str]:
    program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(CHECKOUT)!r}]\n{before}\n{ASK}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        ("import lightning.pytorch", "['lightning.pytorch'] [True]"),
        ("import pytorch_lightning", "['pytorch_lightning'] [True]"),
        ("import pytorch_lightning, lightning.pytorch", "['lightning.pytorch', 'pytorch_lightning'] [True, True]"),
        ("", "['lightning.pytorch'] [True]"),
    ],
)
def test_the_callback_is_one_of_the_package_in_use(tmp_path: Path, imported: str, expected: str) -> None:
    stand_ins(tmp_path, "lightning.pytorch", "pytorch_lightning")
    first, loaded = answers(tmp_path, imported)
    assert (first, loaded) == (expected, "[]")  # and nothing heavy came with it


def test_the_one_that_is_installed_is_found(tmp_path: Path) -> None:
    stand_ins(tmp_path, "pytorch_lightning")
    hidden = "sys.modules['lightning'] = None"
    assert answers(tmp_path, hidden)[0] == "['pytorch_lightning'] [True]"


def test_without_lightning_the_error_says_what_to_install(tmp_path: Path) -> None:
    hidden = "sys.modules['lightning'] = sys.modules['pytorch_lightning'] = None"
    assert answers(tmp_path, hidden)[-1].endswith("pip install 'ckpt-indexer[lightning]'")


TRAINING = """
import sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
if sys.argv[1] == "pytorch_lightning":  # the same tests, under the other name
    import pytorch_lightning, pytorch_lightning.callbacks
    import types
    sys.modules["lightning"] = types.ModuleType("lightning")
    sys.modules["lightning.pytorch"] = pytorch_lightning
    sys.modules["lightning.pytorch.callbacks"] = pytorch_lightning.callbacks
from tests.integrations.trainings import *
from lightning.pytorch.callbacks import ModelCheckpoint
import lightning.pytorch as pl
folder = Path(sys.argv[3])
best = ModelCheckpoint(dirpath=folder / "run", monitor="val/hmean", mode="max", save_top_k=2, save_last="link")
steps = ModelCheckpoint(dirpath=folder / "run", filename="s-{step}", every_n_train_steps=3, save_top_k=-1)
model = train(folder, best, steps, max_epochs=3)
print(len(assert_described(folder, model)), pl.__version__, isinstance(MetadataCallback(), pl.Callback))
"""


@pytest.mark.prove
@pytest.mark.parametrize("package", ["lightning", "pytorch_lightning"])
def test_the_oldest_supported_release_under_both_names(tmp_path: Path, package: str) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", with_pip=True)
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "borrowed.pth").write_text(f"{ours}\n")  # torch and the rest, behind what is installed here
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", f"{package}==2.4.0"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{package} 2.4.0 cannot be installed here: {done.stderr[-200:]}")
    command = [str(python), "-c", TRAINING, package, str(CHECKOUT), str(tmp_path / "outputs")]
    trained = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert trained.stdout.splitlines()[-1:] == ["7 2.4.0 True"], trained.stdout + trained.stderr
