from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.readers.facts.describe import describe
from ckpt_indexer.readers.facts.weights import MAX_NAME, find_state_dict
from ckpt_indexer.readers.header import Header
from ckpt_indexer.readers.nodes import Opaque, Tensor
from tests.readers.structure_files import db_head, models, pan_decoder, under

WEIGHT = Tensor("float32", (2, 3), "0")
SD = {"l.weight": WEIGHT, "l.bias": Tensor("float32", (2,), "1")}


def described(root: Any, path: str = "run/checkpoints/a.ckpt", **known: Any) -> Header:
    header = Header("torch_zip", **known)
    describe(root, header, path=path)
    json.dumps(header.to_json(), allow_nan=False)
    return header


def scalar(value: float, dtype: str = "float32") -> Tensor:
    return Tensor(dtype, (), "s", value=value)


@pytest.mark.parametrize(
    ("root", "epoch", "step"),
    [
        ({"epoch": 0, "global_step": 0}, 0, 0),
        ({"epoch": 3, "global_step": 40, "state_dict": SD}, 3, 40),
        ({"epoch": 3.0, "step": scalar(7, "int64")}, 3, 7),
        ({"epoch": 2.5, "iteration": 9}, None, 9),
        ({"epoch": -1, "iter": 5}, None, 5),
        ({"epoch": True, "steps": False}, None, None),
        ({"epoch": "3", "global_step": None}, None, None),
        ({"epoch": 2**70, "global_step": math.nan}, None, None),
        ({"meta": {"epoch": 4, "iter": 400}}, 4, 400),
        ({"iteration": 89_999, "model": SD}, None, 89_999),
        ({"module": SD, "global_steps": 12}, None, 12),
        (
            {
                "extra_state": {"train_iterator": {"epoch": 6}},
                "optimizer_history": [{"num_updates": 1}, {"num_updates": 9}],
            },
            6,
            9,
        ),
        ({"trainer_state": {"epoch": 1, "global_step": 2}}, 1, 2),
        ({"message_hub": {"runtime_info": {"epoch": 1, "iter": 2}}}, 1, 2),
        ({"optimizer_history": []}, None, None),
        ({"state": {"timestamp": {"Timestamp": {"epoch": 2, "batch": 200}}}}, 2, 200),
        ({"reporter": {"epoch": 7}}, 7, None),
        ({"last_epoch": 99, "_step_count": 100, "base_lrs": [0.1]}, None, None),
        ({"last_epoch": 9, "model": SD}, 9, None),
        ({}, None, None),
    ],
)
def test_progress_is_found_where_each_stack_keeps_it(root: dict[str, Any], epoch: int | None, step: int | None) -> None:
    facts = described(root).facts
    assert (facts.get("epoch"), facts.get("global_step")) == (epoch, step)


@pytest.mark.parametrize(
    ("last", "ready", "within"), [(True, 4, False), (False, 3, True), (False, 0, None), (None, 3, None)]
)
def test_loop_state_tells_whether_an_epoch_was_under_way(last: object, ready: int, within: bool | None) -> None:
    progress = {"is_last_batch": last, "current": {"ready": ready}, "total": {"ready": 9}}
    assert described({"loops": {"fit_loop": {"epoch_loop.batch_progress": progress}}}).mid_epoch is within


@pytest.mark.parametrize(
    ("root", "created"),
    [
        ({"date": "2024-01-31T23:59:59+00:00"}, "2024-01-31T23:59:59.000000Z"),
        ({"timestamp": 1_700_000_000}, "2023-11-14T22:13:20.000000Z"),
        ({"timestamp": 12.5}, None),
        ({"date": "yesterday"}, None),
        ({"meta": {"time": "20240131_235959"}}, "2024-01-31"),
    ],
)
def test_moments_are_utc(root: dict[str, Any], created: str | None) -> None:
    found = described(root).facts.get("created_at")
    assert found is None if created is None else found is not None and found.startswith(created[:7])
    assert created is None or len(created) == 10 or found == created


MONITORED = "ModelCheckpoint{'monitor': 'val/hmean', 'mode': 'max', 'every_n_train_steps': 0, 'every_n_epochs': 1}"


def saver(key: str = MONITORED, **state: Any) -> dict[str, Any]:
    own: dict[str, Any] = {
        "monitor": None,
        "best_k_models": {},
        "best_model_path": "",
        "last_model_path": "",
        "dirpath": "/o/checkpoints",
    }
    return {"callbacks": {key: own | state}}


def test_monitor_and_mode_stand_in_the_key() -> None:
    header = described(saver())
    assert (header.facts["monitor"], header.facts["monitor_mode"]) == ("val/hmean", "max")
    assert header.directions == {"val/hmean": "max"}


def test_a_key_that_holds_more_than_literals_still_gives_the_monitor() -> None:
    key = "ModelCheckpoint{'monitor': 'val/loss', 'mode': 'min', 'train_time_interval': datetime.timedelta(seconds=60)}"
    assert described(saver(key)).facts["monitor_mode"] == "min"


@pytest.mark.parametrize(
    "key", ["ModelCheckpoint", "ModelCheckpoint{'monitor': [}", "ModelCheckpoint" + "{" * 5_000, "x y"]
)
def test_a_strange_key_leaves_what_the_state_says(key: str) -> None:
    assert described(saver(key, monitor="val/iou")).facts == {"monitor": "val/iou"}


@pytest.mark.parametrize(
    ("state", "score", "reason"),
    [
        ({"best_k_models": {"/o/checkpoints/a.ckpt": scalar(0.8), "/o/b.ckpt": scalar(0.9)},
          "best_model_score": scalar(0.9), "best_model_path": "/o/b.ckpt"}, 0.8, "top_k"),
        ({"best_k_models": {"C:\\o\\a.ckpt": 0.5}}, 0.5, "top_k"),
        ({"best_model_path": "/elsewhere/a.ckpt", "best_model_score": scalar(0.0)}, 0.0, "top_k"),
        ({"best_model_path": "/o/b.ckpt", "best_model_score": scalar(0.9)}, None, None),
        ({"last_model_path": "/o/a.ckpt", "current_score": scalar(0.7), "best_model_score": scalar(0.9)}, 0.7, "last"),
        ({"last_model_path": "/o/last.ckpt", "current_score": scalar(0.7)}, None, None),
        ({"best_model_path": "/o/a.ckpt", "best_model_score": None}, None, "top_k"),
    ],
)  # fmt: skip
def test_a_score_belongs_to_the_file_it_was_kept_for(
    state: dict[str, Any], score: float | None, reason: str | None
) -> None:
    header = described(saver(**state))
    assert header.monitor_scores == ({} if score is None else {"val/hmean": score})
    assert header.facts.get("saved_as") == reason


def test_a_score_that_is_not_finite_is_known_to_be_none() -> None:
    header = described(saver(best_k_models={"/o/a.ckpt": scalar(math.nan)}))
    assert header.monitor_scores == {"val/hmean": None}


def test_a_save_by_steps_is_told() -> None:
    key = "ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 50}"
    header = described(saver(key, best_model_path="/o/a.ckpt"))
    assert header.facts == {"saved_as": "step"}
    assert header.monitor_scores == {}


def two_savers(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    other = MONITORED.replace("val/hmean", "val/loss").replace("max", "min")
    return {"callbacks": saver(**first)["callbacks"] | saver(other, **second)["callbacks"]}


def test_the_callback_that_saved_this_file_gives_the_monitor() -> None:
    header = described(two_savers({}, {"best_k_models": {"/o/a.ckpt": scalar(0.1)}}))
    assert (header.facts["monitor"], header.monitor_scores) == ("val/loss", {"val/loss": 0.1})
    assert header.directions == {"val/hmean": "max", "val/loss": "min"}


def test_callbacks_that_disagree_and_do_not_know_the_file_leave_the_monitor_open() -> None:
    assert described(two_savers({}, {})).facts == {}


def test_two_callbacks_that_name_the_file_are_told_apart_by_directory() -> None:
    root = two_savers(
        {"dirpath": "/o/other", "best_model_path": "/o/other/a.ckpt"},
        {"dirpath": "/o/checkpoints", "best_model_path": "/o/checkpoints/a.ckpt"},
    )
    assert described(root).facts["monitor"] == "val/loss"


def test_a_callback_without_monitor_does_not_hide_the_one_that_has_it() -> None:
    root = saver()
    root["callbacks"] |= saver("ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 5}")["callbacks"]
    assert described(root).facts["monitor"] == "val/hmean"


def test_early_stopping_is_no_monitor_beside_a_checkpoint_callback() -> None:
    stopping = {"EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}": {"best_score": scalar(0.1), "patience": 3}}
    alone = described({"callbacks": stopping})
    both = described({"callbacks": stopping | saver()["callbacks"]})
    unmonitored = described({"callbacks": stopping | saver("ModelCheckpoint{'monitor': None}")["callbacks"]})
    assert alone.facts["monitor"] == "val/loss"
    assert both.facts["monitor"] == "val/hmean"
    assert unmonitored.facts == {}


def test_a_renamed_subclass_is_still_a_checkpoint_callback() -> None:
    key = "UniqueModelCheckpoint{'monitor': 'val/hmean', 'mode': 'max'}"
    header = described(saver(key, best_k_models={"/o/a.ckpt": 1}))
    assert header.callbacks == [
        {"monitor": "val/hmean", "mode": "max", "dirpath": "/o/checkpoints", "best_k_models": {"/o/a.ckpt": 1.0}}
    ]


@pytest.mark.parametrize(
    ("root", "metrics"),
    [
        ({"cleval_metrics": {"val/hmean": scalar(0.75, "bfloat16"), "recall": math.nan, "ok": True}},
         {"val/hmean": 0.75, "recall": None}),
        ({"metrics": {"val": {"iou": 0.5, "epoch": 3}, "lr": 0.1}}, {"val/iou": 0.5}),
        ({"val_metrics": {"hmean": 0.5, "loss": 0.2}}, {"hmean": 0.5, "val_loss": 0.2}),
        ({"train_metrics": {"acc": 0.9}, "test_metrics": {"test/acc": 0.8}}, {"train/acc": 0.9, "test/acc": 0.8}),
        ({"train_metrics": {"metrics/mAP50(B)": 0.6, "fitness": 0.4}}, {"metrics/mAP50(B)": 0.6, "fitness": 0.4}),
        ({"epoch": 3, "loss": 0.0, "best_acc1": scalar(88.5), "best_epoch": 2, "val_seen": 4.0, "lr": 0.1, "seed": 1},
         {"loss": 0.0, "best_acc1": 88.5, "val_seen": 4.0}),
        ({"acc": 91.5, "use_amp": True, "accuracy": "0.5"}, {"acc": 91.5}),
        ({"best_fitness": None, "best": 3.5}, {"best": 3.5}),
        ({"val": {"hmean": 0.5, "every": 3, "seen": 1}, "test": {"f1": 0.9}, "train": {"loss": 0.2, "dropout": 0.1}},
         {"val/hmean": 0.5, "test/f1": 0.9, "train/loss": 0.2}),
        ({"epoch_metrics": {"valid": {"loss": 0.5}}, "model_loss": {"eval_loss": 0.4}},
         {"valid/loss": 0.5, "eval_loss": 0.4}),
        ({"extra_state": {"val_loss": 4.25, "best": 4.0}}, {"val_loss": 4.25}),
        ({"extra_state": {"val_loss": None}}, {}),
        ({"metric": 77.1, "args": {"eval_metric": "top1"}}, {"top1": 77.1}),
        ({"metric": 77.1, "args": {}}, {"metric": 77.1}),
        ({"cleval_metrics": {"hmean": 0.5}, "metrics": {"hmean": 0.6}}, {"hmean": 0.5}),
        ({"metrics": {"": 1, "a\0": 2, 3: 4, "x" * 300: 5, "deep": {"a": {"b": {"c": {"d": 1}}}}}}, {}),
        ({"metrics": [1, 2], "results": None}, {}),
        ({"acc": 10**400, "loss": math.inf}, {"acc": None, "loss": None}),
    ],
)  # fmt: skip
def test_metrics_keep_the_names_they_have(root: dict[str, Any], metrics: dict[str, float | None]) -> None:
    assert described(root).metrics == metrics


def test_a_flood_of_metrics_is_bounded() -> None:
    assert len(described({"metrics": {f"m{n}": n for n in range(5_000)}}).metrics) == 1_000


@pytest.mark.parametrize(
    "root",
    [
        {"hyper_parameters": {"lr": 0.1, "model": {"encoder": {"model_name": "resnet18"}}}},
        {"hyper_parameters": Opaque("my.code", "Config", [], {"lr": 0.1, "model": {"encoder": "resnet18"}})},
        {"hparams": {"lr": scalar(0.1, "float64"), "encoder": "resnet18"}},
        {"args": {"lr": 0.1, "backbone": "resnet18"}},
        {"hyper_parameters": {"lr": 0.1}, "datamodule_hyper_parameters": {"encoder": "resnet18"}},
        {"cfg": "model = dict(backbone=dict(type='ResNet', depth=18))\nlr = 0.1\n"},
        {"meta": {"cfg": "model = {'backbone': {'type': 'ResNet', 'depth': 18}}\nlr = 0.1"}},
        {"lr": 0.1, "backbone": "resnet18", "state_dict": SD},
        {"opt": {"lr": 0.1, "encoder": "resnet18"}, "optimizer": {"param_groups": [], "state": {}}},
        {"cfg": Opaque("mmengine.config.config", "ConfigDict", [{"lr": 0.1, "encoder": "resnet18"}])},
        {
            "cfg": Opaque(
                "mmengine.config.config",
                "Config",
                [],
                [
                    Opaque(
                        "m", "ConfigDict", [{"lr": 0.1, "encoder": Opaque("m", "ConfigDict", [{"name": "resnet18"}])}]
                    ),
                    None,
                    "text",
                ],
            )
        },
        {"cfg": Opaque("collections", "UserDict", [], {"data": {"lr": 0.1, "encoder": "resnet18"}})},
        {"cfg": Opaque("collections", "ChainMap", [], {"maps": [{"lr": 0.1}, {"lr": 5, "encoder": "resnet18"}]})},
        {
            "cfg": Opaque(
                "my", "Model", [], {"__dict__": {"lr": 0.1, "encoder": "resnet18"}, "__pydantic_fields_set__": []}
            )
        },
        {
            "cfg": {
                "_fields": {"lr": 0.1, "encoder": {"_fields": {"name": "resnet18"}, "_locked": True}},
                "_locked": True,
            }
        },
    ],
)
def test_hyper_parameters_are_read_in_every_form(root: dict[str, Any]) -> None:
    header = described(root)
    assert not any(name.startswith(("_", "data", "maps")) for name in header.params)
    assert header.params["lr"] == 0.1
    assert header.facts["backbone"] == "resnet18"
    assert header.components[0]["name"] == "resnet18"


@pytest.mark.parametrize(
    "config",
    [
        Opaque("m", "Config", [], []), Opaque("m", "Config", [], [3]), Opaque("m", "C", [3]), Opaque("m", "C"),
        Opaque("m", "ChainMap", [], {"maps": [3]}), Opaque("m", "C", [], {"data": 3}),
    ],
)  # fmt: skip
def test_an_object_that_holds_no_mapping_is_no_configuration(config: Opaque) -> None:
    header = described({"cfg": config, "hparams": {"inner": config}})
    assert {name.removeprefix("inner.") for name in header.params} <= {"maps", "data", "inner"}


def test_a_configuration_may_have_an_entry_called_data() -> None:
    assert described({"cfg": {"data": {"lr": 0.1}}}).params == {"data.lr": 0.1}


def test_the_state_of_an_optimizer_is_no_configuration() -> None:
    assert described({"opt": {"param_groups": [{"lr": 0.1}], "state": {}, "lr": 0.5}}).params == {}


def test_source_text_is_read_without_running_it() -> None:
    source = (
        "import os\nx = os.system('true')\na = b = 1\nlist_ = [1, -2.5, 'x', None, (True,)]\n"
        "nested = dict(k=dict(v=[1]), **other)\nd = {'p': 1, 'q': f()}\nn = -'x'\nmodel.x = 3\n"
    )
    assert described({"config": source}).params == {"nested.k.v": [1], "d.p": 1}


@pytest.mark.parametrize("source", ["no assignment", "a = (", "a = " + "-" * 20_000 + "1", "a =\0 1", "=" * 300_000])
def test_source_text_that_is_none_is_passed_over(source: str) -> None:
    assert described({"cfg": source}).params == {}


def test_a_class_among_hyper_parameters_is_its_name() -> None:
    root = {"hyper_parameters": {"optimizer": Opaque("torch.optim.adam", "Adam"), "n": 1}}
    assert described(root).params == {"optimizer": "torch.optim.adam.Adam", "n": 1}


def test_the_mode_of_another_metric_is_not_taken_over() -> None:
    config = {"callbacks": {"model_checkpoint": {"monitor": "val/loss", "mode": "min"}}}
    root = saver("ModelCheckpoint{'monitor': 'val/hmean'}", best_model_path="/o/a.ckpt") | {"hyper_parameters": config}
    assert described(root).facts == {"monitor": "val/hmean", "saved_as": "top_k"}


def test_the_options_of_a_script_are_no_optimizer() -> None:
    header = described({"model": SD, "opt": {"lr": 0.1, "weights": "yolov5s.pt"}, "optimizer": None})
    assert header.weights_only is True


def test_wandb_may_be_a_switch() -> None:
    assert "wandb_run_id" not in described({"hyper_parameters": {"logger": {"wandb": True}}, "wandb": True}).facts
    assert described({"wandb": {"id": "abc"}}).facts["wandb_run_id"] == "abc"


@pytest.mark.parametrize(
    ("root", "names"),
    [
        ({"state_dict": SD}, ["l.weight", "l.bias"]),
        ({"model_state_dict": SD, "optimizer": {"m": WEIGHT}}, ["l.weight", "l.bias"]),
        ({"model": SD, "state_dict_ema": {"e": WEIGHT}}, ["l.weight", "l.bias"]),
        ({"state_dict_ema": {"e": WEIGHT}, "epoch": 1}, ["e"]),
        (SD, ["l.weight", "l.bias"]),
        ({**SD, "_metadata": {}}, ["l.weight", "l.bias"]),
        (
            {"encoder": {"w": WEIGHT}, "decoder": {"w": WEIGHT}, "optimizer_g": {"m": WEIGHT}},
            ["encoder.w", "decoder.w"],
        ),
        ({"model": {"a": {"w": WEIGHT}, "n": 3}}, ["a.w"]),
        ({"model": None, "ema": Opaque("m", "M", [], {"_parameters": {"w": WEIGHT}, "_modules": {}})}, ["w"]),
        (Opaque("m", "M", [], {"_parameters": {"w": WEIGHT}}), ["w"]),
        (
            {"epoch": scalar(1), "step": scalar(2), "loss": scalar(3), "acc": scalar(4), "model": SD},
            ["l.weight", "l.bias"],
        ),
        ({"nets": [Opaque("m", "M", [], {"_parameters": {"w": WEIGHT}}), {"v": WEIGHT}]}, ["nets.0.w", "nets.1.v"]),
        ({"epoch": 1}, []),
        ({"state": {0: {"exp_avg": WEIGHT}}, "param_groups": [{"lr": 0.1}]}, []),
        ([WEIGHT], []),
        (None, []),
    ],
)
def test_the_state_dict_is_found(root: Any, names: list[str]) -> None:
    assert [name for name, _ in find_state_dict(root)] == names


def test_names_that_grow_without_end_are_passed_over() -> None:
    root = {"model": {"a" * MAX_NAME: dict.fromkeys(range(5), WEIGHT), "b": WEIGHT}}
    assert [name for name, _ in find_state_dict(root)] == ["b"]


def test_parameters_are_counted_once_and_without_statistics() -> None:
    header = described(
        {
            "state_dict": {
                "a.weight": WEIGHT, "tied.weight": Tensor("float32", (2, 3), "0"), "view": Tensor("float32", (3,), "0"),
                "bn.weight": Tensor("float16", (4,), "1"), "bn.running_mean": Tensor("float16", (4,), "2"),
                "bn.num_batches_tracked": Tensor("int64", (), "3"), "ids": Tensor("int64", (1, 77), "4"),
                "q": Tensor("qint8", (10,), "5", layout="quantized"), "meta": Tensor("bfloat16", (5,)),
            }
        }
    )  # fmt: skip
    assert header.facts["num_parameters"] == 6 + 3 + 4 + 10 + 5
    assert header.dtypes == {"float32": 9, "float16": 8, "int64": 78, "qint8": 10, "bfloat16": 5}
    assert header.tensors == 9


@pytest.mark.parametrize("dtypes", [("", "float32"), ("int32", "int64")])
def test_parameters_of_unknown_kinds_are_not_counted(dtypes: tuple[str, str]) -> None:
    header = described({"state_dict": {dtype + ".w": Tensor(dtype, (4,), dtype) for dtype in dtypes}})
    assert "num_parameters" not in header.facts
    assert sum(header.dtypes.values()) == 8


def test_claims_beyond_counting_are_a_problem() -> None:
    header = described({"state_dict": {"w": Tensor("float32", (2**62, 2**62), "0")}})
    assert "num_parameters" not in header.facts
    assert header.problems[0][0] == "suspicious"


@pytest.mark.parametrize(
    ("root", "alone", "share"),
    [
        (
            {"state_dict": SD, "optimizer_states": [{"state": {0: {"exp_avg": Tensor("float32", (8,), "9")}}}]},
            False,
            0.5,
        ),
        ({"state_dict": SD, "optimizer": {"state": [1, {"master": WEIGHT}], "step": 3}}, False, 0.75),
        ({"state_dict": SD, "lr_schedulers": [{}]}, False, 0.0),
        ({"state_dict": SD, "optimizer": None, "epoch": -1}, True, 0.0),
        (SD, True, 0.0),
        ({"epoch": 1}, None, None),
    ],
)
def test_weights_alone_are_told_from_training_state(
    root: dict[str, Any], alone: bool | None, share: float | None
) -> None:
    header = described(root)
    assert (header.weights_only, header.optimizer_share) == (alone, share)


def test_the_structure_fills_channels_and_leaves_names_to_the_configuration() -> None:
    shapes = under("model.encoder.model.", models("timm")["resnet18"]) | under("model.", pan_decoder() | db_head())
    tensors = {name: Tensor("float32", shape, str(n)) for n, (name, shape) in enumerate(shapes.items())}
    config = {"model": {"decoder": {"name": "pan_decoder", "inner_channels": 7}}}
    header = described({"state_dict": tensors, "hyper_parameters": config})
    assert header.signature == {"encoder": ["resnet18"], "decoder": ["pan_decoder"], "head": ["db_head"]}
    assert header.components == [
        {"role": "decoder", "name": "pan_decoder",
         "params": {"in_channels": [64, 128, 256, 512], "inner_channels": 7, "output_channels": 128}},
        {"role": "head", "name": None, "params": {"in_channels": 256}},
    ]  # fmt: skip


def test_wrappers_do_not_change_the_structure_id() -> None:
    plain = described({"state_dict": SD}).structure_id
    wrapped = described({"state_dict": {f"module.{name}": tensor for name, tensor in SD.items()}}).structure_id
    other = described({"state_dict": {"l.weight": WEIGHT}}).structure_id
    assert plain == wrapped != other


def test_what_the_format_said_stays() -> None:
    header = described({"epoch": 5}, facts={"epoch": 3})
    assert header.facts["epoch"] == 3


def test_the_best_score_of_mmengine_counts_for_its_own_file_only() -> None:
    root = {"message_hub": {"runtime_info": {"best_score": 0.5, "best_ckpt": "/w/best_icdar_hmean_epoch_3.pth"}}}
    assert described(root, "w/best_icdar_hmean_epoch_3.pth").monitor_scores == {"icdar_hmean": 0.5}
    assert described(root, "w/epoch_3.pth").monitor_scores == {}
    assert described({"meta": {"hook_msgs": {"best_score": 0.5, "best_ckpt": "a.pth"}}}, "a.pth").monitor_scores == {}


def test_ultralytics_names_model_data_and_moment() -> None:
    header = described(
        {
            "epoch": -1,
            "best_fitness": None,
            "train_args": {"model": "yolov8n.pt", "data": "coco8.yaml", "epochs": 100},
            "train_metrics": {"metrics/mAP50(B)": 0.61},
            "date": "2024-01-31T23:59:59+00:00",
            "version": "8.1.0",
        }
    )
    assert header.facts == {
        "architecture": "yolov8n", "dataset": "coco8", "max_epochs": 100, "created_at": "2024-01-31T23:59:59.000000Z",
    }  # fmt: skip


def test_text_pairs_of_a_format_become_facts() -> None:
    header = described(
        None,
        metadata={
            "format": "pt", "epoch": "3", "step": "40", "val/hmean": "0.75", "metrics": '{"recall": 0.5, "n": "x"}',
            "modelspec.architecture": "stable-diffusion-xl", "modelspec.date": "2024-01-31T00:00:00Z", "lr": "1e-4",
            "config": '{"encoder": "resnet18", "exp_name": "e"}', "torch.version": "3", "broken": "{", "author": "me",
            "modelspec.thumbnail": "data:...", "id": "9" * 40,
        },
    )  # fmt: skip
    assert header.facts == {
        "epoch": 3,
        "global_step": 40,
        "architecture": "stable-diffusion-xl",
        "created_at": "2024-01-31T00:00:00.000000Z",
        "backbone": "resnet18",
        "experiment": "e",
    }
    assert header.metrics == {"val/hmean": 0.75, "recall": 0.5}
    assert header.params == {
        "lr": 0.0001,
        "config.encoder": "resnet18",
        "config.exp_name": "e",
        "broken": "{",
        "author": "me",
        "id": "9" * 40,
    }
    assert header.components == [{"role": "encoder", "name": "resnet18", "params": {}}]


_KEYS = (
    st.sampled_from(
        [
            "epoch",
            "global_step",
            "state_dict",
            "model",
            "callbacks",
            "hyper_parameters",
            "loops",
            "fit_loop",
            "meta",
            "cfg",
            "metrics",
            "best_k_models",
            MONITORED,
            "epoch_loop.batch_progress",
            "message_hub",
            "optimizer",
            "a",
            "val/loss",
            "data",
        ]
    )
    | st.integers()
    | st.none()
    | st.text(max_size=3)
)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
    | st.builds(Tensor, st.sampled_from(["float32", "int64", ""]), st.just((2, 2)), st.none() | st.just("0"))
)  # fmt: skip
_PLAIN = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_KEYS, inner, max_size=5)
        | st.builds(Opaque, st.just("m"), st.just("C"), st.lists(inner, max_size=2), inner)
    ),
    max_leaves=25,
)


@settings(deadline=None, max_examples=300)
@given(_PLAIN)
def test_nothing_in_a_file_is_an_error(root: Any) -> None:
    header = described(root)
    assert all(value is not None for value in header.facts.values())
