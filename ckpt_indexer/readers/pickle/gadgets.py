"""Names that have no business in a checkpoint: what those ask for who want their file to run something. Pure.

Information, no verdict and no protection: nothing is ever imported or called for a name, on this list or not, and a
file without any of them may be as bad. Classes of a training that nobody here knows are not meant.

The names are those that published scanners of pickles list, see for instance
https://github.com/mmaitre314/picklescan/blob/84fb1bad6324a70baed78c83004d9977ecf306a4/src/picklescan/scanner.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MODULES = frozenset(
    {
        "os", "posix", "nt", "subprocess", "pty", "runpy", "code", "bdb", "pdb", "timeit", "cProfile", "profile",
        "trace", "doctest", "pydoc", "pkgutil", "importlib", "imp", "ctypes", "webbrowser", "marshal", "pip",
        "ensurepip", "venv", "idlelib", "distutils", "commands", "shutil", "socket", "_osx_support", "_aix_support",
    }
)  # fmt: skip
"""First parts of modules."""
_NAMES = frozenset(
    {
        "asyncio.subprocess.create_subprocess_shell", "builtins.__import__", "builtins.compile", "builtins.eval",
        "builtins.exec", "builtins.execfile", "builtins.open", "numpy.f2py.crackfortran.myeval",
        "numpy.testing._private.utils.runstring", "pickle.load", "pickle.loads", "platform.popen",
        "torch._inductor.codecache.compile_file", "torch.fx.graph_module._exec_with_source", "torch.hub.load",
        "torch.serialization.load", "torch.utils.collect_env.run", "types.CodeType", "types.FunctionType",
        "uuid._get_command_stdout",
    }
)  # fmt: skip


def gadgets(names: Iterable[str]) -> list[str]:
    """Return those of the names (`module.name`) that a checkpoint never needs, in order."""
    return [name for name in names if _is_gadget(name)]


def _is_gadget(name: str) -> bool:
    first, _, rest = name.partition(".")
    if first == "__builtin__":
        name = f"builtins.{rest}"
    return first in _MODULES or name in _NAMES
