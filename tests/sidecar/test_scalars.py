from __future__ import annotations

import pytest

from ckpt_indexer.sidecar.bounds import MAX_NUMBER_LENGTH
from ckpt_indexer.sidecar.scalars import OutsideSubsetError, resolve, unescape


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", False), ("~", None), ("010", 8), ("1:30", 90), ("0x1F", 31), ("1_000", 1000), (".5", 0.5), ("-0b11", -3)],
)
def test_yaml_1_1_spellings_have_their_values(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize("text", ["1e-3", "8e-1", "0o17", "2025-01-01", "000000001092", "1234e567", "y", "2.1.0"])
def test_what_only_looks_like_a_number_stays_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", ["0b_", "0x_", "1" * (MAX_NUMBER_LENGTH + 1)])
def test_a_number_that_cannot_be_computed_is_left_to_the_loader(text: str) -> None:
    with pytest.raises(OutsideSubsetError):
        resolve(text)


def test_escapes_become_their_characters() -> None:
    assert unescape(r"a\nb\u00e9\U0001F600\x41\"\\") == 'a\nb\u00e9\U0001f600A"\\'


@pytest.mark.parametrize("text", [r"\q", r"\ud800", r"\U00110000", r"\x4"])
def test_an_escape_that_names_no_character_is_left_to_the_loader(text: str) -> None:
    with pytest.raises(OutsideSubsetError):
        unescape(text)
