"""The checkpoint's own header, as a source: what the file says of itself, and the score that its callback kept for it.

Within the file what was configured goes before what the structure of the state dict suggests; where both are known and
differ, the configured name stays and a problem names both.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.errors import (
    CorruptCheckpoint,
    LimitExceeded,
    ReaderDied,
    ReaderError,
    SourceUnavailable,
    UnknownFormat,
)
from ckpt_indexer.metadata.components import ROW_FIELDS
from ckpt_indexer.metadata.record import Component, Finding, Input, Metric, Problem
from ckpt_indexer.metadata.secrecy import without_secrets
from ckpt_indexer.readers.signatures.names import disagree
from ckpt_indexer.sources.base import Cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.sources.base import Said

UNREADABLE_KINDS = frozenset(
    {
        "truncated", "corrupt", "malformed", "not_a_mapping", "unknown_format", "unknown_version", "missing_part",
        "too_large", "limit",
    }
)  # fmt: skip
"""Problems after which a header is not what its file was meant to say. With facts beside them the row is degraded, with
none it is unreadable. All other kinds (`suspicious`, `suffix_mismatch`, `duplicate_entry`, ...) are remarks on a file
that was read."""
_BEYOND = (
    "complete", "mid_epoch", "weights_only", "tensors", "dtypes", "optimizer_share", "structure_id", "signature",
    "callbacks", "metadata",
)  # fmt: skip
"""Parts of a header that no field of the row holds."""


class HeaderSource:
    """Reads the file itself through `read`, which asks a limited child.

    `read` returns the header, or raises: `NeedsChild` where there is no child, a `ReaderError` where the file cannot be
    read at all. That the file is no checkpoint is an answer, a finding with problems only.
    """

    name = "header"
    cost = Cost.CHILD

    def __init__(self, *, read: Callable[[Candidate], Header]) -> None:
        self._read = read

    def find(self, candidate: Candidate, said: Said) -> Finding:
        """Return what the file says; `also` holds the monitor's score, where the callback kept one for this file.

        A state dict does not tell parameters from other buffers than running statistics, so the file's count of
        parameters may be too high: against one by somebody who saw the model, and that is lower, it is no evidence.

        Raises:
            NeedsChild: only a limited child may read it.
            SourceUnavailable: the child died, or the file could not be opened now.
        """
        try:
            header = self._read(candidate)
        except ReaderError as error:
            return Finding(self.name, "", problems=[_problem_of(error)])
        first, *others = findings(header)
        first.also = others
        told, counted = said.fact("num_parameters"), first.facts.get("num_parameters")
        if told is not None and counted is not None and told < counted:
            first.defaults = frozenset({"num_parameters"})
        return first


def findings(header: Header) -> list[Finding]:
    """Return what a header says: first the file's own voice, then, where there is one, that of its callback."""
    own = Finding("header", header.format)
    own.facts = dict(header.facts) if header.format == "unknown" else {"format": header.format, **header.facts}
    own.facts |= {
        name: value
        for name, value in (("content_id", header.content_id), ("weights_id", header.weights_id))
        if value is not None
    }
    stale = header.mid_epoch is True
    own.metrics = {name: Metric(value, stale) for name, value in header.metrics.items()}
    own.directions = dict(header.directions)
    own.params = without_secrets(header.params)
    own.problems = [Problem(kind, message) for kind, message in header.problems]
    own.inputs = [Input(os.fsencode(path), size, mtime_ns, source="header") for path, size, mtime_ns in header.inputs]
    own.components = [
        Component(part["role"], part["name"], without_secrets(part["params"])) for part in header.components
    ]
    _add_structure(header, own)
    beyond = {name: getattr(header, name) for name in _BEYOND} | {"metadata": without_secrets(header.metadata)}
    own.header = {name: value for name, value in beyond.items() if value not in (None, {}, [])}
    if not header.monitor_scores:
        return [own]
    scores = {name: Metric(value) for name, value in header.monitor_scores.items()}
    return [own, Finding("header:monitor", "state of the callback that saved it", metrics=scores)]


def _add_structure(header: Header, own: Finding) -> None:
    """Let the structure of the state dict fill what was not configured."""
    for role, fitting in header.signature.items():
        field = ROW_FIELDS.get(role)
        configured = own.facts.get(field) if field is not None else None
        if configured is not None:
            if disagree(role, configured, fitting):
                told = f"{role} {configured} is configured, but the tensors are those of {' or '.join(fitting)}"
                own.problems.append(Problem("structure_disagrees", told))
        elif len(fitting) == 1:
            if field is not None:
                own.facts[field] = fitting[0]
            _put(own.components, Component(role, fitting[0], {}))
        else:
            _put(own.components, Component(role, None, {"candidates": list(fitting)}))


def _put(components: list[Component], found: Component) -> None:
    """Give the component of a role a name and further params; a role that is not there yet is added."""
    for place, known in enumerate(components):
        if known.role == found.role:
            components[place] = Component(known.role, known.name or found.name, {**found.params, **known.params})
            return
    components.append(found)


def _problem_of(error: ReaderError) -> Problem:
    """Return what is wrong with a file that gave no header.

    Raises:
        SourceUnavailable: nothing is known to be wrong with the file; asking later may help.
    """
    if isinstance(error, LimitExceeded):
        return Problem("too_large", error.message)
    if isinstance(error, UnknownFormat):
        return Problem("unknown_format", error.message)
    if isinstance(error, CorruptCheckpoint):
        kind = "truncated" if error.details.get("reason") == "truncated" else "corrupt"
        return Problem(kind, error.message)
    what = "the process that read it died" if isinstance(error, ReaderDied) else "it could not be read"
    raise SourceUnavailable(f"{what}: {error.message}", path=error.path) from error
