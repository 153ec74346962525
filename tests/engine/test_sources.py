"""Several sources for each endpoint: the loss of one loses and repeats nothing; planned reconnects neither."""

import itertools
import json
import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.actors.ear import there
from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.actors.messages.connection import SendRequest
from websocket_v6.protocol.delivery.commands import Retire
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.simulator import Simulator
from websocket_v6.steps import finish

CODES = ["KRW-BTC", "KRW-ETH"]
STREAMS = {f"{type_} {code}" for type_ in ("trade", "ticker", "orderbook") for code in CODES}
# Enough to see most of what can go wrong; issue and release ask for 200.
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

    def trades(self, code: str) -> list[int]:
        return [event.sequential_id for event in list(self.events) if event.stream == f"trade {code}"]

    def states(self) -> list[str]:
        return [one.state for one in list(self.told) if one.endpoint == "public"]


@pytest.mark.slow
@pytest.mark.timeout(60 + KILLS)
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


def test_in_a_quiet_market_the_loss_of_one_connection_after_the_other_is_no_gap(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2), 2)
    with taker.proxy:
        for victim in taker.open():
            sim.drop(connection_id=victim.id)
            taker.wait_whole()
        sim.trade("KRW-BTC")
        taker.check()
        assert "lost" not in taker.states()


def test_losing_all_connections_at_once_is_one_gap_with_its_bounds(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=3), 3)
    with taker.proxy:
        for code in CODES:
            sim.trade(code)
        taker.check()
        assert sim.drop("public") == 3
        wait_until(lambda: taker.states()[-1] == "open" and len(taker.states()) > 2, "the way back")
        taker.wait_whole()
        number = sim.trade("KRW-BTC")
        wait_until(lambda: taker.trades("KRW-BTC")[-1:] == [number], "what happens then")
        assert len(taker.trades("KRW-BTC")) == len(set(taker.trades("KRW-BTC")))
        assert taker.states().count("open") == 2
        lost, opened = (next(one for one in taker.told[::-1] if one.state == state) for state in ("lost", "open"))
        assert (lost.epoch, opened.epoch) == (1, 2)
        assert opened.gap_started_at == lost.gap_started_at
        assert opened.gap_started_at is not None
        assert opened.gap_started_at >= max(event.received_at for event in taker.events if event.epoch == 1)
        assert opened.gap_ended_at == opened.received_at


def test_a_connection_that_is_dead_unnoticed_loses_nothing_beside_another(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2, ping_interval=0.4, ping_timeout=0.4), 2)
    with taker.proxy:
        sim.set_traffic(RATE)
        dead = taker.open()[0]
        assert sim.stall(data=True, pongs=True, connection_id=dead.id) == 1
        sim.wait(lambda sim: any(one.id > dead.id + 1 for one in sim.connections("public")), 20)
        sim.drop(connection_id=dead.id)  # its engine has hung up long ago
        taker.wait_whole()
        taker.check()
        assert "lost" not in taker.states()


def test_what_both_connections_missed_is_told_when_it_is_known(sim: Simulator, fast: Config) -> None:
    """One is dead and nobody knows, the other is lost and comes back: in between nothing was served."""
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2, ping_interval=1.0, ping_timeout=2.0), 2)
    with taker.proxy:
        number = sim.trade("KRW-BTC")
        wait_until(lambda: taker.trades("KRW-BTC")[-1:] == [number], "the last message before")
        dead, alive = taker.open()
        sim.stall(data=True, pongs=True, connection_id=dead.id)
        sim.drop(connection_id=alive.id)
        wait_until(lambda: taker.states()[-2:] == ["lost", "open"], "the discovery")
        opened = taker.told[-1]
        assert opened.epoch == 2
        assert opened.gap_started_at is not None
        assert opened.gap_ended_at is not None
        last = max(event.received_at for event in taker.events if event.epoch == 1)
        assert last <= opened.gap_started_at < opened.gap_ended_at
        sim.drop(connection_id=dead.id)
        taker.wait_whole()
        sim.trade("KRW-BTC")
        wait_until(lambda: taker.events[-1].epoch == 2, "the new epoch")


def test_a_bug_in_one_of_two_lines_is_no_gap(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2), 2)
    with taker.proxy:
        sim.set_traffic(RATE)
        for _ in range(3):
            assert taker.proxy._component is not None
            broken, _ = finish(taker.proxy._component.link.children()).connections["public"]
            broken.tell(SendRequest("public", 1, None, 0))  # type: ignore[arg-type] # a bug
            wait_until(lambda: not broken.is_alive(), "its end")  # noqa: B023
            wait_until(lambda: len(taker.open()) == 2, "its successor")
            taker.wait_whole()
        taker.check()
        assert "lost" not in taker.states()


def test_a_bug_in_the_router_is_one_gap_for_all_lines(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, redundancy=2, max_age=5.0), 2)
    with taker.proxy:
        assert taker.proxy._component is not None
        there(finish(taker.proxy._component.link.children()).router).tell(Retire(None))  # type: ignore[arg-type] # a bug
        wait_until(lambda: taker.told[-1].epoch == 2, "the next epoch")
        taker.wait_whole()
        number = sim.trade("KRW-BTC")
        wait_until(lambda: taker.trades("KRW-BTC")[-1:] == [number], "what happens then")
        assert len(taker.trades("KRW-BTC")) == len(set(taker.trades("KRW-BTC")))
        assert taker.told[-1].gap is not None


def test_a_connection_that_is_replaced_and_lost_meanwhile_leaves_one(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, max_age=2.0), 1)
    with taker.proxy:
        (old,) = taker.open()
        sim.refuse(503, times=None, endpoint="public")
        wait_until(lambda: len(taker.proxy.health().connections) == 4, "its heir, in vain", 10)
        sim.drop(connection_id=old.id)
        wait_until(lambda: taker.states()[-1] == "lost", "the loss")
        sim.accept()
        wait_until(lambda: len(taker.proxy.health().connections) == 3, "the one that is left")
        taker.wait_whole()
        assert taker.told[-1].epoch == 2


def test_a_line_that_answers_pings_and_brings_no_data_is_replaced(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, ping_interval=0.4, ping_timeout=0.5), 1)
    with taker.proxy:
        sim.set_traffic(RATE)
        # Long enough to know what the line is like: a dozen looks, of which there are four to a ping.
        sim.wait(lambda sim: sim.connections("public")[0].pings >= 6, 20)
        assert sim.stall(data=True, pongs=False) == 1
        wait_until(lambda: "lost" in taker.states(), "the discovery")
        lost = next(one for one in taker.told if one.state == "lost")
        assert "stalled" in lost.reason
        assert lost.gap_started_at == max(event.received_at for event in taker.events if event.epoch == 1)
        wait_until(lambda: taker.events[-1].epoch == 2, "data of the next epoch")


def test_with_one_connection_every_gap_is_told_with_its_bounds(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, fast, 1)
    with taker.proxy:
        sim.set_traffic(RATE)
        for epoch in range(1, 11):
            count = len(taker.events)
            wait_until(lambda: len(taker.events) > count + 10, "data")  # noqa: B023
            assert sim.drop("public") == 1
            wait_until(lambda: taker.events[-1].epoch == epoch + 1, "data of the next epoch")  # noqa: B023
        sim.set_traffic(0.0)
        number = sim.trade("KRW-BTC")
        wait_until(lambda: taker.trades("KRW-BTC")[-1:] == [number], "the last message")
        gaps = [one for one in taker.told if one.state == "open" and one.gap is not None]
        assert [one.epoch for one in gaps] == list(range(2, 12))
        for gap in gaps:
            assert gap.gap_started_at is not None
            assert gap.gap_ended_at is not None
            before = max(event.received_at for event in taker.events if event.epoch == gap.epoch - 1)
            after = min(event.received_at for event in taker.events if event.epoch == gap.epoch)
            assert before == gap.gap_started_at < gap.gap_ended_at <= after
        # What is missing is missing between two epochs, nowhere else.
        for code in CODES:
            delivered = {event.sequential_id: event.epoch for event in taker.events if event.stream == f"trade {code}"}
            assert len(delivered) == len(taker.trades(code)), "none twice"
            sent = sim.sent(stream=f"trade {code}")
            made = list(dict.fromkeys(int(json.loads(one.text)["sid"]) for one in sent if one.kind == "REALTIME"))
            epochs = [delivered.get(number) for number in made]
            for at, epoch_ in enumerate(epochs):
                if epoch_ is None:
                    earlier = [one for one in epochs[:at] if one is not None]
                    later = [one for one in epochs[at:] if one is not None]
                    assert not earlier or not later or earlier[-1] < later[0]


def test_connections_that_come_of_age_are_replaced_without_a_gap(sim: Simulator, fast: Config) -> None:
    taker = Taker(sim, msgspec.structs.replace(fast, max_age=1.0), 1)
    with taker.proxy:
        sim.set_traffic(RATE)
        sim.wait(lambda sim: len(sim.connections("public")) >= 5, 30)
        taker.check()
        assert taker.states() == ["connecting", "open"]
        closed = [one for one in sim.connections("public") if not one.open]
        assert {one.close_code for one in closed} == {1000}
        times = [(one.opened_at, one.closed_at) for one in sim.connections("public")]
        for old, new in itertools.pairwise(times):
            assert old[1] is None or new[0] < old[1], "the new one is there before the old one goes"


def test_new_keys_of_the_same_account_lose_and_repeat_nothing(sim: Simulator, fast: Config) -> None:
    with WebSocketClientProxy("account", config=fast) as proxy:
        told: list[ConnectionEvent] = []
        proxy.on_connection(told.append)
        events: list[Any] = []
        proxy.subscribe_my_asset(events.append, mailbox=LARGE)
        sim.wait_served({"myAsset *"}, 20, endpoint="private")
        secret, pause = sim.secret_key, threading.Event()
        made = 0
        for change in range(5):
            secret = f"{secret[:-2]}{change:02}"
            sim.add_key(sim.access_key, secret)
            proxy.set_keys(sim.access_key, secret)
            while (
                sum(one.open for one in sim.connections("private")) != 1 or len(sim.connections("private")) < change + 2
            ):
                sim.deposit("KRW", 1)
                made += 1
                pause.wait(0.001)  # a flood would lie before what the old connection answers, for seconds
        wait_until(lambda: len(events) >= made, "all of them")
        assert [event.assets[0].balance for event in events] == [
            events[0].assets[0].balance + index for index in range(made)
        ]
        assert [one.state for one in told] == ["connecting", "open"]


def test_keys_that_are_refused_are_told_at_once_although_the_old_ones_serve(sim: Simulator, fast: Config) -> None:
    with WebSocketClientProxy("account", config=fast) as proxy:
        told: list[ConnectionEvent] = []
        errors: list[Exception] = []
        proxy.on_connection(told.append)
        proxy.subscribe_my_asset(print, error_handler=errors.append)
        sim.wait_served({"myAsset *"}, 20, endpoint="private")
        proxy.set_keys(sim.access_key, "x" * 64)
        wait_until(lambda: errors, "the refusal")
        wait_until(lambda: [one.state for one in told][-2:] == ["lost", "refused"], "what it means")
        assert not proxy.is_private_available()
