"""Plays a recording: frames as they were received, or bare trades, at the pace of their times.

A recorded frame is sent as it is to those who subscribed to its stream in its format, and with its keys renamed, its
numbers untouched, to the others. It also moves the simulated market, so that what the recording lacks (tickers,
candles, grouped books) is made from what it has.

Lines: `{"dir": "in", "t", "raw"}` for a frame, `raw` its text and `t` seconds; or `{"t", "code", "price", "volume"}`
for a trade, `t` seconds or ISO 8601. Other lines are left out.
"""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ..market.book import Level
from ..market.message_keys import long_keys, short_keys
from ..market.one_market import Market, TradeSide
from ..market.trading_floor import Feed
from ..market.wording import Event, Wording, compact

__all__ = ["Player", "RecordedEvent", "read_capture"]

_STREAM_TYPE = re.compile(r'("(?:st|stream_type)"\s*:\s*)"(?:SNAPSHOT|REALTIME)"')
_BATCH = 100  # lines between two looks at the clock when there is no pace


class Spelled(str):
    """A number in the very spelling it came in."""

    __slots__ = ()


class RecordedEvent(Event):
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

    def cut(self, units: int) -> "RecordedEvent":
        """Return the book with `units` levels a side at most."""
        levels = self.fields.get("orderbook_units")
        if not isinstance(levels, list) or len(levels) <= units:
            return self
        shorter = RecordedEvent.__new__(RecordedEvent)
        Event.__init__(shorter, self.type, self.code, {**self.fields, "orderbook_units": levels[:units]})
        shorter._short, shorter.stream_type, shorter._raw = self._short, self.stream_type, None
        return shorter


class Line(NamedTuple):
    """One line of a recording that can be played."""

    at: float
    frame: RecordedEvent | None = None
    trade: tuple[str, Decimal, Decimal] | None = None  # code, price, volume


def read_capture(path: Path) -> Iterator[Line]:
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
                yield Line(
                    _seconds(entry["t"]), trade=(entry["code"], Decimal(entry["price"]), Decimal(entry["volume"]))
                )
            else:
                continue
            found = True
    if not found:
        raise ValueError(f"{path.name} has no line that can be played: see the documentation of {__name__}")


def _frames(at: float, raw: str) -> Iterator[Line]:
    """Yield the messages of a frame; status and error frames are not part of a market's life."""
    value = json.loads(raw, parse_float=Spelled, parse_int=Spelled)
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and ("type" in entry or "ty" in entry):
            yield Line(at, RecordedEvent(_dump(entry) if isinstance(value, list) else raw))


def _seconds(text: str | float) -> float:
    if isinstance(text, str) and "T" in text:
        return datetime.fromisoformat(text).timestamp()
    return float(text)


class Player:
    """Plays one recording at a time."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._task: asyncio.Task[None] | None = None
        self.played = 0

    async def play(self, path: str, speed: float | None, *, wait: bool) -> int:
        """Begin to play and return how many messages there are; with `wait`, or no speed, when all are played."""
        if self.is_playing():
            raise ValueError("a recording is being played: stop_playing() ends it")
        # A recording is read to its end first, so that the markets it names can begin where it begins.
        lines = await asyncio.to_thread(lambda: list(read_capture(Path(path))))
        self.played = 0
        self._list_markets(lines)
        self._task = asyncio.create_task(self._run(lines, speed))
        if wait or speed is None:
            await self._task
        return len(lines)

    def is_playing(self) -> bool:
        return self._task is not None and not self._task.done()

    def count(self) -> int:
        """Return how many messages of the recording have been played."""
        return self.played

    async def stop_playing(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, lines: list[Line], speed: float | None) -> None:
        loop = asyncio.get_running_loop()
        begun, first = loop.time(), lines[0].at
        for number, line in enumerate(lines):
            if speed is not None:
                ahead = begun + (line.at - first) / speed - loop.time()
                if ahead > 0:
                    await asyncio.sleep(ahead)
            if number % _BATCH == 0:
                await asyncio.sleep(0)
            self._apply(line)
            self.played += 1

    def _list_markets(self, lines: list[Line]) -> None:
        """Begin each market that is named at its first price and time, and let its first frames be its snapshots."""
        prices: dict[str, tuple[Decimal, float]] = {}
        self._types: dict[str, set[str]] = {}
        for line in lines:
            if line.trade is not None:
                prices.setdefault(line.trade[0], (line.trade[1], line.at))
            elif line.frame is not None:
                frame = line.frame
                self._types.setdefault(frame.code, set()).add(frame.type)
                price = _price(frame)
                if price is not None:
                    prices.setdefault(frame.code, (price, _ms(frame) / 1000))
        for code, (price, at) in prices.items():
            self._feed.list_market(code, price, ms=int(at * 1000) - 1)
        for line in reversed(lines):
            if line.frame is not None and line.frame.code in prices:
                self._feed.recorded[line.frame.type, line.frame.code] = line.frame

    def _apply(self, line: Line) -> None:
        if line.trade is not None:
            code, price, volume = line.trade
            self._feed.trade(code, price, volume)
            return
        frame = line.frame
        assert frame is not None
        market = self._feed.markets.get(frame.code)
        if market is None:
            return
        self._feed.send_recorded(frame)
        if frame.type == "trade":
            self._apply_trade(market, frame.fields)
        elif frame.type == "orderbook":
            market.take_book(_ms(frame), _units(frame.fields))

    def _apply_trade(self, market: Market, fields: Mapping[str, object]) -> None:
        side: TradeSide = "ASK" if fields.get("ask_bid") == "ASK" else "BID"
        ms = int(str(fields.get("trade_timestamp", fields.get("timestamp", 0))))
        trade = market.record(
            ms,
            Decimal(str(fields["trade_price"])),
            Decimal(str(fields["trade_volume"])),
            side,
            sequential_id=int(str(fields["sequential_id"])),
        )
        missing = frozenset({"ticker", "candle"}) - {type_.partition(".")[0] for type_ in self._types[market.code]}
        self._feed.send_trade(market, trade, only=missing)
        self._feed.on_trade(market, trade)


def _price(frame: RecordedEvent) -> Decimal | None:
    if "trade_price" in frame.fields:
        return Decimal(str(frame.fields["trade_price"]))
    units = _units(frame.fields) if frame.type == "orderbook" else []
    return next((ask[0] for ask, _ in units if ask[0]), None)


def _ms(frame: RecordedEvent) -> int:
    ms = int(str(frame.fields.get("timestamp", 0)))
    return ms // 1000 if ms > 10**15 else ms  # some frames of 2023 have microseconds


def _units(fields: Mapping[str, object]) -> list[tuple[Level, Level]]:
    levels = fields.get("orderbook_units")
    assert isinstance(levels, list), "a book has levels"
    keys = ("ask_price", "ask_size", "bid_price", "bid_size")
    rows = ([Decimal(str(level[key])) for key in keys] for level in levels)
    return [(Level(row[0], row[1]), Level(row[2], row[3])) for row in rows]


def _dump(value: object) -> str:
    """Write JSON with every number in its own spelling."""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{compact(key)}:{_dump(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return compact(value)
