"""The overwrite problem: components come, change, go and crash as they like, and none harms another.

Bursts of changes at random, with quiet moments between them. In each quiet moment the exchange must serve exactly the
union, and what its markets then do must reach exactly those who want it, in order, once.
"""

import gc
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import wait_until
from websocket_v6 import Config, Mailbox, OverflowEvent, Subscription, WebSocketClientProxy
from websocket_v6.simulator import Simulator

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH"]
KEEP_ALL = Mailbox.lossless(1 << 26)


class Taker:
    """One subscription and what it should have had: all that was sent on its streams while it was there."""

    def __init__(self, subscription: Subscription[Any], events: list[Any] | None) -> None:
        self.subscription = subscription
        self.events = events  # where its callback puts them; None: it is pulled
        self.expected: list[str] = []
        self.codes = set(subscription.symbols)

    @property
    def streams(self) -> set[str]:
        return {f"{self.subscription.data_type} {code}" for code in self.codes}

    def received(self) -> list[Any]:
        if self.events is not None:
            return list(self.events)
        self.pulled = getattr(self, "pulled", [])
        while True:
            try:
                self.pulled.append(self.subscription.get(0))
            except TimeoutError:
                return self.pulled

    def realtime(self) -> list[str]:
        events = self.received()
        assert not any(isinstance(event, OverflowEvent) for event in events)
        return [event._payload.decode() for event in events if event.stream_type == "REALTIME"]

    def snapshots(self) -> Counter[str]:
        return Counter(event.symbol for event in self.received() if event.stream_type == "SNAPSHOT")


class World:
    """The components of one example and what the exchange should be serving."""

    def __init__(self, sim: Simulator, data: st.DataObject) -> None:
        self.sim = sim
        self.data = data
        self.config = Config(url=sim.url, silent_code_timeout=60.0)
        self.components: dict[int, tuple[WebSocketClientProxy, list[Taker]]] = {}
        self.names = itertools.count()
        self.starts: Counter[str] = Counter()  # how often a stream came into the union, in quiet moments
        self.union: set[str] = set()

    def takers(self) -> Iterator[Taker]:
        for _, takers in self.components.values():
            yield from takers

    def step(self, action: str) -> None:
        if action == "join" or not self.components:
            if len(self.components) < 50:
                name = next(self.names)
                self.components[name] = (WebSocketClientProxy(f"component-{name}", config=self.config), [])
                self.subscribe(name)
            return
        name = self.data.draw(st.sampled_from(sorted(self.components)), "component")
        proxy, takers = self.components[name]
        if action == "subscribe":
            self.subscribe(name)
        elif action == "leave":
            proxy.cleanup()
            del self.components[name]
        elif action == "crash":
            # No cleanup: the proxy is simply gone, as after an exception in a component's own code.
            del self.components[name], proxy, takers
            gc.collect()  # what drew the examples may hold it in cycles
        elif takers:
            self.change(takers, action)

    def subscribe(self, name: int) -> None:
        proxy, takers = self.components[name]
        kind = self.data.draw(st.sampled_from(["ticker", "trade", "orderbook"]), "type")
        codes = self.data.draw(st.lists(st.sampled_from(CODES), min_size=1, unique=True), "codes")
        events: list[Any] | None = [] if self.data.draw(st.booleans(), "callback") else None
        callback: Callable[[Any], object] | None = None if events is None else events.append
        subscribe = getattr(proxy, f"subscribe_{kind}")
        takers.append(Taker(subscribe(codes, callback, mailbox=KEEP_ALL), events))

    def change(self, takers: list[Taker], action: str) -> None:
        taker = takers[self.data.draw(st.integers(0, len(takers) - 1), "subscription")]
        code = self.data.draw(st.sampled_from(CODES), "code")
        if action == "add":
            taker.subscription.add(code)
            taker.codes.add(code)
        elif action == "remove" and taker.codes != {code}:
            taker.subscription.remove(code)
            taker.codes.discard(code)
        elif action == "close":
            taker.subscription.close()
            takers.remove(taker)

    def settle(self) -> None:
        """Wait for the quiet moment, and check what the exchange serves in it."""
        union = {stream for taker in self.takers() for stream in taker.streams}
        wait_until(lambda: self.sim.served() == union, f"serving exactly {sorted(union)}")
        self.starts.update(union - self.union)
        self.union = union
        for taker in self.takers():
            wait_until(lambda: set(taker.codes) <= set(taker.snapshots()), "a snapshot of each code")  # noqa: B023
        wait_until(
            lambda: sum(one.open for one in self.sim.connections("public")) == (1 if union else 0),
            "one connection, or none where nothing is wanted",
        )

    def trade(self, count: int) -> None:
        """Let the markets move, and check that everyone gets all of theirs."""
        before = {stream: len(self.sim.sent(stream=stream)) for stream in self.union}
        for index in range(count):
            self.sim.trade(CODES[index % len(CODES)])
        self.sim.flush()  # in any weather
        new = {stream: [one.text for one in self.sim.sent(stream=stream)[start:]] for stream, start in before.items()}
        for taker in self.takers():
            for stream in taker.streams:
                taker.expected += new[stream]
        for taker in self.takers():
            wait_until(lambda: len(taker.realtime()) >= len(taker.expected), "all events")  # noqa: B023
            for stream in {one.partition('"cd":"')[2][:8] for one in taker.expected}:
                mine = [one for one in taker.realtime() if stream in one[:40]]
                assert mine == [one for one in taker.expected if stream in one[:40]], "in order, once, none missing"
            assert Counter(taker.realtime()) == Counter(taker.expected)

    def close(self) -> None:
        for proxy, _ in self.components.values():
            proxy.cleanup()
        self.components.clear()


ACTIONS = ["join", "join", "subscribe", "subscribe", "add", "remove", "close", "leave", "crash"]
bursts = st.lists(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=25), min_size=1, max_size=3)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(bursts, st.data())
def test_any_changes_of_any_components(bursts: list[list[str]], data: st.DataObject) -> None:
    with Simulator(markets=CODES) as sim:
        world = World(sim, data)
        try:
            for burst in bursts:
                for action in burst:
                    world.step(action)
                world.settle()
                world.trade(8)
        finally:
            world.close()
        wait_until(lambda: not any(one.open for one in sim.connections()), "the end of all connections")
        snapshots: Counter[str] = Counter()
        for one in sim.connections("public"):
            snapshots.update(one.snapshots)
            assert one.close_code != 1006 or not one.requests, "but an attempt that nobody wanted any more"
        assert not sim.notices(), "the exchange never had to refuse anything"


def test_running_codes_are_never_sent_a_second_snapshot(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("first", config=config) as first, WebSocketClientProxy("second", config=config) as second:
        mine = first.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        assert {mine.get(20).symbol, mine.get(20).symbol} == {"KRW-BTC", "KRW-ETH"}
        theirs = second.subscribe_ticker(["KRW-ETH", "KRW-XRP"])
        assert {theirs.get(20).symbol, theirs.get(20).symbol} == {"KRW-ETH", "KRW-XRP"}
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH", "ticker KRW-XRP"})
        (connection,) = sim.connections("public")
        assert connection.snapshots == {"ticker KRW-BTC": 1, "ticker KRW-ETH": 1, "ticker KRW-XRP": 1}
        sim.trade("KRW-ETH")
        assert mine.get(20).asdict() == theirs.get(20).asdict()
        with pytest.raises(TimeoutError):
            mine.get(0)


def test_three_hundred_components_cost_two_requests(sim: Simulator, config: Config) -> None:
    proxies = [WebSocketClientProxy(f"component-{index}", config=config) for index in range(300)]
    try:
        started = sim.now()
        for index, proxy in enumerate(proxies):
            proxy.subscribe_ticker([CODES[index % 4]])
        took = sim.now() - started
        sim.wait_served({f"ticker {code}" for code in CODES})
        (connection,) = sim.connections("public")
        assert len(connection.requests) <= max(2, 2 * took), f"they came within {took:.2f} s"
    finally:
        for proxy in proxies:
            proxy.cleanup()


def test_a_storm_of_changes_keeps_the_limits(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("restless", config=config) as proxy:
        keeper = proxy.subscribe_trade("KRW-BTC")
        for index in range(200):
            with proxy.subscribe_ticker(CODES[index % 4]):
                pass
        sim.wait_served({"trade KRW-BTC"})
        keeper.get(20)
        (connection,) = sim.connections("public")
        times = [request.at for request in connection.requests]
        assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times))
        assert not sim.notices()


def test_each_component_has_its_own_depth(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("shallow", config=config) as shallow, WebSocketClientProxy("deep", config=config) as deep:
        small: Any = shallow.subscribe_orderbook("KRW-BTC", depth=5)
        assert len(small.get(20).orderbook_units) == 5
        large: Any = deep.subscribe_orderbook("KRW-BTC", depth=15)
        assert len(large.get(20).orderbook_units) == 15
        sim.trade("KRW-BTC")
        book = large.get(20)
        assert len(book.orderbook_units) == 15
        while (mine := small.get(20)).timestamp < book.timestamp:
            assert len(mine.orderbook_units) == 5
        assert mine.orderbook_units == book.orderbook_units[:5]
        (connection,) = sim.connections("public")
        assert [one.units for one in connection.subscription] == [15]


def test_levels_of_one_code_are_streams_of_their_own(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("books", config=config) as proxy:
        plain: Any = proxy.subscribe_orderbook("KRW-BTC")
        grouped: Any = proxy.subscribe_orderbook("KRW-BTC", level=10000)
        assert plain.get(20).level == 0
        assert grouped.get(20).level == 10000


def test_the_same_name_twice_is_two_components(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as one, WebSocketClientProxy("bot", config=config) as other:
        one.subscribe_ticker("KRW-BTC")
        other.subscribe_ticker("KRW-ETH")
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"})
        one.cleanup()
        sim.wait_served({"ticker KRW-ETH"})


def test_a_snapshot_disturbs_nobody(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("stream", config=config) as proxy:
        ticks = proxy.subscribe_ticker("KRW-BTC")
        ticks.get(20)
        codes = ["KRW-XRP", "KRW-BTC", "BTC-ETH"]
        assert [one.symbol for one in proxy.get_ticker_snapshot(codes)] == codes
        assert [one.symbol for one in proxy.get_candle_snapshot(["KRW-ETH"], interval="5m")] == ["KRW-ETH"]
        assert len(proxy.get_orderbook_snapshot("KRW-ETH", depth=1)[0].orderbook_units) == 1
        assert proxy.get_trade_snapshot("USDT-BTC")[0].symbol == "USDT-BTC"
        sim.wait_served({"ticker KRW-BTC"})
        sim.trade("KRW-BTC")
        assert ticks.get(20).stream_type == "REALTIME"
        (connection,) = sim.connections("public")
        assert connection.snapshots["ticker KRW-BTC"] == 1


def test_snapshot_and_realtime_alone(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("options", config=config) as proxy:
        once = proxy.subscribe_ticker("KRW-BTC", realtime=False)
        later = proxy.subscribe_ticker("KRW-ETH", snapshot=False)
        sim.wait_served({"ticker KRW-ETH"})
        assert once.get(20).stream_type == "SNAPSHOT"
        sim.trade("KRW-BTC")
        sim.trade("KRW-ETH")
        assert later.get(20).stream_type == "REALTIME"
        with pytest.raises(TimeoutError):
            once.get(0.05)


def test_a_snapshot_of_a_code_that_was_removed_can_be_had_again(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("again", config=config) as proxy:
        once = proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], realtime=False)
        assert {once.get(20).symbol, once.get(20).symbol} == {"KRW-BTC", "KRW-ETH"}
        once.remove("KRW-ETH")
        once.add("KRW-ETH")
        assert once.get(20).symbol == "KRW-ETH"
        once.close()
