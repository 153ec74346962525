"""When a connection tries, waits and gives up, with a wire that is only noted down; and the wire, on a real socket."""

import contextlib
import queue
import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pykka
import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, Timer, ask, stop_and_join, tell
from websocket_v6.actors.connection import connection as subject
from websocket_v6.actors.connection.connection import (
    Aged,
    AnswerOverdue,
    Connection,
    ConnectPace,
    Estate,
    Go,
    Look,
    PingDue,
    PongOverdue,
    Resign,
    Try,
)
from websocket_v6.actors.connection.transport import Wire, WireFailed
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Ask,
    AskList,
    Connect,
    Disconnect,
    KeysChanged,
    WireLost,
    WireOpened,
    WirePonged,
    WireRefused,
    WireSaid,
)
from websocket_v6.actors.messages.registry import LineChanged
from websocket_v6.actors.messages.router import AttachSource
from websocket_v6.actors.messages.supervisor import Failed, Renew
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.demand.coverage import Plan
from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
    WebSocketV6Error,
)
from websocket_v6.protocol.exchange.heads import ErrorNotice, Inbound, SubscriptionList
from websocket_v6.protocol.websocket.handshake import accept_for

TIMEOUT = 20.0
LOST = TransportError("lost")
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
REFUSED = AuthenticationError("refused", name="jwt_verification")


class Collector(Actor):
    """Stands for the registry, the router and the supervisor: keeps what it is told."""

    def __init__(self, told: list[Any]) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        if not isinstance(message, GetHealth):
            self._told.append(message)


class Noted:
    """A wire that connects nowhere."""

    made: list["Noted"]

    def __init__(self, **arguments: Any) -> None:
        self.epoch: int = arguments["epoch"]
        self.credits: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.calls: list[Any] = []
        self.last_bytes_ns = 0
        self.last_data_ns = 0
        self.made.append(self)

    def start(self) -> None:
        self.calls.append("start")

    def send(self, text: str) -> None:
        self.calls.append(text)

    def ping(self) -> None:
        self.calls.append("ping")

    def finish(self, error: WebSocketV6Error | None = None) -> None:
        self.calls.append(("finish", error and str(error)))

    def join(self, timeout: float) -> None:
        self.calls.append("join")


class Subject:
    """A connection whose timers go off when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wires: list[Noted] = []
        self.timers: list[tuple[float, Timer]] = []
        self.told: list[Any] = []
        monkeypatch.setattr(subject, "Wire", type("Wire", (Noted,), {"made": self.wires}))
        monkeypatch.setattr(subject, "_paces", {})
        monkeypatch.setattr(random, "random", lambda: 1.0)
        self._refs: list[Ref] = []

    def start(self, endpoint: str = "private", estate: Estate | None = None, config: Config | None = None) -> Ref:
        timers = self.timers

        class Timed(Connection):
            def after(self, delay: float, message: object) -> Timer:
                timers.append((delay, Timer(0.0, message)))
                return timers[-1][1]

        collector: Ref = Collector.start(self.told)
        self.ref: Ref = Timed.start(
            endpoint=endpoint,
            line=7,
            url=f"ws://nowhere/{endpoint}",
            config=config or Config(),
            registry=collector,
            router=collector,
            jwt=collector,
            supervisor=collector,
            estate=estate,
        )
        self._refs += [collector, self.ref]
        return self.ref

    def stop(self) -> None:
        for ref in reversed(self._refs):
            assert stop_and_join(ref, TIMEOUT)

    def tell(self, *messages: object) -> None:
        """Tell it, and wait until it has heard and the others have heard of it."""
        for message in messages:
            tell(self.ref, message)
        ask(self.ref, GetHealth(), TIMEOUT)
        ask(self._refs[-2], GetHealth(), TIMEOUT)

    def due(self, kind: type) -> list[tuple[float, object]]:
        """Return the timers of this kind that are set."""
        return [(delay, timer.message) for delay, timer in self.timers if isinstance(timer.message, kind)]

    def fire(self, kind: type) -> float:
        """Let the one timer of this kind go off; return for how long it was set."""
        ((delay, message),) = self.due(kind)
        for _, timer in self.timers:
            if timer.message is message:
                timer.message = None
        self.tell(message)
        return delay

    def connect(self) -> Noted:
        """Let the wait and the turn pass, and return the wire of this attempt."""
        self.fire(Try)
        self.fire(Go)
        return self.wires[-1]

    def open(self) -> Noted:
        wire = self.connect()
        self.tell(WireOpened(wire.epoch))
        return wire

    def states(self) -> list[str]:
        return [one.state for one in self.told if isinstance(one, LineChanged)]


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    it = Subject(monkeypatch)
    yield it
    it.stop()


def test_it_connects_when_it_is_wanted_and_not_before(it: Subject) -> None:
    it.start()
    it.tell(KeysChanged())
    assert (it.wires, it.timers) == ([], [])
    it.tell(Connect("public"), Connect("public"))
    assert it.fire(Try) == 0.0
    assert it.fire(Go) == pytest.approx(0.0)
    (wire,) = it.wires
    assert (wire.epoch, wire.calls) == (1, ["start"])
    it.tell(WireOpened(1))
    assert it.states() == ["connecting", "open"]
    assert ask(it.ref, GetHealth(), TIMEOUT)[0].state == "open"
    (attached,) = (one for one in it.told if isinstance(one, AttachSource))
    assert attached == AttachSource("private", 7, 1, wire.credits)


def asking(type_: str) -> Plan:
    return Plan([{"type": type_}], {}, ())


def test_requests_go_out_only_while_it_is_open(it: Subject) -> None:
    it.start()
    it.tell(Ask("public", asking("nobody")), Connect("public"))
    wire = it.connect()
    it.tell(
        Ask("public", asking("too early")), WireOpened(1), Ask("public", asking("now")), AskList("public", "ticket-1")
    )
    size = ask(it.ref, GetHealth(), TIMEOUT)[0].request_bytes
    it.tell(WireLost(1, LOST, 5), Ask("public", asking("too late")), AskList("public", "ticket-2"))
    started, asked, listed = wire.calls
    assert started == "start"
    assert asked.endswith('},{"type":"now"},{"format":"SIMPLE"}]')
    assert listed == '[{"ticket":"ticket-1"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"SIMPLE"}]'
    assert size == len(asked)


def test_pings_and_what_follows_when_they_are_not_answered(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    assert it.fire(PingDue) == 20.0
    assert it.fire(PingDue) == 20.0, "the next one is not kept from going out"
    assert [delay for delay, _ in it.due(PongOverdue)] == [10.0], "the first one's answer is waited for"
    it.tell(WirePonged(1))
    assert not it.due(PongOverdue)
    assert it.fire(PingDue) == 20.0
    assert it.fire(PongOverdue) == 10.0
    assert wire.calls[-1] == ("finish", "no answer to a ping on the private connection for 10 s")
    assert wire.calls.count("ping") == 3
    it.tell(WireLost(1, LOST, 5))
    assert not it.due(PingDue)
    assert not it.due(PongOverdue)
    assert "no answer to a ping" in ask(it.ref, GetHealth(), TIMEOUT)[0].error


def test_a_connection_that_has_come_of_age_asks_to_be_replaced(it: Subject) -> None:
    it.start(config=Config(max_age=100.0))
    it.tell(Connect("public"))
    it.open()
    assert it.fire(Aged) == pytest.approx(90.0), "as much as a tenth earlier, by chance"
    assert it.told[-1] == Renew(it.ref)
    it.tell(WireLost(1, LOST, 5))
    it.open()
    assert len(it.due(Aged)) == 1


class Clocks:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 1e9

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall

    def time_ns(self) -> int:
        return int(self.wall * 1e9)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(subject, "time", clocks)
    return clocks


def let_pass(it: Subject, clocks: Clocks, looks: int, *, data: bool) -> None:
    for _ in range(looks):
        clocks.pass_(5.0)
        if data:
            it.wires[-1].last_data_ns += 1_000_000_000
        assert it.fire(Look) == 5.0


def test_a_line_that_brings_no_data_any_more_is_asked_something(it: Subject, clocks: Clocks) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    let_pass(it, clocks, 20, data=True)
    let_pass(it, clocks, 7, data=False)
    assert wire.calls == ["start"]
    let_pass(it, clocks, 1, data=False)
    question = wire.calls[-1]
    assert "LIST_SUBSCRIPTIONS" in question
    ticket = question.partition('"ticket":"')[2].partition('"')[0]
    it.tell(WireSaid(1, SubscriptionList(ticket, ())))
    assert not it.due(AnswerOverdue), "it answers: the market is quiet"
    let_pass(it, clocks, 10, data=True)
    let_pass(it, clocks, 75, data=False)
    wire.last_bytes_ns = wire.last_data_ns + 30_000_000_000  # pongs came all the time
    assert it.fire(AnswerOverdue) == 10.0
    assert wire.calls[-1][0] == "finish"
    assert "stalled" in wire.calls[-1][1]
    it.tell(WireLost(1, LOST, wire.last_bytes_ns))
    assert it.told[-1].gap_started_ns == wire.last_data_ns, "data is missing since then, whatever else came"


def test_a_line_that_answers_and_is_silent_far_too_long_is_given_up(it: Subject, clocks: Clocks) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    let_pass(it, clocks, 20, data=True)
    let_pass(it, clocks, 8, data=False)
    ticket = wire.calls[-1].partition('"ticket":"')[2].partition('"')[0]
    it.tell(WireSaid(1, SubscriptionList(ticket, ())))
    let_pass(it, clocks, 25, data=False)
    assert wire.calls[-1][0] == "finish"
    assert "stalled" in wire.calls[-1][1]


def test_after_a_suspension_it_asks_at_once_whether_anyone_is_there(it: Subject, clocks: Clocks) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    let_pass(it, clocks, 20, data=True)
    clocks.wall += 3600.0  # the wall clock alone goes on while a laptop sleeps
    it.fire(Look)
    assert wire.calls == ["start", "ping"]
    assert it.fire(PongOverdue) == 10.0
    assert wire.calls[-1] == ("finish", "no answer to a ping on the private connection for 10 s")


def test_the_wait_doubles_until_a_pong_proves_the_connection(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    waits = []
    for _ in range(3):
        wire = it.connect()
        it.tell(WireRefused(wire.epoch, LOST))
        waits += [delay for delay, _ in it.due(Try)]
    for _ in range(2):  # open for a moment is no success
        wire = it.open()
        it.tell(WireLost(wire.epoch, LOST, 5))
        waits += [delay for delay, _ in it.due(Try)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]
    wire = it.open()
    it.tell(WirePonged(wire.epoch), WireLost(wire.epoch, LOST, 5))
    assert [delay for delay, _ in it.due(Try)] == [0.5]


def test_blocks_are_waited_out(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(WireRefused(wire.epoch, RateLimitedError("blocked", status=418, retry_after=37.0)))
    assert it.due(Try)[0][0] >= 37.0


@pytest.mark.parametrize("is_open", [True, False])
def test_refused_keys_are_tried_ever_more_rarely(it: Subject, is_open: bool) -> None:
    it.start()
    it.tell(Connect("public"))
    waits = []
    for _ in range(6):
        wire = it.open() if is_open else it.connect()
        if is_open:  # the exchange lets it in, to say in-band that it may not
            it.tell(WireSaid(wire.epoch, ErrorNotice("INVALID_AUTH", "no")), WireLost(wire.epoch, LOST, 5))
        else:
            it.tell(WireRefused(wire.epoch, REFUSED))
        assert it.states()[-1] == "refused"
        waits.append(it.due(Try)[0][0])
    assert waits == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    # Other keys change everything.
    it.tell(KeysChanged())
    assert it.due(Try)[0][0] == 0.0
    wire = it.open()
    it.tell(WirePonged(wire.epoch))
    assert it.states()[-1] == "open"


def test_a_used_nonce_is_no_refusal_of_the_keys(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(WireRefused(wire.epoch, AuthenticationError("again", name="nonce_used")))
    assert it.due(Try)[0][0] == 0.5
    assert it.states() == ["connecting", "lost"]


def test_new_keys_reconnect_what_uses_keys(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    it.tell(KeysChanged())
    assert it.told[-1] == Renew(it.ref), "a new one is to serve before this one ends"
    assert wire.calls == ["start"]


def test_new_keys_leave_the_public_connection_alone(it: Subject) -> None:
    it.start("public")
    it.tell(Connect("public"))
    wire = it.open()
    it.tell(KeysChanged())
    assert wire.calls == ["start"]


def test_an_attempt_with_old_keys_is_made_again(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(KeysChanged())
    assert wire.calls == ["start"], "it may carry the new ones already; its end is waited for"
    it.tell(WireOpened(wire.epoch))
    assert it.told[-1] == Renew(it.ref)
    it.tell(WireLost(wire.epoch, LOST, 5))
    it.open()
    assert it.told.count(Renew(it.ref)) == 1, "once is enough"


def test_an_attempt_with_old_keys_that_is_refused_is_made_again_at_once(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(KeysChanged(), WireRefused(wire.epoch, REFUSED))
    assert it.due(Try)[0][0] == 0.0
    wire = it.connect()
    it.tell(WireRefused(wire.epoch, REFUSED))
    assert it.due(Try)[0][0] > 0.0, "these were the new ones"


def test_nobody_wants_it_any_more_while_it_waits(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(WireRefused(wire.epoch, LOST), Disconnect("public"))
    assert not it.due(Try)
    assert it.states() == ["connecting", "lost", "closed"]
    it.tell(Connect("public"))
    assert it.connect().epoch == 1, "there was no first connection yet"


def test_nobody_wants_it_any_more_while_it_waits_for_its_turn(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    it.fire(Try)
    it.tell(Disconnect("public"))
    assert not it.due(Go)
    assert not it.wires


def test_nobody_wants_it_any_more_while_it_connects(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.connect()
    it.tell(Disconnect("public"))
    assert wire.calls == ["start", ("finish", None)]
    it.tell(WireOpened(1))
    assert not it.due(PingDue)
    it.tell(WireLost(1, LOST, 5))
    assert it.states() == ["connecting", "closed"]
    it.tell(Connect("public"))
    assert it.connect().epoch == 2, "the first one was opened, and may have been heard of"


def test_wanted_again_while_it_closes(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    it.tell(Disconnect("public"), Connect("public"))
    assert len(it.wires) == 1
    it.tell(WireLost(wire.epoch, LOST, 5))
    assert it.open().epoch == 2
    assert it.states() == ["connecting", "open", "closed", "connecting", "open"]
    opened = [one for one in it.told if isinstance(one, LineChanged)][-1]
    assert opened.gap_started_ns is None, "what nobody wanted cannot have been missed"


def test_one_gap_from_the_last_byte_to_the_next_opening(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    it.tell(WireLost(wire.epoch, LOST, 1234))
    wire = it.connect()
    it.tell(WireRefused(wire.epoch, REFUSED))
    wire = it.open()
    it.tell(WireLost(wire.epoch, LOST, 5678))
    it.open()
    changes = [one for one in it.told if isinstance(one, LineChanged) and one.state != "connecting"]
    assert [(one.state, one.epoch, one.gap_started_ns) for one in changes] == [
        ("open", 1, None),
        ("lost", 1, 1234),
        ("refused", 1, 1234),
        ("open", 2, 1234),
        ("lost", 2, 5678),
        ("open", 3, 5678),
    ]


def test_a_successor_counts_epochs_on(it: Subject) -> None:
    it.start(estate=Estate(7, 1234))
    it.tell(Connect("public"))
    assert it.open().epoch == 8
    opened = it.told[-1]
    assert (opened.state, opened.epoch, opened.gap_started_ns) == ("open", 8, 1234)


def test_who_resigns_says_since_when_data_is_missed(it: Subject) -> None:
    it.start()
    assert ask(it.ref, Resign(), TIMEOUT) == Estate(0, None)
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    wire.last_bytes_ns = 1234
    assert ask(it.ref, Resign(), TIMEOUT) == Estate(1, 1234)
    assert wire.calls == ["start", ("finish", None), "join"]
    it.tell(WireLost(1, LOST, 1234))
    assert it.states() == ["connecting", "open", "lost"]
    assert not it.due(Try), "it does not come back beside its successor"


def test_who_resigns_while_it_waits_hands_on_the_gap(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    it.open()
    it.tell(WireLost(1, LOST, 1234))
    assert ask(it.ref, Resign(), TIMEOUT) == Estate(1, 1234)


def test_a_wire_that_fails_is_a_bug_that_ends_the_connection(it: Subject) -> None:
    it.start()
    it.tell(Connect("public"))
    wire = it.open()
    wire.last_bytes_ns = 1234
    with pytest.raises(pykka.ActorDeadError):
        it.tell(WireFailed(wire.epoch))
    wait_until(lambda: [one for one in it.told if isinstance(one, Failed)], "the failure")
    (failed,) = (one for one in it.told if isinstance(one, Failed))
    assert (failed.name, failed.ref, failed.estate) == ("private", it.ref, Estate(1, 1234))
    lost = [one for one in it.told if isinstance(one, LineChanged)][-1]
    assert (lost.state, lost.epoch, lost.gap_started_ns) == ("lost", 1, 1234)
    assert wire.calls[-2:] == [("finish", None), "join"]


def test_connections_of_one_host_share_the_pace(it: Subject) -> None:
    waits = []
    for index in range(9):
        it.start(endpoint=f"endpoint-{index}")
        it.tell(Connect("public"))
        it.fire(Try)
        waits.append(it.fire(Go))
    assert waits[:4] == pytest.approx([0.0] * 4)
    assert all(0.5 < wait <= 1.0 for wait in waits[4:8])
    assert 1.0 < waits[8] <= 2.0


def test_no_second_has_more_attempts_than_it_may() -> None:
    pace = ConnectPace()
    turns = [pace.reserve(100.0 + index * 0.05) for index in range(50)]
    assert turns[:4] == [100.0 + index * 0.05 for index in range(4)], "the first ones need not wait"
    assert turns == sorted(turns)
    assert all(later - earlier >= 1.0 for earlier, later in zip(turns, turns[4:], strict=False))
    assert turns[-1] < 113.0, "and none waits longer than it must"
    assert pace.reserve(500.0) == 500.0


def test_many_threads_share_the_pace() -> None:
    pace = ConnectPace()
    with ThreadPoolExecutor(8) as threads:
        turns = sorted(threads.map(lambda _: pace.reserve(0.0), range(400)))
    assert turns == [float(index // 4) for index in range(400)]


# --- the wire, on a real socket


class Peer:
    """Listens, answers the first request with `answer`, then does `then`."""

    def __init__(self, answer: Callable[[bytes], bytes], then: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self._answer, self._then = answer, then
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/websocket/v1"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener, self._listener.accept()[0] as sock:
            sock.settimeout(TIMEOUT)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += sock.recv(65536)
            sock.sendall(self._answer(request))
            self._then(sock)

    def join(self) -> None:
        self._thread.join(TIMEOUT)


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the wire was faster, after an answer it would not take
        sock.shutdown(socket.SHUT_RDWR)


def _accept(request: bytes) -> bytes:
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0].decode()
    lines = (
        "HTTP/1.1 101 Switching",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_for(key)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _read_frame(sock: socket.socket) -> tuple[int, bytes]:
    """Read a short masked frame; return its first byte and its payload."""
    data = b""
    while len(data) < 6 or len(data) < 6 + (data[1] & 127):
        chunk = sock.recv(65536)
        assert chunk, "the client hung up"
        data += chunk
    assert data[1] & 128, "clients mask"
    return data[0], bytes(byte ^ data[2 + at % 4] for at, byte in enumerate(data[6:]))


@pytest.fixture
def carry() -> Iterator[Callable[..., list[Any]]]:
    """Runs a wire against a peer to its end, and returns what it told."""
    told: list[Any] = []
    collector: Ref = Collector.start(told)

    def run(answer: Callable[[bytes], bytes], then: Callable[[socket.socket], None] = _hang_up) -> list[Any]:
        peer = Peer(answer, then)
        config = Config(url=peer.url, connect_timeout=5.0)
        wire = Wire(
            endpoint="public",
            line=1,
            url=peer.url,
            epoch=1,
            config=config,
            owner=collector,
            router=collector,
            jwt=collector,
        )
        wire.start()
        wire.join(TIMEOUT)
        peer.join()
        wait_until(lambda: told and isinstance(told[-1], WireRefused | WireLost | WireFailed), "the wire's end")
        return told

    yield run
    assert stop_and_join(collector, TIMEOUT)


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
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: none\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 99\r\n\r\ntoo short",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 999 ?\r\nno header\r\n\r\n",
    ],
)
def test_no_handshake_is_more_than_a_refusal(carry: Callable[..., list[Any]], answer: bytes) -> None:
    (told,) = carry(lambda _: answer)
    assert isinstance(told, WireRefused)
    assert isinstance(told.error, TransportError | RemoteProtocolError)
    assert told.error.__traceback__ is None


def test_pings_of_the_peer_are_answered(carry: Callable[..., list[Any]]) -> None:
    answers: list[tuple[int, bytes]] = []

    def ping(sock: socket.socket) -> None:
        sock.sendall(b"\x89\x04beep")
        answers.append(_read_frame(sock))
        sock.sendall(b"\x88\x00")
        answers.append(_read_frame(sock))

    told = carry(_accept, ping)
    assert answers == [(0x8A, b"beep"), (0x88, (1000).to_bytes(2, "big"))]
    opened, lost = told
    assert opened == WireOpened(1)
    assert isinstance(lost, WireLost)
    assert "closed the public connection: 1005" in str(lost.error)


def test_a_close_that_cannot_be_answered_keeps_its_reason(
    carry: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError("gone")

    monkeypatch.setattr(Wire, "_write", fail)
    lost = carry(_accept, lambda sock: sock.sendall(b"\x88\x05\x0f\xa1bye"))[-1]
    assert isinstance(lost, WireLost)
    assert str(lost.error) == "the exchange closed the public connection: 4001 bye"


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"\x82\x81\0\0\0\0a", 1002), (b"\x83\x00", 1002), (b"\x81\x01\xff", 1007), (b"\x88\x02\x03\xed", 1002)],
)
def test_broken_frames_are_answered_with_their_close_code(
    carry: Callable[..., list[Any]], frame: bytes, code: int
) -> None:
    answers: list[tuple[int, bytes]] = []

    def send(sock: socket.socket) -> None:
        sock.sendall(frame)
        answers.append(_read_frame(sock))

    lost = carry(_accept, send)[-1]
    assert isinstance(lost, WireLost)
    assert isinstance(lost.error, RemoteProtocolError)
    assert lost.error.close_code == code
    assert answers == [(0x88, code.to_bytes(2, "big"))]


def test_messages_before_the_end_are_handed_on(carry: Callable[..., list[Any]]) -> None:
    ticker = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}'

    def send(sock: socket.socket) -> None:
        frame = bytes((0x82, len(ticker))) + ticker
        sock.sendall(frame + frame + frame[:10])

    opened, *batches, lost = carry(_accept, send)
    assert opened == WireOpened(1)
    assert isinstance(lost, WireLost)
    assert all(isinstance(batch, Batch) for batch in batches)
    assert [payload for batch in batches for payload in batch.payloads] == [ticker, ticker]
    assert {stream for batch in batches for stream in batch.streams} == {"ticker KRW-BTC"}
    assert lost.at_ns >= batches[-1].ts_received_ns


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_wire_reaches_its_owner(carry: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("as told")

    monkeypatch.setattr(Inbound, "sort", fail)
    told = carry(_accept, lambda sock: sock.sendall(b"\x82\x02{}"))
    assert told == [WireOpened(1), WireFailed(1)]
