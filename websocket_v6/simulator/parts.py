"""What can be asked of the exchange: the parts of a request, and the streams they come to.

Source: Upbit WebSocket reference, "Request format", "orderbook" (suffixes), "indicator".
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

__all__ = ["TIMEFRAMES", "Combination", "Part", "Stream", "split_suffix"]

TIMEFRAMES = ("5m", "15m", "60m", "240m", "1d")
_UNITS = (1, 5, 15, 30)


class Combination(NamedTuple):
    """One indicator with its parameters, as (name, value) pairs in the order of the tables."""

    indicator: str
    params: tuple[tuple[str, object], ...]
    trigger: str = ""
    event_params: tuple[tuple[str, object], ...] = ()


class Part(NamedTuple):
    """One data type object of a request."""

    type: str
    codes: tuple[str, ...] | None = None  # as they were sent, with their suffixes
    level: Decimal = Decimal(0)
    snapshot: bool = True
    realtime: bool = True
    categories: tuple[str, ...] = ()
    include_body: bool = False
    timeframe: str = ""
    combinations: tuple[Combination, ...] = ()
    indicators: tuple[Mapping[str, object], ...] = ()  # as they were sent


class Stream(NamedTuple):
    """One thing a connection is subscribed to. `code` is `*` where there is none."""

    type: str
    code: str
    part: Part
    units: int = 30

    @property
    def name(self) -> str:
        level = f"@{self.part.level.normalize():f}" if self.part.level else ""
        return f"{self.type} {self.code}{level}"


def split_suffix(code: str) -> tuple[str, int]:
    """Split `KRW-BTC.5` into the code and the number of levels; a number that is not offered means 30."""
    bare, dot, suffix = code.partition(".")
    if not dot:
        return code, 30
    return bare, int(suffix) if suffix.isdecimal() and int(suffix) in _UNITS else 30
