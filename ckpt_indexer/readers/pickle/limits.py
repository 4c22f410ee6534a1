"""How much one pickle may cost to read. The numbers leave room for real checkpoints of 50,000 tensors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run of the machine; whatever exceeds one ends the run, and what was read until then is kept."""

    data_bytes: int = 64 << 20
    opcodes: int = 5_000_000
    stack: int = 1_000_000
    """Values waiting on the stack; looked at every few hundred opcodes."""
    marks: int = 100_000
    memo: int = 2_000_000
    sparse: int = 200_000
    """Memo entries that are not numbered in order; picklers number in order."""
    string_bytes: int = 16 << 20
    """Longer texts and byte strings are skipped, not read; the run goes on."""
    long_bytes: int = 1 << 10
    """Longer integers are skipped, not built; the run goes on."""
    line_bytes: int = 64 << 10
    """Text arguments of protocol 0."""
    wall_s: float = 8.0
    names: int = 5_000
    """Different names a pickle may want imported."""
    name_characters: int = 1_000
    """Of a module or of a name within it."""
    problems: int = 20
