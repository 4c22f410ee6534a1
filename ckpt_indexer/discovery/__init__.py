"""Disk to candidates: which paths may be checkpoints, when they are at rest, what changed. Refuses to know what is in them."""
