"""What who comes late is shown of orders and balances, and what another process is told of them."""

import json
from typing import Any

from websocket_v6.protocol.delivery.books import AssetBook, OrderBook
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import ANY

ALL = frozenset({ANY})


def wrap(type_: str, code: str, payload: bytes, is_start: bool) -> Event:
    event = make_event(f"{type_} {code}", payload, 1, 0).as_backfilled()
    return event.as_snapshot() if is_start else event


def order(uuid: str, state: str = "wait", code: str = "KRW-BTC", **fields: Any) -> Event:
    body = {"type": "myOrder", "code": code, "uuid": uuid, "state": state, "trades_count": 0, "price": 100}
    body |= {"timestamp": 1, "stream_type": "REALTIME"} | fields
    return make_event(f"myOrder {code}", json.dumps(body).encode(), 1, 0)


def asset(currency: str, amount: int) -> Event:
    body = {"type": "myAsset", "assets": [{"currency": currency, "balance": amount, "locked": 0}]}
    return make_event("myAsset *", json.dumps(body).encode(), 1, 0)


def followed() -> OrderBook:
    book = OrderBook(wrap)
    for item in (
        order("O1"),
        order("O1", "trade", trade_uuid="T1", trades_count=1, price=99, executed_volume=1),
        order("O2", code="KRW-ETH"),
        order("O3"),
        order("O3", "cancel"),
    ):
        assert book.hear(item, 0.0, is_start=False, is_fetched=False)
    return book


def test_who_begins_sees_the_present_state_of_what_is_open() -> None:
    shown: list[Any] = followed().present(ALL)
    assert [(one.uuid, one.state, one.price, one.executed_volume) for one in shown] == [
        ("O1", "wait", 100, 1),
        ("O2", "wait", 100, None),
    ]
    assert {(one.stream_type, one.backfilled) for one in shown} == {("SNAPSHOT", True)}
    assert [one.uuid for one in followed().present(frozenset({"KRW-ETH"}))] == ["O2"]  # type: ignore[attr-defined]


def test_another_process_is_told_of_trades_and_ends_too_and_knows_as_much_then() -> None:
    book, other = followed(), OrderBook(wrap)
    whole: list[Any] = book.whole(ALL)
    assert [(one.uuid, one.state) for one in whole] == [
        ("O1", "trade"),
        ("O1", "wait"),
        ("O2", "wait"),
        ("O3", "cancel"),
    ]
    for item in whole:
        other.hear(item, 0.0, is_start=True, is_fetched=True)
    assert {uuid: (one.is_open, one.known) for uuid, one in other.ledger.orders.items()} == {
        "O1": (True, 1),
        "O2": (True, 0),
        "O3": (False, 0),
    }


def test_what_is_malformed_is_for_the_edge_to_tell() -> None:
    book = OrderBook(wrap)
    assert book.hear(make_event("myOrder KRW-BTC", b"nonsense", 1, 0), 0.0, is_start=False, is_fetched=False)
    assert not book.ends(make_event("myOrder KRW-BTC", b"nonsense", 1, 0))
    assets = AssetBook(wrap)
    assert assets.hear(make_event("myAsset *", b"nonsense", 1, 0), 0.0, is_start=False, is_fetched=False)


def test_balances_that_another_process_repeats_are_no_news() -> None:
    book = AssetBook(wrap)
    assert book.hear(asset("KRW", 5), 0.0, is_start=True, is_fetched=True)
    assert not book.hear(asset("KRW", 5), 0.0, is_start=False, is_fetched=True)
    assert book.hear(asset("KRW", 6), 0.0, is_start=False, is_fetched=True)
    assert book.hear(asset("KRW", 6), 0.0, is_start=False, is_fetched=False)  # the exchange said so
    (shown,) = book.present(7)
    assert isinstance(shown.asdict()["assets"], tuple)
    assert (shown.stream_type, shown.timestamp) == ("SNAPSHOT", 7)
    assert AssetBook(wrap).present(7) == []
