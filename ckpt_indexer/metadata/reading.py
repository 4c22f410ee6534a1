"""A document as a finding: read field by field, tolerantly, whatever its version. Pure, and on the hot path.

A bad field becomes a problem that names its key path, and the rest is used. Nothing here validates with a model
library: an index reads a hundred thousand documents. What a strict validator would say is `Reading.valid`, with these
deliberate exceptions, all accepted: unknown keys, null for an optional field, `1e-3` written without a dot (text in
YAML 1.1), a moment that YAML already turned into a datetime, a list among the params of a part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata import fields, upgrade
from ckpt_indexer.metadata.components import ROW_FIELDS, ReadPart, default_flags, read_list, read_part
from ckpt_indexer.metadata.fields import INT_LIMIT, is_clean, is_mapping, key_text, refuse, shown
from ckpt_indexer.metadata.measurements import read_directions, read_metrics, unlisted
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.record import Finding, Problem, SidecarState
from ckpt_indexer.metadata.schema import (
    BLOCK_KEYS,
    LATEST,
    MODES,
    NAME_KEYS,
    PHASES,
    REQUIRED_BY_1,
    V2_ONLY_KEYS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    Block = Mapping[str, Any]  # part of a document as the loader gave it: any key, any value

_NOTHING: dict[str, Any] = {}  # an absent block


class FileBlock(NamedTuple):
    """What ties a document to its file."""

    name: str | None
    size_bytes: int | None
    mtime_ns: int | None


@dataclass(slots=True)
class Reading:
    """What one document says, and how far it can be used."""

    finding: Finding
    valid: bool
    """A strict validator would accept it. Never true of a document from the future: nobody here can tell."""
    version: str
    """`0`, `1.0`, `2.0`, or the text of a version from the future."""
    file: FileBlock | None
    checkpoint_path: str | None
    from_future: bool
    extra: dict[str, Any] = field(default_factory=dict)  # values as the loader gave them
    """Key path -> value of all that has no place in the finding: unknown keys, `hydra_config_path`, `run.name`,
    `dataset.version`, lineage, environment, save_top_k, save_last. The whole document when it is from the future."""


def read_document(
    raw: Mapping[str, Any], *, detail: str, zone: tzinfo | None = None, read_part: ReadPart = read_part
) -> Reading:
    """Return what a document says. `detail` names it (its file name); `zone` is where the clock of an old document
    stood, None being the zone this machine is set to; `read_part` reads the blocks of its model.

    Raises:
        SidecarInvalid: it is no mapping, empty, or names neither a version nor any known key.
    """
    if not is_mapping(raw):
        raise SidecarInvalid(f"{detail}: a document is a mapping of keys, this one is {shown(raw)}")
    if not raw:
        raise SidecarInvalid(f"{detail}: the document is empty")
    try:
        identified = upgrade.identify(raw)
    except SidecarInvalid as error:
        raise SidecarInvalid(f"{detail}: {error.message}") from error
    document: Block = upgrade.from_0_to_1(raw) if identified.version == "0" else raw
    reader = _Reader(document, detail, identified, zone)
    reader.read(read_part)
    return reader.reading(raw)


class _Reader:
    """One pass over one document; the finding grows as the pass goes."""

    __slots__ = ("checkpoint_path", "extra", "facts", "file", "finding", "found", "legacy", "problems", "raw", "zone")

    def __init__(self, raw: Block, detail: str, found: upgrade.Identified, zone: tzinfo | None) -> None:
        self.raw, self.found, self.zone = raw, found, zone
        self.legacy = found.version in {"0", "1.0"}
        self.finding = Finding("sidecar", detail, facts={"schema_version": found.version})
        self.facts = self.finding.facts
        self.problems = self.finding.problems
        self.extra: dict[str, Any] = {}  # values as the loader gave them
        self.file: FileBlock | None = None
        self.checkpoint_path: str | None = None

    def reading(self, raw: Block) -> Reading:
        """Return the outcome of the pass; of a document from the future only what could be read counts."""
        valid = not self.problems or all(problem.kind == "conflict" for problem in self.problems)
        state = SidecarState.UNVERIFIED if valid else SidecarState.INVALID
        if self.found.from_future:
            valid, state, self.extra = False, SidecarState.FROM_FUTURE, dict(raw)
            told = f"schema version {self.found.version} is newer than {LATEST}; only what still parses is used"
            self.problems[:] = [Problem("from_future", told)]
        self.finding.sidecar_state = state
        return Reading(
            self.finding, valid, self.found.version, self.file, self.checkpoint_path, self.found.from_future, self.extra
        )

    def read(self, read_part: ReadPart) -> None:
        """Read every block, each on its own."""
        if self.found.fault is not None:
            self.problems.append(Problem("field", self.found.fault))
        self.check_keys(self.raw, "")
        self.read_references()
        self.read_training()
        self.read_model(read_part)
        self.read_checkpointing()
        if not V2_ONLY_KEYS.isdisjoint(self.raw):
            self.read_run()
            self.read_extras()
        self.read_metrics()
        if self.found.version == LATEST and self.names_no_file():
            self.problems.append(Problem("field", "checkpoint_path or file.name: missing, version 2.0 demands one"))

    def names_no_file(self) -> bool:
        """Tell whether the document leaves open which file it describes."""
        block = self.raw.get("file")
        return self.raw.get("checkpoint_path") is None and (not is_mapping(block) or block.get("name") is None)

    def block(self, parent: Block, key: str, prefix: str = "") -> Block:
        """Return a block of the document after a look at its keys; an empty one when it is absent or no mapping."""
        value = parent.get(key)
        if value is None:
            return _NOTHING
        if not is_mapping(value):
            refuse(self.problems, prefix + key, "a mapping", value)
            return _NOTHING
        self.check_keys(value, prefix + key)
        return value

    def check_keys(self, block: Block, path: str) -> None:
        """Keep unknown keys; note keys that version 1.0 demands and that are not there."""
        known = BLOCK_KEYS.get(path)
        if known is not None and not block.keys() <= known:
            prefix = f"{path}." if path else ""
            self.extra.update((prefix + key_text(key), block[key]) for key in block if key not in known)
        required = REQUIRED_BY_1.get(path, ()) if self.found.version == "1.0" else ()
        for key in required if None in map(block.get, required) else ():
            if block.get(key) is None:
                where = f"{path}.{key}" if path else key
                self.problems.append(Problem("field", f"{where}: missing, version 1.0 demands it"))

    def put(self, fact: str, value: str | int | None) -> None:
        """Keep a fact of the row; None is no fact."""
        if value is not None:
            self.facts[fact] = value

    def word(self, block: Block, key: str, prefix: str = "") -> str | None:
        """Return a name; see `fields.word`."""
        return fields.word(block, key, prefix, self.problems, legacy=self.legacy)

    def place(self, block: Block, key: str, prefix: str = "") -> str | None:
        """Return a path; from 2.0 on it is relative and stays below its root."""
        value = fields.text(block, key, prefix, self.problems)
        if value is None or (self.legacy and value.strip().lower() in fields.ABSENT_WORDS):
            return None
        if self.legacy or fields.is_relative(value):
            return value
        refuse(self.problems, prefix + key, "a path below the root, with forward slashes", value)
        return None

    def read_references(self) -> None:
        """Read what stands at the top of the document."""
        self.checkpoint_path = self.place(self.raw, "checkpoint_path")
        self.put("experiment", self.word(self.raw, "exp_name"))
        self.put("wandb_run_id", self.word(self.raw, "wandb_run_id"))
        config = self.place(self.raw, "hydra_config_path")
        if config is not None:
            self.extra["hydra_config_path"] = config
        created = self.raw.get("created_at")
        if created is None:
            return
        moment = fields.moment(created, self.zone)
        if moment is None:
            refuse(self.problems, "created_at", "an ISO 8601 moment", created)
            return
        self.facts["created_at"] = fields.moment_text(moment[0])
        if not moment[1] and not self.legacy:
            self.problems.append(Problem("field", "created_at: it names no time zone and is read as local time"))

    def read_training(self) -> None:
        """Read how far training was."""
        block = self.block(self.raw, "training")
        lowest = 1 if self.found.version == "1.0" else -1  # -1: no limit, as Lightning writes it
        self.put("epoch", fields.integer(block, "epoch", "training.", self.problems))
        self.put("global_step", fields.integer(block, "global_step", "training.", self.problems))
        self.put("training_phase", fields.choice(block, "training_phase", "training.", self.problems, PHASES))
        self.put("max_epochs", fields.integer(block, "max_epochs", "training.", self.problems, low=lowest))

    def read_model(self, read_part: ReadPart) -> None:
        """Read the architecture and its parts: the blocks first, then the open list."""
        model = self.block(self.raw, "model")
        if not model:
            return
        self.put("architecture", self.word(model, "architecture", "model."))
        self.put("num_parameters", fields.integer(model, "num_parameters", "model.", self.problems))
        parts = self.finding.components
        for role in NAME_KEYS:
            block = self.block(model, role, "model.")
            part = read_part(role, block, self.problems, legacy=self.legacy) if block else None
            if part is not None:
                parts.append(part)
                if self.legacy and role == "encoder":
                    self.finding.defaults = default_flags(part)
        if model.get("components") is not None:
            parts += read_list(model["components"], self.problems, legacy=self.legacy)
        for part in parts:  # the first one that names a field of the row fills it
            fact = ROW_FIELDS.get(part.role)
            if fact is not None and part.name is not None:
                self.facts.setdefault(fact, part.name)

    def read_checkpointing(self) -> None:
        """Read which metric decides. An old document without a monitor filled in the mode without knowing it."""
        block = self.block(self.raw, "checkpointing")
        monitor = self.word(block, "monitor", "checkpointing.")
        mode = fields.choice(block, "mode", "checkpointing.", self.problems, MODES)
        self.put("monitor", monitor)
        if monitor is not None and mode is not None:
            self.finding.directions[monitor] = mode
        if monitor is not None or not self.legacy:
            self.put("monitor_mode", mode)
        top_k = fields.integer(block, "save_top_k", "checkpointing.", self.problems, low=-1)
        if top_k is not None:
            self.extra["checkpointing.save_top_k"] = top_k
        last = block.get("save_last")
        if isinstance(last, bool):
            self.extra["checkpointing.save_last"] = last
        elif last is not None:
            refuse(self.problems, "checkpointing.save_last", "true or false", last)

    def read_run(self) -> None:
        """Read which file, run and data the document belongs to."""
        block = self.block(self.raw, "file")
        if block:
            self.file = FileBlock(
                fields.file_name(block, "name", "file.", self.problems),
                fields.integer(block, "size_bytes", "file.", self.problems),
                fields.integer(block, "mtime_ns", "file.", self.problems, low=-INT_LIMIT),
            )
        run = self.block(self.raw, "run")
        self.put("run_id", self.word(run, "id", "run."))
        self.put("run_dir", self.place(run, "dir", "run."))
        dataset = self.block(self.raw, "dataset")
        self.put("dataset", self.word(dataset, "name", "dataset."))
        self.put("split", self.word(dataset, "split", "dataset."))
        for block, key, prefix in ((run, "name", "run."), (dataset, "version", "dataset.")):
            value = self.word(block, key, prefix)
            if value is not None:
                self.extra[prefix + key] = value

    def read_extras(self) -> None:
        """Read what else version 2.0 can say."""
        self.put("metrics_step", fields.integer(self.raw, "metrics_step", "", self.problems))
        self.put("notes", fields.text(self.raw, "notes", "", self.problems))
        saved_as = self.word(self.raw, "saved_as")
        if saved_as is not None and len(saved_as.split()) == 1:
            self.facts["saved_as"] = saved_as
        elif saved_as is not None:
            refuse(self.problems, "saved_as", "one word", saved_as)
        self.finding.params = flatten(self.block(self.raw, "params"), "params.", self.problems)
        for key in ("lineage", "environment", "upgraded_from"):
            if block := self.block(self.raw, key):
                self.extra[key] = block
        tags = self.raw.get("tags")
        if isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() and is_clean(tag) for tag in tags):
            self.finding.tags = list(dict.fromkeys(tag.strip() for tag in tags))
        elif tags is not None:
            refuse(self.problems, "tags", "a list of words", tags)

    def read_metrics(self) -> None:
        """Read the numbers; measured at another step than the checkpoint's they are stale, all of them."""
        block = self.block(self.raw, "metrics")
        if not block:
            return
        step = self.facts.get("metrics_step")
        stale = step is not None and self.facts.get("global_step", step) != step
        bounded = self.found.version == "1.0"
        self.finding.metrics = read_metrics(block, self.problems, stale=stale, bounded=bounded)
        if not block.keys() <= BLOCK_KEYS["metrics"]:
            for key in unlisted(block):
                self.extra.pop(f"metrics.{key_text(key)}", None)
        self.finding.directions.update(read_directions(block, self.problems))
