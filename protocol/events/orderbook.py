"""Order books: always the whole book, N levels a side, decoded no deeper than they are read.

Source: Upbit WebSocket reference, "orderbook".
"""

from contextlib import suppress
from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from ..errors import RemoteProtocolError
from .base import COMMON, Event, MarketEvent
from .codec import has_full_names
from .fields import Field, number, optional_number
from .levels import OrderbookUnit, Units, decode_levels, last_levels, read_levels

__all__ = ["OrderbookEvent", "OrderbookUnit"]


class OrderbookEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """The book of one market. Sizes are in the base currency, prices and `level` in the quote's.

    `orderbook_units` holds the levels, best first, the empty ones left out; `level` is the grouping step, 0 for none,
    None where the exchange does not say. The total sizes are as sent, whatever the depth.

    >>> (book,) = proxy.get_orderbook_snapshot("KRW-BTC", depth=5)
    >>> len(book.orderbook_units), book.best().ask_price > book.best().bid_price
    (5, True)
    """

    __match_args__ = COMMON

    _depth: int | None = None
    _units: Units | None = None  # once they are decoded

    total_ask_size = number("tas", "Size of all asks, whatever the depth, in the base currency")
    total_bid_size = number("tbs", "Size of all bids, whatever the depth, in the base currency")

    @property
    def orderbook_units(self) -> tuple[OrderbookUnit, ...]:
        """The levels, best first, decoded together when first read."""
        units = self._units
        if units is None:
            units = self._decode_units(self._depth)
            msgspec.structs.force_setattr(self, "_units", units)
        return units

    level = optional_number("lv", "Step by which prices are grouped, in the quote currency; 0 for none")
    _levels = Field[msgspec.Raw](
        "obu", msgspec.Raw, full="orderbook_units", meaning="The levels, not decoded", kind="JSON"
    )

    _undecoded: ClassVar[dict[str, None]] = {**Event._undecoded, "_units": None}

    def best(self) -> OrderbookUnit | None:
        """Return the best level alone, at a fraction of the cost of them all; None if the book is empty."""
        units = self._decode_units(1)
        return units[0] if units else None

    def with_depth(self, depth: int) -> Self:
        """Return this event with the first `depth` levels."""
        return self if depth == self._depth else self._view("_depth", depth)

    def _decode_units(self, depth: int | None) -> Units:
        is_full, number = has_full_names(self._payload), self._codec.number
        if read_levels is not None and number is Decimal:
            units = read_levels(self._levels, is_full, -1 if depth is None else depth, self.stream)
            if units is not None:
                return units
        levels = bytes(self._levels)
        if depth is None and number is Decimal:
            return last_levels(self.stream, is_full).decode(levels)
        if depth is None:
            return decode_levels(levels, is_full, number)
        end = 0
        for _ in range(depth):
            end = levels.find(b"}", end) + 1
            if end == 0:  # there are no more than `depth`
                return decode_levels(levels, is_full, number)
        with suppress(RemoteProtocolError):  # not as many levels as braces: some are of something inside of them
            return decode_levels(levels[:end] + b"]", is_full, number, depth)
        return decode_levels(levels, is_full, number)[:depth]
