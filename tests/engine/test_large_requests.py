"""More codes than one request may name: all of them are served, over several connections that are one to everybody."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, WebSocketClientProxy
from websocket_v6.actors.connection import request_limits
from websocket_v6.actors.connection.request_limits import request_limit_of
from websocket_v6.health import ConnectionHealth, PartHealth
from websocket_v6.protocol.demand import asking
from websocket_v6.simulator import Limits, Simulator

CODES = [f"KRW-X{number:03d}" for number in range(400)]
FEW = CODES[:20]
MOST = 10_000  # bytes that this exchange takes
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _forget_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know nothing of a host that had the same port."""
    monkeypatch.setattr(request_limits, "_limits", {})


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """An exchange with all these markets, which takes no large requests and closes without a word."""
    with Simulator(CODES, limits=Limits(request_bytes=MOST, request_bytes_code=1000)) as sim:
        yield sim


class Watcher:
    """A component that wants tickers, trades and order books, and all that it is told."""

    def __init__(self, sim: Simulator, **settings: Any) -> None:
        config = Config(url=sim.url, backoff_initial=0.02, backoff_max=0.2, **settings)
        self.sim = sim
        self.url = sim.url
        self.proxy = WebSocketClientProxy("bot", config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.cleanup()

    def want(self, codes: list[str], *types: str) -> None:
        for type_ in types or ("ticker", "trade", "orderbook"):
            subscribe = getattr(self.proxy, f"subscribe_{type_}")
            subscribe(codes, callback=self.events.append, error_handler=self.errors.append)

    def heard(self, since: int = 0) -> set[tuple[str, str]]:
        return {(type(one).__name__, one.symbol) for one in self.events[since:]}

    def wait_heard(self, count: int, since: int = 0) -> None:
        wait_until(lambda: len(self.heard(since)) >= count, f"{count} streams", timeout=PATIENCE)

    def states(self) -> list[str]:
        return [one.state for one in self.told if one.endpoint == "public"]

    def health(self) -> list[ConnectionHealth]:
        return [one for one in self.proxy.health().connections if one.endpoint == "public"]

    def wait_parts(self, count: int) -> ConnectionHealth:
        """Wait until one connection serves, over so many sockets, and no other is there."""

        def found() -> list[ConnectionHealth]:
            serving = [one for one in self.health() if one.serves and one.state == "open" and len(one.parts) == count]
            return serving if len(self.health()) == 1 else []

        wait_until(lambda: bool(found()), f"{count} sockets", timeout=PATIENCE)
        wait_until(lambda: len(self.open()) == count, "no other is open", timeout=PATIENCE)
        return self.health()[0]

    def open(self) -> list[Any]:
        return [one for one in self.sim.connections("public") if one.open]


def check_once(watcher: Watcher) -> None:
    """Check that of each code a trade from now on comes once, in order, in one epoch."""
    since = len(watcher.events)
    numbers = {code: [watcher.sim.trade(code) for _ in range(2)] for code in CODES[::7]}
    # Each socket answers behind all that was sent over it: whatever came twice is before what is traded from here on.
    watcher.proxy.list_subscriptions("public")
    last = {watcher.sim.trade(code) for code in numbers}

    def trades() -> list[Any]:
        return [one for one in watcher.events[since:] if type(one).__name__ == "TradeEvent"]

    wait_until(lambda: last <= {one.sequential_id for one in trades()}, "the last trades", timeout=PATIENCE)
    found: dict[str, list[int]] = {}
    for one in trades():
        if one.sequential_id not in last:
            found.setdefault(one.symbol, []).append(one.sequential_id)
    assert found == numbers
    assert len({one.epoch for one in trades()}) == 1


def test_what_a_connection_was_asked_is_in_its_health(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        proxy.subscribe_orderbook(["KRW-BTC", "KRW-XRP"], depth=5)
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH", "orderbook KRW-BTC", "orderbook KRW-XRP"})
        (one,) = (one for one in proxy.health().connections if one.endpoint == "public")
        assert one.codes == 3
        assert one.parts == (PartHealth(3, one.request_bytes),)
        assert f"request of {one.request_bytes:,} bytes for 3 codes" in str(proxy.health())


def test_an_exchange_that_closes_on_a_large_request_is_asked_in_parts(
    shared: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with Watcher(shared) as bot:
        bot.want(FEW)
        bot.wait_heard(60)
        bot.want(CODES[20:])
        bot.wait_heard(1200)
        one = bot.wait_parts(2)
        assert one.codes == 400
        assert all(part.request_bytes <= MOST for part in one.parts)
        assert sum(part.codes for part in one.parts) == 400
        assert f"2 sockets: request of {one.parts[0].request_bytes:,} bytes for" in str(bot.proxy.health())
        assert bot.states().count("lost") == 1, "it had to be tried"
        assert sum("larger than any that was served" in record.getMessage() for record in caplog.records) == 1
        assert not bot.errors
        check_once(bot)
        served = [served for one in bot.open() for served in one.served]
        assert sorted(served) == sorted(
            f"{type_} {code}" for type_ in ("ticker", "trade", "orderbook") for code in CODES
        )


@pytest.mark.parametrize("code", [1009, None])
def test_however_it_closes(code: int | None) -> None:
    with Simulator(CODES, limits=Limits(request_bytes=MOST, request_bytes_code=code)) as sim, Watcher(sim) as bot:
        bot.want(CODES)
        bot.wait_heard(1200)
        bot.wait_parts(2)


def test_what_is_known_to_be_too_large_is_divided_before_anybody_closes(shared: Simulator) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared) as bot:
        bot.want(CODES)
        bot.wait_heard(1200)
        bot.wait_parts(2)
        assert bot.states() == ["connecting", "open"]
        check_once(bot)


def test_what_the_exchange_serves_is_asked_of_all_parts(shared: Simulator) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared) as bot:
        bot.want(CODES)
        bot.wait_parts(2)
        found = bot.proxy.list_subscriptions("public").subscriptions
        assert {code for one in found for code in one.codes} == set(CODES)
        assert sum(len(one.codes) for one in found) == 1200


@pytest.mark.parametrize("loses", [0, 1])
def test_one_socket_that_is_lost_is_one_loss(shared: Simulator, loses: int) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared) as bot:
        bot.want(CODES)
        bot.wait_heard(1200)
        bot.wait_parts(2)
        seen = len(bot.events)
        assert shared.drop(connection_id=bot.open()[loses].id) == 1
        wait_until(lambda: bot.states().count("open") == 2, "it is open again", timeout=PATIENCE)
        bot.wait_heard(800, since=seen)  # a trade that was delivered is not news
        bot.wait_parts(2)
        assert bot.states() == ["connecting", "open", "lost", "connecting", "open"]
        lost, opened = bot.told[2], bot.told[-1]
        assert opened.gap_started_at == lost.gap_started_at
        assert opened.gap is not None
        epochs = [one.epoch for one in bot.events[seen:]]
        assert epochs == sorted(epochs)
        assert epochs[-1] == 2
        assert len(bot.proxy.health().gaps) == 1
        check_once(bot)


def test_what_grows_beyond_one_request_goes_on_over_several_without_a_gap(shared: Simulator) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared) as bot:
        bot.want(FEW)
        bot.wait_heard(60)
        assert len(bot.health()[0].parts) == 1
        numbers = [shared.trade(FEW[0]) for _ in range(5)]
        bot.want(CODES[20:])

        def hears_all() -> bool:
            numbers.append(shared.trade(FEW[0]))
            return len(bot.heard()) >= 1200

        wait_until(hears_all, "1200 streams", timeout=PATIENCE)
        bot.wait_parts(2)
        numbers.append(shared.trade(FEW[0]))

        def found() -> list[int]:
            return [
                one.sequential_id
                for one in bot.events
                if type(one).__name__ == "TradeEvent" and one.symbol == FEW[0] and one.stream_type == "REALTIME"
            ]

        wait_until(lambda: bool(found()) and found()[-1] == numbers[-1], "the last trade", timeout=PATIENCE)
        assert found() == numbers, "each of them once"
        assert bot.states() == ["connecting", "open"]
        assert not bot.proxy.health().gaps
        check_once(bot)


def test_what_shrinks_goes_on_over_one_without_a_gap(shared: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ROOMY_AFTER", 0.5)
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared) as bot:
        bot.want(FEW, "trade")
        many = bot.proxy.subscribe_ticker(CODES, callback=bot.events.append)
        books = bot.proxy.subscribe_orderbook(CODES, callback=bot.events.append)
        more = bot.proxy.subscribe_trade(CODES, callback=bot.events.append)
        bot.wait_parts(2)
        many.close()
        books.close()
        more.close()
        assert bot.wait_parts(1).codes == len(FEW)
        assert bot.states() == ["connecting", "open"]
        assert not bot.proxy.health().gaps


def test_with_two_connections_each_has_its_sockets_and_either_may_be_lost(shared: Simulator) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared, redundancy=2) as bot:
        bot.want(CODES)
        bot.wait_heard(1200)

        def both() -> bool:
            return [len(one.parts) for one in bot.health() if one.serves] == [2, 2]

        wait_until(both, "both serve", timeout=PATIENCE)
        assert len(bot.open()) == 4
        check_once(bot)
        told = len(bot.told)
        shared.drop(connection_id=bot.open()[0].id)
        wait_until(lambda: not both(), "one is lost", timeout=PATIENCE)
        wait_until(both, "both serve again", timeout=PATIENCE)
        assert bot.told[told:] == [], "nothing is missing"
        check_once(bot)


def test_one_that_is_replaced_for_its_age_loses_nothing(shared: Simulator) -> None:
    request_limit_of(shared.url).not_taken(16_000)
    with Watcher(shared, max_age=3.0) as bot:
        bot.want(CODES)
        bot.wait_heard(1200)
        first = bot.wait_parts(2)
        numbers: list[int] = []

        def is_replaced() -> bool:
            numbers.append(shared.trade(CODES[0]))
            return bot.health()[-1].source != first.source and any(one.serves for one in bot.health()[-1:])

        wait_until(is_replaced, "its heir serves", timeout=PATIENCE)

        def found() -> Counter[int]:
            of_first = (one for one in bot.events if type(one).__name__ == "TradeEvent" and one.symbol == CODES[0])
            return Counter(one.sequential_id for one in of_first if one.stream_type == "REALTIME")

        wait_until(lambda: numbers[-1] in found(), "the last trade", timeout=PATIENCE)
        assert found() == Counter(numbers)
        assert bot.states() == ["connecting", "open"]


def test_the_pace_of_connects_holds_for_all_sockets() -> None:
    limits = Limits(connects_per_second=5)
    with Simulator(CODES, limits=limits) as sim, Watcher(sim, redundancy=3) as bot:
        request_limit_of(sim.url).not_taken(16_000)
        bot.want(CODES)
        wait_until(lambda: [len(one.parts) for one in bot.health() if one.serves] == [2] * 3, "all", timeout=PATIENCE)
        opened = sorted(one.opened_at for one in sim.connections("public"))
        assert len(opened) >= 6, "more if what was wanted first fitted one"
        assert all(later - earlier > 0.95 for earlier, later in zip(opened, opened[5:], strict=False))
        assert not [one for one in bot.told if one.reason]
