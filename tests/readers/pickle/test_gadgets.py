from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.readers.pickle.gadgets import gadgets
from tests.readers.conftest import kinds
from tests.readers.pickle_files import lightning_checkpoint, name, text, torch_file
from tests.readers.zip_files import Part, archive

if TYPE_CHECKING:
    from tests.readers.conftest import Reader


def test_names_that_run_something_are_told_in_order() -> None:
    names = (
        "collections.OrderedDict",
        "os.system",
        "torch._utils._rebuild_tensor_v2",
        "__builtin__.eval",
        "posix.fork",
    )
    assert gadgets(names) == ["os.system", "__builtin__.eval", "posix.fork"]


@pytest.mark.parametrize(
    "harmless", ["builtins.set", "pathlib.PosixPath", "osmium.Node", "my.os.system", "codecs.encode"]
)
def test_names_that_only_look_alike_are_not_told(harmless: str) -> None:
    assert gadgets([harmless]) == []


def test_a_payload_behind_good_fields_is_a_remark_on_a_file_that_is_read(read: Reader) -> None:
    call = name("os", "system") + text("true") + b"\x85R"
    data = b"\x80\x02}(" + text("epoch") + b"K\x03" + text("x") + call + b"u."
    header = read.of(archive(Part(b"a/data.pkl", data), Part(b"a/version", b"3\n")))
    assert header.facts["epoch"] == 3
    assert [message for kind, message in header.problems if kind == "suspicious" and "os.system" in message]


def test_an_ordinary_checkpoint_is_not_suspicious(read: Reader) -> None:
    assert "suspicious" not in kinds(read.of(torch_file(lightning_checkpoint())))
