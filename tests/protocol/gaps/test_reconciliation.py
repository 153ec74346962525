"""What is delivered when the exchange is asked after a gap: the sequences that decide it, one by one.

The ledger knows O1, which waits, with no trade; then there is a gap; what is wanted is in force 0.1 s after it.
"""

from decimal import Decimal

import pytest

from websocket_v6.protocol.gaps.inquiry_calls import PAGE

from .account_world import CODE, World


@pytest.fixture
def world() -> World:
    """A world whose first order waits, and is known, and whose connection is lost."""
    world = World()
    world.connect()
    world.run(10)
    assert world.place(volume=2) == "O1"
    world.run(1)
    world.lose()
    world.run(1)
    world.delivered.clear()
    world.told.clear()
    world.calls.clear()
    return world


def paths(world: World) -> list[str]:
    return [call.path.removeprefix("/v1/") for _, call in world.calls if call.path != "/v1/accounts"]


def test_an_order_that_still_waits_is_no_news(world: World) -> None:
    world.connect()
    world.run(6)
    assert world.shown() == []
    assert paths(world) == ["orders/open", "orders/closed"] * 2
    told = sorted((one.type, one.recovered, one.unrecovered) for one in world.told)
    assert told == [("myAsset", 0, ()), ("myOrder", 0, ())]


def test_a_cancelled_order_is_told_once_and_marked(world: World) -> None:
    world.cancel("O1")
    world.connect()
    world.run(6)
    assert world.shown() == ["O1 cancel fetched"]
    assert (world.delivered[0].stream_type, world.delivered[0].epoch) == ("REALTIME", 2)
    assert [one.recovered for one in world.told if one.type == "myOrder"] == [1]
    assert paths(world)[:3] == ["orders/open", "orders/uuids", "orders/closed"]


def test_each_trade_of_an_order_that_is_done_comes_before_its_end(world: World) -> None:
    world.fill("O1")
    world.fill("O1")
    world.connect()
    world.run(6)
    assert world.shown() == ["T2 fetched", "T3 fetched", "O1 done fetched"]
    first, _, done = world.delivered
    assert (first.price, first.volume, first.is_maker, first.trade_fee, first.avg_price) == (100, 1, None, None, None)
    assert first.timestamp == first.trade_timestamp == (1_800_000_000 + 12) * 1000
    assert (done.executed_volume, done.remaining_volume, done.trades_count) == (2, 0, 2)


def test_the_live_form_is_taken_where_both_are_there(world: World) -> None:
    world.fill("O1")
    world.connect()
    world.run(0.11)  # the first call is on its way
    world.fill("O1")
    assert world.shown() == []  # it waits
    world.run(6)
    assert world.shown() == ["T2 fetched", "T3 live", "O1 done live"]
    assert world.delivered[1].is_maker is True


def test_what_comes_live_after_it_was_fetched_is_dropped() -> None:
    world = World()
    world.connect()
    world.run(10)
    world.place(volume=2)
    world.lose()
    world.run(1)
    world.connect()
    world.delivered.clear()
    world.is_connected = False  # the stream is behind REST
    world.run(0.1)
    world.is_connected = True
    order = world.orders["O1"]
    world.is_connected = False
    world.fill("O1")
    late = [order.message("trade", world.now)]
    world.fill("O1")
    late += [order.message("trade", world.now), order.message("done", world.now)]
    world.is_connected = True
    world._fence(2)
    world.run(1.5)
    assert world.shown() == ["T2 fetched", "T3 fetched", "O1 done fetched"]
    world.say(*late)
    world.run(6)
    assert len(world.delivered) == 3


def test_a_held_trade_comes_behind_the_one_that_is_fetched(world: World) -> None:
    world.fill("O1")
    world.connect()
    world.run(0.3)  # the open orders are read: O1 has one trade
    world.fill("O1")
    world.run(6)
    assert world.shown() == ["T2 fetched", "T3 live", "O1 done live"]


def test_an_order_of_the_gap_that_is_over_has_no_invented_beginning(world: World) -> None:
    new = world.place(volume=1)
    world.fill(new)
    world.connect()
    world.run(6)
    assert world.shown() == ["T3 fetched", "O2 done fetched"]


def test_an_order_that_is_nowhere_is_told_and_not_taken_for_cancelled(world: World) -> None:
    del world.orders["O1"]
    world.connect()
    world.run(2)
    assert [one.unrecovered for one in world.told if one.type == "myOrder"] == [()]  # replicas lag: not yet
    world.run(4)
    assert world.shown() == []
    missing = world.told[-1].unrecovered
    assert [one.reason.split(":")[0] for one in missing] == ["order O1"]
    assert "O1" in world.book.ledger.orders


def test_pages_that_shifted_are_read_again() -> None:
    world = World()
    world.connect()
    world.run(10)
    world.lose()
    uuids = [world.place() for _ in range(PAGE + 50)]
    world.run(1)
    world.connect()
    world.run(0.14)  # the first page is read
    world.cancel(uuids[3])
    world.run(6)
    assert set(world.states()) == set(uuids)
    assert paths(world)[2:6].count("orders/open") == 4
    assert world.states()[uuids[3]] == "cancel"


def test_what_a_replica_does_not_know_yet_comes_with_the_second_time(world: World) -> None:
    lags = iter([0.5] * 4)
    world._lags = lambda: next(lags, 0.0)
    world.run(1)
    world.cancel("O1")  # 50 ms before the fence
    world.connect(fence_after=0.05)
    world.run(2)
    assert world.shown() == []
    world.run(3)
    assert world.shown() == ["O1 cancel fetched"]


def test_a_live_balance_is_believed_rather_than_rest(world: World) -> None:
    world._lags = lambda: 1.0
    world.connect()
    world.run(0.15)
    world.pay("KRW", 7)
    world.run(6)
    assert world.holdings()["KRW"] == 7
    assert [one.backfilled for one in world.assets][1:] == [False]


def test_a_currency_that_is_missing_in_the_answer_is_gone() -> None:
    world = World()
    world.pay("ETH", 3)
    world.connect()
    world.run(6)
    assert world.holdings() == {"KRW": 1000, "ETH": 3}
    assert (world.assets[0].stream_type, world.assets[0].backfilled) == ("SNAPSHOT", True)
    world.lose()
    world.pay("ETH", 0)
    world.run(1)
    world.connect()
    world.run(6)
    last = world.assets[-1]
    assert [(each.currency, each.balance, each.locked) for each in last.assets] == [("ETH", Decimal(0), Decimal(0))]
    assert (last.stream_type, last.asset_uuid, last.backfilled) == ("REALTIME", None, True)


def test_no_permission_for_orders_is_told_once_and_balances_go_on(world: World) -> None:
    world.answers["/v1/orders/open"] = [403] * 5
    world.pay("KRW", 5)
    world.connect()
    world.run(0.2)
    world.fill("O1")
    world.run(20)
    assert [(one.type, one.is_final) for one in world.told if one.error] == [("myOrder", True)]
    assert world.holdings()["KRW"] == 5
    assert world.shown() == ["T3 live"]  # the stream goes on
    assert paths(world) == ["orders/open"]


def test_a_block_is_waited_for_and_told(world: World) -> None:
    world.answers["/v1/orders/open"] = [418, 418]
    world.cancel("O1")
    world.connect()
    world.run(59)
    assert world.shown() == []
    world.run(130)
    assert world.shown() == ["O1 cancel fetched"]
    assert [bool(one.error) for one in world.told if one.type == "myOrder"] == [True, False]


def test_live_messages_wait_no_longer_than_their_patience(world: World) -> None:
    world.answers["/v1/orders/open"] = [500, 500]
    world.fill("O1")
    world.connect()
    world.run(0.3)
    world.fill("O1")
    world.run(4.6)
    assert world.shown() == []
    world.run(0.2)
    assert world.shown() == ["T3 live", "O1 done live"]
    world.run(20)
    assert world.shown() == ["T3 live", "O1 done live", "T2 fetched"]  # each trade once, late as it may be


def test_a_start_shows_what_is_open_and_nothing_that_was() -> None:
    world = World()
    old, new = world.place(volume=1), world.place(volume=5)
    world.fill(old)
    world.fill(new)
    watching = world.place(state="watch")
    world.run(5)
    world.connect()
    world.run(6)
    assert world.shown() == [f"{new} wait fetched", f"{watching} watch fetched"]
    assert {one.stream_type for one in world.delivered} == {"SNAPSHOT"}
    assert paths(world) == ["orders/open"] * 2
    world.fill(new)
    assert world.shown(2) == ["T6 live"]


def test_ten_days_old_orders_and_replaced_ones_are_two_stories() -> None:
    world = World()
    old = world.place()
    world.run(10 * 86_400)
    world.connect()
    world.run(6)
    world.lose()
    world.run(5)
    world.cancel(old)
    new = world.place()
    world.run(5)
    world.connect()
    world.run(6)
    assert world.shown() == [f"{old} wait fetched", f"{new} wait fetched", f"{old} cancel fetched"]


def test_three_thousand_open_orders_let_live_ones_go_on_after_their_patience() -> None:
    world = World()
    world.connect()
    world.run(10)
    world.lose()
    uuids = [world.place() for _ in range(3000)]
    world.run(1)
    world.connect()
    world.run(1)
    world.fill(uuids[-1])
    world.run(3.9)
    assert world.shown() == []
    world.run(0.2)
    assert world.shown() == ["T3001 live"]
    world.run(10)
    assert len(world.states()) == 3000
    assert len([call for _, call in world.calls if call.path == "/v1/orders/open"]) >= 31


def test_trades_of_more_orders_than_a_hundred_are_told_as_missing_and_the_state_comes_alone() -> None:
    world = World()
    world.connect()
    world.run(10)
    uuids = [world.place() for _ in range(101)]
    world.run(1)
    world.lose()
    for uuid in uuids:
        world.fill(uuid)
    world.run(1)
    world.connect()
    world.run(40)
    first = next(one for one in world.told if one.unrecovered)
    assert [one.symbol for one in first.unrecovered] == [CODE]
    assert len(set(world.trades())) == len(world.trades()) >= 100


def test_only_the_markets_that_are_wanted_are_delivered() -> None:
    world = World(codes=frozenset({"KRW-ETH"}))
    world.place(code="KRW-XRP")
    mine = world.place(code="KRW-ETH")
    world.connect()
    world.run(6)
    assert world.shown() == [f"{mine} wait fetched"]
