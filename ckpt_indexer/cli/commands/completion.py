"""`ckpt-indexer completion`: the script that teaches a shell our commands."""

from __future__ import annotations

import click

from ckpt_indexer.cli import stdout
from ckpt_indexer.cli.command import Command

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "ckpt-indexer"
VARIABLE = "_CKPT_INDEXER_COMPLETE"
"""What click looks for in the environment when the program was started to complete a line."""


@click.command(
    "completion",
    cls=Command,
    examples=(
        'eval "$(ckpt-indexer completion bash)"',
        "ckpt-indexer completion bash > ~/.local/share/bash-completion/completions/ckpt-indexer",
        "ckpt-indexer completion zsh > ~/.zfunc/_ckpt-indexer",
        "ckpt-indexer completion fish > ~/.config/fish/completions/ckpt-indexer.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands, options, query fields, and values of the catalog.

    Evaluate it in the shell's start-up file, or put it where the shell looks for completions: see the examples. bash
    needs version 4.4 or newer.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    completion = kind(ctx.find_root().command, {}, PROGRAM, VARIABLE)
    stdout.write(completion.source_template % completion.source_vars() + "\n")
