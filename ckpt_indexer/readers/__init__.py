"""Bytes to header: what a checkpoint file says of itself, without running anything in it and without reading tensors.

    detect -> formats | directories -> pickle (the data machine) -> interpret -> facts, signatures -> header

Everything here but the peek runs in a limited child process (`child_jobs`). Refuses to know catalogs and trust.
"""
