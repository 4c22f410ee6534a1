from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from ckpt_indexer.readers.dtypes import decode, numpy_dtype
from ckpt_indexer.readers.nodes import Opaque, Tensor
from tests.readers.pickle_files import name, plain, read, text

_CODES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("code", _CODES)
def test_a_numpy_scalar_is_a_number(code: str, protocol: int) -> None:
    number = np.dtype(code).type(1)

    value = plain(number, protocol)

    assert (value, type(value)) == (number.item(), type(number.item()))


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
@pytest.mark.parametrize(("order", "raw"), [("<", b"\x00\x00\xc0\x3f"), (">", b"\x3f\xc0\x00\x00")])
def test_either_byte_order_and_module_is_read(module: str, order: str, raw: bytes) -> None:
    dtype = (
        name("numpy", "dtype")
        + text("f4")
        + b"\x89\x88\x87R(K\x03"
        + text(order)
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )

    assert read(name(module, "scalar") + dtype + b"C\x04" + raw + b"\x86R.")[1].value == 1.5


def test_a_scalar_written_by_python_2_is_read() -> None:
    dtype = name("numpy", "dtype") + b"U\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"

    assert (
        read(name("numpy.core.multiarray", "scalar") + dtype + b"U\x08" + np.float64(0.9).tobytes() + b"\x86R.")[
            1
        ].value
        == 0.9
    )


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_an_array_of_one_element_has_its_value(shape: tuple[int, ...], protocol: int) -> None:
    array = plain(np.full(shape, 0.5), protocol)

    assert isinstance(array, Tensor)
    assert (array.dtype, array.shape, array.storage, array.value) == ("float64", shape, None, 0.5)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("code", [*_CODES, "c8", "U3", "S4", "M8[s]", "O"])
def test_an_array_is_its_dtype_and_shape(code: str, protocol: int) -> None:
    array = plain(np.zeros((2, 3), dtype=code), protocol)

    assert (array.dtype, array.shape, array.value) == (
        numpy_dtype(np.dtype(code).str[1:].partition("[")[0]),
        (2, 3),
        None,
    )
    assert array.dtype


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_of_an_array_does_not_change_its_shape(order: Literal["C", "F"]) -> None:
    assert plain(np.zeros((2, 3)).copy(order)).shape == (2, 3)


def test_numpy_text_is_text() -> None:
    assert plain(np.str_("héllo")) == "héllo"
    assert plain(np.bytes_(b"abc")) == "abc"


def test_a_dtype_is_its_name() -> None:
    assert plain(np.dtype("float32")) == "float32"


@pytest.mark.parametrize("value", [np.complex64(1j), np.datetime64("2020-01-01"), np.longdouble(1)], ids=repr)
def test_what_is_no_plain_number_stays_opaque(value: object) -> None:
    assert isinstance(plain(value), Opaque)


def test_a_state_of_a_random_generator_is_survived() -> None:
    assert "rng" in plain({"rng": np.random.RandomState(0).get_state(), "gen": np.random.default_rng(0)})


@pytest.mark.parametrize(
    "data",
    [
        b"C\x03abc\x86R.",
        b"NR.",
        b"K\x01\x85R.",
        b"C\x04abcdC\x04abcd\x86R.",
    ],
)
def test_a_scalar_that_is_none_stays_opaque(data: bytes) -> None:
    dtype = name("numpy", "dtype") + text("f4") + b"\x85R"

    assert isinstance(read(name("numpy.core.multiarray", "scalar") + dtype + data)[1].value, (Opaque, str))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2", "bool", "complex64", "", "int4"])
def test_a_wrong_number_of_bytes_is_no_number(dtype: str) -> None:
    assert decode(dtype, b"123") is None
    assert decode(dtype, None) is None
