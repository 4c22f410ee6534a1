"""Data leaves here. A reader who stops listening is no error; a full disk is one, said in a sentence."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ReaderLeft(Exception):
    """Nobody reads what we write any more. No OSError, or click would end the process itself."""


@contextmanager
def _spoken() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderLeft from error
    except OSError as error:
        abandon()
        raise click.ClickException(f"cannot write the output: {error.strerror}") from error


def write(chunk: str) -> None:
    """Write text."""
    with _spoken():
        sys.stdout.write(chunk)


def write_bytes(chunks: Iterable[bytes]) -> None:
    """Write bytes as they are, after the text written so far."""
    flush()
    for chunk in chunks:
        with _spoken():
            sys.stdout.buffer.write(chunk)


def lines(many: Iterable[str]) -> None:
    """Write lines of text."""
    for line in many:
        write(line + "\n")


def flush() -> None:
    """Make sure that the reader has everything."""
    with _spoken():
        sys.stdout.flush()


def abandon() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not try again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
