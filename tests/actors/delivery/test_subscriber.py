"""A component's own thread: bursts, timers, callbacks that raise anything, and the ends of subscriptions."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.delivery import handing_out
from websocket_v6.actors.delivery import subscriber as subject
from websocket_v6.actors.delivery.commands import Attach, Detach, Leave, OnConnection, OnOverflow, Overflowed
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.delivery.subscriber import Subscriber
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.component import ConnectionChanged, EngineFailed, PartFailed, Ready, StreamFailed
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError, EngineError, MailboxFullError, StreamError, TransportError
from websocket_v6.protocol.events import (
    ConnectionEvent,
    ConnectionState,
    Event,
    MarketsEvent,
    Number,
    OverflowEvent,
    Unrecovered,
    make_event,
    weigh,
)
from websocket_v6.protocol.exchange.wants import Want

PLENTY = Mailbox.drop_oldest(10_000)


class Noting(MailboxQueue):
    """Keeps how much was asked for each time; `taken` is called with what is taken out."""

    def __init__(self, policy: Mailbox = PLENTY, numbers: Number = Decimal) -> None:
        super().__init__(policy, numbers=numbers)
        self.limits: list[int] = []
        self.taken: Callable[[Sequence[Any]], object] = lambda events: None

    def take_many(self, now: float, limit: int) -> Sequence[Event | OverflowEvent | MarketsEvent]:
        self.limits.append(limit)
        events = super().take_many(now, limit)
        self.taken(events)
        return events


class World:
    """A component, and what it calls."""

    def __init__(self) -> None:
        self.cut: list[Edge] = []
        self.calls: list[tuple[int, Any]] = []
        self.errors: list[tuple[int, Exception]] = []
        self.ref = Subscriber.start("bot", self.cut.append)

    def attach(self, number: int, mailbox: MailboxQueue | None = None, **options: Any) -> MailboxQueue:
        """Add a subscription that notes its events and errors."""
        callback = options.pop("callback", lambda event: self.calls.append((number, event)))
        error_handler = options.pop("error_handler", lambda error: self.errors.append((number, error)))
        mailbox, calls = mailbox or Noting(), Calls(callback, error_handler)
        pushed = callback is not None
        edge = Edge(number, Want("ticker"), mailbox, calls=lambda: calls, is_pushed=pushed, **options)
        tell(self.ref, Attach(edge))
        return mailbox

    def put(self, number: int, mailbox: MailboxQueue, *events: int) -> None:
        """Deliver as the router does."""
        if mailbox.put_many([event(one) for one in events]):
            tell(self.ref, Ready(number))

    def tell(self, *messages: object) -> None:
        for message in messages:
            tell(self.ref, message)

    def settle(self) -> None:
        """Wait until it has done all it was told by now."""
        ask(self.ref, Ready(0), 10)

    def numbers(self, number: int = 1) -> list[int]:
        return [one.received_at for whose, one in self.calls if whose == number and isinstance(one, Event)]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    assert stop_and_join(made.ref, 10)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def held(callback: Callable[[Any], object]) -> Callable[[], Calls]:
    """Return how the engine gets at a callback; it is held for as long as the test needs it."""
    calls = Calls(callback)
    return lambda: calls


def event(number: int, payload: bytes = b'{"ty":"ticker","tp":1}') -> Event:
    return make_event("ticker KRW-BTC", payload, 1, number)


# --- events


def test_events_come_in_order_as_the_component_sees_them(world: World) -> None:
    mailbox = world.attach(1, Noting(numbers=float))
    world.put(1, mailbox, 1, 2, 3)
    world.settle()
    assert world.numbers() == [1, 2, 3]
    assert {type(one.trade_price) for _, one in world.calls} == {float}
    world.put(1, mailbox, 4)
    world.settle()
    assert world.numbers() == [1, 2, 3, 4], "it is woken anew once it has found nothing"
    assert mailbox.stats == (4, 4, 0, 0)


def test_nothing_is_taken_for_who_pulls_or_is_not_there(world: World) -> None:
    mailbox = world.attach(1, callback=None)
    world.put(1, mailbox, 1)
    world.tell(Ready(1), Ready(9))
    world.settle()
    assert mailbox.stats.queued == 1


def test_a_malformed_message_is_skipped(world: World) -> None:
    mailbox = world.attach(1)
    mailbox.put_many([event(1, b"garbage"), event(2)])
    world.tell(Ready(1))
    world.settle()
    assert world.numbers() == [2]


def test_the_lag_is_that_of_the_newest(world: World) -> None:
    mailbox = Noting()
    edge = Edge(1, Want("ticker"), mailbox, calls=held(lambda event: None), is_pushed=True)
    world.tell(Attach(edge))
    world.put(1, mailbox, 10**18)
    world.settle()
    assert 0 < edge.lag_ns < 10**18


def test_a_quick_callback_gets_more_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "QUICK", float("inf"))
    mailbox = Noting()
    world.attach(1, mailbox)
    world.put(1, mailbox, *range(100))
    world.settle()
    assert mailbox.limits == [1, 2, 4, 8, 16, 32, 32, 32, 32]
    assert world.numbers() == list(range(100))


def test_a_slow_callback_gets_one_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(one: Event) -> None:
        monkeypatch.setattr(subject, "QUICK", 0.0 if one.received_at == 6 else float("inf"))

    mailbox = Noting()
    world.attach(1, mailbox, callback=call)
    world.put(1, mailbox, *range(10))
    world.settle()
    assert mailbox.limits == [1, 2, 4, 1, 2, 4], "0; 1 and 2; 3 to 6, too slowly; 7; 8 and 9; nothing"


def test_after_a_burst_the_others_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "QUICK", 0.0)
    monkeypatch.setattr(subject, "BURST", 3)
    gate = threading.Event()
    world.tell(OnConnection(held(lambda _: gate.wait(10))), ConnectionChanged("public", "open", 1, 1))
    for number in (1, 2):
        world.put(number, world.attach(number), *range(7))
    gate.set()
    wait_until(lambda: len(world.calls) == 14, "all events")
    assert [number for number, _ in world.calls] == [1] * 3 + [2] * 3 + [1] * 3 + [2] * 3 + [1, 2]


# --- closing in between


def test_a_callback_that_closes_its_subscription_gets_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "QUICK", float("inf"))
    mailbox = Noting()
    calls: list[int] = []

    def call(one: Event) -> None:
        calls.append(one.received_at)
        if one.received_at == 4:
            mailbox.close()

    world.attach(1, mailbox, callback=call)
    world.put(1, mailbox, *range(1, 11))
    world.settle()
    assert calls == [1, 2, 3, 4]
    assert mailbox.limits == [1, 2, 4], "4 to 7 were taken at once"
    assert mailbox.stats == (10, 4, 6, 0)


def test_a_notice_that_is_not_shown_does_not_count_as_an_event(world: World) -> None:
    mailbox = Noting(Mailbox.drop_oldest(1, notify=True))
    mailbox.taken = lambda events: mailbox.close()
    world.attach(1, mailbox)
    world.put(1, mailbox, 1, 2)
    world.settle()
    assert world.calls == []
    assert mailbox.stats == (2, 0, 2, 0)


def test_an_event_that_is_not_shown_counts_as_dropped(world: World) -> None:
    mailbox = Noting()
    mailbox.taken = lambda events: mailbox.close()
    world.attach(1, mailbox)
    world.put(1, mailbox, 1, 2)
    world.settle()
    assert mailbox.stats == (2, 0, 2, 0)


def test_what_a_mailbox_dropped_is_shown_in_its_place(world: World) -> None:
    mailbox = world.attach(1, MailboxQueue(Mailbox.drop_oldest(1, notify=True)))
    world.put(1, mailbox, 1, 2, 3)
    world.settle()
    (_, overflow), (_, last) = world.calls
    assert (overflow.dropped, last.received_at) == (2, 3)


def test_a_detached_subscription_is_called_no_more(world: World) -> None:
    mailbox = world.attach(1)
    world.tell(Detach(1), Detach(9))
    world.put(1, mailbox, 1)
    world.settle()
    assert (world.calls, mailbox.stats.queued) == ([], 1)


# --- timers


def test_what_is_due_later_comes_then(world: World) -> None:
    mailbox = world.attach(1, MailboxQueue(Mailbox.throttle(0.05)))
    world.put(1, mailbox, 1)
    world.put(1, mailbox, 2)
    world.put(1, mailbox, 3)
    wait_until(lambda: world.numbers()[-1:] == [3], "the last one, in its time")
    assert mailbox.stats.delivered <= 3
    world.settle()
    world.put(1, mailbox, 4)
    wait_until(lambda: world.numbers()[-1:] == [4], "the next one")


def test_there_is_one_timer_for_each_mailbox(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = world.attach(1, MailboxQueue(Mailbox.throttle(60)))
    world.put(1, mailbox, 1)
    world.settle()
    world.put(1, mailbox, 2)
    for _ in range(5):
        world.tell(Ready(1))
    world.settle()
    inbox: Any = world.ref.actor_inbox
    waiting = [timer for _, _, timer in inbox._heap if timer.message is not None]
    assert [timer.message for timer in waiting] == [Ready(1)]
    world.tell(Detach(1))
    world.settle()
    assert [timer.message for _, _, timer in inbox._heap if timer.message is not None] == []


# --- what raises


@pytest.mark.parametrize("raised", [ValueError("no"), TransportError("no")])
def test_what_a_callback_raises_goes_to_its_handler_and_the_next_event_comes(world: World, raised: Exception) -> None:
    def call(one: Event) -> None:
        if one.received_at == 1:
            raise raised
        world.calls.append((1, one))

    mailbox = world.attach(1, callback=call)
    world.put(1, mailbox, 1, 2)
    world.settle()
    assert world.errors == [(1, raised)]
    assert world.numbers() == [2]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_would_end_the_process_does_not(world: World, kind: type[BaseException]) -> None:
    def call(one: Event) -> None:
        if one.received_at == 1:
            raise kind(3)
        world.calls.append((1, one))

    mailbox = world.attach(1, callback=call)
    world.put(1, mailbox, 1, 2)
    world.settle()
    ((_, error),) = world.errors
    assert type(error) is RuntimeError
    assert str(error) == f"the callback raised {kind.__name__}(3)"
    assert world.numbers() == [2]
    assert world.ref.is_alive()


@pytest.mark.parametrize(("raised", "has_trace"), [(ValueError("no"), True), (TransportError("no"), False)])
def test_without_a_handler_it_is_logged(
    world: World, logged: pytest.LogCaptureFixture, raised: Exception, has_trace: bool
) -> None:
    def call(one: Event) -> None:
        raise raised

    mailbox = world.attach(1, callback=call, error_handler=None)
    world.put(1, mailbox, 1)
    world.settle()
    (record,) = logged.records
    assert record.getMessage() == f"the callback for ticker of component 'bot' raised {type(raised).__name__}: no"
    assert record.levelno == logging.ERROR
    assert bool(record.exc_info) == has_trace


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_handler_that_raises_is_logged(
    world: World, logged: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    def fail(one: object) -> None:
        raise kind("as well")

    mailbox = world.attach(1, callback=fail, error_handler=fail)
    world.put(1, mailbox, 1)
    world.settle()
    (record,) = logged.records
    assert record.getMessage() == f"the error_handler for ticker of component 'bot' raised {kind.__name__}: as well"
    assert record.exc_info
    assert mailbox.stats.delivered == 1


# --- ends


def test_a_lossless_mailbox_that_ran_over_is_cut_off(world: World) -> None:
    mailbox = MailboxQueue(Mailbox.lossless(weigh([event(1)]), notify=True))
    world.attach(1, mailbox)
    world.put(1, mailbox, 1, 2)
    world.settle()
    assert [type(one).__name__ for _, one in world.calls] == ["TickerEvent", "OverflowEvent"]
    ((number, error),) = world.errors
    assert number == 1
    assert isinstance(error, MailboxFullError)
    assert [edge.mailbox for edge in world.cut] == [mailbox]
    world.tell(Ready(1), StreamFailed(1, StreamError("late"), final=True))
    world.settle()
    assert (len(world.cut), len(world.errors)) == (1, 1), "it is told once"


def test_another_end_is_not_for_the_mailbox_to_tell(world: World) -> None:
    mailbox = world.attach(1)
    mailbox.close(ClosedError("over"))
    world.tell(Ready(1))
    world.settle()
    assert (world.cut, world.errors) == ([], [])


def test_a_failure_that_is_not_final_is_told_and_the_stream_goes_on(world: World) -> None:
    mailbox = world.attach(1)
    error = StreamError("no such code")
    world.tell(StreamFailed(1, error, final=False), StreamFailed(9, error, final=False))
    world.put(1, mailbox, 1)
    world.settle()
    assert world.errors == [(1, error)]
    assert world.numbers() == [1]


def test_a_final_failure_comes_behind_all_that_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "BURST", 2)
    order: list[Any] = []
    mailbox = MailboxQueue(Mailbox.throttle(60))
    world.attach(1, mailbox, callback=order.append, error_handler=order.append)
    error = StreamError("over")
    world.put(1, mailbox, 1)
    world.settle()
    mailbox.put_many([make_event(f"ticker KRW-{code}", b"{}", 1, 2) for code in ("A", "B", "C", "D", "E")])
    world.put(1, mailbox, 3)
    world.tell(StreamFailed(1, error, final=True))
    world.settle()
    world.put(1, mailbox, 4)
    world.settle()
    assert [one.received_at for one in order[:-1]] == [1, *[2] * 5, 3]
    assert order[-1] is error
    assert mailbox.stats == (7, 7, 0, 0), "nothing more comes in"
    world.tell(StreamFailed(1, error, final=True))
    world.settle()
    assert len(order) == 8, "it is over"


def test_what_goes_wrong_again_and_again_does_not_flood(
    world: World, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(one: Event) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: 100.0 + one.received_at)
        raise ValueError("no")

    mailbox = world.attach(1, callback=fail, error_handler=None)
    world.put(1, mailbox, *range(40))
    world.settle()
    monkeypatch.undo()
    told = [record.getMessage().partition("ValueError: ")[2] for record in logged.records]
    assert told == ["no", "no (11 times in 10 s)", "no (31 times in 30 s)"]
    assert [bool(record.exc_info) for record in logged.records] == [True, False, False], "one trace is enough"


def test_who_pulls_without_a_handler_is_told_once_and_goes_on(world: World, logged: pytest.LogCaptureFixture) -> None:
    mailbox = world.attach(1, callback=None, error_handler=None)
    world.put(1, mailbox, 1)
    error = StreamError("no such code")
    world.tell(*[StreamFailed(1, error, final=False)] * 3)
    world.settle()
    with pytest.raises(StreamError, match="no such code"):
        mailbox.get(0)
    assert mailbox.get(0) == event(1)
    with pytest.raises(TimeoutError):
        mailbox.get(0)
    assert not logged.records


def test_what_is_dropped_is_told_beside_the_stream(world: World) -> None:
    told: list[OverflowEvent] = []
    world.tell(OnOverflow(held(told.append)))
    mailbox = world.attach(1, MailboxQueue(Mailbox.drop_oldest(1)))
    world.put(1, mailbox, 1, 2, 3)
    world.settle()
    assert world.numbers() == [3]
    assert [(one.type, one.dropped, one.dropped_total, one.policy) for one in told] == [("ticker", 2, 2, "drop_oldest")]
    world.tell(Overflowed(1, told[0]), Overflowed(9, told[0]))
    world.settle()
    assert len(told) == 2, "who pulls finds it itself"


@pytest.mark.parametrize(("policy", "lines"), [(Mailbox.drop_oldest(1), 1), (Mailbox.latest(), 0)])
def test_what_is_dropped_and_was_not_meant_to_be_is_logged(
    world: World, logged: pytest.LogCaptureFixture, policy: Mailbox, lines: int
) -> None:
    mailbox = world.attach(1, MailboxQueue(policy))
    world.put(1, mailbox, 1, 2, 3)
    world.settle()
    told = [record.getMessage() for record in logged.records]
    assert told == ["component 'bot' is too slow for its ticker: 2 events were dropped, 2 in all"] * lines


def test_callbacks_of_a_proxy_that_is_gone_are_not_called(world: World) -> None:
    mailbox = MailboxQueue(PLENTY)
    tell(world.ref, Attach(Edge(1, Want("ticker"), mailbox, calls=lambda: None, is_pushed=True)))
    world.tell(OnConnection(lambda: None), ConnectionChanged("public", "open", 1, 1))
    world.put(1, mailbox, 1)
    world.settle()
    assert mailbox.stats.queued == 1


def test_who_pulls_gets_what_waits_and_then_the_final_failure(world: World) -> None:
    mailbox = world.attach(1, callback=None)
    world.put(1, mailbox, 1)
    world.tell(StreamFailed(1, StreamError("over"), final=True))
    world.settle()
    assert mailbox.get(0) == event(1)
    with pytest.raises(StreamError, match="over"):
        mailbox.get(0)
    assert [str(error) for _, error in world.errors] == ["over"]


def test_the_failure_of_the_engine_is_final_for_all(world: World) -> None:
    mailboxes = [world.attach(number) for number in (1, 2)]
    error = EngineError("it has given up")
    world.tell(EngineFailed(error))
    world.settle()
    assert world.errors == [(1, error), (2, error)]
    for mailbox in mailboxes:
        assert isinstance(mailbox.error, EngineError)


def test_who_leaves_does_what_is_left_and_stops(world: World) -> None:
    mailboxes = [world.attach(number, callback=None) for number in (1, 2)]
    mailboxes[0].put_many([event(1)])
    alive: list[bool] = []
    world.tell(Leave(lambda: alive.append(mailboxes[0].error is None)))
    wait_until(lambda: not world.ref.is_alive(), "the end of the component")
    assert alive == [True]
    for mailbox in mailboxes:
        wait_until(lambda: mailbox.is_closed, "the closing of its mailboxes")  # noqa: B023 - at once
        with pytest.raises(ClosedError, match="component 'bot' is closed"):
            mailbox.get(0)


def test_what_it_does_not_know_ends_nothing(world: World, logged: pytest.LogCaptureFixture) -> None:
    world.tell(("what", "is this"))
    mailbox = world.attach(1)
    world.put(1, mailbox, 1)
    world.settle()
    assert "is this" in logged.text
    assert world.numbers() == [1]


# --- connections

LOST_NS, BACK_NS, FILLED_NS = 1_000_000_000, 3_500_000_000, 9_000_000_000
FILLED = BackfillEnded(2, LOST_NS, BACK_NS, {"KRW-BTC": 3, "KRW-ETH": 4}, (Unrecovered("KRW-XRP", 1, 2, "no"),))

CHANGES = {
    "begins": (
        ConnectionChanged("public", "open", 1, BACK_NS),
        ConnectionEvent("public", ConnectionState.OPEN, 1, received_at=BACK_NS),
    ),
    "lost": (
        ConnectionChanged("private", "lost", 1, LOST_NS, LOST_NS, "it was reset"),
        ConnectionEvent(
            "private",
            ConnectionState.LOST,
            1,
            gap=0.0,
            gap_started_at=LOST_NS,
            reason="it was reset",
            received_at=LOST_NS,
        ),
    ),
    "refused": (
        ConnectionChanged("public", "refused", 1, BACK_NS, LOST_NS, "HTTP 503"),
        ConnectionEvent("public", ConnectionState.REFUSED, 1, 2.5, LOST_NS, None, "HTTP 503", BACK_NS),
    ),
    "back": (
        ConnectionChanged("public", "open", 2, BACK_NS, LOST_NS),
        ConnectionEvent("public", ConnectionState.OPEN, 2, 2.5, LOST_NS, BACK_NS, "", BACK_NS),
    ),
    "backfilled": (
        ConnectionChanged("public", "backfilled", 2, FILLED_NS, LOST_NS, backfill=FILLED),
        ConnectionEvent(
            "public",
            ConnectionState.BACKFILLED,
            2,
            2.5,
            LOST_NS,
            BACK_NS,
            "",
            FILLED_NS,
            7,
            (Unrecovered("KRW-XRP", 1, 2, "no"),),
        ),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_connection_becomes_an_event(world: World, name: str) -> None:
    change, expected = CHANGES[name]
    told: list[ConnectionEvent] = []
    world.tell(OnConnection(held(told.append)), change)
    world.settle()
    assert told == [expected]


def test_who_listens_late_hears_how_it_stands_first(world: World) -> None:
    early: list[ConnectionEvent] = []
    late: list[ConnectionEvent] = []
    world.tell(OnConnection(held(early.append)))
    world.tell(*[ConnectionChanged("public", state, 1, 1) for state in ("connecting", "open")])
    world.tell(OnConnection(held(late.append)), ConnectionChanged("public", "lost", 1, 2))
    world.settle()
    assert [one.state for one in early] == ["connecting", "open", "lost"], "it hears nothing twice"
    assert [one.state for one in late] == ["open", "lost"]


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_all_who_listen_are_told_whatever_one_of_them_raises(
    world: World, logged: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    def fail(one: object) -> None:
        raise kind("no")

    told: list[ConnectionEvent] = []
    world.tell(OnConnection(held(fail)), OnConnection(held(told.append)))
    world.tell(*[ConnectionChanged("public", "open", number, 1) for number in (1, 2)])
    world.settle()
    assert [one.epoch for one in told] == [1, 2]
    (record,) = logged.records
    assert record.getMessage() == f"the on_connection callback of component 'bot' raised {kind.__name__}: no"


def test_what_a_plain_callback_returns_is_not_awaited_and_told(world: World) -> None:
    async def later(one: Event) -> None: ...

    mailbox = world.attach(1, callback=lambda one: later(one))
    world.put(1, mailbox, 1, 2)
    world.settle()
    assert [str(error).partition(": it")[0] for _, error in world.errors] == [subject.NOT_AWAITED] * 2
    assert "websocket_v6.aio" in subject.NOT_AWAITED


def test_a_bug_at_one_message_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prepare, mailbox = Edge.prepare, world.attach(1)

    def prepare_most(edge: Edge, one: Any) -> Any:
        if one.received_at == 1:
            raise RuntimeError("a bug, as told")
        return prepare(edge, one)

    monkeypatch.setattr(Edge, "prepare", prepare_most)
    monkeypatch.setattr(handing_out, "call_with_each", None)  # which would not come this way
    for number in (1, 2, 3):
        world.put(1, mailbox, number)
    wait_until(lambda: world.numbers() == [2, 3], "what lay behind it")
    assert caplog.text.count("this is a bug, please report it") == 1


def test_what_failed_is_told_of_the_endpoints_that_are_used(world: World) -> None:
    told: list[ConnectionEvent] = []
    world.tell(OnConnection(held(told.append)))
    world.attach(1)
    world.tell(PartFailed(("public", "private"), 5, "the engine's router failed"))
    world.tell(ConnectionChanged("public", "open", 7, 6))
    world.tell(PartFailed(("public",), 8, "again"))
    world.settle()
    assert [(one.endpoint, one.state, one.epoch, one.received_at, one.reason) for one in told] == [
        ("public", "restarting", 0, 5, "the engine's router failed"),
        ("public", "open", 7, 6, ""),
        ("public", "restarting", 7, 8, "again"),
    ]
