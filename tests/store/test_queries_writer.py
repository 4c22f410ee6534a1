"""What the writer wrote is what the readers answer."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.metadata.record import Metric
from tests.store.fakes import record

if TYPE_CHECKING:
    from tests.store.fakes import Catalog


def test_rows_of_the_writer_rank_count_and_filter(catalog: Catalog) -> None:
    low = catalog.describe("a/epoch=1.ckpt", record(hmean=0.5, backbone="resnet50", epoch=1))
    high = catalog.describe("a/epoch=2.ckpt", record(hmean=0.7, backbone="resnet50", epoch=2))
    stale = record(hmean=0.6, backbone=None, metrics={"hmean": 0.6, "val/iou": Metric(0.9, stale=True)})
    unknown = catalog.describe("b/epoch=3.ckpt", stale, size=5000)
    catalog.describe("b/last.ckpt", record(hmean=0.7, backbone="resnet50"), alias_of=high, inode=77)
    with closing(LocalCatalog(catalog.path)) as reader:
        best = reader.best()
        assert [(row["id"], row["group"], row["n"], row["ties"]) for row in best] == [
            (high, "resnet50", 2, 1), (unknown, None, 1, 1),
        ]  # fmt: skip
        assert [row["id"] for row in reader.best("val/iou", k=5)] == [low, high]
        assert [row["id"] for row in reader.find("backbone:RESNET50 alias: size<1K")] == [low, high]
        assert reader.find().hidden == 0
        assert reader.facets(["backbone"])["backbone"] == {"resnet50": 3, None: 1}
        assert reader.stats()["checkpoints"] == 4
        assert reader.get("a/epoch=1.ckpt")["metrics"]["val/iou"] == 0.5
        assert reader.find("param.amp:true param.lr<0.01 components:resnet18")[0]["root"] == "outputs"
