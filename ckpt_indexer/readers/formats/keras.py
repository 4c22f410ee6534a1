"""Keras archives: `metadata.json` (version, date) and `config.json` (the model as its class, and how it was compiled).

https://github.com/keras-team/keras/blob/v3.5.0/keras/src/saving/saving_lib.py. The weights are HDF5 and are not read.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import Contents, add_text, note, note_error
from ckpt_indexer.readers.formats.zip_reading import read_entry
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from ckpt_indexer.readers.formats.zip_directory import Archive, Entry
    from ckpt_indexer.readers.opening import OpenFile

MAX_CONFIG_BYTES = 16 << 20
_CONFIG, _METADATA = b"config.json", b"metadata.json"
_WEIGHTS = (b"model.weights.h5", b"model.weights.npz", b"model.weights.json")
_AUTOMATIC = re.compile(r"(?:sequential|functional|model)(?:_\d+)?")
"""Names that Keras gives to models without one."""


def is_keras(archive: Archive) -> bool:
    """Tell whether an archive is one of Keras's."""
    return _METADATA in archive.columns.names and _CONFIG in archive.columns.names


def read(file: OpenFile, archive: Archive) -> Contents:
    """Return what its two documents say."""
    header = Header("keras", complete=True)
    for kind, message in archive.problems:
        note(header, kind, message)
    entries: dict[bytes, Entry] = {}
    for entry in archive.entries:
        entries.setdefault(entry.name, entry)
    if not any(name in entries for name in _WEIGHTS):
        header.complete = False
        note(header, "truncated", "an archive without weights")
    for key, value in _document(file, entries[_METADATA], header).items():
        if isinstance(value, str | int | float):
            add_text(header, key, str(value))
    _describe(header, _document(file, entries[_CONFIG], header))
    if all(entry.crc or not entry.size for entry in archive.entries):
        sums = (f"{entry.crc} {entry.size} ".encode() + entry.name for entry in archive.entries)
        header.content_id = identity.content_id("keras", sums)
    return Contents(header)


def _document(file: OpenFile, entry: Entry, header: Header) -> dict[str, Any]:  # JSON values
    """Return one JSON object of the archive; an empty one with a problem when it is none."""
    odd: list[tuple[str, str]] = []
    try:
        data = read_entry(file, entry, MAX_CONFIG_BYTES, odd)
    except ReaderError as error:
        note_error(header, error)
        return {}
    for kind, message in odd:
        note(header, kind, message)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    note(header, "corrupt", f"its {entry.name.decode()} is no JSON object")
    return {}


def _describe(header: Header, config: dict[str, Any]) -> None:  # JSON values
    """Fill in what a model's configuration says: its name, its loss, its optimizer."""
    own = config.get("config")
    name = own.get("name") if isinstance(own, dict) else None
    kind, module = config.get("class_name"), config.get("module")
    if isinstance(name, str) and name and not _AUTOMATIC.fullmatch(name):
        header.facts["architecture"] = name
    elif isinstance(kind, str) and isinstance(module, str) and module.partition(".")[0] not in {"keras", ""}:
        header.facts["architecture"] = kind
    compiled = config.get("compile_config")
    if not isinstance(compiled, dict):
        return
    loss = compiled.get("loss")
    loss = loss.get("class_name") if isinstance(loss, dict) else loss
    if isinstance(loss, str) and loss:
        header.components.append({"role": "loss", "name": loss, "params": {}})
    optimizer = compiled.get("optimizer")
    if isinstance(optimizer, str):
        header.params["optimizer.name"] = optimizer
    elif isinstance(optimizer, dict) and isinstance(settings := optimizer.get("config"), dict):
        header.params |= {f"optimizer.{key}": value for key, value in settings.items() if _is_scalar(value)}


def _is_scalar(value: Any) -> bool:  # noqa: ANN401  # a JSON value
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
