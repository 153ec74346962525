"""Numbers in plain digits: `str` of a price is never `1.166E+8`, which no order form and no spreadsheet takes.

The exchange writes large numbers with an exponent in some formats, and Decimal writes one below 0.000001 by itself.
Most numbers are neither; what that costs them is a comparison.
Source: Upbit WebSocket reference, "Frames from the server".
"""

from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["LARGE", "SMALL", "PlainDecimal", "may_be_shown_with_exponent", "plain", "raw", "spelled"]

# A positive number in between is shown without an exponent, whatever its spelling was. Others have to be looked at.
SMALL, LARGE = Decimal("0.000001"), Decimal(10_000_000)
MOST_DIGITS = 64  # of what is spelled out; no number of a market is beyond that, and a wrong one must not fill memory
# The exchange's small exponents, of a number with one digit before its point: Decimal shows these without.
_HARMLESS = ("E-4", "E-5", "E-6")


class PlainDecimal(Decimal):
    """A Decimal that shows itself in plain digits. What is computed with it is a Decimal again."""

    __slots__ = ()

    def __str__(self) -> str:
        return super().__format__("f")

    def __format__(self, spec: str, *context: Any) -> str:
        return super().__format__(spec or "f", *context)

    def __repr__(self) -> str:
        return f"Decimal('{self}')"


def plain(number: Decimal) -> Decimal:
    """Return the same number, exactly, such that `str` shows plain digits."""
    if "E" not in str(number) or abs(number.adjusted()) > MOST_DIGITS:
        return number
    return Decimal(format(number, "f")) if number.adjusted() > 0 else PlainDecimal(number)


def spelled(value: Any) -> str:
    """Return a number's plain digits."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)


def may_be_shown_with_exponent(text: str, letters: int = 0) -> bool:
    """Whether any number of a JSON text may have to be made plain; its names have the letter "e" so many times."""
    if "0.000000" in text or text.count("e") != letters:
        return True
    exponents = text.count("E")
    return exponents > 0 and (exponents != sum(map(text.count, _HARMLESS)) or _has_one_behind_zero(text))


def _has_one_behind_zero(text: str) -> bool:
    """Whether a number has an exponent and a 0 before its point: it is smaller than the exponent says."""
    at = text.find("E")
    while at >= 0:
        if text[max(text.rfind(":", 0, at), text.rfind("-", 0, at)) + 1] == "0":
            return True
        at = text.find("E", at + 1)
    return False


def raw(value: Any) -> Any:
    """Return a number as JSON of plain digits; anything else as it is."""
    return msgspec.Raw(spelled(value).encode()) if isinstance(value, Decimal | float) else value
