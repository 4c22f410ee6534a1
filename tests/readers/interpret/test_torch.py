from __future__ import annotations

import math
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch

from ckpt_indexer.readers.dtypes import STORAGE_DTYPES, TORCH_DTYPES, decode, torch_dtype
from ckpt_indexer.readers.nodes import Opaque, Tensor
from tests.readers.pickle_files import name, plain, read, text

_DTYPES = sorted({str(one).removeprefix("torch.") for one in vars(torch).values() if isinstance(one, torch.dtype)})
_NUMBERS = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint64",
    "uint32",
    "uint16",
    "uint8",
]
_FLOAT8 = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]


def _storage(kind: str, key: bytes, numel: int, view: bytes = b"") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + key + text("cpu") + b"K" + bytes([numel]) + view + b"tQ"


def _tensor(storage: bytes, offset: int = 0, size: bytes = b"K\x02\x85") -> bytes:
    return (
        name("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + storage
        + b"K"
        + bytes([offset])
        + size
        + b"K\x01\x85\x89Nt"
        + b"R."
    )


def test_every_dtype_of_torch_has_its_name() -> None:
    assert set(_DTYPES) - TORCH_DTYPES == set()
    assert {torch_dtype(alias) for alias in ("float", "double", "half", "long", "int", "short")} <= TORCH_DTYPES
    assert torch_dtype("Tensor") is None


def test_every_storage_class_of_torch_has_its_dtype() -> None:
    classes = {one for one in dir(torch) if one.endswith("Storage")} - {"Storage", "TypedStorage"}

    assert classes == set(STORAGE_DTYPES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {one: str(getattr(torch, one).dtype) for one in classes - {"UntypedStorage"}}
    assert found == {one: f"torch.{STORAGE_DTYPES[one]}" for one in found}


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [*_NUMBERS, "bool", "complex64", "complex128", *_FLOAT8])
def test_a_tensor_is_its_dtype_and_shape(dtype: str, protocol: int) -> None:
    tensor = plain(torch.zeros(2, 3).to(getattr(torch, dtype)), protocol)

    assert (tensor.dtype, tensor.shape, tensor.layout, tensor.storage) == (dtype, (2, 3), "strided", "0")
    assert tensor.value is None


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
@pytest.mark.parametrize("dtype", _NUMBERS)
def test_the_value_of_one_element_is_read(dtype: str, shape: tuple[int, ...]) -> None:
    number = 7 if "int" in dtype else -2.5

    value = plain(torch.full(shape, number, dtype=getattr(torch, dtype))).value

    assert (value, type(value)) == (number, type(number))


def test_the_value_of_a_boolean_tensor_is_a_boolean() -> None:
    assert plain(torch.tensor(True)).value is True
    assert plain(torch.tensor([False])).value is False


def test_nan_and_infinity_are_values() -> None:
    assert math.isnan(plain(torch.tensor(math.nan)).value)
    assert plain(torch.tensor(-math.inf)).value == -math.inf


def test_the_value_of_a_complex_tensor_is_not_read() -> None:
    assert plain(torch.tensor(1j)).value is None


@pytest.mark.parametrize("dtype", _FLOAT8)
def test_every_8_bit_float_is_what_torch_says(dtype: str) -> None:
    expected = torch.arange(256, dtype=torch.uint8).view(getattr(torch, dtype)).to(torch.float64).tolist()

    found = [decode(dtype, bytes([bits])) for bits in range(256)]

    assert list(map(repr, found)) == [repr(abs(number) if math.isnan(number) else number) for number in expected]


def test_tensors_that_share_memory_say_so() -> None:
    base = torch.arange(10.0)
    found = plain({"a": base[2:4], "b": base[5:6], "c": torch.zeros(1)})

    assert found["a"].storage == found["b"].storage != found["c"].storage
    assert (found["a"].storage_offset, found["b"].storage_offset) == (2, 5)
    assert found["b"].value == 5.0


def test_a_view_into_a_legacy_storage_adds_its_offset() -> None:
    view = b"(" + text("9") + b"K\x03K\x02t"

    _, interpreted = read(_tensor(_storage("FloatStorage", text("7"), 8, view), offset=2))

    assert (interpreted.value.storage, interpreted.value.storage_offset) == ("7", 5)


def test_a_storage_key_may_be_a_number() -> None:
    assert read(_tensor(_storage("FloatStorage", b"K\x05", 8)))[1].value.storage == "5"


def test_a_parameter_is_its_tensor() -> None:
    assert plain(torch.nn.Parameter(torch.zeros(3))).shape == (3,)

    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.note = "kept"  # makes torch write the state as well
    assert plain(parameter).shape == (3,)


class Marked(torch.Tensor):  # type: ignore[misc]  # torch is skipped by the type checker
    """A subclass, which torch writes by another function."""


def test_a_tensor_of_a_subclass_is_a_tensor() -> None:
    assert plain(torch.zeros(2).as_subclass(Marked)).shape == (2,)


def test_a_buffer_is_its_tensor() -> None:
    assert plain(torch.nn.Buffer(torch.zeros(2))).shape == (2,)


def test_a_meta_tensor_has_no_storage() -> None:
    tensor = plain(torch.zeros(4, 5, dtype=torch.bfloat16, device="meta"))

    assert (tensor.dtype, tensor.shape, tensor.storage) == ("bfloat16", (4, 5), None)


def test_a_conjugated_view_is_a_tensor() -> None:
    assert plain(torch.zeros(2, dtype=torch.complex64).conj()).dtype == "complex64"


@pytest.mark.parametrize("layout", ["indices", "csr", "csc", "bsr"])
def test_a_sparse_tensor_has_the_shape_of_the_whole(layout: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = torch.eye(4, 6, dtype=torch.float64)
        sparse = {
            "indices": whole.to_sparse,
            "csr": whole.to_sparse_csr,
            "csc": whole.to_sparse_csc,
            "bsr": lambda: whole.to_sparse_bsr((2, 2)),
        }[layout]()
        tensor = plain({"t": sparse})["t"]

    assert (tensor.dtype, tensor.shape, tensor.layout, tensor.storage) == ("float64", (4, 6), "sparse", None)


def test_a_nested_tensor_has_the_elements_of_its_buffer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = plain(torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]))

    assert (tensor.layout, tensor.numel, tensor.dtype) == ("nested", 5, "float32")


@pytest.mark.parametrize(("dtype", "value"), [(torch.qint8, -1.5), (torch.quint8, 1.5), (torch.qint32, 2.0)])
def test_a_quantized_number_is_the_number_it_means(dtype: torch.dtype, value: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = plain(torch.quantize_per_tensor(torch.tensor([value]), 0.5, 3, dtype))

    assert (tensor.dtype, tensor.layout, tensor.value) == (str(dtype).removeprefix("torch."), "quantized", value)


def test_a_tensor_quantized_per_channel_has_no_value() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_channel(
            torch.ones(1, 1), torch.tensor([0.5]), torch.tensor([0]), axis=0, dtype=torch.qint8
        )
        tensor = plain(quantized)

    assert (tensor.layout, tensor.shape, tensor.value) == ("quantized", (1, 1), None)


@pytest.mark.parametrize("function", ["_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor"])
def test_a_tensor_of_another_device_is_that_of_its_array(function: str) -> None:
    array = name("numpy._core.multiarray", "_reconstruct") + b")R(K\x01K\x01\x85" + name("numpy", "dtype") + text("f8")
    array += b"\x85R\x89C\x08" + np.float64(2.5).tobytes() + b"tb"
    data = name("torch._utils", function) + b"(" + array + name("torch", "float32") + text("xla:0") + b"\x89tR."

    tensor = read(data)[1].value

    assert (tensor.dtype, tensor.shape, tensor.value) == ("float32", (1,), 2.5)


def test_a_wrapper_tensor_is_its_dtype_and_shape() -> None:
    data = name("torch._utils", "_rebuild_wrapper_subclass") + b"(" + name("x", "Wrapped") + name("torch", "half")
    data += b"K\x02K\x03\x86K\x03K\x01\x86K\x00" + name("torch", "strided") + text("cpu") + b"\x89tR."

    tensor = read(data)[1].value

    assert (tensor.dtype, tensor.shape) == ("float16", (2, 3))


def test_a_tensor_pickled_without_torch_save_has_a_shape() -> None:
    data = name("torch.storage", "_load_from_bytes") + b"C\x03abc\x85R"

    tensor = read(_tensor(data))[1].value

    assert (tensor.dtype, tensor.shape, tensor.storage) == ("", (2,), None)


def test_a_storage_by_itself_is_described() -> None:
    tensor = plain(torch.zeros(3, dtype=torch.int16).untyped_storage())

    assert (tensor.dtype, tensor.shape, tensor.storage) == ("uint8", (6,), "0")


@pytest.mark.parametrize(
    "size", [b"K\x01", b"J\xff\xff\xff\xff\x85", b"\x88\x85", b"N\x85", b"(" + b"K\x01" * 65 + b"t"]
)
def test_a_shape_that_is_none_makes_no_tensor(size: bytes) -> None:
    value = read(_tensor(_storage("FloatStorage", text("0"), 8), size=size))[1].value

    assert isinstance(value, Opaque)


def test_a_scalar_that_cannot_be_read_has_no_value() -> None:
    data = _tensor(_storage("FloatStorage", text("0"), 1), size=b"K\x01\x85")

    assert read(data)[1].value.value is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (torch.Size([2, 3]), [2, 3]),
        (torch.Size([]), []),
        (torch.device("cuda", 1), "cuda:1"),
        (torch.device("cpu"), "cpu"),
        (torch.float32, "torch.float32"),
        (torch.bfloat16, "torch.bfloat16"),
        (torch.strided, "torch.strided"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_small_values_of_torch_are_plain(value: object, expected: object, protocol: int) -> None:
    assert plain(value, protocol) == expected


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_memory_format_is_its_name(protocol: int) -> None:
    assert plain(torch.channels_last, protocol) == "torch.channels_last"


def test_a_state_dict_keeps_its_order_and_drops_its_attributes() -> None:
    state = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).state_dict()
    assert hasattr(state, "_metadata")

    found = plain(state)

    assert list(found) == list(state)
    assert all(isinstance(tensor, Tensor) for tensor in found.values())
    assert found["1.num_batches_tracked"].value == 0


def test_a_whole_model_stays_readable() -> None:
    model = torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 8, 3)))

    found = plain(model)

    assert (found.module, found.name) == ("torch.nn.modules.container", "Sequential")
    assert found.state["training"] is True
    assert found.state["_modules"]["conv"].state["_parameters"]["weight"].shape == (8, 3, 3, 3)


def test_an_optimizer_is_read_whole() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 2)).sum().backward()
    optimizer.step()

    found = plain(optimizer.state_dict())

    assert list(found["state"]) == [0, 1]
    assert found["state"][0]["step"].value == 1.0
    assert found["param_groups"][0]["params"] == [0, 1]
    assert found["param_groups"][0]["betas"] == [0.9, 0.999]


def test_the_version_of_torch_is_text() -> None:
    assert plain({"torch": torch.__version__}) == {"torch": str(torch.__version__)}


@pytest.mark.parametrize("function", ["build_intlist", "restore_type_tag"])
def test_a_list_of_torchscript_is_a_list(function: str) -> None:
    assert read(name("torch.jit._pickle", function) + b"](K\x01K\x02e\x85R.")[1].value == [1, 2]
