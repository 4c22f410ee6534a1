"""Configurations as YAML or JSON, read more forgivingly than our own documents. Pure; runs in a limited child.

Anchors, aliases and merge keys are legal here, and tags nobody knows become the plain data below them: a
`!!python/tuple` is a list, a `!!python/object:x.Y` the mapping of its state. Nothing is constructed by name. Depth,
values and what aliases multiply are bounded before anything is built.
"""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple, NoReturn

import yaml

from ckpt_indexer.errors import SourceRejected

MAX_BYTES = 1 << 20
MAX_NODES = 50_000
"""Values and keys, each counted as often as aliases repeat it."""
MAX_DEPTH = 48
MAX_NUMBER_LENGTH = 100
"""Characters of the longest spelling taken for a number: turning digits into one costs the square of their count."""

_log = logging.getLogger(__name__)
_Base: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # a class; the pure one where PyYAML was built without libyaml
_PREFIX = "tag:yaml.org,2002:"
_PYTHON = _PREFIX + "python/"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def parse_config(data: bytes, *, json_only: bool = False) -> dict[str, Any] | list[Any] | None:  # JSON-like values
    """Return the mapping or list that a configuration holds; None when it is empty or a single value.

    Raises:
        SourceRejected: too large, no UTF-8, no YAML, or more than the bounds allow.
    """
    if len(data) > MAX_BYTES:
        raise SourceRejected(f"larger than {MAX_BYTES >> 10} KiB; a configuration is smaller", reason="size")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SourceRejected(f"byte {exc.start} is no UTF-8; save it as UTF-8", reason="encoding") from exc
    if json_only or text.lstrip()[:1] == "{":
        try:
            value = _parse_json(text)
        except ValueError as exc:  # flow-style YAML begins with a brace as well
            if json_only:
                raise SourceRejected(f"no JSON: {exc}; correct it", reason="syntax") from exc
            value = _parse_yaml(text)
    else:
        value = _parse_yaml(text)
    return value if isinstance(value, dict | list) else None


def _parse_json(text: str) -> Any:  # noqa: ANN401  # any JSON value
    try:
        value = json.loads(text, parse_constant=_CONSTANTS.__getitem__)
    except RecursionError as exc:
        raise _too_deep() from exc
    _measure_json(value)
    return value


def _measure_json(value: Any) -> None:  # noqa: ANN401  # any JSON value
    level, depth, nodes = [value], 0, 0
    while level:
        nodes += len(level)
        if nodes > MAX_NODES:
            raise _too_many()
        if depth > MAX_DEPTH:
            raise _too_deep()
        lists = [
            list(item.values()) if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)
        ]
        level, depth = [below for item in lists for below in item], depth + 1


def _parse_yaml(text: str) -> Any:  # noqa: ANN401  # any YAML value
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Builder(loader).build(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise SourceRejected(f"{where}{exc.problem or exc.context}; correct it", reason="syntax") from exc
    except yaml.YAMLError as exc:  # of the reader below the scanner: a character YAML forbids
        raise SourceRejected(f"{str(exc).splitlines()[0]}; correct it", reason="syntax") from exc
    except (SourceRejected, MemoryError):  # out of memory is the child's affair, not the document's
        raise
    except Exception as exc:
        # The library raises ValueError, AttributeError and others on hostile documents (pyyaml issues 382, 899).
        _log.warning("the YAML library failed on a configuration", exc_info=True)
        raise SourceRejected(f"the YAML library failed on it: {exc}", reason="library") from exc


def _too_deep() -> SourceRejected:
    return SourceRejected(f"nested deeper than {MAX_DEPTH} levels", reason="depth")


def _too_many() -> SourceRejected:
    return SourceRejected(f"more than {MAX_NODES} values, repeated ones counted each time", reason="nodes")


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """Composes nodes only, counting as it goes."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the library's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_PREFIX + "timestamp", _PREFIX + "value")]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:  # noqa: ANN401, ARG002  # the library's hook
        """Called for every node before its children are composed."""
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH + 1:  # one more for the scalars in the innermost collection
            raise _too_deep()
        if self._nodes > MAX_NODES:
            raise _too_many()

    def ascend_resolver(self) -> None:
        """Called for every node after its children."""
        self._depth -= 1


class _Measured(NamedTuple):
    """A value, and what it would cost written out without aliases."""

    value: Any  # any YAML value
    size: int
    """Values and keys."""
    levels: int


class _Builder:
    """Turns composed nodes into values; a node that aliases repeat is built once and shared."""

    def __init__(self, loader: _Loader) -> None:
        self._built: dict[int, _Measured] = {}
        self._open: set[int] = set()
        self._scalars = {
            "null": lambda _: None,
            "bool": loader.construct_yaml_bool,
            "int": loader.construct_yaml_int,
            "float": loader.construct_yaml_float,
        }

    def build(self, node: Any) -> Any:  # noqa: ANN401  # any node, any value
        return self._measured(node).value

    def _measured(self, node: Any) -> _Measured:  # noqa: ANN401  # any node
        known = self._built.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self._refuse(node, "a value that contains itself through an alias (*name)")
        self._open.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            built = _Measured(self._scalar(node), 1, 0)
        elif isinstance(node, yaml.SequenceNode):
            built = self._sequence(node)
        else:
            built = self._mapping(node)
        self._open.discard(id(node))
        if built.size > MAX_NODES:
            raise _too_many()
        if built.levels > MAX_DEPTH:
            raise _too_deep()
        self._built[id(node)] = built
        return built

    def _sequence(self, node: Any) -> _Measured:  # noqa: ANN401  # any node
        parts = [self._measured(child) for child in node.value]
        values = [part.value for part in parts]
        size, levels = 1 + sum(part.size for part in parts), 1 + max((part.levels for part in parts), default=0)
        if str(node.tag).startswith(_PYTHON + "object/apply:") and len(values) == 1:
            return _Measured(values[0], size, levels)  # an enum member or the like, made from one value
        return _Measured(values, size, levels)

    def _mapping(self, node: Any) -> _Measured:  # noqa: ANN401  # any node
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        size, levels = 1, 1
        for key_node, value_node in node.value:
            value, inner_size, inner_levels = self._measured(value_node)
            size, levels = size + 1 + inner_size, max(levels, 1 + inner_levels)
            if size > MAX_NODES:
                raise _too_many()
            if key_node.tag == _PREFIX + "merge":
                for part in value if isinstance(value, list) else [value]:
                    for key, below in part.items() if isinstance(part, dict) else ():
                        merged.setdefault(key, below)
            elif isinstance(key_node, yaml.ScalarNode):
                own[str(key_node.value)] = value
            else:
                self._refuse(key_node, "a key that is a list or a mapping; keys are text")
        return _Measured({**merged, **own}, size, levels)

    def _scalar(self, node: Any) -> Any:  # noqa: ANN401  # any node, any value
        tag = str(node.tag)
        if tag.startswith(_PYTHON) and not node.value:
            return tag.rpartition(":")[2]  # `!!python/name:torch.nn.ReLU ''`
        construct = self._scalars.get(tag.removeprefix(_PREFIX))
        if construct is None or len(node.value) > MAX_NUMBER_LENGTH:
            return node.value
        try:
            return construct(node)
        except (ValueError, LookupError, OverflowError, yaml.YAMLError):  # `!!int x`: text that was called a number
            return node.value

    def _refuse(self, node: Any, what: str) -> NoReturn:  # noqa: ANN401  # any node
        mark = node.start_mark
        raise SourceRejected(f"line {mark.line + 1}, column {mark.column + 1}: {what}; correct it", reason="structure")
