"""Plays a recording into the markets, at the pace of its times."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from ..market.book import Level
from ..market.one_market import Market
from ..market.trades import TradeSide
from ..market.trading_floor import TradingFloor
from .capture import RecordedBulletin, RecordedLine, read_capture

__all__ = ["Player"]

_BATCH = 100  # lines between two looks at the clock when there is no pace


class Player:
    """Plays one recording at a time."""

    def __init__(self, floor: TradingFloor) -> None:
        self._floor = floor
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

    async def _run(self, lines: list[RecordedLine], speed: float | None) -> None:
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

    def _list_markets(self, lines: list[RecordedLine]) -> None:
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
            self._floor.list_market(code, price, ms=int(at * 1000) - 1)
        for line in reversed(lines):
            if line.frame is not None and line.frame.code in prices:
                self._floor.display.recorded[line.frame.type, line.frame.code] = line.frame

    def _apply(self, line: RecordedLine) -> None:
        if line.trade is not None:
            code, price, volume = line.trade
            self._floor.trade(code, price, volume)
            return
        frame = line.frame
        assert frame is not None
        market = self._floor.markets.get(frame.code)
        if market is None:
            return
        self._floor.tape.send_recorded(frame)
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
        self._floor.tape.send_trade(market, trade, only=missing)
        self._floor.on_trade(market, trade)


def _price(frame: RecordedBulletin) -> Decimal | None:
    if "trade_price" in frame.fields:
        return Decimal(str(frame.fields["trade_price"]))
    units = _units(frame.fields) if frame.type == "orderbook" else []
    return next((ask[0] for ask, _ in units if ask[0]), None)


def _ms(frame: RecordedBulletin) -> int:
    ms = int(str(frame.fields.get("timestamp", 0)))
    return ms // 1000 if ms > 10**15 else ms  # some frames of 2023 have microseconds


def _units(fields: Mapping[str, object]) -> list[tuple[Level, Level]]:
    levels = fields.get("orderbook_units")
    assert isinstance(levels, list), "a book has levels"
    keys = ("ask_price", "ask_size", "bid_price", "bid_size")
    rows = ([Decimal(str(level[key])) for key in keys] for level in levels)
    return [(Level(row[0], row[1]), Level(row[2], row[3])) for row in rows]
