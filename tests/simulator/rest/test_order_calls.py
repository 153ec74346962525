"""Orders over REST: what a bot places and cancels, and what it finds when it looks."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Make = Callable[..., Any]
START = 1_795_176_000.0
# As documented; null fields are left out.
KEYS = {
    *("market", "uuid", "side", "ord_type", "state", "created_at", "price", "volume", "remaining_volume"),
    *("reserved_fee", "remaining_fee", "paid_fee", "locked", "executed_volume", "executed_funds"),
    *("prevented_volume", "prevented_locked", "trades_count", "smp_type"),
}


def test_an_order_is_placed_found_and_cancelled(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    row = call.order(identifier="mine")
    assert set(row) == {*KEYS, "identifier"}
    assert (row["state"], row["price"], row["volume"], row["locked"]) == ("wait", "1000", "6", "6003")
    assert (row["side"], row["ord_type"], row["trades_count"]) == ("bid", "limit", 0)
    assert row["created_at"] == "2026-11-20T21:00:00+09:00"
    assert sim.orders() == {row["uuid"]: "wait"}
    assert call("GET", "/v1/orders/open").body == [row]
    assert call("GET", "/v1/order", identifier="mine").body["trades"] == []
    # A cancellation is taken; the answer shows the order as it was.
    assert call("DELETE", "/v1/order", uuid=row["uuid"]).body["state"] == "wait"
    assert call("GET", "/v1/order", uuid=row["uuid"]).body["state"] == "cancel"
    assert call("GET", "/v1/orders/open").body == []
    assert [each["uuid"] for each in call("GET", "/v1/orders/closed").body] == [row["uuid"]]
    again = call("DELETE", "/v1/order", uuid=row["uuid"])
    assert (again.status, again.error) == (404, "order_not_found")


def test_a_market_buy_answers_wait_and_ends_in_cancel_with_its_trades(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    row = call.order(ord_type="price", price="100000", volume=None)
    assert (row["state"], row["trades_count"]) == ("wait", 0)
    assert not {"volume", "remaining_volume", "time_in_force"} & set(row)
    order = call("GET", "/v1/order", uuid=row["uuid"]).body
    assert order["state"] == "cancel"
    assert "executed_funds" not in order
    (trade,) = order["trades"]
    assert set(trade) == {"market", "uuid", "price", "volume", "funds", "trend", "created_at", "side"}
    assert (trade["trend"], trade["side"]) == ("up", "bid")
    assert Decimal(trade["funds"]) == Decimal(trade["price"]) * Decimal(trade["volume"])
    assert trade["created_at"].endswith("+09:00")
    stream = list(sim.orders().values())
    assert stream == ["cancel"]


def test_open_orders_in_pages(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    uuids = [call.order(price=str(1000 + at))["uuid"] for at in range(5)]
    watching = sim.place_order("KRW-BTC", "BID", 1000, 6, trigger=2000)
    other = call.order(market="KRW-ETH")["uuid"]

    def found(**params: Any) -> list[str]:
        return [row["uuid"] for row in call("GET", "/v1/orders/open", **params).body]

    assert found() == [other, *reversed(uuids)]
    assert found(order_by="asc", limit=2, page=2) == uuids[2:4]
    assert found(order_by="asc", limit=4, page=2) == [uuids[4], other]
    assert found(market="KRW-ETH") == [other]
    assert found(state="watch") == found(states=["watch"]) == [watching]
    assert len(found(states=["wait", "watch"])) == 7
    assert found(page=9) == []


def test_closed_orders_by_their_creation(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    uuids = []
    for _ in range(10):
        uuids.append(call.order()["uuid"])
        sim.cancel_order(uuids[-1])
        sim.advance(86_400)

    def found(**params: Any) -> list[int]:
        return [uuids.index(row["uuid"]) for row in call("GET", "/v1/orders/closed", **params).body]

    ms = int(START * 1000)
    assert found() == [9, 8, 7, 6, 5, 4, 3]
    assert found(start_time=ms, order_by="asc") == list(range(8))
    assert found(start_time="2026-11-20T21:00:00+09:00", order_by="asc", limit=2) == [0, 1]
    assert found(end_time=ms + 86_400_000) == [1, 0]
    assert found(start_time=ms + 86_400_000, end_time=ms + 2 * 86_400_000) == [2, 1]
    assert found(state="done") == []
    # Two states, one of them given twice over.
    assert call("GET", "/v1/orders/closed", state="done", states=["cancel"]).status == 400


def test_orders_by_their_names(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    one, two = (call.order(identifier=name)["uuid"] for name in ("one", "two"))
    sim.cancel_order(one)
    rows = call("GET", "/v1/orders/uuids", uuids=[one, two, "unknown"], order_by="asc").body
    assert [(row["uuid"], row["state"]) for row in rows] == [(one, "cancel"), (two, "wait")]
    assert [row["uuid"] for row in call("GET", "/v1/orders/uuids", identifiers=["two"]).body] == [two]
    assert call("GET", "/v1/orders/uuids").error == "validation_error"
    assert call("GET", "/v1/orders/uuids", uuids=["x"] * 101).error == "validation_error"
    assert call("GET", "/v1/orders/uuids", uuids=["x"], identifiers=["two"]).error == "validation_error"
    # The list of before 2024.
    assert [row["uuid"] for row in call("GET", "/v1/orders").body] == [two]
    assert [row["uuid"] for row in call("GET", "/v1/orders", state="cancel").body] == [one]


def test_many_are_cancelled_at_once(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    ended, *waiting = (call.order(price=str(1000 + at))["uuid"] for at in range(5))
    sim.cancel_order(ended)
    told = call("DELETE", "/v1/orders/uuids", uuids=[ended, waiting[0]]).body
    assert told["success"] == {"count": 1, "orders": [{"uuid": waiting[0], "market": "KRW-BTC"}]}
    assert told["failed"]["orders"] == [{"uuid": ended, "market": "KRW-BTC"}]
    assert call("DELETE", "/v1/orders/open", cancel_side="ask").body["success"]["count"] == 0
    assert call("DELETE", "/v1/orders/open", excluded_pairs="KRW-BTC").body["success"]["count"] == 0
    newest = call("DELETE", "/v1/orders/open", count=1).body["success"]["orders"]
    assert [row["uuid"] for row in newest] == [waiting[-1]]
    assert call("DELETE", "/v1/orders/open", quote_currencies="KRW").body["success"]["count"] == 2
    assert set(sim.orders().values()) == {"cancel"}


def test_an_order_is_replaced(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    uuid = call.order()["uuid"]
    new = {"new_ord_type": "limit", "new_price": "2000", "new_volume": "remain_only", "new_identifier": "new"}
    answer = call("POST", "/v1/orders/cancel_and_new", prev_order_uuid=uuid, **new)
    assert (answer.status, answer.body["uuid"], answer.body["new_order_identifier"]) == (201, uuid, "new")
    assert sim.orders() == {uuid: "cancel", answer.body["new_order_uuid"]: "wait"}
    # What its market would not take leaves the order as it is.
    wrong = {**new, "new_price": "100000500", "new_identifier": "other", "prev_order_identifier": "new"}
    assert call("POST", "/v1/orders/cancel_and_new", **wrong).error == "invalid_price_bid"
    assert list(sim.orders().values()) == ["cancel", "wait"]


def test_a_rehearsal_places_nothing(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    order = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "1000", "volume": "6"}
    assert call("POST", "/v1/orders/test", **order).status == 201
    assert call("POST", "/v1/orders/test", **{**order, "volume": "1"}).error == "under_min_total_bid"
    assert call("POST", "/v1/orders/test", **{**order, "volume": "990000", "price": "1001"}).status == 201
    sim.deposit("KRW", -999_999_999)
    assert call("POST", "/v1/orders/test", **order).error == "insufficient_funds_bid"
    assert sim.orders() == {}


@pytest.mark.parametrize(
    ("params", "status", "name"),
    [
        ({"side": "buy"}, 400, "validation_error"),
        ({"side": None}, 400, "validation_error"),
        ({"ord_type": "stop"}, 400, "validation_error"),
        ({"price": "a lot"}, 400, "validation_error"),
        ({"price": "NaN"}, 400, "validation_error"),
        ({"price": "1e999999"}, 400, "validation_error"),
        ({"price": "100000001.5"}, 400, "invalid_price_bid"),
        ({"volume": "0.00000001"}, 400, "under_min_total_bid"),
        ({"ord_type": "price"}, 400, "create_bid_error"),
        ({"ord_type": "best", "volume": None, "price": "6000"}, 400, "invalid_time_in_force"),
        ({"side": "ask", "price": "200000000", "volume": "4000"}, 400, "over_krw_funds_ask"),
        ({"side": "ask", "price": "90000000", "volume": "11"}, 400, "insufficient_funds_ask"),
        ({"market": "KRW-NOPE"}, 404, "notfoundmarket"),
    ],
)
def test_what_the_desk_refuses(simulator: Make, caller: Make, params: Any, status: int, name: str) -> None:
    sim = simulator()
    order = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "1000", "volume": "6", **params}
    order = {key: value for key, value in order.items() if value is not None}
    answer = caller(sim)("POST", "/v1/orders", **order)
    assert (answer.status, answer.error) == (status, name)
    assert answer.body["error"]["message"]
    assert sim.orders() == {}


def test_messages_are_in_the_words_of_the_region(simulator: Make, caller: Make) -> None:
    texts = []
    for region in ("kr", "sg"):
        call = caller(simulator(region=region, markets=["KRW-BTC"]))
        texts.append(call("GET", "/v1/order", uuid="none").body["error"]["message"])
        texts.append(call.send("GET", "/v1/accounts", None, {}).body["error"]["message"])
    assert [text.isascii() for text in texts] == [False, False, True, True]


def test_a_replica_that_lags_shows_what_was(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    sim.delay_rest(0.3)
    uuid = call.order()["uuid"]
    assert call("GET", "/v1/order", uuid=uuid).error == "order_not_found"
    assert call("GET", "/v1/orders/open").body == []
    krw = {row["currency"]: row for row in call("GET", "/v1/accounts").body}["KRW"]
    assert (krw["balance"], krw["locked"]) == ("1000000000", "0")
    sim.advance(0.4)
    assert [row["state"] for row in call("GET", "/v1/orders/open").body] == ["wait"]
    # It still says `wait` of what is cancelled.
    sim.cancel_order(uuid)
    assert call("GET", "/v1/order", uuid=uuid).body["state"] == "wait"
    assert call("DELETE", "/v1/order", uuid=uuid).error == "order_not_found"
    sim.advance(0.4)
    assert call("GET", "/v1/order", uuid=uuid).body["state"] == "cancel"


def test_who_reads_orders_finds_the_trades_of_the_stream(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    uuid = call.order(side="ask", price="200000000", volume="0.3")["uuid"]
    sim.trade("KRW-BTC", 200_000_000, "0.1", "BID")
    (row,) = call("GET", "/v1/orders/open").body
    assert (row["trades_count"], row["remaining_volume"], row["executed_volume"]) == (1, "0.2", "0.1")
    sim.trade("KRW-BTC", 200_000_000, 1, "BID")
    order = call("GET", "/v1/order", uuid=uuid).body
    assert (order["state"], [trade["volume"] for trade in order["trades"]]) == ("done", ["0.1", "0.2"])
