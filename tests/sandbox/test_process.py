"""Starting a child where that is not a matter of course."""

from __future__ import annotations

import base64
import errno
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import ResourceShortage
from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.sandbox.process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

PARSE = "ckpt_indexer.sidecar.child_jobs:parse_encoded"
DESCRIPTORS = 256


@pytest.fixture
def no_descriptors() -> Iterator[None]:
    """Leave this process without a descriptor it could open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, before[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs an interpreter that is found by a virtual environment")
def test_an_interpreter_that_lies_elsewhere_now_is_started_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment rebuilt while we run has no file at the path; one this user may not reach has none for us."""
    (tmp_path / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text("utf-8"), "utf-8")
    (tmp_path / "lib").symlink_to(Path(sys.prefix) / "lib")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    child = ChildProcess.start(Limits())
    try:
        answer = child.ask(PARSE, {"document": base64.b64encode(b"a: 1\n").decode()})
    finally:
        child.kill()
    assert answer == {"value": {"a": 1}}


@pytest.mark.usefixtures("no_descriptors")
def test_a_child_that_cannot_be_started_says_nothing_about_any_file() -> None:
    with pytest.raises(ResourceShortage, match="no child process could be started") as caught:
        ChildProcess.start(Limits())
    assert caught.value.details["errno"] == errno.EMFILE
