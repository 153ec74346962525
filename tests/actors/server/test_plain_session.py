"""actors/server/plain_session.py: what a plain client asks becomes leases, and what comes is what it asked for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.server.far_end import FarEnd
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import ComponentGone, Look, Subscribe, Unsubscribe, Watch
from websocket_v6.actors.server.plain_session import PlainSession
from websocket_v6.protocol.errors import ExchangeError, LocalProtocolError, StreamError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.server.plain_frames import PlainFrames
from websocket_v6.protocol.websocket.frames import Text

BTC, ETH = "ticker KRW-BTC", "ticker KRW-ETH"
BOOK = "orderbook KRW-BTC"


class Plain:
    """A session, and how it was ended."""

    def __init__(self, far: FarEnd, endpoint: str = "public", **options: Any) -> None:
        self.far = far
        self.closed: list[tuple[int, str]] = []
        self.hung_up = 0
        self.session = PlainSession(
            far.client,
            endpoint,
            region="kr",
            registry=far.registry.ref,
            window_bits=0,
            room=lambda: 100,
            close=lambda _, code, reason: self.closed.append((code, reason)),
            hang_up=lambda _: self._hang_up(),
            **options,
        )

    def _hang_up(self) -> None:
        self.hung_up += 1

    def ask(self, *parts: dict[str, Any]) -> list[Subscribe]:
        self.session.heard(Text(json.dumps([{"ticket": "t"}, *parts]).encode()))
        return self.far.told(Subscribe)

    def get(self, *events: Event) -> list[Any]:
        self.session.deliver(list(events), PlainFrames())
        return [json.loads(message) for message in self.far.read()]

    def tell(self, state: str) -> None:
        self.session.convey(ConnectionChanged("public", state, 1, 0))


def event(stream: Stream, kind: str = "REALTIME", levels: int = 30) -> Event:
    type_, _, code = stream.partition(" ")
    message: dict[str, Any] = {"ty": type_, "cd": code}
    if type_ == "orderbook":
        message["obu"] = [{"ap": 2, "bp": 1, "as": 1, "bs": 1}] * levels
    return make_event(stream, json.dumps({**message, "st": kind}, separators=(",", ":")).encode(), 1, 0)


def ticker(*codes: str, **flags: Any) -> dict[str, Any]:
    return {"type": "ticker", "codes": list(codes), **flags}


@pytest.fixture
def plain() -> Iterator[Plain]:
    far = FarEnd()
    yield Plain(far)
    far.close()


def test_it_is_made_known_and_takes_its_leave(plain: Plain) -> None:
    (watch,) = plain.far.told(Watch)
    assert watch.component is plain.far.client.way
    (taken,) = plain.ask(ticker("KRW-BTC"))
    assert taken.component_id == watch.component_id
    plain.session.closed("it hung up")
    assert plain.far.registry.heard() == [
        Unsubscribe(watch.component_id, taken.subscription_id, None),
        ComponentGone(watch.component_id),
    ]


def test_a_request_takes_the_place_of_the_one_before(plain: Plain) -> None:
    (first,) = plain.ask(ticker("KRW-BTC"))
    assert (first.want.codes, first.mailbox, first.replays) == (("KRW-BTC",), plain.far.client.way, True)
    assert plain.session.streams == 1
    plain.session.heard(Text(b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]}]'))
    second, gone = plain.far.registry.heard()
    assert second.want.codes == ("KRW-BTC", "KRW-ETH")
    assert gone == Unsubscribe(first.component_id, first.subscription_id, None)
    assert plain.session.streams == 2


def test_events_come_in_the_format_that_was_asked_for(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC"))
    assert plain.get(event(BTC)) == [{"type": "ticker", "code": "KRW-BTC", "stream_type": "REALTIME"}]
    plain.ask(ticker("KRW-BTC"), {"format": "SIMPLE_LIST"})
    assert plain.session.format == "SIMPLE_LIST"
    assert plain.get(event(BTC)) == [[{"ty": "ticker", "cd": "KRW-BTC", "st": "REALTIME"}]]
    assert plain.session.delivered == 2


def test_who_wants_no_snapshots_gets_none(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC", is_only_realtime=True), ticker("KRW-ETH"))
    kinds = ("SNAPSHOT", "REALTIME")
    got = plain.get(*(event(stream, kind) for stream in (BTC, ETH) for kind in kinds), event(BTC).as_snapshot())
    assert [(one["code"], one["stream_type"]) for one in got] == [
        ("KRW-BTC", "REALTIME"),
        ("KRW-ETH", "SNAPSHOT"),
        ("KRW-ETH", "REALTIME"),
    ]


def test_what_runs_on_is_realtime_though_it_came_as_a_snapshot(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC", is_only_realtime=True))
    (got,) = plain.get(event(BTC, "SNAPSHOT").as_realtime())
    assert got["stream_type"] == "REALTIME"


def test_the_snapshot_of_another_s_deeper_book_is_left_out(plain: Plain) -> None:
    plain.ask({"type": "orderbook", "codes": ["KRW-BTC.5"]})
    first, again, then = event(BOOK, "SNAPSHOT", 5), event(BOOK, "SNAPSHOT", 30), event(BOOK, "REALTIME", 30)
    assert [len(one["orderbook_units"]) for one in plain.get(first, again, then)] == [5, 5]
    assert plain.get(again) == []
    # Asked once more, it is owed once more.
    plain.ask({"type": "orderbook", "codes": ["KRW-BTC.1"]})
    (got,) = plain.get(again)
    assert len(got["orderbook_units"]) == 1
    assert plain.get(again) == []


def test_after_a_gap_it_is_closed_once_the_exchange_is_back(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC"))
    plain.tell("open")
    plain.tell("lost")
    plain.tell("connecting")
    assert plain.closed == []
    plain.tell("open")
    assert plain.closed == [(1012, "messages may be missing: connect again")]
    assert plain.far.told(Unsubscribe)


@pytest.mark.parametrize("states", [["connecting", "lost", "lost", "open"], ["open", "open"], ["refused", "open"]])
def test_who_came_while_the_exchange_was_away_stays(plain: Plain, states: list[str]) -> None:
    plain.ask(ticker("KRW-BTC"))
    for state in states:
        plain.tell(state)
    assert plain.closed == []


def test_who_asked_during_the_outage_for_more_is_closed_all_the_same(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC"))
    plain.tell("open")
    plain.tell("lost")
    plain.ask(ticker("KRW-ETH"))
    plain.tell("lost")
    plain.tell("open")
    assert len(plain.closed) == 1


def test_snapshots_alone_are_nothing_to_be_missed(plain: Plain) -> None:
    plain.ask(ticker("KRW-BTC", is_only_snapshot=True))
    for state in ("open", "lost", "open"):
        plain.tell(state)
    assert plain.closed == []


def test_an_overrun_closes_who_has_something(plain: Plain) -> None:
    plain.session.interrupt()
    assert plain.closed == []
    plain.ask(ticker("KRW-BTC"))
    plain.session.interrupt()
    assert [code for code, _ in plain.closed] == [1012]


def test_a_refusal_is_told_in_the_exchange_s_words(plain: Plain) -> None:
    (taken,) = plain.ask(ticker("KRW-BTC"))
    error = StreamError("refused")
    error.__cause__ = ExchangeError("INVALID_PARAM", "so it is")
    plain.session.convey(StreamFailed(taken.subscription_id, error, final=False))
    assert plain.far.read() == []
    plain.session.convey(StreamFailed(taken.subscription_id, error, final=True))
    assert [json.loads(one) for one in plain.far.read()] == [
        {"error": {"message": "so it is", "name": "INVALID_PARAM"}}
    ]
    assert plain.closed == [(1000, "")]


def test_what_there_is_no_room_for_is_too_many_requests(plain: Plain) -> None:
    (taken,) = plain.ask(ticker("KRW-BTC"))
    plain.session.convey(StreamFailed(taken.subscription_id, LocalProtocolError("too many"), final=True))
    assert json.loads(plain.far.read()[0])["error"]["name"] == "TOO_MANY_REQUEST"


def test_there_is_room_for_so_many_streams_beside_its_own(plain: Plain) -> None:
    assert plain.ask(ticker(*(f"KRW-{number}" for number in range(90))))
    # Its own count as free, for they are given back.
    assert plain.ask(ticker(*(f"KRW-{number}" for number in range(190))))
    assert not plain.ask(ticker(*(f"KRW-{number}" for number in range(291))))
    assert plain.closed == [(1000, "")]


def test_who_is_idle_is_hung_up_on(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    due = plain.session.next_due
    assert due is not None
    monkeypatch.setattr("time.monotonic", lambda: due)
    plain.session.due()
    assert plain.hung_up == 1
    assert plain.closed == []


def test_who_is_sent_data_is_not_idle(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    due = plain.session.next_due
    assert due is not None
    plain.ask(ticker("KRW-BTC"))
    monkeypatch.setattr("time.monotonic", lambda: due - 1.0)
    plain.get(event(BTC))
    monkeypatch.setattr("time.monotonic", lambda: due + 1.0)
    plain.session.due()
    assert plain.hung_up == 0
    assert plain.session.next_due == due + 119.0


def test_answers_count_for_its_budget(plain: Plain) -> None:
    outlet = plain.far.client.outlet
    outlet.put(bytes(10_000_000))  # more than it may have; who is just behind is not cut off yet
    assert not outlet.is_exceeded
    plain.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert outlet.is_exceeded


def test_an_onlooker_wants_nothing() -> None:
    far = FarEnd()
    plain = Plain(far, is_onlooker=True)
    assert plain.ask(ticker("KRW-BTC")) == []
    assert plain.session.is_onlooker
    plain.session.heard(Text(b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-ETH"]}]'))
    assert [one.streams for one in far.told(Look)] == [(ETH,), ()]
    far.close()
