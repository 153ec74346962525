"""actors/server/network_mouth.py: what the router brings lies between two threads, and not without end."""

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.server.network_mouth import Convey, Deliver, NetworkMouth, Overrun
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.events import EVENT_BYTES, Event, make_event

Mouth = tuple[NetworkMouth, Ear]


@pytest.fixture
def mouth(monkeypatch: pytest.MonkeyPatch) -> Mouth:
    monkeypatch.setattr("websocket_v6.actors.server.network_mouth.MOST_BYTES", 100 + EVENT_BYTES)
    server = Ear()
    return NetworkMouth(lambda: server.ref), server


def event(size: int) -> Event:
    return make_event("ticker KRW-BTC", bytes(size), 1, 0)


def test_events_and_news_are_passed_on_in_their_order(mouth: Mouth) -> None:
    one, server = mouth
    way, event_ = Way(1, one), event(10)
    one.deliver([(way, [event_])])
    one.convey(way, "news")
    assert server.heard() == [Deliver(((way, [event_]),), 10 + EVENT_BYTES), Convey(way, "news")]


def test_what_many_get_counts_once(mouth: Mouth) -> None:
    one, server = mouth
    first, second = event(10), event(20)
    one.deliver([(Way(1, one), [first]), (Way(2, one), [first, second]), (Way(3, one), [second])])
    assert server.hear().size == 30 + 2 * EVENT_BYTES


def test_beyond_the_bound_nothing_is_passed_on_and_that_is_said_once(mouth: Mouth) -> None:
    one, server = mouth
    way = Way(1, one)
    for _ in range(5):
        one.deliver([(way, [event(60)])])
    told = server.heard()
    assert [type(each) for each in told] == [Deliver, Deliver, Overrun]
    # When the server has caught up, it goes on, and a second time is said again.
    for each in told[:2]:
        one.done(each.size)
    for _ in range(3):
        one.deliver([(way, [event(60)])])
    assert [type(each) for each in server.heard()] == [Deliver, Deliver, Overrun]


def test_news_are_passed_on_whatever_waits(mouth: Mouth) -> None:
    one, server = mouth
    way = Way(1, one)
    for _ in range(3):
        one.deliver([(way, [event(60)])])
    server.heard()
    one.convey(way, "news")
    assert server.heard() == [Convey(way, "news")]
