"""The model block of a document from the components of a record: named parts, and the open list for the rest. Pure.

A named part takes only the parameters that version 1.0 knows of it; any other goes to an entry of the same role in
`components`, which readers add to what the part itself says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata import writable
from ckpt_indexer.metadata.components import ROW_FIELDS
from ckpt_indexer.metadata.fields import INT_LIMIT
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.schema import NAME_KEYS
from ckpt_indexer.metadata.writable import Block, block, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.metadata.record import Component, Record


def model_block(record: Record) -> Block:
    """Return the architecture, the four named parts and, in the open list, whatever has no place in these."""
    blocks: dict[str, Block] = {}
    entries: list[Block] = []
    for role in NAME_KEYS:
        blocks[role], rest = _named_part(record, role)
        if rest:
            entries.append(block(role=role, name=blocks[role].get(NAME_KEYS[role]), params=rest))
    for part in record.components:
        other = writable.name(part.role)
        if other is not None and _role(part) not in NAME_KEYS:
            entries.append(block(role=other, name=writable.name(part.name), params=_params_of(part, record)))
    return block(
        architecture=writable.name(record.facts.get("architecture")),
        **blocks,
        components=entries,
        num_parameters=whole(record.facts.get("num_parameters")),
    )


def _named_part(record: Record, role: str) -> tuple[Block, Block]:
    """Return one of the four parts, and those of its parameters that have no place in it.

    The row's word for the part wins; parameters of a part by another name are not its own.
    """
    part = next((one for one in record.components if _role(one) == role), None)
    named = writable.name(record.facts.get(ROW_FIELDS[role]))
    if part is None:
        return block(**{NAME_KEYS[role]: named}), {}
    own = writable.name(part.name)
    if None not in {named, own} and named != own:
        return block(**{NAME_KEYS[role]: named}), {}
    placed, rest = _PLACES[role](_params_of(part, record))
    return block(**{NAME_KEYS[role]: named if named is not None else own}) | placed, rest


def _role(part: Component) -> str:
    return "encoder" if part.role == "backbone" else part.role


def _params_of(part: Component, record: Record) -> Block:
    """Return the parameters of a part, flat, without those a writer is known to have filled in."""
    prefix = f"components.{part.role}."
    own = {key: value for key, value in part.params.items() if record.provenance.get(f"{prefix}{key}") != "default"}
    return flatten(own, "", [])


def _split(params: Block, keys: Iterable[str]) -> tuple[Block, Block]:
    """Return (the parameters under these keys, the others)."""
    wanted = set(keys)
    return {k: v for k, v in params.items() if k in wanted}, {k: v for k, v in params.items() if k not in wanted}


def _encoder(params: Block) -> tuple[Block, Block]:
    return _split(params, (key for key in ("pretrained", "frozen") if isinstance(params.get(key), bool)))


def _decoder(params: Block) -> tuple[Block, Block]:
    own = [key for key in ("inner_channels", "output_channels") if whole(params.get(key), low=1) is not None]
    channels = params.get("in_channels")
    if isinstance(channels, list) and all(whole(count, low=-INT_LIMIT) is not None for count in channels):
        own.append("in_channels")
    return _with_params(*_split(params, own))


def _head(params: Block) -> tuple[Block, Block]:
    own = ["in_channels"] if whole(params.get("in_channels"), low=1) is not None else []
    return _with_params(*_split(params, own))


def _loss(params: Block) -> tuple[Block, Block]:
    """Return the numbers as the block's params: it takes no others."""
    numbers, rest = _split(params, (k for k, v in params.items() if isinstance(v, int | float) and type(v) is not bool))
    return block(params={key: float(value) for key, value in numbers.items()}), rest


def _with_params(own: Block, rest: Block) -> tuple[Block, Block]:
    """Move single values of the rest into the part's params; lists have no place there, nor what looks like a key of
    the part itself."""
    odd = {key for key, value in rest.items() if isinstance(value, list) or key in _CHANNELS}
    others, single = _split(rest, odd)
    return {**own, **block(params=single)}, others


_CHANNELS = frozenset({"in_channels", "inner_channels", "output_channels"})
_PLACES = {"encoder": _encoder, "decoder": _decoder, "head": _head, "loss": _loss}
