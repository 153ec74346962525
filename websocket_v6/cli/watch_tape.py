"""`watch --type trade`: the trades as they were made, newest first, and what each market's last ones come to."""

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from gettext import gettext as _

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from websocket_v6.protocol.events import Event, TradeEvent

from .board import Row
from .drawing import Palette, balance, bar, mark
from .quote import amount_text, percent_text, price_text

__all__ = ["Tape"]

MOST = 1_000  # trades that are kept
_PANEL = 62  # columns of the markets' panel
_WIDE = 130  # columns from which on it stands beside the tape


class Tape:
    """The last trades. Filled by callbacks, read by a screen."""

    def __init__(self) -> None:
        self._trades: deque[TradeEvent] = deque(maxlen=MOST)
        self._lock = threading.Lock()

    def take(self, event: Event) -> None:
        """Note a trade."""
        if isinstance(event, TradeEvent):
            with self._lock:
                self._trades.append(event)

    def picture(self, rows: Sequence[Row], width: int, height: int, palette: Palette) -> RenderableType:
        """Return what fits."""
        with self._lock:
            trades = list(self._trades)
        if width < _WIDE:
            return _tape(trades[: -height - 1 : -1][: height - 1], width, palette)
        beside = Table.grid(padding=(0, 3, 0, 0))
        beside.add_column(width=width - _PANEL - 3)
        beside.add_column(width=_PANEL)
        shown = trades[: -height - 1 : -1][: height - 1]
        beside.add_row(_tape(shown, width - _PANEL - 3, palette), _panel(trades, rows[: height - 1], palette))
        return beside


def _tape(trades: Sequence[TradeEvent], width: int, palette: Palette) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(_("Time"), no_wrap=True)
    table.add_column(_("Market"), no_wrap=True)
    table.add_column("", no_wrap=True)
    for head in (_("Price"), _("Volume"), _("Amount")):
        table.add_column(head, justify="right", no_wrap=True)
    cells = max(0, min(30, width - 76))
    table.add_column("", no_wrap=True, width=cells or None)
    most = max([_amount(one) for one in trades], default=Decimal(0))
    for one in trades:
        is_bought = one.ask_bid == "BID"
        at = datetime.fromtimestamp((one.trade_timestamp or one.timestamp) / 1000).astimezone()
        table.add_row(
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03}",
            Text(one.symbol),
            f"{mark(1 if is_bought else -1)} {_('bought') if is_bought else _('sold')}",
            price_text(one.trade_price),
            price_text(one.trade_volume),
            amount_text(_amount(one)),
            bar(_amount(one) / most, cells) if cells and most else "",
            style=palette.up if is_bought else palette.down,
        )
    return table


def _panel(trades: Sequence[TradeEvent], rows: Sequence[Row], palette: Palette) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(_("Market"), no_wrap=True)
    for head in (_("Price"), _("Change"), _("Rate")):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(_("Bought ↔ sold"), no_wrap=True, width=14)
    for row in rows:
        ours = [one for one in trades if one.symbol == row.code]
        sums = [sum((_amount(one) for one in ours if one.ask_bid == side), Decimal(0)) for side in ("BID", "ASK")]
        bought, sold = balance(sums[0], sums[1], 14) if ours else ("", "")
        change = None if row.quote is None else row.quote.change
        table.add_row(
            Text(row.code),
            "" if row.quote is None else price_text(row.quote.price),
            Text(f"{mark(change)} {percent_text(change)}" if change is not None else "", style=palette.of(change)),
            f"{row.rate:.1f}/s",
            Text.assemble((bought, palette.up), (sold, palette.down)),
            style="dim" if row.is_unknown else "",
        )
    return table


def _amount(trade: TradeEvent) -> Decimal:
    return (trade.trade_price or Decimal(0)) * (trade.trade_volume or Decimal(0))
