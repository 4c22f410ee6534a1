"""Supervision: one service, its lock, its socket, its health. Refuses to know what a checkpoint is."""
