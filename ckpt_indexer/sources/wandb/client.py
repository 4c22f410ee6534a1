"""The short-lived child that asks a W&B server through the `wandb` package: the only module that imports it.

Started as `python -I -m ckpt_indexer.sources.wandb.client PARENT OPTIONS` with a socket as descriptor 0. The key comes
from the environment or the netrc file and is known to the package alone: no message of the package is passed on, since
it might hold one. Whatever is not expected here ends the process, which the parent takes for a server out of reach.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ckpt_indexer.sandbox.limits import Limits, bind
from ckpt_indexer.sandbox.protocol import pack, receive
from ckpt_indexer.sources.wandb.match import EPOCH, OWN_STEP, STEP_KEYS, is_validation
from ckpt_indexer.sources.wandb.run import RunSaid, is_name, row_of, summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = Limits(memory_bytes=4 << 30, file_size=64 << 20, open_files=256)
"""The package starts a server of its own that sets aside 1.7 GiB of address space."""
_JOB_BYTES = 64 << 10
_SAMPLES = 10_000
"""Rows asked for at once: so many are given as they are, more would be thinned out by the server."""
_MAX_KEYS = 40
_MAX_QUESTIONS = 12
MAX_ROW_VALUES = 50_000
_UNAUTHORISED = frozenset({401, 403})
_NOT_FOUND = 404


def main() -> None:
    """Answer questions until the parent hangs up."""
    stream = os.dup(0)
    os.set_inheritable(stream, False)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what the package prints is nobody's, and it finds nobody to ask for a key
        os.dup2(nowhere, descriptor)
    bind(LIMITS, int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    try:
        import wandb
    except ImportError:
        _send(stream, {"missing": True})
        return
    _send(stream, {"ready": wandb.__version__})
    api: Any = None  # the package is optional and untyped enough
    while (job := receive(lambda count: os.read(stream, count), _JOB_BYTES)) is not None:
        try:
            api = api or _connect(wandb, options)
            answer = {"outcome": "ok", "run": _ask(api, job["run"]).to_json()}
        except (wandb.Error, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            answer = {"outcome": outcome_of(error), "reason": type(error).__name__}
        _send(stream, answer)


def outcome_of(error: BaseException) -> str:
    """Return what an error of the package means: notfound, unauthorised or unreachable.

    The package wraps the answer of the server in several errors; the innermost knows the status. A failed login without
    one is an outage.
    """
    for cause in _causes(error):
        status = getattr(getattr(cause, "response", None), "http_status", None)
        if status in _UNAUTHORISED or type(cause).__name__ == "UsageError":
            return "unauthorised"
        if status == _NOT_FOUND or type(cause).__name__ == "RunNotFoundError" or "Could not find run" in str(cause):
            return "notfound"
    return "unreachable"


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], 0
    while waiting and seen < 16:
        cause = waiting.pop(0)
        seen += 1
        yield cause
        further = (cause.__cause__, cause.__context__, getattr(cause, "exc", None))
        waiting += [inner for inner in further if isinstance(inner, BaseException)]


def _connect(wandb: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401  # the package and its Api
    given = {name: options[name] for name in ("base_url", "entity", "project") if options.get(name) is not None}
    return wandb.Api(overrides=given, timeout=max(1, round(options["timeout_s"])))


def _ask(api: Any, path: str) -> RunSaid:  # noqa: ANN401  # wandb.Api
    run = api.run(path)
    said = RunSaid(str(run.id), entity=_text(run.entity), project=_text(run.project), state=_text(run.state))
    said.add_config(_mapping(run.config))
    said.summary = summary_of(_mapping(run.summary_metrics))
    said.rows, said.whole = _validation_rows(run, _mapping(getattr(run, "history_keys", None)).get("keys"))
    commit = _text(getattr(run, "commit", None))
    said.git_commit = commit if commit is None or len(commit) <= 64 else None
    return said


def _validation_rows(run: Any, keys: Any) -> tuple[list[dict[str, float | None]], bool]:  # noqa: ANN401  # wandb.Run
    """Return the rows that hold validation values, and whether these are all there are.

    The server gives only rows that hold every key asked for, so keys that were logged equally often are asked together.
    """
    known = _mapping(keys)
    counters = [key.name for key in STEP_KEYS if key.name in known][:1]
    epochs = _count(known.get(EPOCH)) or 0
    groups: dict[int | None, list[str]] = {}
    for name in [name for name in known if is_name(name) and is_validation(name)][:_MAX_KEYS]:
        groups.setdefault(_count(known[name]), []).append(name)
    merged: dict[Any, dict[str, float | None]] = {}
    whole = len(groups) <= _MAX_QUESTIONS
    for count, names in list(groups.items())[:_MAX_QUESTIONS]:
        epoch = [EPOCH] if EPOCH in known and epochs >= (count or 0) else []  # else rows without one would be left out
        given = run.history(keys=[*counters, *epoch, *names], samples=_SAMPLES, pandas=False)
        rows = [row for row in (row_of(_mapping(one)) for one in given) if row is not None]
        whole = whole and count is not None and len(rows) >= count
        for place, row in enumerate(rows):
            merged.setdefault(row.get(OWN_STEP, f"{names[0]} {place}"), {}).update(row)
    ordered = sorted(merged.values(), key=lambda row: row.get(OWN_STEP) or 0)
    room = MAX_ROW_VALUES
    kept: list[dict[str, float | None]] = []
    for row in reversed(ordered):
        room -= len(row)
        if room < 0:
            return kept[::-1], False
        kept.append(row)
    return kept[::-1], whole


def _count(told: Any) -> int | None:  # noqa: ANN401  # JSON values
    """Return how often a key was logged as a number; None when the server does not say."""
    counts = told.get("typeCounts") if isinstance(told, dict) else None
    if not isinstance(counts, list):
        return None
    numbers = [one.get("count") for one in counts if isinstance(one, dict) and one.get("type") == "number"]
    return sum(number for number in numbers if type(number) is int) if numbers else None


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    return {key: inner for key, inner in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 200 else None


def _send(stream: int, message: dict[str, Any]) -> None:
    view = memoryview(pack(message))
    with suppress(BrokenPipeError):
        while view:
            view = view[os.write(stream, view) :]


if __name__ == "__main__":
    main()
