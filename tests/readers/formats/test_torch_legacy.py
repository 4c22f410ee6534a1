from __future__ import annotations

import io
import pickle
import struct
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.readers.conftest import kinds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.readers.conftest import Reader

MAGIC = 0x1950A86A20F9469CFC6C


def saved(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False, **options)
    return buffer.getvalue()


def state(**changes: Any) -> dict[str, Any]:
    weights = {"w": torch.arange(12.0).reshape(4, 3), "b": torch.zeros(4, dtype=torch.bfloat16)}
    metrics = {"hmean": torch.tensor(0.75), "loss": torch.tensor([0.5], dtype=torch.float64)}
    return {"epoch": 0, "global_step": 9, "state_dict": weights, "metrics": metrics, **changes}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_stream_is_read_with_its_scalars(read: Reader, protocol: int) -> None:
    header = read.of(saved(state(), pickle_protocol=protocol), "x.pth")
    assert (header.format, header.complete, header.problems) == ("torch_legacy", True, [])
    assert (header.facts["epoch"], header.facts["global_step"], header.facts["num_parameters"]) == (0, 9, 16)
    assert header.metrics == {"hmean": 0.75, "loss": 0.5}
    assert header.dtypes == {"float32": 12, "bfloat16": 4}


def test_views_into_a_shared_storage_have_their_values(read: Reader) -> None:
    values = torch.tensor([0.25, 0.5, 0.75])
    header = read.of(saved({"epoch": 1, "metrics": {"a": values[1], "b": values[2]}}))
    assert header.metrics == {"a": 0.5, "b": 0.75}


def test_dtypes_without_a_storage_class_do_not_hide_what_follows(read: Reader) -> None:
    narrow = {"u": torch.tensor([1, 2, 3], dtype=torch.uint16), "f": torch.ones(5).to(torch.float8_e4m3fn)}
    header = read.of(saved(state(narrow=narrow)))
    assert (header.complete, header.problems) == (True, [])
    assert header.metrics["hmean"] == 0.75


def test_every_cut_of_a_stream_is_told(read: Reader) -> None:
    data = saved(state())
    for cut in range(40, len(data), 7):
        header = read.of(data[:cut])
        assert header.format == "torch_legacy", cut
        assert header.complete is not True, cut
        assert header.problems, cut


def test_bytes_behind_the_last_storage_are_told(read: Reader) -> None:
    header = read.of(saved(state()) + b"more")
    assert header.metrics["hmean"] == 0.75
    assert kinds(header) == {"suspicious"}


def test_a_storage_of_another_length_than_its_tensors_need_is_told(read: Reader) -> None:
    data = bytearray(saved({"w": torch.ones(1000)}))
    data[-4008:-4000] = struct.pack("<q", 1 << 60)
    header = read.of(bytes(data))
    assert kinds(header) == {"corrupt"}
    assert header.facts["num_parameters"] == 1000


def test_a_storage_that_claims_more_than_there_is_makes_it_incomplete(read: Reader) -> None:
    data = saved({"epoch": 3, "w": torch.ones(7)}).replace(b"K\x07", b"\x8a\x08" + struct.pack("<q", (1 << 62) - 1))
    header = read.of(data)
    assert (header.complete, header.facts["epoch"]) == (False, 3)
    assert "truncated" in kinds(header)


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_is_read(read: Reader, protocol: int) -> None:
    header = read.of(pickle.dumps({"epoch": 4, "metrics": {"hmean": 0.5}}, protocol=protocol))
    assert (header.format, header.complete, header.problems) == ("pickle", True, [])
    assert (header.facts["epoch"], header.metrics) == (4, {"hmean": 0.5})


@pytest.mark.parametrize("root", [7, None, "text", [1, 2], (1,), {1}])
def test_a_pickle_that_is_no_mapping_is_told(read: Reader, root: Any) -> None:
    header = read.of(pickle.dumps(root))
    assert (header.format, kinds(header)) == ("pickle", {"not_a_mapping"})


def test_bytes_behind_a_plain_pickle_are_told(read: Reader) -> None:
    header = read.of(pickle.dumps({"epoch": 4}) + pickle.dumps({"epoch": 5}))
    assert header.facts["epoch"] == 4
    assert kinds(header) == {"suspicious"}


class Computed:
    """Becomes the magic number only for who calls what a pickle names."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (int, (str(MAGIC),))


def test_a_magic_number_that_is_computed_is_not_believed(read: Reader) -> None:
    data = pickle.dumps(Computed(), protocol=2) + pickle.dumps(1001) + pickle.dumps({}) + pickle.dumps({"epoch": 1})
    header = read.of(data)
    assert header.format == "pickle"
    assert "not_a_mapping" in kinds(header)


@pytest.mark.parametrize(
    "pickles", [[MAGIC], [MAGIC, 1002, {}], [MAGIC, 1001, 5], [MAGIC + 1, 1001, {}], [MAGIC, 1001, {}], []]
)
def test_a_preface_alone_is_never_whole(read: Reader, pickles: list[Any]) -> None:
    header = read.of(b"".join(pickle.dumps(one, protocol=2) for one in pickles))
    assert header.problems


@pytest.mark.parametrize("text", ["Some notes about epoch 4\n", "INVALID", "{}", "(a)", "None", "checkpoint: 5"])
def test_text_is_no_pickle(read: Reader, text: str) -> None:
    header = read.of(text.encode())
    assert (header.format, kinds(header)) == ("unknown", {"unknown_format"})


def test_what_a_large_stream_costs_does_not_depend_on_its_storages(read: Reader, tmp_path: Path) -> None:
    small = saved({"epoch": 3, "w": torch.empty(10)})
    at = small.index(struct.pack("<q", 10), len(small) - 60)
    with (tmp_path / "x.pth").open("wb") as file:
        file.write(small[:at].replace(b"K\n", b"J\0\0\0\x40") + struct.pack("<q", 1 << 30))
        file.truncate(file.tell() + (4 << 30))
    header = read("x.pth")
    assert (header.format, header.complete, header.facts["epoch"]) == ("torch_legacy", True, 3)


def test_equal_weights_are_recognised_beside_another_state(read: Reader) -> None:
    first, second = read.of(saved(state())), read.of(saved(state(epoch=4)))
    other = read.of(saved(state(state_dict={"w": torch.zeros(4, 3), "b": torch.zeros(4, dtype=torch.bfloat16)})))
    assert first.weights_id == second.weights_id is not None
    assert first.content_id != second.content_id
    assert other.weights_id != first.weights_id
