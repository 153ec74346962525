"""The router between sources that are only numbers, a registry that notes what it is told, and mailboxes."""

import logging
import queue
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.backfill import Fetch, MissingTrades, TradesBegan, TradesReleased
from websocket_v6.actors.messages.common import GetHealth, GetInheritance
from websocket_v6.actors.messages.registry import Marked, SnapshotServed, StreamsSeen
from websocket_v6.actors.messages.router import (
    AddRoutes,
    Attach,
    DropRoutes,
    Filled,
    MailboxDrained,
    Malformed,
    RouterInheritance,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
    UseBackfill,
    UseRegistry,
)
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.actors.visited import VisitedInbox, visit
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import (
    Admit,
    End,
    Expect,
    Forget,
    HoldTrades,
    Join,
    Mark,
    Merge,
    Retire,
    Skip,
    Turn,
)
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.events import Event, Number
from websocket_v6.protocol.exchange.heads import StatusUp

BITCOIN, TRADES = "ticker KRW-BTC", "trade KRW-BTC"
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
        numbers: Number = Decimal,
    ) -> MailboxQueue:
        mailbox = MailboxQueue(policy, numbers=numbers)
        self._number += 1
        self.tell(AddRoutes(self._number, endpoint, streams, mailbox, None, True, snapshots, realtime, awaits))
        return mailbox

    def deliver(self, *messages: tuple[str, bytes], source: int = 1, endpoint: str = "public", **marks: bool) -> None:
        self.tell(batch(*messages, source=source, endpoint=endpoint, **marks))

    @property
    def inbox(self) -> VisitedInbox:
        inbox = self.router.actor_inbox
        assert isinstance(inbox, VisitedInbox)
        return inbox

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


def batch(*messages: tuple[str, bytes], source: int = 1, endpoint: str = "public", **marks: bool) -> Batch:
    return Batch(endpoint, source, 20, 5, [one[0] for one in messages], [one[1] for one in messages], **marks)


def ticker(price: int, stream_type: str = "REALTIME", at: int = 1) -> tuple[str, bytes]:
    text = f'{{"ty":"ticker","cd":"KRW-BTC","tp":{price},"tms":{at},"st":"{stream_type}"}}'
    return BITCOIN, text.encode()


def trade(number: int, stream_type: str = "REALTIME") -> tuple[str, bytes]:
    return TRADES, f'{{"ty":"trade","cd":"KRW-BTC","sid":{number},"st":"{stream_type}"}}'.encode()


def order(number: int) -> tuple[str, bytes]:
    return "myOrder KRW-BTC", f'{{"ty":"myOrder","cd":"KRW-BTC","uid":"{number}"}}'.encode()


def ids(events: list[Event]) -> list[tuple[int, bool]]:
    return [(event.sequential_id, event.backfilled) for event in events]  # type: ignore[attr-defined]


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


def test_the_end_that_a_source_tells_itself_is_told_on_as_it_is(world: World) -> None:
    world.end(1)
    world.tell(End(1, "cut"))
    assert world.heard(SourceEnded) == [SourceEnded("public", 1, 1, 50, 60, "lost")]
    world.attach(2)
    world.tell(End(2, "cut"), Admit(2, 1, True), Join(2))
    (ended,) = world.heard(SourceEnded)
    assert (ended.endpoint, ended.source, ended.whole_ns, ended.reason) == ("public", 2, 10, "cut")
    assert ended.at_ns > 10**18, "now"


@pytest.mark.parametrize("ends", [2, 3])
def test_with_one_part_all_end_and_it_is_told_once_for_the_whole(world: World, ends: int) -> None:
    mailbox = world.subscribe(BITCOIN, TRADES)
    for part, whole in ((2, 0), (3, 2)):
        world.credits[part] = queue.SimpleQueue()
        world.tell(Attach(part, "public", 7, world.credits[part], CREDITS, whole))
        world.tell(SourceOpened("public", 7, part, 10, whole=whole), Admit(part, 1, False))
    world.deliver(ticker(1), source=2)
    world.deliver(trade(1), source=3)
    world.deliver(trade(2), source=3)
    world.settle()
    assert [world.credits[part].qsize() for part in (2, 3)] == [CREDITS + 1, CREDITS + 2]
    world.tell(SourceEnded("public", 7, ends, 50, 60, "lost"))
    world.deliver(ticker(2), source=2)
    world.deliver(trade(3), source=3)
    world.tell(SourceEnded("public", 7, 5 - ends, 90, 95, "closed"), End(2, "cut"))
    assert world.heard(SourceEnded) == [SourceEnded("public", 7, 2, 20, 60, "lost")], "20: the other part's last batch"
    assert len(world.take(mailbox)) == 3
    assert world.settle().late == 2


def test_a_successor_begins_with_trades_and_bounds(world: World) -> None:
    world.subscribe(TRADES)
    world.deliver(trade(7))
    left = ask(world.router, GetInheritance(), 5)
    assert isinstance(left, RouterInheritance)
    assert left.whole_ns == {"public": 20}
    successor = Router.start(supervisor=world.registry, inheritance=left)
    assert stop_and_join(world.router, 5)
    world.router = successor
    world.attach(2)
    world.tell(Admit(2, 1, False))
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(7), trade(8), source=2)
    assert ids(world.take(mailbox)) == [(7, False), (8, False)], "a newcomer begins with it"
    world.tell(Forget("public"))
    world.deliver(trade(7, "SNAPSHOT"), source=2)
    assert world.take(mailbox) == []
    assert world.settle().repeated == 1


def test_a_second_snapshot_of_a_trade_stream_that_runs_brings_no_trade_again(world: World) -> None:
    """The exchange is asked for it again where its first answer was on its way when the next want came."""
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(6, "SNAPSHOT"), trade(7))
    world.deliver(trade(8))
    world.deliver(trade(8, "SNAPSHOT"), trade(9))
    assert ids(world.take(mailbox)) == [(6, False), (7, False), (8, False), (9, False)]
    assert world.settle().repeated == 1
    world.deliver(trade(10, "SNAPSHOT"), trade(11))
    assert ids(world.take(mailbox)) == [(10, False), (11, False)], "news all the same"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_is_told_with_what_a_successor_begins_with(world: World) -> None:
    world.subscribe(TRADES)
    world.deliver(trade(7))
    world.tell(Admit(1, 1, False))
    wait_until(lambda: not world.router.is_alive(), "the end of the router")
    while not isinstance(failed := world.told.get(timeout=20), Failed):
        pass
    assert (failed.name, failed.ref) == ("router", world.router)
    assert "admitted twice" in str(failed.error)
    assert failed.inheritance.whole_ns == {"public": 20}
    assert list(failed.inheritance.trades) == [TRADES]


def test_a_source_that_visits_finds_its_batch_delivered(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.settle()
    wait_until(lambda: world.inbox.turn % 2 == 0, "rest")
    visit(world.router, batch(ticker(1)))
    assert len(mailbox.take_many(0.0, 10)) == 1
    assert world.credits[1].qsize() == CREDITS + 1, "and its credit is back"


def test_what_was_told_before_a_visit_is_delivered_before_it(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    numbers = range(200)
    for number in numbers:
        (visit if number % 3 else tell)(world.router, batch(ticker(number)))
        world.credits[1].get(timeout=20)
    assert [price for _, price in prices(world.take(mailbox))] == list(numbers)


def test_a_bug_at_a_visit_is_the_router_s(world: World) -> None:
    world.attach(2)  # and is not admitted, so it has no credit yet
    world.settle()
    wait_until(lambda: world.inbox.turn % 2 == 0, "rest")
    visit(world.router, batch(ticker(1), source=2))
    failed = world.told.get(timeout=20)
    while not isinstance(failed, Failed):
        failed = world.told.get(timeout=20)
    assert (failed.name, failed.ref) == ("router", world.router)
    assert isinstance(failed.error, LocalProtocolError)


def test_what_it_does_not_know_ends_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.tell(("what", "is this"))
    assert world.settle().received == 0
    assert "is this" in caplog.text


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


# --- routes


def test_each_message_goes_to_all_who_take_it_and_is_counted(world: World) -> None:
    one, other = world.subscribe(BITCOIN, TRADES), world.subscribe(BITCOIN)
    world.deliver(ticker(1), ticker(2), trade(7))
    world.deliver(ticker(3), trade(8), ("ticker KRW-NOBODY", b"{}"))
    assert [event.payload for event in world.take(one)] == [
        payload for _, payload in (ticker(1), ticker(2), trade(7), ticker(3), trade(8))
    ]
    assert prices(world.take(other)) == [("REALTIME", 1), ("REALTIME", 2), ("REALTIME", 3)]
    health = world.settle()
    assert (health.received, health.delivered, health.unrouted) == (6, 8, 1)
    assert (health.streams, health.mailboxes, health.repeated, health.late, health.malformed) == (2, 2, 0, 0, 0)
    left = ask(world.router, GetInheritance(), 5)
    assert [event.payload for event in left.trades[TRADES]] == [trade(7)[1], trade(8)[1]]


def test_routes_are_added_to_a_taker_that_is_there(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.tell(AddRoutes(1, "public", (TRADES,), mailbox, None, True, True, True))
    world.deliver(ticker(1), trade(7))
    assert len(world.take(mailbox)) == 2
    world.tell(DropRoutes(1, (BITCOIN,)))
    world.deliver(ticker(2), trade(8))
    assert [event.stream for event in world.take(mailbox)] == [TRADES]
    assert world.settle().mailboxes == 1
    world.tell(DropRoutes(1))
    assert world.settle().mailboxes == 0


def numbers_of(events: list[Any]) -> list[type]:
    return [type(event.trade_price) for event in events]


def test_events_are_made_with_floats_where_all_who_take_them_read_floats(world: World) -> None:
    floats = [world.subscribe(BITCOIN, numbers=float) for _ in range(2)]
    world.deliver(ticker(1))  # the first goes the careful way, which makes them exact
    world.deliver(ticker(2), ticker(3))
    one, other = (world.take(mailbox) for mailbox in floats)
    assert numbers_of(one[1:]) == [float, float]
    assert all(first is second for first, second in zip(one, other, strict=True)), "and both have the same ones"


def test_who_reads_exact_numbers_gets_them_beside_others(world: World) -> None:
    floats = world.subscribe(BITCOIN, numbers=float)
    world.deliver(ticker(1), ticker(2))
    exact = world.subscribe(BITCOIN)
    world.deliver(ticker(3), ticker(4))
    events: list[Any] = world.take(exact)
    assert prices(events) == [("SNAPSHOT", 2), ("REALTIME", 3), ("REALTIME", 4)]
    assert numbers_of(events) == [Decimal] * 3
    assert numbers_of([event.with_numbers(float) for event in world.take(floats)]) == [float] * 4
    world.tell(DropRoutes(world._number))
    world.deliver(ticker(5), ticker(6))
    assert numbers_of(world.take(floats)) == [Decimal, float]


@pytest.mark.parametrize("numbers", [Decimal, float])
def test_a_snapshot_alone_has_the_numbers_that_are_asked_for(world: World, numbers: Number) -> None:
    world.subscribe(BITCOIN, numbers=float)
    world.deliver(ticker(1), ticker(2))
    (event,) = world.take(world.subscribe(BITCOIN, realtime=False, numbers=numbers))
    assert numbers_of([event]) == [numbers]


def test_streams_that_begin_are_told_once(world: World) -> None:
    world.subscribe(BITCOIN, TRADES)
    world.deliver(ticker(1), trade(7), ticker(2))
    world.deliver(ticker(3))
    assert world.heard(StreamsSeen) == [StreamsSeen("public", 1, (BITCOIN, TRADES))]
    world.tell(Forget("public"))
    world.deliver(ticker(4))
    assert world.heard(StreamsSeen) == [StreamsSeen("public", 1, (BITCOIN,))]


def test_a_value_that_is_replayed_or_backfilled_never_goes_the_short_way(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1))
    world.deliver(ticker(2), replayed=True)
    world.deliver(ticker(3), backfilled=True)
    world.deliver(ticker(4))
    events = world.take(mailbox)
    assert [event.is_replayed for event in events] == [False, True, False, False]
    assert [event.backfilled for event in events] == [False, False, True, False]


def test_a_snapshot_alone_is_told_to_the_registry(world: World) -> None:
    once = world.subscribe(BITCOIN, realtime=False)
    world.deliver(ticker(1))
    assert prices(world.take(once)) == [("SNAPSHOT", 1)]
    assert world.heard(SnapshotServed) == [SnapshotServed(1, BITCOIN)]


def test_a_deeper_book_is_waited_for(world: World) -> None:
    world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.tell(Expect((BITCOIN,)))
    late = world.subscribe(BITCOIN)
    world.deliver(ticker(2), ticker(3, "SNAPSHOT"))
    assert prices(world.take(late)) == [("SNAPSHOT", 3)]


@pytest.mark.parametrize("others", [0, 1])
def test_what_was_on_its_way_when_its_stream_was_left_out_is_nobodys(world: World, others: int) -> None:
    """Whether there is another source, or not."""
    world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.tell(*[Merge("public", True)] * others, DropRoutes(1, None), Skip(1, (BITCOIN,)), Retire((BITCOIN,)))
    world.settle()
    again, later = world.subscribe(BITCOIN), world.subscribe(BITCOIN, snapshots=False)
    world.deliver(ticker(2), ticker(3))
    world.deliver(ticker(9, "SNAPSHOT"), ticker(10))
    assert prices(world.take(again)) == [("SNAPSHOT", 9), ("REALTIME", 10)]
    assert prices(world.take(later)) == [("REALTIME", 10)]
    assert [set(one.streams) for one in world.heard(StreamsSeen)] == [{BITCOIN}] * 2, "the first of each life"


def test_what_is_skipped_in_vain_counts_again(world: World) -> None:
    world.tell(Skip(1, (BITCOIN,)))
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(2))
    world.tell(Skip(1, (BITCOIN,), is_on=False))
    world.deliver(ticker(3))
    assert prices(world.take(mailbox)) == [("REALTIME", 3)]


def test_what_is_held_of_a_source_is_forgotten_when_it_leaves_that_out(world: World) -> None:
    world.tell(Merge("public", True))
    world.attach(2)
    world.tell(Admit(2, 1, True))
    mailbox = world.subscribe(BITCOIN)
    world.deliver(ticker(1), source=2)
    world.tell(Skip(2, (BITCOIN,)))
    world.deliver(ticker(2, at=2), ticker(7, "SNAPSHOT", at=7), ticker(8, at=8), source=2)
    world.tell(Join(2))
    assert [price for _, price in prices(world.take(mailbox))] == [7, 8]


def test_a_malformed_message_is_counted_once_and_a_type_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for key in ((5, 1), (5, 2), (5, 1)):
            world.tell(Malformed(BITCOIN, "no object", key))
        world.tell(Malformed(TRADES, "no object", (6, 1)))
        assert world.settle().malformed == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a malformed message of ticker KRW-BTC was skipped: no object",
        "a malformed message of trade KRW-BTC was skipped: no object",
    ]


# --- trades with a gap before them


def test_trades_wait_until_backfill_has_answered(world: World) -> None:
    world.tell(UseBackfill(world.registry))
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(1))
    world.tell(HoldTrades(2, 10, 20, 60.0), Turn("public", 2))
    world.deliver(trade(6))
    missing = MissingTrades(TRADES, (1,), True, 10, None)
    assert world.heard(Fetch, TradesBegan) == [Fetch(2, 10, 20, 60.0, (missing,)), TradesBegan(2, ((TRADES, 6),))]
    assert ids(world.take(mailbox)) == [(1, False)]
    world.tell(UseBackfill(world.registry))
    assert world.heard(Fetch) == [Fetch(2, 10, 20, 60.0, (msgspec.structs.replace(missing, first=6),))]
    world.tell(Filled(2, TRADES, 30, ((5, trade(5)[1]), (6, trade(6)[1]))))
    assert ids(world.take(mailbox)) == [(5, True), (6, False)]
    assert world.heard(TradesReleased) == [TradesReleased(2, TRADES, 1, "")]
    world.deliver(trade(5))
    assert world.take(mailbox) == []
    assert world.settle().repeated == 1


def test_without_an_answer_a_stream_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.router.SETTLE", 0.02)
    world.tell(UseBackfill(world.registry))
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(1))
    world.tell(HoldTrades(2, 10, 20, 0.02))
    world.deliver(trade(6))
    wait_until(lambda: mailbox.stats.received == 2, "the trade that waits")
    assert world.heard(TradesReleased) == [TradesReleased(2, TRADES, 0, "backfill did not answer")]


# --- several sources


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
    world.deliver(ticker(4, "SNAPSHOT", at=4), source=2)
    world.tell(Join(2))
    world.deliver(ticker(5, at=5), source=2)
    assert prices(world.take(mailbox)) == [("REALTIME", 4), ("REALTIME", 5)], "of a stream that runs"
    assert StreamsSeen("public", 2, (BITCOIN,)) in world.heard(StreamsSeen)


def test_a_snapshot_that_is_expected_is_no_repeat_whatever_it_says(world: World) -> None:
    """A thin book is the same at any depth; who waits for the deeper one begins with it all the same."""
    world.subscribe(BITCOIN)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.tell(Merge("public", True), Expect((BITCOIN,)))
    deep = world.subscribe(BITCOIN, awaits=True)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.deliver(ticker(2, at=2))
    assert [price for _, price in prices(world.take(deep))] == [1, 2]


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


def test_what_several_sources_bring_is_delivered_once_and_counted(world: World) -> None:
    mailbox = world.subscribe(BITCOIN)
    world.tell(Merge("public", True))
    world.attach(2)
    world.tell(Admit(2, 1, False))
    world.deliver(ticker(1), ticker(2, at=2))
    world.deliver(ticker(2, at=2), ticker(3, at=3), source=2)
    assert [price for _, price in prices(world.take(mailbox))] == [1, 2, 3]
    health = world.settle()
    assert (health.received, health.repeated) == (4, 1)
    world.tell(Retire((BITCOIN,)))
    world.deliver(ticker(3, at=3))
    assert len(world.take(mailbox)) == 1, "nothing of it is remembered"
