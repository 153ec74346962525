"""What REST says about an account, as the messages that the stream would have sent.

Numbers come as texts, and keep their digits; `side` is `bid` or `ask`. What REST does not say (whether a trade was as a
maker, its fee, the average price) is null, and nothing is computed: the totals of a trade's message are the order's as
it is now, `price` and `volume` are the trade's.
Source: Upbit REST reference, "Get order", "List balances"; Upbit WebSocket reference, "myOrder".
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from websocket_v6.protocol.delivery.progress import ENDED, Found, FoundTrade, Progress
from websocket_v6.protocol.delivery.wallet import Balance
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.codes import CODE
from websocket_v6.protocol.outside_text import excerpt, outside_text

__all__ = ["read_balances", "read_order", "read_orders"]

STATES = ("wait", "watch", *ENDED)
_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
_NULL = msgspec.Raw(b"null")
_is_number = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?").fullmatch
_is_id = re.compile(r"[0-9A-Za-z-]{1,64}").fullmatch


class _TradeRow(msgspec.Struct):
    uuid: str
    price: str
    volume: str
    created_at: str


class _OrderRow(msgspec.Struct):
    """An order as REST sends it: what is null may be left out."""

    uuid: str
    market: str
    side: str
    ord_type: str
    state: str
    created_at: str
    trades_count: int = 0
    price: str | None = None
    volume: str | None = None
    remaining_volume: str | None = None
    executed_volume: str | None = None
    executed_funds: str | None = None
    reserved_fee: str | None = None
    remaining_fee: str | None = None
    paid_fee: str | None = None
    locked: str | None = None
    prevented_volume: str | None = None
    prevented_locked: str | None = None
    time_in_force: str | None = None
    identifier: str | None = None
    smp_type: str | None = None
    trades: list[_TradeRow] | None = None


class _BalanceRow(msgspec.Struct):
    currency: str
    balance: str
    locked: str


class _Message(msgspec.Struct):
    """An order's message in the DEFAULT format."""

    type: str
    code: str
    uuid: str
    ask_bid: str
    order_type: str
    state: str
    trade_uuid: str | None
    price: msgspec.Raw
    avg_price: None
    volume: msgspec.Raw
    remaining_volume: msgspec.Raw
    executed_volume: msgspec.Raw
    trades_count: int
    reserved_fee: msgspec.Raw
    remaining_fee: msgspec.Raw
    paid_fee: msgspec.Raw
    locked: msgspec.Raw
    executed_funds: msgspec.Raw
    time_in_force: str | None
    trade_fee: None
    is_maker: None
    identifier: str | None
    smp_type: str | None
    prevented_volume: msgspec.Raw
    prevented_locked: msgspec.Raw
    trade_timestamp: int | None
    order_timestamp: int
    timestamp: int
    stream_type: str


_decode_orders = msgspec.json.Decoder(list[_OrderRow]).decode
_decode_order = msgspec.json.Decoder(_OrderRow).decode
_decode_balances = msgspec.json.Decoder(list[_BalanceRow]).decode
_encode = msgspec.json.Encoder().encode


def read_orders(body: bytes, now_ms: int) -> list[Found]:
    """Return the orders of a list, in its order. `now_ms` is when it was answered: no row says when it changed.

    Raises:
        RemoteProtocolError: if it is anything else than a list of orders.
    """
    try:
        return [_found(row, now_ms) for row in _decode_orders(body)]
    except _MALFORMED as exc:
        raise _malformed("a list of orders", body, exc) from exc


def read_order(body: bytes, now_ms: int) -> Found:
    """Return one order with its trades, the oldest first.

    Raises:
        RemoteProtocolError: if it is anything else than an order.
    """
    try:
        row = _decode_order(body)
        trades = [(_ms(trade.created_at), trade) for trade in row.trades or ()]
        trades.sort(key=lambda pair: pair[0])  # within a moment as listed
        found = tuple(FoundTrade(_id(trade.uuid), _trade_message(row, trade, ms)) for ms, trade in trades)
        return _found(row, now_ms)._replace(trades=found)
    except _MALFORMED as exc:
        raise _malformed("an order", body, exc) from exc


def read_balances(body: bytes) -> dict[str, Balance]:
    """Return what there is of each currency.

    Raises:
        RemoteProtocolError: if it is anything else than a list of balances.
    """
    try:
        rows: Iterable[_BalanceRow] = _decode_balances(body)
        return {row.currency: Balance(_decimal(row.balance), _decimal(row.locked)) for row in rows}
    except _MALFORMED as exc:
        raise _malformed("a list of balances", body, exc) from exc


def _malformed(what: str, body: bytes, exc: Exception) -> RemoteProtocolError:
    return RemoteProtocolError(f"not {what}: {excerpt(body)!r}: {outside_text(exc)}")


def _found(row: _OrderRow, now_ms: int) -> Found:
    if row.state not in STATES or not CODE.fullmatch(row.market):
        raise ValueError(f"an order of {row.market:.20} in state {row.state:.20}")
    prevented = _decimal(row.prevented_volume)
    progress = Progress(
        row.state in ENDED, row.trades_count, _decimal(row.executed_volume), prevented, row.state != "watch"
    )
    return Found(
        _id(row.uuid),
        row.market,
        progress,
        _ms(row.created_at),
        _encode(_message(row, row.state, now_ms)),
        _encode(_message(row, "prevented", now_ms)) if prevented else b"",
    )


def _message(row: _OrderRow, state: str, at_ms: int) -> _Message:
    return _Message(
        type="myOrder",
        code=row.market,
        uuid=row.uuid,
        ask_bid={"bid": "BID", "ask": "ASK"}[row.side.lower()] if row.side.lower() in ("bid", "ask") else row.side,
        order_type=row.ord_type,
        state=state,
        trade_uuid=None,
        price=_raw(row.price),
        avg_price=None,
        volume=_raw(row.volume),
        remaining_volume=_raw(row.remaining_volume),
        executed_volume=_raw(row.executed_volume),
        trades_count=row.trades_count,
        reserved_fee=_raw(row.reserved_fee),
        remaining_fee=_raw(row.remaining_fee),
        paid_fee=_raw(row.paid_fee),
        locked=_raw(row.locked),
        executed_funds=_raw(row.executed_funds),
        time_in_force=row.time_in_force,
        trade_fee=None,
        is_maker=None,
        identifier=row.identifier,
        smp_type=row.smp_type,
        prevented_volume=_raw(row.prevented_volume),
        prevented_locked=_raw(row.prevented_locked),
        trade_timestamp=None,
        order_timestamp=_ms(row.created_at),
        timestamp=at_ms,
        stream_type="REALTIME",
    )


def _trade_message(row: _OrderRow, trade: _TradeRow, ms: int) -> bytes:
    message = _message(row, "trade", ms)
    message.trade_uuid, message.trade_timestamp = trade.uuid, ms
    message.price, message.volume = _raw(trade.price), _raw(trade.volume)
    return _encode(message)


def _id(text: str) -> str:
    if not _is_id(text):
        raise ValueError("an id that is none")
    return text


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _raw(text: str | None) -> msgspec.Raw:
    if text is None:
        return _NULL
    _decimal(text)
    return msgspec.Raw(text.encode())


def _decimal(text: str | None) -> Decimal:
    if text is None:
        return Decimal(0)
    if not _is_number(text):
        raise ValueError("a number that is none")
    return Decimal(text)
