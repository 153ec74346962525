"""How the exchange spells numbers: exact decimals as text, differently in DEFAULT and SIMPLE.

Measured in 2026: DEFAULT writes prices like a Java double (`1.16539E8`), sizes with eight decimals (`0.00077720`),
turnovers with sixteen; SIMPLE writes large prices as plain integers (`116606000`) and sizes like a Java double
(`7.9276E-4`). Older captures have `109165000.0` and `49112000.00000000`.
Source: Upbit WebSocket reference, "Frames from the server"; the samples of 2021 to 2026.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache

__all__ = ["SPELLINGS", "Speller", "as_double", "as_plain", "with_decimals"]

Speller = Callable[[Decimal], str]


def as_double(value: Decimal) -> str:
    """Spell `value` as Java's `Double.toString` would, with every digit kept: `3875000.0`, `1.16539E8`, `5.0E-4`."""
    if not value:
        return "0.0"
    magnitude = value.adjusted()
    if -3 <= magnitude < 7:
        return _with_point(value)
    sign, digits, _ = value.as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{magnitude}"


def as_plain(value: Decimal) -> str:
    """Spell `value` without an exponent and without trailing zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def with_decimals(places: int) -> Speller:
    """Return a speller with at least `places` decimals, more where the value has more."""

    def spell(value: Decimal) -> str:
        whole, _, fraction = format(value, "f").partition(".")
        return f"{whole}.{fraction.ljust(places, '0')}"

    return spell


def _simple_price(value: Decimal) -> str:
    if value.adjusted() >= 7 and value == value.to_integral_value():
        return as_plain(value)
    return as_double(value)


def _with_point(value: Decimal) -> str:
    plain = as_plain(value)
    return plain if "." in plain else plain + ".0"


def _cached(spell: Speller) -> Speller:
    # Prices come again and again; sizes and sums hardly ever do.
    return lru_cache(maxsize=65_536)(spell)


# Kinds of numbers: price, size, amount (turnover: price times size, added up), rate, money (balances and fees).
_ZEROS: Mapping[str, Speller] = {
    "price": with_decimals(8),
    "size": with_decimals(8),
    "amount": with_decimals(16),
    "rate": with_decimals(10),
    "money": with_decimals(8),
}
_DOUBLES: Mapping[str, Speller] = dict.fromkeys(_ZEROS, as_double)

# By the switch `Answers.numbers`, then by whether the keys are short.
SPELLINGS: Mapping[str, Mapping[bool, Mapping[str, Speller]]] = {
    "2026": {
        False: {**_ZEROS, "price": _cached(as_double), "money": _with_point},
        True: {**_DOUBLES, "price": _cached(_simple_price), "amount": as_plain, "money": _with_point},
    },
    "doubles": {False: _DOUBLES, True: _DOUBLES},
    "zeros": {False: _ZEROS, True: _ZEROS},
}
