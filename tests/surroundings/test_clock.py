"""The machine's clock is set by hours, back and forth, or stands still while the machine sleeps: nothing is lost by it.

The exchange has a process and a clock of its own. What this process's clock says is the true time and an offset.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.chaos.faults import HalfOpen, Silence
from tests.chaos.proxy import Fault, FaultProxy
from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.simulator import Simulator

CODE = "KRW-BTC"
HOUR = 3600.0
SLACK_NS = 2_000_000_000
HURRY: dict[str, Any] = {"connect_timeout": 0.3, "backoff_initial": 0.02, "backoff_max": 0.1}
OUTAGE = 0.4  # seconds at least that a connection is away


class Clock:
    """This process's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset = 0.0
        self.asleep = 0.0
        self.true_ns: Callable[[], int] = time.time_ns
        seconds, gettime = time.time, time.clock_gettime
        monkeypatch.setattr(time, "time_ns", lambda: self.true_ns() + int(self.offset * 1e9))
        monkeypatch.setattr(time, "time", lambda: seconds() + self.offset)
        monkeypatch.setattr(
            time, "clock_gettime", lambda which: gettime(which) + self.asleep * (which == time.CLOCK_BOOTTIME)
        )

    def sleep(self, seconds: float) -> None:
        """Have the machine stand still: only a clock that goes on while it does shows it, and the wall's."""
        self.asleep += seconds
        self.offset += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(markets=[CODE], limits=None, process=True) as simulator:
        yield simulator


@pytest.fixture
def proxy(sim: Simulator) -> Iterator[FaultProxy]:
    with FaultProxy(sim.port) as one:
        yield one


class Made(NamedTuple):
    number: int
    true_ns: int


class World:
    """One component, the trades that were made for it, and what it was told."""

    def __init__(self, sim: Simulator, proxy: FaultProxy, clock: Clock, config: Config) -> None:
        self.sim = sim
        self.proxy = proxy
        self.clock = clock
        self.made: list[Made] = []
        self.seen: list[Any] = []
        self.told: list[tuple[ConnectionEvent, float]] = []  # with the clock's offset then
        self.component = WebSocketClientProxy("component", config=config)
        self.component.on_connection(lambda event: self.told.append((event, clock.offset)))
        self.component.subscribe_trade(CODE, callback=self.seen.append, mailbox=Mailbox.lossless(1 << 24))
        wait_until(lambda: self.seen, "the first trade")
        del self.seen[:]

    def trade(self, count: int = 3) -> None:
        for _ in range(count):
            at = self.clock.true_ns()
            self.made.append(Made(self.sim.trade(CODE), at))

    def is_up_to_date(self) -> bool:
        """Trade until one arrives."""
        self.trade(1)
        return any(one.sequential_id == self.made[-1].number for one in self.seen)

    def outage(self, within: Callable[[], object] = lambda: None) -> None:
        """Lose the connection, and have trades that nobody hears of while it is away."""
        self.proxy.fault = Silence()
        self.proxy.reset_all()
        wait_until(lambda: any(event.state == "lost" for event, _ in self.told), "the loss")
        self.trade()
        within()
        threading.Event().wait(OUTAGE)
        self.trade()
        self.proxy.fault = Fault()
        wait_until(self.is_up_to_date, "being served again")

    def check(self) -> None:
        """Everything once and in order; what is missing is in a gap, by the clock as it was when that was told."""
        numbers = [one.sequential_id for one in self.seen]
        assert numbers == sorted(set(numbers))
        gaps = [
            (event.gap_started_at - int(offset * 1e9) - SLACK_NS, event.gap_ended_at - int(offset * 1e9) + SLACK_NS)
            for event, offset in self.told
            if event.state == "open" and event.gap_started_at is not None and event.gap_ended_at is not None
        ]
        assert all(event.gap is None or event.gap >= 0 for event, _ in self.told)
        missing = [one for one in self.made if one.number not in set(numbers)]
        assert missing
        for one in missing:
            assert any(start <= one.true_ns <= end for start, end in gaps), (one, gaps)


@pytest.fixture
def world(sim: Simulator, proxy: FaultProxy, clock: Clock) -> Iterator[World]:
    config = Config(url=proxy.url, mode="embedded", ping_timeout=0.5, **HURRY)
    one = World(sim, proxy, clock, config)
    yield one
    one.component.cleanup()


@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR])
@pytest.mark.parametrize("moment", ["long before", "before", "during"])
def test_the_clock_is_set_about_an_outage(world: World, step: float, moment: str) -> None:
    def move() -> None:
        world.clock.offset += step

    if moment != "during":
        move()
    if moment == "long before":
        wait_until(world.is_up_to_date, "a trade by the new clock")
    world.outage(move if moment == "during" else lambda: None)
    world.check()
    assert world.component.health().streams == 1
    assert str(world.component.health())


def test_the_clock_is_set_to_and_fro_while_nothing_else_happens(world: World) -> None:
    for step in (3 * HOUR, -6 * HOUR, 5 * HOUR, -2 * HOUR):
        world.clock.offset += step
        wait_until(world.is_up_to_date, "a trade by the new clock")
    numbers = [one.sequential_id for one in world.seen]
    assert numbers == [one.number for one in world.made][-len(numbers) :]
    assert {one.epoch for one in world.seen} == {1}, "the connection stayed"


@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR])
def test_what_was_missed_is_fetched_whatever_the_clock_does(
    sim: Simulator, proxy: FaultProxy, clock: Clock, step: float
) -> None:
    config = Config(
        url=proxy.url,
        mode="embedded",
        backfill=True,
        backfill_max_gap=4 * HOUR,
        rest_url=sim.rest_url,
        **HURRY,
    )
    world = World(sim, proxy, clock, config)
    try:
        world.trade()
        wait_until(world.is_up_to_date, "a trade by the first clock")
        begin = world.seen[0].sequential_id

        def move() -> None:
            clock.offset += step

        world.outage(move)
        numbers = [one.sequential_id for one in world.seen]
        assert numbers == [one.number for one in world.made if one.number >= begin]
    finally:
        world.component.cleanup()


def test_a_machine_that_slept_asks_at_once_whether_its_connection_is_there(world: World) -> None:
    """A minute's sleep: the exchange has given it up, and nothing on the way says so."""
    world.proxy.fault = HalfOpen()
    world.trade()  # and with that, nothing passes any more
    world.clock.sleep(60.0)
    world.proxy.fault = Fault()
    wait_until(world.is_up_to_date, "being served again")
    world.check()
