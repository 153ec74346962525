"""`watch --type orderbook` of a few markets: the levels of each book, asks above bids, with bars for their sizes."""

from collections.abc import Sequence
from decimal import Decimal
from gettext import gettext as _
from itertools import accumulate

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from websocket_v6.protocol.events import OrderbookEvent

from .board import Row
from .drawing import Palette, balance, bar
from .quote import amount_text, price_text

__all__ = ["LEAST_WIDTH", "ladders"]

LEAST_WIDTH = 56  # columns that a book needs
_WIDE = 90  # columns from which on sums are shown
_HEAD = 4  # lines of a book that are no levels

_Level = tuple[Decimal, Decimal, Decimal]  # price, size, sum of the sizes up to it


def ladders(rows: Sequence[Row], width: int, height: int, palette: Palette) -> RenderableType:
    """Return the books beside each other."""
    each = (width - 3 * (len(rows) - 1)) // max(1, len(rows))
    beside = Table.grid(padding=(0, 3, 0, 0))
    for _row in rows:
        beside.add_column(width=each)
    beside.add_row(*(_ladder(row, each, height, palette) for row in rows))
    return beside


def _ladder(row: Row, width: int, height: int, palette: Palette) -> RenderableType:
    event = row.event
    if row.is_unknown:
        return Text(f"{row.code}  {_('unknown to the exchange')}", style="dim")
    if not isinstance(event, OrderbookEvent):
        return Text(f"{row.code}  {_('no book yet')}")
    units = event.orderbook_units[: max(1, (height - _HEAD) // 2)]
    asks = _levels((unit.ask_price, unit.ask_size) for unit in units)
    bids = _levels((unit.bid_price, unit.bid_size) for unit in units)
    most = max([size for _price, size, _sum in (*asks, *bids)], default=Decimal(1))
    prices = max([len(price_text(price)) for price, _size, _sum in (*asks, *bids)], default=1)
    has_sums = width >= _WIDE
    room = (width - prices - 2) // 2  # for a side: bar, size, and its sum
    lines = [_title(row, event, width, palette), _head(room, prices, has_sums=has_sums)]
    for price, size, total in reversed(asks):
        right = _right(size, total, most, room, has_sums=has_sums)
        lines.append(Text.assemble(" " * room, " ", (price_text(price).rjust(prices), palette.down), " ", right))
        lines[-1].stylize(palette.down, room + 1)
    lines.append(_middle(asks, bids, room, prices))
    for price, size, total in bids:
        left = _left(size, total, most, room, has_sums=has_sums)
        lines.append(Text(f"{left} {price_text(price).rjust(prices)}", style=palette.up))
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    return Group(*lines)


def _levels(pairs: object) -> list[_Level]:
    there = [(price, size) for price, size in pairs if price and size is not None]  # type: ignore[attr-defined]
    sums = accumulate(size for _price, size in there)
    return [(price, size, total) for (price, size), total in zip(there, sums, strict=True)]


def _title(row: Row, event: OrderbookEvent, width: int, palette: Palette) -> Text:
    bid_size, ask_size = event.total_bid_size or Decimal(0), event.total_ask_size or Decimal(0)
    whole = bid_size + ask_size
    share = float(bid_size / whole) if whole else 0.5
    words = (f"{_('bids')} {share:.0%} ", f" {1 - share:.0%} {_('asks')}")
    rest = width - len(row.code) - 2 - Text("".join(words)).cell_len
    bids, asks = balance(bid_size, ask_size, max(4, min(30, rest)))
    return Text.assemble(
        (f"{row.code}  ", "bold"), (words[0], palette.up), (bids, palette.up), (asks + words[1], palette.down)
    )


def _head(room: int, prices: int, *, has_sums: bool) -> Text:
    size = _("size")
    sums = _("sum") if has_sums else ""
    left = f"{sums:<12}{'':<{max(0, room - 24)}}{size:>12}" if has_sums else f"{size:>{room}}"
    right = f"{size:<12}{'':<{max(0, room - 24)}}{sums:>12}" if has_sums else f"{size:<{room}}"
    return Text(f"{left} {_('price'):>{prices}} {right}", style="dim")


def _left(size: Decimal, total: Decimal, most: Decimal, room: int, *, has_sums: bool) -> str:
    sums = f"{amount_text(total):<12}" if has_sums else ""
    figure, cells = _shares(size, room - len(sums))
    return f"{sums}{bar(size / most, cells, to_left=True)}{figure:>{room - len(sums) - cells}}"


def _right(size: Decimal, total: Decimal, most: Decimal, room: int, *, has_sums: bool) -> str:
    sums = f"{amount_text(total):>12}" if has_sums else ""
    figure, cells = _shares(size, room - len(sums))
    return f"{figure:<{room - len(sums) - cells}}{bar(size / most, cells)}{sums}"


def _shares(size: Decimal, room: int) -> tuple[str, int]:
    """Return a size as text, and how many columns are left for its bar."""
    figure = _size(size)
    return figure, max(0, room - max(12, len(figure) + 1))


def _size(size: Decimal) -> str:
    text = price_text(size)
    return text if len(text) <= 11 else f"{size:,.4f}" if size < 10**5 else amount_text(size)


def _middle(asks: Sequence[_Level], bids: Sequence[_Level], room: int, prices: int) -> Text:
    if not asks or not bids:
        return Text(_("one side is empty"), style="yellow")
    gap = asks[0][0] - bids[0][0]
    text = f"{_('spread')} {price_text(gap)} ({gap / bids[0][0] * 100:.3f} %)"
    return Text(text.center(2 * room + prices + 2), style="bold")
