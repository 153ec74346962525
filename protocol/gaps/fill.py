"""The trades that a gap of the connection swallowed: which pages to ask for, and what their rows become.

One `Fill` for each market: `query` says what to ask next, `receive` takes the answer. Pages come newest first, so it
goes back from now until it meets what was delivered before the gap. A row becomes the JSON that the socket would have
sent, in the exchange's own digits. Sending, pace and waiting are left to actors/gaps/backfill.py.

Source: Upbit WebSocket reference, "REST for an engine" (the recipe, and how a row differs from a message).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from websocket_v6.protocol.delivery.hold import floor_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.outside_text import excerpt, outside_text

__all__ = ["MAX_PAGES", "PAGE", "Fill", "Query", "Row", "read_page"]

PAGE = 500  # trades of one answer at most
MAX_PAGES = 20  # for one market and gap: 10,000 trades
_DAY_MS = 86_400_000
_SKEW_MS = 60_000  # how far the exchange's clock and ours may differ


class Query(NamedTuple):
    """One call of `/v1/trades/ticks`."""

    market: str
    cursor: int | None  # trades before this id
    days_ago: int  # 0: today, UTC

    @property
    def path(self) -> str:
        """Whom to ask."""
        return "/v1/trades/ticks"

    def parameters(self) -> dict[str, str]:
        """Return the call's parameters."""
        found = {"market": self.market, "count": str(PAGE)}
        if self.cursor is not None:
            found["cursor"] = str(self.cursor)
        if self.days_ago:
            found["days_ago"] = str(self.days_ago)
        return found


class Row(NamedTuple):
    """One trade of a page; `payload` is the message that the socket would have sent, without the best levels."""

    id: int
    ms: int
    payload: bytes


class _Tick(msgspec.Struct):
    """A row as the exchange sends it; numbers stay as they are spelled."""

    market: str
    trade_date_utc: str
    trade_time_utc: str
    timestamp: int
    trade_price: msgspec.Raw
    trade_volume: msgspec.Raw
    prev_closing_price: msgspec.Raw
    change_price: msgspec.Raw
    ask_bid: str
    sequential_id: int


class _Trade(msgspec.Struct, omit_defaults=False):
    """A message as the socket sends it in the DEFAULT format."""

    type: str
    code: str
    timestamp: int
    trade_date: str
    trade_time: str
    trade_timestamp: int
    trade_price: msgspec.Raw
    trade_volume: msgspec.Raw
    ask_bid: str
    prev_closing_price: msgspec.Raw
    change: str
    change_price: msgspec.Raw
    sequential_id: int
    stream_type: str


_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
_decode = msgspec.json.Decoder(list[_Tick]).decode
_encode = msgspec.json.Encoder().encode


def read_page(body: bytes, market: str) -> list[Row]:
    """Return the rows of an answer, newest first.

    Raises:
        RemoteProtocolError: if it is anything else than a list of trades of `market`.
    """
    try:
        ticks = _decode(body)
        if any(tick.market != market for tick in ticks):
            raise ValueError(f"trades of another market than {market}")
        rows = [Row(tick.sequential_id, tick.timestamp, _message(tick)) for tick in ticks]
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"not a page of trades: {excerpt(body)!r}: {outside_text(exc)}") from exc
    return sorted(rows, key=lambda row: row.id, reverse=True)


def _message(tick: _Tick) -> bytes:
    # Signed here, absolute on the socket, which tells the direction in a word.
    text = bytes(tick.change_price).decode()
    change = Decimal(text)
    return _encode(
        _Trade(
            type="trade",
            code=tick.market,
            timestamp=tick.timestamp,
            trade_date=tick.trade_date_utc,
            trade_time=tick.trade_time_utc,
            trade_timestamp=tick.timestamp,
            trade_price=tick.trade_price,
            trade_volume=tick.trade_volume,
            ask_bid=tick.ask_bid,
            prev_closing_price=tick.prev_closing_price,
            change="RISE" if change > 0 else "FALL" if change < 0 else "EVEN",
            change_price=msgspec.Raw(text.removeprefix("-").encode()),
            sequential_id=tick.sequential_id,
            stream_type="REALTIME",
        )
    )


class Fill:
    """The missing trades of one market.

    `known` are the ids of its last trades before the gap, in the order they came, all there ever were if `is_all`;
    without any, trades from `since_ms` on are missing. Ends with the first live trade after the gap, once `began` has
    told it. `is_done` says that nothing more need be asked, `problem` why less than all could be had.
    """

    def __init__(self, market: str, known: Sequence[int], *, is_all: bool, since_ms: int) -> None:
        self.market = market
        self.is_done = False
        self.problem = ""
        self._known = frozenset(known)
        self._since_ms = since_ms
        # What counts as missing must not have been delivered.
        self._floor = floor_of(known, is_all=is_all)
        self.first_live: int | None = None
        self._rows: dict[int, Row] = {}
        self._cursor: int | None = None
        self._days_ago = 0
        self._pages = 0

    def began(self, first_live: int) -> None:
        """Note the first trade after the gap; those from it on need not be asked for."""
        if self.is_done:
            return
        self.first_live = first_live
        if first_live in self._known:
            self.is_done = True  # the exchange's last trade is the one before the gap: it swallowed none
        elif self._lags:
            self._from_the_top()  # there were more trades after the newest page was read

    def query(self) -> Query:
        """Return what to ask next."""
        return Query(self.market, self._cursor, self._days_ago)

    def receive(self, body: bytes, now_ms: int) -> bool:
        """Take an answer; return False if it lags behind the live trades, so that it must be asked again in a moment.

        Raises:
            RemoteProtocolError: if it is no page of trades of this market.
        """
        rows = read_page(body, self.market)
        self._pages += 1
        self._rows.update((row.id, row) for row in rows)
        is_last = any(row.id <= self._floor or (not self._floor and row.ms < self._since_ms) for row in rows)
        if not is_last and len(rows) < PAGE:
            is_last = not self._next_day(now_ms)
        if self._lags and (rows or is_last):
            self._from_the_top()
            return False
        if rows:
            self._cursor = rows[-1].id
        if is_last:
            self.is_done = True
        elif self._pages >= MAX_PAGES:
            self.give_up(f"more than {PAGE * MAX_PAGES:,} trades")
        return True

    def give_up(self, problem: str) -> None:
        """End with what there is."""
        if not self.is_done:
            self.is_done = True
            self.problem = problem

    def missing(self) -> list[Row]:
        """Return the trades that were fetched and are missing, oldest first."""
        last = self.first_live
        found = [
            row
            for row in self._rows.values()
            if row.id not in self._known
            and (row.id > self._floor if self._floor else row.ms >= self._since_ms)
            # With the first live one: if that came as a snapshot, who takes none has not had it.
            and (last is None or row.id <= last)
        ]
        return sorted(found, key=lambda row: row.id)

    @property
    def reaches_to_ms(self) -> int | None:
        """The time back to which all trades were fetched, `None` if they cannot be vouched for."""
        return None if self._lags else min((row.ms for row in self._rows.values()), default=None)

    @property
    def _lags(self) -> bool:
        return self.first_live is not None and max(self._rows, default=0) < self.first_live

    def _from_the_top(self) -> None:
        self._cursor, self._days_ago, self._pages = None, 0, 0

    def _next_day(self, now_ms: int) -> bool:
        """Go on to the day before, if the gap began in it or earlier."""
        if (now_ms // _DAY_MS - self._days_ago) * _DAY_MS <= self._since_ms - _SKEW_MS or self._days_ago == 7:
            return False
        self._days_ago += 1
        return True
