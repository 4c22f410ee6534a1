"""From a trainer in the middle of saving to the document of that checkpoint, version 2.0.

What stays the same during a training (the model's parts, hyper-parameters, environment) is asked once; a snapshot reads
a few attributes and never touches weights. Every field is asked on its own: one that raises is absent, the rest stays.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ckpt_indexer.integrations import places
from ckpt_indexer.integrations.hyper_parameters import plain_tree
from ckpt_indexer.integrations.lightning_owner import directions_of
from ckpt_indexer.integrations.model_facts import count_parameters, encoder_parameters, is_frozen, model_block
from ckpt_indexer.integrations.parameters import flat_params
from ckpt_indexer.integrations.surroundings import environment, logged_run_id, wandb_run
from ckpt_indexer.metadata.fields import moment_text
from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.metadata.metrics import HEADLINES
from ckpt_indexer.metadata.schema import HEADLINE_NAMES, LATEST
from ckpt_indexer.metadata.writable import Block, block, name, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.integrations.freshness import Measured
    from ckpt_indexer.integrations.guard import Guard
    from ckpt_indexer.integrations.lightning_owner import Owner

_SHARDING = ("FSDP", "Sharded")
"""In the name of a strategy whose parameters are pieces: their sizes are not the model's."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user told the callback."""

    exp_name: str | None = None
    outputs_dir: str | None = None
    """Absolute."""
    training_phase: str = "training"
    schema_version: str = LATEST


@dataclass(frozen=True, slots=True)
class Constants:
    """What does not change during one training."""

    model: Block
    encoder: tuple[Any, ...]  # parameters
    params: Block
    exp_name: str | None
    dataset: Block
    environment: Block
    resumed_from: str | None


def constants(trainer: Any, guard: Guard) -> Constants:  # noqa: ANN401  # a trainer
    """Ask once what stays the same. Costs milliseconds, and time in proportion to the number of tensors."""
    module, data = trainer.lightning_module, trainer.datamodule
    tree = guard.run("reading hyper-parameters", lambda: plain_tree(module.hparams)) or {}
    data_tree = guard.run("reading the data's hyper-parameters", lambda: plain_tree(getattr(data, "hparams", {}))) or {}
    said = guard.run("reading the experiment from hyper-parameters", find_facts, tree)
    counted = None if _is_sharded(trainer) else count_parameters(module, guard)
    model = guard.run("describing the model", model_block, module, tree, guard) or {}
    return Constants(
        model={**model, **block(num_parameters=counted)},
        encoder=guard.run("finding the encoder's parameters", encoder_parameters, module) or (),
        params=guard.run("flattening hyper-parameters", _params, tree, data_tree) or {},
        exp_name=name(said.facts.get("experiment")) if said is not None else None,
        dataset=guard.run("describing the dataset", _dataset, data, (tree, data_tree)) or {},
        environment=guard.run("describing the environment", environment) or {},
        resumed_from=guard.run("reading where it resumed from", _resumed_from, trainer),
    )


def recounted(known: Constants, trainer: Any, guard: Guard) -> Constants:  # noqa: ANN401  # a trainer
    """Return the same with the number of parameters, if that is known only now: lazy layers make theirs in the first
    step."""
    if "num_parameters" in known.model or _is_sharded(trainer):
        return known
    counted = count_parameters(trainer.lightning_module, guard)
    return known if counted is None else replace(known, model={**known.model, "num_parameters": counted})


@dataclass(frozen=True, slots=True)
class Saving:
    """One checkpoint about to be written."""

    path: str
    """Absolute."""
    epoch: object
    global_step: object
    """Both as the file itself will hold them."""
    owner: Owner


def document_of(
    saving: Saving,
    trainer: Any,  # noqa: ANN401  # a trainer
    known: Constants,
    *,
    options: Options,
    guard: Guard,
) -> Block:
    """Return everything but the metrics and the `file` block, in the order documents have."""
    root = guard.run("finding the outputs root", _root, saving.path, trainer, options)
    config = guard.run("finding the Hydra configuration", places.hydra_config, saving.path, root)
    wandb = guard.run("reading the W&B run", wandb_run, trainer.loggers) or {}
    asked: dict[str, Any] = {  # blocks of a document
        "checkpoint_path": root.relative(saving.path) if root is not None else None,
        "exp_name": guard.run("naming the experiment", _experiment, saving, root, config, (options, known)),
        "created_at": moment_text(datetime.now(UTC)),
        "training": guard.run("reading the progress", _training, saving, trainer, options),
        "model": guard.run("describing the model", _model, known),
        "checkpointing": guard.run("reading the checkpoint callback", saving.owner.checkpointing),
        "run": guard.run("identifying the run", _run, saving, trainer, root, wandb),
        "dataset": known.dataset,
        "lineage": block(resumed_from=_reference(known.resumed_from, root)),
        "params": known.params,
        "environment": {
            **known.environment,
            **block(wandb_project=wandb.get("project"), wandb_entity=wandb.get("entity")),
        },
        "saved_as": saving.owner.saved_as,
        "hydra_config_path": root.relative(config) if root is not None and config is not None else None,
        "wandb_run_id": wandb.get("id"),
    }
    return {"schema_version": LATEST, **block(**asked)}


def metrics_of(measured: Measured, trainer: Any, guard: Guard) -> Block:  # noqa: ANN401  # a trainer
    """Return the keys `metrics` and `metrics_step`. What was measured at another step is null; a headline metric that
    was never logged has no key."""
    values = measured.values
    metrics: Block = {}
    for wanted in HEADLINES:
        logged = [values[alias] for alias in wanted.aliases if alias in values]
        if logged and wanted.name in HEADLINE_NAMES:
            metrics[wanted.name] = next((value for value in logged if value is not None), None)
    more = {logged: value for logged, value in values.items() if logged not in HEADLINE_NAMES}
    directions = guard.run("reading the modes of the checkpoint callbacks", directions_of, trainer) or {}
    metrics |= block(additional_metrics=more, directions=directions if values else None)
    return block(metrics=metrics, metrics_step=whole(measured.step) if values else None)


def _params(tree: Mapping[str, Any], data_tree: Mapping[str, Any]) -> Block:
    """Return flat hyper-parameters; those of the data stand under `datamodule`."""
    return flat_params({**tree, **({"datamodule": data_tree} if data_tree else {})}, [])


def _dataset(data: Any, trees: tuple[Mapping[str, Any], ...]) -> Block:  # noqa: ANN401  # a data module, or None
    """Return which data there are, by attributes of the data module, else by hyper-parameters."""
    asked = [name(getattr(data, key, None)) for key in ("dataset_name", "dataset", "name")]
    asked += [name(find_facts(tree).facts.get("dataset")) for tree in reversed(trees)]
    called = next((given for given in asked if given is not None), None)
    version = getattr(data, "dataset_version", getattr(data, "version", None))
    return block(name=called, version=name(str(version)) if isinstance(version, str | int) else None) if called else {}


def _resumed_from(trainer: Any) -> str | None:  # noqa: ANN401  # a trainer
    given = trainer.ckpt_path
    if given is None:
        return None
    return places.absolute(given) or os.fspath(given)


def _is_sharded(trainer: Any) -> bool:  # noqa: ANN401  # a trainer
    return any(mark in base.__name__ for base in type(trainer.strategy).__mro__ for mark in _SHARDING)


def _root(path: str, trainer: Any, options: Options) -> places.Root | None:  # noqa: ANN401  # a trainer
    return places.root_of(path, options.outputs_dir, places.absolute(trainer.default_root_dir))


def _experiment(
    saving: Saving, root: places.Root | None, config: str | None, said: tuple[Options, Constants]
) -> str | None:
    """Return the experiment: as the user named it, as the hyper-parameters or the run's configuration do, else by
    where the checkpoint lies."""
    options, known = said
    configured = places.experiment_in(config) if config is not None else None
    return options.exp_name or known.exp_name or name(configured) or name(places.experiment_of(saving.path, root))


def _training(saving: Saving, trainer: Any, options: Options) -> Block:  # noqa: ANN401  # a trainer
    return block(
        epoch=whole(saving.epoch),
        global_step=whole(saving.global_step),
        training_phase=options.training_phase,
        max_epochs=whole(trainer.max_epochs, low=-1),
    )


def _model(known: Constants) -> Block:
    """Return the model's facts; whether the encoder is frozen may change while it trains."""
    frozen = is_frozen(known.encoder)
    encoder = known.model.get("encoder", {})
    if frozen is None or "frozen" in encoder:
        return known.model
    return {**known.model, "encoder": {**encoder, "frozen": frozen}}


def _run(saving: Saving, trainer: Any, root: places.Root | None, wandb: Block) -> Block:  # noqa: ANN401  # a trainer
    return block(
        id=wandb.get("id") or logged_run_id(trainer.loggers),
        dir=text(places.run_directory(saving.path, root)),
        name=wandb.get("name"),
    )


def _reference(path: str | None, root: places.Root | None) -> str | None:
    """Return another checkpoint's path, relative to the root where it lies below."""
    if path is None:
        return None
    relative = root.relative(path) if root is not None and os.path.isabs(path) else None
    return relative or text(path)
