"""Several lines for each endpoint: the loss of one loses and repeats nothing; planned reconnects neither."""

import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.protocol.identity import identity_of
from websocket_v6.simulator import Simulator

CODES = ["KRW-BTC", "KRW-ETH"]
STREAMS = {f"{type_} {code}" for type_ in ("trade", "ticker", "orderbook") for code in CODES}
KILLS = int(os.environ.get("WEBSOCKET_V6_TEST_KILLS", "20"))
RATE = 300.0
LARGE = Mailbox.lossless(256 * 1024 * 1024)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=CODES, paced=False) as simulator:
        yield simulator


@pytest.fixture
def fast(sim: Simulator) -> Config:
    return Config(
        url=sim.url,
        access_key=sim.access_key,
        secret_key=sim.secret_key,
        backoff_initial=0.02,
        backoff_max=0.2,
    )


class Taker:
    """A component that takes everything, and knows what it should have been given."""

    def __init__(self, sim: Simulator, config: Config, lines: int) -> None:
        self.sim = sim
        self.lines = lines
        self.proxy = WebSocketClientProxy("taker", config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.proxy.on_connection(self.told.append)
        for subscribe in (self.proxy.subscribe_trade, self.proxy.subscribe_ticker, self.proxy.subscribe_orderbook):
            subscribe(CODES, self.events.append, mailbox=LARGE)
        sim.wait_served(STREAMS, 20)
        sim.wait_connected(lines, 20)
        self.wait_whole()

    def wait_whole(self) -> None:
        """Wait until every line serves everything, and the engine knows."""
        self.sim.wait(
            lambda sim: all(one.served == STREAMS for one in self.open()) and len(self.open()) == self.lines, 20
        )
        wait_until(lambda: self.serving() == self.lines, "all lines to take part")

    def serving(self) -> int:
        return sum(one.serves for one in self.proxy.health().connections if one.endpoint == "public")

    def open(self) -> list[Any]:
        return [one for one in self.sim.connections("public") if one.open]

    def check(self) -> None:
        """Check that everything that was sent was delivered, once, and trades in order."""
        self.sim.set_traffic(0.0)
        sent: dict[str, list[Any]] = {stream: [] for stream in STREAMS}
        known: dict[str, set[Any]] = {stream: set() for stream in STREAMS}
        for stream, text, kind in self.sim.sent():
            identity = identity_of(stream, text.encode())
            if kind == "REALTIME" and identity not in known[stream]:
                known[stream].add(identity)
                sent[stream].append(identity)
        wait_until(lambda: all(set(self.delivered(stream)) >= known[stream] for stream in STREAMS), "all of it")
        for stream in STREAMS:
            delivered = self.delivered(stream)
            assert len(delivered) == len(set(delivered)), f"{stream}: none twice"
            # A snapshot may show a state that none of the other messages does.
            assert [one for one in delivered if one in known[stream]] == sent[stream], f"{stream}: all, in their order"
            times = [event.timestamp for event in self.events if event.stream == stream]
            assert times == sorted(times)

    def delivered(self, stream: str) -> list[Any]:
        return [identity_of(stream, event.payload) for event in list(self.events) if event.stream == stream]

    def states(self) -> list[str]:
        return [one.state for one in list(self.told) if one.endpoint == "public"]


def test_either_connection_may_be_lost_again_and_again(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2), 2)
    with taker.proxy:
        sim.set_traffic(RATE)
        pause = threading.Event()
        for _ in range(KILLS):
            pause.wait(random.random() * 0.05)
            victim = random.choice(taker.open())
            assert sim.drop(connection_id=victim.id) == 1
            taker.wait_whole()
        taker.check()
        assert "lost" not in taker.states()
        assert {event.epoch for event in taker.events} == {1}
        health = taker.proxy.health()
        assert health.counters.reconnects == KILLS
        assert [one.epoch for one in health.connections if one.endpoint == "public"] == [1, 1]
