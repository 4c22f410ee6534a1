"""Checkpoints side by side, as lines. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from ckpt_indexer.cli import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.readers.structures import Structure, TensorType
    from ckpt_indexer.tools.compare_weights import WeightsPair

LONGEST = 48
"""Characters of a value; the row in full is what `show` is for."""
LISTED = 20
"""Tensors of one kind of difference that are listed without `--all`."""
_METRICS = ("hmean", "precision", "recall", "validation_loss", "metrics_step")
_TRAINING = (
    "experiment", "run_id", "epoch", "global_step", "max_epochs", "training_phase", "monitor", "monitor_mode",
    "dataset", "split", "saved_as", "created_at", "wandb_run_id", "tags", "notes", "pinned",
)  # fmt: skip
_MODEL = ("architecture", "backbone", "decoder", "head", "loss", "num_parameters")
_SAME = {"encoder": "backbone"}
"""Role of a component -> the row key that has its name, where that is another word."""
SECTIONS = ("metrics", "training", "model", "parameters", "file")


def described(rows: Sequence[Row], fields: Mapping[str, Sequence[Any]]) -> Iterator[str]:  # JSON values
    """Yield a table with a column per checkpoint, under a title for each kind of field."""
    deltas = len(rows) == 2
    lines: list[list[str]] = [["id", *(str(row["id"]) for row in rows), *(["difference"] if deltas else [])]]
    lines.append(["path", *(_short(text.shown(row["path"])) for row in rows), *([""] if deltas else [])])
    for title in SECTIONS:
        own = {name: values for name, values in fields.items() if _section(name) == title and _is_own(name, fields)}
        if own:
            lines.append([title, *([""] * (len(lines[0]) - 1))])
        for name, values in own.items():
            cells = [_short(text.cell(value)) for value in values]
            delta = [_delta(title, values)] if deltas else []
            lines.append([f"  {text.shown(_plain_name(name))}", *cells, *delta])
    yield from text.columns(lines)


def weights(
    rows: Sequence[Row], found: Sequence[Structure], pairs: Sequence[WeightsPair], *, everything: bool
) -> Iterator[str]:
    """Yield the differences between the tensors of the first and of each other checkpoint."""
    for row, structure, pair in zip(rows[1:], found[1:], pairs, strict=False):
        yield ""
        yield f"weights of {rows[0]['id']} and {row['id']}: " + _summary(found[0], structure, pair)
        if not (found[0].tensors and structure.tensors):
            continue
        for number, prefix in zip((rows[0]["id"], row["id"]), pair.prefixes, strict=True):
            if prefix:
                yield f"  without the prefix {text.shown(prefix)} of {number}"
        if pair.up_to is not None:
            yield f"  compared up to {text.shown(pair.up_to)}; there are more tensors than can be listed"
        for title, lines in _differences(rows[0]["id"], row["id"], pair):
            yield from _listed(title, lines, everything=everything)


def _section(name: str) -> str:
    head = name.partition(".")[0]
    if head == "metrics" or name in _METRICS:
        return "metrics"
    if head == "param":
        return "parameters"
    if head == "components" or name in _MODEL:
        return "model"
    return "training" if name in _TRAINING else "file"


def _is_own(name: str, fields: Mapping[str, Sequence[Any]]) -> bool:  # JSON values
    """Tell whether a field has a line: the path stands above, and some values are there under two names."""
    if name == "path":
        return False
    head, dot, rest = name.partition(".")
    twin = _SAME.get(rest, rest) if dot and head in ("metrics", "components") else None
    return twin is None or fields.get(twin) != fields[name]


def _plain_name(name: str) -> str:
    """Return the name without the word that its section's title says already."""
    for prefix in ("metrics.", "param.", "components."):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def _delta(title: str, values: Sequence[Any]) -> str:  # JSON values
    """Return how much more the second value is than the first, for metrics."""
    if title != "metrics" or not all(isinstance(value, int | float) for value in values):
        return ""
    delta = values[1] - values[0]
    return ("+" if delta > 0 else "") + text.cell(delta)


def _short(cell: str) -> str:
    return cell if len(cell) <= LONGEST else cell[: LONGEST - 3] + "..."


def _summary(first: Structure, other: Structure, pair: WeightsPair) -> str:
    if not (first.tensors and other.tensors):
        return "not compared, the tensors of one cannot be read"
    if pair.is_equal:
        return f"all {text.count(pair.same, 'tensor')} have the same names, shapes and types"
    different = len(pair.only_first) + len(pair.only_other) + len(pair.shapes) + len(pair.dtypes)
    return f"{different:,} of {text.count(different + pair.same, 'tensor')} differ"


def _differences(first: int, other: int, pair: WeightsPair) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield (title, cells of a line per tensor)."""
    yield f"only in {first}", [[text.shown(name), _type(one)] for name, one in pair.only_first.items()]
    yield f"only in {other}", [[text.shown(name), _type(one)] for name, one in pair.only_other.items()]
    for title, differing in (("other shape", pair.shapes), ("other type", pair.dtypes)):
        yield title, [[text.shown(name), _type(one), _type(two)] for name, (one, two) in differing.items()]


def _listed(title: str, lines: list[list[str]], *, everything: bool) -> Iterator[str]:
    if not lines:
        return
    kept = lines if everything else list(islice(lines, LISTED))
    yield f"  {title} ({len(lines):,})"
    yield from (f"    {line}" for line in text.columns(kept))
    if len(kept) < len(lines):
        yield f"    and {len(lines) - len(kept):,} more (--all lists them)"


def _type(tensor: TensorType) -> str:
    return f"{tensor.dtype or '?'} [{', '.join(map(str, tensor.shape))}]"
