"""The four formats, LIST_SUBSCRIPTIONS in each, and the frames they come in."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers

Make = Callable[..., Any]
ALL = ["ticker", "trade", "orderbook", "candle.1m"]


def objects(*codes: str, types: list[str] = ALL, **options: Any) -> list[dict[str, Any]]:
    return [{"type": type_, "codes": list(codes), **options} for type_ in types]


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
    assert re.search(r'"trade_price":1\d{8}\.0{8}[,}]', texts["DEFAULT"][0])
    assert re.search(r'"ask_price":1\.\d+E8', texts["DEFAULT"][2])
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


def test_list_formats_may_batch(simulator: Make, client: Make) -> None:
    sim = simulator(answers=Answers(list_batch=3))
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC"), format="JSON_LIST")
    assert [[event["type"] for event in reader.read()] for _ in range(2)] == [ALL[:3], ALL[3:]]
    assert [sent.stream for sent in sim.sent()] == [f"{type_} KRW-BTC" for type_ in ALL]


def test_frames_are_binary_or_text(simulator: Make, client: Make) -> None:
    names = ("data_frames", "subscription_frames", "status_frames", "error_frames")
    for text in (*names, ""):
        options: dict[str, Any] = {text: "text"} if text else {}
        sim = simulator(frozen=True, answers=Answers(**options))
        reader = client(sim.url)
        seen = []
        for request in ({"type": "trade", "codes": ["KRW-BTC"]}, {"method": "LIST_SUBSCRIPTIONS"}, None, {"type": "x"}):
            if request is None:
                reader.connection.send("PING")
                reader.connection.ping().wait(5.0)
                sim.advance(10)
            else:
                reader.ask(request)
            seen.append(isinstance(reader.raw(), str))
        assert seen == [name == text for name in names]
