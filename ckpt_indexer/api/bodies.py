"""What the bodies of requests must look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.metadata.tagging import MAX_NOTE, MAX_TAG, MAX_TAGS, checked_note, checked_tag


def _tag(text: str) -> str:
    """Return a tag that may be stored. Raises ValueError, as pydantic wants it."""
    try:
        return checked_tag(text)
    except InvalidFilter as error:
        raise ValueError(error.message) from error


def _note(text: str) -> str:
    """Return a note that may be stored; blanks alone are an empty one. Raises ValueError, as pydantic wants it."""
    try:
        return checked_note(text) if text.strip() else ""
    except InvalidFilter as error:
        raise ValueError(error.message) from error


Tag = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TAG), AfterValidator(_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]
OldTag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TAG)]
"""One to be taken away: an older release may have taken what is none today."""
OldTags = Annotated[list[OldTag], Field(max_length=MAX_TAGS)]
Words = Annotated[str, StringConstraints(max_length=MAX_NOTE), AfterValidator(_note)]


class Body(BaseModel):
    """A body: no key but those that are named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AnnotationBody(Body):
    """What to change; what is left out stays."""

    tags_add: Tags = []
    tags_remove: OldTags = []
    notes: Words | None = Field(None, description="Empty takes the note away.")
    pinned: bool | None = None


class TagsBody(Body):
    """Tags to add and to remove."""

    add: Tags = []
    remove: OldTags = []


class NoteBody(Body):
    """The note."""

    text: Words


class PinBody(Body):
    """Pinned or not; pinned when nothing is said."""

    pinned: bool = True


class RescanBody(Body):
    """What to scan."""

    root: Annotated[str, StringConstraints(max_length=1000)] | None = Field(
        None, description="Name of a root; all if none."
    )
    full: bool = Field(False, description="Read every file anew, changed or not.")


class SqlBody(Body):
    """The statement."""

    sql: Annotated[str, StringConstraints(min_length=1, max_length=60_000)]
