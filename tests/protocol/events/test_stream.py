"""Events of the stream itself."""

import copy
import pickle

import pytest

from websocket_v6.protocol.events import ConnectionEvent, ConnectionState, OverflowEvent, Unrecovered


def test_events_of_the_stream_itself_are_values_too() -> None:
    lost = ConnectionEvent(
        "public", ConnectionState.OPEN, 4, 1.5, 10**18, 10**18 + 1_500_000_000, "stalled", 1_500_000_000
    )
    dropped = OverflowEvent(symbol=None, dropped=3, dropped_total=9, policy="latest", received_at=2_000_000)
    events: tuple[ConnectionEvent | OverflowEvent, ...] = (lost, dropped)
    for event in events:
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
        assert hash(event) == hash(copy.copy(event))
        assert list(event.asdict())[:5] == ["symbol", "timestamp", "received_at", "epoch", "stream_type"]
        assert event.symbol is None
        with pytest.raises(AttributeError):
            event.epoch = 5  # type: ignore[misc]
    assert (lost.timestamp, dropped.timestamp) == (1500, 2)
    assert lost.asdict()["gap"] == 1.5
    match dropped:
        case OverflowEvent(symbol, count, total, policy):
            assert (symbol, count, total, policy) == (None, 3, 9, "latest")


COMMON = ("symbol", "timestamp", "received_at", "epoch", "stream_type")


def test_a_connection_event_shows_all_there_is() -> None:
    missing = Unrecovered("KRW-BTC", 5, 7, "too old")
    event = ConnectionEvent(
        "public", ConnectionState.BACKFILLED, 4, 1.5, 10, 12, "stalled", 2_999_999, recovered=3, unrecovered=(missing,)
    )
    assert event.asdict() == {
        "symbol": None,
        "timestamp": 2,
        "received_at": 2_999_999,
        "epoch": 4,
        "stream_type": "REALTIME",
        "endpoint": "public",
        "state": "backfilled",
        "gap": 1.5,
        "gap_started_at": 10,
        "gap_ended_at": 12,
        "reason": "stalled",
        "recovered": 3,
        "unrecovered": ({"symbol": "KRW-BTC", "started_at": 5, "ended_at": 7, "reason": "too old", "type": "trade"},),
    }
    assert event.unrecovered == (missing,)


def test_an_overflow_event_shows_all_there_is() -> None:
    event = OverflowEvent("KRW-BTC", 3, 9, "drop_oldest", epoch=4, received_at=2_999_999)
    assert event.asdict() == {
        "symbol": "KRW-BTC",
        "timestamp": 2,
        "received_at": 2_999_999,
        "epoch": 4,
        "stream_type": "REALTIME",
        "dropped": 3,
        "dropped_total": 9,
        "policy": "drop_oldest",
        "type": "",
    }


def test_a_connection_without_a_gap_says_so() -> None:
    event = ConnectionEvent("private", ConnectionState.CONNECTING, 1)
    assert (event.gap, event.gap_started_at, event.gap_ended_at) == (None, None, None)
    assert (event.reason, event.received_at, event.recovered, event.unrecovered) == ("", 0, None, ())
    assert tuple(event.asdict())[:5] == COMMON


def test_events_differ_by_any_of_their_values() -> None:
    lost = ConnectionEvent("public", ConnectionState.OPEN, 4, received_at=5)
    assert lost == ConnectionEvent("public", ConnectionState.OPEN, 4, received_at=5)
    others = [
        ConnectionEvent("info", ConnectionState.OPEN, 4, received_at=5),
        ConnectionEvent("public", ConnectionState.CLOSED, 4, received_at=5),
        ConnectionEvent("public", ConnectionState.OPEN, 5, received_at=5),
        ConnectionEvent("public", ConnectionState.OPEN, 4, received_at=6),
        OverflowEvent("KRW-BTC", 3, 9, "latest"),
    ]
    assert lost not in others
