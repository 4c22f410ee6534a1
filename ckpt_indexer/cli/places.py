"""How commands that work on files are told which: paths, or the words of the scripts they replace."""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    F = TypeVar("F", bound=Callable[..., Any])  # click decorates functions of every shape

_OPTIONS = (
    ("--checkpoint", "checkpoints", "One checkpoint; may be given again.", True),
    ("--exp-dir", "exp_dirs", "The directory of one experiment; may be given again.", False),
    ("--outputs-dir", "outputs_dirs", "A directory of experiments, which paths are relative to.", False),
)


def places(function: F) -> F:
    """Add `[PATH]...`, `--checkpoint`, `--exp-dir`, `--outputs-dir` and `--no-recursive`. The command gets `wanted`."""
    from pathlib import Path

    @wraps(function)
    def with_places(
        *args: Any,  # noqa: ANN401  # what click hands over
        paths: Iterable[Path],
        checkpoints: Iterable[Path],
        exp_dirs: Iterable[Path],
        outputs_dirs: Iterable[Path],
        recursive: bool,
        **rest: Any,  # noqa: ANN401  # what click hands over
    ) -> Any:  # noqa: ANN401  # whatever the command returns
        from ckpt_indexer.tools.selection import Wanted

        wanted = Wanted(_raw(paths), _raw(checkpoints), _raw(exp_dirs), _raw(outputs_dirs), recursive=recursive)
        return function(*args, wanted=wanted, **rest)

    flag = click.option("--recursive/--no-recursive", default=True, help="Look below the directories, too.  [default]")
    decorated = flag(with_places)
    for name, key, text, may_be_file in reversed(_OPTIONS):
        kind = click.Path(exists=True, file_okay=may_be_file, path_type=Path)
        decorated = click.option(name, key, type=kind, multiple=True, metavar="PATH", help=text)(decorated)
    kind = click.Path(exists=True, path_type=Path)
    return cast("F", click.argument("paths", nargs=-1, metavar="[PATH]...", type=kind)(decorated))


def _raw(paths: Iterable[Path]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(path) for path in paths)
