"""The fields a query can name: row keys, their aliases, and what kind of value each holds. Pure constants.

The documentation of the query language is made from this table.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """One row key as the query language sees it."""

    name: str
    kind: str
    """text | int | count | size | real | time | bool | list. `count` and `size` take suffixes (25M, 300MiB)."""
    help: str
    aliases: tuple[str, ...] = ()


GROUPS = ("backbone", "architecture", "decoder", "head", "loss", "experiment", "dataset", "root")
"""What a ranking can group by, besides `none`."""

PROMOTED = {"hmean": "max", "precision": "max", "recall": "max", "validation_loss": "min"}
"""Headline metrics: row keys of their own, with the end that is better."""

PRESENCES = ("present", "missing", "unreachable", "any")
"""What `presence:` takes. Without such a term a query sees `present` rows only."""

_TABLE = (
    Field("id", "int", "number of the checkpoint in this catalog"),
    Field("root", "text", "name of the watched root"),
    Field("path", "text", "path relative to the root; a bare word is a part of it"),
    Field("abs_path", "text", "absolute path"),
    Field("name", "text", "file name"),
    Field("format", "text", "what the bytes are: torch_zip, safetensors, ..."),
    Field("size_bytes", "size", "bytes on disk", ("size",)),
    Field("mtime", "time", "when the file was last written", ("modified",)),
    Field("created_at", "time", "when the checkpoint was made, as its metadata says", ("created",)),
    Field("experiment", "text", "named group the run belongs to", ("exp", "exp_name")),
    Field("run_id", "text", "one execution of training", ("run",)),
    Field("run_dir", "text", "directory the run wrote into"),
    Field("architecture", "text", "model architecture", ("arch",)),
    Field("backbone", "text", "encoder", ("encoder",)),
    Field("decoder", "text", "decoder"),
    Field("head", "text", "head"),
    Field("loss", "text", "loss component; `loss<0.5` is the metric of that name, where there is one"),
    Field("epoch", "int", "0-indexed epoch"),
    Field("global_step", "int", "optimizer steps since the start", ("step",)),
    Field("training_phase", "text", "training, finetuning, ...", ("phase",)),
    Field("max_epochs", "int", "epochs the run was meant to take"),
    Field("hmean", "real", "headline harmonic mean"),
    Field("precision", "real", "headline precision"),
    Field("recall", "real", "headline recall"),
    Field("validation_loss", "real", "headline validation loss"),
    Field("metrics", "list", "name of a logged metric the row has", ("metric",)),
    Field("metrics_step", "int", "global step the metrics were measured at"),
    Field("monitor", "text", "metric that decides what is best"),
    Field("monitor_mode", "text", "min or max", ("mode",)),
    Field("dataset", "text", "dataset the metrics were measured on"),
    Field("split", "text", "split of the dataset"),
    Field("num_parameters", "count", "parameters of the model", ("parameters",)),
    Field("components", "list", "name of a component of the model", ("component",)),
    Field("params", "list", "name of a hyper-parameter the row has; its value: param.NAME"),
    Field("saved_as", "text", "why it was saved: top_k, last, step, manual, exception"),
    Field("source", "text", "most trusted source of the metrics"),
    Field("sidecar_state", "text", "verified, unverified, contradicted, invalid, from_future"),
    Field("has_sidecar", "bool", "whether a metadata document lies beside it", ("sidecar",)),
    Field("schema_version", "text", "version of that document"),
    Field("read_state", "text", "pending, ok, degraded, unreadable", ("state",)),
    Field("presence", "text", "present (unless said otherwise), missing, unreachable, or any"),
    Field("problems", "list", "kind of a problem the row has", ("problem",)),
    Field("conflicts", "list", "field on which sources disagree", ("conflict",)),
    Field("provenance", "list", "source that supplied a field"),
    Field("alias_of", "int", "id of the file this is a link to", ("alias",)),
    Field("duplicate_of", "int", "id of the file with equal content", ("duplicate",)),
    Field("wandb_run_id", "text", "run id at Weights & Biases", ("wandb",)),
    Field("config_path", "text", "configuration file found beside it", ("config",)),
    Field("tags", "list", "tag from document or annotation", ("tag",)),
    Field("notes", "text", "note added by hand", ("note",)),
    Field("pinned", "bool", "pinned by hand", ("pin",)),
    Field("seq", "int", "number of the change that last touched the row"),
    Field("content_id", "text", "equal for files with equal bytes", ("content",)),
    Field("weights_id", "text", "equal for files with equal weights, whatever else they hold", ("weights",)),
    Field(
        "header", "list", "key of what the file's own header says beside the row: dtypes, optimizer_share, callbacks..."
    ),
)

FIELDS = {field.name: field for field in _TABLE}
"""Every row key by name, in the order of the row."""

ALIASES = {alias: field.name for field in _TABLE for alias in field.aliases}
"""Short name -> row key."""


def find_field(name: str) -> Field | None:
    """Return the field of that name or alias, None when there is none. Case does not count."""
    lower = name.lower()
    return FIELDS.get(ALIASES.get(lower, lower))


def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that looks most like `name`, None when none does."""
    from difflib import get_close_matches

    near = get_close_matches(name[:100], known, n=1, cutoff=0.6)
    return near[0] if near else None
