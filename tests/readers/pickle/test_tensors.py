"""A tensor's opcodes done in one step leave what they leave one by one: the same nodes, shared in the same places."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.pickle.limits import Limits
from ckpt_indexer.readers.pickle.machine import IN_STEPS, ONE_BY_ONE, Pickled, run
from ckpt_indexer.readers.pickle.nodes import (
    CallNode,
    DictNode,
    GlobalNode,
    PersistentNode,
    SetNode,
    SkippedNode,
    TensorNode,
)
from tests.readers.pickle_files import lightning_checkpoint, name, text, torch_pickle

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.pickle.state import State

    Step = Callable[[State, int], int]

_PARTS = {
    CallNode: ("func", "args", "keywords", "new", "state", "items", "elements"),
    PersistentNode: ("pid",),
    GlobalNode: ("module", "name"),
    SkippedNode: ("size",),
}


def shown(root: object) -> list[object]:
    """Return a graph as a list: equal for graphs that are equal and whose nodes are shared in the same places."""
    numbers: dict[int, int] = {}
    waiting, tokens = [root], list[object]()
    while waiting:
        node = waiting.pop()
        if isinstance(node, TensorNode):
            node = node.call
        kind = type(node)
        if kind in (list, DictNode, SetNode) or kind in _PARTS:
            known = id(node) in numbers
            tokens.append((kind.__name__, numbers.setdefault(id(node), len(numbers))))
            if known:
                continue
        if isinstance(node, list | tuple):
            tokens.append((kind.__name__, len(node)))
            waiting += node
        elif kind in _PARTS:
            waiting += [getattr(node, part) for part in _PARTS[kind]]
        else:
            tokens.append((kind.__name__, repr(node)))
    return tokens


def both(data: bytes, limits: Limits | None = None) -> tuple[Pickled, Pickled]:
    """Return what the machine makes of a pickle in one step per tensor, and opcode by opcode."""
    return run(data, limits=limits), run(data, limits=limits, table=ONE_BY_ONE)


def assert_same(data: bytes, limits: Limits | None = None) -> None:
    fast, slow = both(data, limits)
    assert shown(fast.root) == shown(slow.root)
    assert (fast.end, fast.stopped, fast.problems) == (slow.end, slow.stopped, slow.problems)
    assert (fast.globals_seen, fast.opcodes) == (slow.globals_seen, slow.opcodes)


def steps(data: bytes) -> int:
    """Return how many functions the machine called."""
    called = 0

    def counted(function: Step) -> Step:
        def step(state: State, pos: int) -> int:
            nonlocal called
            called += 1
            return function(state, pos)

        return step

    run(data, table=tuple(map(counted, IN_STEPS)))
    return called


def models() -> dict[str, Any]:
    weight, shared = torch.arange(24.0).reshape(4, 6), torch.zeros(3)
    return {
        "a": weight, "b": weight.t(), "c": weight[1:, 2:], "d": torch.tensor(3), "e": torch.zeros(0), "f": shared,
        "g": shared, "h": torch.zeros(1, 2, 1, 2, 1), "i": torch.nn.Parameter(weight), "j": weight.half(),
        "é": torch.zeros(70_000, dtype=torch.bool), "": torch.zeros(2), "k" * 300: torch.zeros(2),
        **{f"layer{number}.weight": torch.zeros(number % 5, 2) for number in range(80)}, "l": shared, "m": [shared],
    }  # fmt: skip


@pytest.mark.parametrize("protocol", range(1, 6))
def test_real_checkpoints_become_the_same(protocol: int) -> None:
    for value in (models(), lightning_checkpoint(300), {"state_dict": models(), "again": models()}):
        assert_same(torch_pickle(value, protocol))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_nearly_all_tensors_take_one_step(protocol: int) -> None:
    data = torch_pickle({f"layer{number}.weight": torch.zeros(2, 3) for number in range(640)}, protocol)
    assert steps(data) < run(data).opcodes / 25


def test_the_state_of_an_optimizer_takes_few_steps() -> None:
    state = {n: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)} for n in range(99)}
    data = torch_pickle({"optimizer_states": [{"state": state}]})
    assert_same(data)
    assert steps(data) < run(data).opcodes / 6


_HEAD = (
    b"\x80\x02}q\0(" + text("storage") + b"q\1" + name("torch", "FloatStorage") + b"q\2" + text("cpu") + b"q\3"
    + name("collections", "OrderedDict") + b"q\4" + name("torch._utils", "_rebuild_tensor_v2") + b"q\5"
)  # fmt: skip
"""The memo: a dict, 'storage', a class, a place, OrderedDict, the function."""


_INTS = st.one_of(
    st.integers(0, 255).map(lambda number: b"K" + bytes([number])),
    st.integers(0, 65535).map(lambda number: b"M" + struct.pack("<H", number)),
    st.integers(-(2**31), 2**31 - 1).map(lambda number: b"J" + struct.pack("<i", number)),
)
_PUTS: dict[str, Callable[[int], bytes]] = {
    "q": lambda number: b"q" + bytes([number % 256]) if number < 256 else b"r" + struct.pack("<I", number),
    "r": lambda number: b"r" + struct.pack("<I", number),
    "memoize": lambda _number: b"\x94",
}


class Writer:
    """Writes tensors as a pickler would; where it is told to be odd, something is amiss in places."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.out = bytearray(_HEAD)
        self.form = draw(st.sampled_from(sorted(_PUTS)))
        self.at = 6
        self.odd = False

    def put(self) -> None:
        number, form = self.at, self.form
        if self.odd:
            number = max(0, number + self.draw(st.sampled_from([0] * 9 + [1, -1, 7])))
            form = self.draw(st.sampled_from([form] * 9 + sorted(_PUTS)))
        self.out += _PUTS[form](number)
        self.at += 1

    def get(self, number: int) -> None:
        if self.odd:
            number = self.draw(st.sampled_from([number] * 9 + [0, 6, 9, self.at, 300]))
        self.out += b"h" + bytes([number]) if number < 256 and not self.odd else b"j" + struct.pack("<I", number)

    def integers(self) -> None:
        sizes = self.draw(st.lists(_INTS, max_size=5))
        short = b")" if not sizes else b"".join(sizes) + bytes([0x84 + min(len(sizes), 3)])
        self.out += b"(" + b"".join(sizes) + b"t" if len(sizes) > 3 - self.odd else short
        if sizes or self.odd:
            self.put()

    def tensor(self) -> None:
        """A name and a tensor."""
        draw = self.draw
        self.odd = draw(st.integers(0, 3)) == 0
        key = str(draw(st.integers(0, 2_000_000)))
        named = draw(st.integers(0, 5))
        if named:
            names = [text("layer" + key), b"\x8c\3abc", *([b"\x8c\2\xff\xfe", text("")] if self.odd else [])]
            self.out += names[named % len(names)]
            self.put()
        else:
            self.get(1)
        self.get(5)
        self.out += b"(("
        self.get(1)
        self.get(2)
        if draw(st.integers(0, 3)):
            self.out += draw(st.sampled_from([text(key), b"\x8c" + bytes([len(key)]) + key.encode()]))
            self.put()
        else:
            self.get(1)
        self.get(3)
        self.out += draw(_INTS) + b"t"
        self.put()
        self.out += b"Q" + draw(_INTS)
        self.integers()
        self.integers()
        self.out += b"\x88" if named % 2 else b"\x89"
        self.get(4)
        for opcode in (b")R", b"t", b"R"):
            self.out += opcode
            self.put()


@st.composite
def _pickles(draw: st.DrawFn) -> bytes:
    """Tensors one after the other, between them opcodes that get, change and replace what they left."""
    writer = Writer(draw)
    for _ in range(draw(st.integers(1, 4))):
        writer.tensor()
        index = struct.pack("<I", draw(st.integers(0, writer.at + 2)))
        odd = [b"u(", b"h\0b", b"j" + index, b"j" + index + b"}b", b"K\1r" + index, b"(", b"0"]
        writer.out += draw(st.sampled_from([b""] * 12 + odd))
    data = writer.out + draw(st.sampled_from([b"u.", b".", b"", b"t.", b"((" + b"K\1"]))
    if draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.sampled_from([len(data)] * 4 + [len(data) * 2 // 3, len(data) - 3]))])


def regular(number: int, key: bytes = b"X\1\0\0\x007") -> bytes:
    """Return a name and a tensor whose values are put from this number on."""
    put = [b"r" + struct.pack("<I", number + place) for place in range(8)]
    return (
        text("w") + put[0] + b"h\5((h\1h\2" + key + put[1] + b"h\3K\6t" + put[2] + b"QK\0K\2K\3\x86" + put[3]
        + b"K\3K\1\x86" + put[4] + b"\x89h\4)R" + put[5] + b"t" + put[6] + b"R" + put[7]
    )  # fmt: skip


def repeated(put: Callable[[int], bytes], count: int, *, named: bool) -> list[bytes]:
    """Return names and tensors that differ in their keys alone; the names are written, or come from the memo."""
    found, numbers = [], itertools.count(6)
    for key in range(count):
        parts = [
            b"h\5((h\1h\2X\1\0\0\0%d" % key, b"h\3K\6t", b"QK\0K\2K\3\x86", b"K\3K\1\x86", b"\x89h\4)R", b"t", b"R",
        ]  # fmt: skip
        label = text("w") + put(next(numbers)) if named else b"h\1"
        found.append(label + b"".join(part + put(next(numbers)) for part in parts))
    return found


@settings(deadline=None, max_examples=400)
@given(data=_pickles())
@example(data=_HEAD + regular(6) + regular(14) + b"u.")
@example(data=_HEAD + regular(6) + text("") + b"h\1h\5" + regular(14)[12:] + b"u.")
@example(data=_HEAD + regular(6) + regular(14).replace(b"h\3", b"h\x0f") + b"u.")
@example(data=_HEAD + regular(6) + b"K\1r\1\0\0\0" + regular(14) + b"u.")
@example(data=_HEAD + regular(6) + b"h\x0b}(K\1K\2ub" + regular(14) + b"u.")
@example(data=_HEAD + regular(6, b"X\2\0\0\x007") + b"u.")
@example(data=_HEAD + b"r\xff\xff\xff\xff" + regular(6) + b"u.")
def test_any_pickle_becomes_the_same(data: bytes) -> None:
    assert_same(data)


@pytest.mark.parametrize("form", ["q", "r", "memoize"])
@pytest.mark.parametrize("named", [True, False], ids=["name written", "name from the memo"])
def test_a_change_within_tensors_that_repeat_is_never_missed(form: str, named: bool) -> None:
    alike = repeated(_PUTS[form], 5, named=named)
    begins = len(_HEAD) + sum(map(len, alike[:4]))
    data = _HEAD + b"".join(alike) + b"h\0u."
    for place in range(begins, begins + len(alike[4])):
        for value in {0, 0x30, 0x41, 0xFF, (data[place] + 1) % 256, (data[place] - 1) % 256}:
            assert_same(data[:place] + bytes([value]) + data[place + 1 :])
        assert_same(data[:place])


def test_tensors_that_repeat_are_not_those_of_another_memo() -> None:
    alike = [regular(6 + 8 * number, b"X\1\0\0\0%d" % number) for number in range(6)]
    other = name("torch", "HalfStorage") + b"r\2\0\0\0" + b"0"
    data = _HEAD + b"".join(alike[:4]) + other + b"".join(alike[4:]) + b"u."
    assert_same(data)
    dtypes = [node.dtype for node in run(data).root if isinstance(node, TensorNode)]
    assert dtypes == ["float32"] * 4 + ["float16"]  # the last one is a key without its value


@pytest.mark.parametrize("opcode", [b"}b", b"}(K\1K\2ub", b"]a", b"K\1K\2s", b"(K\1e", b"\x85R", b"2"])
def test_what_is_done_to_a_tensor_or_its_parts_afterwards_is_the_same(opcode: bytes) -> None:
    for number in range(6, 6 + 16):
        later = b"j" + struct.pack("<I", number)
        assert_same(_HEAD + regular(6) + regular(14) + later + opcode + later + b"u.")
        assert_same(_HEAD + regular(6) + regular(14) + opcode + later + b"u.")


@settings(deadline=None, max_examples=200)
@given(
    data=st.sampled_from([torch_pickle(lightning_checkpoint(9), 2), torch_pickle(models(), 4)]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_damaged_checkpoint_becomes_the_same(data: bytes, changes: list[tuple[float, int]], cut: float) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    assert_same(bytes(damaged[: int(cut * len(damaged))]))


@pytest.mark.parametrize(
    "limits",
    [
        Limits(memo=300), Limits(memo=6), Limits(sparse=0), Limits(marks=2), Limits(marks=1), Limits(marks=3),
        Limits(string_bytes=10), Limits(data_bytes=3_000), Limits(names=1),
    ],
    ids=repr,
)  # fmt: skip
def test_limits_are_met_at_the_same_opcode(limits: Limits) -> None:
    for protocol in (2, 4):
        assert_same(torch_pickle(models(), protocol), limits)


@pytest.mark.parametrize("limits", [Limits(opcodes=2_000), Limits(stack=60)], ids=repr)
def test_limits_that_are_looked_at_now_and_then_are_met_soon_after(limits: Limits) -> None:
    data = torch_pickle({f"w{number}": torch.zeros(2) for number in range(900)})
    fast, slow = both(data, limits)
    assert (fast.stopped, fast.problems) == (slow.stopped, slow.problems)
    assert fast.opcodes <= limits.opcodes + 2_000
    assert len(fast.root) <= 2 * 900


def test_the_clock_is_looked_at_while_tensors_follow_each_other() -> None:
    data = torch_pickle({f"w{number}": torch.zeros(2) for number in range(9_000)})
    times = iter(range(1_000_000))
    assert run(data, limits=Limits(wall_s=1), clock=lambda: next(times)).problems == [
        ("limit", "reading took longer than 1 s")
    ]
