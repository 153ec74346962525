"""Rows of REST become the messages that the stream would have sent."""

import json
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.protocol.delivery.wallet import Balance
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.gaps.account_rows import read_balances, read_order, read_orders

ROW: dict[str, Any] = {
    "market": "KRW-ETH",
    "uuid": "5d0b7a1e-6c2f-4b93-9b0a-0f2f3a1c7e11",
    "side": "bid",
    "ord_type": "limit",
    "price": "3875000.00",
    "state": "wait",
    "created_at": "2026-11-20T14:30:31+09:00",
    "volume": "0.25",
    "remaining_volume": "0.15",
    "reserved_fee": "484.375",
    "remaining_fee": "290.625",
    "paid_fee": "193.75",
    "locked": "581540.625",
    "executed_volume": "0.10",
    "executed_funds": "387500.0",
    "trades_count": 1,
    "identifier": "eth-dip-0007",
}
TRADE = {
    "market": "KRW-ETH",
    "uuid": "a1f4c2d8-0b7e-4f2a-8c1d-3e9b55aa7f02",
    "price": "3875000",
    "volume": "0.1",
    "funds": "387500",
    "trend": "up",
    "created_at": "2026-11-20T14:31:12.418+09:00",
    "side": "bid",
}
MADE_MS = 1_795_152_631_000


def rows(*changes: dict[str, Any]) -> bytes:
    return json.dumps([ROW | change for change in changes]).encode()


def event(payload: bytes) -> Any:
    return make_event("myOrder KRW-ETH", payload, 1, 0)


def test_an_order_is_a_message_of_its_state_with_the_exchange_s_own_digits() -> None:
    (found,) = read_orders(rows({}), 7)
    shown = event(found.payload)
    assert (found.uuid, found.code, found.made_ms) == (ROW["uuid"], "KRW-ETH", MADE_MS)
    assert found.progress == (False, 1, Decimal("0.1"), Decimal(0), True)
    assert (shown.state, shown.ask_bid, shown.order_type, shown.identifier) == ("wait", "BID", "limit", "eth-dip-0007")
    assert (shown.price, shown.remaining_volume, shown.trades_count) == (3875000, Decimal("0.15"), 1)
    assert (shown.timestamp, shown.order_timestamp) == (7, MADE_MS)
    assert b'"price":3875000.00,' in found.payload
    assert (shown.avg_price, shown.is_maker, shown.trade_fee, shown.trade_uuid, shown.time_in_force) == (None,) * 5
    assert found.prevented == b""


def test_a_trade_has_its_own_price_and_volume_and_the_order_s_totals() -> None:
    found = read_order(json.dumps(ROW | {"trades": [TRADE]}).encode(), 7)
    assert found.trades is not None
    (trade,) = found.trades
    shown = event(trade.payload)
    assert (trade.uuid, shown.trade_uuid, shown.state) == (TRADE["uuid"], TRADE["uuid"], "trade")
    assert (shown.price, shown.volume, shown.executed_volume) == (3875000, Decimal("0.1"), Decimal("0.1"))
    assert shown.timestamp == shown.trade_timestamp == 1_795_152_672_418


def test_trades_are_in_the_order_of_their_times_and_within_one_as_listed() -> None:
    times = ["2026-11-20T14:31:13+09:00", "2026-11-20T14:31:12+09:00", "2026-11-20T14:31:12+09:00"]
    listed = [TRADE | {"uuid": f"T{number}", "created_at": at} for number, at in enumerate(times)]
    found = read_order(json.dumps(ROW | {"trades": listed}).encode(), 7)
    assert [one.uuid for one in found.trades or ()] == ["T1", "T2", "T0"]


def test_what_was_prevented_is_a_message_too() -> None:
    (found,) = read_orders(rows({"prevented_volume": "0.05"}), 7)
    assert event(found.prevented).state == "prevented"
    assert found.progress.prevented == Decimal("0.05")


def test_a_reserved_order_watches() -> None:
    (found,) = read_orders(rows({"state": "watch", "trades_count": 0, "executed_volume": "0"}), 7)
    assert not found.progress.is_triggered


def test_balances() -> None:
    body = b'[{"currency":"KRW","balance":"1000.5","locked":"0.0","avg_buy_price":"0","unit_currency":"KRW"}]'
    assert read_balances(body) == {"KRW": Balance(Decimal("1000.5"), Decimal(0))}


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": "a b"},
        {"uuid": "x" * 65},
        {"market": "nowhere"},
        {"state": "asleep"},
        {"price": "1e999999999"},
        {"price": "NaN"},
        {"executed_volume": "9" * 60},
        {"created_at": "yesterday"},
        {"trades_count": "1"},
        {"side": None},
    ],
)
def test_a_row_that_makes_no_sense_is_the_other_side_s_fault(change: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="not a list of orders"):
        read_orders(rows(change), 7)


@pytest.mark.parametrize("body", [b"", b"{}", b"[5]", b"nonsense", b"[" * 100_000, b'{"error":{}}'])
def test_what_is_no_answer_is_the_other_side_s_fault(body: bytes) -> None:
    for read in (lambda: read_orders(body, 7), lambda: read_order(body, 7), lambda: read_balances(body)):
        with pytest.raises(RemoteProtocolError):
            read()
