"""Which files around checkpoints are read at all, by their paths alone: configs, logs of trainers, run logs. Pure.

The watcher asks for every event, so the usual answer (no) costs one look into a set. What is found where is decided by
the sources; this module only knows the names that they look for.
"""

from __future__ import annotations

import re

HYDRA = b".hydra"
HYDRA_NAMES = (b"config.yaml", b"hydra.yaml", b"overrides.yaml")
CONFIG_SUFFIXES = (b".config.yaml", b".config.yml", b".config.json", b".resolved.config.json")
"""What follows the stem of a checkpoint in the name of a config beside it."""
RUN_CONFIGS = (b"hparams.yaml", b"config.yaml")
METRICS_CSV = b"metrics.csv"
SUMMARY_CSV = b"summary.csv"
RESULTS_CSV = b"results.csv"
ARGUMENTS = b"args.yaml"
TRAINER_STATE = b"trainer_state.json"
SCALARS = b"scalars.json"
VIS_DATA = b"vis_data"
EVENTS = b"events.out.tfevents."
EVENTS_BACKUP = (b".profile-empty", b".lock")
WANDB = b"wandb"
WANDB_FILES = frozenset({b"config.yaml", b"wandb-summary.json", b"wandb-metadata.json"})
SHELVES = frozenset(
    {
        b"lightning_logs", b"csv_logs", b"csv", b"tb_logs", b"tensorboard", b"tensorboard_logs", b"tb", b"logs",
        b"runs",
    }
)  # fmt: skip
"""Directories in which loggers keep the records of the run that lies around them."""

_PLAIN = frozenset({*RUN_CONFIGS, SUMMARY_CSV, RESULTS_CSV, ARGUMENTS, TRAINER_STATE})
_KNOWN = frozenset({*_PLAIN, METRICS_CSV, SCALARS, *HYDRA_NAMES, *WANDB_FILES})
_TIME = re.compile(rb"\d{8}_\d{4,6}")
_VERSION = re.compile(rb"version_\d+")
_WANDB_RUN = re.compile(rb"(?:offline-)?run-.+")
_LAST_SUFFIXES = (b".config.yaml", b".config.yml", b".config.json", b".wandb")


def is_input(path: bytes) -> bytes | None:
    """Return the directory whose checkpoints, itself and everything below it included, a file may describe.

    Paths are relative to the root; the empty one is the root. None: no file that any source reads.
    """
    directory, _, name = path.rpartition(b"/")
    if name not in _KNOWN and not name.endswith(_LAST_SUFFIXES) and not name.startswith(EVENTS):
        return None
    parent, _, last = directory.rpartition(b"/")
    if last == HYDRA:
        return parent if name in HYDRA_NAMES else None
    wandb = _beside_wandb(directory, name)
    if wandb is not None:
        return wandb
    if name == SCALARS:
        above, _, time = parent.rpartition(b"/")
        return above if last == VIS_DATA and is_time(time) else None
    if name == METRICS_CSV or name.startswith(EVENTS):
        return without_shelves(directory)
    if name in _PLAIN or (name.endswith(CONFIG_SUFFIXES) and not name.startswith(b".")):
        return directory
    return None


def is_version(name: bytes) -> bool:
    """Tell whether a directory is named as Lightning's loggers number their runs."""
    return _VERSION.fullmatch(name) is not None


def is_time(name: bytes) -> bool:
    """Tell whether a directory is named as MMEngine names the logs of one start."""
    return _TIME.fullmatch(name) is not None


def without_shelves(directory: bytes) -> bytes:
    """Return the directory that a logger's directory keeps the records for: what stands above its shelves, or itself.

    `a/lightning_logs/version_0` is for `a`, `a/name/version_0` for itself.
    """
    parent, _, last = directory.rpartition(b"/")
    here = parent if is_version(last) else directory
    start = here
    while here and here.rpartition(b"/")[2] in SHELVES:
        here = here.rpartition(b"/")[0]
    return directory if here == start else here


def _beside_wandb(directory: bytes, name: bytes) -> bytes | None:
    """Return the directory that holds the `wandb` folder of a run's file; None when it is no such file."""
    run = directory
    if name in WANDB_FILES:
        run, _, last = directory.rpartition(b"/")
        if last != b"files":
            return None
    elif not name.endswith(b".wandb"):
        return None
    folder, _, run_name = run.rpartition(b"/")
    above, _, wandb = folder.rpartition(b"/")
    return above if wandb == WANDB and _WANDB_RUN.fullmatch(run_name) is not None else None
