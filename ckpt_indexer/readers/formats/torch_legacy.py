"""The stream that `torch.save` wrote before version 1.6, and plain pickles.

Magic number, protocol, system, object, keys of storages: five pickles, then the storages, each as an 8-byte count of
elements and its bytes (https://github.com/pytorch/pytorch/blob/v2.6.0/torch/serialization.py#L1000). Anything else that
begins like a pickle is read as one pickle.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers import identity, pickles
from ckpt_indexer.readers.contents import Contents, note
from ckpt_indexer.readers.formats.storages import Scalars, element_bytes
from ckpt_indexer.readers.header import Header
from ckpt_indexer.readers.interpret.plain import interpret
from ckpt_indexer.readers.interpret.torch import storage_of
from ckpt_indexer.readers.pickle.nodes import CallNode, PersistentNode, TensorNode

if TYPE_CHECKING:
    from ckpt_indexer.readers.interpret.torch import Storage
    from ckpt_indexer.readers.opening import OpenFile
    from ckpt_indexer.readers.pickle.machine import Pickled
    from ckpt_indexer.readers.pickle.nodes import Raw

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_STORAGES = 100_000
PROTOCOL_OPCODE = b"\x80"
"""What pickles of protocol 2 and later begin with."""
_PREFACE_BYTES = 64 << 10
"""More than magic number, protocol and system ever take."""
_COUNT = struct.Struct("<q")


class Preface(NamedTuple):
    """The three small pickles before the object."""

    end: int
    """Where the object begins; 0 when the rest of the preface is missing or damaged."""
    little_endian: bool = True


def find_preface(file: OpenFile) -> Preface | None:
    """Return where the object begins; None when this is no torch stream, that is without the magic number.

    The numbers must be written out: a pickle that would compute them by calling something is not believed.
    """
    data = file.read(0, _PREFACE_BYTES)
    budget = pickles.Budget()
    values: list[Pickled] = []
    at = 0
    for wanted in (MAGIC_NUMBER, PROTOCOL, None):
        pickled = pickles.run(data[at:], budget)
        if not pickled.stopped or pickled.globals_seen or (wanted is not None and pickled.root != wanted):
            return Preface(0) if values else None
        values.append(pickled)
        at += pickled.end
    system = interpret(values[2]).value
    if not isinstance(system, dict):
        return Preface(0)
    return Preface(at, system.get("little_endian") is not False)


def read(file: OpenFile, *, full: bool) -> Contents:
    """Return what the stream or the pickle holds."""
    preface = find_preface(file)
    if preface is None:
        return _read_pickle(file, full=full)
    header = Header("torch_legacy")
    contents = Contents(header)
    if not preface.end:
        header.complete = False
        note(header, "truncated", "the beginning of a torch stream and nothing more that makes sense")
        return contents
    budget = pickles.Budget()
    pickled = pickles.run_stream(file, preface.end, budget)
    if not pickled.stopped:
        header.complete = False if _is_cut_off(pickled) else None
        contents.root = pickles.plain(pickled, header)
        return contents
    at = preface.end + pickled.end
    storages = _storages(file, at, pickled, budget, header)
    contents.root = pickles.plain(pickled, header, Scalars(storages.read, big_endian=not preface.little_endian))
    pickles.note_root(header, contents.root)
    if full:
        contents.mark = storages.mark
    if full and header.complete:
        marks = [storages.mark(key) for key in storages.extents]
        parts = None if None in marks else [file.read(0, at), *(mark for mark in marks if mark is not None)]
        header.content_id = identity.content_id("torch_legacy", parts)
    return contents


def _read_pickle(file: OpenFile, *, full: bool) -> Contents:
    """Read the file as one pickle; what follows it is not looked at."""
    header = Header("pickle")
    pickled = pickles.run_stream(file, 0, pickles.Budget())
    root = pickles.plain(pickled, header)
    header.complete = True if pickled.stopped else False if _is_cut_off(pickled) else None
    if pickled.stopped and pickled.end < file.size:
        note(header, "suspicious", f"{file.size - pickled.end} bytes behind its pickle; they are not read")
    pickles.note_root(header, root)
    if root in (None, {}) and not pickled.stopped and file.head[:1] != PROTOCOL_OPCODE:
        return Contents(Header("unknown"))  # text that begins with a letter which is an opcode, most likely
    if full and header.complete:
        header.content_id = identity.content_id("pickle", identity.whole(file))
    return Contents(header, root)


def _is_cut_off(pickled: Pickled) -> bool:
    return any(kind == "truncated" for kind, _ in pickled.problems)


def _storages(file: OpenFile, at: int, object_: Pickled, budget: pickles.Budget, header: Header) -> _Storages:
    """Return where the storages lie; `at` is where the list of their keys begins, which is their order."""
    found = _Storages(file)
    listed = pickles.run_stream(file, at, budget)
    keys = interpret(listed).value if listed.stopped else None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        header.complete = False
        note(header, "truncated" if _is_cut_off(listed) else "corrupt", "the list of its storages cannot be read")
        return found
    header.complete = None
    named = _named_storages(object_.root)
    at += listed.end
    for key in keys[:MAX_STORAGES]:
        size = element_bytes(named[key].dtype) if key in named else None
        if size is None:  # of a kind nobody here knows: where the following ones lie is unknown too
            return found
        length = named[key].numel * size
        found.extents[key] = identity.Extent(at + _COUNT.size, length)
        at += _COUNT.size + length
    _check_end(header, file, found, named, at)
    return found


def _check_end(header: Header, file: OpenFile, found: _Storages, named: dict[str, Storage], end: int) -> None:
    """Compare what the object says of its storages with the file: its size, and the first and last count in it."""
    header.complete = end <= file.size
    if end > file.size:
        missing = sum(extent.offset + extent.size > file.size for extent in found.extents.values())
        note(header, "truncated", f"{missing} of {len(found.extents)} storages are missing at its end")
    elif end < file.size:
        note(header, "suspicious", f"{file.size - end} bytes behind its last storage")
    keys = list(found.extents)
    for key in {*keys[:1], *keys[-1:]} if header.complete else ():
        count = file.read(found.extents[key].offset - _COUNT.size, _COUNT.size)
        if count != _COUNT.pack(named[key].numel):
            note(header, "corrupt", "a storage of another length than its tensors need")


def _named_storages(root: Raw) -> dict[str, Storage]:
    """Return the storages an object refers to, wherever in it, by key. Iterative; each node once."""
    found: dict[str, Storage] = {}
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if type(node) is TensorNode:
            node = node.call
        if type(node) is PersistentNode:
            storage = storage_of(node)
            if storage is not None:
                found.setdefault(storage.key, storage)
        elif isinstance(node, list | tuple | CallNode) and id(node) not in seen:
            seen.add(id(node))
            waiting += _parts(node) if isinstance(node, CallNode) else node
    return found


def _parts(call: CallNode) -> tuple[Raw, ...]:
    return (call.args, call.keywords, call.state, call.items, call.elements)


class _Storages:
    """Bytes and marks of the storages of one stream."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.extents: dict[str, identity.Extent] = {}
        """Key -> where its bytes lie, in the order of the file."""
        self._marks: dict[str, bytes] | None = None

    def read(self, key: str, offset: int, count: int) -> bytes | None:
        """Return bytes of a storage; None where there are none."""
        extent = self.extents.get(key)
        if extent is None or offset + count > extent.size:
            return None
        return self._file.read(extent.offset + offset, count)

    def mark(self, key: str) -> bytes | None:
        """Return what identifies the bytes of a storage; None when it is not there, or the disk too slow to tell."""
        if self._marks is None:
            samples = identity.sampled(self._file, list(self.extents.values()))
            self._marks = {} if samples is None else dict(zip(self.extents, samples, strict=True))
        return self._marks.get(key)
