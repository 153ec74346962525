"""What is in a recording, as files that other programs read: one for each data type, in a folder.

Numbers are exact in all of them: text in CSV and Parquet, or decimal128(38, 18) there if that is asked for, the
exchange's own digits in JSON lines. What is said again for a beginning in the middle is in none of them.
"""

import csv
import importlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from .protocol.errors import ConfigError, RecordingError, RemoteProtocolError
from .protocol.events import Event
from .protocol.events.base import COMMON
from .protocol.exchange.streams import split
from .protocol.recording.finding import without_key_states
from .protocol.recording.reader import RecordingReader
from .protocol.recording.records import Rows, events_of
from .recording import read_recording

__all__ = ["FORMATS", "Exported", "Format", "Numbers", "export"]

Format: TypeAlias = Literal["parquet", "csv", "jsonl"]
Numbers: TypeAlias = Literal["text", "decimal128"]
FORMATS: tuple[Format, ...] = ("parquet", "csv", "jsonl")
BATCH = 10_000  # rows that Parquet has at once
PRECISION, SCALE = 38, 18


class Exported:
    """How many rows each file has, and how many messages could not be decoded."""

    def __init__(self) -> None:
        self.rows: dict[Path, int] = {}
        self.malformed = 0


class _Table(Protocol):
    path: Path

    def add(self, event: Event) -> None: ...
    def close(self) -> None: ...


def export(
    path: Path,
    folder: Path,
    format: Format,  # noqa: A002 - as the user reads it
    *,
    numbers: Numbers = "text",
    contains: Callable[[int], bool] = lambda _: True,
) -> Exported:
    """Write what is in a recording into files of `folder`, which is made; `contains` chooses by the time of receiving.

    Raises:
        OSError: if it cannot be read, or a file is there already.
        RecordingError: if it is no recording, or a number does not fit into decimal128(38, 18).
        ConfigError: if there is no pyarrow for Parquet.
    """
    if format == "parquet":
        _arrow()
    folder.mkdir(parents=True, exist_ok=True)
    exported, tables = Exported(), dict[str, _Table]()
    try:
        for event in _events(path, contains):
            type_ = split(event.stream)[0]
            table = tables.get(type_)
            if table is None:
                table = tables[type_] = _table(folder / f"{type_}.{format}", format, numbers, event)
            try:
                table.add(event)
            except RemoteProtocolError:
                exported.malformed += 1
            else:
                exported.rows[table.path] = exported.rows.get(table.path, 0) + 1
    finally:
        for table in tables.values():
            table.close()
    return exported


def _events(path: Path, contains: Callable[[int], bool]) -> Iterator[Event]:
    for record in without_key_states(read_recording(path, RecordingReader())):
        if isinstance(record.value, Rows) and contains(record.value.received_ns):
            yield from events_of(record.value)


def _table(path: Path, format_: Format, numbers: Numbers, first: Event) -> _Table:
    match format_:
        case "jsonl":
            return _JsonLines(path)
        case "csv":
            return _Csv(path, first)
        case _:
            return _Parquet(path, first, numbers)


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("x", encoding="utf-8")

    def add(self, event: Event) -> None:
        self._file.write(event.json() + "\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    """Lists, such as the levels of a book, are JSON in their column."""

    def __init__(self, path: Path, first: Event) -> None:
        self.path = path
        self._file = path.open("x", encoding="utf-8", newline="")
        self._names = _names(first)
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._names)

    def add(self, event: Event) -> None:
        self._writer.writerow([_flat(value) for value in event.asdict(str).values()])

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, first: Event, numbers: Numbers) -> None:
        self.path = path
        self._arrow = arrow = _arrow()
        self._is_exact = numbers == "decimal128"
        number = arrow.decimal128(PRECISION, SCALE) if self._is_exact else arrow.string()
        names = _names(first)
        self._schema = arrow.schema([(name, _column(arrow, type(first), name, number)) for name in names])
        self._rows: list[dict[str, Any]] = []
        self._file = path.open("xb")
        self._writer = importlib.import_module("pyarrow.parquet").ParquetWriter(
            self._file, self._schema, compression="zstd"
        )

    def add(self, event: Event) -> None:
        row = event.asdict(Decimal if self._is_exact else str)
        self._rows.append(
            {
                field.name: _flat(row[field.name]) if _is_text(self._arrow, field.type) else row[field.name]
                for field in self._schema
            }
        )
        if len(self._rows) >= BATCH:
            self._write()

    def close(self) -> None:
        try:
            self._write()
        finally:
            self._writer.close()
            self._file.close()

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            table = self._arrow.Table.from_pylist(rows, self._schema)
        except self._arrow.ArrowInvalid as exc:
            raise RecordingError(f"a number does not fit into decimal128({PRECISION}, {SCALE}): {exc}") from None
        self._writer.write_table(table)


def _arrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ConfigError("Parquet is written by pyarrow: pip install 'websocket-v6[parquet]'") from None


def _names(event: Event) -> tuple[str, ...]:
    return event._names


def _column(arrow: Any, cls: type[Event], name: str, number: Any) -> Any:
    """Return the type of a column, by what the event's class says of the field."""
    if name in ("timestamp", "received_at", "epoch"):
        return arrow.int64()
    if name in COMMON:
        return arrow.string()
    if name == "backfilled":
        return arrow.bool_()
    if name == "orderbook_units":
        names = ("ask_price", "bid_price", "ask_size", "bid_size")
        return arrow.list_(arrow.struct([(one, number) for one in names]))
    kind = getattr(getattr(cls, name), "kind", "")
    kinds = {"Decimal": number, "int": arrow.int64(), "bool": arrow.bool_()}
    return kinds.get(kind.removesuffix(" or None"), arrow.string())


def _is_text(arrow: Any, type_: Any) -> bool:
    return bool(arrow.types.is_string(type_))


def _flat(value: object) -> object:
    """Return a value as one cell has it."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str)
    return value
