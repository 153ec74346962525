"""Order books: always the whole book, N levels a side, decoded no deeper than they are read.

Source: Upbit WebSocket reference, "orderbook".
"""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import starmap
from typing import Any, ClassVar, Self

import msgspec

from ..errors import RemoteProtocolError
from ..fast import Levels
from .base import COMMON, Event, MarketEvent
from .codec import MALFORMED, has_full_names, keep_minus_zero, malformed
from .fields import Field, Number, number, optional_number, to_kind
from .plain import may_be_shown_with_exponent, plain

__all__ = ["OrderbookEvent", "OrderbookUnit"]


class OrderbookUnit(msgspec.Struct, frozen=True, gc=False):
    """One level of both sides. The exchange fills up the shorter side with empty slots; such a side is None, None.

    >>> (book,) = proxy.get_orderbook_snapshot("KRW-BTC", depth=5)
    >>> unit = book.orderbook_units[0]
    >>> unit.ask_price > unit.bid_price, unit.ask_size > 0
    (True, True)
    """

    ask_price: Decimal | None
    bid_price: Decimal | None
    ask_size: Decimal | None
    bid_size: Decimal | None

    def asdict(self) -> dict[str, Decimal | None]:
        """Return the four values by name."""
        return msgspec.structs.asdict(self)


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
    _units: tuple[OrderbookUnit, ...] | None = None  # once they are decoded

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

    def _decode_units(self, depth: int | None) -> tuple[OrderbookUnit, ...]:
        is_full = has_full_names(self._payload)
        if _read is not None and self._codec.number is Decimal:
            units = _read(self._levels, is_full, -1 if depth is None else depth)
            if units is not None:
                return units
        levels = bytes(self._levels).decode()
        if depth is not None:
            end = 0
            for _ in range(depth):
                end = levels.find("}", end) + 1
                if end == 0:  # there are no more than `depth`
                    return _decode(levels, is_full, self._codec.number)
            with suppress(RemoteProtocolError):  # not as many levels as braces: some are of something inside of them
                return _decode(levels[:end] + "]", is_full, self._codec.number, depth)
        return _decode(levels, is_full, self._codec.number)[:depth]


# Plain levels in one pass; it remembers the numbers, for a book differs from its market's last in a few.
_read = None if Levels is None else Levels(OrderbookUnit, Decimal, lambda text: plain(Decimal(text))).read

_values = msgspec.structs.astuple


class _ShortUnit(msgspec.Struct, gc=False):
    ask_price: Decimal | None = msgspec.field(name="ap")
    bid_price: Decimal | None = msgspec.field(name="bp")
    ask_size: Decimal | None = msgspec.field(name="as")
    bid_size: Decimal | None = msgspec.field(name="bs")


class _FloatUnit(msgspec.Struct, gc=False):
    ask_price: float
    bid_price: float
    ask_size: float
    bid_size: float


class _ShortFloatUnit(msgspec.Struct, gc=False):
    ask_price: float = msgspec.field(name="ap")
    bid_price: float = msgspec.field(name="bp")
    ask_size: float = msgspec.field(name="as")
    bid_size: float = msgspec.field(name="bs")


# By whether the names are full, then by whether the numbers are exact.
_DECODERS: dict[tuple[bool, bool], Callable[[str], list[Any]]] = {
    (True, True): msgspec.json.Decoder(list[OrderbookUnit]).decode,
    (True, False): msgspec.json.Decoder(list[_FloatUnit]).decode,
    (False, True): msgspec.json.Decoder(list[_ShortUnit]).decode,
    (False, False): msgspec.json.Decoder(list[_ShortFloatUnit]).decode,
}


def _decode(levels: str, is_full: bool, number: Number, count: int | None = None) -> tuple[OrderbookUnit, ...]:
    """Decode the array of levels; empty ones are left out.

    Raises:
        RemoteProtocolError: if it is none, or not of `count` levels.
    """
    if levels == "null":
        return ()
    try:
        return (_exact_units if number is Decimal else _float_units)(levels, is_full, count)
    except MALFORMED as exc:
        raise malformed("levels of an order book", levels, exc) from exc


def _exact_units(levels: str, is_full: bool, count: int | None) -> tuple[OrderbookUnit, ...]:
    rows = _counted(_DECODERS[is_full, True](keep_minus_zero(levels)), count)
    # msgspec takes "NaN" for a decimal. Eight quotes a level are those of its keys: then no number is a string.
    if levels.count('"') != 8 * len(rows) and not all(map(_is_finite, rows)):
        raise ValueError("a number that is not finite")
    if may_be_shown_with_exponent(levels, 4 * len(rows) if is_full else 0):  # ask_price, ...
        for row in rows:
            _spell_out(row)
    units = tuple(rows) if is_full else _public(rows)
    if all(unit.ask_price and unit.bid_price for unit in units):
        return units
    halves = (_without_empty(unit) for unit in units)
    return tuple(unit for unit in halves if unit.ask_price is not None or unit.bid_price is not None)


def _float_units(levels: str, is_full: bool, count: int | None) -> tuple[OrderbookUnit, ...]:
    try:
        units = _public(_counted(_DECODERS[is_full, False](levels), count))
    except msgspec.ValidationError:  # a number beyond the floats, null, or as a string
        units = ()
    if units and all(unit.ask_price and unit.bid_price for unit in units):
        return units
    # Only the exact numbers tell which slots are empty.
    return tuple(OrderbookUnit(*map(_as_float, _values(unit))) for unit in _exact_units(levels, is_full, count))


def _counted(rows: list[Any], count: int | None) -> list[Any]:
    if count is not None and len(rows) != count:
        raise ValueError(f"{len(rows)} levels instead of {count}")
    return rows


def _public(rows: list[Any]) -> tuple[OrderbookUnit, ...]:
    return tuple(starmap(OrderbookUnit, map(_values, rows)))


def _spell_out(row: Any) -> None:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if value is not None and (shown := plain(value)) is not value:
            msgspec.structs.force_setattr(row, name, shown)


def _as_float(value: Any) -> Any:
    return None if value is None else to_kind(value, float)


def _is_finite(row: Any) -> bool:
    return all(value is None or value.is_finite() for value in _values(row))


def _without_empty(unit: OrderbookUnit) -> OrderbookUnit:
    if not unit.ask_price and not unit.ask_size:
        unit = msgspec.structs.replace(unit, ask_price=None, ask_size=None)
    if not unit.bid_price and not unit.bid_size:
        unit = msgspec.structs.replace(unit, bid_price=None, bid_size=None)
    return unit
