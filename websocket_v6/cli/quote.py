"""What one event says in a table: a price, a change, a remark; and how numbers are written there."""

from decimal import Decimal
from gettext import gettext as _
from typing import NamedTuple

from websocket_v6.protocol.events import CandleEvent, Event, OrderbookEvent, TickerEvent, TradeEvent

__all__ = ["Quote", "amount_text", "count_text", "percent_text", "price_text", "quote_of", "seconds_text"]

_STEPS = (("T", 10**12), ("B", 10**9), ("M", 10**6), ("K", 10**3))


class Quote(NamedTuple):
    """What an event says. `change` is a fraction, `None` where the type has no such thing."""

    price: Decimal | None
    change: Decimal | None
    remark: str


def quote_of(event: Event) -> Quote | None:
    """Return what `event` says, `None` if it is of no type that can be watched."""
    match event:
        case TickerEvent():
            turnover = event.acc_trade_price_24h
            remark = "" if turnover is None else f"24h {price_text(turnover.quantize(Decimal(1)))}"
            return Quote(event.trade_price, event.signed_change_rate, remark)
        case TradeEvent():
            side = _("bought") if event.ask_bid == "BID" else _("sold")
            change = _change(event.prev_closing_price, event.trade_price)
            return Quote(event.trade_price, change, f"{side} {price_text(event.trade_volume)}")
        case CandleEvent():
            span = f"{price_text(event.low_price)}..{price_text(event.high_price)}"
            return Quote(event.trade_price, _change(event.opening_price, event.trade_price), span)
        case OrderbookEvent():
            return _book_quote(event)
        case _:
            return None


def _book_quote(event: OrderbookEvent) -> Quote:
    best = event.orderbook_units[0] if event.orderbook_units else None
    if best is None:
        return Quote(None, None, _("empty"))
    bid, ask = best.bid_price, best.ask_price
    return Quote(
        bid or None,
        None,
        _("ask {price}, {count} levels").format(price=price_text(ask or None), count=len(event.orderbook_units)),
    )


def _change(before: Decimal | None, now: Decimal | None) -> Decimal | None:
    return None if not before or now is None else now / before - 1


def price_text(value: Decimal | None) -> str:
    """Write every digit that counts, thousands apart, never an exponent."""
    if value is None:
        return "-"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount_text(value: Decimal | None) -> str:
    """Write about how much it is, in five characters or a few more: 1.23 T, 456 M, 7.8."""
    if value is None:
        return "-"
    for letter, step in _STEPS:
        if abs(value) >= step:
            return f"{value / step:.{_decimals(value / step)}f} {letter}"
    return f"{value:.{_decimals(value)}f}"


def _decimals(value: Decimal) -> int:
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2


def percent_text(fraction: Decimal | None) -> str:
    """Write a change, such as +1.25 %."""
    return "" if fraction is None else f"{fraction * 100:+.2f} %"


def count_text(count: int, noun: str, plural: str) -> str:
    """Write a number with its noun: 1 request, 1,234 messages."""
    return f"{count:,} {noun if count == 1 else plural}"


def seconds_text(seconds: float | None) -> str:
    """Write a duration in the unit that suits it."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if abs(seconds) >= 1 else f"{seconds * 1e3:.{1 if abs(seconds) < 0.1 else 0}f} ms"
