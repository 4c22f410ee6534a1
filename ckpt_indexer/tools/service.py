"""The daemon as a service of one user: its unit file, and what systemd is told and asked. Starts nothing itself."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.tools.export import write_whole
from ckpt_indexer.tools.unit import NAME, is_ours
from ckpt_indexer.tools.writing import Stamp, keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE_S = 330.0
"""Starting waits until the daemon is ready, which systemd bears for 300 s."""
MAX_UNIT = 1 << 20
PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts", "StatusText", "Result",
    "ActiveEnterTimestamp",
)  # fmt: skip
RELOAD, ENABLE, RESTART = ("daemon-reload",), ("enable", "--now", NAME), ("restart", NAME)
DISABLE, SHOW = ("disable", "--now", NAME), ("show", NAME, f"--property={','.join(PROPERTIES)}")
_LINGER = Path("/var/lib/systemd/linger")
_NO_SYSTEMD = "there is no systemctl on this machine, so nothing was started: run `ckpt-indexer serve` by other means"


class Ran(NamedTuple):
    """How a command of systemd ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an installation or removal."""

    path: Path
    changed: bool
    """The file is another one than before."""
    backup: Path | None = None
    trouble: str | None = None
    """What systemd would not do, in a sentence."""


def unit_path(environ: Mapping[str, str]) -> Path:
    """Return where this user's unit lies, or would lie."""
    config = environ.get("XDG_CONFIG_HOME", "")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path(pwd.getpwuid(os.getuid()).pw_dir)
    return (Path(config) if config.startswith("/") else home / ".config") / "systemd" / "user" / NAME


def find_unit(path: Path) -> str | None:
    """Return the text of the unit; None when there is none.

    Raises:
        CkptIndexerError: it is there and cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_UNIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CkptIndexerError(f"cannot read {path}: {error.strerror}", path=str(path)) from error


class Systemd:
    """The service manager of this user."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Programs are looked for as the environment says."""
        self._environ = dict(environ)

    def find(self, program: str) -> str | None:
        """Return the path of one of its programs; None when it is not there."""
        return shutil.which(program, path=self._environ.get("PATH", os.defpath))

    def run(self, words: Sequence[str]) -> Ran | None:
        """Return how `systemctl --user WORDS` ended; None when there is no systemctl."""
        program = self.find("systemctl")
        if program is None:
            return None
        line = [program, "--user", *words]
        try:
            done = subprocess.run(  # noqa: S603  # a program found on the person's own PATH, no shell
                line, capture_output=True, text=True, errors="replace", env=self._environ, check=False,
                stdin=subprocess.DEVNULL, timeout=PATIENCE_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return Ran(tuple(words), 1, "", str(error))
        return Ran(tuple(words), done.returncode, done.stdout, done.stderr)

    def run_all(self, *commands: Sequence[str]) -> str | None:
        """Run commands until one fails; return what is wrong in a sentence, None when nothing is."""
        for words in commands:
            ran = self.run(words)
            if ran is None:
                return _NO_SYSTEMD
            if ran.code:
                said = (ran.err or ran.out).strip().splitlines()
                return (
                    f"systemctl --user {' '.join(words)}: {said[-1] if said else f'exit code {ran.code}'}{_hint(ran)}"
                )
        return None


def install(path: Path, text: str, systemd: Systemd, *, force: bool = False) -> Done:
    """Write the unit, enable and start it; one that runs with another unit is started anew.

    Raises:
        CkptIndexerError: the file is not ours and `force` was not given, or it cannot be written.
    """
    before = find_unit(path)
    backup = None
    if before is not None and not is_ours(before):
        if not force:
            message = f"{path} was not written by this program; --force replaces it and keeps it as .bak"
            raise CkptIndexerError(message, path=str(path))
        backup = _kept(path)
    if before != text:
        _make_directory(path.parent)
        write_whole([text.encode("utf-8", "surrogateescape")], path, force=True)
    again = (RESTART,) if before not in (None, text) else ()
    return Done(path, before != text, backup, systemd.run_all(RELOAD, ENABLE, *again))


def uninstall(path: Path, systemd: Systemd) -> Done:
    """Stop and disable the service and remove its unit. Nothing of the catalog is touched.

    Raises:
        CkptIndexerError: the file is not ours, or it cannot be removed.
    """
    text = find_unit(path)
    if text is None:
        return Done(path, changed=False)
    if not is_ours(text):
        raise CkptIndexerError(f"{path} was not written by this program; remove it by hand", path=str(path))
    trouble = systemd.run_all(DISABLE)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CkptIndexerError(f"cannot remove {path}: {error.strerror}", path=str(path)) from error
    return Done(path, changed=True, trouble=trouble or systemd.run_all(RELOAD))


def properties(ran: Ran) -> dict[str, str]:
    """Return what `systemctl show` printed, by name; values that say nothing are left out."""
    pairs = (line.partition("=") for line in ran.out.splitlines())
    return {name: value for name, equals, value in pairs if equals and value}


def ends_with_session() -> bool:
    """Tell whether this user's services end when the last session ends."""
    try:
        return not (_LINGER / pwd.getpwuid(os.getuid()).pw_name).exists()
    except (KeyError, OSError):
        return False


def _kept(path: Path) -> Path | None:
    raw = os.fsencode(path)
    try:
        stamp = Stamp.of(raw)
        return None if stamp is None else Path(os.fsdecode(keep(raw, stamp)))
    except OSError as error:
        raise CkptIndexerError(f"cannot keep {path} as .bak: {error.strerror}", path=str(path)) from error


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CkptIndexerError(f"cannot make {path}: {error.strerror}", path=str(path)) from error


def _hint(ran: Ran) -> str:
    """Return what to do about a user manager that is not there."""
    if "connect to" in ran.err and "bus" in ran.err:
        return " (no service manager runs for this user here: log in on the machine itself, or set XDG_RUNTIME_DIR)"
    return ""
