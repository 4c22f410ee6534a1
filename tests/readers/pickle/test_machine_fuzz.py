from __future__ import annotations

import pickle
import pickletools
import struct

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.interpret.plain import interpret
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.pickle.limits import Limits
from ckpt_indexer.readers.pickle.machine import run
from tests.readers.pickle_files import lightning_checkpoint, torch_pickle

_SMALL = Limits(opcodes=20_000, stack=5_000, marks=500, memo=5_000, sparse=500, wall_s=5)
_CODES = sorted(opcode.code for opcode in pickletools.opcodes)
_BY_CODE = {opcode.code: opcode for opcode in pickletools.opcodes}
_NAMES = [
    b"os",
    b"system",
    b"builtins",
    b"eval",
    b"torch._utils",
    b"_rebuild_tensor_v2",
    b"collections",
    b"OrderedDict",
]
_NAMES += [b"argparse", b"Namespace", b"numpy", b"dtype", b"omegaconf", b"AnyNode", b"_codecs", b"encode", b"datetime"]
_NAMES += [
    b"copyreg",
    b"_reconstructor",
    b"numpy._core.multiarray",
    b"scalar",
    b"pathlib",
    b"Path",
    b"decimal",
    b"Decimal",
]
_REAL = [torch_pickle(lightning_checkpoint(2), protocol) for protocol in (1, 2, 4)]


@st.composite
def _opcode(draw: st.DrawFn) -> bytes:
    """One opcode with an argument that is right more often than not."""
    code = draw(st.sampled_from(_CODES))
    argument = _BY_CODE[code].arg
    raw = code.encode("latin-1")
    if argument is None:
        return raw
    if argument.n == pickletools.UP_TO_NEWLINE:
        lines = 2 if code in "ci" else 1
        words = st.one_of(st.sampled_from([*_NAMES, b"1", b"'a'", b"0", b"01", b"7L"]), st.binary(max_size=6))
        return raw + b"".join(draw(words).replace(b"\n", b"") + b"\n" for _ in range(lines))
    if argument.n > 0 or code == "\x80":
        return raw + draw(st.binary(min_size=abs(argument.n), max_size=abs(argument.n)))
    body = draw(st.one_of(st.sampled_from(_NAMES), st.binary(max_size=12)))
    size = {-2: "<B", -3: "<i", -4: "<I", -5: "<Q"}[argument.n]
    claim = draw(st.one_of(st.just(len(body)), st.integers(0, 200)))
    return raw + struct.pack(size, claim) + body


_FREQUENT = st.sampled_from(
    [
        b"K\x01",
        b"(",
        b"}",
        b"]",
        b")",
        b"\x85",
        b"\x86",
        b"R",
        b"b",
        b"u",
        b"s",
        b"e",
        b"a",
        b"h\x00",
        b"q\x00",
        b"h\x01",
        b"q\x01",
        b"t",
    ]
    + [b"c" + module + b"\n" + attribute + b"\n" for module, attribute in zip(_NAMES[::2], _NAMES[1::2], strict=False)]
)
_STREAMS = st.lists(st.one_of(_FREQUENT, _opcode()), max_size=60).map(b"".join)


def _check(data: bytes) -> None:
    """Assert what holds for any bytes: no error, an end within them, a reason when it broke, storable plain data."""
    pickled = run(data, limits=_SMALL)
    interpreted = interpret(pickled)

    assert 0 <= pickled.end <= len(data)
    assert pickled.stopped == (data[pickled.end - 1 : pickled.end] == b"." and pickled.stopped)
    assert pickled.stopped or pickled.problems
    assert {kind for kind, _ in pickled.problems} <= {"truncated", "malformed", "limit"}
    _assert_plain(interpreted.value)


def _assert_plain(value: object) -> None:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            current.encode()
        elif isinstance(current, dict):
            assert all(isinstance(key, (str, int, float, tuple)) or key is None for key in current)
            waiting += [*current.keys(), *current.values()]
        elif isinstance(current, (list, tuple)):
            waiting += current
        elif isinstance(current, Opaque):
            waiting += [current.module, current.name, *current.args, current.state]
        elif isinstance(current, Tensor):
            assert current.numel >= 0
            waiting += [current.dtype, current.layout]
        else:
            assert current is None or isinstance(current, (bool, int, float, bytes))


@settings(deadline=None, max_examples=600)
@given(data=_STREAMS)
@example(data=b"}q\x00h\x00h\x00s.")
@example(data=b"cm\nf\n)Rq\x00h\x00b.")
@example(data=b"]q\x00(h\x00h\x00e}h\x00K\x01s0.")
@example(data=b"ccopyreg\n_reconstructor\nq\x00(h\x00h\x00h\x00tRq\x00h\x00b.")
@example(data=b"\x8c\x03\xed\xa0\x80\x8c\x03\xed\xa0\x80\x93.")
@example(data=b"cpathlib\nPath\n\x8c\x03\xed\xa0\x80\x85R.")
def test_any_stream_of_opcodes_is_survived(data: bytes) -> None:
    _check(data)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    _check(data)


@settings(deadline=None, max_examples=300)
@given(
    data=st.sampled_from(_REAL),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_damaged_checkpoint_is_survived(data: bytes, changes: list[tuple[float, int]], cut: float) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value

    _check(bytes(damaged[: int(cut * len(damaged))]))


_ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=300), st.binary(max_size=300)
)
_KEYS = st.one_of(st.text(max_size=20), st.integers(-(2**62), 2**62))
_VALUES = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=30,
)


@settings(deadline=None, max_examples=300)
@given(value=_VALUES, protocol=st.integers(0, 5))
def test_plain_data_is_what_pickle_would_give(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)

    pickled = run(data)

    assert pickled.stopped
    assert pickled.end == len(data)
    assert interpret(pickled).value == pickle.loads(data)


@settings(deadline=None, max_examples=150)
@given(value=_VALUES, protocol=st.integers(0, 5))
def test_a_cut_pickle_is_survived_at_any_place(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)

    for size in range(0, len(data), max(1, len(data) // 40)):
        _check(data[:size])
