from __future__ import annotations

import pytest

from ckpt_indexer.ingest.expand import described_by


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"a/best.metadata.yaml", b"a/best.ckpt"),
        (b"a/best.metadata.yaml", b"a/best.pth.tar"),
        (b"a/best.metadata.json", b"a/best.pt"),
        (b"a/best.ckpt.metadata.yaml", b"a/best.ckpt"),
        (b"a/epoch=3-loss=0.25.metadata.yaml", b"a/epoch=3-loss=0.25"),
        (b"a/checkpoint-500/checkpoint.metadata.yaml", b"a/checkpoint-500"),
        (b"best.metadata.yaml", b"best.safetensors"),
    ],
)
def test_a_document_leads_to_the_checkpoints_it_may_describe(document: bytes, expected: bytes) -> None:
    assert expected in described_by(document)


def test_a_document_named_for_a_file_leads_to_that_file_only() -> None:
    assert described_by(b"a/best.ckpt.metadata.yaml") == [b"a/best.ckpt"]
