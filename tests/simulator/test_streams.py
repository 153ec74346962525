"""Subscriptions over a socket: snapshots, realtime messages, replacement, formats, silence."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Limits

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
    sim = simulator(answers=Answers(second_burst=30.0))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-ETH", "KRW-XRP"]})
    assert [event["code"] for event in reader.read_many(2)] == ["KRW-BTC", "KRW-ETH"]
    assert reader.is_silent()
    assert len(sim.served()) == 3
    sim.advance(30.0)
    assert (reader.read()["code"], reader.is_silent()) == ("KRW-XRP", True)
    sim.trade("KRW-XRP")
    assert reader.read()["stream_type"] == "REALTIME"


def test_a_replaced_second_burst_never_comes(simulator: Make, client: Make) -> None:
    sim = simulator(answers=Answers(second_burst=30.0))
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


@pytest.mark.parametrize(("answer", "times"), [("once", 1), ("twice", 2)])
def test_one_code_twice_in_a_list(simulator: Make, client: Make, answer: str, times: int) -> None:
    sim = simulator(answers=Answers(duplicate_codes=answer))  # type: ignore[arg-type]
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-BTC"]})
    reader.read_many(times)
    sim.trade("KRW-BTC")
    assert [event["stream_type"] for event in reader.read_many(times)] == ["REALTIME"] * times
    assert reader.is_silent()


def test_all_four_formats_say_the_same(simulator: Make, client: Make) -> None:
    sim = simulator()
    texts: dict[str, list[str]] = {}
    for format_ in ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"):
        reader = client(sim.url)
        reader.ask(*objects("KRW-BTC"), format=format_)
        texts[format_] = [reader.text() for _ in range(4)]
    assert [f"[{text}]" for text in texts["DEFAULT"]] == texts["JSON_LIST"]
    assert [f"[{text}]" for text in texts["SIMPLE"]] == texts["SIMPLE_LIST"]
    for long, short in zip(texts["DEFAULT"], texts["SIMPLE"], strict=True):
        assert len(json.loads(long)) == len(json.loads(short))
        assert len(short) < len(long)
    assert re.search(r'"trade_price":1\.\d+E8', texts["DEFAULT"][0])
    assert re.search(r'"tp":1\d{8}[,}]', texts["SIMPLE"][0])
    assert [info.format for info in sim.connections()] == list(texts)


def test_the_format_belongs_to_the_connection(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]}, format="SIMPLE")
    assert "ty" in reader.read()
    reader.ask({"method": "LIST_SUBSCRIPTIONS"}, format="SIMPLE")
    assert reader.read() == {
        "mthd": "LIST_SUBSCRIPTIONS",
        "rslt": [{"ty": "trade", "cds": ["KRW-BTC"]}],
        "tckt": "t",
    }
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert "method" in reader.read()
    sim.trade("KRW-BTC")
    assert "type" in reader.read()


def test_list_subscriptions_without_a_format_may_keep_the_format(simulator: Make, client: Make) -> None:
    reader = client(simulator(answers=Answers(list_resets_format=False)).url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]}, format="SIMPLE_LIST")
    reader.read()
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert reader.read()[0]["mthd"] == "LIST_SUBSCRIPTIONS"


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        (
            {},
            [
                {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": 10000},
                {"type": "ticker", "codes": ["KRW-NOPE"]},
                {"type": "trade", "codes": ["KRW-ETH"]},
            ],
        ),
        (
            {"list_suffixes": False, "list_snapshot_only": False},
            [{"type": "orderbook", "codes": ["KRW-BTC"], "level": 10000}, {"type": "ticker", "codes": ["KRW-NOPE"]}],
        ),
        (
            {"list_flags": True, "list_snapshot_only": False},
            [
                {
                    "type": "orderbook",
                    "codes": ["KRW-BTC.5"],
                    "level": 10000,
                    "is_only_snapshot": False,
                    "is_only_realtime": False,
                },
                {"type": "ticker", "codes": ["KRW-NOPE"], "is_only_snapshot": False, "is_only_realtime": True},
            ],
        ),
    ],
)
def test_list_subscriptions_returns_what_was_asked_for(
    simulator: Make, client: Make, answers: dict[str, Any], result: list[Any]
) -> None:
    reader = client(simulator(answers=Answers(**answers)).url)
    reader.ask(
        {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": 10000},
        {"type": "ticker", "codes": ["KRW-NOPE"], "is_only_realtime": True},
        {"type": "trade", "codes": ["KRW-ETH"], "is_only_snapshot": True},
    )
    reader.read_many(2)
    reader.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="mine")
    assert reader.read() == {"method": "LIST_SUBSCRIPTIONS", "result": result, "ticket": "mine"}


def test_list_subscriptions_of_nothing(simulator: Make, client: Make) -> None:
    reader = client(simulator().url)
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert reader.read()["result"] == []
    reader = client(simulator(answers=Answers(list_when_empty="error")).url)
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert reader.read()["error"]["name"] == "NO_TYPE"


@pytest.mark.parametrize(("answer", "served"), [("clears", set()), ("ignored", {"trade KRW-BTC"})])
def test_an_empty_request_clears_or_does_nothing(simulator: Make, client: Make, answer: Any, served: set[str]) -> None:
    sim = simulator(answers=Answers(empty_request=answer))
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask()
    sim.wait(lambda sim: len(sim.connections()[0].requests) == 2)
    assert sim.served() == served


def test_list_formats_may_batch(simulator: Make, client: Make) -> None:
    sim = simulator(answers=Answers(list_batch=3))
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC"), format="JSON_LIST")
    assert [[event["type"] for event in reader.read()] for _ in range(2)] == [ALL[:3], ALL[3:]]
    assert [sent.stream for sent in sim.sent()] == [f"{type_} KRW-BTC" for type_ in ALL]


def test_frames_are_binary_or_text(simulator: Make, client: Make) -> None:
    for data, notice in (("binary", "text"), ("text", "binary")):
        sim = simulator(answers=Answers(data_frames=data, notice_frames=notice))  # type: ignore[arg-type]
        reader = client(sim.url)
        reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
        assert isinstance(reader.raw(), bytes if data == "binary" else str)
        reader.ask({"method": "LIST_SUBSCRIPTIONS"})
        assert isinstance(reader.raw(), bytes if notice == "binary" else str)


def test_best_prices_describe_the_book_after_or_before_or_are_null(simulator: Make, client: Make) -> None:
    sizes = {}
    for answer in ("after", "before", "null"):
        sim = simulator(answers=Answers(best_prices=answer))
        reader = client(sim.url)
        reader.ask({"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True})
        sim.wait_served({"trade KRW-BTC"})
        book = json.loads(sim.current("orderbook KRW-BTC.1"))["orderbook_units"][0]
        sim.trade("KRW-BTC", volume=book["ask_size"] / 2, side="BID")
        trade = reader.read()
        sizes[answer] = trade["best_ask_size"] and trade["best_ask_size"] / book["ask_size"]
        assert (trade["best_bid_price"] is None) == (answer == "null")
    assert sizes == {"after": pytest.approx(0.5, abs=1e-3), "before": 1, "null": None}


def test_totals_over_what_is_shown_or_over_all(simulator: Make) -> None:
    shown = json.loads(simulator().current("orderbook KRW-BTC.1"))
    all_ = json.loads(simulator(answers=Answers(totals="all")).current("orderbook KRW-BTC.1"))
    assert shown["total_ask_size"] == shown["orderbook_units"][0]["ask_size"] < all_["total_ask_size"]


def test_tickers_carry_the_deprecated_keys_and_the_end_of_a_market_in_either_form(simulator: Make) -> None:
    for answers, present, expected in (
        (Answers(), True, {"year": 2026, "month": 12, "day": 1}),
        (Answers(deprecated_ticker_keys=False, delisting_date="text"), False, "2026-12-01"),
    ):
        sim = simulator(answers=answers)
        before = json.loads(sim.current("ticker KRW-BTC"))
        assert (before["delisting_date"], "market_warning" in before) == (None, present)
        sim.set_market_state("KRW-BTC", "DELISTED", datetime(2026, 12, 1, tzinfo=UTC))
        after = json.loads(sim.current("ticker KRW-BTC"))
        assert (after["delisting_date"], after["market_state"]) == (expected, "DELISTED")


def test_the_time_of_a_candle_is_that_of_its_last_trade_or_of_the_message(simulator: Make) -> None:
    for answer, later in (("last_trade", 0), ("sent", 5000)):
        answers = Answers(candle_timestamp=answer)  # type: ignore[arg-type]
        sim = simulator(frozen=True, answers=answers)
        sim.trade("KRW-BTC")
        traded = json.loads(sim.current("trade KRW-BTC"))["timestamp"]
        sim.advance(5)
        assert json.loads(sim.current("candle.1m KRW-BTC"))["timestamp"] == traded + later


def test_an_older_candle_may_come_behind_a_newer_one(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask({"type": "candle.1m", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"candle.1m KRW-BTC"})
    sim.trade("KRW-BTC")
    sim.advance(61, idle=False)
    sim.trade("KRW-BTC")
    sim.repeat_candle("KRW-BTC")
    first, second, again = reader.read_many(3)
    assert again == first
    assert first["candle_date_time_utc"] < second["candle_date_time_utc"]


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


def test_another_region_has_neither_level_nor_korean_time(simulator: Make, client: Make) -> None:
    reader = client(simulator(markets=["SGD-BTC"], region="sg").url)
    reader.ask(*objects("SGD-BTC", types=["orderbook", "candle.1m"]))
    book, candle = reader.read_many(2)
    assert "level" not in book
    assert "candle_date_time_kst" not in candle
    reader.ask({"type": "nope"})
    assert reader.read()["error"]["message"] == "type nope is not supported."


def test_a_paced_market_waits_for_its_grid_and_sends_the_newest(simulator: Make, client: Make) -> None:
    sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", "KRW-ETH", is_only_realtime=True))
    sim.wait(lambda sim: len(sim.served()) == 8)
    for _ in range(5):
        sim.trade("KRW-BTC")
    assert Counter(sent.stream for sent in sim.sent()) == {"trade KRW-BTC": 5, "ticker KRW-BTC": 5}
    sim.flush()
    assert [event["type"] for event in reader.read_many(12)][10:] == ["candle.1m", "orderbook"]
    assert (
        json.loads(sim.sent()[-1].text)["timestamp"]
        == json.loads(sim.sent(stream="trade KRW-BTC")[-1].text)["timestamp"]
    )


def test_a_paced_market_sends_by_itself_as_time_passes(simulator: Make, client: Make) -> None:
    sim = simulator(paced=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", types=["orderbook", "candle.1s"], is_only_realtime=True))
    sim.wait_served({"orderbook KRW-BTC", "candle.1s KRW-BTC"})
    sim.trade("KRW-BTC", price=123_000_000, side="BID")
    first, second = reader.read_many(2)
    assert {first["type"], second["type"]} == {"orderbook", "candle.1s"}


def test_books_leave_on_the_100_ms_grid_of_their_market_and_candles_once_a_second(
    simulator: Make, client: Make
) -> None:
    sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True, answers=Answers(tickers="conflated"))
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", is_only_realtime=True))
    sim.wait_served({f"{type_} KRW-BTC" for type_ in ALL})
    for _ in range(20):
        sim.trade("KRW-BTC")
        sim.advance(0.1)
    sim.advance(1.0)
    kinds = Counter(sent.stream for sent in sim.sent())
    assert kinds["trade KRW-BTC"] == 20
    assert (kinds["orderbook KRW-BTC"], kinds["ticker KRW-BTC"], kinds["candle.1m KRW-BTC"]) == (20, 20, 3)


def test_a_day_may_begin_with_a_ticker(simulator: Make, client: Make) -> None:
    before_midnight = 1_795_219_200.0 - 1.0
    for pushed in (True, False):
        sim = simulator(start_time=before_midnight, answers=Answers(day_roll_message=pushed))
        reader = client(sim.url)
        reader.ask({"type": "ticker", "codes": ["KRW-BTC"]})
        last = reader.read()
        sim.advance(2.0)
        if pushed:
            first = reader.read()
            assert first["prev_closing_price"] == last["trade_price"] == first["opening_price"]
            assert (first["acc_trade_volume"], first["change"]) == (0, "EVEN")
        assert reader.is_silent()
        sim.trade("KRW-BTC")
        assert reader.read()["prev_closing_price"] == last["trade_price"]


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


def test_a_frozen_exchange_sends_the_same_bytes_every_time(simulator: Make, client: Make) -> None:
    records = []
    for _ in range(2):
        sim = simulator(start_time=1_795_176_000.0, frozen=True, seed=7)
        reader = client(sim.url)
        reader.ask(*objects("KRW-BTC", "BTC-ETH"))
        sim.wait(lambda sim: len(sim.sent()) == 8)
        sim.tick(200)
        sim.advance(61.0, idle=False)
        sim.trade("KRW-BTC", price=130_000_000)
        records.append(sim.sent())
    assert records[0] == records[1]
    assert len(records[0]) > 50


def test_traffic_on_a_frozen_clock_is_as_much_as_was_asked_for_and_always_the_same(
    simulator: Make, client: Make
) -> None:
    records = []
    for _ in range(2):
        sim = simulator(start_time=1_795_176_000.0, frozen=True, traffic=500)
        codes = [f"KRW-{base}" for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA")]
        reader = client(sim.url)
        reader.ask(*objects(*codes, types=["ticker", "trade", "orderbook"], is_only_realtime=True))
        sim.wait(lambda sim: len(sim.served()) == 18)
        sim.advance(4.0)
        sim.set_traffic(0)
        sim.advance(4.0)
        records.append(sim.sent())
    assert records[0] == records[1]
    # Six of the twenty markets, but the busy ones: half of all that happens.
    assert 800 < len(records[0]) < 1400


def test_a_late_candle_needs_an_earlier_one(simulator: Make) -> None:
    with pytest.raises(ValueError, match="no closed 240m candle"):
        simulator().repeat_candle("KRW-BTC", "240m")
