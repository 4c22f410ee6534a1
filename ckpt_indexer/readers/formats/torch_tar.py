"""The tar archives that `torch.save` wrote in 2016: members `storages`, `tensors`, `pickle`. Only the last is read.

Torch tries this format before its stream (https://github.com/pytorch/pytorch/blob/v2.6.0/torch/serialization.py#L1487),
so a tar is recognised as it recognises one: by the sum over its first header. Members are listed, never extracted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers import identity, pickles
from ckpt_indexer.readers.contents import Contents, note
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.opening import OpenFile

BLOCK = 512
MAX_MEMBERS = 1_000
_REGULAR = (b"0", b"\0")
_PARTS = {b"pickle", b"tensors", b"storages"}


class Member(NamedTuple):
    """One entry of the archive."""

    name: bytes
    regular: bool
    offset: int
    """Where its bytes begin."""
    size: int


def is_tar(head: bytes) -> bool:
    """Tell whether a file begins with a tar header: the sum of its bytes is the one it states."""
    return len(head) >= BLOCK and _sum_holds(head[:BLOCK])


def read(file: OpenFile, *, full: bool) -> Contents:
    """Return what the member `pickle` holds; the tensors lie in the other members and stay unknown."""
    header = Header("torch_tar", complete=True)
    contents = Contents(header)
    members: dict[bytes, Member] = {}
    end = 0
    for count, member in enumerate(_members(file)):
        end = member.offset + -(-member.size // BLOCK) * BLOCK
        if member.name in members:
            note(header, "duplicate_entry", f"several members are named {_shown(member.name)}; the first is read")
        members.setdefault(member.name, member)
        if count >= MAX_MEMBERS:
            note(header, "limit", f"more than {MAX_MEMBERS} members; no checkpoint has so many")
            break
    if len(members) < MAX_MEMBERS and file.read(end, BLOCK) != bytes(BLOCK):
        header.complete = False
        note(header, "truncated", "its end is missing or damaged")
    missing = sorted(_PARTS - members.keys())
    if missing:
        header.complete = False
        note(header, "corrupt", f"a tar archive without {' and '.join(_shown(name) for name in missing)}")
    _read_pickle(contents, file, members.get(b"pickle"))
    if full and header.complete:
        header.content_id = identity.content_id("torch_tar", identity.whole(file))
    return contents


def _read_pickle(contents: Contents, file: OpenFile, member: Member | None) -> None:
    header = contents.header
    if member is None:
        return
    if not member.regular or member.size > pickles.MAX_PICKLE_BYTES:
        note(header, "suspicious", "its member 'pickle' is no regular file of a checkpoint's size; it is not read")
        return
    pickled = pickles.run(file.read(member.offset, member.size), pickles.Budget())
    contents.root = pickles.plain(pickled, header)
    pickles.note_root(header, contents.root)


def _members(file: OpenFile) -> Iterator[Member]:
    """Yield the members until the archive ends or breaks."""
    at = 0
    while len(block := file.read(at, BLOCK)) == BLOCK and _sum_holds(block):
        size = _octal(block[124:136])
        if size is None or size < 0:
            return
        name = block[:100].rstrip(b"\0")
        yield Member(name.removeprefix(b"./"), block[156:157] in _REGULAR, at + BLOCK, size)
        at += BLOCK + -(-size // BLOCK) * BLOCK


def _sum_holds(block: bytes) -> bool:
    stated = _octal(block[148:156])
    return stated is not None and any(block) and stated == sum(block) - sum(block[148:156]) + 8 * ord(" ")


def _octal(field: bytes) -> int | None:
    """Return a number of a tar header: octal text, or binary when the first bit is set; None when it is neither."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.split(b"\0", 1)[0].strip()
    if not all(byte in b"01234567" for byte in text):
        return None
    return int(text or b"0", 8)


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "replace"))
