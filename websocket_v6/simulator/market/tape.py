"""The messages that follow from what happens in the markets, at once or at the exchange's pace.

At the pace of the exchange a book is sent on its market's own 100 ms grid and candles once a second; else a change is
sent at once, which makes a test's next line certain.

Source: Upbit WebSocket reference, "orderbook" (cadence), "candle".
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from ..answers import Answers
from ..clock import Agenda, Clock
from .candles import SECONDS
from .display import Display, Recorded
from .one_market import Market
from .trades import Trade
from .wording import Bulletin

__all__ = ["Publish", "Tape"]

# Called with a type, a code and a maker of the message for (level, units); makes it only if somebody wants it.
Publish = Callable[[str, str, Callable[[Decimal, int], Bulletin]], None]

_GRID_MS = 100
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
    ) -> None:
        self.paced = paced
        self.produced = 0  # tickers, trades and books sent; whoever counts sets it back
        self._markets = markets
        self._display = display
        self._clock = clock
        self._agenda = agenda
        self._answers = answers
        self._publish = publish
        self._wanted = wanted
        self._due: set[tuple[str, str]] = set()  # (type, code) that wait for their grid

    @property
    def waiting(self) -> int:
        """How many streams wait for their grid."""
        return len(self._due)

    def send_trade(self, market: Market, trade: Trade, *, only: frozenset[str] | None = None) -> None:
        """Send what follows from a trade: the trade itself, the ticker, the book, the candles.

        `only` names the types to send, where the others come from a recording.
        """
        code = market.code
        if only is None or "trade" in only:
            bulletin = self._display.trade(trade)
            self._display.recorded.pop(("trade", code), None)
            self._send("trade", code, lambda _level, _units: bulletin)
        if only is None or "ticker" in only:
            self._changed("ticker", code, paced=self.paced and self._answers.tickers == "conflated")
        if only is None or "orderbook" in only:
            self.book_changed(market)
        if only is None or "candle" in only:
            for type_ in _CANDLES:
                if self._wanted(type_, code):
                    self._changed(type_, code, paced=self.paced)
                else:
                    self._display.recorded.pop((type_, code), None)

    def send_recorded(self, message: Recorded) -> None:
        """Send a message of a recording; it is the newest of its stream now."""
        type_, code = message.type, message.code
        self._display.recorded[type_, code] = message

        def make(level: Decimal, units: int) -> Bulletin:
            return self._display.current(type_, code, level, units) if level else message.cut(units)

        self._send(type_, code, make)

    def send_current(self, type_: str, code: str) -> None:
        self._send(type_, code, partial(self._display.current, type_, code))

    def book_changed(self, market: Market) -> None:
        self._changed("orderbook", market.code, paced=self.paced)

    def repeat_trade(self, market: Market) -> int:
        """Send the last trade once more, as can happen around a reconnect; return its id."""
        bulletin = self._display.trade(market.last)
        self._send("trade", market.code, lambda _level, _units: bulletin)
        return market.last.sequential_id

    def repeat_candle(self, market: Market, unit: str) -> None:
        """Send the candle before the newest once more: a late one, behind one that began later."""
        code, closed = market.code, market.series[unit].closed
        if not closed:
            raise ValueError(f"{code} has no closed {unit} candle yet: trade, advance() the clock, and trade again")
        self._send(f"candle.{unit}", code, lambda _level, _units: self._display.candle(market, unit, closed[-1]))

    # The pace.

    def flush(self) -> None:
        """Send at once what waits for its grid."""
        for type_, code in sorted(self._due):
            self._flush(type_, code)

    def _changed(self, type_: str, code: str, *, paced: bool) -> None:
        self._display.recorded.pop((type_, code), None)
        if not paced:
            self.send_current(type_, code)
        elif (type_, code) not in self._due:
            self._due.add((type_, code))
            self._agenda.at(self._grid(type_, code), lambda: self._flush(type_, code))

    def _grid(self, type_: str, code: str) -> float:
        """Return the next time at which messages of this kind leave; each market has a phase of its own."""
        now_ms = self._clock.now_ms()
        period = 1000 if type_.startswith("candle") else _GRID_MS
        phase = sum(code.encode()) * 37 % period
        return (now_ms + (phase - now_ms) % period or period) / 1000

    def _flush(self, type_: str, code: str) -> None:
        if (type_, code) in self._due:
            self._due.discard((type_, code))
            if code in self._markets:
                self.send_current(type_, code)

    def _send(self, type_: str, code: str, make: Callable[[Decimal, int], Bulletin]) -> None:
        # Candles are left out of the count: they come on top, at most one a second each.
        self.produced += not type_.startswith("candle")
        self._publish(type_, code, make)
