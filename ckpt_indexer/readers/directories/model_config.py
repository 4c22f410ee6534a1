"""`config.json` and `adapter_config.json`, which Hugging Face libraries write beside weights: what the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.contents import add_text

if TYPE_CHECKING:
    from ckpt_indexer.readers.directories.members import Members

_TOLD = ("model_type", "transformers_version", "dtype", "torch_dtype", "_name_or_path", "peft_type",
         "base_model_name_or_path", "task_type")  # fmt: skip


def read_config(members: Members) -> None:
    """Keep what `config.json` and `adapter_config.json` say; an adapter's own kind is no architecture."""
    header = members.header
    for name in ("config.json", "adapter_config.json"):
        complete = header.complete
        config = members.document(name) if members.is_file(name) else None
        header.complete = complete  # the weights are there, whatever is wrong with their description
        if config is None:
            continue
        for key in _TOLD:
            if isinstance(value := config.get(key), str) and value:
                add_text(header, key, value)
        architectures = config.get("architectures")
        named = architectures[0] if isinstance(architectures, list) and architectures else config.get("model_type")
        if isinstance(named, str) and named:
            header.facts.setdefault("architecture", named)
