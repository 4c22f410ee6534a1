"""Disk to candidates: which paths may be checkpoints, when they are at rest. Refuses to know what is in them."""
