from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ckpt_indexer.sources.trainer.jobs import read_logs
from ckpt_indexer.sources.trainer.rows import Wanted

if TYPE_CHECKING:
    from pathlib import Path

CSV = "epoch,step,val_loss\n0,9,0.5\n1,19,0.4\n"


def log(root: Path, kind: str, level: int, name: str, content: str) -> list[Any]:
    (root / name).write_text(content)
    found = (root / name).stat()
    return [kind, level, name, found.st_size, found.st_mtime_ns]


def ask(root: Path, logs: list[list[Any]], **wanted: Any) -> list[Any]:
    answer = read_logs(str(root), logs, Wanted(**wanted)._asdict())
    assert json.loads(json.dumps(answer)) == json.loads(json.dumps(answer))
    answers: list[Any] = answer["answers"]
    return answers


def test_the_search_ends_with_the_level_that_tells(tmp_path: Path) -> None:
    near = log(tmp_path, "lightning", 0, "a.csv", CSV)
    beside = log(tmp_path, "timm", 0, "b.csv", "epoch,eval_x\n0,1\n")
    far = log(tmp_path, "lightning", 1, "c.csv", CSV)
    told = ask(tmp_path, [near, beside, far], epoch=0, global_step=10)
    assert [path for path, _ in told] == ["a.csv", "b.csv"]
    assert told[0][1]["metrics"] == {"val_loss": 0.5}
    assert [path for path, _ in ask(tmp_path, [near, far], epoch=5, global_step=50)] == ["a.csv", "c.csv"]


def test_an_unreadable_log_does_not_hide_the_others(tmp_path: Path) -> None:
    gone = ["lightning", 0, "absent.csv", 1, 1]
    state = log(tmp_path, "hf", 0, "state.json", "{")
    arguments = log(tmp_path, "arguments", 0, "args.yaml", "a: [")
    good = log(tmp_path, "lightning", 0, "a.csv", CSV)
    told = ask(tmp_path, [gone, state, arguments, good], epoch=0, global_step=10)
    assert [[kind for kind, _ in answer["problems"]] for _, answer in told] == [["trainer_unreadable"]] * 3 + [[]]
    assert told[3][1]["metrics"] == {"val_loss": 0.5}


def test_what_was_read_once_is_not_changed_by_an_answer(tmp_path: Path) -> None:
    broken = log(tmp_path, "mmengine", 0, "scalars.json", '{"a"\n{"mAP": 0.5, "step": 5}\n')
    first = ask(tmp_path, [broken], global_step=5)
    assert ask(tmp_path, [broken], global_step=5) == first
    assert len(first[0][1]["problems"]) == 1


def test_arguments_that_are_no_mapping_say_nothing(tmp_path: Path) -> None:
    ((_, answer),) = ask(tmp_path, [log(tmp_path, "arguments", 0, "args.yaml", "- a\n")])
    assert (answer["facts"], answer["problems"]) == ({}, [])
