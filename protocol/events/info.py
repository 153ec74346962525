"""Announcements, indicators, and whatever type the exchange adds one day.

Source: Upbit WebSocket reference, "announcement", "indicator", "indicator_signal".
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Self

import msgspec

from websocket_v6.protocol.exchange import short_names

from .base import COMMON, Event, MarketEvent
from .codec import MALFORMED, checked_text, keep_minus_zero, malformed
from .fields import Field, Number, optional_text, text, to_kind
from .plain import plain

__all__ = ["AnnouncementEvent", "GenericEvent", "IndicatorEvent", "IndicatorSignalEvent"]


class AnnouncementEvent(Event, frozen=True, gc=False, eq=False):
    """A notice, created or updated; its `symbol` is its category.

    `first_listed_at` and `listed_at` are ISO 8601 in KST with "+09:00". `body` is Markdown, None where it was not asked
    for or is large.

    >>> notices = proxy.subscribe_announcement(categories=["notice"])
    >>> sim.wait_served({"announcement *"}, 10, endpoint="private")
    >>> uuid = sim.announce("A new market")
    >>> notices.get(timeout=5.0).title
    'A new market'
    """

    __match_args__ = COMMON

    event_type = text("et", "CREATED or UPDATED")
    uuid = text("uid", "Identifies the notice")
    title = text("tt", "Its title")
    category = text("cat", "Its category, such as trade or maintenance")
    url = text("url", "Where it is on the exchange's site")
    first_listed_at = text("flat", "When it was first listed, ISO 8601 with +09:00")
    listed_at = text("lat", "When it was listed last, ISO 8601 with +09:00")
    body = optional_text("bd", "Its text, Markdown, where it was asked for and is not too large")

    def without_body(self) -> Self:
        """Return this event as those get it who did not ask for bodies."""
        return self._view_with("body", None)


_decode_object = msgspec.json.Decoder(dict[str, Any] | None, float_hook=Decimal).decode
_decode_numbers = msgspec.json.Decoder(dict[str, Decimal | None] | None).decode


def _read_params(raw: msgspec.Raw, number: Number) -> Mapping[str, int | Decimal | str]:
    return _named(short_names.PARAMS, _decode_object(_text_of(raw)), number)


def _read_event_params(raw: msgspec.Raw, number: Number) -> Mapping[str, int | Decimal]:
    return _named(short_names.EVENT_PARAMS, _decode_object(_text_of(raw)), number)


def _read_value(raw: msgspec.Raw, number: Number) -> Mapping[str, Decimal]:
    values = _decode_numbers(_text_of(raw))
    if not all(value is None or value.is_finite() for value in (values or {}).values()):
        raise ValueError("a value that is not finite")
    return _named(short_names.VALUE, values, number)


def _text_of(raw: msgspec.Raw) -> str:
    return keep_minus_zero(bytes(raw).decode())


def _named(names: Mapping[str, str], values: Mapping[str, Any] | None, number: Number) -> Mapping[str, Any]:
    full = {names.get(name, name): value for name, value in (values or {}).items()}
    if type(full.get("multiplier")) is int:  # 2 and 2.0 are one multiplier
        full["multiplier"] = Decimal(full["multiplier"])
    shown: Any = plain if number is Decimal else lambda value: to_kind(value, number)
    full = {name: shown(value) if isinstance(value, Decimal) else value for name, value in full.items()}
    return MappingProxyType(full)


class IndicatorEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """One indicator of one market at the close of a candle, which started at `candle_date_time_utc`.

    `params` and `value` have the exchange's full names, whatever the format; which ones depends on `indicator`. Periods
    are ints, multipliers and all of `value` decimals.

    >>> rsi = {"type": "rsi", "params": {"period": 14}}
    >>> indicators = proxy.subscribe_indicator(["KRW-BTC"], timeframe="5m", indicators=[rsi])
    >>> indicators.symbols
    ('KRW-BTC',)
    """

    __match_args__ = COMMON

    timeframe = text("tf", "5m, 15m, 60m, 240m or 1d")
    indicator = text("ind", "Which one: volume, rsi, moving_average, ma_crossover, bollinger_bands or macd")
    params = Field("p", msgspec.Raw, _read_params, meaning="What it is computed with, by name", kind="mapping")
    candle_date_time_utc = text("cdttmu", "Start of the candle, UTC, yyyy-MM-ddTHH:mm:ss")
    value = Field("v", msgspec.Raw, _read_value, meaning="What it is, by name", kind="mapping of Decimal")


class IndicatorSignalEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """A condition on an indicator that has become true at the close of a candle.

    As IndicatorEvent, and `trigger` with its `event_params`, empty for a trigger that has none.

    >>> oversold = {"type": "rsi", "params": {"period": 14}, "trigger": "oversold", "event_params": {"threshold": 30}}
    >>> signals = proxy.subscribe_indicator_signal(["KRW-BTC"], timeframe="5m", indicators=[oversold])
    >>> signals.symbols
    ('KRW-BTC',)
    """

    __match_args__ = COMMON

    timeframe = text("tf", "5m, 15m, 60m, 240m or 1d")
    indicator = text("ind", "Which one: volume, rsi, moving_average, ma_crossover, bollinger_bands or macd")
    params = Field("p", msgspec.Raw, _read_params, meaning="What it is computed with, by name", kind="mapping")
    trigger = text("tr", "The condition that came true, such as oversold")
    event_params = Field(
        "ep", msgspec.Raw, _read_event_params, meaning="What the trigger was given, by name", kind="mapping"
    )
    candle_date_time_utc = text("cdttmu", "Start of the candle, UTC, yyyy-MM-ddTHH:mm:ss")
    value = Field("v", msgspec.Raw, _read_value, meaning="What it is, by name", kind="mapping of Decimal")


class GenericEvent(Event, frozen=True, gc=False, eq=False):
    """A message of a type that this version does not know; `symbol` is its code, or "*".

    >>> (ticker,) = proxy.get_ticker_snapshot("KRW-BTC")
    >>> isinstance(ticker, GenericEvent)  # of a type that is known here
    False
    """

    __match_args__ = COMMON

    # These keys may mean anything in a message of an unknown type.
    timestamp = Field[Any](
        "tms",
        Any,
        lambda value, _: value if type(value) is int else None,
        meaning="Unix milliseconds, presumably",
        kind="int or None",
    )
    stream_type = Field[Any](
        "st",
        Any,
        lambda value, _: value if isinstance(value, str) else None,
        meaning="SNAPSHOT or REALTIME, presumably",
        kind="str or None",
    )

    @property
    def fields(self) -> Mapping[str, Any]:
        """The message as sent, under its own names: integers as int, other numbers exact."""
        text = keep_minus_zero(checked_text(self._payload))
        try:
            return _named({}, _decode_object(text), self._codec.number)
        except MALFORMED as exc:
            raise malformed(self.stream, text, exc) from exc
