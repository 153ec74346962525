"""A transport at another process's door, which a test plays: attachments begin and end within one socket."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from tests.actors.ear import Ear
from tests.actors.played_door import PlayedDoor
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.connection.allowance import DOOR_CREDITS
from websocket_v6.actors.connection.connection import Connection
from websocket_v6.actors.connection.door_transport import DoorTransport
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    ListSubscriptions,
    Reach,
    SendRequest,
    TransportEnded,
    TransportFailed,
    TransportOpened,
    TransportSaid,
    TransportServes,
)
from websocket_v6.actors.messages.router import (
    Attach,
    SourceEnded,
    SourceOpened,
    SourceReached,
    SourceSaid,
    SourceState,
)
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import door_target
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import AuthenticationError, RemoteProtocolError, TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.server import words
from websocket_v6.protocol.websocket.outgoing import BINARY, TEXT, frame

TIMEOUT = 20.0
NUMBER = 1_000_000  # of the transport
BITCOIN = "ticker KRW-BTC"
LIST = b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}],"ticket":"mine"}'


def rows(at_ns: int, *payloads: bytes, **how: bool) -> bytes:
    return frame(BINARY, words.encode_rows(at_ns, [BITCOIN] * len(payloads), list(payloads), **how))


def state(
    name: Any,
    at_ns: int,
    gap_started_ns: int | None = None,
    *,
    reason: str = "",
    error: str = "",
    backfills: bool = False,
) -> bytes:
    word = words.State(name, at_ns, gap_started_ns, reason, error, backfills, at_ns)
    return frame(BINARY, words.encode(word))


class Meeting:
    """A transport and a played door; its owner and the router only listen. A context manager."""

    def __init__(self, path: Path) -> None:
        self.played = PlayedDoor(path)
        self.router, self.owner = Ear(), Ear()
        self.transport = DoorTransport(
            endpoint="public",
            source=7,
            attachment=NUMBER,
            target=door_target(self.played.door),
            config=Config(connect_timeout=5.0),
            owner=self.owner.ref,
            router=self.router.ref,
            jwt=self.owner.ref,
        )

    def __enter__(self) -> "Meeting":
        self.transport.start()
        self.connection: ServerConnection = self.played.came.get(timeout=TIMEOUT)
        assert self.owner.hear(TIMEOUT) == TransportOpened(NUMBER, 0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.transport.is_alive():
            self.transport.abort()
        self.transport.join(TIMEOUT)
        self.played.close()

    def say(self, *frames: bytes) -> None:
        """Have the door send frames, all at once."""
        self.connection.socket.sendall(b"".join(frames))

    def attach(self, credits_: int = DOOR_CREDITS) -> Attach:
        """Hear of an attachment, and admit it."""
        attach = self.hear(Attach)
        for _ in range(credits_):
            attach.credits.put(True)
        return attach  # type: ignore[no-any-return]

    def hear(self, kind: type[Any]) -> Any:
        """Return what the router is told next, which must be of this kind."""
        message = self.router.hear(TIMEOUT)
        assert isinstance(message, kind), message
        return message

    def end(self) -> TransportEnded:
        """Wait for the end."""
        while not isinstance(message := self.owner.hear(TIMEOUT), TransportEnded):
            assert not isinstance(message, TransportFailed)
        return message


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    with Meeting(tmp_path / "door") as meeting:
        yield meeting


def test_data_counts_only_after_the_door_has_said_that_it_is_open(meeting: Meeting) -> None:
    before = time.time_ns()
    meeting.say(
        rows(1, b"too early"),
        state("connecting", 2, reason="first try"),
        rows(3, b"also"),
        state("open", 5),
        rows(before, b"one"),
    )
    told = meeting.hear(SourceState)
    assert (told.endpoint, told.source, told.state, told.at_ns) == ("public", 7, "connecting", 2)
    attach = meeting.attach()
    assert (attach.endpoint, attach.source, attach.size) == ("public", 7, DOOR_CREDITS)
    assert attach.attachment != NUMBER, "that is the number of the socket"
    opened = meeting.hear(SourceOpened)
    assert opened.attachment == attach.attachment
    assert before - 1e9 <= opened.at_ns <= time.time_ns(), "open for long, but not for this process"
    batch = meeting.hear(Batch)
    assert (batch.attachment, batch.payloads, batch.streams) == (attach.attachment, [b"one"], [BITCOIN])
    assert (batch.ts_received_ns, batch.whole_ns) == (before, before)
    assert meeting.owner.hear(TIMEOUT) == TransportServes(NUMBER, 0, "connecting")
    assert meeting.owner.hear(TIMEOUT) == TransportServes(NUMBER, attach.attachment, "open")


def test_a_loss_ends_the_attachment_and_not_the_socket(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    first = meeting.attach()
    opened = meeting.hear(SourceOpened)
    at_ns = opened.at_ns + 1000
    meeting.say(
        rows(at_ns, b"one"), state("lost", at_ns + 50, reason="gone", error="AuthenticationError"), rows(9, b"no")
    )
    assert meeting.hear(Batch).payloads == [b"one"]
    ended = meeting.hear(SourceEnded)
    assert (ended.attachment, ended.whole_ns, ended.at_ns, ended.reason) == (
        first.attachment,
        at_ns,
        at_ns + 50,
        "gone",
    )
    assert isinstance(ended.error, AuthenticationError)
    meeting.say(state("connecting", at_ns + 60), state("open", at_ns + 100, backfills=True))
    assert meeting.hear(SourceState).state == "connecting"
    second = meeting.attach()
    assert second.attachment > first.attachment
    again = meeting.hear(SourceOpened)
    assert (again.at_ns, again.backfills) == (at_ns + 100, True)
    meeting.say(rows(at_ns + 200, b"two"))
    batch = meeting.hear(Batch)
    assert (batch.attachment, batch.payloads) == (second.attachment, [b"two"])


def test_a_gap_of_the_host_begins_no_later_for_its_guest(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns + 1000
    meeting.say(rows(at_ns, b"one"), state("lost", at_ns + 50, at_ns - 400))
    meeting.hear(Batch)
    assert meeting.hear(SourceEnded).whole_ns == at_ns - 400


def test_a_last_value_shows_nothing_of_what_is_whole(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    meeting.attach()
    opened = meeting.hear(SourceOpened)
    meeting.say(rows(5, b"old", replayed=True))
    batch = meeting.hear(Batch)
    assert (batch.replayed, batch.backfilled) == (True, False)
    meeting.connection.socket.shutdown(2)
    assert meeting.hear(SourceEnded).whole_ns == opened.at_ns


def test_at_the_end_of_the_socket_all_is_whole_up_to_the_last_rows(meeting: Meeting) -> None:
    """Not up to when it was read: what lay in between with a host that was stopped is lost."""
    meeting.say(state("open", 5))
    attach = meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns + 1000
    meeting.say(rows(at_ns, b"one"))
    meeting.hear(Batch)
    wait_until(lambda: time.time_ns() > at_ns + 200_000_000, "some time")
    meeting.say(frame(9, b"a ping is no data"))
    meeting.connection.socket.shutdown(2)
    ended = meeting.hear(SourceEnded)
    assert (ended.attachment, ended.whole_ns) == (attach.attachment, at_ns)
    assert ended.at_ns > at_ns
    assert not meeting.end().is_bug


def test_a_socket_that_ends_without_an_attachment_is_lost(meeting: Meeting) -> None:
    meeting.connection.close(4403, "the keys are others now")
    lost = meeting.hear(SourceState)
    assert (lost.state, isinstance(lost.error, TransportError)) == ("lost", True)
    ended = meeting.end()
    assert "4403 the keys are others now" in str(ended.error)
    assert "process 4711" in str(ended.error), "whose connection it was"
    assert meeting.router.heard() == []


def test_credits_never_cross_attachments(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    first = meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns
    meeting.say(
        state("lost", at_ns + 1), state("open", at_ns + 2), rows(at_ns + 3, b"one"), rows(at_ns + 9_000_000, b"two")
    )
    meeting.hear(SourceEnded)
    second = meeting.attach(0)
    meeting.hear(SourceOpened)
    for _ in range(5):
        first.credits.put(True)
    meeting.transport.send("served meanwhile")
    assert meeting.played.said.get(timeout=TIMEOUT) == "served meanwhile"
    assert meeting.router.heard() == [], "it is not admitted"
    second.credits.put(True)
    assert meeting.hear(Batch).payloads == [b"one"]
    first.credits.put(True)
    meeting.transport.send("again")
    assert meeting.played.said.get(timeout=TIMEOUT) == "again"
    assert meeting.router.heard() == []
    second.credits.put(True)
    assert meeting.hear(Batch).payloads == [b"two"]


def test_many_rows_of_one_read_wait_for_credits_and_commands_do_not(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    attach = meeting.attach(3)
    at_ns = meeting.hear(SourceOpened).at_ns
    # Not to be joined: each was read a while after the one before.
    meeting.say(*(rows(at_ns + number * 2_000_000, b"%d" % number) for number in range(10)))
    assert [meeting.hear(Batch).payloads for _ in range(3)] == [[b"%d" % number] for number in range(3)]
    for number in range(5):
        meeting.transport.send(f"command {number}")
        assert meeting.played.said.get(timeout=TIMEOUT) == f"command {number}"
    assert meeting.router.heard() == []
    assert meeting.transport.sample().reading_since is None, "it is not judged while it may not read"
    for number in range(3, 10):
        attach.credits.put(True)
        assert meeting.hear(Batch).payloads == [b"%d" % number]


def test_it_can_be_closed_while_it_waits_for_credits(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    attach = meeting.attach(0)
    at_ns = meeting.hear(SourceOpened).at_ns
    meeting.say(rows(at_ns + 1, b"one"))
    meeting.transport.finish()
    ended = meeting.hear(SourceEnded)
    assert (ended.attachment, ended.whole_ns) == (attach.attachment, at_ns), "what was not handed on is not whole"
    assert not meeting.end().is_bug


def test_what_the_host_read_within_a_moment_is_one_batch(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns
    meeting.say(
        rows(at_ns, b"1"),
        rows(at_ns + 900_000, b"2", b"3"),
        rows(at_ns + 900_000, b"4", backfilled=True),
        rows(at_ns + 900_001, b"5"),
        rows(at_ns + 5_000_000, b"6"),
    )
    batches = [meeting.hear(Batch) for _ in range(4)]
    assert [batch.payloads for batch in batches] == [[b"1", b"2", b"3"], [b"4"], [b"5"], [b"6"]]
    assert [batch.backfilled for batch in batches] == [False, True, False, False]


def test_what_was_asked_here_is_whole_up_to_then(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    meeting.attach()
    meeting.hear(SourceOpened)
    before = time.time_ns()
    meeting.transport.send("[]", "mine")
    assert meeting.played.said.get(timeout=TIMEOUT) == "[]"
    after = time.time_ns()
    meeting.say(frame(TEXT, LIST), frame(TEXT, LIST))
    first, again = meeting.hear(SourceSaid), meeting.hear(SourceSaid)
    assert before <= first.whole_ns == again.whole_ns <= after


def test_refusals_and_answers_come_behind_the_data_before_them(meeting: Meeting) -> None:
    meeting.say(state("open", 5))
    attach = meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns
    meeting.owner.heard()
    refused = words.Refused((BITCOIN,), "INVALID_PARAM", "no")
    meeting.say(
        rows(at_ns, b"1"), frame(BINARY, words.encode(refused)), rows(at_ns, b"2"), frame(TEXT, LIST), rows(at_ns, b"3")
    )
    assert meeting.hear(Batch).payloads == [b"1"]
    assert meeting.hear(SourceSaid) == SourceSaid("public", attach.attachment, refused)
    assert meeting.hear(Batch).payloads == [b"2"]
    said = meeting.hear(SourceSaid)
    assert isinstance(said.notice, SubscriptionList)
    assert (said.notice.ticket, said.whole_ns) == ("mine", at_ns), "it was not asked here: so up to the rows before it"
    assert meeting.hear(Batch).payloads == [b"3"]
    wait_until(lambda: any(isinstance(one, TransportSaid) for one in meeting.owner.heard()), "the owner hears it too")


@pytest.mark.parametrize(
    "bad",
    [
        frame(BINARY, b""),
        frame(BINARY, b"\xc1"),
        frame(BINARY, b"\x91\x63"),
        frame(BINARY, words.encode_rows(5, [BITCOIN], [b"1", b"2"])),
        b"\x83\x00",
    ],
)
def test_a_bad_word_ends_the_connection_and_is_no_bug_of_ours(meeting: Meeting, bad: bytes) -> None:
    meeting.say(state("open", 5))
    attach = meeting.attach()
    at_ns = meeting.hear(SourceOpened).at_ns + 1
    meeting.say(rows(at_ns, b"1"))
    assert meeting.hear(Batch).payloads == [b"1"]
    meeting.say(bad)
    ended = meeting.hear(SourceEnded)
    assert (ended.attachment, ended.whole_ns) == (attach.attachment, at_ns)
    end = meeting.end()
    assert isinstance(end.error, RemoteProtocolError)
    assert not end.is_bug
    assert end.error.__traceback__ is None


# --- with a connection


class Owned:
    """A connection to a played door. A context manager."""

    def __init__(self, path: Path) -> None:
        self.played = PlayedDoor(path)
        self.router, self.supervisor = Ear(), Ear()
        self.ref = Connection.start(
            endpoint="public",
            source=7,
            target=door_target(self.played.door),
            config=Config(connect_timeout=5.0),
            router=self.router.ref,
            jwt=self.supervisor.ref,
            supervisor=self.supervisor.ref,
        )

    def __enter__(self) -> "Owned":
        return self

    def __exit__(self, *_: object) -> None:
        assert stop_and_join(self.ref, TIMEOUT)
        self.played.close()

    def hear(self, kind: type[Any]) -> Any:
        """Return the next of this kind that the router is told."""
        while not isinstance(message := self.router.hear(TIMEOUT), kind):
            pass
        return message

    def shown(self) -> str:
        (health,) = ask(self.ref, GetHealth(), TIMEOUT)
        return str(health.state)


def test_a_host_hears_what_is_wanted_before_the_exchange_is_open(tmp_path: Path) -> None:
    with Owned(tmp_path / "door") as owned:
        tell(owned.ref, Connect("public", [{"type": "ticker", "codes": ["KRW-BTC"]}]))
        connection = owned.played.came.get(timeout=TIMEOUT)
        said = owned.played.said.get(timeout=TIMEOUT)
        assert '{"type":"ticker","codes":["KRW-BTC"]}' in said, "a host connects only for what is wanted"
        assert owned.shown() == "connecting"
        connection.socket.sendall(state("open", 5))
        attach = owned.hear(Attach)
        owned.hear(SourceOpened)
        attach.credits.put(True)
        wait_until(lambda: owned.shown() == "open", "open")
        for number in (attach.attachment - 1, attach.attachment):
            tell(owned.ref, SendRequest("public", 1, [{"type": f"to {number}"}], number))
            tell(owned.ref, ListSubscriptions("public", f"to {number}", number))
        assert f"to {attach.attachment}" in owned.played.said.get(timeout=TIMEOUT), "what was for another is void"
        assert f"to {attach.attachment}" in owned.played.said.get(timeout=TIMEOUT)
        connection.socket.sendall(state("lost", 9, reason="gone"))
        owned.hear(SourceEnded)
        wait_until(lambda: owned.shown() == "lost", "lost")
        tell(owned.ref, SendRequest("public", 2, [{"type": "void"}], attach.attachment))
        tell(owned.ref, Disconnect("public"))
        assert owned.played.said.get(timeout=TIMEOUT) is None, "nothing but its close"


def test_a_door_that_closes_is_tried_again(tmp_path: Path) -> None:
    with Owned(tmp_path / "door") as owned:
        tell(owned.ref, Connect("public", [{"type": "ticker", "codes": ["KRW-BTC"]}]))
        first = owned.played.came.get(timeout=TIMEOUT)
        asked: queue.SimpleQueue[Any] = owned.played.said
        request = asked.get(timeout=TIMEOUT)
        first.close(1001, "it goes")
        assert owned.played.came.get(timeout=TIMEOUT) is not first
        said = [asked.get(timeout=TIMEOUT) for _ in range(2)]
        (again,) = [one for one in said if one is not None]
        assert again.partition("},")[2] == request.partition("},")[2], "it asks the same again"


def test_a_host_says_up_to_when_all_has_come_and_its_pong_does_not(meeting: Meeting) -> None:
    begin = time.time_ns()
    meeting.say(state("open", begin))
    attach = meeting.attach()
    meeting.hear(SourceOpened)
    reached_ns = time.time_ns()
    reached = frame(BINARY, words.encode(words.Reached(reached_ns, 1_795_176_000_000)))
    ahead = frame(BINARY, words.encode(words.Reached(reached_ns + 10**15, None)))
    meeting.say(rows(begin + 1, b"one"), frame(0xA, b""), reached, ahead)
    assert meeting.hear(Batch).payloads == [b"one"]
    said = meeting.hear(SourceReached)
    assert said == SourceReached("public", attach.attachment, max(reached_ns, begin + 1), 1_795_176_000_000)
    assert meeting.hear(SourceReached).whole_ns <= time.time_ns(), "its clock cannot be ahead of ours"
    meeting.say(state("lost", time.time_ns(), reason="gone"))
    assert meeting.hear(SourceEnded).whole_ns >= reached_ns


def test_a_sign_of_a_host_is_asked_for_in_a_request(tmp_path: Path) -> None:
    with Owned(tmp_path / "door") as owned:
        tell(owned.ref, Reach("public"))
        tell(owned.ref, Connect("public"))
        connection = owned.played.came.get(timeout=TIMEOUT)
        connection.socket.sendall(state("open", 5))
        owned.hear(Attach).credits.put(True)
        owned.hear(SourceOpened)
        wait_until(lambda: owned.shown() == "open", "open")
        tell(owned.ref, Reach("private"))
        tell(owned.ref, Reach("public"))
        assert owned.played.said.get(timeout=TIMEOUT) == '[{"ticket":"REACH"},{"method":"REACH"}]'
