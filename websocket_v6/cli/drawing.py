"""Drawings of one line or a few, made of characters: bars, where a price stands in its range, a line, candles.

Pure: numbers in, text out. Every drawing says the same without colours: by its place, its length or its sign.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.text import Text

__all__ = ["Bar", "Palette", "balance", "bar", "candle_rows", "mark", "range_bar", "spark"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
# What a cell shows of its lower and its upper half: nothing, the wick, the body.
_HALVES = {
    (0, 0): " ",
    (0, 1): "╵",
    (0, 2): "╹",
    (1, 0): "╷",
    (1, 1): "│",
    (1, 2): "╿",
    (2, 0): "╻",
    (2, 1): "╽",
    (2, 2): "┃",
}


class Palette(NamedTuple):
    """What colours mean: where prices rise, and where they fall. Asks are drawn as falling, bids as rising."""

    up: str = "green"
    down: str = "red"

    def of(self, change: Decimal | float | None) -> str:
        """Return the style of a change, empty for none."""
        return "" if not change else self.up if change > 0 else self.down


class Bar(NamedTuple):
    """A candle: prices in the quote currency."""

    opening: Decimal
    high: Decimal
    low: Decimal
    closing: Decimal

    @property
    def change(self) -> Decimal:
        """How far it went."""
        return self.closing - self.opening


def mark(change: Decimal | float | None) -> str:
    """Return the sign of a change that needs no colour."""
    return " " if not change else "▲" if change > 0 else "▼"


def bar(share: Decimal | float, width: int, *, to_left: bool = False) -> str:
    """Return a bar that fills `share` (0 to 1) of `width` cells, to an eighth of one; `to_left`, to a whole one."""
    share = min(1.0, max(0.0, float(share)))
    if to_left:  # there are no eighths that begin at the right
        return ("█" * _cells(share, width)).rjust(width)
    whole, rest = divmod(round(share * width * 8), 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


def _cells(share: float, width: int) -> int:
    return max(1, round(share * width)) if share > 0 else 0


def balance(left: Decimal, right: Decimal, width: int) -> tuple[str, str]:
    """Return two bars that share `width` as two sizes do; halves if there is nothing."""
    whole = left + right
    cells = round(width * float(left / whole)) if whole else width // 2
    return "█" * cells, "░" * (width - cells)


def range_bar(low: Decimal | None, high: Decimal | None, price: Decimal | None, width: int) -> str:
    """Return where `price` stands between `low` and `high`; empty if one of them is not known."""
    if low is None or high is None or price is None or width < 3:
        return ""
    span = high - low
    at = round(float(min(max(price - low, Decimal(0)), span) / span) * (width - 1)) if span else (width - 1) // 2
    return "─" * at + "●" + "─" * (width - 1 - at)


def spark(values: Sequence[Decimal], width: int) -> str:
    """Return the last `width` values as a line of blocks, the lowest and the highest of them at its edges."""
    shown = values[-width:]
    if not shown:
        return ""
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_LEVELS[round(float((value - low) / span) * 7)] if span else _LEVELS[3] for value in shown)


def candle_rows(
    bars: Sequence[Bar], height: int, pitch: int, palette: Palette, low: Decimal, high: Decimal
) -> list[Text]:
    """Return `height` lines, top first, of candles `pitch` columns apart on a scale from `low` to `high`.

    A cell shows two halves, so there are twice as many prices as lines. Wicks are thin, bodies thick.
    """
    rows = [Text() for _ in range(height)]
    most = 2 * height - 1
    span = high - low

    def half(price: Decimal) -> int:
        return round(float((price - low) / span) * most) if span else most // 2

    for one in bars:
        bottom, top = half(one.low), half(one.high)
        under, over = sorted((half(one.opening), half(one.closing)))
        kinds = [2 if under <= at <= over else 1 if bottom <= at <= top else 0 for at in range(most + 1)]
        style = palette.of(one.change)
        for row, text in enumerate(reversed(rows)):
            text.append(_HALVES[kinds[2 * row], kinds[2 * row + 1]], style=style)
            text.append(" " * (pitch - 1))
    return rows
