"""Weights & Biases: run directories on this disk, and, where it is switched on, the server."""
