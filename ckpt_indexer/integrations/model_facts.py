"""What a model says of itself: attributes of the module and hyper-parameters, as the `model` block of a document.

Nothing here looks at weights. A part is named by its own `model_name`, else by its class in the catalog's spelling
(`PANDecoder` is `pan_decoder`); a backbone only by a name that is one, because a class `ResNet` is any of them. The
module is asked first, then the network it wraps, then the hyper-parameters.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.key_paths import find_facts
from ckpt_indexer.metadata.model_names import known_name, name_of_class
from ckpt_indexer.metadata.schema import NAME_KEYS
from ckpt_indexer.metadata.writable import block, name, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.integrations.guard import Guard
    from ckpt_indexer.metadata.record import Component

    Block = dict[str, Any]  # part of a document: JSON values

_WRAPPED = ("model", "net", "network", "_orig_mod", "module")
"""Attributes under which a training module keeps the network it trains."""
_ATTRIBUTES = {
    "encoder": ("encoder", "backbone"),
    "decoder": ("decoder",),
    "head": ("head",),
    "loss": ("loss", "loss_fn", "criterion", "loss_func", "loss_function"),
}
_OTHERS = ("neck", "classifier", "generator", "discriminator", "projector", "embedder")
"""Roles without a block of their own: they go to the open list."""
_OUTPUT = ("output_channels", "out_channels")
_CONTAINERS = "torch.nn.modules.container"
"""Home of `Sequential` and the like, which say nothing of what is in them."""
_MAX_LISTED = 64
_MAX_FLAGS = 1_024
"""Tensors of an encoder that are asked, for every checkpoint, whether they are trained. A bound, so that no save takes
longer for a larger model."""


def model_block(module: Any, tree: Mapping[str, Any], guard: Guard) -> Block:  # noqa: ANN401  # any module
    """Return architecture and parts; what raises when asked is left out. `tree` are plain hyper-parameters."""
    said = guard.run("reading the model's hyper-parameters", find_facts, tree)
    facts: Mapping[str, Any] = said.facts if said is not None else {}
    components = {part.role: part for part in (said.components if said is not None else ())}
    holders = guard.run("finding the network", networks, module) or (module,)
    parts = {}
    for role in NAME_KEYS:
        told = guard.run(f"describing the model's {role}", _described, role, holders)
        parts[role] = {**_configured(role, components.get(role)), **(told or {})}
    return block(
        architecture=guard.run("naming the architecture", _architecture, holders) or name(facts.get("architecture")),
        **parts,
        components=guard.run("listing the model's parts", _listed, holders),
    )


def count_parameters(module: Any, guard: Guard) -> int | None:  # noqa: ANN401  # any module
    """Return how many numbers the model learns; None when that cannot be told (parameters not yet made). Costs time
    in proportion to the number of tensors, so it is asked once per training."""
    return guard.run("counting parameters", _count, module)


def encoder_parameters(module: Any) -> tuple[Any, ...]:  # noqa: ANN401  # any module; parameters
    """Return the parameters of the encoder, no more than `is_frozen` needs; empty when there is none."""
    encoder = _find(networks(module), _ATTRIBUTES["encoder"])
    asked = getattr(encoder, "parameters", None)
    return tuple(islice(asked(), _MAX_FLAGS + 1)) if callable(asked) else ()


def is_frozen(parameters: tuple[Any, ...]) -> bool | None:  # parameters
    """Tell whether none of an encoder's parameters is trained just now; None when there are none, or too many to ask
    and the first are not."""
    if any(parameter.requires_grad for parameter in parameters[:_MAX_FLAGS]):
        return False
    return True if 0 < len(parameters) <= _MAX_FLAGS else None


def networks(module: Any) -> tuple[Any, ...]:  # noqa: ANN401  # any module
    """Return the module and the networks it wraps, outermost first."""
    found = [module]
    while len(found) < 4:
        inner = next((inner for key in _WRAPPED if _is_network(inner := getattr(found[-1], key, None))), None)
        if inner is None or any(inner is known for known in found):
            break
        found.append(inner)
    return tuple(found)


def _is_network(value: object) -> bool:
    return callable(getattr(value, "named_children", None))


def _find(holders: tuple[Any, ...], keys: tuple[str, ...]) -> Any:  # noqa: ANN401  # any part, or None
    """Return the first of the attributes that is there. A method of the module is none of its parts."""
    for holder in holders:
        for key in keys:
            found = getattr(holder, key, None)
            if found is not None and getattr(found, "__self__", None) is not holder:
                return found
    return None


def _architecture(holders: tuple[Any, ...]) -> str | None:
    """Return the name the module gives itself, else a known one in a class name, else the class of the network."""
    for holder in holders:
        for key in ("architecture_name", "_architecture_name", "architecture"):
            given = name(getattr(holder, key, None))
            if given is not None:
                return known_name("architecture", given) or given
    for holder in holders:
        known = known_name("architecture", name_of_class("architecture", type(holder).__name__) or "")
        if known is not None:
            return known
    inner = type(holders[-1])
    plain = len(holders) > 1 and not inner.__module__.startswith("torch.nn")
    return name_of_class("architecture", inner.__name__) if plain else None


def _described(role: str, holders: tuple[Any, ...]) -> Block:  # any modules
    """Return what one of the four named parts says of itself."""
    part = _find(holders, _ATTRIBUTES[role])
    return _DESCRIBED[role](part) if part is not None else {}


def _configured(role: str, part: Component | None) -> Block:
    """Return what the hyper-parameters say of a part."""
    if part is None:
        return {}
    said: Block = {NAME_KEYS[role]: name(part.name)}
    if role == "encoder":
        pretrained = part.params.get("pretrained")
        said["pretrained"] = pretrained if isinstance(pretrained, bool) else None
    elif role == "decoder":
        said |= {key: whole(part.params.get(key), low=1) for key in ("inner_channels", "output_channels")}
    return block(**said)


def _encoder(part: Any) -> Block:  # noqa: ANN401  # any encoder
    return block(
        model_name=_encoder_name(part),
        pretrained=_flag(part, "pretrained"),
        frozen=_flag(part, "frozen"),
    )


def _encoder_name(part: Any) -> str | None:  # noqa: ANN401  # any encoder
    if isinstance(part, str):
        return name(part)
    for holder in networks(part):
        for key in ("model_name", "backbone_name", "encoder_name"):
            given = name(getattr(holder, key, None))
            if given is not None:
                return known_name("backbone", given) or given
        for key in ("pretrained_cfg", "default_cfg"):  # timm: https://huggingface.co/docs/timm/models
            config = getattr(holder, key, None)
            given = name(config.get("architecture")) if isinstance(config, dict) else None
            if given is not None:
                return given
    return known_name("backbone", type(part).__name__)


def _decoder(part: Any) -> Block:  # noqa: ANN401  # any decoder
    channels = getattr(part, "in_channels", None)
    listed = [whole(count, low=1) for count in channels] if isinstance(channels, list | tuple) else []
    return block(
        name=_class_name("decoder", part),
        in_channels=listed if None not in listed else None,
        inner_channels=whole(getattr(part, "inner_channels", None), low=1),
        output_channels=next((n for key in _OUTPUT if (n := whole(getattr(part, key, None), low=1))), None),
    )


def _head(part: Any) -> Block:  # noqa: ANN401  # any head
    return block(name=_class_name("head", part), in_channels=whole(getattr(part, "in_channels", None), low=1))


def _loss(part: Any) -> Block:  # noqa: ANN401  # a module, function or partial
    named = getattr(part, "func", part)
    given = part if isinstance(part, str) else getattr(named, "__name__", None)
    own = {} if isinstance(part, str) else {**getattr(part, "__dict__", {}), **(getattr(part, "keywords", None) or {})}
    params = {
        key: float(value)
        for key, value in list(own.items())[:_MAX_LISTED]
        if not key.startswith("_") and isinstance(value, int | float) and not isinstance(value, bool)
    }
    finite = {key: value for key, value in params.items() if value - value == 0}
    return block(name=name(given) if given else _class_name("loss", part), params=finite)


_DESCRIBED = {"encoder": _encoder, "decoder": _decoder, "head": _head, "loss": _loss}


def _listed(holders: tuple[Any, ...]) -> list[Block]:
    """Return the parts that have no block of their own."""
    found = []
    for role in _OTHERS:
        part = _find(holders, (role,))
        called = _class_name(role, part) if _is_network(part) else None
        if called is not None:
            found.append({"role": role, "name": called})
    return found


def _class_name(role: str, part: Any) -> str | None:  # noqa: ANN401  # any part
    given = name(getattr(part, "model_name", None))
    if given is not None or isinstance(part, str):
        return given or name(part)
    bare = type(part).__module__ == _CONTAINERS
    return None if bare else name_of_class(role, type(part).__name__)


def _flag(part: Any, key: str) -> bool | None:  # noqa: ANN401  # any part
    value = getattr(part, key, None)
    return value if isinstance(value, bool) else None


def _count(module: Any) -> int | None:  # noqa: ANN401  # any module
    """Count as DeepSpeed does where it has split a parameter up: `ds_numel` is the size of the whole."""
    total = 0
    for parameter in module.parameters():
        if type(parameter).__name__.startswith("Uninitialized"):
            return None
        whole_size = getattr(parameter, "ds_numel", None)
        total += parameter.numel() if whole_size is None else whole_size
    return total or None
