"""The configuration of a run: finding it, parsing it, resolving it, what it says."""
