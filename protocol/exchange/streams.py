"""Streams: the identities by which messages are routed, such as "ticker KRW-BTC".

A stream is a plain string, type first, code second, whatever else tells two subscriptions of the exchange apart after
it. Streams are interned: the router compares and hashes them for every message. The depth of an order book is not
part of its stream, the exchange does not say it and the first levels of a deep book are the shallow one.

    ticker KRW-BTC      orderbook KRW-BTC@10000     candle.1m KRW-BTC     myAsset *     announcement trade
    indicator KRW-BTC 15m rsi(period=14)
    indicator_signal KRW-BTC 5m volume(period=20) volume_spike(multiplier=2.0)

Source: Upbit WebSocket reference, "Order-book extras", "indicator" (which parameters are equal).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from sys import intern
from typing import TypeAlias

__all__ = ["ANY", "MARKETS", "Stream", "indicator_stream", "plain_number", "split", "stream_of", "wildcard"]

Stream: TypeAlias = str
Parameters: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]

MARKETS = "markets"  # the data type of such a stream, and the endpoint that brings it
ANY = "*"  # stands for every code of a type


def stream_of(type_: str, code: str = ANY, level: Decimal | float | str = 0) -> Stream:
    """Name the stream of `type_` and `code`; `level` is the price grouping of an order book, 0 for none.

    `code` is the category of an announcement, and `*` for the assets, which have none.
    """
    grouping = plain_number(level) if level else "0"
    return intern(f"{type_} {code}" if grouping == "0" else f"{type_} {code}@{grouping}")


def indicator_stream(
    type_: str,
    code: str,
    timeframe: str,
    indicator: str,
    params: Parameters,
    trigger: str = "",
    event_params: Parameters = (),
) -> Stream:
    """Name the stream of one indicator of one code; equal requests give equal names."""
    name = f"{type_} {code} {timeframe} {indicator}({_listed(params)})"
    return intern(f"{name} {trigger}({_listed(event_params)})" if trigger else name)


def split(stream: Stream) -> tuple[str, str]:
    """Return type and code; the code of a grouped order book is the bare one."""
    type_, _, rest = stream.partition(" ")
    return type_, rest.partition(" ")[0].partition("@")[0]


def wildcard(stream: Stream) -> Stream:
    """Return the stream that stands for all codes of this one's type."""
    return intern(f"{stream.partition(' ')[0]} {ANY}")


def plain_number(value: Decimal | float | str) -> str:
    """Spell a number the one way streams spell it: no exponent, no zeros at the end; 1.0E4 becomes 10000.

    Raises:
        ValueError: if it is not a finite number.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    # The bound keeps "1E999999" from becoming a million digits.
    if not number.is_finite() or number.adjusted() > 30 or number.adjusted() < -30:
        raise ValueError(f"{value!r:.40} is not a number that a stream can hold")
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def _listed(params: Parameters) -> str:
    pairs = params.items() if isinstance(params, Mapping) else params
    return ",".join(f"{name}={_spelled(name, value)}" for name, value in sorted(pairs))


def _spelled(name: str, value: object) -> str:
    if isinstance(value, bool | str) or not isinstance(value, int | float | Decimal):
        return str(value)
    plain = plain_number(value)
    # 2, 2.0 and 2.00 are one multiplier, and the exchange writes it 2.0; periods are integers however they are spelled.
    return f"{plain}.0" if name == "multiplier" and "." not in plain else plain
