"""Rows as a Parquet file. Adapts pyarrow, which is imported when a file is written; contains no decisions but types.

Numbers, truth values and times are columns of their own type; `metrics` and `provenance` are maps, `tags` a list, the
other nested keys JSON text.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.cells import to_json
from ckpt_indexer.catalog.fields import FIELDS
from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Values = Mapping[str, Any]  # a row: JSON values

_INT_LIMIT = 2**63


def written(groups: Iterable[Sequence[Values]]) -> Iterator[bytes]:
    """Yield the bytes of a file with a row group per sequence of rows, as they come into being.

    Raises:
        CkptIndexerError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        message = "writing Parquet needs pyarrow: pip install 'ckpt-indexer[parquet]'; csv and jsonl need nothing"
        raise CkptIndexerError(message) from error
    schema, sink = _schema(pa), _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in groups:
            columns = {key: [_MAKERS[key](row[key]) for row in rows] for key in ROW_KEYS}
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        piece = bytes(data)
        self._kept.append(piece)
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._kept = b"".join(self._kept), []
        return pieces


def _schema(pa: Any) -> Any:  # noqa: ANN401  # pyarrow has no types
    text, number = pa.string(), pa.float64()
    kinds = {
        "text": text, "list": text, "int": pa.int64(), "count": pa.int64(), "size": pa.int64(), "real": number,
        "bool": pa.bool_(), "time": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    nested = {"metrics": pa.map_(text, number), "provenance": pa.map_(text, text), "tags": pa.list_(text)}
    return pa.schema([(key, nested.get(key) or kinds[FIELDS[key].kind]) for key in ROW_KEYS])


def _text(value: Any) -> str | None:  # noqa: ANN401  # a JSON value
    return None if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def _whole(value: Any) -> int | None:  # noqa: ANN401  # a JSON value
    return int(value) if isinstance(value, int) and -_INT_LIMIT <= value < _INT_LIMIT else None


def _real(value: Any) -> float | None:  # noqa: ANN401  # a JSON value
    return float(value) if isinstance(value, int | float) else None


def _time(value: Any) -> datetime | None:  # noqa: ANN401  # a JSON value
    return None if value is None else datetime.fromisoformat(value)


def _flag(value: Any) -> bool | None:  # noqa: ANN401  # a JSON value
    return None if value is None else bool(value)


def _numbers(value: Mapping[str, Any]) -> list[tuple[str | None, float | None]]:  # JSON values
    return [(_text(name), _real(number)) for name, number in value.items()]


def _texts(value: Mapping[str, Any]) -> list[tuple[str | None, str | None]]:  # JSON values
    return [(_text(name), _text(said)) for name, said in value.items()]


def _words(value: Sequence[Any]) -> list[str | None]:  # JSON values
    return [_text(word) for word in value]


_BY_KIND: Mapping[str, Callable[[Any], Any]] = {  # a JSON value -> one that pyarrow takes
    "text": _text, "list": to_json, "int": _whole, "count": _whole, "size": _whole, "real": _real, "bool": _flag,
    "time": _time,
}  # fmt: skip
_MAKERS: Mapping[str, Callable[[Any], Any]] = {  # likewise
    **{key: _BY_KIND[FIELDS[key].kind] for key in ROW_KEYS},
    "metrics": _numbers, "provenance": _texts, "tags": _words,
}  # fmt: skip
