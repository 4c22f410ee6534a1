"""One file format per module: bytes to contents."""
