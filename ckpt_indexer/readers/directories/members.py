"""The files of a directory checkpoint: opened one at a time, remembered as inputs, their problems told with names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ckpt_indexer.readers import files
from ckpt_indexer.readers.contents import Contents, note
from ckpt_indexer.readers.formats.safetensors import MAX_BRACKETS
from ckpt_indexer.readers.nodes import Opaque, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain
    from ckpt_indexer.readers.opening import OpenDirectory, OpenFile

MAX_JSON_BYTES = 32 << 20


class Members:
    """What is in one directory, read for one header."""

    def __init__(self, directory: OpenDirectory, header: Header, *, full: bool) -> None:
        self.directory = directory
        self.header = header
        self.full = full
        self.names = directory.names()
        self.inputs: list[tuple[str, int, int]] = []
        """(path relative to the root, size, mtime in ns) of every file that was opened."""

    def inside(self, directory: OpenDirectory) -> Members:
        """Return the members of a directory below this one, for the same header and list of inputs."""
        below = Members(directory, self.header, full=self.full)
        below.inputs = self.inputs
        return below

    def having(self, *, prefix: str = "", suffix: str = "") -> list[str]:
        """Return the names that begin and end so, sorted."""
        return [name for name in self.names if name.startswith(prefix) and name.endswith(suffix)]

    def is_file(self, name: str) -> bool:
        """Tell whether there is a regular file of that name."""
        return self.directory.find_size(name) is not None

    def missing(self, what: str) -> None:
        """A part of the checkpoint is not there."""
        self.header.complete = False
        note(self.header, "missing_part", what)

    def open(self, name: str) -> OpenFile | None:
        """Open one file and remember it as an input; None, and a problem, when that cannot be done."""
        file = self.directory.find_file(name)
        if file is None:
            self.missing(f"{name!r} is missing or cannot be read")
            return None
        self.inputs.append((file.path, file.size, file.mtime_ns))
        return file

    def text(self, name: str, limit: int) -> str | None:
        """Return the text of a small file; None, and a problem, when it is missing, larger or no UTF-8."""
        file = self.open(name)
        if file is None:
            return None
        with file:
            data = file.read(0, limit + 1)
        if len(data) > limit:
            note(self.header, "limit", f"{name!r} has more than {limit} bytes")
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            note(self.header, "corrupt", f"{name!r} is no text")
            return None

    def document(self, name: str) -> dict[str, Any] | None:  # JSON values
        """Return the JSON object in a file; None, a problem and an incomplete checkpoint when there is none."""
        text = self.text(name, MAX_JSON_BYTES)
        if text is None:
            self.header.complete = False
            return None
        value = None
        if text.count("[") + text.count("{") <= MAX_BRACKETS:
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = None
        if isinstance(value, dict):
            return value
        note(self.header, "corrupt", f"{name!r} holds no JSON object; it is damaged or still being written")
        self.header.complete = False
        return None

    def checkpoint(self, name: str) -> Contents | None:
        """Return the contents of one checkpoint file in the directory; its problems become the directory's.

        Its marks are taken at once, since the file is closed afterwards; storages are told apart by its name.
        """
        file = self.open(name)
        if file is None:
            return None
        with file:
            contents = files.read(file, self.directory.find_size, full=self.full)
            self._adopt(name, contents.header)
            _take_marks(contents, name)
        return contents

    def _adopt(self, name: str, header: Header) -> None:
        for kind, message in header.problems:
            note(self.header, kind, f"{name}: {message}")
        if header.complete is False:
            self.header.complete = False


def _take_marks(contents: Contents, name: str) -> None:
    """Make storages unique among several files, and their marks independent of the open file."""
    mark, taken = contents.mark, dict[str, bytes | None]()
    for tensor in _tensors(contents.root):
        if tensor.storage is not None:
            key = f"{name}:{tensor.storage}"
            if mark is not None and key not in taken:
                taken[key] = mark(tensor.storage)
            tensor.storage = key
    contents.mark = None if mark is None else taken.get


def _tensors(root: Plain) -> Iterator[Tensor]:
    """Yield every tensor anywhere in plain data. Iterative; each node once."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Tensor | dict | list | Opaque) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Tensor):
            yield node
        elif isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
        else:
            waiting += (node.args, node.state)
