from __future__ import annotations

from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from pathlib import Path

import gc
import os
import struct
import sys
import time

import pytest

from ckpt_indexer.readers.interpret.plain import InterpretLimits, interpret
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.pickle.limits import Limits
from ckpt_indexer.readers.pickle.machine import run
from tests.readers.pickle_files import lightning_checkpoint, name, read, text, torch_pickle
from tests.readers.pickle_payloads import payloads

_FAMILIES = list(payloads("canary"))


@pytest.mark.parametrize("family", _FAMILIES)
def test_a_payload_does_not_run(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)

    read(payloads(str(tmp_path / "canary"))[family])

    assert os.listdir(tmp_path) == []
    assert set(sys.modules) == modules


def test_a_name_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> Never:
        raise AssertionError("something was imported")

    every = payloads("canary").values()
    monkeypatch.setattr("builtins.__import__", refuse)
    results = [read(data) for data in every]
    monkeypatch.undo()

    assert len(results) == len(_FAMILIES)


def test_fields_beside_a_payload_are_read() -> None:
    pickled, interpreted = read(payloads("canary")["after good fields"])

    assert interpreted.value["epoch"] == 3
    assert interpreted.value["x"].name == "system"
    assert pickled.globals_seen == ("os.system",)


def test_a_call_stays_a_name_with_its_arguments() -> None:
    _, interpreted = read(name("subprocess", "Popen") + text("touch x") + b"\x85R.")

    assert (interpreted.value.module, interpreted.value.name) == ("subprocess", "Popen")
    assert interpreted.value.args == ["touch x"]


@pytest.mark.parametrize(
    "claim",
    [
        b"X\xff\xff\xff\xff",
        b"\x8d" + b"\xff" * 8,
        b"\x8d" + struct.pack("<Q", 1 << 40),
        b"B\xff\xff\xff\xff",
        b"\x8e" + struct.pack("<Q", 1 << 62),
        b"\x96" + struct.pack("<Q", 1 << 40),
        b"T\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        b"\x8a\xff",
        b"U\xff",
        b"C\xff",
        b"\x8c\xff",
    ],
    ids=lambda claim: claim[:1].hex(),
)
def test_a_length_that_is_not_there_is_not_believed(claim: bytes) -> None:
    pickled = run(b"}" + text("epoch") + b"K\x07s" + claim + b"abc")

    assert [kind for kind, _ in pickled.problems] == ["truncated"]
    assert pickled.root == ["epoch", 7]


@pytest.mark.parametrize(
    "data",
    [
        b"X" + struct.pack("<I", 5000) + b"a" * 5000,
        b"\x8d" + struct.pack("<Q", 5000) + b"a" * 5000,
        b"B" + struct.pack("<I", 5000) + b"a" * 5000,
        b"\x96" + struct.pack("<Q", 5000) + b"a" * 5000,
        b"T" + struct.pack("<I", 5000) + b"a" * 5000,
        b"\x8b" + struct.pack("<I", 5000) + b"a" * 5000,
        b"L" + b"1" * 5000 + b"L\n",
        b"I" + b"1" * 5000 + b"\n",
    ],
    ids=lambda data: data[:1].hex(),
)
def test_what_is_too_long_is_stepped_over(data: bytes) -> None:
    pickled = run(b"}(" + text("big") + data + text("epoch") + b"K\x07u.", limits=Limits(string_bytes=1000))

    assert pickled.stopped
    assert pickled.root[2:] == ["epoch", 7]
    assert [kind for kind, _ in pickled.problems] == ["limit"]


@pytest.mark.parametrize(
    "opcode", [b"c", b"i", b"I", b"L", b"F", b"S", b"V", b"P", b"g", b"p"], ids=lambda code: code.decode()
)
@pytest.mark.parametrize(("size", "kind"), [(10, "truncated"), (200_000, "limit")])
def test_a_line_without_end_ends_it(opcode: bytes, size: int, kind: str) -> None:
    pickled = run(b"}" + text("epoch") + b"K\x07s(" + opcode + b"a" * size)

    assert [problem for problem, _ in pickled.problems] == [kind]
    assert pickled.root == ["epoch", 7]


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"]" + b"N0" * 10_000, Limits(opcodes=5000)),
        (b"N" * 10_000, Limits(stack=5000)),
        (b"(" * 10_000, Limits(marks=5000)),
        (b"(NN" * 4_000, Limits(stack=5000)),
        (b"N" + b"\x94" * 10_000, Limits(memo=5000)),
        (b"N" + b"".join(b"r" + struct.pack("<I", index * 7 + 9) for index in range(10_000)), Limits(sparse=5000)),
        (torch_pickle(lightning_checkpoint(500)), Limits(data_bytes=20_000)),
    ],
    ids=["opcodes", "stack", "marks", "values below marks", "memo", "memo with gaps", "bytes"],
)
def test_a_limit_ends_it(data: bytes, limits: Limits) -> None:
    pickled = run(data, limits=limits)

    assert not pickled.stopped
    assert [kind for kind, _ in pickled.problems] == ["limit"]
    assert pickled.opcodes <= limits.opcodes + 512


def test_names_beyond_the_limit_are_not_told_apart() -> None:
    data = b"(" + b"".join(name("m", f"f{index}") for index in range(50)) + b"l."

    pickled = run(data, limits=Limits(names=10))

    assert len(pickled.globals_seen) == 10
    assert len({id(node) for node in pickled.root}) == 11


def test_a_name_too_long_is_no_name() -> None:
    pickled = run(text("m" * 5000) + text("f") + b"\x93.")

    assert pickled.root.path == "."
    assert [kind for kind, _ in pickled.problems] == ["limit"]


_DEEP = 100_000
_MAKE = name("m", "f") + b"q\x000"
_NESTED = {
    "lists": b"]" * _DEEP + b"a" * (_DEEP - 1) + b".",
    "tuples": b")" + b"\x85" * _DEEP + b".",
    "dicts": b"}" + b"N}" * _DEEP + b"s" * _DEEP + b".",
    "keys": b"}" * _DEEP + b"N" + b"Ns" * (_DEEP - 1) + b".",
    "sets": b"\x8f" + b"(\x8f" * 90_000 + b"\x90" * 90_000 + b".",
    "functions": b"N" + b")R" * _DEEP + b".",
    "arguments": b"N" + (b"\x85q\x01" + name("m", "f") + b"h\x01R") * 20_000 + b".",
    "states": _MAKE + b"h\x00)\x81" * _DEEP + b"b" * (_DEEP - 1) + b".",
    "persistent ids": b"N" + b"Q" * _DEEP + b".",
    "lists that never end": b"](" * 90_000,
    "tuples that never end": b"(K\x01" * 90_000,
    "dicts that never end": b"}(" + (text("k") + b"}(") * 90_000,
}


@pytest.mark.parametrize("kind", _NESTED)
def test_depth_is_cut_and_costs_no_recursion(kind: str) -> None:
    pickled, interpreted = read(_NESTED[kind])
    del pickled
    gc.collect()

    assert _depth(interpreted.value) <= 140


def _depth(value: object) -> int:
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        parts: list[object] = []
        if isinstance(current, dict):
            parts = list(current.values())
        elif isinstance(current, list):
            parts = current
        elif isinstance(current, Opaque):
            parts = [*current.args, current.state]
        waiting += [(part, depth + 1) for part in parts]
    return deepest


def _values(value: object) -> int:
    count, waiting = 0, [value]
    while waiting:
        current = waiting.pop()
        count += 1
        if isinstance(current, dict):
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current
        elif isinstance(current, Opaque):
            waiting += [*current.args, current.state]
    return count


def _doubling(form: bytes) -> bytes:
    """Return 60 levels of the form, in which @ stands for the level below."""
    levels = b"".join(form.replace(b"@", b"h" + bytes([level])) + b"q" + bytes([level + 1]) for level in range(60))
    return b"N\x85q\x00" + levels


def _many(made: bytes, times: int) -> bytes:
    """Return a list that holds the same thing so many times; `made` leaves it in the memo at 9."""
    return made + b"0](" + b"h\x09" * times + b"e."


_CALL = name("m", "f")
_TENSOR = name("torch._utils", "_rebuild_tensor_v2")
_NUMBERS = b"".join(b"M" + struct.pack("<H", index) + b"N" for index in range(60_000))

_BOMBS = {
    "lists of two of the one below": _doubling(b"](@@e") + b".",
    "tuples of two of the one below": _doubling(b"@@\x86") + b".",
    "sets of two of the one below": _doubling(b"\x8f(@@\x90") + b".",
    "dicts of two of the one below": _doubling(b"}(K\x01@K\x02@u") + b".",
    "calls with two of the one below": _doubling(_CALL + b"@@\x86R") + b".",
    "states of two of the one below": _doubling(_CALL + b")\x81(@@tb") + b".",
    "keys that are shared tuples": b"}" + _doubling(b"@@\x86") + b"K\x01s.",
    "keys that are shared sets": b"}" + _doubling(b"(@@\x91") + b"K\x01s.",
    "one list": _many(b"](" + b"K\x01" * 100_000 + b"eq\x09", 100_000),
    "one list of one tensor": _many(_TENSOR + b"(NK\x00)tRq\x080](" + b"h\x08" * 700_000 + b"eq\x09", 100_000),
    "one cycle": _many(b"]q\x09(" + b"h\x09" * 200_000 + b"e", 200_000),
    "one text": _many(text("x" * 1_000_000) + b"q\x09", 200_000),
    "one text as key": text("x" * 1_000_000) + b"q\x00](" + b"}h\x00K\x01s" * 50_000 + b"e.",
    "one text encoded": _many(name("_codecs", "encode") + text("x" * 1_000_000) + b"\x85Rq\x09", 200_000),
    "one state of many entries": _CALL + b"q\x010}q\x00(" + _NUMBERS + b"u0](" + b"h\x01)\x81h\x00b" * 50_000 + b"e.",
    "one config of many entries": _many(name("omegaconf", "AnyNode") + b")\x81}(" + _NUMBERS + b"ubq\x09", 100_000),
    "one path": _many(name("pathlib", "Path") + b"(" + text("x" * 31) * 250 + b"tRq\x09", 100_000),
    "one dict made of pairs": name("collections", "OrderedDict")
    + b"q\x010]("
    + b"NN\x86" * 50_000
    + b"e\x85q\x000]("
    + b"h\x01h\x00RK\x01K\x02s" * 50_000
    + b"e.",
    "one long name": text("m" * 999) + b"q\x00" + text("f" * 999) + b"q\x01](" + b"h\x00h\x01\x93" * 100_000 + b"e.",
    "a shape of very many lengths": b"("
    + b"K\x01" * 500_000
    + b"tq\x000"
    + _TENSOR
    + b"q\x010]("
    + b"h\x01NK\x00h\x00\x87R" * 50_000
    + b"e.",
}


@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_bomb_stays_small(bomb: str) -> None:
    limits = InterpretLimits(nodes=20_000, tensors=30_000, text_characters=1 << 20, one_text=1 << 16)

    pickled = run(_BOMBS[bomb])
    interpreted = interpret(pickled, limits=limits)

    assert pickled.stopped
    assert _values(interpreted.value) <= 2 * (limits.nodes + limits.tensors)


@pytest.mark.prove
@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_bomb_costs_seconds_at_most(bomb: str) -> None:
    started = time.process_time()

    pickled, interpreted = read(_BOMBS[bomb])

    assert pickled.stopped
    assert _values(interpreted.value) <= 2_000_000
    assert time.process_time() - started < 5


def _colliding_keys() -> bytes:
    """Return a dict whose integers all walk through the same slots of a Python dict."""
    slots, slot, chain = 1 << 17, 0, []
    for _ in range(slots * 2 // 3):
        slot = (5 * slot + 1) % slots
        chain.append(slot)
    last = [(index + 1) * slots for index in range(16_000)]
    return b"}(" + b"".join(b"J" + struct.pack("<i", key) + b"N" for key in [*chain, *last]) + b"u."


def test_keys_made_to_collide_cost_little() -> None:
    started = time.process_time()

    _, interpreted = read(_colliding_keys())

    assert len(interpreted.value) > 80_000
    assert time.process_time() - started < 4


def test_an_optimizer_keeps_its_numbers_as_keys() -> None:
    data = b"}(" + b"".join(b"J" + struct.pack("<i", key) + b"N" for key in range(50_000)) + b"u."

    _, interpreted = read(data)

    assert list(interpreted.value) == list(range(50_000))


def test_epoch_is_found_although_something_huge_precedes_it() -> None:
    huge = b"](" + b"K\x01" * 300_000 + b"e"

    _, interpreted = read(b"}(" + text("junk") + huge + text("epoch") + b"K\x07" + text("lr") + b"]u.")

    assert interpreted.value["epoch"] == 7
    assert interpreted.value["lr"] == []
    assert [kind for kind, _ in interpreted.problems] == ["limit"]


def test_a_state_dict_of_50000_tensors_is_read_whole() -> None:
    tensor = name("torch._utils", "_rebuild_tensor_v2") + b"(NK\x00K\x03\x85)tRq\x01"
    states = b"".join(
        b"J" + struct.pack("<i", i) + b"}(" + text("step") + b"h\x01" + text("exp_avg") + b"h\x01u"
        for i in range(50_000)
    )
    weights = b"".join(text(f"layer{index}.weight") + b"h\x01" for index in range(50_000))
    data = tensor + b"0}(" + text("state_dict") + b"}(" + weights + b"u" + text("state") + b"}(" + states + b"uu."

    _, interpreted = read(data)

    assert interpreted.problems == []
    assert len(interpreted.value["state_dict"]) == len(interpreted.value["state"]) == 50_000
    assert all(isinstance(one, Tensor) for one in interpreted.value["state_dict"].values())
