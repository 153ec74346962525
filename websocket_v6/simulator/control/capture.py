"""A recording: frames as they were received, or bare trades, with their times.

A recorded frame is sent as it is to those who subscribed to its stream in its format, and with its keys renamed, its
numbers untouched, to the others. It also moves the simulated market, so that what the recording lacks (tickers,
candles, grouped books) is made from what it has.

Lines: `{"dir": "in", "t", "raw"}` for a frame, `raw` its text and `t` seconds; or `{"t", "code", "price", "volume"}`
for a trade, `t` seconds or ISO 8601. Other lines are left out.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ..market.message_keys import long_keys, short_keys
from ..market.wording import Bulletin, Wording, compact

__all__ = ["RecordedBulletin", "RecordedLine", "read_capture"]

_STREAM_TYPE = re.compile(r'("(?:st|stream_type)"\s*:\s*)"(?:SNAPSHOT|REALTIME)"')


class Spelled(str):
    """A number in the very spelling it came in."""

    __slots__ = ()


class RecordedBulletin(Bulletin):
    """A recorded message; `fields` have their long names and numbers as they were spelled."""

    __slots__ = ("_raw", "_short", "stream_type")

    def __init__(self, raw: str) -> None:
        value = json.loads(raw, parse_float=Spelled, parse_int=Spelled)
        if not isinstance(value, dict):
            raise ValueError(f"not a message of the exchange: {raw:.60}")
        self._short = "ty" in value
        fields = long_keys(value) if self._short else value
        super().__init__(str(fields["type"]), str(fields.get("code", "*")), fields)
        self.stream_type = str(fields.get("stream_type", "REALTIME"))
        self._raw: str | None = raw

    def text(self, wording: Wording, stream_type: str) -> str:
        if self._raw is None or wording.short != self._short:
            fields = {**self.fields, "stream_type": stream_type}
            return _dump(short_keys(self.type, fields) if wording.short else fields)
        if stream_type == self.stream_type:
            return self._raw
        return _STREAM_TYPE.sub(rf'\1"{stream_type}"', self._raw)

    def cut(self, units: int) -> "RecordedBulletin":
        """Return the book with `units` levels a side at most."""
        levels = self.fields.get("orderbook_units")
        if not isinstance(levels, list) or len(levels) <= units:
            return self
        shorter = RecordedBulletin.__new__(RecordedBulletin)
        Bulletin.__init__(shorter, self.type, self.code, {**self.fields, "orderbook_units": levels[:units]})
        shorter._short, shorter.stream_type, shorter._raw = self._short, self.stream_type, None
        return shorter


class RecordedLine(NamedTuple):
    """One line of a recording that can be played."""

    at: float
    frame: RecordedBulletin | None = None
    trade: tuple[str, Decimal, Decimal] | None = None  # code, price, volume


def read_capture(path: Path) -> Iterator[RecordedLine]:
    """Read what can be played; a path that ends in `.gz` is unpacked.

    Raises:
        ValueError: if a line is not JSON, or none can be played.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    found = False
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            try:
                entry = json.loads(text)
            except ValueError as exc:
                raise ValueError(f"{path.name}, line {number} is not JSON: {text:.60}") from exc
            if entry.get("dir") == "in":
                yield from _frames(float(entry["t"]), entry["raw"])
            elif "price" in entry:
                yield RecordedLine(
                    _seconds(entry["t"]), trade=(entry["code"], Decimal(entry["price"]), Decimal(entry["volume"]))
                )
            else:
                continue
            found = True
    if not found:
        raise ValueError(f"{path.name} has no line that can be played: see the documentation of {__name__}")


def _frames(at: float, raw: str) -> Iterator[RecordedLine]:
    """Yield the messages of a frame; status and error frames are not part of a market's life."""
    value = json.loads(raw, parse_float=Spelled, parse_int=Spelled)
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and ("type" in entry or "ty" in entry):
            yield RecordedLine(at, RecordedBulletin(_dump(entry) if isinstance(value, list) else raw))


def _seconds(text: str | float) -> float:
    if isinstance(text, str) and "T" in text:
        return datetime.fromisoformat(text).timestamp()
    return float(text)


def _dump(value: object) -> str:
    """Write JSON with every number in its own spelling."""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{compact(key)}:{_dump(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return compact(value)
