"""The header: everything a reader learned from one checkpoint, as one JSON-able value. It crosses a process border.

Facts use the row's names (`metadata.provenance.FIELDS`) and JSON values, never None for "unknown": an absent key is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

JsonDict = dict[str, Any]  # JSON values


@dataclass(slots=True)
class Header:
    """What one checkpoint says of itself."""

    format: str
    """torch_zip | torch_legacy | torch_tar | torchscript | pickle | safetensors | hf_trainer | dcp | deepspeed |
    sharded_safetensors | keras | onnx | gguf | unknown."""
    complete: bool | None = None
    """False: the structure says that parts are missing (cut off, shards absent). None: it does not tell."""
    facts: JsonDict = field(default_factory=dict)
    """epoch, global_step, monitor, monitor_mode, max_epochs, architecture, num_parameters, created_at, experiment..."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    """The file's own metrics (`cleval_metrics`, `metrics`, ...) under their logged names; None for NaN and infinity."""
    monitor_scores: dict[str, float | None] = field(default_factory=dict)
    """Monitored metric -> the score that the callback which saved this very path kept for it."""
    directions: dict[str, str] = field(default_factory=dict)
    """Metric -> min | max, as the callbacks say."""
    components: list[JsonDict] = field(default_factory=list)
    """{role, name, params} from hyper-parameters, in order."""
    params: JsonDict = field(default_factory=dict)
    """Hyper-parameters, flat dotted keys, JSON scalars or lists of them."""
    callbacks: list[JsonDict] = field(default_factory=list)
    """One per ModelCheckpoint state: {monitor, mode, best_model_path, best_model_score, last_model_path, best_k_models
    {path: score}, current_score, dirpath}; paths are text for people, never opened."""
    mid_epoch: bool | None = None
    """The file's own loop state says that it was saved within an epoch (True) or at its end (False)."""
    weights_only: bool | None = None
    """True: weights without optimizer or loop state."""
    tensors: int | None = None
    """Tensors in the model's state dict."""
    dtypes: dict[str, int] = field(default_factory=dict)
    """dtype -> parameters of the model's state dict."""
    optimizer_share: float | None = None
    """Bytes of optimizer state over all tensor bytes, 0 to 1."""
    structure_id: str | None = None
    """Digest of names, shapes and dtypes of the model's state dict; the prefix of a wrapper does not count."""
    weights_id: str | None = None
    """Equal for files with the same weights, whatever else they hold. None where it cannot be told cheaply."""
    content_id: str | None = None
    """Equal for files with the same bytes, by structure the format holds; never from hashing whole files."""
    signature: dict[str, list[str]] = field(default_factory=dict)
    """Role (encoder, decoder, head) -> names the structure fits; one name is an answer, several are candidates."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Free text pairs the format itself carries (`__metadata__` of safetensors, GGUF and ONNX keys)."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(kind, message): truncated, suffix_mismatch, duplicate_entry, not_a_mapping, limit, suspicious..."""
    inputs: list[tuple[str, int, int]] = field(default_factory=list)
    """Further files that were read: (path relative to the root, text with surrogate escapes; size; mtime in ns)."""

    def to_json(self) -> JsonDict:
        """Return the header as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: JsonDict) -> Self:
        """Return the header a child answered with; keys nobody knows are dropped."""
        known = {one.name for one in fields(cls)}
        header = cls(**{key: part for key, part in value.items() if key in known})
        header.problems = [(kind, message) for kind, message in header.problems]
        header.inputs = [(path, size, mtime_ns) for path, size, mtime_ns in header.inputs]
        return header
