"""Events of the stream itself."""

import copy
import pickle

import pytest

from websocket_v6.protocol.events import ConnectionEvent, OverflowEvent


def test_events_of_the_stream_itself_are_values_too() -> None:
    lost = ConnectionEvent("public", "open", 4, 1.5, 10**18, 10**18 + 1_500_000_000, "stalled", 1_500_000_000)
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
