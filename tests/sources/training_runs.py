"""Runs that real trainers made, for tests of what is read from the logs beside their checkpoints. Tiny, offline."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.record import Finding
from ckpt_indexer.sources.base import Said

if TYPE_CHECKING:
    from pathlib import Path


def candidate_of(root: Path, path: Path) -> Candidate:
    """Return an existing checkpoint below a root as a candidate."""
    kind = Kind.DIRECTORY if path.is_dir() else Kind.FILE
    relative = os.fsencode(path.relative_to(root))
    return Candidate(os.fsencode(root), relative, kind, Fingerprint.of(path.lstat()))


def said(**facts: Any) -> Said:
    """Return what the header of a checkpoint says."""
    return Said([Finding("header", "", facts={name: value for name, value in facts.items() if value is not None})])


def train_with_lightning(folder: Path) -> dict[str, tuple[int, int]]:
    """Train for three epochs of four steps, a validation after each, a checkpoint for each and one every three steps.

    Returns checkpoint name -> (epoch, global step), as the files say.
    """
    import lightning
    import torch
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    class Model(lightning.LightningModule):  # type: ignore[misc]  # lightning is skipped by mypy
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, _index: int) -> Any:
            loss = self.layer(batch).square().mean()
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch: Any, _index: int) -> None:
            self.log("val/loss", self.layer(batch).square().mean())
            self.log("val/hmean", 0.5 + self.current_epoch / 10)
            self.log("accuracy", 0.25 + self.current_epoch / 10)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    loggers = [CSVLogger(folder, name="csv_logs"), TensorBoardLogger(folder, name="tensorboard")]
    ends = ModelCheckpoint(folder / "checkpoints", filename="end-{epoch}-{step}", save_top_k=-1, monitor="val/hmean")
    steps = ModelCheckpoint(folder / "checkpoints", filename="mid-{epoch}-{step}", save_top_k=-1, every_n_train_steps=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            default_root_dir=folder,
            max_epochs=3,
            accelerator="cpu",
            logger=loggers,
            callbacks=[ends, steps],
            log_every_n_steps=1,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        data = torch.utils.data.DataLoader(torch.ones(4, 2), batch_size=1)
        trainer.fit(Model(), data, data)
        trainer.save_checkpoint(folder / "checkpoints" / "final.ckpt")
    found: dict[str, tuple[int, int]] = {}
    for path in sorted((folder / "checkpoints").iterdir()):
        state = torch.load(path, weights_only=False)
        found[path.name] = (state["epoch"], state["global_step"])
    return found


def train_with_transformers(folder: Path) -> None:
    """Train a model of some hundred parameters for three epochs of two steps; a checkpoint for each, an evaluation for
    the first two only; then save model and state in the folder itself."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    class EvaluateTwice(TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002  # the hook
            control.should_evaluate = state.epoch < 3
            control.should_save = True

    logging.getLogger("transformers").setLevel(logging.ERROR)
    config = BertConfig(
        vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4,
        max_position_embeddings=4, type_vocab_size=1,
    )  # fmt: skip
    rows = [{"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(n % 2)} for n in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=3,
            per_device_train_batch_size=2,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            eval_strategy="no",
        )
        trainer = Trainer(
            model=BertForSequenceClassification(config),
            args=arguments,
            train_dataset=rows,
            eval_dataset=rows,
            callbacks=[EvaluateTwice()],
        )
        trainer.train()
        trainer.save_model(str(folder))
        trainer.save_state()
