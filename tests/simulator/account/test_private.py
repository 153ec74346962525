"""myOrder, myAsset and announcements over a socket; tests/simulator/test_orders.py has the matching."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Simulator

Make = Callable[..., Any]


@pytest.fixture
def private(client: Make, bearer: Make) -> Make:
    """Open a private connection that is subscribed to the types given."""

    def open_(sim: Simulator, *parts: dict[str, Any], streams: set[str], format: str | None = None) -> Any:  # noqa: A002
        reader = client(sim.private_url, additional_headers=bearer(sim))
        reader.ask(*parts, format=format)
        sim.wait_served(streams, endpoint="private", exactly=False)
        return reader

    return open_


def test_orders_and_balances_are_told_as_they_change(simulator: Make, private: Make) -> None:
    sim = simulator()
    reader = private(sim, {"type": "myOrder"}, {"type": "myAsset"}, streams={"myOrder *", "myAsset *"})
    assert reader.is_silent()
    uuid = sim.place_order("KRW-BTC", "BID", 100_000_000, "0.25", identifier="mine")
    order, asset = reader.read_many(2)
    assert [order[key] for key in ("uuid", "state", "identifier", "locked")] == [uuid, "wait", "mine", 25012500]
    assert asset["assets"] == [{"currency": "KRW", "balance": 974987500, "locked": 25012500}]
    sim.trade("KRW-BTC", price=100_000_000, volume=1, side="ASK")
    trade, done, *assets = reader.read_many(4)
    assert [trade["state"], trade["is_maker"], trade["trade_fee"], done["state"]] == ["trade", True, 12500, "done"]
    # A message for each, as in the newest live sample.
    entries = [entry for message in assets for entry in message["assets"]]
    assert {entry["currency"]: entry["balance"] for entry in entries} == {"BTC": 10.25, "KRW": 974987500}
    assert sim.balances()["KRW"] == (Decimal(974_987_500), Decimal(0))
    assert sim.orders() == {uuid: "done"}
    assert {event["stream_type"] for event in (order, trade, done, asset)} == {"REALTIME"}


def test_a_cancelled_order_is_told(simulator: Make, private: Make) -> None:
    sim = simulator()
    reader = private(sim, {"type": "myOrder", "codes": ["KRW-BTC", "KRW-NOPE"]}, streams={"myOrder KRW-BTC"})
    sim.place_order("KRW-ETH", "BID", 1_000_000, "0.25")
    sim.cancel_order(sim.place_order("KRW-BTC", "ASK", 200_000_000, "0.25"))
    assert [event["state"] for event in reader.read_many(2)] == ["wait", "cancel"]
    assert reader.is_silent()


def test_simple_messages_have_the_short_keys_of_the_reference(simulator: Make, private: Make) -> None:
    sim = simulator()
    parts = {"type": "myOrder"}, {"type": "myAsset"}
    reader = private(sim, *parts, streams={"myOrder *", "myAsset *"}, format="SIMPLE_LIST")
    sim.place_order("KRW-BTC", "BID", 100_000_000, "0.25")
    (order,), (asset,) = reader.read_many(2)
    assert " ".join(order) == (
        "ty cd uid ab ot s tuid p ap v rv ev tc rsf rmf pf l ef tif tf im id smpt pv pl ttms otms tms st"
    )
    assert " ".join(asset) == "ty astuid ast asttms tms st"
    assert list(asset["ast"][0]) == ["cu", "b", "l"]


def test_each_key_sees_its_own_account(simulator: Make, client: Make, bearer: Make, private: Make) -> None:
    sim = simulator()
    secret = "another-secret-that-is-long-enough-for-the-algorithm-in-question"
    sim.add_key("other", secret)
    mine = private(sim, {"type": "myOrder"}, streams={"myOrder *"})
    theirs = client(sim.private_url, additional_headers=bearer(sim, secret=secret, access_key="other"))
    theirs.ask({"type": "myOrder"})
    sim.wait(lambda sim: sum("myOrder *" in info.served for info in sim.connections()) == 2)
    uuid = sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1", access_key="other")
    assert theirs.read()["uuid"] == uuid
    assert mine.is_silent()
    assert sim.orders() == {}


@pytest.mark.parametrize(("type_", "permission"), [("myOrder", "orders"), ("myAsset", "assets")])
def test_a_key_without_the_permission(simulator: Make, client: Make, bearer: Make, type_: str, permission: str) -> None:
    for answer in ("INVALID_AUTH", "silence"):
        sim = simulator(answers=Answers(missing_permission=answer))
        sim.add_key(sim.access_key, sim.secret_key, {"orders", "assets"} - {permission})
        reader = client(sim.private_url, additional_headers=bearer(sim))
        reader.ask({"type": type_}, {"type": "announcement"})
        if answer == "INVALID_AUTH":
            assert reader.read()["error"]["name"] == "INVALID_AUTH"
        else:
            sim.wait_served({f"{type_} *", "announcement *"}, endpoint="private")
            sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1")
            assert reader.is_silent()


def test_private_messages_can_be_late(simulator: Make, private: Make) -> None:
    sim = simulator(frozen=True)
    reader = private(sim, {"type": "myOrder"}, streams={"myOrder *"})
    sim.delay_private(3.0)
    first = sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1")
    second = sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1")
    assert reader.is_silent()
    sim.advance(3.0)
    assert [event["uuid"] for event in reader.read_many(2)] == [first, second]


def test_the_first_my_asset_subscription_may_be_silent_for_minutes(simulator: Make, private: Make) -> None:
    sim = simulator(frozen=True, answers=Answers(my_asset_delay=180.0))
    reader = private(sim, {"type": "myAsset"}, streams={"myAsset *"})
    sim.deposit("KRW", 1)
    sim.advance(179, idle=False)
    sim.deposit("KRW", 1)
    assert reader.is_silent()
    sim.advance(1, idle=False)
    sim.deposit("KRW", "0.00000000000000000000001")
    assert '"balance":1000000002.00000000000000000000001,' in reader.text()
    again = private(sim, {"type": "myAsset"}, streams={"myAsset *"})
    sim.wait(lambda sim: sum(bool(info.served) for info in sim.connections()) == 2)
    sim.deposit("KRW", 1)
    assert again.read()["type"] == "myAsset"


def test_my_order_may_begin_with_the_open_orders(simulator: Make, private: Make) -> None:
    sim = simulator(answers=Answers(my_order_snapshot=True))
    uuid = sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1")
    sim.cancel_order(sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1"))
    reader = private(sim, {"type": "myOrder"}, streams={"myOrder *"})
    order = reader.read()
    assert [order["uuid"], order["state"], order["stream_type"]] == [uuid, "wait", "SNAPSHOT"]
    assert reader.is_silent()


def test_list_subscriptions_of_a_private_connection(simulator: Make, private: Make) -> None:
    sim = simulator()
    parts = {"type": "myAsset"}, {"type": "myOrder", "codes": ["KRW-BTC"]}
    reader = private(sim, *parts, streams={"myAsset *", "myOrder KRW-BTC"})
    reader.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="acct-1")
    assert reader.text() == (
        '{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myAsset"},{"type":"myOrder","codes":["KRW-BTC"]}],'
        '"ticket":"acct-1"}'
    )


def test_announcements_are_created_and_updated_for_those_who_want_them(simulator: Make, private: Make) -> None:
    sim = simulator(start_time=1_795_176_000.0, frozen=True)
    plain = private(sim, {"type": "announcement"}, streams={"announcement *"})
    trade = private(
        sim, {"type": "announcement", "categories": ["trade"], "include_body": True}, streams={"announcement *"}
    )
    sim.wait(lambda sim: sum(bool(info.served) for info in sim.connections()) == 2)
    first = sim.announce("New listing", "trade", body="# KRW-NEW")
    sim.announce("Closed for the night", "maintenance")
    sim.advance(60, idle=False)
    assert sim.announce("New listing, later", "trade", update_of=first) == first
    created, closed, updated = plain.read_many(3)
    assert [event["event_type"] for event in (created, closed, updated)] == ["CREATED", "CREATED", "UPDATED"]
    assert "body" not in created
    assert created["first_listed_at"] == updated["first_listed_at"] == "2026-11-20T21:00:00+09:00"
    assert updated["listed_at"] == "2026-11-20T21:01:00+09:00"
    assert [event["body"] for event in trade.read_many(2)] == ["# KRW-NEW", None]
    sim.announce("Terms", "trade", body="x" * 20_000)
    assert (trade.read()["body"], plain.read()["title"]) == (None, "Terms")
    with pytest.raises(ValueError, match="no notice"):
        sim.announce("?", update_of="1")


def test_what_is_private_is_recorded_like_everything(simulator: Make, private: Make) -> None:
    sim = simulator()
    reader = private(sim, {"type": "myOrder"}, streams={"myOrder *"})
    sim.place_order("KRW-BTC", "BID", 100_000_000, "0.1")
    text = reader.text()
    assert sim.sent(stream="myOrder *") == [("myOrder *", text, "REALTIME")]
    assert json.loads(text)["code"] == "KRW-BTC"
