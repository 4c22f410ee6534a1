"""Files that want something from whoever reads them: code run, memory, time, a way out of the tree, a lie believed.

Every family is a function that yields (name, content) pairs; `build` writes them all below one directory each. Nothing
here is read by anything but the program under test.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.journeys import real_trees
from tests.readers.pickle_files import name, text
from tests.readers.pickle_payloads import payloads
from tests.readers.zip_files import Ending, Part, archive, parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEGACY_MAGIC = (
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
)
"""The three pickles that a legacy stream begins with."""


@dataclass
class Tree:
    """What was written."""

    hostile: list[str] = field(default_factory=list)
    """Paths of files that each must be a row with a reason."""
    good: dict[str, int] = field(default_factory=dict)
    """Path of an ordinary checkpoint between them -> its epoch."""
    no_rows: list[str] = field(default_factory=list)
    """Entries that are no checkpoint of this tree, whatever they are called."""


def zipped(pickled: bytes) -> bytes:
    return archive(
        Part(b"archive/data.pkl", pickled), Part(b"archive/byteorder", b"little"), Part(b"archive/version", b"3\n")
    )


def safetensors(header: bytes, *, length: int | None = None, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


# -- families


def running(canary: str) -> Iterator[tuple[str, bytes]]:
    """Pickles that would run something, alone, in a zip archive and in a legacy stream."""
    for number, made in enumerate(payloads(canary).values()):
        yield f"{number}.pt", made
        yield f"{number}.ckpt", zipped(made)
        yield f"{number}.pth", LEGACY_MAGIC + made + b"\x80\x02]."


def bombs(scale: int) -> Iterator[tuple[str, bytes]]:
    """Pickles whose size is nothing beside what they ask for; `scale` is how much real content the larger ones have."""
    for kind, made in pickle_bombs(scale):
        yield f"{kind}.pt", b"\x80\x04" + made + b"."
        yield f"{kind}.ckpt", zipped(b"\x80\x04" + made + b".")


def pickle_bombs(scale: int) -> Iterator[tuple[str, bytes]]:
    """Yield the body of pickles of protocol 4, each worth nothing to anybody."""
    huge = struct.pack("<Q", 1 << 62)
    yield "binunicode8", b"\x8d" + huge
    yield "binbytes8", b"\x8e" + huge
    yield "bytearray8", b"\x96" + struct.pack("<Q", 1 << 40)
    yield "frame", b"\x95" + huge + b"}"
    yield "long4", b"\x8b\xff\xff\xff\x7f"
    yield "long_digits", b"I" + b"9" * (10 * scale) + b"\n"
    yield "put", b"}p" + b"1" + b"0" * 18 + b"\n"
    yield "long_binput", b"}r\xff\xff\xff\x7f"
    yield "deep_lists", b"]" * scale + b"a" * (scale - 1)
    yield "deep_tuples", b")" + b"\x85" * scale
    yield "deep_dicts", b"}" + b"}K\x01" * 0 + b"".join([b"K\x01}"] * scale) + b"s" * scale
    yield "marks", b"(" * scale
    yield "stack", b"N" * (4 * scale)
    yield "dup", b"]" + b"2a" * scale
    yield (
        "memo_doubling",
        b"]q\x00" + b"".join(b"](h" + bytes([n]) + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(64)),
    )
    yield (
        "hash_bomb",
        b")q\x00"
        + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(64))
        + b"}h\x40K\x01s",
    )
    yield "many_keys", b"}(" + b"".join(b"J" + struct.pack("<i", n) + b"N" for n in range(scale)) + b"u"
    yield "self_reference", b"}q\x00X\x01\x00\x00\x00ah\x00s"
    yield "names", b"".join(name(f"m{n}", "f") + b"0" for n in range(scale // 4)) + b"}"


def lies_of_zip(scale: int) -> Iterator[tuple[str, bytes]]:
    """Archives that say one thing in one place and another elsewhere, or more than there is."""
    whole = parts()
    yield "count.ckpt", archive(*whole, ending=Ending(count=65_000))
    yield "directory_size.ckpt", archive(*whole, ending=Ending(directory_size=1 << 31))
    yield "directory_offset.ckpt", archive(*whole, ending=Ending(directory_offset=1 << 31))
    yield "zip64_count.ckpt", archive(*whole, ending=Ending(zip64={"count": 1 << 60}, count=0xFFFF))
    yield "zip64_offset.ckpt", archive(*whole, ending=Ending(zip64={"offset": 1 << 62}, directory_offset=0xFFFFFFFF))
    yield "disk.ckpt", archive(*whole, ending=Ending(disk=7))
    yield "size.ckpt", archive(*parts(size=1 << 31, compressed=1 << 31))
    yield "crc.ckpt", archive(*parts(crc=1))
    yield "offset.ckpt", archive(*parts(offset=1 << 30))
    yield "method.ckpt", archive(*parts(method=99))
    yield "encrypted.ckpt", archive(*parts(flags=1))
    yield "local_name.ckpt", archive(*parts(local_name=b"other/data.pkl"))
    yield "outside.ckpt", archive(*parts(name=b"../../../../tmp/data.pkl"))
    yield "absolute.ckpt", archive(*parts(name=b"/etc/data.pkl"))
    yield "two_pickles.ckpt", archive(*whole, *parts(data=b"\x80\x02}X\x05\x00\x00\x00epochK\x63s."))
    yield "no_pickle.ckpt", archive(Part(b"archive/other", b"x"))
    yield "nothing.ckpt", archive()
    bomb = Part(b"archive/data.pkl", b"\x80\x02" + b"N0" * (10 * scale) + b"}.", method=8)
    yield "deflated.ckpt", archive(bomb, Part(b"archive/version", b"3\n"))
    yield "entries.ckpt", archive(*(Part(b"archive/data/%d" % n, b"") for n in range(min(scale, 60_000))))


def lies_of_safetensors(scale: int) -> Iterator[tuple[str, bytes]]:
    """Headers of the simplest format there is."""
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}

    def of(**tensors: object) -> bytes:
        return safetensors(json.dumps(tensors).encode(), body=bytes(16))

    yield "length.safetensors", safetensors(b"{}", length=1 << 62)
    yield "length_beyond.safetensors", safetensors(b"{}", length=1000)
    yield "empty.safetensors", b""
    yield "short.safetensors", b"\x02\x00\x00"
    yield "no_json.safetensors", safetensors(b"{" + b"x" * 64)
    yield "list.safetensors", safetensors(b"[1, 2]")
    yield "latin.safetensors", safetensors(b'{"\xff\xfe": 1}')
    yield "deep.safetensors", safetensors(b'{"a":' * scale + b"1" + b"}" * scale)
    yield "deep_list.safetensors", safetensors(b'{"a":' + b"[" * scale + b"]" * scale + b"}")
    yield "number.safetensors", safetensors(b'{"a": ' + b"9" * scale + b"}")
    yield "overlap.safetensors", of(a=entry, b=entry)
    yield "beyond.safetensors", of(a=entry | {"data_offsets": [0, 1 << 40], "shape": [1 << 38]})
    yield "negative.safetensors", of(a=entry | {"data_offsets": [-16, 0]})
    yield "backwards.safetensors", of(a=entry | {"data_offsets": [16, 0]})
    yield "overflow.safetensors", of(a=entry | {"shape": [1 << 62, 1 << 62]})
    yield "fraction.safetensors", of(a=entry | {"shape": [2.5, 2]})
    yield "dtype.safetensors", of(a=entry | {"dtype": "__import__('os')"})
    yield (
        "twice.safetensors",
        safetensors(
            b'{"a":' + json.dumps(entry).encode() + b',"a":' + json.dumps(entry).encode() + b"}", body=bytes(16)
        ),
    )


def lies_of_others(canary: str, scale: int) -> Iterator[tuple[str, bytes]]:
    """Other formats, torch's tar among them."""
    payload = payloads(canary)["os.system"]
    yield "payload.pth.tar", _tar(("storages", payload), ("tensors", payload), ("pickle", payload))
    yield "outside.pth.tar", _tar(("../../../pickle", payload))
    yield "huge.pth.tar", _tar(("pickle", b"\x80\x02}."))[:100].ljust(124, b"\0") + b"7" * 11 + b"\0" * 400
    yield "counts.gguf", b"GGUF\x03\0\0\0" + struct.pack("<QQ", 1 << 60, 1 << 60)
    yield "string.gguf", b"GGUF\x03\0\0\0" + struct.pack("<QQQ", 0, 1, 1 << 60)
    yield "nested.gguf", b"GGUF\x03\0\0\0" + struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 9, 1) * scale
    yield "varints.onnx", b"\x08\x09" + b"\xff" * scale
    yield "groups.onnx", b"\x08\x09\x3a" + b"\xff\xff\xff\xff\x07" + b"\x0b" * scale
    config = b'{"a":' * scale + b"1" + b"}" * scale
    yield (
        "deep.keras",
        archive(Part(b"metadata.json", config), Part(b"config.json", config), Part(b"model.weights.h5", b"x")),
    )
    yield (
        "no_json.keras",
        archive(Part(b"metadata.json", b"\xff\xfe"), Part(b"config.json", b"{"), Part(b"model.weights.h5", b"x")),
    )
    yield "zeros.ckpt", bytes(4096)
    yield "nothing.ckpt", b""
    yield "one.pt", b"\x80"
    yield "text.ckpt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield "html.ckpt", b"<!DOCTYPE html><html>not found</html>"
    yield "png.ckpt", b"\x89PNG\r\n\x1a\n" + bytes(64)
    yield "elf.pt", b"\x7fELF" + bytes(128)
    yield "gzip.ckpt", b"\x1f\x8b\x08\x00" + zlib.compress(bytes(scale))
    yield "bytecode.pt", b"\xa7\r\r\n" + bytes(64)


def polyglots(canary: str) -> Iterator[tuple[str, bytes]]:
    """Files that are two things at once."""
    payload = payloads(canary)["os.system"]
    whole = archive(*parts())
    yield "pickle_then_zip.ckpt", payload + whole
    yield "zip_then_pickle.ckpt", whole + payload
    yield "zip_then_zip.ckpt", zipped(payload) + whole
    yield "safetensors_then_zip.safetensors", safetensors(b'{"a": 1}', body=whole)
    yield "legacy_then_zip.pth", LEGACY_MAGIC + payload + whole
    yield "zip_in_a_comment.ckpt", archive(*parts(data=payload), ending=Ending(comment=whole[:60_000]))
    yield "computed_magic.pth", name("builtins", "eval") + text("0") + b"\x85R.\x80\x02M\xe9\x03.\x80\x02}." + payload


def truncated(step: int) -> Iterator[tuple[str, bytes]]:
    """Ordinary files that end too soon, at every `step`th byte."""
    legacy, whole = io.BytesIO(), io.BytesIO()
    import torch

    torch.save(real_trees.state(), whole)
    torch.save(real_trees.state(), legacy, _use_new_zipfile_serialization=False)
    tensors = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {"epoch": "3"}})
    sources = {
        "ckpt": whole.getvalue(),
        "pth": legacy.getvalue(),
        "safetensors": safetensors(tensors.encode(), body=bytes(16)),
    }
    for suffix, content in sources.items():
        for cut in range(0, len(content), step):
            yield f"{cut}.{suffix}", content[:cut]


def odd_names() -> Iterator[bytes]:
    """Names that a terminal, a shell, SQL or a decoder may stumble over."""
    yield b"new\nline.ckpt"
    yield b"bell\x07.ckpt"
    yield b"\x1b[2J\x1b[31mred.ckpt"
    yield b"\xff\xfe\xe9.ckpt"
    yield "\u202egpj.ckpt".encode()
    yield "\u00e9\u0301\U0001f40d.ckpt".encode()
    yield b"-rf.ckpt"
    yield b"'; DROP TABLE checkpoints; --.ckpt"
    yield b"%00%2e%2e%2f.ckpt"
    yield b"$(touch canary).ckpt"
    yield b" .ckpt"
    yield b"a\\b\\x00.ckpt"
    yield b"n" * 250 + b".ckpt"


def documents(canary: str) -> Iterator[tuple[str, bytes]]:
    """Sidecars, configs and logs, to be put beside an ordinary checkpoint `x.ckpt`."""
    run_it = f"!!python/object/apply:os.system ['touch {canary}']\n"
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    deep_json = b'{"a":' * 50_000
    yield "x.metadata.yaml", run_it.encode()
    yield "x.ckpt.metadata.yaml", laughs.encode()
    yield "x.metadata.json", deep_json
    yield "x.config.yaml", run_it.encode()
    yield "x.config.json", deep_json
    yield "hparams.yaml", run_it.encode()
    yield "config.yaml", laughs.encode()
    yield "metrics.csv", b"epoch,step,val/hmean\n" + b"1," * 100_000 + b"\n\x00\xff\n"
    yield "args.yaml", b"[" * 60_000
    yield "results.csv", b"epoch,metrics/mAP50(B)\n" + b'"' * 10_000
    yield "summary.csv", b"\xff\xfe" + bytes(1000)
    yield "trainer_state.json", deep_json
    yield "events.out.tfevents.1.host.1.0", struct.pack("<Q", 1 << 60) + bytes(100)


# -- trees


def build(root: Path, canary: Path, *, scale: int = 20_000, step: int = 400, every: int = 1) -> Tree:
    """Write a tree of hostile entries with ordinary checkpoints between them.

    Only each `every`th payload is taken. Each family has a directory of its own, with two good checkpoints in it.
    """
    tree = Tree()
    told = str(canary)
    families = {
        "payloads": list(running(told))[::every],
        "bombs": list(bombs(scale)),
        "zips": list(lies_of_zip(scale)),
        "safetensors": list(lies_of_safetensors(scale)),
        "others": list(lies_of_others(told, scale)),
        "polyglots": list(polyglots(told)),
        "truncated": list(truncated(step)),
    }
    for number, (family, files) in enumerate(families.items()):
        folder = root / family
        folder.mkdir(parents=True)
        for file_name, content in files:
            (folder / file_name).write_bytes(content)
            tree.hostile.append(f"{family}/{file_name}")
        for place in ("0good.ckpt", "zgood.ckpt"):
            real_trees.save(folder / place, real_trees.state(number, number * 10))
            tree.good[f"{family}/{place}"] = number
    _write_directories(root, told, tree)
    _write_documents(root, told, tree)
    _write_names(root)
    _write_entries(root, tree)
    _write_modules(root, told)
    return tree


def _write_directories(root: Path, canary: str, tree: Tree) -> None:
    """Directory checkpoints whose parts lie."""
    payload = payloads(canary)["os.system"]
    contents: dict[str, dict[str, bytes]] = {
        "dcp": {".metadata": payload, "__0_0.distcp": b"x", "meta.pt": zipped(payload)},
        "deepspeed": {"latest": b"../../../../etc", "global_step1/mp_rank_00_model_states.pt": zipped(payload)},
        "checkpoint-5": {"trainer_state.json": b'{"a":' * 50_000, "training_args.bin": payload},
        "sharded": {
            "model.safetensors.index.json": json.dumps(
                {"weight_map": {"a": "../../../../etc/passwd", "b": "/dev/zero", "c": "gone.safetensors"}}
            ).encode()
        },
        "deep_index": {"model.safetensors.index.json": b'{"weight_map":' * 50_000},
    }  # fmt: skip
    for directory, files in contents.items():
        for file_name, content in files.items():
            path = root / "directories" / directory / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tree.hostile.append(f"directories/{directory}")


def _write_documents(root: Path, canary: str, tree: Tree) -> None:
    """Ordinary checkpoints beside hostile documents: what they say themselves must still be read."""
    for number, (file_name, content) in enumerate(documents(canary)):
        path = real_trees.save(root / "documents" / str(number) / "x.ckpt", real_trees.state(number, number * 10))
        (path.parent / file_name).write_bytes(content)
        tree.good[f"documents/{number}/x.ckpt"] = number
    hydra = root / "documents" / "hydra"
    real_trees.save(hydra / "checkpoints" / "x.ckpt", real_trees.state(7, 70))
    (hydra / ".hydra").mkdir()
    (hydra / ".hydra" / "config.yaml").write_text(
        "a: ${b}\nb: ${a}\nc: ${oc.env:HOME}\nd: {e: ${" + "d." * 10_000 + "}}\n"
    )
    tree.good["documents/hydra/checkpoints/x.ckpt"] = 7


def _write_names(root: Path) -> None:
    folder = os.fsencode(root / "names")
    os.mkdir(folder)
    content = archive(*parts())
    for odd in odd_names():
        with open(folder + b"/" + odd, "wb") as file:
            file.write(content)


def _write_entries(root: Path, tree: Tree) -> None:
    """Entries that are no regular files, lead out of the tree, or are larger than any disk."""
    folder = root / "entries"
    folder.mkdir()
    os.mkfifo(folder / "fifo.ckpt")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(folder)  # the path of a socket may be 107 bytes long only
        try:
            listening.bind("socket.pt")
        finally:
            os.chdir(here)
    links = {
        "outside.ckpt": "/etc/passwd", "device.ckpt": "/dev/zero", "dangling.ckpt": "nowhere.ckpt",
        "loop.ckpt": "loop.ckpt", "process.pt": "/proc/self/mem", "above.ckpt": "../../../../../../etc/hostname",
    }  # fmt: skip
    for link, target in links.items():
        (folder / link).symlink_to(target)
    (folder / "tree").symlink_to("/etc")
    (folder / "around").symlink_to("..")
    (folder / "directory.ckpt").mkdir()
    tree.no_rows += [
        f"entries/{entry}" for entry in ("fifo.ckpt", "socket.pt", *links, "tree", "around", "directory.ckpt")
    ]
    for sparse in ("sparse.ckpt", "sparse.pt", "sparse.safetensors"):
        with (folder / sparse).open("wb") as file:
            file.truncate(8 << 30)
        tree.hostile.append(f"entries/{sparse}")


def _write_modules(root: Path, canary: str) -> None:
    """Modules that would be imported instead of the real ones if the tree were on anybody's path."""
    for module in ("torch", "yaml", "ckpt_indexer", "sitecustomize", "json", "wandb"):
        (root / f"{module}.py").write_text(f"open({canary!r}, 'w').close()\n")


def _tar(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for member, content in members:
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
