"""A Transformers training whose every `checkpoint-N` carries its metadata document.

    python examples/transformers/train.py --outputs outputs --epochs 3

The one line that matters: `callbacks=[MetadataCallback(...)]`. The model is made from a configuration; nothing is
downloaded.
"""  # noqa: INP001  # a program, not a package

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

from ckpt_indexer.integrations.transformers import MetadataCallback

WORDS = 32


class Sentences(Dataset):
    """Sentences of eight words; the label says whether the first word comes again."""

    def __init__(self, count: int, seed: int) -> None:
        chosen = random.Random(seed)  # noqa: S311  # data, not a secret
        self.rows = [[chosen.randrange(WORDS) for _ in range(8)] for _ in range(count)]

    def __len__(self) -> int:
        """Return how many sentences there are."""
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """Return one sentence as the model takes it."""
        words = self.rows[place]
        return {"input_ids": words, "attention_mask": [1] * len(words), "labels": int(words[0] in words[1:])}


def accuracy(predicted: Any) -> dict[str, float]:  # noqa: ANN401  # an `EvalPrediction`
    """Return the share of right answers."""
    return {"accuracy": float((predicted.predictions.argmax(axis=1) == predicted.label_ids).mean())}


def main() -> None:
    """Train, evaluate and save once per epoch; the Trainer keeps the best and the last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    set_seed(0)
    config = BertConfig(
        vocab_size=WORDS, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    arguments = TrainingArguments(
        output_dir=str(options.outputs / "sentences"),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=16,
        learning_rate=1e-3,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=BertForSequenceClassification(config),
        args=arguments,
        train_dataset=Sentences(64, seed=0),
        eval_dataset=Sentences(32, seed=1),
        compute_metrics=accuracy,
        callbacks=[MetadataCallback(exp_name="sentences", outputs_dir=options.outputs)],
    )
    trainer.train()


if __name__ == "__main__":
    main()
