"""What a program that reconciles its orders and balances after a gap meets: REST and the private stream together."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.simulator import Limits

Make = Callable[..., Any]
START = 1_795_176_000.4


@pytest.fixture
def sim(simulator: Make) -> Any:
    return simulator(frozen=True, start_time=START)


@pytest.fixture
def private(client: Make, bearer: Make) -> Callable[[Any], Any]:
    def open_(sim: Any) -> Any:
        reader = client(sim.private_url, additional_headers=bearer(sim))
        reader.ask({"type": "myOrder"}, {"type": "myAsset"})
        # The fence: private streams have no snapshot, so only this says that they are served.
        reader.ask({"method": "LIST_SUBSCRIPTIONS"})
        assert {one["type"] for one in reader.read()["result"]} == {"myOrder", "myAsset"}
        return reader

    return open_


def orders(call: Any, path: str, **params: Any) -> dict[str, Any]:
    return {row["uuid"]: row for row in call("GET", f"/v1/orders/{path}", **params).body}


def test_what_ended_in_a_gap_is_found_by_its_name_and_its_creation(sim: Any, caller: Make, private: Make) -> None:
    call = caller(sim)
    reader = private(sim)
    old = call.order()["uuid"]
    sim.advance(10 * 86_400, idle=False)
    known = call.order(side="ask", price="200000000", volume="0.3")["uuid"]
    sim.drop("private")
    assert reader.ended() is None
    sim.cancel_order(old)
    sim.trade("KRW-BTC", 200_000_000, "0.1", "BID")
    sim.cancel_order(known)
    made = call.order(ord_type="market", side="ask", price=None, volume="0.2")["uuid"]
    private(sim)
    assert orders(call, "open", states=["wait", "watch"]) == {}
    named = orders(call, "uuids", uuids=[old, known])
    assert {uuid: (row["state"], row["trades_count"]) for uuid, row in named.items()} == {
        old: ("cancel", 0),
        known: ("cancel", 1),
    }
    # By creation, not by end: the order of ten days ago is not there.
    gap_ms = int(sim.now() * 1000)
    closed = orders(call, "closed", start_time=gap_ms - 60_000, order_by="asc")
    assert list(closed) == [known, made]
    assert (closed[made]["state"], closed[made]["side"]) == ("done", "ask")


def test_the_trades_of_an_order_are_those_of_the_stream(sim: Any, caller: Make, private: Make) -> None:
    call, reader = caller(sim), private(sim)
    uuid = call.order(side="ask", price="200000000", volume="0.3")["uuid"]
    for volume in ("0.1", "0.2"):
        sim.trade("KRW-BTC", 200_000_000, volume, "BID")
        sim.advance(1.3)
    told = [event for event in reader.read_many(8) if event["type"] == "myOrder"]
    trades = [event for event in told if event["state"] == "trade"]
    found = call("GET", "/v1/order", uuid=uuid).body
    assert [trade["uuid"] for trade in found["trades"]] == [event["trade_uuid"] for event in trades]
    assert [Decimal(trade["volume"]) for trade in found["trades"]] == [Decimal("0.1"), Decimal("0.2")]
    assert {(trade["side"], event["ask_bid"]) for trade, event in zip(found["trades"], trades, strict=True)} == {
        ("ask", "ASK")
    }
    # What moves forward only, on both sides.
    assert [event["trades_count"] for event in told] == sorted(event["trades_count"] for event in told)
    assert (found["state"], found["trades_count"]) == ("done", 2)
    # Whole seconds.
    assert {event["order_timestamp"] % 1000 for event in told} == {0}
    assert found["created_at"] == "2026-11-20T21:00:00+09:00"


def test_page_numbers_shift_when_an_order_ends_between_two_pages(sim: Any, caller: Make) -> None:
    call = caller(sim)
    uuids = [call.order(price=str(1000 + at))["uuid"] for at in range(6)]
    first = list(orders(call, "open", order_by="asc", limit=3, page=1))
    sim.cancel_order(uuids[0])
    second = list(orders(call, "open", order_by="asc", limit=3, page=2))
    assert (first, second) == (uuids[:3], uuids[4:])  # the fourth is on neither


def test_a_replica_still_says_wait_of_what_the_stream_has_ended(sim: Any, caller: Make, private: Make) -> None:
    call, reader = caller(sim), private(sim)
    uuid = call.order()["uuid"]
    sim.advance(1.0)
    sim.delay_rest(0.2)
    sim.cancel_order(uuid)
    told = [event for event in reader.read_many(4) if event["type"] == "myOrder"]
    assert told[-1]["state"] == "cancel"
    assert list(orders(call, "open")) == [uuid]
    sim.advance(3.0)
    assert orders(call, "open") == {}
    assert orders(call, "uuids", uuids=[uuid])[uuid]["state"] == "cancel"


def test_balances_are_what_the_stream_says_and_what_is_gone_is_missing(sim: Any, caller: Make, private: Make) -> None:
    call, reader = caller(sim), private(sim)
    sim.deposit("QTUM", "12.5")
    (told,) = reader.read()["assets"]
    held = {row["currency"]: row for row in call("GET", "/v1/accounts").body}
    assert Decimal(held["QTUM"]["balance"]) == Decimal(str(told["balance"])) == Decimal("12.5")
    reader.connection.close()
    sim.deposit("QTUM", "-12.5")
    private(sim)
    assert "QTUM" not in {row["currency"] for row in call("GET", "/v1/accounts").body}


def test_orders_and_assets_are_permitted_each_for_itself(sim: Any, caller: Make) -> None:
    sim.add_key("other", "o" * 64, ["assets"])
    call = caller(sim, "other", "o" * 64)
    assert call("GET", "/v1/accounts").status == 200
    refused = call("GET", "/v1/orders/open")
    assert (refused.status, refused.error) == (401, "out_of_scope")


def test_a_bot_s_own_calls_and_the_reconciling_ones_are_counted_together(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START, limits=Limits())
    call = caller(sim)
    left = []
    for path in ["/v1/accounts", "/v1/orders/open"] * 14:
        left.append(call("GET", path).headers["Remaining-Req"].rpartition("sec=")[2])
    assert left == [str(at) for at in range(29, 1, -1)]


def test_a_token_is_good_for_one_try(sim: Any, caller: Make) -> None:
    call = caller(sim)
    headers = call.headers("")
    assert call.send("GET", "/v1/accounts", None, headers).status == 200
    again = call.send("GET", "/v1/accounts", None, headers)
    assert (again.status, again.error) == (401, "nonce_used")
