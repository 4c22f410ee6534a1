"""PyYAML's C loader less everything that a metadata document does not need. Adapts the library, knows no schema.

No aliases, merge keys or tags beyond YAML's own scalars, lists and mappings; no key twice; bounded depth, nodes and
number lengths; keys and timestamps stay the text they were written as. What comes out is plain JSON-like data in which
a float may be NaN or infinite. Composing stops at `MAX_DEPTH`, so the deep documents that overrun the C loader's stack
(https://github.com/yaml/pyyaml/issues/235 and relatives) end as an error here.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import yaml

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar.bounds import MAX_DEPTH, MAX_NODES, MAX_NUMBER_LENGTH

_log = logging.getLogger(__name__)
_Base: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # a class; the pure one where PyYAML was built without libyaml

_PREFIX = "tag:yaml.org,2002:"
_MERGE = _PREFIX + "merge"
_AS_TEXT = (_PREFIX + "timestamp", _PREFIX + "value")


def parse_yaml(text: str) -> Any:  # noqa: ANN401  # any YAML value
    """Return the value of the one document in the text; None for an empty one.

    Raises:
        SidecarUnreadable: with `line` and `column` (from 1) in its details where they are known.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Builder(loader).build(node, 1)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        what = exc.problem or exc.context or "the document breaks YAML"
        raise _unreadable("syntax", str(what), exc.problem_mark or exc.context_mark) from exc
    except (SidecarUnreadable, MemoryError):  # out of memory is the child's affair, not the document's
        raise
    except Exception as exc:
        # The library raises ValueError, AttributeError and others on hostile documents (pyyaml issues 382, 899).
        _log.warning("the YAML library failed on a document", exc_info=True)
        raise SidecarUnreadable(
            f"the YAML library failed on it: {exc}; rewrite the document", reason="library"
        ) from exc


def _unreadable(reason: str, what: str, mark: Any) -> SidecarUnreadable:  # noqa: ANN401  # the C and the pure mark share no class
    if mark is None:
        return SidecarUnreadable(f"{what}; correct the document", reason=reason)
    line, column = mark.line + 1, mark.column + 1
    message = f"line {line}, column {column}: {what}; correct the document"
    return SidecarUnreadable(message, reason=reason, line=line, column=column)


def _too_deep() -> SidecarUnreadable:
    return SidecarUnreadable(f"nested deeper than {MAX_DEPTH} levels; flatten the document", reason="depth")


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """Composes nodes only, counting as it goes."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the library's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _AS_TEXT]
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
            raise SidecarUnreadable(f"more than {MAX_NODES} values; shorten the document", reason="nodes")

    def ascend_resolver(self) -> None:
        """Called for every node after its children."""
        self._depth -= 1


class _Builder:
    """Turns the composed nodes into values."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._seen: set[int] = set()
        self._scalars = {
            "str": lambda node: node.value,
            "timestamp": lambda node: node.value,
            "null": lambda _: None,
            "bool": loader.construct_yaml_bool,
            "int": self._number(loader.construct_yaml_int),
            "float": self._number(loader.construct_yaml_float),
        }

    def build(self, node: Any, depth: int) -> Any:  # noqa: ANN401  # any node, any value
        """Return the value of a node; `depth` counts the collections from the outermost, this one included."""
        if id(node) in self._seen:
            self._refuse(node, "alias", "a value used again through an alias (*name); write it out where it is used")
        self._seen.add(id(node))
        tag = str(node.tag).removeprefix(_PREFIX)
        if isinstance(node, yaml.ScalarNode):
            if tag in self._scalars:
                return self._scalars[tag](node)
        elif depth > MAX_DEPTH:
            raise _too_deep()
        elif isinstance(node, yaml.SequenceNode):
            if tag == "seq":
                return [self.build(child, depth + 1) for child in node.value]
        elif tag == "map":
            return self._mapping(node, depth)
        if node.tag == _MERGE:
            self._refuse(node, "merge", "a merge key (<<); write the values out")
        return self._refuse(node, "tag", f"the tag {node.tag!r}; only plain YAML values are read")

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401  # a mapping node; YAML values
        built: dict[str, Any] = {}  # YAML values
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._refuse(key_node, "merge", "a merge key (<<); write the values out")
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "key", "a key that is a list or a mapping; keys are text")
            if id(key_node) in self._seen:
                self._refuse(key_node, "alias", "a value used again as a key through an alias (*name); write it out")
            self._seen.add(id(key_node))
            if key_node.value in built:
                self._refuse(key_node, "duplicate_key", f"the key {key_node.value[:100]!r} a second time; keep one")
            built[key_node.value] = self.build(value_node, depth + 1)
        return built

    def _number(self, construct: Any) -> Any:  # noqa: ANN401  # the library's constructors are untyped
        def checked(node: Any) -> Any:  # noqa: ANN401  # likewise
            if len(node.value) > MAX_NUMBER_LENGTH:
                self._refuse(node, "number", f"a number of {len(node.value)} characters; quote it if it is text")
            try:
                return construct(node)
            except ValueError:
                return self._refuse(node, "number", f"{node.value!r}, which looks like a number and is none; quote it")

        return checked

    def _refuse(self, node: Any, reason: str, what: str) -> NoReturn:  # noqa: ANN401  # any node
        mark = node.start_mark
        line, column = mark.line + 1, mark.column + 1
        message = f"line {line}, column {column}: {what}"
        raise SidecarUnreadable(message, reason=reason, line=line, column=column)
