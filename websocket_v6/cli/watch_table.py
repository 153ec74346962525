"""`watch` of many markets: a line for each, in as many columns beside each other as the terminal has room for."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from gettext import gettext as _
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from websocket_v6.protocol.events import CandleEvent, OrderbookEvent, TickerEvent, TradeEvent

from .board import Row
from .drawing import Palette, balance, mark, range_bar
from .quote import amount_text, percent_text, price_text, seconds_text

__all__ = ["SORTS", "market_table", "sort_name", "sorted_rows"]

SORTS = ("given", "change", "rate", "name")
_GAP = 3  # columns between two tables
_SPARE = 2  # lines of a table that are no rows: its head, and what is left out


class _Column(NamedTuple):
    """One column. `least` is the width of the terminal from which on it is there; `width` is fixed, or 0."""

    head: str
    text: Callable[[Row, Palette], Text]
    least: int = 0
    width: int = 0
    is_left: bool = False


def market_table(
    type_: str, rows: Sequence[Row], width: int, height: int, offset: int, palette: Palette
) -> RenderableType:
    """Return the table of a data type within `width` and `height`, from row `offset` on."""
    columns = _columns(type_)
    wide = [one for one in columns if one.least <= width]
    room = max(1, height - _SPARE)
    shown = rows[offset:]
    while len(wide) > 2 and _width_of(wide, shown, palette) > width:
        del wide[-1]  # those that say least stand last
    if len(shown) <= room:
        return _table(wide, shown, palette)
    # More than there are lines: several narrow tables beside each other say more than one wide one.
    narrow = [one for one in columns if one.least == 0]
    fitting = max(1, (width + _GAP) // (_width_of(narrow, shown, palette) + _GAP))
    if fitting == 1:
        return _table(wide, shown[:room], palette)
    beside = Table.grid(padding=(0, _GAP, 0, 0))
    parts = [shown[at : at + room] for at in range(0, min(len(shown), fitting * room), room)]
    beside.add_row(*(_table(narrow, part, palette) for part in parts))
    return beside


def sort_name(sort: str) -> str:
    """Return what a way to sort is called."""
    return {"given": _("as given"), "change": _("change"), "rate": _("rate"), "name": _("name")}[sort]


def sorted_rows(rows: Sequence[Row], sort: str) -> list[Row]:
    """Return rows in one of the orders of SORTS."""
    match sort:
        case "change":
            return sorted(rows, key=lambda row: -(_change(row) or Decimal(0)))
        case "rate":
            return sorted(rows, key=lambda row: -row.rate)
        case "name":
            return sorted(rows, key=lambda row: row.code)
        case _:
            return list(rows)


def _change(row: Row) -> Decimal | None:
    return None if row.quote is None else row.quote.change


def _columns(type_: str) -> list[_Column]:
    market = _Column(_("Market"), lambda row, _palette: Text(row.code), is_left=True)
    price = _Column(_("Price"), _price)
    change = _Column(_("Change"), _changed)
    rate = _Column(_("Rate"), lambda row, _palette: Text(f"{row.rate:.1f}/s"))
    delay = _Column(_("Delay"), lambda row, _palette: Text(seconds_text(row.delay)), least=72)
    match type_:
        case "ticker":
            return [
                market,
                price,
                change,
                _Column(_("Day's range"), _day, width=12, is_left=True),
                _Column(_("Low"), _field("low_price"), least=120),
                _Column(_("High"), _field("high_price"), least=120),
                _Column(_("Turnover 24 h"), _amount("acc_trade_price_24h"), least=72),
                _Column(_("Volume 24 h"), _amount("acc_trade_volume_24h"), least=140),
                rate,
                delay,
            ]
        case "trade":
            return [market, price, change, _Column(_("Last trade"), _remark, is_left=True), rate, delay]
        case "orderbook":
            return [
                market,
                _Column(_("Best bid"), _best("bid_price", is_bid=True)),
                _Column(_("Best ask"), _best("ask_price", is_bid=False)),
                _Column(_("Spread"), _spread),
                _Column(_("Bids ↔ asks"), _balance, width=12, is_left=True),
                _Column(_("Levels"), _levels, least=100),
                rate,
                delay,
            ]
        case _:
            return [
                market,
                price,
                change,
                _Column(_("Its range"), _day, width=12, is_left=True),
                _Column(_("Low"), _field("low_price"), least=120),
                _Column(_("High"), _field("high_price"), least=120),
                _Column(_("Turnover"), _amount("candle_acc_trade_price"), least=72),
                rate,
                delay,
            ]


def _table(columns: Sequence[_Column], rows: Sequence[Row], palette: Palette) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns:
        width = column.width or None
        table.add_column(column.head, justify="left" if column.is_left else "right", no_wrap=True, width=width)
    for row in rows:
        if row.is_unknown:
            cells = [Text(row.code), Text(_("unknown to the exchange")), *(Text() for _column in columns[2:])]
        else:
            # As Text: a string would be read for markup, and a code is whatever the exchange calls it.
            cells = [column.text(row, palette) for column in columns]
        table.add_row(*cells, style="dim" if row.is_unknown else "")
    return table


def _width_of(columns: Sequence[_Column], rows: Sequence[Row], palette: Palette) -> int:
    widths = [
        column.width or max([len(column.head), *(column.text(row, palette).cell_len for row in rows)])
        for column in columns
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def _price(row: Row, palette: Palette) -> Text:
    return Text("" if row.quote is None else price_text(row.quote.price), style=palette.of(_change(row)))


def _changed(row: Row, palette: Palette) -> Text:
    change = _change(row)
    return Text(f"{mark(change)} {percent_text(change)}" if change is not None else "", style=palette.of(change))


def _remark(row: Row, palette: Palette) -> Text:
    bought = isinstance(row.event, TradeEvent) and row.event.ask_bid == "BID"
    style = palette.up if bought else palette.down
    return Text("" if row.quote is None else row.quote.remark, style=style)


def _day(row: Row, palette: Palette) -> Text:
    event = row.event
    if not isinstance(event, TickerEvent | CandleEvent):
        return Text()
    return Text(range_bar(event.low_price, event.high_price, event.trade_price, 12), style=palette.of(_change(row)))


def _field(name: str) -> Callable[[Row, Palette], Text]:
    return lambda row, _palette: Text("" if row.event is None else price_text(getattr(row.event, name, None)))


def _amount(name: str) -> Callable[[Row, Palette], Text]:
    return lambda row, _palette: Text("" if row.event is None else amount_text(getattr(row.event, name, None)))


def _best(name: str, *, is_bid: bool) -> Callable[[Row, Palette], Text]:
    def text(row: Row, palette: Palette) -> Text:
        best = row.event.best() if isinstance(row.event, OrderbookEvent) else None
        value = None if best is None else getattr(best, name)
        return Text("" if value is None else price_text(value), style=palette.up if is_bid else palette.down)

    return text


def _spread(row: Row, _palette: Palette) -> Text:
    best = row.event.best() if isinstance(row.event, OrderbookEvent) else None
    if best is None or not best.ask_price or not best.bid_price:
        return Text()
    return Text(f"{(best.ask_price - best.bid_price) / best.bid_price * 100:.3f} %")


def _balance(row: Row, palette: Palette) -> Text:
    event = row.event
    if not isinstance(event, OrderbookEvent):
        return Text()
    bids, asks = balance(event.total_bid_size or Decimal(0), event.total_ask_size or Decimal(0), 12)
    return Text.assemble((bids, palette.up), (asks, palette.down))


def _levels(row: Row, _palette: Palette) -> Text:
    return Text(f"{len(row.event.orderbook_units)}" if isinstance(row.event, OrderbookEvent) else "")
