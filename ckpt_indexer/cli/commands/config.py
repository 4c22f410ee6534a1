"""`ckpt-indexer config`: the settings and where they come from."""

from __future__ import annotations

import os
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer import settings as the_settings
from ckpt_indexer.cli import exits, output, stdout, text
from ckpt_indexer.cli.command import Command, Group
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session


@click.group(
    "config",
    cls=Group,
    examples=("ckpt-indexer config show", "ckpt-indexer config init", "ckpt-indexer config path"),
)
def command() -> None:
    """Show settings, write a file of them, say which files are read.

    A flag wins over CKPT_INDEXER_SECTION__KEY in the environment, that over ckpt-indexer.toml or [tool.ckpt-indexer] of
    pyproject.toml in the working directory, that over the user's own file.
    """


def _plain(value: Any) -> Any:  # noqa: ANN401  # a setting's value -> a JSON value
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(item) for key, item in asdict(value).items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


@command.command("show", cls=Command, examples=("ckpt-indexer config show", "ckpt-indexer config show --json"))
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def show(session: Session, *, form: Output) -> None:
    """Print each setting with where its value comes from.

    The JSON object maps each key to {value, origin}.
    """
    items = [(key, _plain(value), origin) for key, value, origin in session.settings.items()]
    if form.format == "json":
        output.json_object({key: {"value": value, "origin": origin} for key, value, origin in items})
        return
    lines = [("setting", "value", "origin")]
    lines += [
        (key, text.cell(value or None if isinstance(value, list | dict) else value), origin)
        for key, value, origin in items
    ]
    stdout.lines(text.columns([tuple(map(text.shown, line)) for line in lines]))


@command.command("path", cls=Command, codes=(exits.NEGATIVE,), examples=('$EDITOR "$(ckpt-indexer config path)"',))
@click.pass_obj
def path(session: Session) -> int:
    """Print the settings files that are read, the most important first. Exit 1 when there is none."""
    files = the_settings.settings_files(session.config, cwd=session.cwd or the_settings.working_directory())
    stdout.write_bytes(os.fsencode(file) + b"\n" for file in files)
    if not files:
        session.say(f"no settings file: neither {the_settings.PROJECT_FILE} here nor {the_settings.user_file()}")
    return exits.OK if files else exits.NEGATIVE


@command.command(
    "init",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=("ckpt-indexer config init", "ckpt-indexer config init --user"),
)
@click.option("--user", is_flag=True, help="Write the user's own file instead of the project's.")
@click.option("--force", is_flag=True, help="Replace a file that is there; it is kept as .bak.")
@click.pass_obj
def init(session: Session, *, user: bool, force: bool) -> None:
    """Write a commented settings file holding every key with its default."""
    here = session.cwd or the_settings.working_directory()
    target = the_settings.user_file() if user else here / the_settings.PROJECT_FILE
    try:
        if target.exists() and not force:
            raise click.ClickException(f"{text.shown(str(target))} exists; --force replaces it and keeps a .bak")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.replace(target.with_name(target.name + ".bak"))
        target.write_text(example(), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {text.shown(str(target))}: {error.strerror}") from error
    stdout.lines([text.shown(str(target))])


def example() -> str:
    """Return the example settings: from the wheel, or from the checkout this runs in."""
    package = Path(the_settings.__file__).parent.parent
    shipped = package / "_configs" / "example.toml"
    return (shipped if shipped.is_file() else package.parent / "configs" / "example.toml").read_text(encoding="utf-8")
