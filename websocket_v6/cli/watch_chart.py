"""`watch --type candle` of one market: its candles as a chart, with the past that the exchange's REST side tells."""

import json
import threading
from collections.abc import Sequence
from decimal import Decimal
from gettext import gettext as _

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RemoteProtocolError, WebSocketV6Error
from websocket_v6.protocol.events import CandleEvent, Event

from .drawing import Bar, Palette, candle_rows, mark, range_bar, spark
from .quote import amount_text, percent_text, price_text
from .rest_calls import RestCalls

__all__ = ["Chart", "read_candles"]

MOST = 500  # candles that are kept
HISTORY = 200  # candles of the past, in one call
PATIENCE = 3.0  # seconds for that call
_SCALE = 15  # columns of the scale at the right

_Kept = tuple[Bar, Decimal]  # the candle, and its turnover


class Chart:
    """The candles of one market by their start. Filled by callbacks, read by a screen."""

    def __init__(self, code: str, interval: str) -> None:
        self._code = code
        self._interval = interval
        self._candles: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._problem = ""

    def take(self, event: Event) -> None:
        """Note a candle as it is now."""
        if isinstance(event, CandleEvent):
            self._put({event.candle_date_time_utc: _kept(event)})

    def begin(self, config: Config) -> None:
        """Ask for the past, once; without it the chart begins now, and says why."""
        try:
            with RestCalls(msgspec.structs.replace(config.without_keys(), connect_timeout=PATIENCE)) as calls:
                reply = calls.get(f"/v1/candles/{_path(self._interval)}?market={self._code}&count={HISTORY}")
            if reply.status != 200:
                raise RemoteProtocolError(f"HTTP {reply.status}")
            past = read_candles(reply.body)
        except WebSocketV6Error as error:
            self._problem = str(error)
            return
        with self._lock:
            past.update(self._candles)  # what the stream has said meanwhile is newer
        self._put(past)

    def _put(self, candles: dict[str, _Kept]) -> None:
        with self._lock:
            self._candles.update(candles)
            for start in sorted(self._candles)[:-MOST]:
                del self._candles[start]

    def picture(self, width: int, height: int, palette: Palette, *, has_colour: bool) -> RenderableType:
        """Return what fits; without colours a line of signs says which candle rose."""
        with self._lock:
            starts = sorted(self._candles)
            kept = [self._candles[start] for start in starts]
        if not kept:
            return Text(_("no candle yet: {reason}").format(reason=self._problem or _("the market is quiet")))
        room = width - _SCALE
        pitch = 2 if len(kept) * 2 <= room else 1
        count = max(1, room // pitch)
        shown, starts = kept[-count:], starts[-count:]
        bars = [one for one, _turnover in shown]
        low, high = min(one.low for one in bars), max(one.high for one in bars)
        rows = max(3, height - (5 if has_colour else 6) - bool(self._problem))
        used = len(bars) * pitch
        lines = candle_rows(bars, rows, pitch, palette, low, high)
        for at, line in enumerate(lines):
            line.append(f" {_scale(low, high, at, rows, bars[-1].closing)}")
        if not has_colour:
            signs = ("+" if one.change > 0 else "-" if one.change < 0 else "=" for one in bars)
            lines.append(Text((" " * (pitch - 1)).join(signs)))
        turnover = spark([turnover for _bar, turnover in shown], len(shown))
        lines.append(Text.assemble(((" " * (pitch - 1)).join(turnover), "dim"), f"{'':{pitch}}{_('turnover')}"))
        lines.append(Text(_times(starts, used), style="dim"))
        head = self._head(kept[-1], low, high, palette)
        if self._problem:
            head.append(f"\n{_('the past is not known')}: {self._problem}", style="yellow")
        for line in (head, *lines):
            line.no_wrap, line.overflow = True, "crop"
        return Group(head, *lines)

    def _head(self, newest: _Kept, low: Decimal, high: Decimal, palette: Palette) -> Text:
        one, turnover = newest
        change = one.change / one.opening if one.opening else None
        return Text.assemble(
            (f"{self._code} {self._interval}  ", "bold"),
            (f"{price_text(one.closing)} {mark(change)} {percent_text(change)}", palette.of(change)),
            f"  {_('open')} {price_text(one.opening)}  {_('turnover')} {amount_text(turnover)}\n",
            (f"{price_text(low)} {range_bar(low, high, one.closing, 20)} {price_text(high)}", "dim"),
        )


def _kept(event: CandleEvent) -> _Kept:
    prices = (event.opening_price, event.high_price, event.low_price, event.trade_price)
    return Bar(*(price or Decimal(0) for price in prices)), event.candle_acc_trade_price or Decimal(0)


def _path(interval: str) -> str:
    return "seconds" if interval == "1s" else f"minutes/{interval.removesuffix('m')}"


def read_candles(body: bytes) -> dict[str, _Kept]:
    """Return the candles of an answer by their start.

    Raises:
        RemoteProtocolError: if it is no such answer.
    """
    names = ("opening_price", "high_price", "low_price", "trade_price")
    try:
        rows = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        return {
            str(row["candle_date_time_utc"])[:19]: (
                Bar(*(Decimal(row[name]) for name in names)),
                Decimal(row["candle_acc_trade_price"]),
            )
            for row in rows
        }
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        raise RemoteProtocolError(_("what REST answered is no list of candles")) from None


def _scale(low: Decimal, high: Decimal, at: int, rows: int, newest: Decimal) -> str:
    """Return what stands at the right of a row: some prices, and where the newest is."""
    span = high - low
    place = round(float((high - newest) / span) * (rows - 1)) if span else 0
    if at == place:
        return f"◀ {price_text(newest)}"
    if at in (0, rows - 1) or (at % 5 == 0 and abs(at - place) > 1):
        price = high - span * at / (rows - 1)
        step = high.as_tuple().exponent
        digits = max(0, -step) if isinstance(step, int) else 0
        return f"┤ {price:,.{digits}f}"
    return "│"


def _times(starts: Sequence[str], width: int) -> str:
    first, last = starts[0][11:], starts[-1][11:]
    return f"{first}{last:>{max(len(last) + 1, width - len(first))}} UTC"
