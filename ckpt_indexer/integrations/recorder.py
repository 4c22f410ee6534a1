"""`record` and `forget`: a correct metadata document for every checkpoint a plain training loop saves or deletes.

Importing this costs next to nothing, and calling it imports neither torch nor pydantic: what is needed is loaded on the
first call. Neither function ever fails a training unless asked to (`strict=True`).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Unpack

    from ckpt_indexer.integrations.complaints import Complaints
    from ckpt_indexer.integrations.describe import More
    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.sidecar.io import AnyPath


def record(  # noqa: PLR0913  # each keyword is a key of the document; a value object would only be in the loop's way
    path: AnyPath,
    *,
    metrics: Mapping[str, Any] | None = None,  # anything float() takes
    epoch: Any = None,  # noqa: ANN401  # a whole number of any kind
    step: Any = None,  # noqa: ANN401  # a whole number of any kind
    model: object = None,
    config: object = None,
    run: object = None,
    monitor: str | None = None,
    mode: str | None = None,
    strict: bool = False,
    **more: Unpack[More],
) -> Path | None:
    """Write the metadata document of a checkpoint that was just saved; return its path.

    Call it after the checkpoint is complete, and after every rewrite of it: size and time of the file go into the
    document and prove later that both belong together. A directory checkpoint gets its document inside.

    Args:
        path: the checkpoint, a file or a directory.
        metrics: name -> number, measured with exactly these weights: floats, numpy scalars, tensors of one value. NaN
            and infinity are kept as null.
        epoch: 0-indexed.
        step: optimizer steps since the start of training.
        model: the module itself (its class, encoder and number of parameters are noted), the architecture's name, or a
            mapping as the document's `model` block.
        config: hyper-parameters: a mapping, dataclass, Namespace or OmegaConf config. Secrets are left out.
        run: the run's id, its directory as a path, a mapping of `id`, `dir` and `name`, or a W&B run.
        monitor: the metric that decides which checkpoint is best.
        mode: `min` or `max`: which end of the monitored metric is better.
        strict: raise where otherwise a warning is logged, once, and None returned.
        more: see `ckpt_indexer.integrations.describe.More`.

    Raises:
        SidecarInvalid: with `strict`: an argument is not what it should be; all such are named.
        SchemaFromFuture: with `strict`: the document that is there already was written by a newer release.
        OSError: with `strict`: the file system refused.
    """
    named = {"metrics": metrics, "epoch": epoch, "step": step, "model": model, "config": config}
    facts: Any = {**named, "run": run, "monitor": monitor, "mode": mode, **more}  # a `Facts`, checked key by key
    if strict:
        written, problems = _write(path, facts, strict=True)
    else:
        done = complaints().run("writing a metadata document", _write, path, facts, strict=False)
        if done is None:
            return None
        written, problems = done
    if not os.path.exists(path):
        complaints().about("absent", f"{path!r}: there is no such checkpoint yet; record it after it is saved")
    for problem in problems:
        complaints().about(f"{problem.kind} {problem.message.partition(':')[0]}", f"{written}: {problem.message}")
    return written


def forget(path: AnyPath, *, strict: bool = False) -> bool:
    """Remove the metadata document of a checkpoint that was deleted; tell whether there was one.

    Only a document that names this very file goes; one of another file, of a newer release, or that cannot be read
    stays.

    Raises:
        OSError: with `strict`: the file system refused; otherwise a warning is logged, once.
    """
    if strict:
        return _remove(path)
    return bool(complaints().run("removing a metadata document", _remove, path))


@cache
def complaints() -> Complaints:
    """Return what remembers, for the whole process, which warnings were given."""
    from ckpt_indexer.integrations.complaints import Complaints

    return Complaints()


def _write(path: AnyPath, facts: Any, *, strict: bool) -> tuple[Path, list[Problem]]:  # noqa: ANN401  # see `record`
    from ckpt_indexer.integrations.writing import write_facts

    return write_facts(path, facts, strict=strict)


def _remove(path: AnyPath) -> bool:
    from ckpt_indexer.integrations.writing import remove_documents

    return remove_documents(path)
