"""What the bodies of requests must look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Tags = Annotated[list[Tag], Field(max_length=50)]
Words = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class Body(BaseModel):
    """A body: no key but those that are named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AnnotationBody(Body):
    """What to change; what is left out stays."""

    tags_add: Tags = []
    tags_remove: Tags = []
    notes: Words | None = Field(None, description="Empty takes the note away.")
    pinned: bool | None = None


class TagsBody(Body):
    """Tags to add and to remove."""

    add: Tags = []
    remove: Tags = []


class NoteBody(Body):
    """The note."""

    text: Words


class PinBody(Body):
    """Pinned or not."""

    pinned: bool


class RescanBody(Body):
    """What to scan."""

    root: Annotated[str, StringConstraints(max_length=1000)] | None = Field(
        None, description="Name of a root; all if none."
    )
    full: bool = Field(False, description="Read every file anew, changed or not.")


class SqlBody(Body):
    """The statement."""

    sql: Annotated[str, StringConstraints(min_length=1, max_length=60_000)]
