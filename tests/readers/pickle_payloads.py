"""Pickles that would run something if anybody unpickled them. Each family writes a canary file in its own way."""

from __future__ import annotations

import pickle
import struct

from tests.readers.pickle_files import name, text

_CALLS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("os", "popen"),
    ("subprocess", "getoutput"),
    ("subprocess", "Popen"),
    ("pty", "spawn"),
    ("commands", "getoutput"),
    ("asyncio.subprocess", "create_subprocess_shell"),
    ("distutils.spawn", "spawn"),
    ("_osx_support", "_read_output"),
    ("_aix_support", "_read_cmd_output"),
    ("torch.utils.collect_env", "run"),
    ("torch.utils._config_module", "ConfigModule.load_config"),
    ("numpy.testing._private.utils", "runstring"),
    ("uuid", "_get_command_stdout"),
    ("imaplib", "IMAP4_stream"),
    ("platform", "popen"),
]
_PYTHON = [
    ("builtins", "exec"),
    ("builtins", "eval"),
    ("__builtin__", "eval"),
    ("__builtin__", "execfile"),
    ("code", "InteractiveInterpreter.runcode"),
    ("timeit", "timeit"),
    ("timeit", "repeat"),
    ("cProfile", "run"),
    ("profile", "run"),
    ("trace", "Trace.run"),
    ("pdb", "run"),
    ("bdb", "Bdb.run"),
    ("idlelib.run", "Executive.runcode"),
    ("torch._inductor.codecache", "compile_file"),
    ("torch._dynamo.guards", "GuardBuilder.get"),
    ("torch.fx.graph_module", "_exec_with_source"),
    ("torch.jit.unsupported_tensor_ops", "execWrapper"),
    ("numpy.f2py.crackfortran", "myeval"),
    ("runpy", "_run_code"),
    ("doctest", "debug_script"),
]
_NAMES = [
    ("pkgutil", "resolve_name"),
    ("pydoc", "locate"),
    ("pydoc", "pipepager"),
    ("importlib", "import_module"),
    ("runpy", "run_path"),
    ("webbrowser", "open"),
    ("logging", "os.system"),
    ("torch.serialization", "load"),
    ("torch.hub", "load"),
    ("numpy", "load"),
    ("pip", "main"),
    ("ensurepip", "_run_pip"),
    ("venv", "create"),
    ("ctypes", "CDLL"),
    ("shutil", "rmtree"),
    ("operator", "methodcaller"),
    ("functools", "reduce"),
    ("builtins", "getattr"),
    ("builtins", "open"),
    ("builtins", "__import__"),
    ("builtins", "map"),
]


def payloads(canary: str) -> dict[str, bytes]:
    """Return pickles by family; each would create the canary file, or come close, were it unpickled."""
    shell, source = f"touch {canary}", f"open({canary!r}, 'w').close()"
    made = {f"{module}.{attribute}": _reduce(module, attribute, shell) for module, attribute in _CALLS}
    made |= {f"{module}.{attribute}": _reduce(module, attribute, source) for module, attribute in _PYTHON}
    made |= {f"{module}.{attribute}": _reduce(module, attribute, canary) for module, attribute in _NAMES}
    return made | _by_opcode(shell, source) | _hidden(shell, source)


def _reduce(module: str, attribute: str, argument: str) -> bytes:
    return b"\x80\x02" + name(module, attribute) + text(argument) + b"\x85R."


def _by_opcode(shell: str, source: str) -> dict[str, bytes]:
    """Return one call per opcode that can make one."""
    argument = text(shell)
    system = name("os", "system")
    return {
        "INST": b"(" + argument + b"ios\nsystem\n.",
        "OBJ": b"(" + system + argument + b"o.",
        "OBJ hidden by POP": b"(" + system + argument + b"o0}.",
        "NEWOBJ": system + argument + b"\x85\x81.",
        "NEWOBJ_EX": system + argument + b"\x85}\x92.",
        "STACK_GLOBAL": text("os") + text("system") + b"\x93" + argument + b"\x85R.",
        "names from the memo": text("system") + b"q\x000" + text("os") + b"h\x00\x93" + argument + b"\x85R.",
        "EXT1": b"\x82\x01" + argument + b"\x85R.",
        "EXT2": b"\x83\x01\x00" + argument + b"\x85R.",
        "EXT4": b"\x84\x01\x00\x00\x00" + argument + b"\x85R.",
        "BUILD": name("os", "environ") + b"}" + text("__setstate__") + system + b"sb" + argument + b"b.",
        "BUILD of a made object": system + argument + b"\x85R}" + text("x") + b"K\x01sb.",
        "protocol 0": f"cos\nsystem\n(V{shell}\ntR.".encode(),
        "protocol 4 in a lying frame": b"\x80\x04\x95" + struct.pack("<Q", 3) + system + argument + b"\x85R.",
        "copyreg": name("copyreg", "__newobj__") + system + argument + b"\x86R.",
        "copyreg._reconstructor": name("copyreg", "_reconstructor") + system + argument + b"N\x87R.",
        "PERSID": f"P{source}\n.".encode(),
        "BINPERSID": system + argument + b"\x85RQ.",
    }


def _hidden(shell: str, source: str) -> dict[str, bytes]:
    """Return calls that hide: nested, in keys, behind breaks, inside other pickles."""
    call = name("os", "system") + text(shell) + b"\x85R"
    inner = call + b"."
    loads = name("pickle", "loads") + b"B" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    getattr_chain = (
        name("builtins", "getattr") + name("builtins", "__import__") + text("os") + b"\x85R" + text("system") + b"\x86R"
    )
    return {
        "before a break": call + b"\xff",
        "after good fields": b"}(" + text("epoch") + b"K\x03" + text("x") + call + b"u.",
        "as a key": b"}" + call + b"K\x01s.",
        "as a key twice": b"}(" + call + b"K\x01" + call + b"K\x02u.",
        "popped": b"}" + call + b"0.",
        "as an argument of a tensor": name("torch._utils", "_rebuild_tensor_v2") + b"(" + call + b"K\x00)tR.",
        "as a storage": name("torch._utils", "_rebuild_tensor_v2") + b"(" + call + b"QK\x00)tR.",
        "as a shape": name("torch._utils", "_rebuild_tensor_v2") + b"(NK\x00" + call + b"tR.",
        "as a rebuild function": name("torch._tensor", "_rebuild_from_type_v2")
        + b"("
        + name("os", "system")
        + b"N"
        + text(shell)
        + b"\x85NtR.",
        "as a dtype": name("numpy", "dtype") + call + b"\x85R.",
        "as a state": name("argparse", "Namespace") + b")\x81" + call + b"b.",
        "as a default factory": name("collections", "defaultdict") + call + b"\x85R" + text("k") + b"K\x01s.",
        "as a partial": name("functools", "partial")
        + name("os", "system")
        + b"\x85R("
        + name("os", "system")
        + text(shell)
        + b"\x85}NtbR.",
        "a pickle in a pickle": loads,
        "torch.load of bytes": name("torch.storage", "_load_from_bytes") + pickle.dumps(inner, 3)[2:-1] + b"\x85R.",
        "getattr of an import": getattr_chain + text(shell) + b"\x85R.",
        "compile": name("builtins", "exec")
        + name("builtins", "compile")
        + text(source)
        + text("x")
        + text("exec")
        + b"\x87R\x85R.",
        "operator.attrgetter": name("operator", "attrgetter") + text("system") + b"\x85R" + name("os", "x") + b"\x85R.",
        "marshal": name("types", "FunctionType") + name("marshal", "loads") + text("x") + b"\x85R}\x86R)R.",
    }
