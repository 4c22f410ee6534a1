"""`ckpt-indexer service`: the daemon as a service of this user."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.cli import exits, output, stdout, text
from ckpt_indexer.cli.command import Command, Group
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options, root_argument
from ckpt_indexer.cli.sections import sections
from ckpt_indexer.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from click.decorators import FC

    from ckpt_indexer.tools.service import Done, Systemd
    from ckpt_indexer.tools.unit import Unit

PREFIX = "CKPT_INDEXER_"


def _print_option(words: str) -> Callable[[FC], FC]:
    return click.option("--print", "only_print", is_flag=True, help=f"Print {words}; do nothing.")


@click.group(
    "service",
    cls=Group,
    invoke_without_command=True,
    examples=(
        "ckpt-indexer service install outputs/",
        "ckpt-indexer service status",
        "ckpt-indexer service logs -f",
        "ckpt-indexer service --print > ckpt-indexer.service",
    ),
)
@_print_option("the systemd unit")
@click.pass_context
def command(ctx: click.Context, *, only_print: bool) -> None:
    """Run the daemon as a service of this user: started at login, watched over, logs in the journal.

    Needs systemd. The unit is a file of this user; nothing here needs or uses root.
    """
    if ctx.invoked_subcommand is not None:
        if only_print:
            raise click.UsageError(f"--print stands behind the verb: service {ctx.invoked_subcommand} --print")
        return
    if not only_print:
        raise click.UsageError("say what to do: service install, uninstall, status or logs")
    stdout.write(_unit(ctx.ensure_object(Session), ()).text)


@command.command(
    "install",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer service install outputs/ /data/archive",
        "ckpt-indexer service install --print",
        "ckpt-indexer --db team.db service install outputs/ --json",
    ),
)
@root_argument
@_print_option("the unit")
@click.option("--force", is_flag=True, help="Replace a unit somebody else wrote; it is kept as .bak.")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def install(session: Session, roots: tuple[Path, ...], *, only_print: bool, force: bool, form: Output) -> int:
    """Write the unit, enable it and start the daemon.

    The service watches ROOT..., the roots of the settings and those the catalog knows. The database and the settings
    file in force now are written into the unit; variables of the environment are not. Installing again with other roots
    replaces the unit and starts the daemon anew. Exit 1 when systemd would not start it.

    The JSON object has the keys unit, command, changed, backup, started and message.
    """
    from ckpt_indexer.tools import service
    from ckpt_indexer.tools.unit import NAME

    unit = _unit(session, roots)
    if only_print:
        stdout.write(unit.text)
        return exits.OK
    environ = _environ(session)
    done = service.install(service.unit_path(environ), unit.text, service.Systemd(environ), force=force)
    told = {
        "unit": str(done.path), "command": list(unit.command), "changed": done.changed,
        "backup": None if done.backup is None else str(done.backup), "started": done.trouble is None,
        "message": done.trouble,
    }  # fmt: skip
    if form.format == "json":
        output.json_object(told)
    else:
        stdout.lines([text.shown(f"{'wrote' if done.changed else 'unchanged'}  {done.path}")])
        stdout.lines([f"started  {NAME}"] if done.trouble is None else ())
    _tell(session, done, environ)
    return exits.OK if done.trouble is None else exits.NEGATIVE


@command.command(
    "uninstall",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=("ckpt-indexer service uninstall", "ckpt-indexer service uninstall --print"),
)
@_print_option("the commands")
@click.pass_obj
def uninstall(session: Session, *, only_print: bool) -> int:
    """Stop the daemon, disable the service and remove the unit. The catalog stays. Exit 1 when it was not installed."""
    from ckpt_indexer.tools import service

    environ = _environ(session)
    path = service.unit_path(environ)
    if only_print:
        _print_commands((service.DISABLE, service.RELOAD))
        return exits.OK
    done = service.uninstall(path, service.Systemd(environ))
    if not done.changed:
        session.say(f"not installed: there is no {path}")
        return exits.NEGATIVE
    stdout.lines([text.shown(f"removed  {path}")])
    if done.trouble is not None:
        session.say(done.trouble)
    return exits.OK if done.trouble is None else exits.NEGATIVE


@command.command(
    "status",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=("ckpt-indexer service status", "ckpt-indexer service status --json | jq .active"),
)
@_print_option("the command")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def status(session: Session, *, only_print: bool, form: Output) -> int:
    """Show whether the service is installed, enabled and running. Exit 1 when it does not run.

    The JSON object has the keys unit, installed, ours, systemd, active, enabled, pid, since, restarts, status, result,
    database and answers (a daemon answers for the catalog, however it was started).
    """
    from ckpt_indexer.tools import service

    if only_print:
        _print_commands((service.SHOW,))
        return exits.OK
    environ = _environ(session)
    report = _report(session, service.unit_path(environ), service.Systemd(environ))
    output.answer(form, report, sections)
    return exits.OK if report["active"] == "active" else exits.NEGATIVE


@command.command(
    "logs",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer service logs",
        "ckpt-indexer service logs -f",
        "ckpt-indexer service logs -n 1000 --since today | jq 'select(.level == \"error\")'",
    ),
)
@click.option("-n", "--lines", type=click.IntRange(min=1), default=100, show_default=True, metavar="N")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes; Ctrl-C ends it.")
@click.option("--since", metavar="TIME", help="As journalctl takes it: today, '1 hour ago', 2026-11-20.")
@_print_option("the command")
@click.pass_obj
def logs(session: Session, *, lines: int, follow: bool, since: str | None, only_print: bool) -> int:
    """Print what the service logged, a JSON object per line: ts, level, logger, event and what belongs to it."""
    from ckpt_indexer.tools.service import Systemd
    from ckpt_indexer.tools.unit import NAME

    words = ["--user", f"--unit={NAME}", "--output=cat", f"--lines={lines}"]
    words += ["--follow"] if follow else []
    words += [f"--since={since}"] if since is not None else []
    if only_print:
        stdout.lines([shlex.join(["journalctl", *words])])
        return exits.OK
    environ = _environ(session)
    program = Systemd(environ).find("journalctl")
    if program is None:
        raise click.ClickException("there is no journalctl on this machine: the log is where the daemon was started")
    stdout.flush()
    done = subprocess.run([program, *words], env=dict(environ), check=False)  # noqa: S603  # found on the person's PATH
    return exits.OK if done.returncode == 0 else exits.NEGATIVE


def _environ(session: Session) -> Mapping[str, str]:
    return os.environ if session.environ is None else session.environ


def _unit(session: Session, roots: Sequence[Path]) -> Unit:
    """Return the unit for the settings in force. Raises QueryError when there is nothing to watch."""
    from ckpt_indexer import settings as the_settings
    from ckpt_indexer.errors import QueryError
    from ckpt_indexer.tools.unit import Unit

    settings, here = session.settings, session.cwd or the_settings.working_directory()
    if not roots and not session.app.known_roots(settings):
        raise QueryError("no directory to watch: name one, as in `ckpt-indexer service install outputs/`")
    of_project = any(file.parent == here for file in the_settings.settings_files(session.config, cwd=here))
    return Unit(
        python=sys.executable,
        database=os.path.abspath(settings.catalog.db),
        roots=tuple(os.path.realpath(root) for root in roots),
        config=None if session.config is None else os.path.abspath(session.config),
        directory=str(here) if session.config is None and of_project else None,
    )


def _report(session: Session, path: Path, systemd: Systemd) -> dict[str, Any]:  # JSON values
    from ckpt_indexer.tools import service
    from ckpt_indexer.tools.unit import is_ours

    written, ran = service.find_unit(path), systemd.run(service.SHOW)
    said = {} if ran is None else service.properties(ran)
    number = {key: int(value) for key, value in said.items() if value.isdigit()}
    return {
        "unit": str(path),
        "installed": written is not None,
        "ours": None if written is None else is_ours(written),
        "systemd": ran is not None and ran.code == 0,
        "active": said.get("ActiveState"),
        "enabled": said.get("UnitFileState"),
        "pid": number.get("MainPID") or None,
        "since": said.get("ActiveEnterTimestamp"),
        "restarts": number.get("NRestarts"),
        "status": said.get("StatusText"),
        "result": said.get("Result"),
        "database": str(session.app.database_path(session.settings)),
        "answers": session.app.daemon_alive(session.settings),
    }


def _tell(session: Session, done: Done, environ: Mapping[str, str]) -> None:
    """Say what a person should know after an installation."""
    from ckpt_indexer.tools.service import ends_with_session

    if done.trouble is not None:
        session.say(done.trouble)
    elif ends_with_session():
        session.say("it ends when you log out, unless you run once: loginctl enable-linger")
    own = sorted(name for name in environ if name.startswith(PREFIX))
    if own:
        session.say(f"set here, and not for the service (write it into the settings): {', '.join(own)}")


def _print_commands(commands: Sequence[Sequence[str]]) -> None:
    stdout.lines(shlex.join(["systemctl", "--user", *words]) for words in commands)
