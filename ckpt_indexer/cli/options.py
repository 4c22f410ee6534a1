"""Options that several commands share."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from ckpt_indexer.cli.session import Session
from ckpt_indexer.cli.text import shown
from ckpt_indexer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from click.shell_completion import CompletionItem

    F = TypeVar("F", bound=Callable[..., Any])  # click decorates functions of every shape

LIST_FORMATS = ("table", "json", "jsonl", "csv", "paths")
OBJECT_FORMATS = ("table", "json")


class Output(NamedTuple):
    """How to print."""

    format: str
    nul: bool = False


GLOBAL_NAMES = ("config", "db", "quiet", "verbose", "no_color", "log_format")


def _session(ctx: click.Context) -> Session:
    return ctx.ensure_object(Session)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:  # noqa: ANN401  # any option's value
    """Note what a global option said; one that was not typed here says nothing."""
    if value == "":  # an unset variable of a script: not a reason to take another catalog
        raise click.BadParameter("it is empty", ctx, param)
    if not value:
        return
    session = _session(ctx)
    match param.name:
        case "config":
            session.config = value
        case "db":
            session.flags["catalog.db"] = value
        case "log_format":
            session.flags["log.format"] = value
        case "quiet":
            session.quiet = True
        case "verbose":
            session.verbosity = value
        case _:
            session.color = False


def _option(*names: str, **attributes: Any) -> click.Option:  # noqa: ANN401  # click's own
    return click.Option(names, expose_value=False, callback=_remember, **attributes)


def global_options() -> list[click.Parameter]:
    """Return the options every command takes, before or after its name."""
    return [
        _option("--config", metavar="FILE", help="Read settings from FILE only."),
        _option("--db", metavar="FILE", help="The catalog's database file."),
        _option("-q", "--quiet", is_flag=True, help="Print data only."),
        _option("-v", "--verbose", count=True, help="Log more; -vv even more."),
        _option("--no-color", is_flag=True, help="Print without colours."),
        _option("--log-format", type=click.Choice(["auto", "text", "json"]), help="How log lines look."),
    ]


def output_options(*formats: str) -> Callable[[F], F]:
    """Add `-o`, `--json`, and where they can be printed `--csv` and `-0`. The command gets `form`."""

    def decorate(function: F) -> F:
        @wraps(function)
        def with_output(*args: Any, output: str, short: str | None, nul: bool = False, **rest: Any) -> Any:  # noqa: ANN401  # what click hands over
            form = "paths" if nul else short or output
            return function(*args, form=Output(form, nul=nul), **rest)

        decorated = click.option("--json", "short", flag_value="json", help="Same as -o json.")(with_output)
        if "csv" in formats:
            decorated = click.option("--csv", "short", flag_value="csv", help="Same as -o csv.")(decorated)
        if "paths" in formats:
            decorated = click.option("-0", "nul", is_flag=True, help="Print paths, each ended by NUL.")(decorated)
        kind = click.Choice(formats)
        shown_as = "|".join(formats)
        return cast(
            "F",
            click.option("-o", "--output", type=kind, default=formats[0], metavar=shown_as, help="What to print.")(
                decorated
            ),
        )

    return decorate


def query_argument(function: F) -> F:
    """Add the query terms. The command gets `query`."""
    return click.argument("query", nargs=-1, metavar="[QUERY]...", shell_complete=_offered("query_terms"))(function)


def metric_option(text: str) -> Callable[[F], F]:
    """Add `--metric`, hmean by default. The command gets `metric`."""
    offered = _offered("metric_names")
    return click.option(
        "--metric", default="hmean", show_default=True, metavar="NAME", help=text, shell_complete=offered
    )


def ref_argument(function: F) -> F:
    """Add one reference to a checkpoint. The command gets `ref`."""
    return click.argument("ref", shell_complete=_offered("checkpoints"))(function)


def refs_argument(metavar: str) -> Callable[[F], F]:
    """Add one or more references. The command gets `refs`."""
    return click.argument("refs", nargs=-1, required=True, metavar=metavar, shell_complete=_offered("checkpoints"))


def _offered(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return a function of `cli.completing`, loaded when the shell asks."""

    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from ckpt_indexer.cli import completing

        found: list[CompletionItem] = getattr(completing, name)(ctx, param, incomplete)
        return found

    return offer


def refresh_option(function: F) -> F:
    """Add `--refresh`. The command gets `refresh`."""
    return click.option("--refresh", is_flag=True, help="Look at the disk first.")(function)


def root_argument(function: F) -> F:
    """Add the directories. The command gets `roots`."""
    from pathlib import Path

    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.argument("roots", nargs=-1, metavar="[ROOT]...", type=kind)(function)


@contextmanager
def roots_are_typed(roots: Sequence[Path]) -> Iterator[None]:
    """Turn the refusal of a directory into wrong usage when it was typed, not read from the settings."""
    try:
        yield
    except SettingsError as error:
        if roots and not str(error.details.get("key")).startswith("server."):
            raise click.UsageError(shown(error.message)) from error
        raise
