"""One layout of directory checkpoints per module."""
