"""Candles of before a subscription, or that a gap swallowed: which pages to ask for, and what their rows become.

One `CandleFill` for each `Ask` of a closer's: `query` says what to ask next, `receive` takes the answer. Pages come
newest first. Replicas lag, and an interval without a trade has no row: so the newest candle that the stream has shown
is asked for, too, though it is none of what is missing. Where it is there, what is not there does not exist.

Source: Upbit WebSocket reference, "REST for an engine": 200 rows at most, `to` is exclusive.
"""

from typing import NamedTuple

import msgspec

from websocket_v6.protocol.delivery.closer import CLOSES_AFTER_MS, Ask
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events.candle_intervals import start_of, utc_text
from websocket_v6.protocol.exchange.codes import CANDLE_UNITS
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.outside_text import excerpt, outside_text

__all__ = ["CandleFill", "CandleQuery", "read_candles"]

PAGE = 200  # candles of one answer at most
MAX_PAGES = 20  # for one stream and gap: 4,000 candles
UNFINAL = 4  # candles at most that are not final at a time, those of a second
CERTAIN_AFTER_MS = 10_000  # after its end: a candle that is in no answer by then does not exist
LAGS = (0.25, 0.5, 1.0, 2.0)  # seconds until a page that is too old is asked for again
MOST_LAGS = 60  # pages in a row that were: two minutes, after which nobody waits for one that is not


class CandleQuery(NamedTuple):
    """One call of `/v1/candles/...`."""

    path: str
    market: str
    to_ms: int | None  # candles that begin before this
    most: int

    def parameters(self) -> dict[str, str]:
        """Return the call's parameters."""
        to = {} if self.to_ms is None else {"to": f"{utc_text(self.to_ms)}Z"}
        return {"market": self.market, "count": str(self.most), **to}


class _Row(msgspec.Struct):
    """A row as the exchange sends it; numbers stay as they are spelled."""

    market: str
    candle_date_time_utc: str
    opening_price: msgspec.Raw
    high_price: msgspec.Raw
    low_price: msgspec.Raw
    trade_price: msgspec.Raw
    candle_acc_trade_volume: msgspec.Raw
    candle_acc_trade_price: msgspec.Raw
    timestamp: int
    candle_date_time_kst: str | msgspec.UnsetType = msgspec.UNSET


class _Candle(msgspec.Struct):
    """A message as the socket sends it in the DEFAULT format."""

    type: str
    code: str
    candle_date_time_utc: str
    candle_date_time_kst: str | msgspec.UnsetType
    opening_price: msgspec.Raw
    high_price: msgspec.Raw
    low_price: msgspec.Raw
    trade_price: msgspec.Raw
    candle_acc_trade_volume: msgspec.Raw
    candle_acc_trade_price: msgspec.Raw
    timestamp: int
    stream_type: str


_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
_decode = msgspec.json.Decoder(list[_Row]).decode
_encode = msgspec.json.Encoder().encode


def read_candles(body: bytes, stream: Stream) -> dict[int, bytes]:
    """Return the rows of an answer by their start, each as the message that the socket would have sent.

    Raises:
        RemoteProtocolError: if it is anything else than a list of candles of this market.
    """
    type_, market = split(stream)
    try:
        rows = _decode(body)
        found: dict[int, bytes] = {}
        for row in rows:
            payload = _message(type_, row)
            start_ms = start_of(payload)
            if row.market != market or start_ms is None:
                raise ValueError(f"a row of {outside_text(row.market)} at {outside_text(row.candle_date_time_utc)}")
            found[start_ms] = payload
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"not a page of candles: {excerpt(body)!r}: {outside_text(exc)}") from exc
    return found


def _message(type_: str, row: _Row) -> bytes:
    return _encode(
        _Candle(
            type=type_,
            code=row.market,
            candle_date_time_utc=row.candle_date_time_utc,
            candle_date_time_kst=row.candle_date_time_kst,
            opening_price=row.opening_price,
            high_price=row.high_price,
            low_price=row.low_price,
            trade_price=row.trade_price,
            candle_acc_trade_volume=row.candle_acc_trade_volume,
            candle_acc_trade_price=row.candle_acc_trade_price,
            timestamp=row.timestamp,
            stream_type="REALTIME",
        )
    )


class CandleFill:
    """What one `Ask` comes to.

    `is_done` says that nothing more need be asked, `problem` why less than all could be had.
    """

    def __init__(self, stream: Stream, ask: Ask) -> None:
        type_, self._market = split(stream)
        self._stream = stream
        self._unit_ms = CANDLE_UNITS[type_]
        interval = type_.partition(".")[2]
        self._path = "/v1/candles/seconds" if interval == "1s" else f"/v1/candles/minutes/{interval[:-1]}"
        self._ask = ask
        self.is_done = False
        self.problem = ""
        # The newest candle that was shown is asked for, or those that are not final.
        self._most = None if ask.most is None else ask.most + (UNFINAL if ask.end_ms is None else 1)
        self._to_ms: int | None = None
        self._rows: dict[int, bytes] = {}
        self._pages = 0
        self._lags = 0  # answers in a row that were too old
        self._whole_ms: int | None = None  # what begins from then on, and is final, was fetched
        self._certain_ms = 0  # what begins before that and has no row does not exist
        self._from_the_top()

    def query(self) -> CandleQuery:
        """Return what to ask next."""
        count = PAGE if self._most is None else min(PAGE, self._most - len(self._rows))
        return CandleQuery(self._path, self._market, self._to_ms, count)

    def receive(self, body: bytes, exchange_ms: float) -> float:
        """Take an answer; return in how many seconds to ask again: not at once, if this one was too old.

        Raises:
            RemoteProtocolError: if it is no page of candles of this market.
        """
        page, asked = read_candles(body, self._stream), self.query().most
        self._pages += 1
        self._rows.update(page)
        from_ms = self._ask.from_ms
        is_last = len(page) < asked or (from_ms is not None and min(page) <= from_ms)
        is_last = is_last or (self._most is not None and len(self._rows) >= self._most)
        if self._is_old(page, is_last=is_last):
            self._lags += 1
            if self._lags >= MOST_LAGS:
                self.give_up("the exchange's answers lack what its stream has shown")
            self._from_the_top()
            return LAGS[min(self._lags, len(LAGS)) - 1]
        if is_last:
            self._whole_ms = from_ms
            self._certain_ms = int(exchange_ms) - CERTAIN_AFTER_MS
            self.is_done = True
        elif self._pages >= MAX_PAGES:
            self._whole_ms = None if from_ms is None else min(self._rows)
            self.give_up(f"more than {PAGE * MAX_PAGES:,} candles")
        else:
            self._to_ms = min(page)
        return 0.0

    def give_up(self, problem: str) -> None:
        """End with what there is."""
        if not self.is_done:
            self.is_done = True
            self.problem = problem

    @property
    def rows(self) -> tuple[tuple[int, bytes], ...]:
        """What is asked for and was fetched, oldest first, and perhaps some that are not final."""
        from_ms, end_ms = self._ask.from_ms, self._ask.end_ms
        return tuple(
            (start_ms, payload)
            for start_ms, payload in sorted(self._rows.items())
            if (from_ms is None or start_ms >= from_ms) and (end_ms is None or start_ms < end_ms)
        )

    def covered(self, exchange_ms: float) -> tuple[int, int] | None:
        """Return from when to when all candles that exist and are final were fetched; `None` if that is unknown."""
        from_ms, end_ms, unit_ms = self._whole_ms, self._ask.end_ms, self._unit_ms
        if from_ms is None:
            return None
        if end_ms is None:
            final_ms = exchange_ms - unit_ms - CLOSES_AFTER_MS
            newest_ms = max((start_ms for start_ms in self._rows if start_ms <= final_ms), default=from_ms - unit_ms)
            certain_ms = from_ms + max(0, self._certain_ms - from_ms) // unit_ms * unit_ms
            end_ms = max(newest_ms + unit_ms, certain_ms)
        return from_ms, max(from_ms, end_ms)

    def _is_old(self, page: dict[int, bytes], *, is_last: bool) -> bool:
        """Whether it lacks what the stream has shown."""
        reached_ms = 0 if is_last else min(page)
        return any(start_ms >= reached_ms and start_ms not in self._rows for start_ms in self._ask.shown)

    def _from_the_top(self) -> None:
        self._to_ms = None if self._ask.end_ms is None else self._ask.end_ms + self._unit_ms
        self._pages = 0
        self._rows.clear()
