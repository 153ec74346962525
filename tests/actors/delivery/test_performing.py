"""A run of records, performed as if the router had waited for each."""

from types import SimpleNamespace
from typing import Any

from tests.actors.ear import Ear
from tests.replays import rows, trade
from websocket_v6.actors.delivery.deliveries import Taker
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.delivery.performing import Run, RunOver, perform
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.wants import trade_want

STREAM = "trade KRW-BTC"


class Passing(MailboxQueue):
    """Counts what goes past it."""

    count = 0

    def passed(self, count: int) -> None:
        self.count += count


class World:
    """One component with a callback, and a route to it."""

    def __init__(self, callback: Any = None) -> None:
        self.got: list[Any] = []
        self.raised: list[BaseException] = []
        self.clock: Any = SimpleNamespace(mono_ns=0)
        self.mailbox = Passing(Mailbox.drop_oldest(9))
        self.calls = Calls(callback or self.got.append)
        edge = Edge(1, trade_want("KRW-BTC"), self.mailbox, calls=lambda: self.calls, is_pushed=True)
        self.attached = {1: edge}
        self.taker = Taker(1, "public", self.mailbox, None)
        self.route = Route("trade KRW-BTC", 0)
        self.route.takers = (self.taker,)
        self.records = [SimpleNamespace(mono_ns=n, value=rows(n, trade("KRW-BTC", n, n))[1]) for n in range(1, 6)]

    def perform(self, **what: Any) -> Run:
        ear = Ear()
        run = Run(self.clock, ear.ref, **what)
        for _ in perform(run, self.attached, self.on_raised, lambda: None, ()):
            pass
        assert ear.heard() == [RunOver(run)]
        return run

    def on_raised(self, _: Edge, error: BaseException) -> Any:
        self.raised.append(error)
        yield from ()


def test_the_clock_and_the_last_value_are_those_of_each_record() -> None:
    seen: list[Any] = []
    world = World()
    world.calls.callback = lambda event: seen.append((event, world.clock.mono_ns, world.route.last))
    run = world.perform(records=world.records, by_stream={STREAM: world.route})
    assert [(one.trade_price, at, last is one) for one, at, last in seen] == [(n, n, True) for n in range(1, 6)]
    assert (run.done, world.mailbox.count) == (5, 5)


def test_a_run_that_is_recalled_stops_before_the_next_record() -> None:
    runs: list[Run] = []

    def second(event: Any) -> None:
        runs[0].is_recalled = event.trade_price == 2

    world: World = World(second)
    run = Run(world.clock, Ear().ref, records=world.records, by_stream={STREAM: world.route})
    runs.append(run)
    for _ in perform(run, world.attached, world.on_raised, lambda: None, ()):
        pass
    assert (run.done, world.mailbox.count, world.clock.mono_ns) == (2, 2, 2)
    assert world.route.last is not None
    assert world.route.last.received_at == world.records[1].value.received_ns


def test_what_a_callback_raises_goes_to_its_handler_and_ends_nothing() -> None:
    def raises(event: Any) -> None:
        world.got.append(event)
        if event.trade_price == 2:
            raise SystemExit("mine")

    world = World(raises)
    assert world.perform(records=world.records, by_stream={STREAM: world.route}).done == 5
    assert len(world.got) == 5
    assert [str(one) for one in world.raised] == ["mine"]


def test_nothing_comes_of_a_subscription_that_is_closed_but_time_goes_on() -> None:
    world = World()
    world.calls.callback = lambda _: world.mailbox.close()
    run = world.perform(records=world.records, by_stream={STREAM: world.route})
    assert (run.done, world.clock.mono_ns) == (5, 5)
    nobody = World()
    nobody.attached.clear()
    assert nobody.perform(records=nobody.records, by_stream={STREAM: nobody.route}).done == 5
    assert not nobody.got
    assert World().perform(records=world.records).done == 5


def test_steps_are_events_that_the_mailbox_has_counted() -> None:
    world = World()
    made: list[Event] = [make_event(STREAM, b'{"ty":"trade","tp":%d}' % n, 1, n) for n in range(3)]
    run = world.perform(steps=[(7, made[0], world.taker), (None, made[1], world.taker), (9, made[2], world.taker)])
    assert world.got == made
    assert (run.done, world.mailbox.count, world.clock.mono_ns) == (3, 0, 9)
