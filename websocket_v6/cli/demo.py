"""`demo`: two components on one connection to a local exchange, and beside them a plain client that does without us.

Both clients are there before the first message and until the last, on the same exchange, so what each component got
can be held against what the exchange counts as sent.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from websocket_v6.protocol.config import Config
from websocket_v6.proxy import WebSocketClientProxy
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.wire.reports import Sent
from websocket_v6.subscription import Subscription

from ..protocol.delivery.policy import Mailbox
from ..protocol.exchange.heads import SubscribedEntry
from .board import Board, Meter
from .demo_view import ComponentState, MarketState, State, Tally, lines, summary, table
from .line import ConnectionLine
from .plain_client import PlainClient, Streams, streams
from .screen import PERIOD, Screen
from .traffic import Generated, Recording, Traffic, find_capture

__all__ = ["demo"]

SETUP = 30.0  # seconds for what takes a fraction of one, on a machine that does much else
DRAIN = 5.0  # seconds for the last messages to arrive
LIST_PERIOD = 5.0
# A chart would be well served by the default, the newest book alone; here every message is to be counted.
EVERY_BOOK = Mailbox.drop_oldest(10_000)


class Component:
    """One component of the demo: a proxy, its subscriptions, what has come in."""

    def __init__(self, name: str, types: tuple[str, ...], codes: tuple[str, ...], config: Config) -> None:
        self.name = name
        self.types = types
        self.codes = codes
        self.streams: Streams = streams(types, codes)
        self.board = Board(codes, priced_by="ticker")
        self.proxy = WebSocketClientProxy(name, config=config)
        self._meter = Meter()
        self._subscriptions: list[Subscription[Any]] = []

    def subscribe(self) -> None:
        """Subscribe to every type, each with its own call."""
        calls: dict[str, Callable[[], Subscription[Any]]] = {
            "ticker": lambda: self.proxy.subscribe_ticker(self.codes, self.board.take),
            "trade": lambda: self.proxy.subscribe_trade(self.codes, self.board.take),
            "orderbook": lambda: self.proxy.subscribe_orderbook(self.codes, self.board.take, mailbox=EVERY_BOOK),
        }
        self._subscriptions = [calls[type_]() for type_ in self.types]

    def state(self, now: float) -> ComponentState:
        """Return how it is doing at `now` of the monotonic clock."""
        stats = [subscription.stats for subscription in self._subscriptions]
        delivered = sum(one.delivered for one in stats)
        return ComponentState(
            self.name,
            _("{types} of {count}").format(types=", ".join(self.types), count=len(self.codes)),
            delivered,
            sum(one.dropped for one in stats),
            self._meter.rate(now, delivered),
            max((row.lag for row in self.board.rows(now) if row.lag is not None), default=None),
        )

    @property
    def dropped(self) -> int:
        """Events its mailboxes dropped."""
        return sum(subscription.stats.dropped for subscription in self._subscriptions)

    @property
    def is_settled(self) -> bool:
        """Whether it has its first look at every stream and nothing waits."""
        waiting = sum(subscription.stats.queued for subscription in self._subscriptions)
        return self.board.snapshots >= len(self.streams) and not waiting


class Stage(NamedTuple):
    """Everyone on it."""

    sim: Simulator
    traffic: Traffic
    components: tuple[Component, Component]
    plain: PlainClient
    plain_id: int
    line: ConnectionLine


def demo(console: Console, seconds: float, capture: Path | None = None) -> bool:
    """Run the demo and return whether every message is accounted for."""
    path = capture or find_capture()
    traffic: Traffic = Generated() if path is None else Recording(path)
    with ExitStack() as stack:
        sim = stack.enter_context(Simulator(traffic.codes, process=True))
        stage = _set_up(stack, sim, traffic)
        traffic.start(sim, seconds)
        _play(stage, console, seconds)
        traffic.stop(sim)
        tallies = _count(stage)
        requests = stage.components[0].proxy.health().counters.requests_sent
    console.print(summary(tallies, requests))
    return all(tally.is_complete for tally in tallies)


def _set_up(stack: ExitStack, sim: Simulator, traffic: Traffic) -> Stage:
    traffic.prepare(sim)
    config = Config(url=sim.url)
    third = len(traffic.codes) // 3
    chart = Component("chart", ("ticker", "orderbook"), traffic.codes[: len(traffic.codes) - third], config)
    bot = Component("bot", ("trade", "ticker"), traffic.codes[third:], config)
    line = ConnectionLine(sim.url)
    for component in (chart, bot):
        stack.enter_context(component.proxy)
    chart.proxy.on_connection(line.take)
    for component in (chart, bot):
        component.subscribe()
    sim.wait_served({f"{type_} {code}" for type_, code in chart.streams | bot.streams}, SETUP)
    before = {info.id for info in sim.connections()}
    plain = stack.enter_context(PlainClient(sim.url, {chart.name: chart.streams, bot.name: bot.streams}))
    (plain_id,) = (info.id for info in sim.wait_connected(len(before) + 1, SETUP) if info.id not in before)
    for component in (chart, bot):
        plain.subscribe(component.name)
        _wait_served(sim, plain_id, component.streams)
        sim.wait(lambda _: component.is_settled, SETUP)  # noqa: B023  # called within this turn of the loop
    return Stage(sim, traffic, (chart, bot), plain, plain_id, line)


def _wait_served(sim: Simulator, connection_id: int, wanted: Streams) -> None:
    """Wait until one connection is served exactly `wanted`."""
    names = {f"{type_} {code}" for type_, code in wanted}
    sim.wait(lambda now: any(info.id == connection_id and info.served == names for info in now.connections()), SETUP)


def _play(stage: Stage, console: Console, seconds: float) -> None:
    """Show what happens for `seconds`; at half time the plain chart, which hears too little, asks once more."""
    began = time.monotonic()
    proxy = stage.components[0].proxy
    half, end = began + seconds / 2, began + seconds
    has_asked_again = False
    listed: tuple[SubscribedEntry, ...] = ()
    next_list = began
    pause = threading.Event()
    with Screen(console) as screen:
        while (now := time.monotonic()) < end:
            if now >= half and not has_asked_again:
                stage.plain.subscribe(stage.components[0].name)
                has_asked_again = True
            if now >= next_list:
                listed = proxy.list_subscriptions().subscriptions
                next_list += LIST_PERIOD
            state = _state(stage, now, now - began, seconds, listed)
            screen.show(partial(table, state), partial(lines, state))
            pause.wait(min(PERIOD, end - now))


def _state(stage: Stage, now: float, elapsed: float, seconds: float, listed: tuple[SubscribedEntry, ...]) -> State:
    boards = [{row.code: row for row in component.board.rows(now)} for component in stage.components]
    markets = tuple(MarketState(code, tuple(board.get(code) for board in boards)) for code in stage.traffic.codes)
    components = tuple(component.state(now) for component in stage.components)
    plain = {component.name: stage.plain.live[component.name] for component in stage.components}
    return State(elapsed, seconds, stage.traffic.about, str(stage.line), markets, components, listed, plain)


def _count(stage: Stage) -> list[Tally]:
    """Hold what each component got against what the exchange counts as sent, once all of it has arrived or is late."""
    sent: Counter[tuple[str, str]] = Counter()
    sent_plain = 0
    for message, connection_id in _live_messages(stage.sim):
        if connection_id == stage.plain_id:
            sent_plain += 1
        else:
            sent[_stream(message.stream)] += 1
    wanted = {one.name: sum(sent[stream] for stream in one.streams) for one in stage.components}
    _wait(lambda: all(one.board.live + one.dropped >= wanted[one.name] for one in stage.components))
    _wait(lambda: stage.plain.received >= sent_plain)
    return [
        Tally(one.name, wanted[one.name], one.board.live, one.dropped, stage.plain.live[one.name])
        for one in stage.components
    ]


def _live_messages(sim: Simulator) -> Iterator[tuple[Sent, int]]:
    for info in sim.connections("public"):
        for message in sim.sent(info.id):
            if message.kind == "REALTIME":
                yield message, info.id


def _stream(name: str) -> tuple[str, str]:
    """Split the simulator's name of a stream, such as "orderbook KRW-BTC.15@0", into type and code."""
    type_, _space, rest = name.partition(" ")
    return type_, rest.partition("@")[0].partition(".")[0]


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DRAIN
    pause = threading.Event()
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)
