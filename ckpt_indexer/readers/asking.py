"""Having a limited child read a header: the parent's side of `child_jobs` and `torch_load`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Kind
from ckpt_indexer.errors import ReaderDied, ReaderError
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sandbox.pool import Pool

READ_HEADER = "ckpt_indexer.readers.child_jobs:read_header"
READ_WITH_TORCH = "ckpt_indexer.readers.torch_load:read_with_torch"


class ChildReader:
    """Reads headers in children. `torch_pool`, where there is one, is asked last, about what nothing else can read."""

    def __init__(self, *, pool: Pool, torch_pool: Pool | None = None) -> None:
        self._pool = pool
        self._torch_pool = torch_pool

    def __call__(self, candidate: Candidate) -> Header:
        """Return the header of a checkpoint. A child that dies is asked once more: it may have been killed.

        Raises:
            ReaderError: it could not be read at all.
            ResourceShortage: nothing can be read now.
        """
        kind = Kind.DIRECTORY if candidate.kind is Kind.DIRECTORY else Kind.FILE
        arguments = {"root": os.fsdecode(candidate.root), "path": os.fsdecode(candidate.path)}
        header = Header.from_json(_call(self._pool, READ_HEADER, kind=kind.value, **arguments))
        if self._torch_pool is not None and kind is Kind.FILE:
            return self._ask_torch(self._torch_pool, header, arguments)
        return header

    @staticmethod
    def _ask_torch(pool: Pool, header: Header, arguments: dict[str, str]) -> Header:
        """Return what torch makes of a file the pickle machine could not read; what was known when it cannot either."""
        from ckpt_indexer.readers.torch_load import is_worth_trying

        if not is_worth_trying(header):
            return header
        try:
            better = Header.from_json(pool.call(READ_WITH_TORCH, **arguments))
        except ReaderError as error:
            header.problems.append(("torch", f"torch could not read it either: {error.message}"))
            return header
        if not better.tensors:
            return header
        better.content_id = header.content_id  # of the archive's own sums, which torch does not tell
        return better


def _call(pool: Pool, job: str, **arguments: str) -> dict[str, Any]:  # JSON values
    try:
        answer: dict[str, Any] = pool.call(job, **arguments)
    except ReaderDied:
        answer = pool.call(job, **arguments)
    return answer
