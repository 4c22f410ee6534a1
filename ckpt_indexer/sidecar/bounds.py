"""How much a metadata document may cost, in one place. Values only."""

from __future__ import annotations

MAX_BYTES = 256 * 1024
"""Size of the largest document read; real ones have 2 to 5 KB."""
MAX_DEPTH = 32
"""Nested lists and mappings, the outermost included."""
MAX_NODES = 20_000
"""Values and keys together."""
MAX_NUMBER_LENGTH = 100
"""Characters of the longest spelling taken for a number: turning digits into one costs the square of their count."""
MAX_BRACKETS = 64
"""Opening brackets, and opening braces, of a YAML document parsed in the daemon's own process."""
MAX_INDENTATION = 256
"""Characters before the text of a line, likewise."""
MAX_CHAIN = 16
"""Block indicators in a row (`- - - x`), each of which nests one level, likewise."""
