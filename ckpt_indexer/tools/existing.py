"""The documents a checkpoint has already: which one is its own, and is one from the future among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import MetadataError, SidecarInvalid
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.reading import Reading, read_document
from ckpt_indexer.sidecar.beside import Attempt, find_document
from ckpt_indexer.sidecar.io import future_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.candidate import Candidate

    Parse = Callable[[bytes], Any]  # returns whatever the document holds


@dataclass(frozen=True, slots=True)
class Examined:
    """One document, and what reading it gave: a reading or an error, never both."""

    attempt: Attempt
    reading: Reading | None
    error: MetadataError | None
    future: str | None = None
    """Its version, when that is newer than ours."""

    @property
    def is_valid(self) -> bool:
        """Tell whether its schema accepts it."""
        return self.reading is not None and self.reading.valid


def examine(candidate: Candidate, parse: Parse) -> Iterator[Examined]:
    """Yield every document that may describe the checkpoint, first choice first; each is read when it is asked for."""
    for attempt in find_document(candidate, parse=parse) or ():
        yield _examined(candidate, attempt)


def is_foreign(one: Examined, candidate: Candidate) -> bool:
    """Tell whether the document names another file."""
    named = named_file(one.reading) if one.reading is not None else None
    return named is not None and named != display(candidate.name)


def named_file(reading: Reading) -> str | None:
    """Return the name of the file a document says it describes; None when it gives none."""
    if reading.file is not None and reading.file.name:
        return reading.file.name
    if reading.checkpoint_path:
        return reading.checkpoint_path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return None


def chosen(documents: list[Examined], candidate: Candidate) -> Examined | None:
    """Return the document that counts, as the catalog chooses: the first valid one that is about this file, else the
    first that can be read, else the first at all; None when there is none, or only such of other files."""
    own = [one for one in documents if not is_foreign(one, candidate)]
    usable = [one for one in own if one.is_valid or one.future is not None]
    readable = [one for one in own if one.reading is not None]
    return next(iter([*usable, *readable, *own]), None)


def _examined(candidate: Candidate, attempt: Attempt) -> Examined:
    if attempt.document is None:
        absolute = candidate.root.rstrip(b"/") + b"/" + attempt.path
        return Examined(attempt, None, attempt.error, future_version(absolute))
    try:
        reading = read_document(attempt.document, detail=display(attempt.name))
    except SidecarInvalid as error:
        return Examined(attempt, None, error)
    return Examined(attempt, reading, None, reading.version if reading.from_future else None)
