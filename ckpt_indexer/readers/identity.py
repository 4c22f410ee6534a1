"""Digests that tell whether two checkpoints have one structure, the same weights, or the same bytes.

All come from what the formats already hold (names, shapes, CRCs, sizes) and from small samples where there is no CRC;
never from reading whole tensors. Equal digests of unequal files are possible where bytes between samples differ.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ckpt_indexer.readers.nodes import Tensor
    from ckpt_indexer.readers.opening import OpenFile

SAMPLES = 1024
"""Samples of one file at most: with one in every tensor, a fine-tuned head differs though the backbone is frozen."""
SMALL_BYTES = 64 << 10
"""What is left of a file without sums is read in full up to this size."""
WALL_S = 2.5
"""For the samples of one file: on a cold spinning disk each costs a seek. Beyond that there is no identity."""
SAMPLES_EACH = 8
"""Samples of one extent at most."""
SAMPLE_BYTES = 512
_COMPILED = "_orig_mod."
"""What `torch.compile` puts before the names of a module's tensors."""


class Extent(NamedTuple):
    """A range of a file, in bytes."""

    offset: int
    size: int


def structure_id(named: Sequence[tuple[str, Tensor]]) -> str:
    """Return a digest of names, dtypes and shapes. Order and the prefixes of wrappers do not count."""
    digest = _digest(b"structure")
    digest.update(_encoded("".join(_described(name, tensor) for name, tensor in _unwrapped(named))))
    return digest.hexdigest()


def weights_id(named: Sequence[tuple[str, Tensor]], mark: Callable[[str], bytes | None]) -> str | None:
    """Return a digest of a state dict's structure and of the marks of the storages it uses; None when one has no mark.

    `mark` returns what identifies the bytes of a storage: its CRC and size, or a digest of samples. Keys of storages
    do not count, since other content of the file shifts them.
    """
    if not named:
        return None
    texts = []
    for name, tensor in _unwrapped(named):
        own = mark(tensor.storage) if tensor.storage is not None else None
        if own is None and tensor.numel:
            return None
        texts.append(f"{_described(name, tensor)}{tensor.storage_offset} {(own or b'').hex()} ")
    digest = _digest(b"weights")
    digest.update(_encoded("".join(texts)))
    return digest.hexdigest()


def content_id(kind: str, parts: Iterable[bytes] | None) -> str | None:
    """Return a digest of the parts that stand for a file's bytes, None without any; `kind` keeps formats apart."""
    if parts is None:
        return None
    digest = _digest(b"content")
    for part in (kind.encode(), *parts):
        digest.update(struct.pack("<Q", len(part)))
        digest.update(part)
    return digest.hexdigest()


def sampled(
    file: OpenFile,
    extents: Sequence[Extent],
    *,
    samples: int = SAMPLES,
    clock: Callable[[], float] = time.monotonic,
) -> list[bytes] | None:
    """Return one digest of samples per extent, in the given order; None when the disk is too slow for it.

    Every extent is sampled while there are at most `samples`. Of more, the largest and some of the rest are: the
    others stand for their size alone.
    """
    ends = clock() + WALL_S
    chosen = _chosen(extents, samples)
    each = max(1, min(SAMPLES_EACH, samples // max(1, len(chosen))))
    places = {at: _places(extents[at], each) for at in chosen}
    _announce(file, [place for at in chosen for place in places[at]])
    digests = []
    for at, extent in enumerate(extents):
        digest = _digest(b"samples")
        digest.update(struct.pack("<Q", extent.size))
        for place in places.get(at, ()):
            digest.update(file.read(place.offset, place.size))
        digests.append(digest.digest())
        if clock() > ends:
            return None
    return digests


def whole(file: OpenFile, *, start: int = 0, samples: int = SAMPLES // 8) -> list[bytes] | None:
    """Return the parts that stand for all bytes from `start` on in a file whose format holds no sums."""
    if file.size - start <= SMALL_BYTES:
        return [file.read(start, SMALL_BYTES)]
    step = max(SAMPLE_BYTES, -(-max(0, file.size - start) // samples))
    extents = [Extent(at, min(step, file.size - at)) for at in range(start, file.size, step)]
    return sampled(file, extents, samples=samples)


def _chosen(extents: Sequence[Extent], samples: int) -> list[int]:
    """Return which extents to sample, in order: all, or the largest and evenly chosen ones of the rest."""
    if len(extents) <= samples:
        return list(range(len(extents)))
    ordered = sorted(range(len(extents)), key=lambda at: (-extents[at].size, at))
    large, rest = ordered[: samples // 2], sorted(ordered[samples // 2 :])
    step = -(-len(rest) // (samples - len(large)))
    return sorted(large + rest[::step])


def _places(extent: Extent, count: int) -> list[Extent]:
    """Return where to take samples: evenly spread, the first and last bytes among them; all of a small extent."""
    if extent.size <= SAMPLE_BYTES * count:
        return [extent] if extent.size > 0 else []
    if count == 1:  # the middle: the ends of a tensor are likelier to be padding
        return [Extent(extent.offset + (extent.size - SAMPLE_BYTES) // 2, SAMPLE_BYTES)]
    last = extent.size - SAMPLE_BYTES
    return [Extent(extent.offset + last * number // (count - 1), SAMPLE_BYTES) for number in range(count)]


def _announce(file: OpenFile, places: Iterable[Extent]) -> None:
    """Tell the kernel what is read next, so that it fetches all of it at once."""
    for place in places:
        if place.offset >= file.size:
            continue
        os.posix_fadvise(file.descriptor, place.offset, place.size, os.POSIX_FADV_WILLNEED)


def _unwrapped(named: Sequence[tuple[str, Tensor]]) -> list[tuple[str, Tensor]]:
    """Return the tensors by name, without the leading parts that all names share, in order of names."""
    pairs = [(name.replace(_COMPILED, "") if _COMPILED in name else name, tensor) for name, tensor in named]
    names = [name for name, _ in pairs]
    ends = [min(names, default=""), max(names, default="")]
    shared = os.path.commonprefix(ends).rfind(".") + 1  # noqa: RUF071  # by character, then cut at a dot
    return sorted(((name[shared:], tensor) for name, tensor in pairs), key=itemgetter(0))


def _digest(what: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16, person=what)


def _described(name: str, tensor: Tensor) -> str:
    """Return what is compared of a tensor, such that none can run into the next."""
    return f"{len(name)}:{name} {tensor.dtype} {tensor.shape} "


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
