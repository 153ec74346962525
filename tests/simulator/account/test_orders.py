"""Orders meet the book, money is neither made nor lost, and each step is told. No sockets."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from websocket_v6.simulator import Answers
from websocket_v6.simulator.account.desk import Desk
from websocket_v6.simulator.clock import Agenda, Clock
from websocket_v6.simulator.exact import be_exact
from websocket_v6.simulator.market.crowd import Crowd
from websocket_v6.simulator.market.trading_floor import TradingFloor
from websocket_v6.simulator.market.wording import Bulletin, Wording

LONG = Wording(short=False)


class Hall:
    """A desk with its trading floor, and what it told."""

    def __init__(self, **answers: Any) -> None:
        be_exact()
        clock = Clock(1_795_176_000.0)
        agenda = Agenda(clock)
        self.told: list[tuple[str, Bulletin]] = []
        given_answers = Answers(**answers)
        self.floor = TradingFloor(
            ["KRW-BTC", "KRW-ETH"],
            clock=clock,
            agenda=agenda,
            answers=given_answers,
            publish=lambda _type, _code, _make: None,
        )
        self.crowd = Crowd(self.floor, clock=clock, agenda=agenda)
        self.desk = Desk(self.floor, given_answers, lambda key, event: self.told.append((key, event)), 0)
        self.desk.open_account("a")
        self.desk.open_account("b")

    def place(self, *args: Any, key: str = "a", **options: Any) -> str:
        return self.desk.place(key, *args, **options)

    def best(self, side: str, code: str = "KRW-BTC") -> tuple[Decimal, Decimal]:
        book = self.floor.market(code).book
        level = (book.asks if side == "ASK" else book.bids).best
        assert level is not None
        return level

    def states(self, uuid: str) -> list[str]:
        return [event.fields["state"] for _, event in self.told if event.fields.get("uuid") == uuid]  # type: ignore[misc]

    def last(self, uuid: str, state: str) -> dict[str, Any]:
        events = [e.fields for _, e in self.told if e.fields.get("uuid") == uuid and e.fields["state"] == state]
        return dict(events[-1])

    def money(self, *keys: str) -> dict[str, Decimal]:
        totals: Counter[str] = Counter()
        for key in keys:
            for currency, (free, locked) in self.desk.balances(key).items():
                totals[currency] += free + locked  # type: ignore[assignment]
        return dict(totals)  # type: ignore[arg-type]


def test_a_limit_order_rests_is_filled_in_parts_and_is_done() -> None:
    hall = Hall()
    price = hall.best("BID")[0] - 1000
    shown = hall.floor.market("KRW-BTC").book.bids.size(price)
    uuid = hall.place("KRW-BTC", "BID", price, "0.25")
    assert hall.floor.market("KRW-BTC").book.bids.size(price) == shown + Decimal("0.25")
    hall.floor.trade("KRW-BTC", price, Decimal("0.1"), "ASK")
    part = hall.last(uuid, "trade")
    assert (part["volume"], part["remaining_volume"], part["is_maker"]) == (Decimal("0.1"), Decimal("0.15"), True)
    assert part["trade_fee"] == price * Decimal("0.1") * Decimal("0.0005")
    # As in the reference's example: what is locked covers the rest and its fee.
    assert part["locked"] == price * Decimal("0.15") * Decimal("1.0005")
    assert part["remaining_fee"] == price * Decimal("0.15") * Decimal("0.0005")
    hall.floor.trade("KRW-BTC", price, Decimal(5), "ASK")
    assert hall.states(uuid) == ["wait", "trade", "trade", "done"]
    assert hall.desk.orders("a") == {uuid: "done"}
    assert hall.desk.balances("a")["KRW"][1] == 0


def test_a_trade_through_an_order_fills_it_at_its_own_price() -> None:
    hall = Hall()
    ask = hall.best("ASK")[0]
    uuid = hall.place("KRW-BTC", "ASK", ask + 2000, "0.5")
    hall.floor.trade("KRW-BTC", ask + 50_000, Decimal("0.001"), "BID")
    assert hall.states(uuid) == ["wait", "trade", "done"]
    assert hall.last(uuid, "trade")["price"] == ask + 2000


def test_a_cancelled_order_leaves_the_book_and_gives_its_money_back() -> None:
    hall = Hall()
    before = hall.desk.balances("a")
    book = hall.floor.market("KRW-BTC").book.bids
    price = hall.best("BID")[0]
    size = book.size(price)
    uuid = hall.place("KRW-BTC", "BID", price, "1.5")
    assert hall.desk.balances("a") != before
    hall.desk.cancel(uuid)
    assert hall.states(uuid) == ["wait", "cancel"]
    assert book.size(price) == size
    assert {name: pair[0] for name, pair in hall.desk.balances("a").items()} == {k: v[0] for k, v in before.items()}
    with pytest.raises(ValueError, match="not open"):
        hall.desk.cancel(uuid)


def test_a_marketable_order_trades_at_once_at_the_prices_of_the_book() -> None:
    hall = Hall()
    price, size = hall.best("ASK")
    uuid = hall.place("KRW-BTC", "BID", price + 100_000, size / 2)
    assert hall.states(uuid) == ["wait", "trade", "done"]
    trade = hall.last(uuid, "trade")
    assert (trade["price"], trade["is_maker"]) == (price, False)
    assert hall.floor.market("KRW-BTC").last.price == price
    assert hall.desk.balances("a")["KRW"][1] == 0


def test_the_switches_shorten_the_sequence() -> None:
    hall = Hall(wait_before_trade=False, done_after_trade=False)
    price, size = hall.best("ASK")
    assert hall.states(hall.place("KRW-BTC", "BID", price, size / 2)) == ["trade"]
    assert hall.states(hall.place("KRW-BTC", "BID", hall.best("BID")[0], "0.1")) == ["wait"]


def test_a_market_purchase_spends_its_amount_and_has_no_volume() -> None:
    hall = Hall()
    uuid = hall.place("KRW-BTC", "BID", 5000, None, "price")
    wait = hall.last(uuid, "wait")
    # The nulls of the live sample of 2025-11.
    assert [wait[key] for key in ("volume", "remaining_volume", "executed_volume", "prevented_volume")] == [None] * 4
    assert (wait["price"], wait["reserved_fee"], wait["locked"]) == (5000, Decimal("2.5"), Decimal("5002.5"))
    # What buys nothing more comes back, and that is the usual end; users wait in vain for `done`.
    assert hall.states(uuid) == ["wait", "trade", "cancel"]
    end = hall.last(uuid, "cancel")
    assert 4999 < end["executed_funds"] < 5000
    assert end["locked"] == hall.desk.balances("a")["KRW"][1] == 0


def test_a_purchase_by_amount_is_done_when_it_comes_out_exactly() -> None:
    hall = Hall()
    price, size = hall.best("ASK")
    uuid = hall.place("KRW-BTC", "BID", price * size / 2, None, "price")
    assert hall.states(uuid) == ["wait", "trade", "done"]
    # `best` takes one level; it ends in the same two ways.
    uuid = hall.place("KRW-BTC", "BID", hall.best("ASK")[0] / 1000, None, "best", time_in_force="ioc")
    assert hall.states(uuid)[-1] == "done"
    uuid = hall.place("KRW-BTC", "BID", 5003, None, "best", time_in_force="ioc")
    assert hall.states(uuid)[-1] == "cancel"


def test_a_residue_may_end_in_done() -> None:
    hall = Hall(market_buy_residue="done")
    uuid = hall.place("KRW-BTC", "BID", 5000, None, "price")
    assert hall.states(uuid) == ["wait", "trade", "done"]
    assert hall.desk.balances("a")["KRW"][1] == 0


def test_a_market_sale_takes_what_is_there() -> None:
    hall = Hall()
    uuid = hall.place("KRW-BTC", "ASK", None, "2", "market")
    assert hall.states(uuid)[-1] == "done"
    assert hall.last(uuid, "done")["executed_volume"] == 2


def test_ioc_cancels_the_rest_fok_takes_all_or_nothing_post_only_never_takes() -> None:
    hall = Hall()
    price, size = hall.best("ASK")
    assert hall.states(hall.place("KRW-BTC", "BID", price, size * 2, time_in_force="ioc")) == [
        "wait",
        "trade",
        "cancel",
    ]
    price, size = hall.best("ASK")
    assert hall.states(hall.place("KRW-BTC", "BID", price, size * 2, time_in_force="fok")) == ["wait", "cancel"]
    assert hall.states(hall.place("KRW-BTC", "BID", price, size, time_in_force="fok")) == ["wait", "trade", "done"]
    post_only = hall.place("KRW-BTC", "BID", hall.best("ASK")[0], "0.1", time_in_force="post_only")
    assert hall.states(post_only) == ["wait", "cancel"]
    assert hall.last(post_only, "cancel")["smp_type"] == "none"


def test_best_takes_one_level_only() -> None:
    hall = Hall()
    _, size = hall.best("BID")
    uuid = hall.place("KRW-BTC", "ASK", None, size + 1, "best", time_in_force="ioc")
    assert hall.states(uuid) == ["wait", "trade", "cancel"]
    assert hall.last(uuid, "cancel")["executed_volume"] == size


def test_a_reserved_order_watches_until_its_price_is_traded() -> None:
    hall = Hall()
    price = hall.best("BID")[0]
    uuid = hall.place("KRW-BTC", "BID", price - 500_000, "0.1", trigger=price - 100_000)
    hall.floor.trade("KRW-BTC", price - 50_000, None, "ASK")
    assert hall.states(uuid) == ["watch"]
    hall.floor.trade("KRW-BTC", price - 100_000, None, "ASK")
    assert hall.states(uuid) == ["watch", "wait"]


@pytest.mark.parametrize(
    ("smp_type", "maker", "taker"),
    [
        ("cancel_maker", ["wait", "prevented", "cancel"], ["wait"]),
        ("cancel_taker", ["wait"], ["wait", "prevented", "cancel"]),
        ("reduce", ["wait", "prevented"], ["wait", "prevented", "cancel"]),
        ("none", ["wait", "trade"], ["wait", "trade", "done"]),
    ],
)
def test_orders_of_one_account_do_not_meet(smp_type: str, maker: list[str], taker: list[str]) -> None:
    hall = Hall()
    ask = hall.best("ASK")[0]
    # The only ask at its price, so that nothing else can be met there.
    price = ask - 1000 if hall.best("BID")[0] < ask - 1000 else ask
    hall.floor.market("KRW-BTC").book.asks.put(price, Decimal(0))
    before = hall.money("a")
    resting = hall.place("KRW-BTC", "ASK", price, "0.3")
    taking = hall.place("KRW-BTC", "BID", price, "0.2", smp_type=smp_type)
    assert hall.states(resting) == maker
    assert hall.states(taking) == taker
    if smp_type != "none":
        assert hall.money("a") == before


def test_what_is_prevented_may_be_the_last_word() -> None:
    hall = Hall(cancel_after_prevented=False)
    price = hall.best("ASK")[0]
    hall.floor.market("KRW-BTC").book.asks.put(price, Decimal(0))
    resting = hall.place("KRW-BTC", "ASK", price, "0.3")
    taking = hall.place("KRW-BTC", "BID", price, "0.2", smp_type="cancel_taker")
    assert (hall.states(resting), hall.states(taking)) == (["wait"], ["wait", "prevented"])
    assert hall.desk.orders("a")[taking] == "cancel"


def test_accounts_meet_each_other() -> None:
    hall = Hall()
    price = hall.best("ASK")[0]
    hall.floor.market("KRW-BTC").book.asks.put(price, Decimal(0))
    resting = hall.place("KRW-BTC", "ASK", price, "0.3", key="b")
    assert hall.states(hall.place("KRW-BTC", "BID", price, "0.3")) == ["wait", "trade", "done"]
    assert hall.states(resting) == ["wait", "trade", "done"]


def test_what_an_account_lacks_it_cannot_spend() -> None:
    hall = Hall()
    with pytest.raises(ValueError, match="deposit"):
        hall.place("KRW-BTC", "ASK", 90_000_000, "11")
    hall.desk.deposit("a", "BTC", "1")
    hall.place("KRW-BTC", "ASK", 90_000_000, "11")
    with pytest.raises(ValueError, match="add_key"):
        hall.place("KRW-BTC", "ASK", 1, "1", key="stranger")


@pytest.mark.parametrize(
    "order",
    [
        ("ASK", 1, None, "limit"),
        ("BID", None, 1, "market"),
        ("ASK", 1, None, "price"),
        ("BID", 1, 1, "best"),
        ("ASK", None, None, "market"),
    ],
)
def test_an_order_without_what_its_type_needs_is_refused(order: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="takes price and volume"):
        Hall().place("KRW-BTC", *order)


def test_assets_are_told_in_part_or_in_full() -> None:
    for scope, names in (("changed", ["BTC", "KRW"]), ("all", ["BTC", "ETH", "KRW", "USDT", "XRP"])):
        hall = Hall(my_asset_scope=scope, my_asset_split=False)
        hall.place("KRW-BTC", "BID", 50_000, None, "price")
        told = [json.loads(event.text(LONG, "REALTIME")) for _, event in hall.told if event.type == "myAsset"]
        filled = [event for event in told if len(event["assets"]) > 1]
        assert sorted(asset["currency"] for asset in filled[-1]["assets"]) == names
        assert len({event["asset_uuid"] for event in told}) == len(told)


def test_assets_may_have_a_message_each() -> None:
    hall = Hall()
    hall.place("KRW-BTC", "BID", 50_000, None, "price")
    told = [event.fields["assets"] for _, event in hall.told if event.type == "myAsset"]
    assert [[asset[0] for asset in assets] for assets in told][:3] == [["KRW"], ["BTC"], ["KRW"]]  # type: ignore[attr-defined]


Action = st.one_of(
    st.tuples(
        st.just("limit"),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["ASK", "BID"]),
        st.integers(-5, 5),
        st.decimals("0.0001", "0.5", places=8),
        st.sampled_from([None, "ioc", "fok", "post_only"]),
        st.sampled_from([None, "none", "reduce", "cancel_taker", "cancel_maker"]),
    ),
    st.tuples(st.just("market"), st.sampled_from(["a", "b"]), st.sampled_from(["ASK", "BID"])),
    st.tuples(st.just("trade"), st.integers(-8, 8), st.decimals("0.0001", "1", places=8)),
    st.tuples(st.just("cancel"), st.integers(0, 100)),
    st.tuples(st.just("tick")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(Action, max_size=30))
def test_no_money_is_made_or_lost_but_to_the_market_and_to_fees(actions: list[Any]) -> None:
    hall = Hall()
    market = hall.floor.market("KRW-BTC")
    start = hall.money("a", "b")
    for action in actions:
        match action:
            case ("limit", key, side, ticks, volume, tif, smp):
                price = market.last.price + ticks * market.tick
                smp = None if tif == "post_only" else smp
                hall.place("KRW-BTC", side, price, volume, key=key, time_in_force=tif, smp_type=smp)
            case ("market", key, "BID"):
                hall.place("KRW-BTC", "BID", 100_000, None, "price", key=key)
            case ("market", key, "ASK"):
                hall.place("KRW-BTC", "ASK", None, "0.01", "market", key=key)
            case ("trade", ticks, volume):
                hall.floor.trade("KRW-BTC", market.last.price + ticks * market.tick, volume)
            case ("cancel", number):
                uuids = [u for key in "ab" for u, state in hall.desk.orders(key).items() if state == "wait"]
                if uuids:
                    hall.desk.cancel(uuids[number % len(uuids)])
            case _:
                hall.crowd.tick(1, "KRW-BTC")
        assert all(min(pair) >= 0 for key in "ab" for pair in hall.desk.balances(key).values())
        asks, bids = market.book.asks.levels, market.book.bids.levels
        assert not asks or not bids or asks[0][0] > bids[0][0]
    trades = [e.fields for _, e in hall.told if e.type == "myOrder" and e.fields["state"] == "trade"]
    bought = sum(t["volume"] if t["ask_bid"] == "BID" else -t["volume"] for t in trades)  # type: ignore[operator,misc]
    spent = sum(
        (t["price"] * t["volume"] if t["ask_bid"] == "BID" else -t["price"] * t["volume"]) + t["trade_fee"]  # type: ignore[operator]
        for t in trades
    )
    end = hall.money("a", "b")
    assert end["BTC"] - start["BTC"] == bought
    assert start["KRW"] - end["KRW"] == spent
    for key in "ab":
        for uuid, state in hall.desk.orders(key).items():
            if state in {"done", "cancel"}:
                assert hall.last(uuid, hall.states(uuid)[-1])["locked"] == 0 or state == "done"
                assert hall.states(uuid)[-1] == state
    waiting = sum(
        (hall.desk._orders[u].locked for key in "ab" for u, s in hall.desk.orders(key).items() if s == "wait"),
        Decimal(0),
    )
    assert waiting == sum(pair[1] for key in "ab" for pair in hall.desk.balances(key).values())
