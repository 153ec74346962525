"""The way to closings: nothing is begun before it is needed, and what was told before that holds."""

from typing import Any

import pytest

from tests.actors.delivery.world import no_timer
from tests.actors.ear import Ear
from websocket_v6.actors.delivery.closed_candles import ClosedCandles
from websocket_v6.actors.delivery.closings import Closings
from websocket_v6.actors.delivery.deliveries import Delivery, Taker
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import CandlesFetched
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.closer import Closer
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.wants import Closing

STREAM = "candle.1s KRW-BTC"
EVENT = make_event(STREAM, b"{}", 1, 5)
FETCHED = CandlesFetched(STREAM, 1, 7, (), None, "")


class Noted:
    """Stands for the closings, and notes what it is told."""

    def __init__(self, *_: Any, **how: Any) -> None:
        self.told: list[Any] = [{name: how[name] for name in ("fill_patience", "gap", "epoch")}]

    def __getattr__(self, name: str) -> Any:
        return lambda *told, **how: self.told.append((name, *told, *how.values()))


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.closings.Closings", Noted)
    monkeypatch.setattr("websocket_v6.actors.delivery.closed_candles.time.monotonic", lambda: 100.0)


def made(**how: Any) -> ClosedCandles:
    return ClosedCandles(Delivery(SourceFlow()), no_timer, **how)


def begun(candles: ClosedCandles) -> list[Any]:
    told: list[Any] = candles.begin().told  # type: ignore[attr-defined]
    return told


@pytest.mark.usefixtures("noted")
def test_nothing_is_begun_before_somebody_wants_a_candle() -> None:
    candles = made()
    candles.opened(5, 6)
    candles.heard(7)
    candles.fetched(FETCHED)
    candles.time_came()
    assert not candles.listens()
    assert candles.closers == {}
    assert candles._closings is None


@pytest.mark.usefixtures("noted")
def test_they_begin_with_the_last_of_what_was_told() -> None:
    candles, backfill = made(fill_patience=9.0), Ear().ref
    candles.use(backfill)
    candles.ended(1)
    candles.opened(2, 3_000)
    candles.turn(4)
    candles.opened(20, None)
    candles.told_time(6, 7_000)
    candles.told_time(8, None)
    assert begun(candles) == [
        {"fill_patience": 9.0, "gap": (1, 20), "epoch": 4},
        ("dated", 100.0, 3_000),
        ("told_time", 6, 7_000),
        ("use", backfill),
    ]


@pytest.mark.usefixtures("noted")
def test_from_then_on_they_hear_all_of_it() -> None:
    candles, backfill = made(), Ear().ref
    told = begun(candles)
    taker = Taker(1, "public", MailboxQueue(Mailbox.latest()), None)
    route, closer = Route(STREAM, 0), Closer[Any](1000, volume=lambda _: None, fills=False, patience=0.0)
    way = Way(0, None)  # type: ignore[arg-type]
    candles.join(STREAM, route, taker, Closing())
    candles.take(STREAM, closer, EVENT, is_snapshot=True)
    candles.use(backfill)
    candles.ask(way)
    candles.heard(1)
    candles.told_time(2, 3)
    candles.opened(4, 5)
    candles.ended(6)
    candles.turn(7)
    candles.fetched(FETCHED)
    candles.time_came()
    assert told[1:] == [
        ("join", STREAM, route, taker, Closing()),
        ("take", STREAM, closer, EVENT, True),
        ("use", backfill),
        ("ask", way),
        ("heard", 1, None),
        ("told_time", 2, 3),
        ("opened", 4, 5),
        ("ended", 6),
        ("turn", 7),
        ("fetched", FETCHED),
        ("time_came",),
    ]


def test_closers_are_handed_on_whether_or_not_anybody_asked() -> None:
    closer = Closer[Any](1000, volume=lambda _: None, fills=False, patience=0.0)
    closer.join(1, 0.0, empty=False, history=0, verify=False)
    candles = made(closers={STREAM: closer})
    assert candles.closers == {STREAM: closer}
    candles.routes = {STREAM: Route(STREAM, 0)}
    closings = candles.begin()
    assert isinstance(closings, Closings)
    assert closings.routes is candles.routes
    assert candles.closers == {STREAM: closer}
    assert candles.begin() is closings
