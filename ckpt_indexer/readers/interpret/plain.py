"""Inert nodes to plain data (`nodes.Plain`): what the names in a pickle mean, looked up in tables, never executed.

    Pickled -> interpret -> Interpreted(value, problems)

A name that no table knows stays `Opaque`, its arguments and state readable. Sharing is written out, so whoever walks
the result meets no more values than the limits allow; cycles and what lies too deep are left out. Entries of the root
that are small are read first, so that a huge one cannot use up what the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.readers.interpret.base import PASS, Entry
from ckpt_indexer.readers.interpret.builtins import BUILTINS
from ckpt_indexer.readers.interpret.config import config_value, is_config_node
from ckpt_indexer.readers.interpret.keys import Keys, key_size, safe_text
from ckpt_indexer.readers.interpret.numpy import NUMPY
from ckpt_indexer.readers.interpret.objects import is_mapping_class, made_by_copyreg, opaque, opaque_name, scalar_value
from ckpt_indexer.readers.interpret.order import entries_of, is_light
from ckpt_indexer.readers.interpret.torch import TENSORS, TORCH, global_value, storage_of, with_value
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.pickle.nodes import (
    MISSING,
    CallNode,
    DictNode,
    GlobalNode,
    Missing,
    PersistentNode,
    Raw,
    SetNode,
    SkippedNode,
    TensorNode,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.nodes import Plain
    from ckpt_indexer.readers.pickle.machine import Pickled

_OBJECTS: dict[str, Entry] = {**BUILTINS, **NUMPY, **TORCH}
_SHORT_KEY = 128
"""Characters of a key that is taken as it is; longer ones count as text."""
_SHOWN = 80
"""Characters of a key in a message."""


@dataclass(frozen=True, slots=True)
class InterpretLimits:
    """How much plain data one pickle may become."""

    nodes: int = 200_000
    """Values that are not tensors, each counted as often as it is reached."""
    tensors: int = 600_000
    depth: int = 64
    text_characters: int = 32 << 20
    """Characters and bytes of all texts and byte strings together, each counted as often as it is reached."""
    one_text: int = 1 << 20
    """Characters of one text, bytes of one byte string; longer ones are cut."""
    problems: int = 20


@dataclass(frozen=True, slots=True)
class Interpreted:
    """Plain data and what went wrong on the way."""

    value: Plain
    """None when there was nothing to read."""
    problems: list[tuple[str, str]]
    """(kind, message); kinds are limit and duplicate_key. Those of the machine are not repeated."""


def interpret(
    pickled: Pickled,
    *,
    read_scalar: Callable[[str, str, int], bytes | None] | None = None,
    limits: InterpretLimits | None = None,
) -> Interpreted:
    """Return what a pickle holds as plain data. Never raises for what the file says.

    `read_scalar(storage key, dtype, element offset)` gives the little-endian bytes of one element, or None; it is asked
    for tensors with exactly one element only.
    """
    walk = _Walk(read_scalar, limits or InterpretLimits())
    value = MISSING if pickled.root is MISSING else walk.root(pickled.root)
    return Interpreted(None if value is MISSING else value, list(walk.problems))


class _Walk:
    """One walk over a graph, within one budget. Implements `interpret_base.Walk`."""

    def __init__(self, read: Callable[[str, str, int], bytes | None] | None, limits: InterpretLimits) -> None:
        self._read = read
        self._limits = limits
        self._nodes = limits.nodes
        self._tensors = limits.tensors
        self._characters = limits.text_characters
        self._open: set[int] = set()
        """Identities of the nodes between the root and here."""
        self._kinds: dict[type, Callable[[Raw, int], Plain | Missing]] = {
            str: self._text,
            bytes: self._bytes,
            CallNode: self._object,
            DictNode: self._container,
            list: self._container,
            tuple: self._container,
            SetNode: self._container,
            GlobalNode: self._global,
            PersistentNode: self._persistent,
            SkippedNode: self._skipped,
            TensorNode: self._tensor,
        }
        self.problems: dict[tuple[str, str], None] = {}

    def root(self, node: Raw) -> Plain | Missing:
        """Return the root as plain data; its small entries are read before its large ones."""
        pairs = entries_of(node)
        if pairs is None:
            return self.plain(node, 0)
        self._open.add(id(node))
        values = range(1, len(pairs), 2)
        ready = {index: self.plain(pairs[index], 1) for index in values if is_light(pairs[index])}
        return self._fill(pairs, 0, ready)

    def plain(self, node: Raw, depth: int) -> Plain | Missing:
        """Return a node at that depth as plain data; MISSING when it was cut off."""
        read = self._kinds.get(type(node))
        if read is not None:
            return read(node, depth)
        return node if self._count() else MISSING  # None, bool, int, float

    def mapping(self, pairs: list[Raw], depth: int) -> dict[Plain, Plain]:
        """Return a flat list of keys and values as a dict; the last of equal keys counts, as when a dict is filled."""
        return self._fill(pairs, depth, {})

    def sequence(self, values: list[Raw] | tuple[Raw, ...], depth: int) -> list[Plain]:
        """Return values as a list; None where one was cut off."""
        result: list[Plain] = []
        for node in values:
            value = self.plain(node, depth + 1)
            if value is not MISSING:
                result.append(value)
            elif self._nodes < 0:
                break
            else:
                result.append(None)
        return result

    def read_scalar(self, key: str, dtype: str, offset: int) -> bytes | None:
        """Return the little-endian bytes of one element of a storage."""
        return None if self._read is None else self._read(key, dtype, offset)

    def afford(self, size: int) -> bool:
        """Tell whether so many characters or bytes may still be made, and count them."""
        self._characters -= size
        if self._characters < 0:
            self._note("limit", f"more than {self._limits.text_characters} characters of text; the rest is not read")
        return self._characters >= 0

    def _fill(self, pairs: list[Raw], depth: int, ready: dict[int, Plain | Missing]) -> dict[Plain, Plain]:
        result: dict[Plain, Plain] = {}
        keys: Keys | None = None
        for index in range(0, len(pairs) - 1, 2):
            key, node = pairs[index], pairs[index + 1]
            if index + 1 in ready:
                value = ready[index + 1]
            else:
                value = self._tensor(node, depth + 1) if type(node) is TensorNode else self.plain(node, depth + 1)
            if value is MISSING:
                if self._nodes < 0 and depth:
                    break
                continue
            if type(key) is not str or len(key) > _SHORT_KEY or not key.isascii():
                if not self.afford(key_size(key)):
                    continue
                keys = keys or Keys(lambda node: self.plain(node, depth + 1))
                key = keys.key(key)
            if key in result:
                self._note("duplicate_key", f"the key {str(key)[:_SHOWN]!r} occurs twice; the last one counts")
            result[key] = value
        return result

    def _note(self, kind: str, message: str) -> None:
        if len(self.problems) < self._limits.problems:
            self.problems[kind, message] = None

    def _count(self) -> bool:
        self._nodes -= 1
        if self._nodes < 0:
            self._note("limit", f"more than {self._limits.nodes} values besides tensors; the rest is not read")
        return self._nodes >= 0

    def _enter(self, node: Raw, depth: int) -> bool:
        """Tell whether a node may be looked into; False for one that holds itself or lies too deep."""
        if depth > self._limits.depth:
            self._note("limit", f"more than {self._limits.depth} levels; what lies deeper is not read")
            return False
        if id(node) in self._open:
            return False
        self._open.add(id(node))
        return True

    def _text(self, node: str, _depth: int) -> Plain | Missing:
        if not self._count() or not self.afford(min(len(node), self._limits.one_text)):
            return MISSING
        if len(node) > self._limits.one_text:
            self._note("limit", f"a text of more than {self._limits.one_text} characters was cut")
            node = node[: self._limits.one_text]
        return node if node.isascii() else safe_text(node)

    def _bytes(self, node: bytes, _depth: int) -> Plain | Missing:
        if not self._count() or not self.afford(min(len(node), self._limits.one_text)):
            return MISSING
        if len(node) > self._limits.one_text:
            self._note("limit", f"a byte string of more than {self._limits.one_text} bytes was cut")
        return node[: self._limits.one_text]

    def _container(self, node: Raw, depth: int) -> Plain | Missing:
        if not self._count() or not self._enter(node, depth):
            return MISSING
        value = self._fill(node, depth, {}) if type(node) is DictNode else self.sequence(node, depth)
        self._open.discard(id(node))
        return value

    def _tensor(self, node: TensorNode, depth: int) -> Plain | Missing:
        if self._tensors <= 0 or depth > self._limits.depth:
            return self._object(node.call, depth)  # which tells why it is left out
        self._tensors -= 1
        return with_value(self, node) if node.shape.count(1) == len(node.shape) else node

    def _object(self, call: CallNode, depth: int) -> Plain | Missing:
        if not self._enter(call, depth):
            self._count()
            return MISSING
        value = self._made(call, depth)
        self._open.discard(id(call))
        if type(value) is str:
            return self._text(value, depth)
        return self._bytes(value, depth) if type(value) is bytes else value

    def _made(self, call: CallNode, depth: int) -> Plain | Missing:
        """Return what an object is by the tables; by how it was made when they do not know it."""
        path = call.func.path if type(call.func) is GlobalNode else ""
        entry = TENSORS.get(path)
        if entry is not None:
            self._tensors -= 1
            if self._tensors < 0:
                self._note("limit", f"more than {self._limits.tensors} tensors; the rest is not read")
                self._count()
                return MISSING
        elif not self._count():
            return MISSING
        else:
            entry = _OBJECTS.get(path)
        if entry is not None:
            value = entry(self, call, call.args if type(call.args) is tuple else (), depth)
            if value is not PASS:
                return value
        return self._unlisted(call, depth)

    def _unlisted(self, call: CallNode, depth: int) -> Plain | Missing:
        made = made_by_copyreg(call)
        if made is not None:
            return self._object(made, depth + 1)
        if type(call.func) is GlobalNode and is_config_node(call.func):
            value = config_value(self, call, depth + 1)
            if value is not PASS:
                return value
        if call.items is not None:
            return self.mapping(call.items, depth)
        if call.elements is not None:
            return self.sequence(call.elements, depth)
        if type(call.func) is GlobalNode and is_mapping_class(call.func) and not call.args:
            return self.mapping(call.state, depth) if type(call.state) is DictNode else {}
        value = scalar_value(call)
        return opaque(self, call, depth) if value is MISSING else self.plain(value, depth + 1)

    def _global(self, node: GlobalNode, _depth: int) -> Plain | Missing:
        if not self._count():
            return MISSING
        return global_value(node) or Opaque(*opaque_name(node))

    def _persistent(self, node: PersistentNode, depth: int) -> Plain | Missing:
        storage = storage_of(node)
        if storage is not None:
            return Tensor(storage.dtype, (storage.numel,), storage.key) if self._count() else MISSING
        if not self._count() or not self._enter(node, depth):
            return MISSING
        identity = self.plain(node.pid, depth + 1)
        self._open.discard(id(node))
        return Opaque("", "persistent id", [] if identity is MISSING else [identity])

    def _skipped(self, node: SkippedNode, _depth: int) -> Plain | Missing:
        return Opaque("", "skipped", [node.size]) if self._count() else MISSING
