"""For the Transformers `Trainer`: a callback that writes `checkpoint.metadata.yaml` into every `checkpoint-N`.

The document lies inside because the Trainer deletes old directories without telling anybody: what lies in them goes
with them. `on_save` comes when the directory is complete.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from transformers.trainer_callback import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ckpt_indexer.integrations.complaints import Complaints
from ckpt_indexer.integrations.flushing import Flusher
from ckpt_indexer.integrations.stated_model import model_block, unwrapped
from ckpt_indexer.integrations.writing import VERSIONS, write_facts
from ckpt_indexer.metadata.schema import LATEST, PHASES

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from ckpt_indexer.integrations.describe import Facts
    from ckpt_indexer.metadata.record import Problem

_ARGUMENTS = (
    "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps",
    "lr_scheduler_type", "warmup_ratio", "warmup_steps", "weight_decay", "optim", "adam_beta1", "adam_beta2",
    "adam_epsilon", "max_grad_norm", "label_smoothing_factor", "neftune_noise_alpha", "seed", "data_seed", "bf16",
    "fp16", "tf32", "gradient_checkpointing", "auto_find_batch_size", "group_by_length",
)  # fmt: skip
"""Training arguments that are hyper-parameters: no path, address or token among them."""
_SAVED_AS = {"steps": "step", "epoch": "epoch", "best": "top_k"}
_PREFIX = "eval_"


class MetadataCallback(TrainerCallback):
    """Describes every checkpoint the Trainer saves: `Trainer(..., callbacks=[MetadataCallback()])`.

    Only the first process of all writes. A training is never failed: what goes wrong is said once.
    """

    def __init__(
        self,
        exp_name: str | None = None,
        outputs_dir: str | os.PathLike[str] | None = None,
        training_phase: str = "training",
        schema_version: str = "2.0",
    ) -> None:
        """Say what the Trainer cannot know.

        Args:
            exp_name: the experiment; None leaves it to the catalog, which takes the directory's name.
            outputs_dir: the directory that paths in the document are relative to; None writes no paths.
            training_phase: `training`, `validation` or `finetuning`.
            schema_version: `2.0`, or `1.0` while programs are in use that read only that.

        Raises:
            ValueError: a phase or version there is not.
        """
        if training_phase not in PHASES:
            raise ValueError(f"training_phase is {' or '.join(PHASES)}, not {training_phase!r}")
        if str(schema_version) not in VERSIONS:
            raise ValueError(f"schema_version is {' or '.join(VERSIONS)}, not {schema_version!r}")
        self.exp_name = exp_name
        self.outputs_dir = outputs_dir
        self.training_phase = training_phase
        self.schema_version = str(schema_version)
        self._begin()

    def _begin(self) -> None:
        self._complaints = Complaints()
        self._flusher = Flusher(self._complaints)
        self._last_step: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What was seen and said so far stays in this process."""
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  # the Trainer's signature
        state: TrainerState,  # noqa: ARG002  # the same
        control: TrainerControl,  # noqa: ARG002  # the same
        **_: Any,  # noqa: ANN401  # whatever the Trainer passes
    ) -> None:
        """Forget the last training."""
        self._last_step = None

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer's signature
        **said: Any,  # noqa: ANN401  # whatever the Trainer passes
    ) -> None:
        """Write the document of the checkpoint that was just saved."""
        self._write(args, state, said.get("model"))
        self._last_step = state.global_step

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # the Trainer's signature
        **said: Any,  # noqa: ANN401  # whatever the Trainer passes
    ) -> None:
        """Write it again when an evaluation of the same weights ends after they were saved, as at the end of an epoch
        whose last step was a save."""
        if self._last_step is not None and self._last_step == state.global_step:
            self._write(args, state, said.get("model"))

    def on_train_end(
        self,
        args: TrainingArguments,  # noqa: ARG002  # the Trainer's signature
        state: TrainerState,  # noqa: ARG002  # the same
        control: TrainerControl,  # noqa: ARG002  # the same
        **_: Any,  # noqa: ANN401  # whatever the Trainer passes
    ) -> None:
        """Take no evaluation after training for one of the last checkpoint: the best weights may have been loaded."""
        self._last_step = None
        self._flusher.close()
        self._complaints.summarise()

    def _write(self, args: TrainingArguments, state: TrainerState, model: object) -> None:
        if not state.is_world_process_zero:
            return
        done = self._complaints.run("writing a metadata document", self._write_now, args, state, model)
        for problem in done[1] if done is not None else ():
            self._complaints.about(problem.message.partition(":")[0], problem.message)

    def _write_now(self, args: TrainingArguments, state: TrainerState, model: object) -> tuple[Path, list[Problem]]:
        facts = self._facts(args, state, model)
        return write_facts(_saved_directory(args, state), facts, sync=self._flusher.later)

    def _facts(self, args: TrainingArguments, state: TrainerState, model: object) -> Facts:
        by_steps = args.max_steps is not None and args.max_steps > 0
        run_name = args.run_name if args.run_name != args.output_dir else None
        monitor = args.metric_for_best_model
        return {
            "exp_name": self.exp_name,
            "outputs_dir": self.outputs_dir,
            "training_phase": self.training_phase,
            "schema_version": self.schema_version,
            "metrics": _measured_now(state),
            "epoch": _whole(state.epoch) if self.schema_version == LATEST else int(state.epoch or 0),  # 1.0 demands one
            "step": state.global_step,
            "max_epochs": None if by_steps else _whole(args.num_train_epochs),
            "model": self._complaints.run("describing the model", _model, model) or {},
            "config": {**_parameters(args), **(state.trial_params or {})},
            "run": {"name": run_name, "dir": args.output_dir if self.outputs_dir is not None else None},
            "monitor": monitor if monitor is None or monitor.startswith(_PREFIX) else _PREFIX + monitor,
            "mode": {True: "max", False: "min", None: None}[None if monitor is None else args.greater_is_better],
            "finetuned_from": self._complaints.run("naming the pretrained model", _origin, model),
            "saved_as": _SAVED_AS.get(str(getattr(args.save_strategy, "value", args.save_strategy))),
        }


def _saved_directory(args: TrainingArguments, state: TrainerState) -> str:
    """Return the checkpoint's directory: below the output directory, in a hyper-parameter search below the trial's.

    Raises:
        FileNotFoundError: there is none.
    """
    output_dir = os.fspath(args.output_dir or ".")
    name = f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
    found = os.path.join(output_dir, name)
    if state.is_hyper_param_search:  # the Trainer keeps the trial's directory to itself
        trials = [os.path.join(entry.path, name) for entry in os.scandir(output_dir) if entry.is_dir()]
        found = max((trial for trial in trials if os.path.isdir(trial)), key=os.path.getmtime, default=found)
    if not os.path.isdir(found):
        raise FileNotFoundError(f"the Trainer saved step {state.global_step}, but there is no {found}")
    return found


def _parameters(args: TrainingArguments) -> dict[str, Any]:  # whatever the arguments hold
    """Return the hyper-parameters; arguments differ between releases, and some only say "not used"."""
    found = {key: getattr(args, key, None) for key in _ARGUMENTS}
    return {key: value for key, value in found.items() if key != "max_steps" or (value or 0) > 0}


def _measured_now(state: TrainerState) -> dict[str, Any]:  # numbers
    """Return what evaluations at this very step logged; nothing of earlier ones, which measured other weights."""
    found: dict[str, Any] = {}  # numbers
    for row in reversed(state.log_history):
        step = row.get("step", -1)
        if step < state.global_step:
            break
        if step == state.global_step:
            found = {**{name: value for name, value in row.items() if name.startswith(_PREFIX)}, **found}
    return found


def _model(model: object) -> dict[str, Any]:  # a `model` block
    """Return what the model says of itself; its family (`bert`) stands for the backbone where it names no other."""
    if model is None:
        return {}
    inner, _ = unwrapped(model)
    block = model_block(model, [])
    family = getattr(getattr(inner, "config", None), "model_type", None)
    if isinstance(family, str) and family and "encoder" not in block:
        block["encoder"] = {"model_name": family}
    return {**block, "architecture": type(inner).__name__}


def _origin(model: object) -> str | None:
    """Return the name of the pretrained model that training began with; a path of this machine is none."""
    name = getattr(getattr(model, "config", None), "name_or_path", None)
    return name if isinstance(name, str) and name and not os.path.isabs(name) else None


def _whole(epoch: float | None) -> int | None:
    """Return an epoch that is complete; None within one."""
    return int(epoch) if epoch is not None and float(epoch).is_integer() else None
