"""From what a training loop says about a checkpoint to the document, version 2.0. No clock, no writing.

Every key is checked on its own: a bad value costs only itself and becomes a problem. What comes out is always a valid
document but for the name of its file, which the writer adds; a property test holds that against the strict schema.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypedDict

from ckpt_indexer.integrations.foreign import ask, whole
from ckpt_indexer.integrations.measured import metrics_block
from ckpt_indexer.integrations.parameters import flat_params
from ckpt_indexer.integrations.places import Root
from ckpt_indexer.integrations.stated_model import model_block
from ckpt_indexer.metadata.fields import choice, is_clean, is_mapping, is_relative, key_text, refuse, text, word
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.metadata.schema import BLOCK_KEYS, MODES, PHASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Document = dict[str, Any]  # JSON values


class More(TypedDict, total=False):
    """What else can be said about a checkpoint."""

    exp_name: str | None
    """The experiment; without it the catalog takes the directory's name."""
    outputs_dir: str | os.PathLike[str] | None
    """The directory that paths in the document are relative to."""
    training_phase: str | None
    """`training`, `validation` or `finetuning`."""
    max_epochs: int | None
    directions: Mapping[str, str] | None
    """Metric name -> `min` or `max`."""
    dataset: str | Mapping[str, str] | None
    """Its name, or `name`, `version`, `split`."""
    resumed_from: str | os.PathLike[str] | None
    finetuned_from: str | os.PathLike[str] | None
    saved_as: str | None
    """One word: `top_k`, `last`, `step`, `epoch`, `manual`, `exception`..."""
    tags: Iterable[str] | None
    notes: str | None
    wandb_run_id: str | None
    """`id` or `entity/project/id`; without it that of the active run, where wandb is in use."""
    hydra_config_path: str | os.PathLike[str] | None
    """The run's own `.hydra/config.yaml`."""
    schema_version: str
    """`2.0`; `1.0` while programs are in use that read only that."""


class Facts(More, total=False):
    """Everything that can be said about a checkpoint."""

    metrics: Mapping[str, Any] | None  # anything float() takes
    epoch: Any  # a whole number of any kind
    step: Any  # a whole number of any kind
    model: object
    config: object
    run: object
    monitor: str | None
    mode: str | None


KNOWN = frozenset(Facts.__annotations__) | frozenset(More.__annotations__)


def describe(facts: Facts, problems: list[Problem]) -> Document:
    """Return the document as far as these facts go; keys about which nothing is known are absent."""
    unknown = sorted(facts.keys() - KNOWN)
    problems += [Problem("field", f"{key_text(key)}: no such argument; it is left out") for key in unknown]
    root = root_of(facts, problems)
    step = whole(facts.get("step"), "step", problems)
    metrics = metrics_block(facts.get("metrics"), facts.get("directions"), problems)
    document: Document = {
        "exp_name": _word(facts, "exp_name", problems),
        "training": _known(
            epoch=whole(facts.get("epoch"), "epoch", problems),
            global_step=step,
            training_phase=choice(facts, "training_phase", "", problems, PHASES),
            max_epochs=whole(facts.get("max_epochs"), "max_epochs", problems, low=-1),
        ),
        "model": model_block(facts.get("model"), problems),
        "metrics": metrics,
        "metrics_step": step if metrics.keys() - {"directions"} else None,
        "checkpointing": _known(
            monitor=_word(facts, "monitor", problems), mode=choice(facts, "mode", "", problems, MODES)
        ),
        "run": _run(facts, root, problems),
        "dataset": _block(facts, "dataset", problems),
        "lineage": _known(
            resumed_from=_path_text(facts, "resumed_from", problems),
            finetuned_from=_path_text(facts, "finetuned_from", problems),
        ),
        "params": flat_params(facts.get("config"), problems),
        "saved_as": _saved_as(facts, problems),
        "tags": _tags(facts.get("tags"), problems),
        "notes": text(facts, "notes", "", problems),
        "hydra_config_path": below(facts.get("hydra_config_path"), root, "hydra_config_path", problems),
        "wandb_run_id": _word(facts, "wandb_run_id", problems),
    }
    return _known(**document)


def root_of(facts: Facts, problems: list[Problem]) -> Root | None:
    """Return the outputs directory that was given; None when there is none."""
    directory: Any = facts.get("outputs_dir")  # a path of any kind, or whatever was given for one
    named = None if directory is None else ask("outputs_dir", lambda: os.path.abspath(os.fsdecode(directory)), problems)
    return None if named is None else Root(named, given=True)


def below(path: Any, root: Root | None, what: str, problems: list[Problem]) -> str | None:  # noqa: ANN401  # see above
    """Return a path relative to the outputs directory, with forward slashes. Without one only a relative path can be
    told; an absolute one has no place in a document and is left out without a word."""
    if path is None:
        return None
    named = ask(what, lambda: os.fsdecode(path), problems)
    if named is None or (root is None and os.path.isabs(named)):
        return None
    found = named if root is None else root.relative(os.path.abspath(named))
    if found is not None and is_relative(found) and is_clean(found):
        return found
    refuse(problems, what, "a path below outputs_dir", named)
    return None


def _run(facts: Facts, root: Root | None, problems: list[Problem]) -> Document:
    """Return the run block: text is the run's id, a path its directory, a mapping the block, an object with an `id` (a
    W&B run) that and its `name`."""
    run = facts.get("run")
    if isinstance(run, os.PathLike):
        return _known(dir=below(run, root, "run.dir", problems))
    if run is None or isinstance(run, str):
        return _known(id=_word({"run": run}, "run", problems))
    if is_mapping(run):
        _check_keys("run", run, problems)
        words = {key: _word(run, key, problems, "run.") for key in ("id", "name")}
        return _known(id=words["id"], dir=below(run.get("dir"), root, "run.dir", problems), name=words["name"])
    named = ask("run", lambda: {key: getattr(run, key, None) for key in ("id", "name")}, problems) or {}
    if isinstance(named.get("id"), str):
        return _known(**{key: _word(named, key, problems, "run.") for key in named if isinstance(named[key], str)})
    refuse(problems, "run", "a run id, a mapping of id, dir and name, or a run object", run)
    return {}


def _block(facts: Facts, key: str, problems: list[Problem]) -> Document:
    """Return a block of words, from its name alone or from a mapping."""
    value = facts.get(key)
    if not is_mapping(value):
        return _known(name=_word(facts, key, problems))
    _check_keys(key, value, problems)
    return _known(**{at: _word(value, at, problems, f"{key}.") for at in value if at in BLOCK_KEYS[key]})


def _check_keys(block: str, given: Mapping[Any, Any], problems: list[Problem]) -> None:  # any key, any value
    for key in given.keys() - BLOCK_KEYS[block]:
        known = ", ".join(sorted(BLOCK_KEYS[block]))
        problems.append(Problem("field", f"{block}.{key_text(key)[:60]}: no such key; known are {known}"))


def _word(block: Mapping[str, Any], key: str, problems: list[Problem], prefix: str = "") -> str | None:
    """Return a name; "unknown" and the empty text are none."""
    found = word(block, key, prefix, problems, legacy=True)
    return None if found is None else str(found)


def _path_text(facts: Facts, key: str, problems: list[Problem]) -> str | None:
    value: object = facts.get(key)
    named = ask(key, lambda: os.fsdecode(value), problems) if isinstance(value, os.PathLike) else value
    return text({key: named}, key, "", problems) or None


def _saved_as(facts: Facts, problems: list[Problem]) -> str | None:
    found = _word(facts, "saved_as", problems)
    if found is not None and len(found.split()) != 1:
        refuse(problems, "saved_as", "one word", found)
        return None
    return found


def _tags(tags: object, problems: list[Problem]) -> list[str]:
    """Return the tags without doubles; one text is one tag."""
    if tags is None:
        return []
    given = [tags] if isinstance(tags, str) else ask("tags", lambda: list(tags), problems)  # type: ignore[call-overload]  # or it raises
    found = [_word({"tags": tag}, "tags", problems) for tag in given or ()]
    return list(dict.fromkeys(tag for tag in found if tag is not None))


def _known(**block: Any) -> Document:  # noqa: ANN401  # JSON values
    """Return a block without what says nothing."""
    return {key: value for key, value in block.items() if value is not None and value not in ({}, [])}
