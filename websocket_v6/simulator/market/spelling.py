"""How the exchange spells numbers: exact decimals as text, by kind of field, differently in DEFAULT and SIMPLE.

The exchange is a Java program, and three of Java's spellings show on its wire:

- a decimal with a scale (`BigDecimal.toString`): `158219000.00000000`, zero as `0E-8`, small ones as `1E-8`, `2.0E-7`;
- the same without trailing zeros: `116606000`, `87173.34`, `2E-7`, zero as `0`;
- a double (`Double.toString`): `1.16539E8`, `7.9276E-4`, `5.0E-4`.

Which field is spelled in which way is learned from the newest frames known of each: books of 2026-09 (both formats),
tickers of 2025-09, trades of 2024-10, candles of 2025-01, private ones of 2025, SIMPLE trades and books of 2021.
tests/simulator/market/test_spelling.py holds these frames against this table.
Source: Upbit WebSocket reference, "Frames from the server"; the recorded samples of 2018 to 2026.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache

__all__ = ["SPELLINGS", "Speller", "as_decimal", "as_double", "as_plain", "as_stripped", "with_point"]

Speller = Callable[[Decimal], str]
_MOST_PLAIN = -6  # Java writes a decimal plainly down to a millionth


def as_double(value: Decimal) -> str:
    """Spell `value` as Java's `Double.toString` would, with every digit kept: `3875000.0`, `1.16539E8`, `5.0E-4`."""
    if not value:
        return "0.0"
    magnitude = value.adjusted()
    if -3 <= magnitude < 7:
        return with_point(value)
    sign, digits, _ = value.as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{magnitude}"


def as_decimal(places: int, zero: str | None = None) -> Speller:
    """Return a speller of decimals with at least `places` digits behind the point, as Java's `BigDecimal.toString`.

    More where the value has more; `zero` where it is spelled in another way, else `0E-8`.
    """
    nothing = f"0E-{places}" if zero is None else zero

    def spell(value: Decimal) -> str:
        if not value:
            return nothing
        if value.adjusted() < _MOST_PLAIN:
            sign, digits, exponent = value.as_tuple()
            assert isinstance(exponent, int), "a number of the exchange is finite"
            text = "".join(map(str, digits)) + "0" * (exponent + places)
            return _scientific("-" if sign else "", text, value.adjusted())
        whole, _, fraction = format(value, "f").partition(".")
        return f"{whole}.{fraction.ljust(places, '0')}"

    return spell


def as_stripped(value: Decimal) -> str:
    """Spell `value` without trailing zeros, as Java's `BigDecimal` does: `116606000`, `2E-7`, zero as `0`."""
    if value and value.adjusted() < _MOST_PLAIN:
        sign, digits, _ = value.as_tuple()
        return _scientific("-" if sign else "", "".join(map(str, digits)).rstrip("0"), value.adjusted())
    return as_plain(value)


def as_plain(value: Decimal) -> str:
    """Spell `value` without an exponent and without trailing zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def with_point(value: Decimal) -> str:
    """Spell `value` without an exponent, with a point always: `0.0`, `45.33`."""
    plain = as_plain(value)
    return plain if "." in plain else plain + ".0"


def _scientific(sign: str, digits: str, magnitude: int) -> str:
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}E{magnitude}"


def _cached(spell: Speller) -> Speller:
    # Prices come again and again; sizes and sums hardly ever do.
    return lru_cache(maxsize=65_536)(spell)


# Kinds of numbers: price (of a trade, a candle, the day), base (what a price is compared with, and the difference),
# quote (a level of a book), best (a level beside a trade), size, amount (of a day or a candle), rolling (of 24 hours),
# rate, money (orders and balances), value (indicators).
_DECIMALS: Mapping[str, Speller] = {
    "price": as_decimal(8),
    "base": as_decimal(8),
    "quote": as_decimal(8),
    "best": as_decimal(8),
    "size": as_decimal(8),
    "amount": as_decimal(16),
    "rolling": as_decimal(16),
    "rate": as_decimal(10, zero="0"),
    "money": as_decimal(8),
    "value": as_decimal(8),
}
_DOUBLES: Mapping[str, Speller] = dict.fromkeys(_DECIMALS, as_double)
_STRIPPED = _cached(as_stripped)
_FIXED = _cached(as_decimal(8))
_NEWEST: Mapping[str, Speller] = {
    "base": _FIXED,
    "best": _STRIPPED,
    "rolling": as_plain,
    "rate": as_decimal(10, zero="0"),
    "money": as_plain,
    "value": with_point,
}

# By the switch `Answers.numbers`, then by whether the keys are short.
SPELLINGS: Mapping[str, Mapping[bool, Mapping[str, Speller]]] = {
    "2026": {
        False: {
            **_NEWEST,
            "price": _FIXED,
            "quote": _cached(as_double),
            "size": as_decimal(8),
            "amount": as_decimal(16),
        },
        True: {**_NEWEST, "price": _STRIPPED, "quote": _STRIPPED, "size": as_double, "amount": as_plain},
    },
    "doubles": {False: _DOUBLES, True: _DOUBLES},
    "zeros": {False: _DECIMALS, True: _DECIMALS},
}
