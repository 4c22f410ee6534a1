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


def python_with(folder: Path, requirement: str) -> Path:
    """Return the interpreter of an environment that has this release, and everything else from the one of the tests."""
    python = folder / "venv" / "bin" / "python"
    venv.create(folder / "venv", with_pip=True)
    site = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "borrowed.pth").write_text(f"{ours}\n")  # torch and the rest, behind what is installed here
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", requirement]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{requirement} cannot be installed here: {done.stderr[-200:]}")
    return python


def last_line(python: Path, program: str, *arguments: str, cwd: Path) -> list[str]:
    """Return the last line that a program prints, and nothing but its complaints when it prints none."""
    done = subprocess.run(
        [str(python), "-c", program, *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )
    return done.stdout.splitlines()[-1:] or [done.stderr]


@pytest.mark.prove
@pytest.mark.parametrize("package", ["lightning", "pytorch_lightning"])
def test_the_oldest_supported_release_under_both_names(tmp_path: Path, package: str) -> None:
    python = python_with(tmp_path, f"{package}==2.4.0")
    arguments = (package, str(CHECKOUT), str(tmp_path / "outputs"))
    assert last_line(python, TRAINING, *arguments, cwd=tmp_path) == ["7 2.4.0 True"]


OTHER_NAME = """
import sys
sys.path[:0] = [sys.argv[2]]
if sys.argv[1] == "ours first":
    from ckpt_indexer.integrations.lightning import MetadataCallback
import pytorch_lightning as pl
import torch
from pathlib import Path
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset
from ckpt_indexer.integrations.lightning import MetadataCallback

class Model(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(2, 1)
    def training_step(self, batch, _):
        return self.head(batch[0]).mean()
    def validation_step(self, batch, _):
        self.log("val/hmean", 0.5)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

folder = Path(sys.argv[3])
best = ModelCheckpoint(folder / "run", monitor="val/hmean", mode="max", save_top_k=2, save_last="link")
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
batches = DataLoader(TensorDataset(torch.zeros(4, 2)))
pl.Trainer(callbacks=[MetadataCallback(outputs_dir=folder), best], max_epochs=3, **quiet).fit(Model(), batches, batches)
documents = sorted(path.read_text().count("  hmean: 0.5") for path in (folder / "run").glob("*.metadata.yaml"))
print(documents, len(list((folder / "run").glob("*.ckpt"))), isinstance(MetadataCallback(), pl.Callback))
"""


@pytest.mark.prove
@pytest.mark.parametrize(("order", "is_theirs"), [("ours first", False), ("theirs first", True)])
def test_a_trainer_of_the_other_name_takes_the_callback_whichever_was_imported_first(
    tmp_path: Path, order: str, is_theirs: bool
) -> None:
    python = python_with(tmp_path, "pytorch_lightning")
    arguments = (order, str(CHECKOUT), str(tmp_path / "outputs"))
    assert last_line(python, OTHER_NAME, *arguments, cwd=tmp_path) == [f"[1, 1, 1] 3 {is_theirs}"]
