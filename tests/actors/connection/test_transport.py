"""What a transport makes of servers that keep to RFC 6455, and of those that do not."""

import queue
import socket
import threading
import time

import pytest

from tests.actors.connection.peer import (
    TIMEOUT,
    Answer,
    Meeting,
    Note,
    accept_of,
    answered,
    binary,
    key_of,
    read_frame,
    until_hung_up,
)
from tests.conftest import wait_until
from websocket_v6.actors.base import stop_and_join
from websocket_v6.actors.connection import wholeness
from websocket_v6.actors.connection.writer import Writer
from websocket_v6.actors.jwt import Jwt
from websocket_v6.actors.messages.connection import TransportEnded, TransportFailed, TransportOpened, TransportSaid
from websocket_v6.actors.messages.router import SourceEnded, SourceOpened, SourceReached, SourceSaid
from websocket_v6.actors.visited import FEW, VisitedActor
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import AuthenticationError, RemoteProtocolError, TransportError
from websocket_v6.protocol.exchange.heads import ErrorNotice, Inbound

UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}'


def test_a_sound_handshake_opens_and_both_hear_of_it() -> None:
    with Meeting(then=until_hung_up) as meeting:
        opened = meeting.hears()
        assert isinstance(opened, SourceOpened)
        assert (opened.endpoint, opened.source, opened.attachment) == ("public", 7, 1)
        assert meeting.owner_hears() == TransportOpened(1, 0)
        meeting.transport.finish()
        routed, (ended,) = meeting.end()
    assert isinstance(ended, TransportEnded)
    assert isinstance(ended.error, TransportError)
    assert not ended.is_bug
    (last,) = routed
    assert isinstance(last, SourceEnded)
    assert opened.at_ns <= last.whole_ns <= last.at_ns


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda key: answered(accept_of(key).swapcase()), "Sec-WebSocket-Accept|[Ii]nvalid"),
        (lambda _: answered(accept_of(b"another key")), "[Aa]ccept|[Ii]nvalid"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Protocol: chat"), "subprotocol|[Pp]rotocol"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Extensions: x-webkit-deflate-frame"), "Extensions"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Extensions: permessage-deflate; foo=1"), "foo"),
        (lambda _: b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "302|[Rr]edirect"),
        (lambda _: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (lambda _: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "401.*firewall"),
        (lambda _: b"nonsense\r\n\r\n", "cannot connect"),
    ],
    ids=[
        "accept in another case",
        "accept of another key",
        "subprotocol",
        "extension",
        "parameter",
        "302",
        "503",
        "401 on a public endpoint",
        "no HTTP",
    ],
)
def test_an_unsound_handshake_is_refused(answer: Answer, reason: str) -> None:
    with Meeting(lambda request: answer(key_of(request)), until_hung_up) as meeting:
        (ended,), (failed,) = meeting.end()
    assert isinstance(failed, TransportFailed)
    assert isinstance(failed.error, TransportError | RemoteProtocolError)
    with pytest.raises(type(failed.error), match=reason):
        raise failed.error
    assert isinstance(ended, SourceEnded), "the router forgets the attachment"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        UPGRADE + b"Sec-WebSocket-Accept: x\r\n\r\n",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: none\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 99\r\n\r\ntoo short",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 999 ?\r\nno header\r\n\r\n",
    ],
)
def test_no_handshake_is_more_than_a_failure(answer: bytes) -> None:
    with Meeting(lambda _: answer) as meeting:
        _, (failed,) = meeting.end()
    assert isinstance(failed, TransportFailed)
    assert isinstance(failed.error, TransportError | RemoteProtocolError)
    assert failed.error.__traceback__ is None, "its frames hold the token"


def test_a_token_goes_with_the_handshake_and_its_generation_is_told() -> None:
    requests: list[bytes] = []

    def refuse(request: bytes) -> bytes:
        requests.append(request)
        return b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 41\r\n\r\n{"error":{"name":"jwt_verification"}}    '

    owner = Note.start(queue.SimpleQueue())
    jwt = Jwt.start(config=Config(access_key="a" * 20, secret_key="s" * 20), owner=owner)
    with Meeting(refuse, jwt=jwt, endpoint="private") as meeting:
        _, (failed,) = meeting.end()
    for ref in (jwt, owner):
        assert stop_and_join(ref, TIMEOUT)
    assert b"Authorization: Bearer ey" in requests[0]
    assert isinstance(failed.error, AuthenticationError)
    assert failed.keys == 1


def test_an_attempt_that_hangs_is_given_up_on_demand() -> None:
    reached = threading.Event()

    def hang(_: bytes) -> bytes:
        reached.set()
        return b"HTTP/1.1 101 Switch"  # and no more

    with Meeting(hang, until_hung_up) as meeting:
        assert reached.wait(TIMEOUT)
        meeting.transport.abort()
        _, (failed,) = meeting.end()
    assert isinstance(failed, TransportFailed)


def test_an_open_connection_is_given_up_without_a_word() -> None:
    heard: list[bytes] = []
    with Meeting(then=lambda sock: heard.append(sock.recv(100))) as meeting:
        assert isinstance(meeting.owner_hears(), TransportOpened)
        meeting.transport.abort()
        _, (ended,) = meeting.end()
    assert isinstance(ended, TransportEnded)


# --- frames


def test_pings_of_the_peer_are_answered() -> None:
    answers: list[tuple[int, bytes]] = []

    def ping(sock: socket.socket) -> None:
        sock.sendall(b"\x89\x04beep")
        answers.append(read_frame(sock))
        sock.sendall(b"\x88\x00")
        answers.append(read_frame(sock))

    with Meeting(then=ping) as meeting:
        _, (_, ended) = meeting.end()
    assert answers == [(0x8A, b"beep"), (0x88, (1000).to_bytes(2, "big"))]
    assert "closed the public connection: 1005" in str(ended.error)


def test_a_close_that_cannot_be_answered_keeps_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TransportError("gone")

    monkeypatch.setattr(Writer, "frame", fail)
    with Meeting(then=lambda sock: sock.sendall(b"\x88\x05\x0f\xa1bye")) as meeting:
        _, (_, ended) = meeting.end()
    assert str(ended.error) == "the exchange closed the public connection: 4001 bye"


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"\x82\x81\0\0\0\0a", 1002), (b"\x83\x00", 1002), (b"\x81\x01\xff", 1007), (b"\x88\x02\x03\xed", 1002)],
)
def test_broken_frames_are_answered_with_their_close_code(frame: bytes, code: int) -> None:
    answers: list[tuple[int, bytes]] = []

    def send(sock: socket.socket) -> None:
        sock.sendall(frame)
        answers.append(read_frame(sock))

    with Meeting(then=send) as meeting:
        _, (_, ended) = meeting.end()
    assert isinstance(ended.error, RemoteProtocolError)
    assert ended.error.close_code == code
    assert answers == [(0x88, code.to_bytes(2, "big"))]


def test_messages_before_the_end_are_handed_on() -> None:
    with Meeting(then=lambda sock: sock.sendall(binary(TICKER) * 2 + binary(TICKER)[:10])) as meeting:
        (opened, *batches, ended), _ = meeting.end()
    assert isinstance(opened, SourceOpened)
    assert all(isinstance(batch, Batch) for batch in batches)
    assert [payload for batch in batches for payload in batch.payloads] == [TICKER, TICKER]
    assert {stream for batch in batches for stream in batch.streams} == {"ticker KRW-BTC"}
    assert {(batch.endpoint, batch.attachment) for batch in batches} == {("public", 1)}
    assert isinstance(ended, SourceEnded)
    assert opened.at_ns <= batches[-1].whole_ns <= batches[-1].ts_received_ns <= ended.at_ns


def test_what_is_no_data_comes_behind_the_data_and_errors_to_the_owner_too() -> None:
    error = b'{"error":{"name":"WRONG_FORMAT","message":"no"}}'
    with Meeting(then=lambda sock: sock.sendall(binary(TICKER) + binary(error) + binary(b"not JSON"))) as meeting:
        routed, owned = meeting.end()
    kinds = [type(one) for one in routed]
    assert kinds == [SourceOpened, Batch, SourceSaid, SourceSaid, SourceEnded]
    said = [one for one in owned if isinstance(one, TransportSaid)]
    assert [one.notice for one in said] == [ErrorNotice("WRONG_FORMAT", "no")]


def test_a_bug_in_the_thread_is_told_as_a_loss(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("as told")

    monkeypatch.setattr(Inbound, "sort", fail)
    with Meeting(then=lambda sock: sock.sendall(binary(b"{}"))) as meeting:
        (_, last), (_, ended) = meeting.end()
    assert isinstance(last, SourceEnded)
    assert ended.is_bug
    assert "as told" in str(ended.error)
    assert "this is a bug" in caplog.text


# --- credits


def test_without_a_credit_the_socket_is_left_alone_but_commands_are_served() -> None:
    frames: list[tuple[int, bytes]] = []
    sent = threading.Event()

    def send(sock: socket.socket) -> None:
        sock.sendall(binary(TICKER))
        sent.set()
        frames.extend(read_frame(sock) for _ in range(3))

    with Meeting(then=send, credits_=0) as meeting:
        assert isinstance(meeting.hears(), SourceOpened)
        assert meeting.transport.sample().reading_since is None
        assert sent.wait(TIMEOUT)
        meeting.transport.send("request")
        meeting.transport.ping()
        meeting.transport.finish(TransportError("enough"))
        (ended,), (_, over) = meeting.end()
    assert [first & 0x0F for first, _ in frames] == [1, 9, 8]
    assert frames[0][1] == b"request"
    assert isinstance(ended, SourceEnded), "nothing was read"
    assert str(over.error) == "enough"


def test_each_batch_takes_one_credit_and_reading_goes_on_with_the_next() -> None:
    go_on = threading.Event()

    def send(sock: socket.socket) -> None:
        sock.sendall(binary(TICKER))
        assert go_on.wait(TIMEOUT)
        sock.sendall(binary(TICKER))
        until_hung_up(sock)

    with Meeting(then=send, credits_=1) as meeting:
        assert [type(meeting.hears()) for _ in range(2)] == [SourceOpened, Batch]
        wait_until(lambda: meeting.transport.sample().reading_since is None, "no credit left")
        go_on.set()
        before = time.monotonic()
        meeting.grant()
        assert isinstance(meeting.hears(), Batch)
        assert meeting.transport.sample().bytes_at >= before
        meeting.grant()
        wait_until(lambda: meeting.transport.sample().reading_since, "reading again")


class Visited(VisitedActor):
    """Keeps what it is told, of batches in which thread they were dealt with."""

    def __init__(self, out: "queue.SimpleQueue[object]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put((len(message.streams), threading.current_thread()) if isinstance(message, Batch) else message)


@pytest.mark.parametrize(("count", "is_visit"), [(1, True), (FEW, True), (FEW + 1, False)])
def test_the_work_of_the_router_is_done_here_if_it_is_little(count: int, is_visit: bool) -> None:
    go = threading.Event()

    def send(sock: socket.socket) -> None:
        assert go.wait(TIMEOUT)
        sock.sendall(binary(TICKER) * count)
        until_hung_up(sock)

    with Meeting(then=send, router=Visited) as meeting:
        assert isinstance(meeting.hears(), SourceOpened)
        inbox = meeting._refs[0].actor_inbox
        wait_until(lambda: inbox.empty() and not getattr(inbox, "turn", 1) % 2, "its rest")
        go.set()
        assert meeting.hears() == (count, meeting.transport if is_visit else getattr(inbox, "thread", None))
        meeting.transport.finish()
        meeting.end()


def test_commands_leave_nothing_behind_where_credits_lie() -> None:
    with Meeting(then=until_hung_up, credits_=2) as meeting:
        assert isinstance(meeting.owner_hears(), TransportOpened)
        for _ in range(100):
            meeting.transport.ping()
        wait_until(lambda: meeting.transport.credits.empty(), "all marks collected")
        meeting.transport.finish()
        meeting.end()


def test_a_pong_shows_up_to_when_all_has_come() -> None:
    def send(sock: socket.socket) -> None:
        sock.sendall(binary(TICKER))
        assert read_frame(sock)[0] & 0x0F == 9
        sock.sendall(binary(TICKER) + b"\x8a\x00")
        until_hung_up(sock)

    with Meeting(then=send, credits_=5) as meeting:
        assert [type(meeting.hears()) for _ in range(2)] == [SourceOpened, Batch]
        asked_ns = time.time_ns()
        meeting.transport.ping()
        last = meeting.hears()
        assert isinstance(last, Batch), "data of before it comes before it"
        reached = meeting.hears()
        assert isinstance(reached, SourceReached)
        assert (reached.endpoint, reached.attachment, reached.exchange_ms) == ("public", last.attachment, None)
        assert asked_ns <= reached.whole_ns <= time.time_ns()


def test_what_waited_unread_is_no_proof_of_life_at_the_time_of_reading() -> None:
    """A reader without credits reads late: the peer may have died meanwhile, and the gap began when it stopped."""
    sent = threading.Event()

    def send(sock: socket.socket) -> None:
        sock.sendall(binary(TICKER))
        sent.set()
        until_hung_up(sock)

    with Meeting(then=send, credits_=0) as meeting:
        opened = meeting.hears()
        assert sent.wait(TIMEOUT)
        later = time.time_ns() + 4 * wholeness.PROMPT_NS
        wait_until(lambda: time.time_ns() > later, "some time")
        meeting.grant()
        batch = meeting.hears()
        meeting.transport.finish()
        (ended,), _ = meeting.end()
    assert batch.ts_received_ns >= later
    assert batch.whole_ns == opened.at_ns, "the socket was not known to be empty since"
    assert ended.whole_ns < later


def test_what_was_waited_for_is_whole_up_to_its_arrival() -> None:
    go_on = threading.Event()

    def send(sock: socket.socket) -> None:
        assert go_on.wait(TIMEOUT)
        sock.sendall(binary(TICKER))
        until_hung_up(sock)

    with Meeting(then=send) as meeting:
        opened = meeting.hears()
        later = opened.at_ns + 50_000_000
        wait_until(lambda: time.time_ns() > later, "some time")
        go_on.set()
        batch = meeting.hears()
    assert batch.whole_ns >= later


def test_the_kernel_says_when_the_last_bytes_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped reads with a clock that is late; the socket knows better."""
    monkeypatch.setattr(wholeness, "last_arrival_ns", lambda _: 5)
    with Meeting(then=lambda sock: sock.sendall(binary(TICKER))) as meeting:
        routed, _ = meeting.end()
    assert routed[-1].whole_ns == routed[0].at_ns, "but never before the opening"
