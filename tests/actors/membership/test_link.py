"""A guest's link to a host that a test plays: what the router hears, and when a host that says nothing is given up."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, stop_and_join
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.membership import link as subject
from websocket_v6.actors.membership.link import GiveUp, Link, LinkDown, LinkSilent, LinkUp
from websocket_v6.actors.membership.pipe import as_host
from websocket_v6.actors.membership.rendezvous import HostEntry
from websocket_v6.actors.messages.connection import Connect, Disconnect, ListSubscriptions, SendRequest
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.exchange.wants import ticker_want
from websocket_v6.protocol.membership import peers

KEY = b"k" * 32
SOURCES = {"public": 7, "private": 8, "info": 9}
WANTS = (ticker_want("KRW-BTC"),)
AWFULLY_LATE = 1 << 62  # in nanoseconds, and still after any clock


class Note(Actor):
    """Stands for the router and the owner: keeps what it is told, and gives credits as it is told to."""

    def __init__(self, credits_: int = 1000) -> None:
        super().__init__()
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.attached: list[Attach] = []
        self._credits = credits_

    def on_receive(self, message: object) -> None:
        if isinstance(message, Attach):
            self.attached.append(message)
            for _ in range(self._credits):
                message.credits.put(True)
        self.told.put(message)


class Host:
    """The other end of the link."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener
        self.pipe: Connection[bytes, bytes]

    def accept(self, *, welcomes: bool = True) -> "Host":
        self.pipe = self._listener.accept()
        as_host(KEY)(self.pipe)
        assert isinstance(self.hears(), peers.Hello)
        if welcomes:
            self.say(peers.Welcome(peers.VERSION, 4711, ("public", "private", "info"), stays=False))
        return self

    def say(self, *messages: peers.FromHost) -> None:
        for message in messages:
            self.pipe.send_bytes(peers.encode(message))

    def hears(self) -> peers.FromGuest:
        """Return what the guest says next, pings apart."""
        while isinstance(said := peers.decode_from_guest(self.pipe.recv_bytes()), peers.Ping):
            pass
        return said

    def hears_ping(self) -> None:
        assert self.pipe.poll(10)
        assert isinstance(peers.decode_from_guest(self.pipe.recv_bytes()), peers.Ping)


class Guest:
    """A link, and those that it tells."""

    def __init__(self, address: str, *, credits_: int = 1000, **options: Any) -> None:
        self.router_ref = Note.start(credits_)
        self.owner_ref = Note.start()
        self.router: Any = self.router_ref._actor_weakref()
        self.owner: Any = self.owner_ref._actor_weakref()
        self.ref = Link.start(
            entry=HostEntry(address, KEY, 4711),
            keys=b"",
            sources=SOURCES,
            router=self.router_ref,
            owner=self.owner_ref,
            **options,
        )

    @property
    def link(self) -> Any:
        return self.ref._actor_weakref()

    def hears(self, count: int) -> list[Any]:
        """Return what the router hears next."""
        return [self.router.told.get(timeout=10) for _ in range(count)]

    def is_told(self) -> Any:
        """Return what the owner hears next."""
        return self.owner.told.get(timeout=10)

    def close(self) -> None:
        for ref in (self.ref, self.router_ref, self.owner_ref):
            assert stop_and_join(ref, 10)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Any]:
    with Listener(str(tmp_path / "h.sock"), backlog=4) as one:
        yield one


@pytest.fixture
def guests(listener: Any) -> Iterator[Callable[..., Guest]]:
    made: list[Guest] = []

    def make(**options: Any) -> Guest:
        made.append(Guest(listener.address, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def linked(listener: Any, guests: Callable[..., Guest], **options: Any) -> tuple[Host, Guest]:
    """Return both ends, after the guest has said what it wants of the public endpoint."""
    guest = guests(**options)
    host = Host(listener).accept()
    assert guest.is_told() == LinkUp(guest.ref, ("public", "private", "info"), stays=False)
    guest.ref.tell(Connect("public", WANTS))
    assert isinstance(host.hears(), peers.Wanted)
    (connecting,) = guest.hears(1)
    assert connecting[:3] == ("public", 7, "connecting")
    return host, guest


def changed(state: peers.State, epoch: int, at_ns: int = 0, gap_started_ns: int | None = None) -> peers.Changed:
    return peers.Changed("public", state, epoch, at_ns, gap_started_ns, "why", "")


def records(*numbers: int, endpoint: peers.Endpoint = "public", replayed: bool = False) -> peers.Records:
    parts = [peers.Part(endpoint, number, ["ticker KRW-BTC"], [b"%d" % number], replayed, False) for number in numbers]
    return peers.Records(parts)


# --- in order


def test_each_time_that_it_is_open_is_an_attachment_of_its_own(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(AWFULLY_LATE + 1, AWFULLY_LATE + 2), changed("lost", 1))
    host.say(changed("connecting", 1), changed("open", 2), records(AWFULLY_LATE + 3))
    first, opened, one, two, ended, connecting, second, opened_2, three = guest.hears(9)
    assert first[1:3] == second[1:3] == ("public", 7)
    assert (first.size, second.size) == (32, 32)
    assert first.attachment < second.attachment
    assert first.credits is not second.credits
    assert opened[:3] == ("public", 7, first.attachment)
    assert [each.attachment for each in (one, two, three)] == [first.attachment] * 2 + [second.attachment]
    assert [each.payloads for each in (one, two)] == [[b"%d" % (AWFULLY_LATE + 1)], [b"%d" % (AWFULLY_LATE + 2)]]
    assert isinstance(ended, SourceEnded)
    assert (ended.attachment, ended.whole_ns, ended.reason) == (first.attachment, AWFULLY_LATE + 2, "why")
    assert isinstance(connecting, SourceState)
    assert connecting.state == "connecting"
    assert isinstance(opened_2, SourceOpened)
    assert opened_2.at_ns >= ended.at_ns >= opened.at_ns


def test_open_again_without_a_word_ends_what_was_before(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), changed("open", 2), records(1))
    first, _, ended, second, _, batch = guest.hears(6)
    assert isinstance(ended, SourceEnded)
    assert ended.attachment == first.attachment
    assert batch.attachment == second.attachment


def test_the_gap_begins_where_the_hosts_begins(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    late = AWFULLY_LATE
    host.say(changed("open", 1, at_ns=late), records(late + 10), changed("lost", 1, late + 30, late + 5))
    _, _, batch, ended = guest.hears(4)
    assert batch.whole_ns == late + 10
    assert ended.whole_ns == late + 5
    assert ended.at_ns == late + 30


def test_an_old_last_value_is_no_gap(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(5, replayed=True), changed("lost", 1))
    _, opened, batch, ended = guest.hears(4)
    assert (batch.ts_received_ns, batch.whole_ns) == (5, opened.at_ns)
    assert ended.whole_ns == opened.at_ns


def test_attempts_of_the_host_are_passed_on(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("connecting", 0), changed("lost", 0), changed("connecting", 0))
    host.say(peers.Changed("public", "refused", 0, 0, None, "no", "AuthenticationError"), changed("open", 1))
    told = guest.hears(5)
    assert [each.state for each in told[:3]] == ["lost", "connecting", "refused"]
    assert type(told[2].error).__name__ == "AuthenticationError"
    assert isinstance(told[3], Attach)


def test_what_the_exchange_refused_ends_the_attachment(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(1), peers.Refused("public", "StreamError", "no"), records(2))
    first, _, _, said, ended, second, opened, batch = guest.hears(8)
    assert said[:3] == ("public", first.attachment, ErrorNotice("StreamError", "no"))
    assert isinstance(ended, SourceEnded)
    assert ended.attachment == first.attachment
    assert opened.attachment == batch.attachment == second.attachment


def test_a_refusal_before_it_is_open_is_heard_as_well(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(peers.Refused("public", "LocalProtocolError", "no"))
    kinds = [type(each) for each in guest.hears(6)]
    assert kinds == [Attach, SourceOpened, SourceSaid, SourceEnded, Attach, SourceOpened]


def test_requests_and_questions_go_to_the_host(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(1))
    first, *_ = guest.hears(3)
    guest.ref.tell(SendRequest("public", 1, [], (), first.attachment - 1))  # of a life that has ended: it is void
    guest.ref.tell(SendRequest("public", 1, [], WANTS, first.attachment))
    assert host.hears() == peers.Wanted("public", tuple(map(peers.to_wish, WANTS)))
    asked_ns = time.time_ns()
    guest.ref.tell(ListSubscriptions("public", "other", first.attachment - 1))
    guest.ref.tell(ListSubscriptions("public", "ticket", first.attachment))
    assert host.hears() == peers.Question("public", "ticket")
    host.say(peers.Answer("public", "ticket", (), ""), records(2))
    host.say(peers.Answer("public", "other", (), "there is none"), records(3))
    said, *_ = guest.hears(3)
    assert said[:3] == ("public", first.attachment, SubscriptionList("ticket", ()))
    assert said.whole_ns >= asked_ns, "all that was emitted before the question has come"


def test_what_nobody_wants_any_more_is_left(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(1))
    first, _, _ = guest.hears(3)
    guest.ref.tell(Disconnect("public"))
    assert host.hears() == peers.Wanted("public", ())
    ended, closed = guest.hears(2)
    assert ended.attachment == first.attachment
    assert closed.state == "closed"
    host.say(records(2), changed("lost", 1), changed("open", 2), records(3))
    guest.ref.tell(Connect("private"))
    (connecting,) = guest.hears(1)
    assert connecting[:3] == ("private", 8, "connecting")


def test_an_endpoint_that_is_shared_no_more_ends(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), peers.Shared(("private",)), records(1))
    first, _, ended = guest.hears(3)
    assert ended.attachment == first.attachment
    assert guest.is_told() == LinkUp(guest.ref, ("private",))


def test_a_link_that_is_lost_ends_what_was_open_and_what_was_not(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests)
    guest.ref.tell(Connect("private"))
    host.say(changed("open", 1), records(1))
    assert isinstance(host.hears(), peers.Wanted)
    first = next(each for each in guest.hears(4) if isinstance(each, Attach))
    host.pipe.close()
    told = {type(each): each for each in guest.hears(2)}
    assert told[SourceEnded].attachment == first.attachment
    assert told[SourceState][:3] == ("private", 8, "lost")
    down = guest.is_told()
    assert isinstance(down, LinkDown)
    assert (down.retry, down.is_hung) == (True, False)


def test_a_link_that_a_bug_ends_is_down_as_any_other(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, guest = linked(listener, guests)
    host.say(changed("open", 1), records(1))
    first, _, _ = guest.hears(3)

    def fail(endpoint: str) -> None:
        raise RuntimeError("as told")

    monkeypatch.setattr(guest.link._inflow, "begin", fail)
    guest.ref.tell(Connect("private"))
    (ended,) = guest.hears(1)
    assert ended.attachment == first.attachment
    down = guest.is_told()
    assert (type(down), down.link, down.retry, down.is_hung) == (LinkDown, guest.ref, True, False)
    assert "through a bug: RuntimeError('as told')" in str(down.error)


# --- credits


def test_without_credits_nothing_is_read_and_nothing_judged(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    host, guest = linked(listener, guests, credits_=1)
    host.say(changed("open", 1), records(1, 2, 3))
    attach, _, _ = guest.hears(3)
    wait_until(lambda: guest.link._inflow.reading_since is None, "the reader waiting")
    assert not told_within(guest.owner, 5 * subject.SILENCE), "the host is not in doubt"
    assert guest.router.told.empty()
    for _ in range(2):
        attach.credits.put(True)
    assert [each.payloads for each in guest.hears(2)] == [[b"2"], [b"3"]]
    assert isinstance(guest.is_told(), LinkSilent), "now that it is read, and says nothing"


def test_who_waits_for_a_credit_waits_no_longer_than_the_attachment_lives(
    listener: Any, guests: Callable[..., Guest]
) -> None:
    host, guest = linked(listener, guests, credits_=0)
    host.say(changed("open", 1), records(1, 2))
    guest.hears(2)
    wait_until(lambda: guest.link._inflow.reading_since is None, "the reader waiting")
    guest.ref.tell(Disconnect("public"))
    assert [type(each) for each in guest.hears(2)] == [SourceEnded, SourceState]
    guest.ref.tell(Connect("public", WANTS))
    assert isinstance(host.hears(), peers.Wanted)
    assert isinstance(host.hears(), peers.Wanted)
    host.say(changed("open", 1))
    assert [type(each) for each in guest.hears(3)] == [SourceState, Attach, SourceOpened], "it reads on"


def test_a_link_can_be_closed_while_its_reader_waits(listener: Any, guests: Callable[..., Guest]) -> None:
    host, guest = linked(listener, guests, credits_=0)
    host.say(changed("open", 1), records(1))
    attach, _ = guest.hears(2)
    wait_until(lambda: guest.link._inflow.reading_since is None, "the reader waiting")
    assert stop_and_join(guest.ref, 10)
    (ended,) = guest.hears(1)
    assert ended.attachment == attach.attachment


# --- a host that says nothing


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"PING_INTERVAL": 0.1, "SILENCE": 0.4, "PROOF": 0.3, "LOOK": 0.1}.items():
        monkeypatch.setattr(subject, name, seconds)


def told_within(note: Any, seconds: float) -> Any:
    try:
        return note.told.get(timeout=seconds)
    except queue.Empty:
        return None


@pytest.mark.parametrize("is_hung", [True, False])
def test_a_silent_host_is_doubted_and_given_up_when_told_to(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch, is_hung: bool
) -> None:
    impatient(monkeypatch)
    _, guest = linked(listener, guests)
    assert guest.is_told() == LinkSilent(guest.ref)
    assert guest.is_told() == LinkSilent(guest.ref), "told again while it lasts"
    guest.ref.tell(GiveUp(is_hung))
    while isinstance(down := guest.is_told(), LinkSilent):
        pass
    assert isinstance(down, LinkDown)
    assert (down.retry, down.is_hung) == (True, is_hung)
    assert "kill -CONT 4711" in str(down.error)


def test_a_host_that_says_anything_is_not_given_up(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    host, guest = linked(listener, guests)
    assert guest.is_told() == LinkSilent(guest.ref)
    host.say(changed("open", 1), records(1))
    guest.hears(3)
    guest.ref.tell(GiveUp(is_hung=True))
    assert guest.is_told() == LinkSilent(guest.ref), "it lives, and doubts again"


def test_pings_that_are_answered_keep_a_quiet_link(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    host, guest = linked(listener, guests)
    ended = threading.Event()

    def answer() -> None:
        while not ended.is_set():
            if host.pipe.poll(0.05):
                host.pipe.recv_bytes()
                host.say(peers.Pong())

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        assert not told_within(guest.owner, 4 * subject.SILENCE)
    finally:
        ended.set()
        thread.join()


def test_a_new_link_that_is_not_answered_is_proof(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    down = guests(is_probe=True).is_told()
    assert isinstance(down, LinkDown)
    assert down.is_hung


def test_a_process_that_stood_still_judges_nothing_and_pings(
    listener: Any, guests: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PING_INTERVAL", 1000.0)
    monkeypatch.setattr(subject, "LOOK", 0.1)
    host, guest = linked(listener, guests)
    monkeypatch.setattr(subject, "clock", lambda: clock() + 20.0)
    host.hears_ping()
    assert not told_within(guest.owner, 0.5)
