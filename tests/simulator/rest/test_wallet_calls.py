"""Balances, what can be ordered, and keys."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_balances_are_text_and_agree_with_the_desk(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    sim.place_order("KRW-BTC", "BID", 1000, 6)
    rows = {row["currency"]: row for row in call("GET", "/v1/accounts").body}
    assert rows["KRW"] == {
        "currency": "KRW",
        "balance": "999993997",
        "locked": "6003",
        "avg_buy_price": "0",
        "avg_buy_price_modified": False,
        "unit_currency": "KRW",
    }
    assert {name: row["balance"] for name, row in rows.items() if name != "KRW"} == {
        "BTC": "10",
        "ETH": "100",
        "USDT": "100000",
        "XRP": "100000",
    }
    sim.deposit("BTC", -10)
    assert "BTC" not in {row["currency"] for row in call("GET", "/v1/accounts").body}


def test_the_average_price_is_of_what_was_bought(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    sim.deposit("BTC", -10)
    for price in (100_000_000, 50_000_000):
        sim.place_order("KRW-BTC", "BID", price, "0.1")
        sim.trade("KRW-BTC", price, "0.1", "ASK")
    rows = {row["currency"]: row for row in call("GET", "/v1/accounts").body}
    assert (rows["BTC"]["balance"], rows["BTC"]["avg_buy_price"]) == ("0.2", "75000000")


def test_what_can_be_ordered(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    chance = call("GET", "/v1/orders/chance", market="KRW-BTC").body
    assert (chance["bid_fee"], chance["maker_ask_fee"]) == ("0.0005", "0.0005")
    market = chance["market"]
    assert (market["id"], market["name"], market["state"], market["max_total"]) == (
        "KRW-BTC",
        "BTC/KRW",
        "active",
        "1000000000",
    )
    assert market["bid"] == {"currency": "KRW", "min_total": "5000"}
    assert {"price", "limit_post_only", "best_ioc"} <= set(market["bid_types"])
    assert (chance["bid_account"]["currency"], chance["ask_account"]["balance"]) == ("KRW", "10")
    sim.suspend("KRW-BTC")
    assert call("GET", "/v1/orders/chance", market="KRW-BTC").body["market"]["state"] == "suspended"
    assert call("GET", "/v1/orders/chance", market="KRW-NOPE").error == "validation_error"


def test_the_keys_of_an_account(simulator: Make, caller: Make) -> None:
    sim = simulator()
    (key,) = caller(sim)("GET", "/v1/api_keys").body
    assert (key["access_key"], key["expire_at"][-6:]) == (sim.access_key, "+09:00")
