"""What the newest values of this process's streams say of a market: how it stands, and when something last came of it.

Read from the router's last values, without a message to anybody (`actors/delivery/last_values.py`).
"""

import contextlib
import time
from collections.abc import Iterable, Mapping

from websocket_v6.actors.delivery.last_values import LastValues
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import AnnouncementEvent, TickerEvent
from websocket_v6.protocol.exchange.codes import CANDLE_INTERVALS
from websocket_v6.protocol.exchange.streams import stream_of
from websocket_v6.protocol.markets.signs import Standing

__all__ = ["announcements", "last_heard", "standings"]

TYPES = ("ticker", "trade", "orderbook", *(f"candle.{interval}" for interval in CANDLE_INTERVALS))
TRADING = ("trade", "trading")  # categories of announcements: of Korea, of the other regions


def last_heard(values: LastValues, codes: Iterable[str]) -> Mapping[str, float]:
    """Return when something last came of each code, monotonic seconds; without those of which nothing has."""
    now, now_ns = time.monotonic(), time.time_ns()
    heard = {}
    for code in codes:
        events = (values.of(stream_of(type_, code)) for type_ in TYPES)
        ages = [(now_ns - event.received_at) / 1e9 for event in events if event is not None]
        if ages:
            heard[code] = now - max(0.0, min(ages))
    return heard


def standings(values: LastValues, codes: Iterable[str]) -> Mapping[str, Standing]:
    """Return how each market stands, as far as its ticker and its book run here."""
    now_ns = time.time_ns()
    found = {}
    for code in codes:
        ticker, book = values.of(stream_of("ticker", code)), values.of(stream_of("orderbook", code))
        state = delisting = None
        if isinstance(ticker, TickerEvent):
            with contextlib.suppress(RemoteProtocolError):  # whoever takes it reports that
                state, delisting = ticker.market_state, ticker.delisting_date
        age = None if book is None else max(0.0, (now_ns - book.received_at) / 1e9)
        if ticker is not None or book is not None:
            found[code] = Standing(state, delisting, age)
    return found


def announcements(values: LastValues) -> list[str]:
    """Return the ids of the newest announcements about trading, if this process has any."""
    found = []
    for category in TRADING:
        event = values.of(stream_of("announcement", category))
        if isinstance(event, AnnouncementEvent):
            try:
                found.append(f"{event.uuid} {event.event_type}")
            except RemoteProtocolError:
                continue
    return found
