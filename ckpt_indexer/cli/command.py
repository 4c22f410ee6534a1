"""How commands are declared: loaded when used, with examples and exit codes in their help, global options anywhere.

Adapts click. Query terms that begin with `-` (`-source:names`) are told apart from options before click sees them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import click

from ckpt_indexer.cli import exits
from ckpt_indexer.cli.options import GLOBAL_NAMES, global_options
from ckpt_indexer.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPERATORS = ":<>"


class _Help:
    """What every command's help has: global options in a section of their own, examples, exit codes."""

    examples: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, then the global ones, then the verbs of a group."""
        assert isinstance(self, click.Command)  # noqa: S101  # a mixin of commands only
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                (common if param.name in GLOBAL_NAMES else own).append(record)
        for title, records in (("Options", own), ("Global options", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed, then what the exit codes mean."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        if self.codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), exits.MEANINGS[code]) for code in self.codes])


class Command(_Help, click.Command):
    """A command whose help ends with examples and exit codes and which takes the global options too."""

    def __init__(
        self, name: str | None, *, examples: Sequence[str] = (), codes: Sequence[int] = (), **rest: Any  # noqa: ANN401  # click's own
    ) -> None:  # fmt: skip
        """`codes` are the exit codes beside 0, 2, 78 and 130, which every command has."""
        super().__init__(name, **rest)
        self.examples = tuple(examples)
        self.codes = tuple(sorted({exits.OK, exits.USAGE, exits.SETTINGS, exits.INTERRUPTED, *codes}))
        self.params += global_options()

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # whatever the command returns
        """Run the command; log only when asked to, so that questions do not pay for logging."""
        session = ctx.ensure_object(Session)
        if session.verbosity or "log.format" in session.flags:
            from ckpt_indexer.cli import logs

            logs.configure(session)
        return super().invoke(ctx)


class QueryCommand(Command):
    """A command that takes query terms: `-field:value` is a term, as `^field:value` is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn negated terms into their `^` form, which click leaves alone."""
        return super().parse_args(ctx, self._terms(ctx, args))

    def _terms(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes_value = {
            name: isinstance(param, click.Option) and not param.is_flag and not param.count
            for param in self.get_params(ctx)
            for name in param.opts
            if name.startswith("-")
        }
        found: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                return [*found, arg, *rest]
            if _is_negation(arg, takes_value):
                self._refuse_long_name(ctx, arg, takes_value)
                found.append("^" + arg[1:])
                continue
            found.append(arg)
            if takes_value.get(arg):
                found += [value for value in (next(rest, None),) if value is not None]
        return found

    @staticmethod
    def _refuse_long_name(ctx: click.Context, arg: str, names: Mapping[str, bool]) -> None:
        """Refuse `-limit`: more likely a mistyped `--limit` than a word to exclude."""
        if "-" + arg in names:
            hint = f"did you mean '-{arg}'? (to exclude the word: ^{arg[1:]})"
            raise click.UsageError(f"No such option '{arg}'; {hint}", ctx=ctx)


def _is_negation(arg: str, takes_value: Mapping[str, bool]) -> bool:
    """Tell a negated query term from an option, a cluster of flags (`-qv`) and an option with its value (`-ojson`)."""
    if len(arg) < 3 or not arg.startswith("-") or arg.startswith("--"):
        return False
    if any(operator in arg for operator in _OPERATORS):
        return True
    for char in arg[1:]:
        if "-" + char not in takes_value:
            return True
        if takes_value["-" + char]:
            return False
    return False


class Group(_Help, click.Group):
    """A command with verbs of its own (`db check`), in the order they were declared."""

    def __init__(self, name: str | None = None, *, examples: Sequence[str] = (), **rest: Any) -> None:  # noqa: ANN401  # click's own
        """Take the global options too."""
        super().__init__(name, **rest)
        self.examples = tuple(examples)
        self.params += global_options()

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the verbs in the order they were declared."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when there is none by that name."""
        refuse_unknown(self, ctx, args[0])
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group that knows its commands by name and imports one only when it is used."""

    lazy: ClassVar[Mapping[str, str]] = {}
    """Command name -> short help. The module of that name below `ckpt_indexer.cli.commands` (`_` for `-`) has
    a `command`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: the order in which a newcomer needs them."""
        return list(self.lazy)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self.lazy:
            return None
        command: click.Command = import_module(f"ckpt_indexer.cli.commands.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and short helps from the table; no command is imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))


def refuse_unknown(group: click.Group, ctx: click.Context, name: str) -> None:
    """Raise a usage error naming the nearest command, or all of them."""
    known = group.list_commands(ctx)
    if name in known or name.startswith("-") or ctx.resilient_parsing:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"
    raise click.UsageError(f"No such command '{name}'; {hint}", ctx=ctx)
