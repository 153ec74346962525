"""The router between sources that are only numbers, a registry that notes what it is told, and mailboxes."""

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth, GetInheritance
from websocket_v6.actors.messages.registry import Marked, SnapshotServed, StreamsSeen
from websocket_v6.actors.messages.router import (
    AddRoutes,
    Attach,
    DropRoutes,
    MailboxDrained,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
    UseRegistry,
)
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit, End, Expect, Join, Mark, Merge, Retire, Turn
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.heads import StatusUp

BITCOIN = "ticker KRW-BTC"
CREDITS = 4


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class World:
    """A router and whoever it tells something, with one source open."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.registry = Note.start(self.told)
        self.router = Router.start(supervisor=self.registry)
        self.credits: dict[int, queue.SimpleQueue[bool]] = {}
        self._number = 0
        self.tell(UseRegistry(self.registry))
        self.attach(1)
        self.tell(Admit(1, 1, False))

    def tell(self, *messages: object) -> None:
        for message in messages:
            tell(self.router, message)

    def attach(self, attachment: int, source: int | None = None, endpoint: str = "public", at_ns: int = 10) -> None:
        """Let a source open; it is not admitted yet."""
        source = source or attachment
        self.credits[attachment] = queue.SimpleQueue()
        self.tell(Attach(attachment, endpoint, source, self.credits[attachment], CREDITS))
        self.tell(SourceOpened(endpoint, source, attachment, at_ns))

    def end(self, attachment: int, whole_ns: int = 50) -> None:
        self.tell(SourceEnded("public", attachment, attachment, whole_ns, 60, "lost"))

    def subscribe(
        self,
        *streams: str,
        snapshots: bool = True,
        realtime: bool = True,
        endpoint: str = "public",
        policy: Mailbox = Mailbox.drop_oldest(1000),  # noqa: B008 - a value that does not change
        awaits: bool = False,
    ) -> MailboxQueue:
        mailbox = MailboxQueue(policy)
        self._number += 1
        self.tell(AddRoutes(self._number, endpoint, streams, mailbox, None, True, snapshots, realtime, awaits))
        return mailbox

    def deliver(
        self, *messages: tuple[str, bytes], source: int = 1, replayed: bool = False, endpoint: str = "public"
    ) -> None:
        streams, payloads = [one[0] for one in messages], [one[1] for one in messages]
        self.tell(Batch(endpoint, source, 20, 5, streams, payloads, replayed))

    def settle(self) -> Any:
        """Wait until it has done all it was told, and return its health."""
        return ask(self.router, GetHealth(), 5)

    def take(self, mailbox: MailboxQueue) -> list[Event]:
        self.settle()
        events = mailbox.take_many(0.0, 1000)
        assert all(isinstance(event, Event) for event in events)
        return events  # type: ignore[return-value]

    def heard(self, *kinds: type) -> list[Any]:
        """Return what the registry has been told by now, of these kinds."""
        self.settle()
        ask(self.registry, GetHealth(), 5)
        found = []
        while not self.told.empty():
            found.append(self.told.get())
        return [one for one in found if isinstance(one, kinds)]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for ref in (made.router, made.registry):
        assert stop_and_join(ref, 5)


def ticker(price: int, stream_type: str = "REALTIME", at: int = 1) -> tuple[str, bytes]:
    text = f'{{"ty":"ticker","cd":"KRW-BTC","tp":{price},"tms":{at},"st":"{stream_type}"}}'
    return BITCOIN, text.encode()


def order(number: int) -> tuple[str, bytes]:
    return "myOrder KRW-BTC", f'{{"ty":"myOrder","cd":"KRW-BTC","uid":"{number}"}}'.encode()


def prices(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.stream_type, int(event.trade_price)) for event in events]  # type: ignore[attr-defined]


# --- epochs and credits


def test_events_bear_the_epoch_of_their_attachment(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.tell(Turn("private", 9), Turn("public", 3))
    world.deliver(ticker(1))
    world.tell(Turn("public", 4))
    world.deliver(ticker(2))
    assert [event.epoch for event in world.take(mailbox)] == [3, 4]


def test_credits_are_given_out_on_admission_and_come_back_with_each_batch(world: World) -> None:
    world.attach(2)
    world.settle()
    assert world.credits[2].empty(), "nothing can come under an epoch that is not its own"
    world.tell(Admit(2, 1, True))
    world.deliver(ticker(1))
    world.deliver(ticker(2), source=2)
    world.deliver(ticker(3), source=2)
    world.settle()
    assert [world.credits[number].qsize() for number in (1, 2)] == [CREDITS + 1, CREDITS + 2]


def test_what_comes_after_the_end_of_an_attachment_is_dropped_and_counted(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1))
    world.tell(End(1, "cut"))
    world.deliver(ticker(2))
    assert prices(world.take(mailbox)) == [("REALTIME", 1)]
    assert world.settle().late == 1
    assert world.credits[1].qsize() == CREDITS + 1


def test_the_end_is_told_once_with_what_was_delivered(world: World) -> None:
    world.subscribe(BITCOIN)
    world.deliver(ticker(1))
    world.tell(End(1, "cut"))
    world.end(1)
    (ended,) = world.heard(SourceEnded)
    assert (ended.attachment, ended.whole_ns, ended.reason) == (1, 20, "cut"), "the batch's own bound"


def test_the_end_of_what_never_opened_concerns_nobody(world: World) -> None:
    world.tell(Attach(2, "public", 2, queue.SimpleQueue(), CREDITS))
    world.end(2)
    world.tell(SourceOpened("public", 2, 2, 5), SourceSaid("public", 2, StatusUp()))
    assert world.heard(SourceEnded, SourceOpened, SourceSaid) == [SourceOpened("public", 1, 1, 10)]


def test_what_a_source_says_comes_behind_its_data(world: World) -> None:
    world.subscribe(BITCOIN)
    world.deliver(ticker(1))
    world.tell(SourceSaid("public", 1, StatusUp()))
    world.end(1)
    world.tell(SourceState("public", 1, "connecting", 70))
    kinds = [type(one) for one in world.heard(StreamsSeen, SourceSaid, SourceEnded, SourceState)]
    assert kinds == [StreamsSeen, SourceSaid, SourceEnded, SourceState]


def test_a_successor_begins_with_trades_and_bounds(world: World) -> None:
    trade = b'{"ty":"trade","cd":"KRW-BTC","sid":7,"st":"REALTIME"}'
    world.subscribe("trade KRW-BTC")
    world.deliver(("trade KRW-BTC", trade))
    left = ask(world.router, GetInheritance(), 5)
    assert [event.payload for event in left.trades["trade KRW-BTC"]] == [trade]
    assert left.whole_ns == {"public": 20}


# --- back-pressure


def test_a_full_mailbox_holds_back_its_own_endpoint_alone(world: World) -> None:
    world.attach(2, endpoint="private")
    world.tell(Admit(2, 1, False))
    full = world.subscribe(BITCOIN, policy=Mailbox.block(1))
    orders = world.subscribe("myOrder KRW-BTC", endpoint="private")
    world.deliver(ticker(1))
    world.deliver(ticker(2))
    world.deliver(order(1), source=2, endpoint="private")
    world.settle()
    assert world.credits[1].qsize() == CREDITS, "both batches' credits are withheld"
    assert world.credits[2].qsize() == CREDITS + 1
    assert len(world.take(orders)) == 1
    assert len(world.take(full)) == 2
    wait_until(lambda: world.credits[1].qsize() == CREDITS + 2, "the credits")


def test_a_mailbox_that_filled_again_goes_on_holding_back(world: World) -> None:
    mailbox = world.subscribe(BITCOIN, policy=Mailbox.block(1))
    world.deliver(ticker(1))
    world.settle()
    mailbox.take(0.0)  # the word of it lies behind the next batch
    world.tell(MailboxDrained(1))
    world.deliver(ticker(2))
    world.deliver(ticker(3))
    world.tell(MailboxDrained(1))  # a stale one
    world.settle()
    assert mailbox.full
    assert world.credits[1].qsize() == CREDITS + 1


def test_replayed_values_fill_a_mailbox_too(world: World) -> None:
    world.subscribe(BITCOIN, "ticker KRW-ETH")
    world.deliver(ticker(1), ("ticker KRW-ETH", ticker(2)[1]))
    mailbox = world.subscribe(BITCOIN, "ticker KRW-ETH", policy=Mailbox.block(1))
    world.deliver(ticker(3))
    world.settle()
    assert mailbox.full
    assert world.credits[1].qsize() == CREDITS + 1


def test_a_mailbox_that_goes_away_holds_back_nobody(world: World) -> None:
    world.subscribe(BITCOIN, policy=Mailbox.block(1))
    world.deliver(ticker(1))
    world.tell(DropRoutes(1))
    world.settle()
    assert world.credits[1].qsize() == CREDITS + 1


def test_a_mark_says_since_when_the_sources_flow(world: World) -> None:
    mailbox = world.subscribe(BITCOIN, policy=Mailbox.block(1))
    world.tell(Mark("public", 1))
    world.deliver(ticker(1))
    world.tell(Mark("public", 2), Mark("private", 3))
    world.settle()
    mailbox.take(0.0)
    world.tell(Mark("public", 4))
    told = {one.number: one.flowing_since for one in world.heard(Marked)}
    assert (told[1], told[2], told[3]) == (float("-inf"), None, float("-inf"))
    assert isinstance(told[4], float)
    assert told[4] <= time.monotonic()
    assert told[4] > 0


def test_an_unknown_type_goes_to_takers_of_its_own_endpoint(world: World) -> None:
    public = world.subscribe(BITCOIN)
    private = world.subscribe("myOrder KRW-BTC", endpoint="private", policy=Mailbox.block(1))
    world.deliver(ticker(1), ("novelty KRW-BTC", b'{"ty":"novelty","cd":"KRW-BTC"}'))
    assert len(world.take(public)) == 2
    assert not world.take(private)


# --- how takers take


def test_a_replayed_value_is_a_snapshot_whatever_it_says(world: World) -> None:
    live = world.subscribe(BITCOIN)
    once = world.subscribe(BITCOIN, realtime=False)
    realtime = world.subscribe(BITCOIN, snapshots=False)
    world.deliver(ticker(1), replayed=True)
    world.deliver(ticker(2))
    assert prices(world.take(live)) == [("SNAPSHOT", 1), ("REALTIME", 2)]
    assert [event.stream_type for event in world.take(once)] == ["SNAPSHOT"]
    assert [event.stream_type for event in world.take(realtime)] == ["REALTIME"]
    told = world.heard(SnapshotServed, StreamsSeen)
    assert told == [SnapshotServed(2, BITCOIN), StreamsSeen("public", 1, (BITCOIN,))]


def test_who_waits_for_a_deeper_book_gets_nothing_before_its_snapshot(world: World) -> None:
    early = world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    deep = world.subscribe(BITCOIN, awaits=True)
    once = world.subscribe(BITCOIN, realtime=False, awaits=True)
    world.tell(Expect((BITCOIN,)))
    world.deliver(ticker(2))
    late = world.subscribe(BITCOIN)
    assert not world.take(late), "the last value is too short for it"
    world.deliver(ticker(3), ticker(4, "SNAPSHOT"), ticker(5))
    assert [price for _, price in prices(world.take(early))] == [1, 2, 3, 4, 5]
    for mailbox in (deep, late):
        assert prices(world.take(mailbox)) == [("SNAPSHOT", 4), ("REALTIME", 5)]
    assert prices(world.take(once)) == [("SNAPSHOT", 4)]
    assert world.heard(StreamsSeen) == [StreamsSeen("public", 1, (BITCOIN,))] * 2, "it has begun anew"


def test_streams_that_are_retired_together_are_all_forgotten(world: World) -> None:
    streams = (BITCOIN, "ticker KRW-ETH")
    world.subscribe(*streams)
    world.deliver(*((stream, ticker(1)[1]) for stream in streams))
    world.tell(Retire(("ticker KRW-NOBODY", *streams)))
    late = world.subscribe(*streams)
    assert not world.take(late), "an old value is no snapshot"


# --- several sources


def test_a_snapshot_of_a_stream_that_runs_is_delivered_as_what_happened_if_it_is_news(world: World) -> None:
    live = world.subscribe(BITCOIN)
    realtime = world.subscribe(BITCOIN, snapshots=False)
    world.deliver(ticker(1, "SNAPSHOT"), ticker(2, at=2))
    world.tell(Merge("public", True))
    for attachment in (2, 3):
        world.attach(attachment)
        world.tell(Admit(attachment, 1, True), Join(attachment))
    world.deliver(ticker(2, "SNAPSHOT", at=2), source=2)
    world.deliver(ticker(3, "SNAPSHOT", at=3), source=3)
    assert prices(world.take(live)) == [("SNAPSHOT", 1), ("REALTIME", 2), ("REALTIME", 3)]
    assert prices(world.take(realtime)) == [("REALTIME", 2), ("REALTIME", 3)]
    assert world.settle().repeated == 1


def test_a_source_that_is_held_is_heard_when_it_joins(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.tell(Merge("public", True))
    world.attach(2)
    world.tell(Admit(2, 1, True))
    world.deliver(ticker(3, at=3), source=2)
    world.deliver(ticker(2, at=2), ticker(3, at=3))
    assert [price for _, price in prices(world.take(mailbox))] == [1, 2, 3]
    assert world.credits[2].qsize() == CREDITS + 1, "it is not made to wait"
    world.deliver(ticker(4, at=4), source=2)
    world.tell(Join(2))
    world.deliver(ticker(5, at=5), source=2)
    assert [price for _, price in prices(world.take(mailbox))] == [4, 5]
    assert StreamsSeen("public", 2, (BITCOIN,)) in world.heard(StreamsSeen)


def test_what_was_held_dies_with_its_attachment(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.tell(Merge("public", True))
    world.attach(2)
    world.tell(Admit(2, 1, True))
    world.deliver(ticker(3, at=3), source=2)
    world.end(2)
    world.tell(Join(2))
    assert prices(world.take(mailbox)) == [("SNAPSHOT", 1)]


def test_without_a_second_source_nothing_is_compared(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.tell(Merge("public", True), Merge("public", False))
    world.deliver(ticker(1), ticker(1))
    assert len(world.take(mailbox)) == 2
