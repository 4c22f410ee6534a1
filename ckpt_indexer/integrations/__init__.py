"""The training side: a correct sidecar for every checkpoint a training saves.

Imported by training jobs: knows `metadata`, `sidecar` and `errors` only, and imports nothing heavy before it is needed.
"""
