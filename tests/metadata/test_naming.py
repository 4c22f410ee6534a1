from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.metadata import naming


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (b"best.ckpt", b"best"),
        (b"epoch=3-loss=0.25.ckpt", b"epoch=3-loss=0.25"),
        (b"model.pth.tar", b"model"),
        (b"a.safetensors", b"a"),
        (b".ckpt", b".ckpt"),
        (b".hidden.ckpt", b".hidden.ckpt"),
        (b"notes.txt", b"notes.txt"),
        (b"epoch=3-loss=0.25", b"epoch=3-loss=0.25"),
        (b"x.ckpt.ckpt", b"x.ckpt"),
    ],
)
def test_only_a_known_suffix_is_stripped(name: bytes, stem: bytes) -> None:
    assert naming.stem(name) == stem


@pytest.mark.parametrize("suffix", naming.CHECKPOINT_SUFFIXES)
def test_every_suffix_is_known(suffix: bytes) -> None:
    assert naming.checkpoint_suffix(b"x" + suffix) == suffix
    assert naming.checkpoint_suffix(suffix) is None


def test_documents_of_a_file_are_looked_for_in_this_order() -> None:
    names = naming.sidecar_names(b"best.ckpt")
    assert names == (b"best.ckpt.metadata.yaml", b"best.metadata.yaml", b"best.metadata.json")


def test_documents_of_a_directory_have_no_stem_to_strip() -> None:
    assert naming.sidecar_names(b"checkpoint-5") == (b"checkpoint-5.metadata.yaml", b"checkpoint-5.metadata.json")


@pytest.mark.parametrize("name", [*naming.sidecar_names(b"best.ckpt"), naming.INSIDE_SIDECAR])
def test_every_document_name_is_recognised(name: bytes) -> None:
    assert naming.is_sidecar(name)


def test_a_config_is_no_document() -> None:
    assert not naming.is_sidecar(b"best.config.yaml")


def test_a_path_with_undecodable_bytes_is_shown_escaped() -> None:
    assert naming.display("é\\".encode()) == "é\\"
    assert naming.display(b"a\\\xff") == r"a\\\xff"


@settings(deadline=None, max_examples=100)
@given(st.binary())
def test_text_from_the_operating_system_becomes_the_same_bytes(path: bytes) -> None:
    assert naming.raw(path.decode("utf-8", "surrogateescape")) == path


def test_the_file_system_of_this_machine_speaks_the_same_bytes() -> None:
    assert naming.raw(os.fsdecode(b"a\xff")) == b"a\xff"
