"""The entry point: options that hold for every command, and the one place where an error becomes an exit code."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from ckpt_indexer import __version__
from ckpt_indexer.cli import exits, stderr, stdout
from ckpt_indexer.cli.command import LazyGroup
from ckpt_indexer.cli.session import Session
from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Root(LazyGroup):
    """The commands of this release."""

    lazy: ClassVar[Mapping[str, str]] = {
        "serve": "Watch directories and keep the catalog fresh.",
        "scan": "Look at directories once.",
        "ls": "List checkpoints.",
        "show": "Show one checkpoint and who said what about it.",
        "best": "Rank checkpoints: the best of each group.",
        "compare": "Show checkpoints side by side.",
        "watch": "Follow what is new, changed, missing or better.",
        "sql": "Ask in SQL, read-only.",
        "export": "Write rows to a file: CSV, JSON lines, Parquet.",
        "tag": "Put tags on a checkpoint, or take them away.",
        "note": "Write a note about a checkpoint.",
        "pin": "Mark checkpoints to be kept.",
        "unpin": "Take the pins of checkpoints away.",
        "convert": "Write documents for checkpoints that have none.",
        "validate": "Check the documents beside checkpoints.",
        "migrate-metadata": "Rewrite documents of an older version.",
        "status": "Show catalog, daemon, roots and health.",
        "doctor": "Check the installation and the catalog, and say what to do.",
        "db": "Upgrade, check, rebuild or find the database; forget a root.",
        "config": "Show settings and where they come from.",
        "service": "Run the daemon as a service of this user.",
        "completion": "Print a completion script for the shell.",
    }


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"ckpt-indexer {__version__}")
        ctx.exit()


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=("ckpt-indexer scan outputs/", "ckpt-indexer best --by backbone", "ckpt-indexer serve outputs/"),
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """Know every checkpoint you have, and find the best one."""


def run() -> NoReturn:
    """Run the command this process was started as, and end the process."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us: keep its number from the next file we open
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115  # as long as the process
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:])
    gc.freeze()  # the process ends: looking through all of its memory once more finds nothing that matters
    sys.exit(code)


def main(args: Sequence[str], session: Session | None = None) -> int:
    """Run one command line and return its exit code. `session` brings another application, clock or environment."""
    try:
        result = cli.main(list(args), prog_name="ckpt-indexer", obj=session or Session(), standalone_mode=False)
        stdout.flush()
    except (stdout.ReaderLeft, SystemExit):  # click ends the process when the reader of a help text leaves
        stdout.abandon()
        return exits.OK
    except click.ClickException as error:
        with stderr.spoken():
            error.show()
        return error.exit_code
    except CkptIndexerError as error:
        _complain(exits.sentence(error))
        return exits.code(error)
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return exits.INTERRUPTED
    return _code_of(result)


def _code_of(result: Any) -> int:  # noqa: ANN401  # whatever a command returns
    return result if isinstance(result, int) else exits.OK


def _complain(sentence: str) -> None:
    stderr.talk(f"Error: {sentence}")
