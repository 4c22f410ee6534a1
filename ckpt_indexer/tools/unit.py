"""The systemd user unit that runs the daemon, as text. Pure.

How words are quoted: https://www.freedesktop.org/software/systemd/man/systemd.service.html#Command%20lines
"""

from __future__ import annotations

import os
from dataclasses import dataclass

NAME = "ckpt-indexer.service"
MARK = "# Written by `ckpt-indexer service install`."
"""First line of a unit of ours; another file under the name is somebody else's."""
_TEXT = """\
{mark} Changes made here are lost by the next install;
# `systemctl --user edit {name}` keeps them in a file of their own.
[Unit]
Description=ckpt-indexer, the catalog of checkpoints

[Service]
Type=notify
NotifyAccess=main
{directory}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=120
TimeoutStartSec=300
TimeoutStopSec=10
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 4 5 78
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the service is to run."""

    python: str
    """The interpreter that has this package."""
    database: str
    roots: tuple[str, ...] = ()
    """Absolute; known ones of the catalog and the settings are watched too."""
    config: str | None = None
    """The one settings file to read; None: the usual ones."""
    directory: str | None = None
    """Where a settings file of a project lies, when one is in force."""

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words of the daemon's command line. `-P`: no module is taken from the working directory."""
        config = () if self.config is None else ("--config", self.config)
        words = ("-P", "-m", "ckpt_indexer", "--db", self.database, *config, "--log-format", "json", "serve")
        return (self.python, *words, *self.roots)

    @property
    def text(self) -> str:
        """Return the whole file."""
        first, *rest = self.command
        command = " ".join([quoted(first, is_program=True), *map(quoted, rest)])
        directory = f"WorkingDirectory={_specifiers(self.directory)}\n" if self.directory is not None else ""
        return _TEXT.format(mark=MARK, name=NAME, directory=directory, command=command)


def is_ours(text: str) -> bool:
    """Tell whether `service install` wrote a unit file."""
    return text.startswith(MARK)


def quoted(word: str, *, is_program: bool = False) -> str:
    """Return a word as systemd reads it back unchanged; in the program's own path `$` means nothing."""
    escaped = "".join(_ESCAPES.get(char) or _character(char) for char in _specifiers(word))
    if not is_program:
        escaped = escaped.replace("$", "$$")
    return f'"{escaped}"' if escaped != word or not word or not _is_plain(word) else word


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _specifiers(word: str) -> str:
    return word.replace("%", "%%")


def _character(char: str) -> str:
    """Return a character, or what stands for its bytes when it cannot be in a text file."""
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


def _is_plain(word: str) -> bool:
    return all(char.isalnum() or char in "/._-+:=,@%" for char in word)
