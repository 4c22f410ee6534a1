"""Candidate to findings: who knows something about a checkpoint, and whom to believe. Refuses to know rows."""
