"""The whole way through a pipe, between two routers: a slow guest over lost connections, and one that is cut off."""

import queue
import time
from collections.abc import Iterator
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, stop_and_join, tell
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.membership import inflow
from websocket_v6.actors.membership.link import Link, LinkUp
from websocket_v6.actors.membership.rendezvous import HostEntry
from websocket_v6.actors.membership.session import Guest, Session, ShareWith
from websocket_v6.actors.messages.common import Credits, Ref
from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.actors.messages.connection import Connect, next_attachment
from websocket_v6.actors.messages.registry import Subscribe
from websocket_v6.actors.messages.router import (
    AddRoutes,
    Attach,
    SourceEnded,
    SourceOpened,
    UseRegistry,
)
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit, Turn
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.wants import trade_want

STREAM = "trade KRW-ETH"
WANT = trade_want("KRW-ETH")
BLOCK = 64
COUNT = 1000  # trades of each epoch
KEY = b"k" * 32


class Registry(Actor):
    """As little of a registry as there can be: one source at a time, each opening an epoch."""

    def __init__(self, told: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self.told = told
        self.epoch = 0
        self.router: Ref | None = None
        self.component: Ref | None = None
        self._is_open = False

    def on_receive(self, message: object) -> None:
        match message:
            case UseRegistry(router):
                self.router = router
            case SourceOpened(endpoint, _, attachment, at_ns):
                self.epoch += 1
                self._is_open = True
                # The data may be faster than this news: so it is told last.
                tell(self.router, Turn(endpoint, self.epoch))
                tell(self.router, Admit(attachment, self.epoch, False))
                tell(self.component, ConnectionChanged(endpoint, "open", self.epoch, at_ns))
            case SourceEnded(endpoint, _, _, whole_ns, at_ns, reason):
                self._is_open = False
                tell(self.component, ConnectionChanged(endpoint, "lost", self.epoch, at_ns, whole_ns, reason))
            case Subscribe(_, number, want, mailbox, component):
                self.component = component
                tell(
                    self.router,
                    AddRoutes(number, "public", tuple(want.streams()), mailbox, component, False, True, True),
                )
                if self._is_open:
                    tell(component, ConnectionChanged("public", "open", self.epoch, time.time_ns()))
            case Guest(session, _):
                session.tell(ShareWith(("public",), False))
        self.told.put(message)


class Side:
    """One process: its router and its registry."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.registry = Registry.start(self.told)
        self.router = Router.start(supervisor=self.registry)
        self.router.tell(UseRegistry(self.registry))
        self.registry.tell(UseRegistry(self.router))
        self.refs: list[Ref] = []

    def close(self) -> None:
        for ref in (*self.refs, self.router, self.registry):
            assert stop_and_join(ref, 10)


class Source:
    """A connection of the host to the exchange, which a test plays."""

    def __init__(self, router: Ref) -> None:
        self._router = router
        self._credits: Credits = queue.SimpleQueue()
        self.attachment = next_attachment()
        router.tell(Attach(self.attachment, "public", 1, self._credits, 8))
        router.tell(SourceOpened("public", 1, self.attachment, time.time_ns()))

    def trade(self, number: int) -> None:
        assert self._credits.get(timeout=10)
        payload = b'{"ty":"trade","cd":"KRW-ETH","sid":%d,"st":"REALTIME"}' % number
        now_ns = time.time_ns()
        self._router.tell(Batch("public", self.attachment, now_ns, now_ns, [STREAM], [payload]))

    def lose(self) -> None:
        now_ns = time.time_ns()
        self._router.tell(SourceEnded("public", 1, self.attachment, now_ns, now_ns, "cut"))


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Return a host and its guest, which wants trades and has them wait in a mailbox that blocks."""
    host, guest = Side(), Side()
    with Listener(str(tmp_path / "f.sock"), backlog=1) as listener:
        link = Link.start(
            entry=HostEntry(str(listener.address), KEY, 1),
            keys=b"",
            sources={"public": 7, "private": 8, "info": 9},
            router=guest.router,
            owner=guest.registry,
        )
        session = Session.start(
            connection=listener.accept(),
            key=KEY,
            region="kr",
            registry=host.registry,
            owner=host.registry,
            may_serve=lambda: True,
        )
        host.refs.append(session)
        guest.refs.append(link)
        wait_for(guest, LinkUp)
        yield host, guest
        guest.close()
        host.close()


def wait_for(side: Side, kind: type[Any]) -> Any:
    while not isinstance(message := side.told.get(timeout=20), kind):
        pass
    return message


def want(host: Side, guest: Side) -> MailboxQueue:
    """Have the guest want trades; return the mailbox that they come to."""
    mailbox = MailboxQueue(Mailbox.block(BLOCK))
    guest.registry.tell(Subscribe("guest", 99, WANT, mailbox, None))
    guest.refs[0].tell(Connect("public", (WANT,)))
    wait_for(host, Subscribe)
    wait_for(guest, SourceOpened)
    return mailbox


def test_a_slow_guest_misses_nothing_over_lost_connections(sides: tuple[Side, Side]) -> None:
    host, guest = sides
    source = Source(host.router)
    mailbox = want(host, guest)
    expected: list[tuple[int, int]] = []
    for epoch in (1, 2, 3):
        for number in range(epoch * 10_000, epoch * 10_000 + COUNT):
            source.trade(number)
            expected.append((epoch, number))
        if epoch < 3:
            source.lose()
            source = Source(host.router)
    link: Any = guest.refs[0]._actor_weakref()
    wait_until(lambda: link._inflow.reading_since is None, "the guest's reader without a credit")
    assert mailbox.stats.queued <= BLOCK + inflow.CREDITS
    found: list[tuple[int, int]] = []
    while len(found) < len(expected):
        event: Any = mailbox.get(timeout=10)
        found.append((event.epoch, event.sequential_id))
    assert found == expected
    source.trade(1)
    assert mailbox.get(timeout=10).epoch == 3, "and it is not deaf"


def test_a_guest_that_is_cut_off_knows_up_to_when_it_has_all(sides: tuple[Side, Side]) -> None:
    host, guest = sides
    source = Source(host.router)
    mailbox = want(host, guest)
    for number in range(1, 1001):
        source.trade(number)
    link: Any = guest.refs[0]._actor_weakref()
    wait_until(lambda: link._inflow.reading_since is None, "the guest's reader without a credit")
    assert stop_and_join(host.refs.pop(), 10)
    came = list(iter(lambda: take(mailbox), None))
    while not isinstance(told := guest.told.get(timeout=20), SourceEnded):
        pass
    assert 0 < len(came) < 1000
    assert [event.sequential_id for event in came] == list(range(1, len(came) + 1)), "without a hole"
    assert told.whole_ns == came[-1].received_at


def take(mailbox: MailboxQueue) -> Any:
    """Return the next event, `None` once no more come."""
    try:
        return mailbox.get(timeout=2)
    except TimeoutError:
        return None
