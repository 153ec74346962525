import time

import pytest

from websocket_v6.actors.fleet import kept
from websocket_v6.actors.fleet.kept import Kept
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.overlap import Overlap

TRADE = "trade KRW-BTC"


def trade(number: int, kind: bytes = b"REALTIME") -> Event:
    return make_event(TRADE, b'{"ty":"trade","sid":%d,"st":"%s"}' % (number, kind), 1, time.time_ns())


def rest(one: Kept, *written: int) -> list[Event]:
    return one.rest(Overlap({TRADE: [identity_of(TRADE, trade(number).payload) for number in written]}))


def test_what_the_log_lacks_is_the_rest() -> None:
    one, events = Kept(), [trade(number) for number in range(4)]
    one.add(events)
    assert rest(one, 0, 1) == events[2:]


def test_snapshots_are_not_kept_but_for_what_is_news_to_all() -> None:
    one, latest = Kept(), trade(3, b"SNAPSHOT").as_realtime()
    one.add([trade(1, b"SNAPSHOT"), trade(2).as_snapshot(), latest])
    assert rest(one) == [latest]


def test_an_epoch_that_ends_makes_what_was_kept_worthless() -> None:
    one = Kept()
    one.turned(is_open=False)  # an attempt
    one.turned(is_open=True)
    one.add([trade(1)])
    assert one.is_whole
    one.turned(is_open=False)
    one.add([trade(2)])
    assert not one.is_whole
    assert [event.payload for event in rest(one)] == [trade(2).payload]


def test_what_is_too_much_is_worthless_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 100)
    one = Kept()
    one.add([trade(1), trade(2)])
    assert one.is_whole
    one.add([trade(3)])
    assert not one.is_whole
    assert rest(one) == []
