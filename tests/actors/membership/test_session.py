"""A host's session with a guest that a test plays: in what order things go out, and when it is cut off."""

import logging
import queue
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, stop_and_join
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.membership import outlet
from websocket_v6.actors.membership import session as subject
from websocket_v6.actors.membership.pipe import as_guest
from websocket_v6.actors.membership.session import Dismiss, Guest, GuestGone, Session, ShareWith
from websocket_v6.actors.messages.component import ConnectionChanged, Ready, StreamFailed
from websocket_v6.actors.messages.registry import AskExchange, Subscribe, Unsubscribe
from websocket_v6.protocol.errors import LocalProtocolError, StreamError
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.make import make_event
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import orderbook_want, ticker_want, trade_want
from websocket_v6.protocol.membership import peers

KEY = b"k" * 32


class Engine(Actor):
    """Stands for registry, router and owner of the session."""

    def __init__(self, told: "queue.SimpleQueue[Any]", keys: tuple[peers.Endpoint, ...]) -> None:
        super().__init__()
        self._told = told
        self._shared = keys

    def on_receive(self, message: object) -> None:
        match message:
            case Guest(session, _):
                session.tell(ShareWith(self._shared, False))
            case AskExchange(_, answer):
                answer.set(SubscriptionList("ticket", ()))
            case Subscribe(_, _, want) if "KRW-NOPE" in want.codes:
                raise LocalProtocolError("no such code")
        self._told.put(message)


class Peer:
    """Both ends of one session: the guest's, and what the engine of the host is told."""

    def __init__(self, listener: Any, shared: tuple[peers.Endpoint, ...] = ("public", "private", "info")) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.engine = Engine.start(self.told, shared)
        self.may_serve = True
        self.pipe: Connection[bytes, bytes] = Client(listener.address)
        self.ref = Session.start(
            connection=listener.accept(),
            key=KEY,
            region="kr",
            registry=self.engine,
            owner=self.engine,
            may_serve=lambda: self.may_serve,
        )

    @property
    def session(self) -> Any:
        return self.ref._actor_weakref()

    def greet(self) -> None:
        as_guest(KEY)(self.pipe)
        self.say(peers.Hello(peers.VERSION, "guest.py", 42, b""))
        assert isinstance(self.hears(), peers.Welcome)

    def say(self, *messages: peers.FromGuest) -> None:
        for message in messages:
            self.pipe.send_bytes(peers.encode(message))

    def hears(self, timeout: float = 10.0) -> peers.FromHost:
        assert self.pipe.poll(timeout), "the host says something"
        return peers.decode_from_host(self.pipe.recv_bytes())

    def waits_for(self, kind: type[Any]) -> Any:
        """Return the next thing of this kind that the engine is told."""
        while not isinstance(message := self.told.get(timeout=10), kind):
            pass
        return message

    def want(self, *wants: Any) -> Subscribe:
        """Have the guest want this, and return the last of its subscriptions."""
        self.say(peers.Wanted("public", tuple(map(peers.to_wish, wants))))
        subscribed = [self.waits_for(Subscribe) for _ in wants]
        last: Subscribe = subscribed[-1]
        return last

    def words(self, count: int) -> list[str]:
        """Return what the guest hears, as words."""
        found: list[str] = []
        while len(found) < count:
            match self.hears():
                case peers.Records(parts):
                    found += [
                        payload.split(b'"n":')[1].split(b",")[0].decode() for one in parts for payload in one.payloads
                    ]
                case peers.Changed(_, state, epoch):
                    found.append(f"{state} {epoch}")
                case other:
                    found.append(type(other).__name__)
        return found

    def ended(self) -> GuestGone:
        gone: GuestGone = self.waits_for(GuestGone)
        return gone

    def close(self) -> None:
        self.pipe.close()
        assert stop_and_join(self.ref, 10)
        assert stop_and_join(self.engine, 10)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Any]:
    with Listener(str(tmp_path / "s.sock"), backlog=4) as one:
        yield one


@pytest.fixture
def peer(listener: Any) -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*, greets: bool = True) -> Peer:
        made.append(Peer(listener))
        if greets:
            made[-1].greet()
        return made[-1]

    yield make
    for one in made:
        one.close()


def event(number: int, epoch: int = 1, size: int = 0) -> Event:
    payload = f'{{"ty":"trade","cd":"KRW-ETH","n":{number},"x":"{"x" * size}","st":"REALTIME"}}'
    return make_event("trade KRW-ETH", payload.encode(), epoch, number)


def change(state: str, epoch: int) -> ConnectionChanged:
    return ConnectionChanged("public", state, epoch, time.time_ns())


def put(one: Peer, subscribed: Subscribe, *events: Event) -> None:
    """Deliver as the router does."""
    if subscribed.mailbox.put_many(events):
        one.ref.tell(Ready(subscribed.subscription_id))


def test_a_slow_guest_is_told_of_losses_where_they_were(peer: Callable[..., Peer]) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    expected = ["open 1"]
    numbers = iter(range(1, 1_000_000))
    for epoch in (1, 2, 3):
        # Much more than fits into the pipe, and nobody reads: the rest waits in the mailbox.
        batch = [event(next(numbers), epoch, size=5000) for _ in range(200)]
        if epoch > 1:
            expected.append(f"open {epoch}")
        for first in range(0, 200, 10):
            put(one, subscribed, *batch[first : first + 10])
        expected += [payload.payload.split(b'"n":')[1].split(b",")[0].decode() for payload in batch]
        if epoch < 3:
            one.ref.tell(change("lost", epoch))
            one.ref.tell(change("open", epoch + 1))
            expected.append(f"lost {epoch}")
    assert one.words(len(expected)) == expected


def test_what_overtakes_the_news_of_its_epoch_waits(peer: Callable[..., Peer]) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    put(one, subscribed, event(1), event(2, 2))
    assert one.words(2) == ["open 1", "1"]
    put(one, subscribed, event(3, 2))
    assert not one.pipe.poll(0.2)
    one.ref.tell(change("lost", 1))
    one.ref.tell(change("open", 2))
    assert one.words(4) == ["lost 1", "open 2", "2", "3"]


def test_messages_do_not_wait_for_ever_for_their_news(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "PATIENCE", 0.2)
    one = peer()
    put(one, one.want(trade_want("KRW-ETH")), event(1))
    assert one.words(1) == ["Goodbye"]
    one.ended()


def test_answers_and_refusals_come_behind_the_messages(peer: Callable[..., Peer]) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    for number in range(1, 101):
        put(one, subscribed, event(number, size=5000))
    one.say(peers.Question("public", "ticket"))
    one.waits_for(AskExchange)
    one.ref.tell(StreamFailed(subscribed.subscription_id, StreamError("no"), True))
    words = one.words(103)
    assert words == ["open 1", *map(str, range(1, 101)), *words[-2:]]
    assert sorted(words[-2:]) == ["Answer", "Refused"]


def test_what_cannot_be_wanted_is_refused_alone(peer: Callable[..., Peer]) -> None:
    one = peer()
    one.say(peers.Wanted("public", tuple(map(peers.to_wish, (trade_want("KRW-NOPE"), ticker_want("KRW-BTC"))))))
    assert one.waits_for(Subscribe).want.type == "ticker"
    assert one.words(1) == ["Refused"]


def test_a_deeper_book_replaces_the_shallow_one_without_a_hole(peer: Callable[..., Peer]) -> None:
    one = peer()
    first = one.want(orderbook_want("KRW-BTC", depth=5))
    one.say(peers.Wanted("public", (peers.to_wish(orderbook_want("KRW-BTC", depth=15)),)))
    second = one.waits_for(Subscribe)
    assert second.want.depth == 15
    assert one.waits_for(Unsubscribe).subscription_id == first.subscription_id
    assert second.mailbox is first.mailbox


def test_nothing_of_what_is_wanted_no_more(peer: Callable[..., Peer]) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    assert one.words(1) == ["open 1"]
    one.say(peers.Wanted("public", ()))
    one.waits_for(Unsubscribe)
    put(one, subscribed, event(1))
    one.ref.tell(change("lost", 1))
    again = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 2))
    put(one, again, event(2, 2))
    assert one.words(2) == ["open 2", "2"]


def test_while_this_process_may_not_be_the_host_it_sends_nothing(peer: Callable[..., Peer]) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.may_serve = False
    one.ref.tell(change("open", 1))
    put(one, subscribed, event(1))
    assert not one.pipe.poll(0.3)
    one.ref.tell(Dismiss("another process is the host now", True))
    assert not one.pipe.poll(0.3)
    one.may_serve = True
    assert one.words(1) == ["Goodbye"], "and nothing of what waited"
    one.ended()


# --- who is slow, or stopped


def fill(one: Peer, subscribed: Subscribe) -> None:
    """Put in more than the pipe takes while nobody reads."""
    for number in range(1, 201):
        put(one, subscribed, event(number, size=5000))


def test_who_reads_nothing_is_cut_off(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outlet, "PATIENCE", 0.3)
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    with caplog.at_level(logging.WARNING):
        fill(one, subscribed)
        one.ended()
    assert "read nothing for 0.3 s" in caplog.text


def test_who_is_far_behind_is_cut_off(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outlet, "MEMORY_BYTES", 100_000)
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    with caplog.at_level(logging.WARNING):
        fill(one, subscribed)
        one.ended()
    assert "too slowly" in caplog.text


def test_a_host_that_stood_still_cuts_nobody_off_for_it(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = peer()
    subscribed = one.want(trade_want("KRW-ETH"))
    one.ref.tell(change("open", 1))
    fill(one, subscribed)
    wait_until(lambda: one.session._outlet._stuck is not None, "no room in the pipe")
    monkeypatch.setattr(outlet, "clock", lambda: clock() + 100.0)
    assert one.words(201) == ["open 1", *map(str, range(1, 201))]


@pytest.mark.parametrize("stood_still", [False, True])
def test_who_does_not_greet_is_cut_off_by_a_host_that_ran(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch, stood_still: bool
) -> None:
    monkeypatch.setattr(subject, "LOOK", 0.05)
    monkeypatch.setattr(subject, "GREETING", 10.0 if stood_still else 0.3)
    one = peer(greets=False)
    if stood_still:
        monkeypatch.setattr(subject, "clock", lambda: clock() + 1000.0)
        wait_until(lambda: one.session._greeting._since > clock() + 900, "a look at the clock")
        one.greet()
        return
    assert "no greeting" in one.ended().stranger


def test_an_end_that_is_told_while_the_session_ends_leaves_no_socket(peer: Callable[..., Peer]) -> None:
    one = peer()
    one.ref.stop(block=False)
    one.pipe.close()
    one.ended()  # `nothing_left_behind` counts the sockets
