"""Writing the document beside a checkpoint, whole or not at all. Imported by training jobs: needs neither torch nor
pydantic until `save_metadata` is asked to validate.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ckpt_indexer.errors import NeedsChild, SchemaFromFuture, SidecarInvalid, SidecarUnreadable
from ckpt_indexer.metadata import naming, upgrade
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.loading import parse_inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel, ValidationError

    from ckpt_indexer.metadata.document import MetadataV2
    from ckpt_indexer.metadata.versions import MetadataV1

AnyPath: TypeAlias = "bytes | str | os.PathLike[str]"

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)
_SNIFFED_BYTES = 1 << 20
_SHOWN_ERRORS = 5
_VERSION = re.compile(rb"(?:^|[{,])\s*[\"']?schema_version[\"']?\s*:\s*[\"']?(\d+(?:\.\d+)*)", re.MULTILINE)


def flush(descriptor: int) -> None:
    """Wait until what a file or directory holds is on the disk, where the file system can tell; some cannot for a
    directory.

    Raises:
        OSError: the disk refused, or it is full.
    """
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NO_SYNC:
            raise


def write_document(
    document: Mapping[str, Any],  # JSON-like values
    path: AnyPath,
    *,
    sync: Callable[[int], None] = flush,
) -> None:
    """Write a document atomically and durably: readers see the old one or the new one, also after a power cut.

    Mode 0644 less the umask. A symlink at the path is replaced, not followed. On failure the old document stays and
    nothing is left behind.

    `sync` is given the open file before it gets its name, and its directory afterwards. One that only takes note of
    them and flushes later gives up the power cut, not the atomicity.

    Raises:
        SidecarInvalid: it holds what no document can hold.
        OSError: the file system refused.
    """
    encoded = emit(document).encode()
    target = os.fsencode(path)
    directory = os.path.dirname(target) or b"."  # bytes, which pathlib refuses
    temporary = os.path.join(directory, b".ckpt-indexer-%s.tmp" % secrets.token_hex(8).encode())  # bytes
    try:
        _write_new(temporary, encoded, sync)
        os.replace(temporary, target)  # bytes
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # bytes
        raise
    _sync_directory(directory, sync)


def written_path(checkpoint_path: AnyPath) -> Path:
    """Return where the document of a checkpoint is written.

    `<stem>.metadata.yaml`; `<file>.metadata.yaml` where another checkpoint in the directory has the same stem, or
    where that document is there already (it is read first, and would hide the other); `checkpoint.metadata.yaml`
    inside a directory.
    """
    path = os.fsencode(checkpoint_path)
    if os.path.isdir(path):  # bytes
        return Path(os.fsdecode(os.path.join(path, naming.INSIDE_SIDECAR)))  # bytes
    directory, slash, name = path.rpartition(b"/")
    stem = naming.stem(name)
    own = directory + slash + name + naming.YAML_SIDECAR
    others = (directory + slash + stem + suffix for suffix in naming.CHECKPOINT_SUFFIXES if stem + suffix != name)
    if _exists(own) or any(_exists(other) for other in others):
        return Path(os.fsdecode(own))
    return Path(os.fsdecode(directory + slash + stem + naming.YAML_SIDECAR))


def save_metadata(metadata: MetadataV1 | MetadataV2 | Mapping[str, Any], checkpoint_path: AnyPath) -> Path:  # JSON-like
    """Validate metadata and write it as the checkpoint's document; return the document's path.

    A mapping that names no `schema_version` is taken for the latest. A 2.0 document without a `file` block gets one:
    the checkpoint's name, and size and time of its last change when it is there already, which proves that both belong
    together.

    Raises:
        SidecarInvalid: it breaks its schema, or holds an unknown key.
        SchemaFromFuture: it, or the document it would replace, is of a version newer than ours.
        OSError: the file system refused.
    """
    path = written_path(checkpoint_path)
    if isinstance(metadata, Mapping):
        document = _validated(metadata, checkpoint_path)
    else:
        document = _with_file(_to_document(metadata), checkpoint_path)
    newer = future_version(path)
    if newer is not None:
        message = f"{path} is a document of version {newer}, newer than {LATEST}; it is not overwritten"
        raise SchemaFromFuture(message, path=str(path), version=newer)
    write_document(document, path)
    return path


def future_version(path: AnyPath) -> str | None:
    """Return the version of the document at a path when it is newer than ours; None otherwise or when there is none.

    Looks at the text where the document cannot be parsed here, so that no program of ours destroys one it cannot read.
    """
    try:
        with open(os.fsencode(path), "rb", opener=_open_regular) as file:
            data = file.read(_SNIFFED_BYTES)
    except OSError:
        return None
    try:
        raw = parse_inline(data)
    except (NeedsChild, SidecarUnreadable):
        found = _VERSION.search(data)
        raw = {"schema_version": found[1].decode("ascii")} if found else None
    if not isinstance(raw, Mapping):
        return None
    try:
        identified = upgrade.identify(raw)
    except SidecarInvalid:
        return None
    return identified.version if identified.from_future else None


def _validated(raw: Mapping[str, Any], checkpoint_path: AnyPath) -> dict[str, Any]:  # JSON-like values
    """Return a mapping as its version's model understands it."""
    from pydantic import ValidationError

    document: dict[str, Any] = {"schema_version": LATEST, **raw}  # JSON-like values
    identified = upgrade.identify(document)
    if identified.from_future:
        message = f"schema version {identified.version} is newer than {LATEST}; this release cannot write it"
        raise SchemaFromFuture(message, version=identified.version)
    model = _model(identified.version)
    if identified.fault is not None or model is None:
        raise SidecarInvalid(f"schema_version: write 1.0 or {LATEST}, not {document['schema_version']!r}")
    document["schema_version"] = identified.version
    try:
        return _to_document(model.model_validate(_with_file(document, checkpoint_path)))
    except ValidationError as exc:
        raise SidecarInvalid(_worded(exc), version=identified.version) from exc


def _model(version: str) -> type[BaseModel] | None:
    """Return the model of a version that is written; None for others."""
    from ckpt_indexer.metadata.document import MetadataV2
    from ckpt_indexer.metadata.versions import MetadataV1

    models: dict[str, type[BaseModel]] = {"1.0": MetadataV1, "2.0": MetadataV2}
    return models.get(version)


def _to_document(model: BaseModel) -> dict[str, Any]:  # JSON-like values
    from ckpt_indexer.metadata.document import to_document

    return to_document(model)


def _worded(exc: ValidationError) -> str:
    """Return the first few faults by key path, in one line."""
    faults = exc.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {fault['msg']}" for fault in faults[:_SHOWN_ERRORS]]
    if len(faults) > _SHOWN_ERRORS:
        told.append(f"and {len(faults) - _SHOWN_ERRORS} more")
    return "; ".join(told)


def _with_file(document: dict[str, Any], checkpoint_path: AnyPath) -> dict[str, Any]:  # JSON-like values
    """Tie a 2.0 document to its file, after its version; by name alone where the file is not there yet."""
    if document.get("schema_version") != LATEST or document.get("file") is not None:
        return document
    path = os.fsencode(checkpoint_path)
    block: dict[str, Any] = {"name": naming.display(path.rstrip(b"/").rpartition(b"/")[2])}  # JSON values
    with contextlib.suppress(OSError):
        found = os.stat(path)  # bytes
        if stat.S_ISREG(found.st_mode):
            block |= {"size_bytes": found.st_size, "mtime_ns": found.st_mtime_ns}
    rest = {key: value for key, value in document.items() if key not in {"schema_version", "file"}}
    return {"schema_version": LATEST, "file": block, **rest}


def _write_new(path: bytes, encoded: bytes, sync: Callable[[int], None]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(encoded)
        while view:
            view = view[os.write(descriptor, view) :]
        sync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(directory: bytes, sync: Callable[[int], None]) -> None:
    """Make the rename durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def _open_regular(path: str | bytes, flags: int) -> int:
    """Open without hanging on a FIFO; anything but a regular file is as good as absent."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


def _exists(path: bytes) -> bool:
    return os.path.lexists(path)
