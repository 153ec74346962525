"""All markets of an exchange: which there are, and what happens in them; `tape.py` sends what follows.

Source: Upbit WebSocket reference, "ticker", "Market codes".
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from random import Random

from ..answers import Answers
from ..clock import Agenda, Clock
from ..weather import Weather
from .catalog import CAUTIONS, Listing, is_code
from .display import TOLD, Display
from .one_market import Market
from .passage import Lateness
from .tape import Publish, Tape
from .trades import Trade, TradeSide

__all__ = ["TradingFloor"]

_ENDED_KEPT = 1000  # markets
_DAYS = 1000  # for which the markets of the beginning have been listed


class TradingFloor:
    """The markets by their code, with their display and their tape."""

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
        weather: Weather | None = None,
    ) -> None:
        self.clock = clock
        self._weather = weather or Weather.calm()
        self.markets: dict[str, Market] = {}
        self.order: list[Market] = []  # those that trade, as they were listed; one that begins anew keeps its place
        self.display = Display(self.markets, clock=clock, answers=answers, region=region)
        self.tape = Tape(
            self.markets,
            self.display,
            clock=clock,
            agenda=agenda,
            answers=answers,
            publish=publish,
            wanted=wanted,
            paced=paced,
            weather=self._weather,
            rng=Random(f"{seed} way"),  # noqa: S311
        )
        self._seed = seed
        self._listed_at: dict[str, float] = {}
        self._ended: deque[tuple[float, float, Market]] = deque(maxlen=_ENDED_KEPT)  # listed at, ended at, which
        # The order desk's: called before a trade at a given price, and after every trade.
        self.on_sweep: Callable[[Market, Decimal, TradeSide], None] = lambda _market, _price, _side: None
        self.on_trade: Callable[[Market, Trade], None] = lambda _market, _trade: None
        for code in codes:
            self.list_market(code, days=_DAYS)

    # The markets.

    def list_market(
        self,
        code: str,
        price: Decimal | None = None,
        *,
        ms: int | None = None,
        days: int = _DAYS,
        state: str = "ACTIVE",
        traded: bool = True,
    ) -> Market:
        """Add a market, or begin one anew; its numbers depend on the seed and its code alone.

        It has been listed for so many `days`. Without being `traded` it is silent until its first trade.
        """
        if not is_code(code):
            raise ValueError(f"{code!r} is not a market code: write QUOTE-BASE in upper case, such as 'KRW-BTC'")
        rng = Random(f"{self._seed} {code}")  # noqa: S311
        # Every third BTC market is thin, so that its books have empty slots.
        thin = code.startswith("BTC-") and rng.random() < 0.34
        market = Market(
            Listing.of(code, rng, price),
            rng,
            ms or self.clock.now_ms(),
            depth=12 if thin else 40,
            days=days,
            # A market of a recording has its own time.
            now=self.clock.now_ms if ms is None else None,
            stamp=self._stamp(code) if ms is None and self._weather.delays else lambda at: at,
        )
        market.market_state = state
        for type_ in TOLD:
            self.display.told.pop((type_, code), None)
        before = self.markets.get(code)
        if not traded:
            market.hush()
            if before in self.order:
                self.order.remove(before)
        elif before in self.order:
            self.order[self.order.index(before)] = market
        else:
            self.order.append(market)
        self.markets[code] = market
        if before is None:
            self._listed_at[code] = 0.0 if days else self.clock.now()
        return market

    def _stamp(self, code: str) -> Callable[[int], int]:
        return Lateness(self._weather, Random(f"{self._seed} lag {code}")).stamp  # noqa: S311

    def remove_market(self, code: str) -> None:
        market = self.market(code)
        if market in self.order:
            self.order.remove(market)
        del self.markets[code]
        self._ended.append((self._listed_at.pop(code), self.clock.now(), market))

    def listed(self, as_of: float) -> list[Market]:
        """Return the markets that were on the list at a time, as they are called now."""
        ended = [market for begun, end, market in self._ended if begun <= as_of < end]
        return [market for code, market in self.markets.items() if self._listed_at[code] <= as_of] + ended

    def set_state(self, code: str, state: str, delisting: datetime | None = None) -> None:
        """Set `market_state` (PREVIEW, ACTIVE, DELISTED) and the day the market ends, and send the ticker."""
        market = self.market(code)
        market.market_state, market.delisting = state, delisting
        self._tell(market)

    def warn(self, code: str, warning: bool, cautions: frozenset[str]) -> None:
        """Set the warning and the cautions of a market, and send its ticker."""
        unknown = cautions - set(CAUTIONS)
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: no caution of the exchange; choose of {', '.join(CAUTIONS)}"
            )
        market = self.market(code)
        market.warning, market.cautions = warning, cautions
        self._tell(market)

    def suspend(self, code: str, suspended: bool) -> None:
        """Suspend trading in a market or let it go on, and send its ticker."""
        market = self.market(code)
        market.suspended = suspended
        self._tell(market)

    def _tell(self, market: Market) -> None:
        market.ticker_ms = self.clock.now_ms()
        if not market.quiet:
            self.tape.send_current("ticker", market.code)

    def market(self, code: str) -> Market:
        try:
            return self.markets[code]
        except KeyError:
            raise ValueError(f"{code!r} is not listed here: list_market({code!r}) adds it") from None

    # What happens in them.

    def trade(
        self,
        code: str,
        price: Decimal | None = None,
        volume: Decimal | None = None,
        side: TradeSide | None = None,
        *,
        sweep: bool = False,
    ) -> Trade:
        """Let a trade happen and return it; at a given price, what rests in between is filled first.

        With `sweep` that is all of it, each level by a trade of its own in the same millisecond; else only the orders
        placed through the simulator, and the rest of the book gives way.
        """
        market = self.market(code)
        ms = self.clock.now_ms()
        if price is not None:
            side = side or market.side_for(price)
            if sweep:
                for level in market.against(side).better_than(price):
                    self.execute(market, level.price, level.size, side, ms=ms)
            else:
                self.on_sweep(market, price, side)
        return self.execute(market, price, volume, side, ms=ms)

    def execute(
        self,
        market: Market,
        price: Decimal | None = None,
        volume: Decimal | None = None,
        side: TradeSide | None = None,
        *,
        ms: int | None = None,
    ) -> Trade:
        if market.quiet:
            self.order.append(market)
        trade = market.trade(self.clock.now_ms() if ms is None else ms, price, volume, side)
        self.tape.send_trade(market, trade)
        self.on_trade(market, trade)
        return trade

    def stir(self, market: Market) -> None:
        """Change a market's book as orders come and go; before its first trade nobody sees it."""
        if market.quiet:
            return
        market.stir(self.clock.now_ms())
        self.tape.book_changed(market)

    def repeat_trade(self, code: str) -> int:
        """Send the last trade once more; return its id."""
        return self.tape.repeat_trade(self.market(code))

    def repeat_candle(self, code: str, unit: str) -> None:
        """Send the candle before the newest once more."""
        self.tape.repeat_candle(self.market(code), unit)

    def push_tickers(self) -> None:
        """Say without a trade what the passing of time has done to every market."""
        now_ms = self.clock.now_ms()
        for market in self.markets.values():
            market.pass_time()
            if market.quiet:
                continue
            market.ticker_ms = now_ms
            self.tape.send_current("ticker", market.code)
