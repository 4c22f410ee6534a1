"""GGUF files written value by value, in either byte order."""

from __future__ import annotations

import struct
from typing import Any

KINDS = {int: (10, "Q"), float: (12, "d"), bool: (7, "?")}


class Writer:
    def __init__(self, order: str = "<") -> None:
        self.order = order

    def pack(self, layout: str, *values: Any) -> bytes:
        return struct.pack(self.order + layout, *values)

    def text(self, value: str) -> bytes:
        return self.pack("Q", len(value.encode())) + value.encode()

    def value(self, value: Any) -> bytes:
        if isinstance(value, str):
            return self.pack("I", 8) + self.text(value)
        if isinstance(value, list) and isinstance(value[0], str):
            return self.pack("IIQ", 9, 8, len(value)) + b"".join(map(self.text, value))
        if isinstance(value, list):
            return self.pack("IIQ", 9, 5, len(value)) + b"".join(self.pack("i", one) for one in value)
        kind, layout = KINDS[type(value)]
        return self.pack("I", kind) + self.pack(layout, value)

    def tensor(self, name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
        return self.text(name) + self.pack(f"I{len(shape)}QIQ", len(shape), *shape, kind, offset)

    def file(self, pairs: dict[str, Any], *tensors: bytes, version: int = 3, data: int = 0) -> bytes:
        header = b"GGUF" + self.pack("IQQ", version, len(tensors), len(pairs))
        header += b"".join(self.text(key) + self.value(value) for key, value in pairs.items())
        header += b"".join(tensors)
        return header + bytes(-len(header) % 32) + bytes(data)
