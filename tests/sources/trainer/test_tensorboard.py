from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.opening import open_file
from ckpt_indexer.sources.trainer.rows import MAX_CELLS, History, Row
from ckpt_indexer.sources.trainer.tensorboard import crc32c, read_events
from tests.sources.event_files import Bytes, block, event, record, simple, tensor, varint

if TYPE_CHECKING:
    from pathlib import Path

VERSION = record(b"\x09" + struct.pack("<d", 1.0) + block(3, b"brain.Event:2"))
GOOD = (
    VERSION
    + event(9, simple("val/loss", 0.5))
    + event(9, simple("epoch", 0.0))
    + event(19, simple("val/loss", 0.25), simple("epoch", 1.0))
)


def read(data: bytes, monitor: str | None = None) -> History:
    return read_events(Bytes(data), monitor)


def test_the_checksum_is_castagnoli_s() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_scalars_of_one_step_are_one_row() -> None:
    history = read(GOOD)
    assert history.rows == [Row(9, 0, {"val/loss": 0.5}), Row(19, 1, {"val/loss": 0.25})]
    assert (history.first, history.last, history.complete, history.problems) == (9, 19, True, [])


@pytest.mark.parametrize(
    "data",
    [
        varint(1 << 3) + b"\x01" + block(5, struct.pack("<f", 0.5)),
        varint(1 << 3) + b"\x01" + block(4, struct.pack("<f", 0.5)),
        varint(1 << 3) + b"\x02" + block(6, struct.pack("<d", 0.5)),
        varint(1 << 3) + b"\x02" + block(4, struct.pack("<d", 0.5)),
        varint(1 << 3) + b"\x01" + varint(5 << 3 | 5) + struct.pack("<f", 0.5),
    ],
)
def test_a_tensor_of_one_number_is_a_scalar(data: bytes) -> None:
    assert read(event(9, tensor("val/loss", data), simple("epoch", 0))).rows == [Row(9, 0, {"val/loss": 0.5})]


@pytest.mark.parametrize(
    "data", [b"", varint(1 << 3) + b"\x01" + block(4, b"\0" * 8), varint(1 << 3) + b"\x07" + block(4, b"text")]
)
def test_a_tensor_of_anything_else_is_none(data: bytes) -> None:
    assert read(event(9, tensor("val/loss", data), simple("epoch", 0))).rows == []


def test_training_values_and_the_placeholder_are_left_out() -> None:
    values = [simple(tag, 0.5) for tag in ("train/loss", "hp_metric", "lr-Adam", "score")]
    assert read(event(9, *values, simple("epoch", 0))).rows == []
    assert read(event(9, *values, simple("epoch", 0)), "score").rows == [Row(9, 0, {"score": 0.5})]


def test_a_file_without_epochs_is_not_lightning_s() -> None:
    assert read(event(9, simple("val/loss", 0.5))).rows == []
    assert read(event(9, simple("val/loss", 0.5), simple("epoch", 0.5))).rows == []


def test_nan_is_a_measurement_without_a_value() -> None:
    assert read(event(9, simple("val/loss", float("nan")), simple("epoch", 0))).rows == [Row(9, 0, {"val/loss": None})]


def test_a_truncated_file_gives_what_is_there() -> None:
    whole = len(VERSION + event(9, simple("val/loss", 0.5)) + event(9, simple("epoch", 0.0)))
    for length in range(len(GOOD)):
        rows = read(GOOD[:length]).rows
        assert rows == (read(GOOD).rows[:1] if length >= whole else [])


def test_a_flipped_bit_is_never_a_value() -> None:
    truth = {(row.step, name, value) for row in read(GOOD).rows for name, value in row.metrics.items()}
    for place in range(len(GOOD)):
        broken = bytearray(GOOD)
        broken[place] ^= 0x10
        said = {(row.step, name, value) for row in read(bytes(broken)).rows for name, value in row.metrics.items()}
        assert said <= truth


def test_a_broken_length_ends_the_reading_and_is_told() -> None:
    history = read(GOOD + b"\xff" * 40)
    assert len(history.rows) == 2
    assert not history.complete
    assert [kind for kind, _ in history.problems] == ["trainer_unreadable"]


def test_long_records_are_stepped_over() -> None:
    image = record(block(5, block(1, block(1, b"val/image") + block(4, b"\0" * 3_000_000))))
    assert len(read(image + GOOD + image + event(29, simple("val/loss", 0.1), simple("epoch", 2))).rows) == 3


def test_too_many_values_are_told() -> None:
    many = event(0, *(simple(f"val/{number}", 0.5) for number in range(1_000)), simple("epoch", 0))
    history = read(many * 1)
    assert len(history.rows) == 1
    several = b"".join(
        event(step, *(simple(f"val/{n}", 0.5) for n in range(2_000)), simple("epoch", 0)) for step in range(30)
    )
    history = read(several)
    assert sum(len(row.metrics) for row in history.rows) <= MAX_CELLS + 2_000
    assert [kind for kind, _ in history.problems] == ["trainer_limit"]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.binary(max_size=100))
def test_whatever_comes_is_a_history(junk: bytes, message: bytes) -> None:
    assert read(junk).rows == []
    assert len(read(record(message) + GOOD + record(block(5, message))).rows) >= 2


def test_a_real_writer_s_file_reads_as_it_was_written(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    for step in range(3):
        writer.add_scalar("val/loss", 0.5 + step, step)
        writer.add_scalar("val/new", 0.25, step, new_style=True)
        writer.add_scalar("epoch", step, step)
        writer.add_text("val/text", "x", step)
    writer.close()
    (path,) = tmp_path.iterdir()
    with open_file(str(tmp_path), path.name) as file:
        rows = read_events(file, None).rows
    assert rows == [Row(step, step, {"val/loss": 0.5 + step, "val/new": 0.25}) for step in range(3)]
