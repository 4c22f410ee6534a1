"""ONNX models written field by field."""

from __future__ import annotations


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, dtype: int, dims: tuple[int, ...], data: bytes = b"", *, packed: bool = False) -> bytes:
    shape = message(1, b"".join(map(varint, dims))) if packed else b"".join(number(1, size) for size in dims)
    return shape + number(2, dtype) + message(8, name.encode()) + message(9, data)


def external(name: str, location: str) -> bytes:
    entry = message(1, b"location") + message(2, location.encode())
    return number(1, 4) + number(2, 1) + message(8, name.encode()) + message(13, entry) + number(14, 1)


def model(*initializers: bytes, nodes: int = 3, properties: dict[str, str] | None = None) -> bytes:
    graph = b"".join(message(1, b"\x0a\x01x" * 5) for _ in range(nodes)) + message(2, b"main_graph")
    graph += b"".join(message(5, one) for one in initializers)
    told = b"".join(
        message(14, message(1, key.encode()) + message(2, value.encode())) for key, value in (properties or {}).items()
    )
    opset = message(8, message(1, b"") + number(2, 17))
    return (
        number(1, 9) + message(2, b"pytorch") + message(3, b"2.6.0") + number(5, 3) + message(7, graph) + opset + told
    )
