from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web.detail import detail, missing
from ckpt_indexer.web.words import UNKNOWN
from tests.web import catalogs
from tests.web.drawing import rows_of, tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def drawer(of: Of, **said: Any) -> str:
    row = of([{"path": "exp/best.ckpt", "format": "torch_zip"} | said]).get(1)
    return detail(row, row.details())


def test_a_bare_file_says_where_it_is_and_how_to_load_it(of: Of) -> None:
    made = drawer(of)
    assert "/data/outputs/exp/best.ckpt" in text_of(made)
    assert "None are known." in text_of(made)
    assert 'torch.load("/data/outputs/exp/best.ckpt"'.replace('"', "'") in text_of(made)
    assert "unknown" not in text_of(made).lower()


def test_each_value_says_who_said_it(of: Of) -> None:
    made = drawer(
        of, hmean=0.8431, epoch=0, metrics={"hmean": 0.8431, "val/iou": 0.0},
        provenance={"metrics": "wandb", "epoch": "header"}, details={"header": "data.pkl"}, metrics_step=1200,
    )  # fmt: skip
    rows = rows_of(made)
    assert ["hmean", "0.8431", "wandb"] in rows
    assert ["val/iou", "0.0000", ""] in rows
    assert ["epoch", "0", "header"] in rows
    assert ["header", "data.pkl"] in rows
    assert "measured at step 1,200" in text_of(made)


def test_conflicts_and_problems_are_shown(of: Of) -> None:
    conflict = {"field": "epoch", "kept": 3, "other": 4, "kept_source": "header", "other_source": "sidecar"}
    made = drawer(of, conflicts=[conflict], problems=[{"kind": "truncated", "message": "ends early"}])
    assert ["epoch", "3 header", "4 sidecar"] in rows_of(made)
    assert "ends early" in text_of(made)


def test_links_lead_to_what_is_equal_and_to_the_experiment(of: Of) -> None:
    made = drawer(of, alias_of=7, duplicate_of=9, experiment="a b&c", backbone="resnet18")
    found = {attributes.get("data-open"): attributes["href"] for name, attributes in tags_of(made) if name == "a"}
    assert (found["7"], found["9"]) == ("/ui/?id=7", "/ui/?id=9")
    hrefs = [attributes["href"] for name, attributes in tags_of(made) if name == "a"]
    assert "/ui/experiments?name=a+b%26c" in hrefs
    assert "/ui/?q=backbone%3A%22resnet18%22" in hrefs


def test_tags_notes_and_the_pin_can_be_changed(of: Of) -> None:
    made = drawer(of, tags=["good"], notes="see\ntable 3", pinned=1)
    does = {attributes.get("data-do"): attributes for _, attributes in tags_of(made) if attributes.get("data-do")}
    assert does["untag"]["data-tag"] == "good"
    assert does["pin"]["data-pinned"] == "true"
    assert {attributes.get("data-form") for name, attributes in tags_of(made) if name == "form"} == {"tag", "note"}
    assert "see\ntable 3" in text_of(made)


def test_the_model_its_parts_and_its_hyper_parameters(of: Of) -> None:
    made = drawer(
        of, num_parameters=25_600_000, components=[{"role": "head", "name": "db", "params": {}}],
        params={f"p{number}": number for number in range(20)} | {"flag": False}, size_bytes=173_000_000,
    )  # fmt: skip
    rows = rows_of(made)
    assert ["num_parameters", "25,600,000", ""] in rows
    assert ["head", "db", UNKNOWN] in rows
    assert ["flag", "no"] in rows
    assert ["size_bytes", "173 MB (173,000,000)", ""] in rows
    assert "Hyper-parameters (21)" in text_of(made)


def test_hostile_texts_stay_text(of: Of) -> None:
    row = of(catalogs.hostile()).get(1)
    made = detail(row, row.details())
    assert {"img", "script"}.isdisjoint(name for name, _ in tags_of(made))
    assert not [name for _, attributes in tags_of(made) for name in attributes if name.startswith("on")]
    seen = text_of(made)
    assert "\u202e" not in seen
    assert "\x1b" not in seen
    hrefs = [str(attributes["href"]) for name, attributes in tags_of(made) if name == "a"]
    assert hrefs
    assert all(href.startswith("/ui/") for href in hrefs)


def test_what_is_copied_is_the_path_itself(of: Of) -> None:
    row = of(catalogs.hostile()).get(1)
    (copy,) = [one for _, one in tags_of(detail(row, {})) if one.get("data-do") == "copy" and not one.get("aria-label")]
    assert copy["data-text"] == row["abs_path"]


def test_what_is_not_there_says_so() -> None:
    assert "no checkpoint with the id 7" in text_of(missing("there is no checkpoint with the id 7"))
