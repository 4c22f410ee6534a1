"""Names of dtypes, and the number that the bytes of one element mean. Pure; torch and numpy are not needed."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "QUInt8Storage": "quint8",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8",
}
"""Class name of a torch storage -> dtype of its elements."""

_WORDS = """
float64 float32 float16 bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu
float4_e2m1fn_x2 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex32 complex64 complex128
qint8 qint32 quint8 quint4x2 quint2x4 bits16 bits8 bits4x2 bits2x4 bits1x8
int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7
"""
TORCH_DTYPES = frozenset(_WORDS.split())
"""Names of all dtypes of torch, without `torch.`."""
_OTHER_NAMES = {
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cdouble": "complex128",
    "cfloat": "complex64",
    "chalf": "complex32",
}

_NUMPY_KINDS = {
    "f": {2: "float16", 4: "float32", 8: "float64", 12: "float96", 16: "float128"},
    "i": {1: "int8", 2: "int16", 4: "int32", 8: "int64"},
    "u": {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"},
    "c": {8: "complex64", 16: "complex128", 32: "complex256"},
    "b": {1: "bool"},
}
_NUMPY_TEXT = {
    "S": "bytes",
    "a": "bytes",
    "U": "str",
    "O": "object",
    "V": "void",
    "M": "datetime64",
    "m": "timedelta64",
}

_FORMATS = {
    "float64": "d",
    "float32": "f",
    "float16": "e",
    "int64": "q",
    "int32": "i",
    "int16": "h",
    "int8": "b",
    "uint64": "Q",
    "uint32": "I",
    "uint16": "H",
    "uint8": "B",
    "bool": "?",
    "qint8": "b",
    "qint32": "i",
    "quint8": "B",
}
"""dtype -> format character of `struct`."""


@dataclass(frozen=True, slots=True)
class _Float8:
    """One of the 8-bit floats. See https://github.com/pytorch/pytorch/blob/v2.6.0/c10/util/Float8_fnuz_cvt.h ."""

    mantissa: int
    """Bits."""
    bias: int
    finite: bool
    """No infinity, and the only NaN is 0x80 (the `fnuz` kinds)."""


_FLOAT8 = {
    "float8_e4m3fn": _Float8(3, 7, finite=False),
    "float8_e4m3fnuz": _Float8(3, 8, finite=True),
    "float8_e5m2": _Float8(2, 15, finite=False),
    "float8_e5m2fnuz": _Float8(2, 16, finite=True),
}


def torch_dtype(name: str) -> str | None:
    """Return the one name of a torch dtype given by any of its names, without `torch.`; None for other names."""
    name = _OTHER_NAMES.get(name, name)
    return name if name in TORCH_DTYPES else None


def numpy_dtype(code: str) -> str:
    """Return the name of a numpy dtype given by its code (`f4`, `i8`, `b1`, `U12`); empty for what nobody knows."""
    kind, size = code[:1], code[1:]
    if kind in _NUMPY_TEXT:
        return _NUMPY_TEXT[kind]
    if not size.isdecimal() or len(size) > 2:
        return ""
    return _NUMPY_KINDS.get(kind, {}).get(int(size), "")


def decode(dtype: str, raw: bytes | None, *, big_endian: bool = False) -> float | int | bool | None:
    """Return the number one element means; None for complex and sub-byte dtypes and for a wrong number of bytes."""
    if raw is None:
        return None
    if dtype == "bfloat16" and len(raw) == 2:
        dtype, raw = "float32", raw + b"\0\0" if big_endian else b"\0\0" + raw
    if dtype.startswith("float8_") and len(raw) == 1:
        return _float8(dtype, raw[0])
    form = _FORMATS.get(dtype)
    if form is None or len(raw) != struct.calcsize("<" + form):
        return None
    number: float | int | bool = struct.unpack((">" if big_endian else "<") + form, raw)[0]
    return number


def _float8(dtype: str, bits: int) -> float | None:
    if dtype == "float8_e8m0fnu":  # an exponent, nothing else
        return math.nan if bits == 0xFF else 2.0 ** (bits - 127)
    kind = _FLOAT8.get(dtype)
    if kind is None:
        return None
    special = _special(dtype, kind, bits)
    if special is not None:
        return special
    exponent = (bits & 0x7F) >> kind.mantissa
    fraction = (bits & ((1 << kind.mantissa) - 1)) / (1 << kind.mantissa)
    size = fraction * 2.0 ** (1 - kind.bias) if exponent == 0 else (1 + fraction) * 2.0 ** (exponent - kind.bias)
    return -size if bits & 0x80 else size


def _special(dtype: str, kind: _Float8, bits: int) -> float | None:
    """Return NaN or infinity where the bits mean one."""
    if kind.finite:
        return math.nan if bits == 0x80 else None
    if dtype == "float8_e4m3fn":
        return math.nan if bits & 0x7F == 0x7F else None
    if bits & 0x7F == 0x7C:
        return -math.inf if bits & 0x80 else math.inf
    return math.nan if bits & 0x7F > 0x7C else None
