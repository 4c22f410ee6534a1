"""Inert nodes to plain data, by a table of names."""
