from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

import os
import struct
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.peek import PREFIX_BYTES, Peek, peek, peek_file
from tests.readers.pickle_files import lightning_checkpoint, name, text, torch_file

_PREFIX = torch_file(lightning_checkpoint())[:PREFIX_BYTES]


def _entry(
    pickled: bytes, path: bytes = b"archive/data.pkl", *, flags: int = 8, method: int = 0, size: int = 0
) -> bytes:
    """Return the first bytes of a zip file whose first entry is a pickle."""
    head = b"PK\x03\x04" + struct.pack("<HHHIIIIHH", 0, flags, method, 0, 0, size, size, len(path), 0)
    return head + path + pickled


def _dict(*pairs: tuple[str, bytes]) -> bytes:
    return b"\x80\x02}q\x00(" + b"".join(text(key) + value for key, value in pairs)


_BOTH = _dict(("epoch", b"K\x03"), ("global_step", b"M\xb0\x04"))


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (3, 1200), (255, 70_000), (70_000, 2**31 - 1)])
def test_a_lightning_checkpoint_tells(epoch: int, step: int, protocol: int) -> None:
    file = torch_file({**lightning_checkpoint(), "epoch": epoch, "global_step": step}, protocol)

    assert peek(file[:PREFIX_BYTES]) == Peek(epoch, step)


def test_a_file_on_disk_tells(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "x.ckpt")
    torch.save(lightning_checkpoint(), path.decode())

    assert peek_file(path) == Peek(3, 1200)


def test_other_keys_between_and_before_do_no_harm() -> None:
    data = _dict(
        ("v", text("2.6")), ("epoch", b"K\x03"), ("f", b"G" + b"\0" * 8), ("n", b"N"), ("global_step", b"K\x05")
    )

    assert peek(_entry(data)) == Peek(3, 5)


def test_one_of_the_two_is_told_without_the_other() -> None:
    assert peek(_entry(_dict(("epoch", b"K\x03"), ("state_dict", b"}")))) == Peek(3, None)
    assert peek(_entry(_dict(("global_step", b"K\x03"), ("x", b"\xff")))) == Peek(None, 3)


def test_the_number_that_ends_the_prefix_counts_and_half_of_it_does_not() -> None:
    data = _entry(_BOTH)

    found = [peek(data[:size]) for size in range(len(data) + 1)]

    assert found[-1] == Peek(3, 1200)
    assert found[-2] == found[-3] == Peek(3, None)
    assert found[0] is None
    assert set(found) == {None, Peek(3, None), Peek(3, 1200)}


def test_what_a_real_file_tells_depends_on_how_much_is_there() -> None:
    found = [peek(_PREFIX[:size]) for size in range(len(_PREFIX) + 1)]

    assert set(found) == {None, Peek(3, None), Peek(3, 1200)}
    assert found == sorted(found, key=[None, Peek(3, None), Peek(3, 1200)].index)


@pytest.mark.parametrize(
    "value",
    [
        b"\x88",
        b"\x89",
        b"N",
        b"G" + b"\0" * 8,
        text("3"),
        b"J\xff\xff\xff\xff",
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
        b"\x8a\x00",
    ],
    ids=["true", "false", "none", "float", "text", "negative", "absurd", "empty"],
)
def test_what_is_no_plausible_number_is_not_told(value: bytes) -> None:
    assert peek(_entry(_dict(("epoch", value)))) is None
    assert peek(_entry(_dict(("global_step", b"K\x07"), ("epoch", value)))) == Peek(None, 7)


def test_an_epoch_of_billions_is_not_told() -> None:
    assert peek(_entry(_dict(("epoch", b"\x8a\x05\x00\x00\x00\x00\x01"), ("global_step", b"K\x01")))) == Peek(None, 1)


def test_keys_of_inner_dicts_are_not_those_of_the_root() -> None:
    assert peek(_entry(_dict(("state", b"}(" + text("epoch") + b"K\x03u")))) is None
    assert peek(_entry(_dict(("state", b"(" + text("epoch") + b"K\x03t")))) is None
    assert peek(_entry(b"\x80\x02]q\x00(" + text("epoch") + b"K\x03")) is None


def test_values_are_no_keys() -> None:
    assert peek(_entry(_dict(("a", text("epoch")), ("b", b"K\x03")))) is None


def test_at_most_64_opcodes_are_looked_at() -> None:
    far = _dict(*[(f"k{index}", b"K\x01") for index in range(40)], ("epoch", b"K\x03"))

    assert peek(_entry(far)) is None
    assert peek(_entry(b"\x94" * 100 + _BOTH)) is None


@pytest.mark.parametrize(
    "prefix",
    [
        b"",
        b"PK",
        b"PK\x03\x04",
        _entry(_BOTH, flags=1),
        _entry(_BOTH, method=8),
        _entry(_BOTH, path=b"data.pkl"),
        _entry(_BOTH, path=b"/data.pkl"),
        _entry(_BOTH, path=b"a/b/data.pkl"),
        _entry(_BOTH, path=b"a/code/data.pkl"),
        _entry(_BOTH, path=b"a/data.pkl.old"),
        _entry(_BOTH, path=b"a/constants.pkl"),
        _entry(_BOTH).replace(b"PK\x03\x04", b"PK\x05\x06"),
        _entry(_BOTH, flags=0, size=10),
        b"\x80\x02" + _BOTH,
        _entry(name("os", "system") + text("touch x") + b"\x85R" + _BOTH),
    ],
)
def test_anything_else_tells_nothing(prefix: bytes) -> None:
    assert peek(prefix) is None


def test_sizes_of_the_entry_are_respected_where_they_are_given() -> None:
    assert peek(_entry(_BOTH, flags=0, size=len(_BOTH))) == Peek(3, 1200)


def test_a_padded_entry_tells() -> None:
    head = bytearray(_entry(b""))
    head[28:30] = struct.pack("<H", 60)

    assert peek(bytes(head) + b"Z" * 60 + _BOTH) == Peek(3, 1200)


def test_a_compressed_file_tells_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", _BOTH)

    assert peek_file(os.fsencode(tmp_path / "x.ckpt")) is None


@settings(deadline=None, max_examples=500)
@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    size=st.one_of(st.just(PREFIX_BYTES), st.integers(0, 400)),
)
def test_damaged_bytes_are_survived(changes: list[tuple[int, int]], size: int) -> None:
    damaged = bytearray(_PREFIX)
    for place, value in changes:
        damaged[place] = value

    found = peek(bytes(damaged[:size]))

    assert found is None or all(part is None or (type(part) is int and part >= 0) for part in found)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=300))
def test_any_pickle_is_survived(data: bytes) -> None:
    found = peek(_entry(b"}(" + data))

    assert found is None or isinstance(found, Peek)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.symlink(tmp_path / "fifo", tmp_path / "link")
    (tmp_path / "directory").mkdir()
    (tmp_path / "empty").touch()

    names = ["fifo", "link", "directory", "empty", "absent", "a\0b"]

    assert [peek_file(os.fsencode(tmp_path) + b"/" + one.encode()) for one in names] == [None] * 6


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(torch_file(lightning_checkpoint()))
    os.symlink("x.ckpt", tmp_path / "last.ckpt")

    assert peek_file(os.fsencode(tmp_path / "last.ckpt")) is None


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(_PREFIX)
    before = os.listdir("/proc/self/fd")

    for _ in range(5):
        peek_file(os.fsencode(tmp_path / "x.ckpt"))
        peek_file(os.fsencode(tmp_path))

    assert os.listdir("/proc/self/fd") == before
