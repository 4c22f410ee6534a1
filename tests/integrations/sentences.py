"""Real, tiny trainings with the Transformers Trainer: eight sentences, a BERT of a few hundred numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers

from ckpt_indexer.integrations.transformers import MetadataCallback

if TYPE_CHECKING:
    from pathlib import Path


class Rows(torch.utils.data.Dataset):  # type: ignore[misc]  # mypy does not follow torch
    """Eight sentences of four words."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, place: int) -> dict[str, Any]:
        words = [(place * 5 + word) % 30 for word in range(4)]
        return {"input_ids": words, "attention_mask": [1] * 4, "labels": place % 2}


def tiny_model() -> Any:
    config = transformers.BertConfig(
        vocab_size=32, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    return transformers.BertForSequenceClassification(config)


def scores(_: Any) -> dict[str, float]:
    """Return what never repeats: the n-th evaluation scores n hundredths."""
    scores.calls += 1  # type: ignore[attr-defined]
    return {"f1": scores.calls / 100}  # type: ignore[attr-defined]


def trainer(place: Path, *callbacks: Any, **changed: Any) -> Any:
    """Return a Trainer of two steps per epoch that evaluates and saves after each epoch."""
    scores.calls = 0  # type: ignore[attr-defined]
    arguments = {
        "output_dir": str(place),
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "logging_steps": 1,
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "learning_rate": 0.01,
    }
    return transformers.Trainer(
        model=tiny_model(),
        args=transformers.TrainingArguments(**{**arguments, **changed}),
        train_dataset=Rows(),
        eval_dataset=Rows(),
        compute_metrics=scores,
        callbacks=list(callbacks) or [MetadataCallback()],
    )
