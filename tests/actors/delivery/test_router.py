"""The router between lines that are only numbers, a registry that notes what it is told, and mailboxes."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest

from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.delivery.mailbox import MailboxQueue
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.registry import SnapshotServed, StreamsSeen
from websocket_v6.actors.messages.router import AddRoutes, AttachSource, Join, Merge, NewEpoch, UseRegistry
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event

BITCOIN = "ticker KRW-BTC"


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class World:
    """A router and whoever it tells something."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.registry = Note.start(self.told)
        self.router = Router.start(supervisor=self.registry)
        tell(self.router, UseRegistry(self.registry))
        self._number = 0

    def subscribe(self, *streams: str, snapshots: bool = True, realtime: bool = True) -> MailboxQueue:
        mailbox = MailboxQueue(Mailbox.drop_oldest(1000))
        self._number += 1
        tell(self.router, AddRoutes(self._number, streams, mailbox, None, True, snapshots, realtime))
        return mailbox

    def deliver(self, *messages: tuple[str, bytes], line: int = 1, replayed: bool = False) -> None:
        streams, payloads = [one[0] for one in messages], [one[1] for one in messages]
        tell(self.router, Batch("public", line, 1, 5, streams, payloads, replayed))

    def settle(self) -> Any:
        """Wait until it has done all it was told, and return its health."""
        return ask(self.router, GetHealth(), 5)

    def take(self, mailbox: MailboxQueue) -> list[Event]:
        self.settle()
        events = mailbox.take_many(0.0, 1000)
        assert all(isinstance(event, Event) for event in events)
        return events  # type: ignore[return-value]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for ref in (made.router, made.registry):
        assert stop_and_join(ref, 5)


def ticker(price: int, stream_type: str = "REALTIME", at: int = 1) -> tuple[str, bytes]:
    text = f'{{"ty":"ticker","cd":"KRW-BTC","tp":{price},"tms":{at},"st":"{stream_type}"}}'
    return BITCOIN, text.encode()


def test_events_bear_the_epoch_that_the_registry_counts(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    tell(world.router, NewEpoch("private", 9))
    tell(world.router, NewEpoch("public", 3))
    world.deliver(ticker(1))
    tell(world.router, NewEpoch("public", 4))
    world.deliver(ticker(2))
    assert [event.epoch for event in world.take(mailbox)] == [3, 4]


def test_each_line_gets_its_own_credits_back(world: World) -> None:
    credits_: list[queue.SimpleQueue[bool]] = [queue.SimpleQueue() for _ in range(2)]
    for line, own in enumerate(credits_, start=1):
        tell(world.router, AttachSource("public", line, 1, own))
    world.deliver(ticker(1), line=1)
    world.deliver(ticker(2), line=2)
    world.deliver(ticker(3), line=2)
    world.settle()
    assert [own.qsize() for own in credits_] == [1, 2]


def test_a_replayed_value_is_a_snapshot_whatever_it_says(world: World) -> None:
    live = world.subscribe(BITCOIN)
    once = world.subscribe(BITCOIN, realtime=False)
    realtime = world.subscribe(BITCOIN, snapshots=False)
    world.deliver(ticker(1), replayed=True)
    world.deliver(ticker(2))
    assert [(event.stream_type, event.trade_price) for event in world.take(live)] == [  # type: ignore[attr-defined]
        ("SNAPSHOT", 1),
        ("REALTIME", 2),
    ]
    assert [event.stream_type for event in world.take(once)] == ["SNAPSHOT"]
    assert [event.stream_type for event in world.take(realtime)] == ["REALTIME"]
    assert world.told.get(timeout=5) == SnapshotServed(2, BITCOIN)
    assert world.told.get(timeout=5) == StreamsSeen("public", 1, (BITCOIN,))


def prices(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.stream_type, int(event.trade_price)) for event in events]  # type: ignore[attr-defined]


def test_a_snapshot_of_a_stream_that_runs_is_delivered_as_what_happened_if_it_is_news(world: World) -> None:
    live = world.subscribe(BITCOIN)
    realtime = world.subscribe(BITCOIN, snapshots=False)
    world.deliver(ticker(1, "SNAPSHOT"), ticker(2, at=2))
    tell(world.router, Merge("public", True))
    world.deliver(ticker(2, "SNAPSHOT", at=2), line=2)
    world.deliver(ticker(3, "SNAPSHOT", at=3), line=3)
    assert prices(world.take(live)) == [("SNAPSHOT", 1), ("REALTIME", 2), ("REALTIME", 3)]
    assert prices(world.take(realtime)) == [("REALTIME", 2), ("REALTIME", 3)]
    assert world.settle().repeated == 1


def test_a_line_that_attaches_beside_another_is_held_until_it_joins(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    tell(world.router, Merge("public", True))
    credits_: queue.SimpleQueue[bool] = queue.SimpleQueue()
    tell(world.router, AttachSource("public", 2, 1, credits_))
    world.deliver(ticker(3, at=3), line=2)
    world.deliver(ticker(2, at=2), ticker(3, at=3))
    assert [price for _, price in prices(world.take(mailbox))] == [1, 2, 3]
    assert credits_.qsize() == 1, "it is not made to wait"
    world.deliver(ticker(4, at=4), line=2)
    tell(world.router, Join("public", 2))
    world.deliver(ticker(5, at=5), line=2)
    assert [price for _, price in prices(world.take(mailbox))] == [4, 5]
    assert StreamsSeen("public", 2, (BITCOIN,)) in [world.told.get(timeout=5) for _ in range(3)]


def test_without_a_second_line_nothing_is_compared(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    for is_on in (True, False):
        tell(world.router, Merge("public", is_on))
    world.deliver(ticker(1), ticker(1))
    assert len(world.take(mailbox)) == 2
