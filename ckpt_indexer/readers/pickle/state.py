"""The state one run of the pickle machine works on: buffer, stack, memo, problems. Knows no opcode."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.alike import Alike
from ckpt_indexer.readers.pickle.memo import TensorMemo
from ckpt_indexer.readers.pickle.nodes import MISSING, GlobalNode, Raw

if TYPE_CHECKING:
    from ckpt_indexer.readers.pickle.limits import Limits
    from ckpt_indexer.readers.pickle.nodes import TensorKind


_NAMELESS = GlobalNode("", "")
_UINT4 = Struct("<I").unpack_from
_GOT = 256


class Broken(Exception):
    """The run ends here: kind and message of the problem."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Stopped(Exception):
    """STOP was reached; the value is the root."""

    def __init__(self, root: Raw) -> None:
        super().__init__()
        self.root = root


class _Got(dict[bytes, Raw]):
    """What an opcode that gets a value pushes (BINGET, LONG_BINGET), by its bytes; made when asked, and few are kept.

    Raises:
        IndexError: there is no value of that number.
    """

    __slots__ = ("_memo",)

    def __init__(self, memo: list[Raw]) -> None:
        super().__init__()
        self._memo = memo

    def __missing__(self, opcode: bytes) -> Raw:
        """Look into the memo."""
        number = opcode[1] if len(opcode) == 2 else _UINT4(opcode, 1)[0]
        value = self._memo[number]
        if type(value) is TensorMemo:
            value = value.at(number)
        if len(self) >= _GOT:
            self.clear()
        self[opcode] = value
        return value


class State:
    """What the opcode functions read and change.

    `stack` is the part above the last MARK; `frames` holds the parts below, so that nothing pops beyond a MARK. A POP
    from an empty part raises IndexError, which the machine reports.
    """

    __slots__ = (
        "alike",
        "data",
        "end",
        "frames",
        "globals",
        "got",
        "held",
        "kinds",
        "limits",
        "memo",
        "opcodes",
        "problems",
        "sparse",
        "stack",
    )

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.end = len(data)
        self.limits = limits
        self.opcodes = 0
        """Done so far, those of the batch in hand not counted."""
        self.stack: list[Raw] = []
        self.frames: list[list[Raw]] = []
        self.held = 0
        """Values in `frames`."""
        self.memo: list[Raw] = []
        """Numbered from 0 without gaps, as picklers count."""
        self.got = _Got(self.memo)
        self.kinds: dict[bytes, TensorKind] = {}
        """What tensors have in common, by the opcodes that get it; few are kept."""
        self.alike = Alike()
        """Tensors that repeat; what they get from the memo is known."""
        self.sparse: dict[str, Raw] = {}
        """Numbers that leave gaps. Keys are text because a file can choose integers whose hashes collide."""
        self.problems: dict[tuple[str, str], None] = {}
        self.globals: dict[tuple[str, str], GlobalNode] = {}

    def note(self, kind: str, message: str) -> None:
        """Remember a problem that does not end the run; the same one is remembered once."""
        if len(self.problems) < self.limits.problems:
            self.problems[kind, message] = None

    def argument(self, pos: int, size: int) -> int:
        """Return the position after an argument of so many bytes that begins at `pos`.

        Raises:
            Broken: the buffer ends before.
        """
        after = pos + size
        if size < 0:
            raise Broken("malformed", "a negative length")
        if after > self.end:
            raise Broken("truncated", f"an argument of {size} bytes reaches beyond the end of the pickle")
        return after

    def line(self, pos: int) -> tuple[bytes, int]:
        """Return the text argument at `pos` without its line end, and the position after it.

        Raises:
            Broken: no line end within the limit or before the end of the buffer.
        """
        limit = pos + self.limits.line_bytes
        after = self.data.find(b"\n", pos, limit)
        if after >= 0:
            return self.data[pos:after], after + 1
        if limit < self.end:
            raise Broken("limit", f"a line longer than {self.limits.line_bytes} bytes")
        raise Broken("truncated", "a line without end")

    def pop_mark(self) -> list[Raw]:
        """Return the values above the last MARK; both are taken off the stack.

        Raises:
            Broken: there is no MARK.
        """
        if not self.frames:
            raise Broken("malformed", "an opcode needs a MARK and there is none")
        values = self.stack
        self.stack = self.frames.pop()
        self.held -= len(self.stack)
        return values

    def put(self, number: int, value: Raw) -> None:
        """Remember a value under a number.

        Raises:
            Broken: the memo is full.
        """
        memo = self.memo
        if number < len(memo):
            memo[number] = value
            self.got.clear()
            self.kinds.clear()
            self.alike.forget()
            return
        if len(memo) >= self.limits.memo or len(self.sparse) >= self.limits.sparse:
            raise Broken("limit", f"more than {self.limits.memo} memo entries, or too many out of order")
        if number == len(memo):
            memo.append(value)
            if self.sparse:
                self.sparse.pop(str(number), None)
        else:
            self.sparse[str(number)] = value

    def get(self, number: int) -> Raw:
        """Return the value remembered under a number.

        Raises:
            Broken: there is none.
        """
        if number < len(self.memo):
            value = self.memo[number]
            return value.at(number) if type(value) is TensorMemo else value
        value = self.sparse.get(str(number), MISSING)
        if value is MISSING:
            raise Broken("malformed", "a memo entry is used that was never made")
        return value

    def keep_kind(self, gets: bytes, kind: TensorKind) -> None:
        """Remember what tensors have in common, until the memo changes."""
        if len(self.kinds) >= _GOT:
            self.kinds.clear()
        self.kinds[gets] = kind

    def name(self, module: str, name: str) -> GlobalNode:
        """Return the inert node of a name and list it as seen; one node without a name for what goes beyond the limits.

        Nodes are shared, so that a file of a few bytes per name cannot fill the memory with them.
        """
        node = self.globals.get((module, name))
        if node is not None:
            return node
        limits = self.limits
        if len(module) > limits.name_characters or len(name) > limits.name_characters:
            self.note("limit", f"a name of more than {limits.name_characters} characters")
            return _NAMELESS
        if len(self.globals) >= limits.names:
            self.note("limit", f"more than {limits.names} different names; further ones are not told apart")
            return _NAMELESS
        node = self.globals[module, name] = GlobalNode(module, name)
        return node
