"""Digests that tell whether two checkpoints have one structure, the same weights, or the same bytes.

All come from what the formats already hold (names, shapes, CRCs, sizes) and from small samples where there is no CRC;
never from reading whole tensors. Equal digests of unequal files are possible where bytes between samples differ.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from itertools import chain
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
_UINT8 = struct.Struct("<Q").pack
_COMPILED = "_orig_mod."
"""What `torch.compile` puts before the names of a module's tensors."""


class Extent(NamedTuple):
    """A range of a file, in bytes."""

    offset: int
    size: int


class Structure:
    """Names, dtypes and shapes of a state dict as digests see them: order and the prefixes of wrappers do not count."""

    __slots__ = ("_described",)

    def __init__(self, named: Sequence[tuple[str, Tensor]]) -> None:
        kinds: dict[tuple[str, tuple[int, ...]], str] = {}
        self._described: list[tuple[str, Tensor]] = []
        for name, tensor in _unwrapped(named):
            kind = kinds.get((tensor.dtype, tensor.shape))
            if kind is None:
                kind = kinds[tensor.dtype, tensor.shape] = f"{tensor.dtype} {tensor.shape} "
            self._described.append((f"{len(name)}:{name} {kind}", tensor))  # none can run into the next

    def structure_id(self) -> str:
        """Return a digest of the structure alone."""
        digest = _digest(b"structure")
        digest.update(_encoded("".join([described for described, _ in self._described])))
        return digest.hexdigest()

    def weights_id(self, mark: Callable[[str], bytes | None]) -> str | None:
        """Return a digest of the structure and of the marks of the storages it uses; None when one has no mark.

        `mark` returns what identifies the bytes of a storage: its CRC and size, or a digest of samples. Keys of
        storages do not count, since other content of the file shifts them.
        """
        if not self._described:
            return None
        texts = []
        for described, tensor in self._described:
            own = mark(tensor.storage) if tensor.storage is not None else None
            if own is None and tensor.numel:
                return None
            texts.append(f"{described}{tensor.storage_offset} {(own or b'').hex()} ")
        digest = _digest(b"weights")
        digest.update(_encoded("".join(texts)))
        return digest.hexdigest()


def content_id(kind: str, parts: Iterable[bytes] | None) -> str | None:
    """Return a digest of the parts that stand for a file's bytes, None without any; `kind` keeps formats apart."""
    if parts is None:
        return None
    digest = _digest(b"content")
    named = (kind.encode(), *parts)
    lengths = map(_UINT8, map(len, named))
    digest.update(b"".join(chain.from_iterable(zip(lengths, named, strict=True))))
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
    pairs = sorted(named, key=itemgetter(0))
    if _COMPILED in "\n".join([name for name, _ in pairs]):
        pairs = sorted([(name.replace(_COMPILED, ""), tensor) for name, tensor in pairs], key=itemgetter(0))
    ends = [pairs[0][0], pairs[-1][0]] if pairs else []
    shared = os.path.commonprefix(ends).rfind(".") + 1  # noqa: RUF071  # by character, then cut at a dot
    return [(name[shared:], tensor) for name, tensor in pairs] if shared else pairs


def _digest(what: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16, person=what)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
