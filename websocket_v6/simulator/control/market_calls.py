"""What moves the markets of a simulator: the part of its face that concerns what is public."""

from collections.abc import Collection, Mapping
from datetime import datetime
from os import PathLike

from ..exact import Number
from ..market.trades import TradeSide
from .remote import Remote

__all__ = ["MarketCalls"]


class MarketCalls(Remote):
    """Trades and books, traffic, time, recordings, listings, notices and indicators."""

    def trade(
        self,
        code: str,
        price: Number | None = None,
        volume: Number | None = None,
        side: TradeSide | None = None,
        *,
        sweep: bool = False,
    ) -> int:
        """Let a trade happen and return its sequential id; what is not given, the market makes up.

        A price away from the book moves the book there: by this one trade, or with `sweep` as on the exchange, where
        each level in between is a trade of its own in the same millisecond, and this one the last.
        In calm weather trade, ticker, orderbook and candles have gone out in this order when the call returns; else
        each comes in its own time.
        """
        number: int = self._call("trade", code, price, volume, side, sweep=sweep)
        return number

    def tick(self, count: int = 1, code: str | None = None) -> None:
        """Let `count` things happen at once, trades and changes of books, in one market or in all."""
        self._call("crowd.tick", count, code)

    def flush(self) -> None:
        """Send what waits for its time: books and candles for their grid, and all that the weather holds up."""
        self._call("floor.tape.flush")

    def set_traffic(self, rate: float) -> None:
        """Let the markets make about `rate` messages a second by themselves; 0 stops them."""
        self._call("crowd.set_traffic", rate)

    def advance(self, seconds: float, *, idle: bool = True) -> None:
        """Let `seconds` of the simulator's time pass at once: timers, limits, the trading day.

        With `idle`, connections are silent meanwhile, and after 60 s of that they are cut. Traffic rests meanwhile,
        unless time is frozen.
        """
        self._call("advance", seconds, idle=idle)

    def scenario(self, name: str, code: str | None = None) -> float:
        """Begin a scripted sequence and return how many seconds of the simulator's time it lasts.

        "flash crash", "listing", "delisting", "maintenance", "midnight" or "key expires"; docs/simulator.md has the
        scripts. `code` is another market than the script's.
        """
        seconds: float = self._call("scenario", name, code)
        return seconds

    def now(self) -> float:
        """Return the simulator's time, seconds since 1970."""
        seconds: float = self._call("clock.now")
        return seconds

    def play(self, path: str | PathLike[str], speed: float | None = 1.0, *, wait: bool = False) -> int:
        """Play a recording (`capture.py` tells its form) and return how many messages it has.

        At `speed` times its own pace, in the background unless `wait`; with `speed=None` at once. The markets it names
        begin anew, at its first prices and times.
        """
        count: int = self._call("player.play", str(path), speed, wait=wait)
        return count

    def is_playing(self) -> bool:
        playing: bool = self._call("player.is_playing")
        return playing

    def stop_playing(self) -> None:
        self._call("player.stop_playing")

    def list_market(
        self, code: str, price: Number | None = None, *, state: str = "ACTIVE", traded: bool = True
    ) -> None:
        """Add a market, a new listing, or begin one anew.

        With `traded=False` it is on the list and silent until its first trade, as a listing in the hours before
        (`state="PREVIEW"`) is.
        """
        self._call("list_market", code, price, state=state, traded=traded)

    def warn(self, code: str, *, warning: bool = True, cautions: Collection[str] = ()) -> None:
        """Set what the market list says of a market: the warning and all cautions; its ticker is sent.

        Cautions: PRICE_FLUCTUATIONS, TRADING_VOLUME_SOARING, DEPOSIT_AMOUNT_SOARING, GLOBAL_PRICE_DIFFERENCES,
        CONCENTRATION_OF_SMALL_ACCOUNTS.
        """
        self._call("floor.warn", code, warning, frozenset(cautions))

    def suspend(self, code: str, suspended: bool = True) -> None:
        """Suspend trading in a market, or let it go on: its ticker says so, and the desk takes no orders."""
        self._call("floor.suspend", code, suspended)

    def remove_market(self, code: str) -> None:
        """Take a market off the list; who subscribed to it hears nothing any more."""
        self._call("floor.remove_market", code)

    def set_market_state(self, code: str, state: str = "ACTIVE", delisting: datetime | None = None) -> None:
        """Set what the ticker says of a market (PREVIEW, ACTIVE, DELISTED; the day it ends), and send it."""
        self._call("floor.set_state", code, state, delisting)

    # Announcements and indicators.

    def announce(
        self, title: str, category: str = "notice", body: str | None = None, update_of: str | None = None
    ) -> str:
        """Publish a notice, or a new version of the notice `update_of`, and return its uuid."""
        uuid: str = self._call("board.announce", title, category, body, update_of)
        return uuid

    def close_candle(self, code: str, timeframe: str, price: Number | None = None) -> None:
        """Let time pass to the end of a candle (`5m`, `15m`, `60m`, `240m`, `1d`), which closes at `price` if given.

        The indicators and signals that follow are computed from the candles; no connection counts as idle meanwhile.
        """
        self._call("close_candle", code, timeframe, price)

    def indicate(
        self, code: str, timeframe: str, indicator: str, value: Mapping[str, Number], trigger: str = ""
    ) -> None:
        """Send a value of one's own for an indicator, or with `trigger` for a signal, to those who subscribed to it."""
        self._call("closes.indicate", code, timeframe, indicator, dict(value), trigger)

    # What the exchange does now and then.

    def mute(self, code: str) -> None:
        """Let a code fall silent without a word, as a delisted one does; it stays in `served`."""
        self._call("broadcast.mute", code)

    def unmute(self, code: str) -> None:
        self._call("broadcast.unmute", code)

    def repeat_candle(self, code: str, unit: str = "1m") -> None:
        """Send the candle before the newest once more, as a late correction."""
        self._call("floor.repeat_candle", code, unit)

    def duplicate_last_trade(self, code: str) -> int:
        """Send the last trade of a market once more, with the same sequential id, and return that."""
        number: int = self._call("floor.repeat_trade", code)
        return number
