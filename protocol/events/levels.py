"""The levels of an order book, from the array in its message to what a user reads.

Nearly all of the time goes into making exact decimals of texts. So levels that stand in the last book of the same
market as well, word for word, are not decoded again: that is most of a live book. Where books have little in common
with those before them, that is noticed, and let alone for a while.
Source: Upbit WebSocket reference, "orderbook".
"""

from collections.abc import Callable, Sequence
from decimal import Context, Decimal, InvalidOperation
from itertools import starmap
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.limits import REMEMBERED_BOOK_BYTES, REMEMBERED_BOOKS

from ..errors import RemoteProtocolError
from ..fast import Levels
from .codec import MALFORMED, keep_minus_zero, malformed
from .fields import Number, to_kind
from .plain import may_be_shown_with_exponent, plain

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LastLevels", "OrderbookUnit", "Units", "decode_levels", "last_levels", "make_reader", "read_levels"]


class OrderbookUnit(msgspec.Struct, frozen=True, gc=False):
    """One level of both sides. The exchange fills up the shorter side with empty slots; such a side is None, None.

    >>> (book,) = proxy.get_orderbook_snapshot("KRW-BTC", depth=5)
    >>> unit = book.orderbook_units[0]
    >>> unit.ask_price > unit.bid_price, unit.ask_size > 0
    (True, True)
    """

    # Under their names in SIMPLE: so what is decoded is what is handed out.
    ask_price: Decimal | None = msgspec.field(name="ap")
    bid_price: Decimal | None = msgspec.field(name="bp")
    ask_size: Decimal | None = msgspec.field(name="as")
    bid_size: Decimal | None = msgspec.field(name="bs")

    def asdict(self) -> dict[str, Decimal | None]:
        """Return the four values by name."""
        return msgspec.structs.asdict(self)


Units = tuple[OrderbookUnit, ...]


class _FullUnit(msgspec.Struct, gc=False):
    ask_price: Decimal | None
    bid_price: Decimal | None
    ask_size: Decimal | None
    bid_size: Decimal | None


class _FullFloatUnit(msgspec.Struct, gc=False):
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
_DECODERS: dict[tuple[bool, bool], Callable[[str | bytes], tuple[Any, ...]]] = {
    (True, True): msgspec.json.Decoder(tuple[_FullUnit, ...]).decode,
    (True, False): msgspec.json.Decoder(tuple[_FullFloatUnit, ...]).decode,
    (False, True): msgspec.json.Decoder(tuple[OrderbookUnit, ...]).decode,
    (False, False): msgspec.json.Decoder(tuple[_ShortFloatUnit, ...]).decode,
}
_decode_short = _DECODERS[False, True]

# What is left of an array of levels in SIMPLE without the digits of its numbers: no sign, no exponent, no string, the
# exchange's names in its order and no others.
_DIGITS = b"0123456789."
_SHAPES = frozenset(b"[%s]" % b",".join([b'{"ap":,"bp":,"as":,"bs":}'] * count) for count in range(1, 31))

# Makes what `Decimal` does of texts of less than 28 digits, and is quicker.
_of_few_digits = Context(prec=28, Emin=-999_999, Emax=999_999, clamp=0, traps=[InvalidOperation]).create_decimal


def make_reader() -> "Callable[[Buffer, bool, int, Stream], Units | None] | None":
    """Return what reads plain levels in C, and remembers the last books of markets by itself; None without C.

    It takes the array, whether its names are full, how many levels are wanted or -1, and the book's stream. It returns
    None if anything about them is not plain.
    """
    if Levels is None:
        return None
    members = tuple(map(vars(OrderbookUnit).__getitem__, OrderbookUnit.__struct_fields__))
    return Levels(OrderbookUnit, members, _of_few_digits, lambda text: plain(Decimal(text)), REMEMBERED_BOOKS).read


read_levels = make_reader()

_values = msgspec.structs.astuple
_ask_price, _bid_price = attrgetter("ask_price"), attrgetter("bid_price")


def decode_levels(levels: bytes, is_full: bool, number: Number, count: int | None = None) -> Units:
    """Decode the array of levels; empty ones are left out.

    Raises:
        RemoteProtocolError: if it is none, or not of `count` levels.
    """
    try:
        if number is Decimal:
            units = _plain_units(levels)
            if units is not None and count in (None, len(units)):
                return units
        if levels == b"null":
            return ()
        text = levels.decode()
        return (_exact_units if number is Decimal else _float_units)(text, is_full, count)
    except MALFORMED as exc:
        raise malformed("levels of an order book", levels, exc) from exc


def _plain_units(levels: bytes) -> Units | None:
    """Decode levels that have nothing out of the ordinary; `None` if they have. Raises what MALFORMED names."""
    # Of such a shape all is there and finite, and has its sign; only a small number might be shown with an exponent.
    if levels.translate(None, _DIGITS) in _SHAPES and b"0.000000" not in levels:
        units: Units = _decode_short(levels)
        if all(map(_ask_price, units)) and all(map(_bid_price, units)):
            return units
    return None


def _exact_units(levels: str, is_full: bool, count: int | None) -> Units:
    rows = _counted(_DECODERS[is_full, True](keep_minus_zero(levels)), count)
    # msgspec takes "NaN" for a decimal. Eight quotes a level are those of its keys: then no number is a string.
    if levels.count('"') != 8 * len(rows) and not all(map(_is_finite, rows)):
        raise ValueError("a number that is not finite")
    if may_be_shown_with_exponent(levels, 4 * len(rows) if is_full else 0):  # ask_price, ...
        for row in rows:
            _spell_out(row)
    units = _public(rows) if is_full else rows
    if all(map(_ask_price, units)) and all(map(_bid_price, units)):
        return units
    halves = (_without_empty(unit) for unit in units)
    return tuple(unit for unit in halves if unit.ask_price is not None or unit.bid_price is not None)


def _float_units(levels: str, is_full: bool, count: int | None) -> Units:
    try:
        units = _public(_counted(_DECODERS[is_full, False](levels), count))
    except msgspec.ValidationError:  # a number beyond the floats, null, or as a string
        units = ()
    if units and all(map(_ask_price, units)) and all(map(_bid_price, units)):
        return units
    # Only the exact numbers tell which slots are empty.
    return tuple(OrderbookUnit(*map(_as_float, _values(unit))) for unit in _exact_units(levels, is_full, count))


def _counted(rows: tuple[Any, ...], count: int | None) -> tuple[Any, ...]:
    if count is not None and len(rows) != count:
        raise ValueError(f"{len(rows)} levels instead of {count}")
    return rows


def _public(rows: tuple[Any, ...]) -> Units:
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


# --- what stood in the book before

_BETWEEN = b"},{"
_FEW = 5  # levels, of which not one is to be new
_LONGEST_PAUSE = 255  # books for which nothing is remembered


class LastLevels:
    """The exact levels of the last book or two of one market, by their text as it stands between braces.

    Threads that share this find the same; only how much is remembered may suffer.
    """

    __slots__ = ("_has_gaps", "_is_full", "_known", "_pause", "_rest")

    def __init__(self, is_full: bool) -> None:
        self._is_full = is_full
        self._known: dict[bytes, OrderbookUnit | None] = {}  # None: it is left out
        self._has_gaps = False  # one has been left out
        self._pause = 0  # for how many books nothing will be remembered, should the next one be all new as well
        self._rest = 0  # books until something is

    def decode(self, levels: bytes) -> Units:
        """Decode the array of levels, as `decode_levels` does."""
        if self._rest:
            self._rest -= 1
        elif len(levels) <= REMEMBERED_BOOK_BYTES and levels[:2] == b"[{" and levels[-2:] == b"}]":
            try:
                return self._remembered(levels)
            except (*MALFORMED, RemoteProtocolError):
                self._known, self._has_gaps = {}, False  # and all levels together say what is wrong
        return decode_levels(levels, self._is_full, Decimal)

    def _remembered(self, levels: bytes) -> Units:
        texts, known = levels[2:-2].split(_BETWEEN), self._known
        new = list(set(texts).difference(known))
        if len(new) <= max(len(texts) // 3, _FEW):
            self._pause = 0
        else:
            if known:  # the first time it begins anew at once, the second time in a row after a while
                self._rest, self._pause = self._pause, min(2 * self._pause + 1, _LONGEST_PAUSE)
                known = self._known = {}
                self._has_gaps = False
            if self._rest:
                return decode_levels(levels, self._is_full, Decimal)
            new = texts
        if new:
            known.update(zip(new, self._each(new), strict=True))
        units = tuple(map(known.__getitem__, texts))
        if len(known) > len(texts) + len(texts) // 2:
            self._known = dict(zip(texts, units, strict=True))
        return tuple(unit for unit in units if unit is not None) if self._has_gaps else units  # type: ignore[return-value]

    def _each(self, texts: list[bytes]) -> Sequence[OrderbookUnit | None]:
        """Decode levels of which each is an object by itself, so that those of a book between commas are its array."""
        together = b"[{%s}]" % _BETWEEN.join(texts)
        if together.translate(None, _DIGITS).replace(b"E-", b"") in _SHAPES:  # with as many objects as there are texts
            units = decode_levels(together, self._is_full, Decimal)
            if len(units) == len(texts):  # none is left out
                return units
        found = [decode_levels(b"[{%s}]" % text, self._is_full, Decimal, 1) for text in texts]
        self._has_gaps |= () in found
        return [units[0] if units else None for units in found]


_Key = tuple[Stream, bool]
_remembered: dict[_Key, LastLevels] = {}


def last_levels(stream: Stream, is_full: bool) -> LastLevels:
    """Return what is remembered of one market's books, with such names."""
    key = stream, is_full
    found = _remembered.get(key)
    if found is None:
        if len(_remembered) >= REMEMBERED_BOOKS:
            _remembered.clear()
        found = _remembered[key] = LastLevels(is_full)
    return found
