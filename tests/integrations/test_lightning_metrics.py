from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ckpt_indexer.integrations.lightning_metrics import numbers


def test_values_keep_every_digit_they_had() -> None:
    single, double = torch.tensor(0.9), torch.tensor(0.1, dtype=torch.float64)
    assert numbers({"a": single, "b": double, "c": 3}) == {"a": single.item(), "b": 0.1, "c": 3.0}


def test_values_that_the_training_put_there_itself_are_numbers_of_any_kind() -> None:
    shown = {"a": np.float64(0.1), "b": np.array(0.25), "c": True, "d": np.array([1.0, 2.0]), "e": 10**400}
    assert numbers(shown) == {"a": 0.1, "b": 0.25, "c": 1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(value: float) -> None:
    assert numbers({"a": torch.tensor(value)}) == {"a": None}


def test_what_is_no_single_number_is_left_out() -> None:
    assert numbers({"a": torch.zeros(2), "b": "text", "c": None, "": torch.tensor(1.0), "\0": torch.tensor(1.0)}) == {}


class Device:
    type = "cuda"


class Remote:
    """A tensor on another device, as far as it is asked: counts how often it is waited for."""

    waits = 0
    device, dtype = Device(), torch.float32

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def detach(self) -> Remote:
        return self

    def reshape(self, _: object) -> Remote:
        return self

    def numel(self) -> int:
        return len(self.values)

    def new_empty(self, count: int) -> Remote:
        return Remote(*([0.0] * count))

    def __setitem__(self, position: int, value: Remote) -> None:
        self.values[position] = value.values[0]

    def tolist(self) -> list[float]:
        Remote.waits += 1
        return self.values


def test_values_on_another_device_are_fetched_at_once() -> None:
    shared = Device()
    Remote.device = shared
    shown = {"a": Remote(1.0), "b": torch.tensor(2.0), "c": Remote(3.0), "d": Remote(1.0, 2.0), "e": Remote(math.nan)}
    assert numbers(shown) == {"a": 1.0, "b": 2.0, "c": 3.0, "d": None, "e": None}
    assert Remote.waits == 1
