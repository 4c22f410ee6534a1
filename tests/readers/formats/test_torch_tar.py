from __future__ import annotations

import io
import pickle
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.readers.conftest import kinds

if TYPE_CHECKING:
    from tests.readers.conftest import Reader

STATE = pickle.dumps({"epoch": 6, "global_step": 60, "arch": "resnet18"}, protocol=2)
EMPTY = pickle.dumps(0)


def tar(*members: tuple[str, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:  # noqa: A002  # as in tarfile
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_pickle_of_an_old_archive_is_read(read: Reader, format: int) -> None:  # noqa: A002  # as in tarfile
    header = read.of(tar(("storages", EMPTY), ("tensors", EMPTY), ("pickle", STATE), format=format), "x.pth.tar")
    assert (header.format, header.complete, header.problems) == ("torch_tar", True, [])
    assert (header.facts["epoch"], header.facts["global_step"]) == (6, 60)


def test_an_archive_of_something_else_is_told(read: Reader) -> None:
    header = read.of(tar(("model.ckpt", STATE), ("notes.txt", b"x")), "x.pth.tar")
    assert (header.format, header.complete) == ("torch_tar", False)
    assert kinds(header) == {"corrupt"}


def test_a_cut_off_archive_is_incomplete(read: Reader) -> None:
    data = tar(("pickle", STATE), ("storages", EMPTY), ("tensors", bytes(5000)))
    header = read.of(data[:4000], "x.pth.tar")
    assert header.complete is False
    assert "truncated" in kinds(header)
    assert header.facts["epoch"] == 6


def test_of_two_pickles_the_first_counts(read: Reader) -> None:
    later = pickle.dumps({"epoch": 99})
    header = read.of(tar(("storages", EMPTY), ("tensors", EMPTY), ("pickle", STATE), ("pickle", later)))
    assert header.facts["epoch"] == 6
    assert "duplicate_entry" in kinds(header)


def test_a_pickle_that_is_a_link_is_not_read(read: Reader) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("pickle")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    header = read.of(buffer.getvalue())
    assert "suspicious" in kinds(header)


def test_thousands_of_members_are_not_walked(read: Reader) -> None:
    header = read.of(tar(*((f"m{number}", b"") for number in range(2000))))
    assert "limit" in kinds(header)


def test_a_header_whose_sum_is_wrong_is_no_archive(read: Reader) -> None:
    data = bytearray(tar(("pickle", STATE)))
    data[150] ^= 1
    assert read.of(bytes(data)).format != "torch_tar"


@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + b"\xff" * 11, b"-1\0", b"99999999999\0"])
def test_a_member_that_lies_about_its_size_ends_the_walk(read: Reader, size: bytes) -> None:
    data = bytearray(tar(("pickle", STATE), ("storages", EMPTY), ("tensors", EMPTY)))
    data[124 : 124 + len(size)] = size
    total = sum(data[:148]) + 8 * 32 + sum(data[156:512])
    data[148:156] = b"%06o\0 " % total
    header = read.of(bytes(data))
    assert header.format in {"torch_tar", "unknown"}
    assert header.problems
