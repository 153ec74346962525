"""What a plain client gets of the door is what the exchange itself sends it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.door.world import Both, World
from websocket_v6.simulator.market.catalog import many_markets

FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")
BTC, ETH, XRP = "KRW-BTC", "KRW-ETH", "KRW-XRP"
RSI = {"type": "rsi", "params": {"period": 14}}
Make = Callable[..., World]


def ticker(*codes: str, **flags: Any) -> dict[str, Any]:
    return {"type": "ticker", "codes": list(codes), **flags}


def trade(*codes: str, **flags: Any) -> dict[str, Any]:
    return {"type": "trade", "codes": list(codes), **flags}


def book(*codes: str, **flags: Any) -> dict[str, Any]:
    return {"type": "orderbook", "codes": list(codes), **flags}


@pytest.mark.parametrize("upstream", ["DEFAULT", "SIMPLE"])
@pytest.mark.parametrize("format_", FORMATS)
def test_every_type_in_every_format(world: Make, format_: str, upstream: str) -> None:
    one = world(door={"format": upstream}, frozen=True)
    both = one.both()
    candles = [{"type": f"candle.{unit}", "codes": [BTC]} for unit in ("1s", "1m", "240m")]
    both.ask(ticker(BTC, "BTC-ETH"), trade(BTC), book(f"{BTC}.5", "USDT-BTC.1"), *candles, format=format_)
    firsts = both.read_many(8)
    assert {_of(message, "stream_type", "st") for message in firsts} == {"SNAPSHOT"}
    one.settle(f"trade {BTC}", "orderbook USDT-BTC", "candle.240m KRW-BTC")
    for number in range(3):
        one.sim.trade(BTC, volume="0.00077720", side="BID" if number % 2 else "ASK")
        one.sim.trade("USDT-BTC")
        one.sim.advance(1.1)  # a candle is sent once a second
    # For each trade of BTC a ticker, a trade, a book and three candles, for each of USDT-BTC a book.
    assert {_of(message, "stream_type", "st") for message in both.read_many(21)} == {"REALTIME"}
    assert both.are_silent()


def _of(message: Any, *names: str) -> Any:
    one = message[0] if isinstance(message, list) else message
    return next(one[name] for name in names if name in one)


@pytest.mark.parametrize("upstream", ["DEFAULT", "SIMPLE"])
def test_the_format_of_the_exchange_is_passed_on_to_the_byte(world: Make, upstream: str) -> None:
    # Converted messages keep the numbers of the format that they came in: which spelling they would have had in the
    # other cannot be known. So only their worth is compared above.
    one = world(door={"format": upstream}, frozen=True)
    both = one.both()
    both.ask(ticker(BTC), book(f"{BTC}.5"), format=upstream)
    one.settle(f"ticker {BTC}", f"orderbook {BTC}")
    one.sim.trade(BTC)
    assert sorted(both.door.raw() for _ in range(4)) == sorted(both.exchange.raw() for _ in range(4))


@pytest.mark.parametrize("format_", FORMATS)
def test_private_data_for_a_token_of_its_own(world: Make, format_: str) -> None:
    one = world()
    both = one.both("private")
    both.ask({"type": "myOrder", "codes": [BTC]}, {"type": "myAsset"}, {"type": "announcement"}, format=format_)
    one.settle(f"myOrder {BTC}", "myAsset *", "announcement *", endpoint="private")
    one.sim.place_order(BTC, "BID", 100_000_000, "0.25", identifier="mine")
    one.sim.trade(BTC, 100_000_000, 1, "ASK")
    one.sim.announce("A notice", "maintenance")
    # Three of the order, one of the asset it locks, two of those that the trade moves, the notice.
    both.read_many(7)
    assert both.are_silent()


def test_announcements_are_chosen_by_category_and_cut(world: Make) -> None:
    one = world()
    whole, cut, other = one.both("private"), one.both("private"), one.both("private")
    whole.ask({"type": "announcement", "include_body": True})
    cut.ask({"type": "announcement", "categories": ["maintenance"]})
    other.ask({"type": "announcement", "categories": ["event"]}, {"type": "myOrder"})
    for both in (whole, cut, other):
        both.be_heard()
    one.settle("announcement *", endpoint="private", of=4)
    one.settle("announcement *", "myOrder *", endpoint="private", of=2)
    one.sim.announce("A notice", "maintenance", body="All of it")
    assert "body" in whole.read()
    assert "body" not in cut.read()
    assert other.are_silent()


@pytest.mark.parametrize("format_", FORMATS)
def test_indicators_and_their_signals(world: Make, format_: str) -> None:
    one = world(start_time=1_795_176_001.0, frozen=True)
    both = one.both("info")
    value = {"type": "indicator", "codes": [BTC], "timeframe": "5m", "indicators": [RSI]}
    crossing = {**RSI, "trigger": "overbought", "event_params": {"threshold": 70}}
    signal = {**value, "type": "indicator_signal", "indicators": [crossing]}
    both.ask(value, signal, format=format_)
    one.settle(f"indicator {BTC}", f"indicator_signal {BTC}", endpoint="info")
    for price in (90_000_000, 150_000_000):
        one.sim.close_candle(BTC, "5m", price)
    both.read_many(3)
    assert both.are_silent()


# --- flags


def test_snapshots_alone(world: Make) -> None:
    one = world(frozen=True)
    both = one.both()
    both.ask(
        ticker(BTC, is_only_snapshot=True), trade(BTC, ETH, is_only_snapshot=True), book(BTC, is_only_snapshot=True)
    )
    assert len(both.read_many(4)) == 4
    both.be_heard()
    both.be_heard()
    one.door.settle()
    one.sim.trade(BTC)
    assert both.are_silent()
    # Asked once more, it comes once more, as it is now.
    both.ask(ticker(BTC, is_only_snapshot=True))
    assert both.read()["stream_type"] == "SNAPSHOT"


def test_snapshots_alone_of_what_flows_for_another(world: Make) -> None:
    one = world(frozen=True)
    other, both = one.both(), one.both()
    other.ask(ticker(BTC), book(BTC))
    other.read_many(2)
    one.settle(f"ticker {BTC}", f"orderbook {BTC}")
    one.sim.trade(BTC)
    other.read_many(2)
    both.ask(ticker(BTC, is_only_snapshot=True), book(f"{BTC}.5", is_only_snapshot=True))
    both.read_many(2)
    both.be_heard()
    one.door.settle()
    one.sim.trade(BTC)
    assert both.are_silent()
    other.read_many(2)


def test_no_snapshots(world: Make) -> None:
    one = world()
    both = one.both()
    both.ask(ticker(BTC, is_only_realtime=True), book(BTC, is_only_realtime=True))
    one.settle(f"ticker {BTC}", f"orderbook {BTC}")
    assert both.are_silent()
    one.sim.trade(BTC)
    assert {message["stream_type"] for message in both.read_many(2)} == {"REALTIME"}


def test_no_snapshots_where_another_has_them(world: Make) -> None:
    one = world()
    other, both = one.both(), one.both()
    other.ask(ticker(BTC))
    other.read()
    both.ask(ticker(BTC, is_only_realtime=True))
    both.be_heard()
    one.settle(f"ticker {BTC}", of=3)
    assert both.are_silent()
    one.sim.trade(BTC)
    assert both.read() == other.read()


def test_both_flags_are_a_snapshot(world: Make) -> None:
    one = world()
    both = one.both()
    both.ask(ticker(BTC, is_only_snapshot=True, is_only_realtime=True))
    assert both.read()["stream_type"] == "SNAPSHOT"
    both.be_heard()
    one.door.settle()
    one.sim.trade(BTC)
    assert both.are_silent()


# --- one request after another


def test_a_request_takes_the_place_of_the_one_before(world: Make) -> None:
    one = world(frozen=True)
    both = one.both()
    both.ask(ticker(BTC, ETH))
    both.read_many(2)
    both.ask(ticker(ETH), trade(XRP))
    # All snapshots come again, also of what goes on.
    assert {message["code"] for message in both.read_many(2)} == {ETH, XRP}
    one.settle(f"ticker {ETH}", f"trade {XRP}")
    one.sim.wait_served({f"ticker {ETH}", f"trade {XRP}"})
    for code in (BTC, ETH, XRP):
        one.sim.trade(code)
    assert {message["code"] for message in both.read_many(2)} == {ETH, XRP}
    assert both.are_silent()


def test_the_format_goes_with_each_request(world: Make) -> None:
    one = world(frozen=True)
    for formats in (FORMATS, ("SIMPLE", None, "SIMPLE", "NONSENSE")):
        both = one.both()
        for format_ in formats:
            both.ask(ticker(BTC), format=format_)
            both.read()
    both = one.both()
    both.ask(ticker(BTC), format="SIMPLE")
    both.read()
    # LIST_SUBSCRIPTIONS without a format switches to DEFAULT, for data too.
    both.ask({"method": "LIST_SUBSCRIPTIONS"})
    both.read()
    one.settle(f"ticker {BTC}")
    one.sim.trade(BTC)
    assert both.read()["type"] == "ticker"


@pytest.mark.parametrize("format_", FORMATS)
def test_subscriptions_are_listed_as_they_were_asked_for(world: Make, format_: str) -> None:
    one = world()
    both = one.both()
    both.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="before", format=format_)
    both.read()
    both.ask(
        ticker(BTC, "KRW-NONE", "krw-btc"),
        trade(BTC, BTC, is_only_realtime=True),
        book(f"{BTC}.5", f"{ETH}.7", "BTC-ETH", level=10_000),
        book(XRP, level=0.5),
        {"type": "candle.1m", "codes": [ETH]},
        format=format_,
    )
    both.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="after", format=format_)
    listed = []
    for client in (both.exchange, both.door):
        listed.append([one for one in client.read_many(5) if "LIST_SUBSCRIPTIONS" in str(one)])
    assert listed[0] == listed[1]
    assert len(listed[0]) == 1


def test_what_is_listed_of_private_and_info(world: Make) -> None:
    one = world()
    private, info = one.both("private"), one.both("info")
    private.ask({"type": "myOrder", "codes": [BTC]}, {"type": "myAsset"}, {"type": "announcement"})
    private.ask({"method": "LIST_SUBSCRIPTIONS"})
    private.read()
    private.ask({"type": "myOrder"})
    private.ask({"method": "LIST_SUBSCRIPTIONS"})
    private.read()
    info.ask({"type": "indicator", "codes": [BTC], "timeframe": "5m", "indicators": [RSI]})
    info.ask({"method": "LIST_SUBSCRIPTIONS"})
    info.read()


# --- codes, depths, levels


def test_codes_that_nobody_knows_are_silent(world: Make) -> None:
    one = world()
    both = one.both()
    both.ask(ticker("KRW-NONE", "nonsense", "krw-btc", BTC), trade("KRW-NONE"))
    assert both.read()["code"] == BTC
    assert both.are_silent()
    both.ask({"method": "LIST_SUBSCRIPTIONS"})
    both.read()


def test_depths_that_are_offered_and_others(world: Make) -> None:
    one = world(frozen=True)
    both = one.both()
    codes = [f"{BTC}.1", f"{ETH}.5", f"{XRP}.15", "KRW-SOL.30", "BTC-ETH.7", "USDT-BTC.0"]
    both.ask(book(*codes))
    assert sorted(len(message["orderbook_units"]) for message in both.read_many(6)) == [1, 5, 15, 30, 30, 30]


def test_levels(world: Make) -> None:
    one = world(frozen=True)
    both = one.both()
    both.ask(book(f"{BTC}.5", level=10_000), book(ETH), book(XRP, level="10"))
    both.read_many(3)
    # A step that this market has not is silence, and so is any where there are none.
    both.ask(book(BTC, level=7), book("BTC-ETH", level=10_000), book(ETH))
    assert both.read()["code"] == ETH
    assert both.are_silent()


def test_one_book_in_two_depths_and_levels(world: Make) -> None:
    one = world(frozen=True)
    both = one.both()
    both.ask(book(BTC, level=10_000), book(f"{BTC}.5"))
    both.read_many(2)
    one.settle(f"orderbook {BTC}", f"orderbook {BTC}@10000")
    one.sim.trade(BTC)
    both.read_many(2)


def test_855_codes(world: Make) -> None:
    one = world(markets=855, frozen=True)
    codes = many_markets(855)
    both = one.both()
    both.ask(ticker(*codes), trade(*codes), book(*codes))
    both.read_many(3 * 855)


# --- several clients


def test_a_deeper_book_for_another_changes_nothing_for_who_has_one(world: Make) -> None:
    one = world(frozen=True)
    clients = [one.both() for _ in range(3)]
    for count, depth in enumerate((".1", ".5", "")):
        clients[count].ask(book(f"{BTC}{depth}"))
        clients[count].read()
        assert all(client.are_silent() for client in clients)
    one.sim.trade(BTC)
    for client in clients:
        assert client.read()["stream_type"] == "REALTIME"


def test_each_client_gets_its_own(world: Make) -> None:
    one = world(frozen=True)
    asked: dict[str, Any] = {
        "a": [ticker(BTC), book(f"{BTC}.1")],
        "b": [ticker(ETH, BTC), book(f"{BTC}.5", f"{ETH}.15")],
        "c": [book(BTC), trade(XRP)],
        "d": [book(BTC, level=10_000), book(f"{ETH}.1")],
        "e": [ticker(ETH, is_only_realtime=True), trade(XRP)],
    }
    firsts = {"a": 2, "b": 4, "c": 2, "d": 2, "e": 1}
    clients: dict[str, Both] = {}
    # One after the other: who asks for a deeper book while the snapshot of a shallow one is on its way may get that as
    # well, before its own. Nothing is missed by that, as the message is a whole book.
    for (name, parts), format_ in zip(asked.items(), [*FORMATS, None], strict=True):
        clients[name] = one.both()
        clients[name].ask(*parts, format=format_)
        clients[name].read_many(firsts[name])
    streams = {f"ticker {BTC}", f"ticker {ETH}", f"orderbook {BTC}", f"orderbook {BTC}@10000", f"trade {XRP}"}
    one.sim.wait(lambda sim: any(info.served >= streams for info in sim.connections()))
    one.sim.wait(lambda sim: len([1 for info in sim.connections() if info.served]) == 6)
    one.door.settle()
    for code in (BTC, ETH, XRP, BTC):
        one.sim.trade(code)
        one.sim.advance(0.1)
    for name, count in {"a": 4, "b": 6, "c": 3, "d": 3, "e": 2}.items():
        clients[name].read_many(count)
    for client in clients.values():
        assert client.are_silent()


def test_a_client_that_comes_later_gets_its_snapshots(world: Make) -> None:
    one = world(frozen=True)
    early = one.both()
    early.ask(ticker(BTC), trade(BTC), book(BTC), {"type": "candle.1m", "codes": [BTC]})
    early.read_many(4)
    one.settle(f"ticker {BTC}", f"candle.1m {BTC}")
    one.sim.trade(BTC)
    early.read_many(4)
    late = one.both()
    late.ask(ticker(BTC), trade(BTC), book(f"{BTC}.5"), {"type": "candle.1m", "codes": [BTC]}, format="SIMPLE")
    assert {message["st"] for message in late.read_many(4)} == {"SNAPSHOT"}
    deep = one.both()
    deep.ask(book(f"{BTC}.1"), ticker(ETH), format="JSON_LIST")
    deep.read_many(2)
