"""The markets at work: what moves them, and the messages that follow, at once or at the exchange's pace.

At the pace of the exchange a book is sent on its market's own 100 ms grid and candles once a second; else a change is
sent at once, which makes a test's next line certain.

Source: Upbit WebSocket reference, "orderbook" (cadence), "candle".
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import Protocol

from ..answers import Answers
from ..clock import Agenda, Clock
from .candles import SECONDS, Candle
from .catalog import Listing, is_code
from .one_market import Market, Trade, TradeSide
from .wording import Event

__all__ = ["Feed", "Publish"]

# Called with a type, a code and a maker of the message for (level, units); makes it only if somebody wants it.
Publish = Callable[[str, str, Callable[[Decimal, int], Event]], None]


class Recorded(Protocol):
    """A recorded message, which keeps its text."""

    @property
    def type(self) -> str: ...

    @property
    def code(self) -> str: ...

    def cut(self, units: int) -> Event:
        """Return it with at most `units` levels a side."""


_GRID_MS = 100
_CANDLES = tuple(f"candle.{unit}" for unit in SECONDS if unit != "1d")
_PUMP_SECONDS = 0.01
_PUMP_BUDGET = 0.004  # seconds of work at a time; what was made must also be sent
_MOST_OWED = 0.2  # seconds of traffic that are made up for


class Feed:
    """All markets of one exchange."""

    def __init__(
        self,
        codes: Iterable[str],
        *,
        clock: Clock,
        agenda: Agenda,
        answers: Answers,
        publish: Publish,
        wanted: Callable[[str, str], bool] = lambda _type, _code: True,
        seed: int = 0,
        region: str = "kr",
        paced: bool = False,
    ) -> None:
        self.clock = clock
        self.markets: dict[str, Market] = {}
        self.paced = paced
        self.answers = answers
        self._agenda = agenda
        self._publish = publish
        self._wanted = wanted
        self._seed = seed
        self._region = region
        self._rng = Random(seed)  # noqa: S311  # prices of a play market
        self._due: set[tuple[str, str]] = set()  # (type, code) that wait for their grid
        self._rate = 0.0
        self._owed = 0.0
        self._produced = 0
        self._order: list[Market] = []
        self.recorded: dict[tuple[str, str], Recorded] = {}  # the newest message of a stream that is being played
        # The order desk's: called before a trade at a given price, and after every trade.
        self.on_sweep: Callable[[Market, Decimal, TradeSide], None] = lambda _market, _price, _side: None
        self.on_trade: Callable[[Market, Trade], None] = lambda _market, _trade: None
        for code in codes:
            self.list_market(code)

    # The markets.

    def list_market(self, code: str, price: Decimal | None = None, *, ms: int | None = None) -> Market:
        """Add a market, or begin one anew; its numbers depend on the seed and its code alone."""
        if not is_code(code):
            raise ValueError(f"{code!r} is not a market code: write QUOTE-BASE in upper case, such as 'KRW-BTC'")
        rng = Random(f"{self._seed} {code}")  # noqa: S311
        # Every third BTC market is thin, so that its books have empty slots.
        thin = code.startswith("BTC-") and rng.random() < 0.34
        market = Market(Listing.of(code, rng, price), rng, ms or self.clock.now_ms(), depth=12 if thin else 40)
        if code not in self.markets:
            self._order.append(market)
        else:
            self._order[self._order.index(self.markets[code])] = market
        self.markets[code] = market
        return market

    def remove_market(self, code: str) -> None:
        self._order.remove(self.market(code))
        del self.markets[code]

    def set_state(self, code: str, state: str, delisting: datetime | None = None) -> None:
        """Set `market_state` (PREVIEW, ACTIVE, DELISTED) and the day the market ends, and send the ticker."""
        market = self.market(code)
        market.market_state, market.delisting = state, delisting
        market.ticker_ms = self.clock.now_ms()
        self._send_current("ticker", code)

    def market(self, code: str) -> Market:
        try:
            return self.markets[code]
        except KeyError:
            raise ValueError(f"{code!r} is not listed here: list_market({code!r}) adds it") from None

    # What it would say now.

    def current(self, type_: str, code: str, level: Decimal = Decimal(0), units: int = 30) -> Event:
        """Return the newest message of a stream as it would be sent now, with the time of its last change."""
        recorded = self.recorded.get((type_, code))
        if recorded is not None and not level:
            return recorded.cut(units)
        market = self.markets[code]
        if type_ == "ticker":
            return self._ticker(market)
        if type_ == "trade":
            return market.trade_event(market.last, self.answers.best_prices)
        if type_ == "orderbook":
            return self._book(market, level, units)
        unit = type_.partition(".")[2]
        return self._candle(market, unit, market.series[unit].newest)

    def _ticker(self, market: Market) -> Event:
        fields: dict[str, object] = {"type": "ticker", "code": market.code, **market.ticker_fields()}
        fields["delisting_date"] = self._delisting(market.delisting)
        if self.answers.deprecated_ticker_keys:
            fields["is_trading_suspended"], fields["market_warning"] = False, "NONE"
        return Event("ticker", market.code, fields)

    def _delisting(self, when: datetime | None) -> object:
        if when is None:
            return None
        if self.answers.delisting_date == "text":
            return when.strftime("%Y-%m-%d")
        return {"year": when.year, "month": when.month, "day": when.day}

    def _book(self, market: Market, level: Decimal, units: int) -> Event:
        total_units = 30 if self.answers.totals == "all" else None
        depth = market.book.depth(units, level, total_units=total_units)
        fields: dict[str, object] = {
            "type": "orderbook",
            "code": market.code,
            "timestamp": market.book_ms,
            "total_ask_size": depth.total_ask,
            "total_bid_size": depth.total_bid,
            "orderbook_units": depth.units,
        }
        if self._region == "kr":
            fields["level"] = level
        return Event("orderbook", market.code, fields)

    def _candle(self, market: Market, unit: str, candle: Candle | None) -> Event:
        assert candle is not None, "a market that has traded has a candle of every unit"
        sent = self.answers.candle_timestamp == "sent"
        timestamp = max(self.clock.now_ms(), candle.last_ms) if sent else None
        return candle.event(unit, market.code, kst=self._region == "kr", timestamp=timestamp)

    # What moves it.

    def trade(
        self, code: str, price: Decimal | None = None, volume: Decimal | None = None, side: TradeSide | None = None
    ) -> Trade:
        market = self.market(code)
        if price is not None:
            side = side or market.side_for(price)
            self.on_sweep(market, price, side)
        return self._execute(market, price, volume, side)

    def _execute(
        self, market: Market, price: Decimal | None = None, volume: Decimal | None = None, side: TradeSide | None = None
    ) -> Trade:
        trade = market.trade(self.clock.now_ms(), price, volume, side)
        self.send_trade(market, trade)
        self.on_trade(market, trade)
        return trade

    def step(self, market: Market) -> None:
        """Let one thing happen to a market: every third time a trade, else a change of its book."""
        if self._rng.random() < 0.34:
            self._execute(market)
        else:
            market.stir(self.clock.now_ms())
            self.book_changed(market)

    def tick(self, count: int, code: str | None = None) -> None:
        """Let `count` things happen, to `code` or to markets drawn at random, some busier than others."""
        if code is not None:
            market = self.market(code)
            for _ in range(count):
                self.step(market)
            return
        for _ in range(count):
            self.step(self._draw())

    def _draw(self) -> Market:
        # Squaring crowds the draw towards the head of the list: of a hundred, the first is drawn every tenth time.
        return self._order[int(self._rng.random() ** 2 * len(self._order))]

    # The messages.

    def send_trade(self, market: Market, trade: Trade, *, only: frozenset[str] | None = None) -> None:
        """Send what follows from a trade: the trade itself, the ticker, the book, the candles.

        `only` names the types to send, where the others come from a recording.
        """
        code = market.code
        if only is None or "trade" in only:
            event = market.trade_event(trade, self.answers.best_prices)
            self.recorded.pop(("trade", code), None)
            self._send("trade", code, lambda _level, _units: event)
        if only is None or "ticker" in only:
            self._changed("ticker", code, paced=self.paced and self.answers.tickers == "conflated")
        if only is None or "orderbook" in only:
            self.book_changed(market)
        if only is None or "candle" in only:
            for type_ in _CANDLES:
                if self._wanted(type_, code):
                    self._changed(type_, code, paced=self.paced)
                else:
                    self.recorded.pop((type_, code), None)

    def repeat_trade(self, code: str) -> int:
        """Send the last trade once more, as can happen around a reconnect; return its id."""
        market = self.market(code)
        event = market.trade_event(market.last, self.answers.best_prices)
        self._send("trade", market.code, lambda _level, _units: event)
        return market.last.sequential_id

    def repeat_candle(self, code: str, unit: str) -> None:
        """Send the candle before the newest once more: a late one, behind one that began later."""
        market = self.market(code)
        closed = market.series[unit].closed
        if not closed:
            raise ValueError(f"{code} has no closed {unit} candle yet: trade, advance() the clock, and trade again")
        self._send(f"candle.{unit}", code, lambda _level, _units: self._candle(market, unit, closed[-1]))

    def send_recorded(self, message: Recorded) -> None:
        """Send a message of a recording; it is the newest of its stream now."""
        type_, code = message.type, message.code
        self.recorded[type_, code] = message

        def make(level: Decimal, units: int) -> Event:
            return self.current(type_, code, level, units) if level else message.cut(units)

        self._send(type_, code, make)

    def book_changed(self, market: Market) -> None:
        self._changed("orderbook", market.code, paced=self.paced)

    def flush(self) -> None:
        """Send at once what waits for its grid."""
        for type_, code in sorted(self._due):
            self._flush(type_, code)

    def _changed(self, type_: str, code: str, *, paced: bool) -> None:
        self.recorded.pop((type_, code), None)
        if not paced:
            self._send_current(type_, code)
        elif (type_, code) not in self._due:
            self._due.add((type_, code))
            self._agenda.at(self._grid(type_, code), lambda: self._flush(type_, code))

    def _grid(self, type_: str, code: str) -> float:
        """Return the next time at which messages of this kind leave; each market has a phase of its own."""
        now_ms = self.clock.now_ms()
        period = 1000 if type_.startswith("candle") else _GRID_MS
        phase = sum(code.encode()) * 37 % period
        return (now_ms + (phase - now_ms) % period or period) / 1000

    def _flush(self, type_: str, code: str) -> None:
        if (type_, code) in self._due:
            self._due.discard((type_, code))
            if code in self.markets:
                self._send_current(type_, code)

    def _send_current(self, type_: str, code: str) -> None:
        self._send(type_, code, partial(self.current, type_, code))

    def _send(self, type_: str, code: str, make: Callable[[Decimal, int], Event]) -> None:
        # Candles are left out of the count: they come on top, at most one a second each.
        self._produced += not type_.startswith("candle")
        self._publish(type_, code, make)

    # Traffic.

    def set_traffic(self, rate: float) -> None:
        """Let about `rate` tickers, trades and books a second happen; 0 stops it."""
        running = self._rate > 0
        self._rate, self._owed = rate, 0.0
        self.paced = self.paced or rate > 0
        if rate > 0 and not running:
            self._pumped_at = self.clock.now()
            self._agenda.after(_PUMP_SECONDS, self._pump)

    def _pump(self) -> None:
        if self._rate <= 0:
            return
        now = self.clock.now()
        # A machine that stood still or is too slow, or a clock that jumped, does not owe a flood.
        self._owed = min(self._owed + self._rate * (now - self._pumped_at), self._rate * _MOST_OWED)
        self._pumped_at = now
        # Books left on their grids since the last time; they count as produced.
        self._owed -= self._produced
        self._produced = 0
        deadline = time.monotonic() + _PUMP_BUDGET
        while self._owed > self._produced and (self.clock.frozen or time.monotonic() < deadline):
            self.step(self._draw())
            if self._produced == 0 and len(self._due) >= len(self._order):
                # Every book waits for its grid, so only trades make messages now.
                self._execute(self._draw())
        behind = self._owed > self._produced
        self._agenda.after(_PUMP_BUDGET / 2 if behind else _PUMP_SECONDS, self._pump)

    # Days.

    def roll_day(self) -> None:
        """Begin the new trading day in every market and, if the exchange does so, say it without a trade."""
        now_ms = self.clock.now_ms()
        for market in self.markets.values():
            if market.figures.roll(now_ms):
                market.ticker_ms = now_ms
                self._send_current("ticker", market.code)
