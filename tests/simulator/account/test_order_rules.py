"""What the desk refuses, by the exchange's names; and prices that keep to the tick of where they are."""

import pickle
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.simulator.account.order_rules import OrderRefused
from websocket_v6.simulator.market.catalog import next_price, tick_size

from .test_orders import Hall


@pytest.mark.parametrize(
    ("order", "options", "name"),
    [
        (("KRW-BTC", "BID", "100000001.5", "0.1"), {}, "invalid_price_bid"),
        (("KRW-BTC", "ASK", 100_000_500, "0.1"), {}, "invalid_price_ask"),
        (("KRW-BTC", "BID", 100_000_000, "0.1"), {"trigger": 100_000_500}, "invalid_price_bid"),
        (("KRW-BTC", "BID", 100_000_000, "0.00000001"), {}, "under_min_total_bid"),
        (("KRW-BTC", "BID", 4999, None, "price"), {}, "under_min_total_bid"),
        (("KRW-BTC", "ASK", None, "0.00000001", "market"), {}, "under_min_total_ask"),
        (("KRW-BTC", "BID", 100_000_000, "0.123456789"), {}, "invalid_volume_bid"),
        (("KRW-BTC", "ASK", None, 0, "market"), {}, "invalid_volume_ask"),
        (("KRW-BTC", "BID", 100_000_000, 11), {}, "over_krw_funds_bid"),
        (("KRW-BTC", "BID", 10_000, None, "best"), {}, "invalid_time_in_force"),
        (("KRW-BTC", "BID", 10_000, None, "price"), {"time_in_force": "ioc"}, "invalid_time_in_force"),
        (("KRW-BTC", "ASK", None, "0.1", "best"), {"time_in_force": "post_only"}, "invalid_time_in_force"),
        (("KRW-BTC", "BID", 100_000_000, "0.1"), {"time_in_force": "gtc"}, "invalid_time_in_force"),
        (("KRW-BTC", "BID", 1000, 6), {"time_in_force": "post_only", "smp_type": "reduce"}, "invalid_post_only"),
        (("KRW-BTC", "BID", 100_000_000, None), {}, "create_bid_error"),
        (("KRW-BTC", "ASK", 90_000_000, 11), {}, "insufficient_funds_ask"),
    ],
)
def test_an_order_against_the_rules_is_refused_and_changes_nothing(
    order: tuple[Any, ...], options: dict[str, Any], name: str
) -> None:
    hall = Hall()
    before = hall.desk.balances("a")
    with pytest.raises(OrderRefused, match=name) as caught:
        hall.place(*order, **options)
    assert caught.value.name == name
    assert caught.value.message("kr") != caught.value.message("sg")
    assert "{" not in caught.value.message("kr")
    assert (hall.told, hall.desk.balances("a"), hall.desk.orders("a")) == ([], before, {})


def test_the_least_that_is_taken() -> None:
    hall = Hall()
    hall.place("KRW-BTC", "BID", 5000, None, "price")
    hall.place("KRW-BTC", "BID", 1000, 5)
    with pytest.raises(OrderRefused, match="4999 KRW is too little"):
        hall.place("KRW-BTC", "BID", 4999, 1)


def test_an_identifier_is_used_once_even_by_an_order_that_is_refused() -> None:
    hall = Hall()
    with pytest.raises(OrderRefused, match="under_min_total_bid"):
        hall.place("KRW-BTC", "BID", 1000, 1, identifier="mine")
    with pytest.raises(OrderRefused, match="duplicated_identifier"):
        hall.place("KRW-BTC", "BID", 1000, 6, identifier="mine")
    hall.place("KRW-BTC", "BID", 1000, 6, identifier="mine", key="b")


@pytest.mark.parametrize("state", ["PREVIEW", "DELISTED", "suspended"])
def test_a_market_that_does_not_trade_takes_no_orders(state: str) -> None:
    hall = Hall()
    market = hall.floor.market("KRW-BTC")
    if state == "suspended":
        market.suspended = True
    else:
        market.market_state = state
    with pytest.raises(OrderRefused, match="market_offline"):
        hall.place("KRW-BTC", "BID", 1000, 6)


def test_a_refusal_crosses_into_another_process() -> None:
    error = OrderRefused("insufficient_funds_bid", "deposit() more", "KRW")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.message("kr"), again.status) == (str(error), error.message("kr"), 400)


def test_a_step_has_the_tick_of_where_it_is_taken() -> None:
    below, bound = Decimal(999_500), Decimal(1_000_000)
    assert next_price("KRW-ETH", below, 1) == bound
    assert next_price("KRW-ETH", bound, -1) == below
    assert next_price("KRW-ETH", below, 2) == 1_001_000
    assert next_price("KRW-ETH", next_price("KRW-ETH", below, 3), -3) == below
    assert next_price("BTC-ETH", Decimal("0.03"), -1) == Decimal("0.02999999")


def test_a_market_that_rises_through_a_bound_takes_the_tick_above_it() -> None:
    hall = Hall()
    hall.floor.list_market("KRW-ETH", Decimal(999_000))
    market = hall.floor.market("KRW-ETH")
    assert market.tick == 500
    hall.floor.trade("KRW-ETH", Decimal(1_005_000), None, "BID")
    for _ in range(300):
        hall.floor.stir(market)
    assert market.tick == 1000
    for side in (market.book.asks, market.book.bids):
        assert all(level.price % tick_size("KRW-ETH", level.price) == 0 for level in side.levels)


def test_a_trade_happens_at_a_price_of_its_market(simulator: Any) -> None:
    sim = simulator()
    with pytest.raises(ValueError, match="multiples of 1000"):
        sim.trade("KRW-BTC", "116600000.5")
    sim.trade("KRW-BTC", "116600000")
