"""How a connection stands, as it says so itself."""

from collections.abc import Iterator

import pytest

from tests.actors.connection.noted import LOST, Subject
from websocket_v6.actors.connection.health import ConnectionHealth
from websocket_v6.actors.messages.connection import Connect, SendRequest, TransportEnded


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    it = Subject(monkeypatch)
    yield it
    it.stop()


def test_one_that_nobody_wants_is_idle(it: Subject) -> None:
    it.start()
    assert it.health() == ConnectionHealth("private", 7, "idle", 0, 0.0, 0, 0, "")


def test_it_knows_since_when_it_is_open_and_what_it_was_asked_last(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    types: list[dict[str, object]] = [
        {"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]},
        {"type": "orderbook", "codes": ["KRW-BTC.5"]},
    ]
    it.tell(SendRequest("private", 1, types, transport.attachment))
    it.clocks.now += 5.0
    health = it.health()
    assert (health.state, health.up_seconds, health.codes) == ("open", 5.0, 2)
    assert health.request_bytes == len(transport.calls[-1])
    it.tell(TransportEnded(transport.attachment, LOST))
    assert (it.health().up_seconds, it.health().reconnects) == (0.0, 0)
    it.open()
    assert it.health().reconnects == 1
