"""Subscriptions over a socket: snapshots, realtime messages, replacement, silence."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Limits, Weather

Make = Callable[..., Any]
ALL = ["ticker", "trade", "orderbook", "candle.1m"]


def objects(*codes: str, types: list[str] = ALL, **options: Any) -> list[dict[str, Any]]:
    return [{"type": type_, "codes": list(codes), **options} for type_ in types]


def test_each_stream_sends_one_snapshot_and_then_what_happens(simulator: Make, client: Make) -> None:
    sim = simulator(markets=["KRW-BTC", "KRW-ETH"])
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC"))
    snapshots = reader.read_many(4)
    assert [(event["type"], event["stream_type"]) for event in snapshots] == [(type_, "SNAPSHOT") for type_ in ALL]
    sid = sim.trade("KRW-BTC", price=117_000_000, volume="0.5", side="BID")
    sim.trade("KRW-ETH")
    trade, ticker, book, candle = reader.read_many(4)
    assert trade["sequential_id"] == sid
    assert [trade["trade_price"], ticker["trade_price"], candle["trade_price"]] == [117_000_000] * 3
    assert book["orderbook_units"][0]["ask_price"] >= 117_000_000 > book["orderbook_units"][0]["bid_price"]
    assert {event["stream_type"] for event in (trade, ticker, book, candle)} == {"REALTIME"}
    assert reader.is_silent()


def test_a_snapshot_has_the_time_of_the_last_change(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC"))
    ages = {event["type"]: sim.now() - event["timestamp"] / 1000 for event in reader.read_many(4)}
    assert 5 < ages["trade"] < 200
    sim.trade("KRW-BTC")
    now = reader.read_many(4)[0]["timestamp"]
    sim.advance(30)
    reader.ask(*objects("KRW-BTC"))
    assert [event["timestamp"] for event in reader.read_many(4)] == [now] * 4


def test_a_new_request_replaces_the_old_one(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask({"type": "trade", "codes": ["KRW-ETH"]}, ticket="another")
    assert reader.read()["code"] == "KRW-ETH"
    assert sim.served() == {"trade KRW-ETH"}
    sim.trade("KRW-BTC")
    sim.trade("KRW-ETH")
    assert reader.read()["code"] == "KRW-ETH"
    assert reader.is_silent()


def test_a_replacement_sends_snapshots_of_the_whole_list_again(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask(
        {"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True}, {"type": "ticker", "codes": ["KRW-ETH"]}
    )
    assert reader.read()["code"] == "KRW-ETH"
    reader.ask({"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]})
    assert [event["code"] for event in reader.read_many(2)] == ["KRW-BTC", "KRW-ETH"]
    assert sim.connections()[0].snapshots == {"ticker KRW-BTC": 2, "ticker KRW-ETH": 2}


@pytest.mark.parametrize("strays", [0, 1, 2])
def test_a_few_messages_of_the_old_subscription_may_come_after_a_replacement(
    simulator: Make, client: Make, strays: int
) -> None:
    sim = simulator(answers=Answers(stray_frames=strays))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask({"type": "trade", "codes": ["KRW-ETH"]})
    assert reader.read()["code"] == "KRW-ETH"
    for _ in range(4):
        sim.trade("KRW-BTC")
    assert sim.served() == {"trade KRW-ETH"}
    assert [event["code"] for event in reader.read_many(strays)] == ["KRW-BTC"] * strays
    assert reader.is_silent()


def test_strays_are_of_the_subscription_just_before(simulator: Make, client: Make) -> None:
    sim = simulator(answers=Answers(stray_frames=2))
    reader = client(sim.url)
    for code in ("KRW-BTC", "KRW-ETH", "KRW-XRP"):
        reader.ask({"type": "trade", "codes": [code]})
        assert reader.read()["code"] == code
    sim.trade("KRW-BTC")
    sim.trade("KRW-ETH")
    assert (reader.read()["code"], reader.is_silent()) == ("KRW-ETH", True)


def test_snapshots_may_come_in_two_bursts(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(second_burst=30.0))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-ETH", "KRW-XRP"]})
    assert [event["code"] for event in reader.read_many(2)] == ["KRW-BTC", "KRW-ETH"]
    assert reader.is_silent()
    assert len(sim.served()) == 2
    sim.advance(30.0)
    assert len(sim.served()) == 3
    assert (reader.read()["code"], reader.is_silent()) == ("KRW-XRP", True)
    sim.trade("KRW-XRP")
    assert reader.read()["stream_type"] == "REALTIME"


def test_a_replaced_second_burst_never_comes(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(second_burst=30.0))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-ETH"]})
    assert reader.read()["code"] == "KRW-BTC"
    reader.ask({"type": "trade", "codes": ["KRW-XRP"]})
    assert reader.read()["code"] == "KRW-XRP"
    sim.advance(31.0)
    assert reader.is_silent()


def test_only_snapshots_and_only_realtime(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(
        {"type": "ticker", "codes": ["KRW-BTC"], "is_only_snapshot": True},
        {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True},
    )
    assert reader.read()["type"] == "ticker"
    assert sim.served() == {"trade KRW-BTC"}
    sim.trade("KRW-BTC")
    assert (reader.read()["type"], reader.is_silent()) == ("trade", True)


@pytest.mark.parametrize(
    ("part", "stream"),
    [
        ({"type": "ticker", "codes": ["KRW-NOPE"]}, "an unknown code"),
        ({"type": "ticker", "codes": ["krw-btc"]}, "lower case"),
        ({"type": "trade", "codes": ["KRW-BTC.5"]}, "a suffix where there is none"),
        ({"type": "orderbook", "codes": ["KRW-BTC"], "level": 777}, "an unsupported level"),
        ({"type": "orderbook", "codes": ["BTC-ETH"], "level": 10000}, "a level on a BTC market"),
    ],
)
def test_some_mistakes_are_met_with_silence(simulator: Make, client: Make, part: dict[str, Any], stream: str) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(part, {"type": "ticker", "codes": ["KRW-ETH"]})
    assert reader.read()["code"] == "KRW-ETH"
    sim.tick(50)
    sim.trade("KRW-ETH")
    assert {reader.read()["code"] for _ in range(sim.connections()[0].sent - 1)} == {"KRW-ETH"}
    assert sim.served() == {"ticker KRW-ETH"}


@pytest.mark.parametrize(("suffix", "levels"), [("", 30), (".1", 1), (".5", 5), (".15", 15), (".30", 30), (".20", 30)])
def test_the_suffix_chooses_the_levels_and_is_not_echoed(
    simulator: Make, client: Make, suffix: str, levels: int
) -> None:
    reader = client(simulator().url)
    reader.ask({"type": "orderbook", "codes": [f"KRW-BTC{suffix}"]})
    book = reader.read()
    assert (book["code"], len(book["orderbook_units"]), book["level"]) == ("KRW-BTC", levels, 0)
    sums = [sum(unit[f"{side}_size"] for unit in book["orderbook_units"]) for side in ("ask", "bid")]
    assert [book["total_ask_size"], book["total_bid_size"]] == pytest.approx(sums)


def test_a_level_groups_and_is_named_in_what_is_served(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "orderbook", "codes": ["KRW-BTC.5"], "level": "10000"})
    book = reader.read()
    assert book["level"] == 10000
    assert all(unit["ask_price"] % 10000 == 0 == unit["bid_price"] % 10000 for unit in book["orderbook_units"])
    assert sim.served() == {"orderbook KRW-BTC@10000"}
    (served,) = sim.connections()[0].subscription
    assert (served.stream, served.units) == ("orderbook KRW-BTC@10000", 5)


@pytest.mark.parametrize(("answer", "levels"), [("both", [0, 10000]), ("first", [0]), ("last", [10000])])
def test_one_code_at_two_levels(simulator: Make, client: Make, answer: str, levels: list[int]) -> None:
    sim = simulator(answers=Answers(same_code_twice=answer))  # type: ignore[arg-type]
    reader = client(sim.url)
    reader.ask({"type": "orderbook", "codes": ["KRW-BTC"]}, {"type": "orderbook", "codes": ["KRW-BTC"], "level": 10000})
    assert [event["level"] for event in reader.read_many(len(levels))] == levels
    sim.trade("KRW-BTC")
    assert [event["level"] for event in reader.read_many(len(levels))] == levels
    assert reader.is_silent()


@pytest.mark.parametrize("type_", ["ticker", "trade", "candle.1m"])
@pytest.mark.parametrize(
    ("answer", "kinds"), [("both", ["SNAPSHOT", "SNAPSHOT", "REALTIME"]), ("first", ["SNAPSHOT"]), ("last", [])]
)
def test_one_code_in_two_objects(simulator: Make, client: Make, type_: str, answer: str, kinds: list[str]) -> None:
    sim = simulator(answers=Answers(same_type_twice=answer))  # type: ignore[arg-type]
    reader = client(sim.url)
    part = {"type": type_, "codes": ["KRW-BTC"]}
    last = {**part, "is_only_realtime": True} if answer == "last" else part
    reader.ask({**part, "is_only_snapshot": answer == "first"}, last)
    sim.wait(lambda sim: sim.connections()[0].subscription)
    sim.trade("KRW-BTC")
    expected = [*kinds, "REALTIME"] if answer != "first" else kinds
    assert [event["stream_type"] for event in reader.read_many(len(expected))] == expected
    assert reader.is_silent()


@pytest.mark.parametrize(("answer", "times"), [("once", 1), ("twice", 2)])
def test_one_code_twice_in_a_list(simulator: Make, client: Make, answer: str, times: int) -> None:
    sim = simulator(answers=Answers(duplicate_codes=answer))  # type: ignore[arg-type]
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-BTC"]})
    reader.read_many(times)
    sim.trade("KRW-BTC")
    assert [event["stream_type"] for event in reader.read_many(times)] == ["REALTIME"] * times
    assert reader.is_silent()


@pytest.mark.parametrize(("answer", "served"), [("clears", set()), ("ignored", {"trade KRW-BTC"})])
def test_an_empty_request_clears_or_does_nothing(simulator: Make, client: Make, answer: Any, served: set[str]) -> None:
    sim = simulator(answers=Answers(empty_request=answer))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask()
    sim.wait(lambda sim: len(sim.connections()[0].requests) == 2)
    assert sim.served() == served


def test_a_connection_may_get_too_old_and_a_request_too_large(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, limits=Limits(connection_seconds=3600.0))
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.advance(3600, idle=False)
    assert reader.ended() is None
    sim = simulator(limits=Limits(request_bytes=1000))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"] * 1000})
    code, _ = reader.ended()
    assert code == 1009


@pytest.mark.parametrize("code", [1000, 1011, None])
def test_how_it_ends_a_connection_for_that_may_be_chosen(simulator: Make, client: Make, code: int | None) -> None:
    sim = simulator(limits=Limits(request_bytes=1000, request_bytes_code=code))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"] * 1000})
    assert reader.ended() == (None if code is None else (code, ""))
    other = client(sim.url)
    other.ask({"type": "trade", "codes": ["KRW-BTC"]})
    assert "KRW-BTC" in other.text()


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_the_record_is_what_the_client_got(simulator: Make, client: Make, process: bool) -> None:
    sim = simulator(process=process)
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-BTC"]}, {"type": "trade", "codes": ["KRW-XRP"]})
    sim.wait_served({"ticker KRW-BTC", "trade KRW-XRP"})
    for _ in range(3):
        sim.trade("KRW-BTC")
        sim.trade("KRW-XRP")
    got = [reader.text() for _ in range(8)]
    assert [sent.text for sent in sim.sent()] == got
    assert [sent.kind for sent in sim.sent(stream="ticker KRW-BTC")] == ["SNAPSHOT"] + ["REALTIME"] * 3
    (info,) = sim.connections()
    assert (info.sent, info.snapshots) == (8, {"ticker KRW-BTC": 1, "trade KRW-XRP": 1})
    assert json.loads(info.requests[0].text)[1] == {"type": "ticker", "codes": ["KRW-BTC"]}


def test_a_request_may_name_too_many_codes(simulator: Make, client: Make) -> None:
    reader = client(simulator(limits=Limits(request_codes=2)).url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]}, {"type": "ticker", "codes": ["KRW-BTC"]})
    reader.read_many(2)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-ETH", "KRW-XRP"]})
    assert reader.read()["error"]["name"] == "INVALID_PARAM"


def test_a_market_can_come_and_go(simulator: Make, client: Make) -> None:
    sim = simulator(markets=["KRW-BTC"])
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-NEW"]})
    reader.read()
    sim.list_market("KRW-NEW", price=500)
    assert (sim.trade("KRW-NEW") > 0, reader.is_silent()) == (True, True)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-NEW"]})
    assert [event["code"] for event in reader.read_many(2)] == ["KRW-BTC", "KRW-NEW"]
    sim.remove_market("KRW-BTC")
    with pytest.raises(ValueError, match="not listed"):
        sim.trade("KRW-BTC")


def test_a_slow_reader_is_cut_and_does_not_hold_up_the_others(simulator: Make, client: Make) -> None:
    limits = Limits(messages_per_second=None, messages_per_minute=None, outbox_bytes=200_000)
    sim = simulator(limits=limits)
    slow, fast = client(sim.url, max_queue=1), client(sim.url)
    for reader in (slow, fast):
        reader.ask({"type": "orderbook", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait(lambda sim: all(info.served for info in sim.connections()))
    trades = 0
    while sim.connections()[0].open:
        sim.trade("KRW-BTC")
        fast.read()
        trades += 1
        assert trades < 20_000, "the slow reader was never cut"
    assert slow.ended() is None
    assert sim.connections()[1].sent == trades
