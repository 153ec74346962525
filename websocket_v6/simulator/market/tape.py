"""The messages that follow from what happens in the markets: at once, at the exchange's pace, or late by the weather.

At the pace of the exchange a book is sent on its market's own 100 ms grid; else a change is sent at once, which makes a
test's next line certain. A candle is sent at most once a second in any case.

Source: Upbit WebSocket reference, "orderbook" (cadence), "candle"; what it leaves open is decided by `Answers`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from random import Random

from ..answers import Answers
from ..clock import Agenda, Clock
from ..weather import Weather
from .candles import SECONDS, Candle
from .display import TOLD, Display, Recorded
from .one_market import Market
from .passage import Make, Passage
from .trades import Trade
from .wording import Bulletin

__all__ = ["Publish", "Tape"]

# Called with a type, a code and a maker of the message for (level, units); makes it only if somebody wants it.
Publish = Callable[[str, str, Make], None]

_GRID_MS = 100
_CANDLE_SECONDS = 1.0
_CANDLES = tuple(f"candle.{unit}" for unit in SECONDS if unit != "1d")


class Tape:
    """What goes out of all markets of one exchange."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        display: Display,
        *,
        clock: Clock,
        agenda: Agenda,
        answers: Answers,
        publish: Publish,
        wanted: Callable[[str, str], bool],
        paced: bool,
        weather: Weather,
        rng: Random,
    ) -> None:
        self.paced = paced
        self.produced = 0  # tickers, trades and books made; whoever counts sets it back
        self._markets = markets
        self._display = display
        self._clock = clock
        self._agenda = agenda
        self._answers = answers
        self._publish = publish
        self._wanted = wanted
        self._order = weather.order
        self._rng = rng
        self._passage: Passage | None = None
        if weather.delays:
            self._passage = Passage(weather, clock=clock, agenda=agenda, rng=rng, send=self._tell)
        self._due: set[tuple[str, str]] = set()  # (type, code) that wait for their time
        self._unsent: dict[
            tuple[str, str], list[Candle]
        ] = {}  # what a trade changed since the last flush, oldest first
        self._flushed: dict[tuple[str, str], float] = {}  # when a candle was last sent

    @property
    def waiting(self) -> int:
        """How many streams wait for their time."""
        return len(self._due)

    def send_trade(self, market: Market, trade: Trade, *, only: frozenset[str] | None = None) -> None:
        """Send what follows from a trade: the trade itself, the ticker, the book, the candles.

        `only` names the types to send, where the others come from a recording.
        """
        code = market.code
        for type_ in self._order:
            if only is not None and type_ not in only:
                continue
            if type_ == "trade":
                self._display.recorded.pop(("trade", code), None)
                if self._passage is None or self._wanted("trade", code):
                    self._leave("trade", code, trade.told_ms, _always(self._display.trade(trade)))
                else:
                    self._forget("trade", code)
            elif type_ == "ticker":
                self._changed("ticker", code, paced=self.paced and self._answers.tickers == "conflated")
            elif type_ == "orderbook":
                self.book_changed(market)
            else:
                self._candles_changed(market)

    def send_recorded(self, message: Recorded) -> None:
        """Send a message of a recording; it is the newest of its stream now."""
        type_, code = message.type, message.code
        self._display.recorded[type_, code] = message

        def make(level: Decimal, units: int) -> Bulletin:
            return self._display.current(type_, code, level, units) if level else message.cut(units)

        self._count(type_)
        self._publish(type_, code, make)

    def send_current(self, type_: str, code: str) -> None:
        """Send what a stream has to say now."""
        market = self._markets[code]
        if self._passage is None:
            self._count(type_)
            self._publish(type_, code, partial(self._display.current, type_, code))
        elif not self._wanted(type_, code):
            self._count(type_)
            self._forget(type_, code)
        elif type_ == "ticker":
            self._leave("ticker", code, market.ticker_ms, _always(self._display.ticker(market)))
        else:
            book = partial(self._display.book, market, market.book.copy(), market.book_ms)
            self._leave("orderbook", code, market.book_ms, book)

    def book_changed(self, market: Market) -> None:
        self._changed("orderbook", market.code, paced=self.paced)

    def repeat_trade(self, market: Market) -> int:
        """Send the last trade once more, as can happen around a reconnect; return its id."""
        self._leave("trade", market.code, market.last.told_ms, _always(self._display.trade(market.last)))
        return market.last.sequential_id

    def repeat_candle(self, market: Market, unit: str) -> None:
        """Send the candle before the newest once more: a late one, behind one that began later."""
        code, closed = market.code, market.series[unit].closed
        if not closed:
            raise ValueError(f"{code} has no closed {unit} candle yet: trade, advance() the clock, and trade again")
        self._send_candle(market, unit, closed[-1])

    # Where messages are late.

    def begin(self, type_: str, code: str) -> None:
        """Note that somebody takes a stream from now on: what it would say now counts as told."""
        market = self._markets[code]
        key = (type_, code)
        if self._passage is None or market.quiet or type_ not in TOLD or key in self._display.told:
            return
        if not self._passage.is_waiting(type_, code):
            self._display.told[key] = self._display.kept(type_, market)

    def is_first_on_its_way(self, type_: str, code: str) -> bool:
        """Whether a stream has not told anything yet, and is about to."""
        key = (type_, code)
        return self._passage is not None and key not in self._display.told and self._passage.is_waiting(type_, code)

    # The pace.

    def flush(self) -> None:
        """Send at once what waits for its time."""
        for type_, code in sorted(self._due):
            self._flush(type_, code)
        if self._passage is not None:
            self._passage.flush()

    def _changed(self, type_: str, code: str, *, paced: bool) -> None:
        self._display.recorded.pop((type_, code), None)
        if not paced:
            self.send_current(type_, code)
        elif (type_, code) not in self._due:
            self._wait_until(self._grid(code, _GRID_MS), type_, code)

    def _candles_changed(self, market: Market) -> None:
        code = market.code
        for type_ in self._candle_types():
            key = (type_, code)
            self._display.recorded.pop(key, None)
            if not self._wanted(type_, code):
                self._unsent.pop(key, None)
                continue
            candle = market.series[type_[7:]].newest
            assert candle is not None, "there was a trade"
            unsent = self._unsent.setdefault(key, [])
            if candle not in unsent[-1:]:
                unsent.append(candle)
            if key in self._due:
                continue
            again = self._flushed.get(key, 0.0) + _CANDLE_SECONDS
            if self.paced:
                self._wait_until(self._grid(code, 1000), type_, code)
            elif again > self._clock.now():
                self._wait_until(again, type_, code)
            else:
                self._flush_candles(type_, code)

    def _candle_types(self) -> Sequence[str]:
        if self._answers.candle_units == "any":
            return self._rng.sample(_CANDLES, len(_CANDLES))
        return _CANDLES if self._answers.candle_units == "short_first" else _CANDLES[::-1]

    def _wait_until(self, due: float, type_: str, code: str) -> None:
        self._due.add((type_, code))
        self._agenda.at(due, lambda: self._flush(type_, code, due))

    def _grid(self, code: str, period: int) -> float:
        """Return the next time at which messages of this kind leave; each market has a phase of its own."""
        now_ms = self._clock.now_ms()
        return (now_ms + (_phase(code, period) - now_ms) % period or period) / 1000

    def _flush(self, type_: str, code: str, due: float | None = None) -> None:
        if (type_, code) not in self._due:
            return
        self._due.discard((type_, code))
        market = self._markets.get(code)
        if market is None:
            return
        if type_.startswith("candle"):
            self._flush_candles(type_, code)
            return
        if type_ == "orderbook" and due is not None:
            # A book of the grid has the time of the grid, however late this machine is.
            market.book_ms = round(due * 1000)
        self.send_current(type_, code)

    def _flush_candles(self, type_: str, code: str) -> None:
        """Send the candles that trades have changed since the last time."""
        changed = self._unsent.pop((type_, code), [])
        self._flushed[type_, code] = self._clock.now()
        if self._answers.candle_flush == "newest":
            changed = changed[-1:]
        elif self._answers.candle_flush == "newest_first":
            changed.reverse()
        for candle in changed:
            self._send_candle(self._markets[code], type_[7:], candle)

    def _send_candle(self, market: Market, unit: str, candle: Candle) -> None:
        self._publish(f"candle.{unit}", market.code, _always(self._display.candle(market, unit, candle)))

    # The way out.

    def _leave(self, type_: str, code: str, told_ms: int, make: Make) -> None:
        self._count(type_)
        if self._passage is None:
            self._publish(type_, code, make)
        else:
            self._passage.put(type_, code, told_ms, make)

    def _tell(self, type_: str, code: str, make: Make) -> None:
        self._display.told[type_, code] = make
        self._publish(type_, code, make)

    def _forget(self, type_: str, code: str) -> None:
        """Note that nobody takes a stream: its next snapshot is of the market as it is then."""
        self._display.told.pop((type_, code), None)
        if self._passage is not None:
            self._passage.void(type_, code)

    def _count(self, type_: str) -> None:
        # Candles are left out: they come on top, at most one a second each.
        self.produced += not type_.startswith("candle")


@lru_cache(maxsize=4096)
def _phase(code: str, period: int) -> int:
    return sum(code.encode()) * 37 % period


def _always(bulletin: Bulletin) -> Make:
    """Return a maker for what has no levels."""
    return lambda _level, _units: bulletin
