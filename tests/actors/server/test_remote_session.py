"""actors/server/remote_session.py: a host of another machine gets rows, states and answers in one order."""

import json
from collections.abc import Iterator

import pytest

from tests.actors.server.far_end import FarEnd
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import ComponentGone, Subscribe, Unsubscribe
from websocket_v6.actors.server.remote_session import RemoteSession
from websocket_v6.actors.server.server_client import Client
from websocket_v6.protocol.errors import StreamError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.server.words import Clock, Refused, Rows, State, decode
from websocket_v6.protocol.websocket.frames import Closed, Text
from websocket_v6.protocol.websocket.outgoing import close_frame

BTC = "ticker KRW-BTC"
EVENT = make_event(BTC, b'{"ty":"ticker","cd":"KRW-BTC"}', 1, 5)


@pytest.fixture
def far() -> Iterator[FarEnd]:
    far = FarEnd()
    yield far
    far.close()


@pytest.fixture
def session(far: FarEnd) -> RemoteSession:
    return RemoteSession(far.client, "public", region="kr", registry=far.registry.ref, backfills=True, close=close)


def close(client: Client, code: int, reason: str) -> None:
    client.outlet.end_after_what_waits(close_frame(code, reason))


def ask(session: RemoteSession, *types: dict[str, object]) -> None:
    session.heard(Text(json.dumps([{"ticket": "t"}, *types]).encode()))


def test_rows_and_states_come_in_their_order(far: FarEnd, session: RemoteSession) -> None:
    session.convey(ConnectionChanged("public", "open", 1, 3))
    session.deliver([EVENT], RowFrames())
    session.convey(ConnectionChanged("public", "lost", 1, 9, 4, "so it is"))
    session.say_time()
    opened, rows, lost, clock = map(decode, far.read())
    assert isinstance(opened, State)
    assert opened.backfills
    assert isinstance(rows, Rows)
    assert (rows.streams, rows.payloads) == ([BTC], [EVENT.payload])
    assert isinstance(lost, State)
    assert (lost.state, lost.gap_started_ns, lost.reason) == ("lost", 4, "so it is")
    assert isinstance(clock, Clock)
    assert session.delivered == 1


def test_what_is_refused_is_named_and_forgotten(far: FarEnd, session: RemoteSession) -> None:
    ask(session, {"type": "ticker", "codes": ["KRW-BTC"]}, {"type": "newer", "codes": ["KRW-BTC"]})
    (refused,) = map(decode, far.read())
    assert isinstance(refused, Refused)
    assert refused.streams == ("newer KRW-BTC",)
    (taken,) = far.told(Subscribe)
    assert session.streams == 1
    session.convey(StreamFailed(taken.subscription_id, StreamError("no"), True, (BTC,)))
    (word,) = map(decode, far.read())
    assert isinstance(word, Refused)
    assert session.streams == 0


def test_what_it_asked_is_settled_stream_by_stream(far: FarEnd, session: RemoteSession) -> None:
    ask(session, {"type": "ticker", "codes": ["KRW-BTC"]})
    assert len(far.told(Subscribe)) == 1
    ask(session, {"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True})
    assert far.registry.heard() == []
    ask(session, {"type": "trade", "codes": ["KRW-BTC"]})
    assert [type(one) for one in far.registry.heard()] == [Subscribe, Unsubscribe]
    session.closed("it left")
    assert [type(one) for one in far.registry.heard()] == [ComponentGone]


def test_when_something_is_missing_its_socket_ends_behind_what_came_before(far: FarEnd, session: RemoteSession) -> None:
    session.deliver([EVENT], RowFrames())
    session.interrupt()
    session.deliver([EVENT], RowFrames())
    assert len(far.read()) == 1
    assert far.decoder.controls == [Closed(1012, "messages may be missing: connect again")]


def test_what_it_is_told_counts_for_its_budget(far: FarEnd, session: RemoteSession) -> None:
    far.client.outlet.put(bytes(10_000_000))
    assert not far.client.outlet.is_exceeded
    ask(session, {"type": "newer", "codes": ["KRW-BTC"]})
    assert far.client.outlet.is_exceeded
