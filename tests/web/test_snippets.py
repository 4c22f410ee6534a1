from __future__ import annotations

import ast
import os
import shlex
import subprocess
from typing import Any

import pytest

from ckpt_indexer.metadata.naming import display
from ckpt_indexer.web.snippets import copied, literal, python, shell, undecodable
from tests.web.catalogs import HOSTILE

FORMATS = (
    "torch_zip", "torch_legacy", "torch_tar", "torchscript", "safetensors", "keras", "onnx", "gguf", "hf_trainer",
    "dcp", "deepspeed", "unknown", "None",
)  # fmt: skip
NAMES = (
    "a.ckpt",
    'it\'s "one".ckpt',
    "new\nline.ckpt",
    "\u202e.ckpt",
    "back\\slash\\x41.ckpt",
    HOSTILE,
    "ü.ckpt",
    "$(rm -rf).ckpt",
)


def row(path: str, form: str = "torch_zip") -> dict[str, Any]:
    return {"id": 7, "abs_path": path, "format": form}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_lines_to_load_a_checkpoint_are_python_in_ascii(form: str, name: str) -> None:
    said = python(row(f"/data/{name}", form))
    tree = ast.parse(said)
    assert said.isascii()
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert f"/data/{name}" in texts


@pytest.mark.parametrize("form", ["torch_zip", "torch_legacy", "torch_tar"])
def test_a_pickle_is_loaded_without_running_it(form: str) -> None:
    said = python(row("/x.ckpt", form))
    assert "weights_only=True" in said
    assert "weights_only=False" not in said


@pytest.mark.parametrize("name", [b"caf\xe9.ckpt", b"a\xff\\b.ckpt", b"\xf0\x28.ckpt"])
def test_a_name_that_is_no_text_is_written_as_its_bytes(name: bytes) -> None:
    path = display(b"/data/" + name)
    assert undecodable(path) == b"/data/" + name
    assert eval(literal(path), {"os": os}) == os.fsdecode(b"/data/" + name)
    assert python(row(path)).startswith("import os\n")
    echoed = subprocess.run(["bash", "-c", f"printf %s {copied(path)}"], capture_output=True, check=True)
    assert echoed.stdout == b"/data/" + name


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_text_is_copied_as_it_is(name: str) -> None:
    assert copied(f"/data/{name}") == f"/data/{name}"
    assert ast.literal_eval(literal(f"/data/{name}")) == f"/data/{name}"


def test_the_shell_line_names_the_row() -> None:
    assert shlex.split(shell(row("/x"))) == ["ckpt-indexer", "show", "7", "--explain"]
