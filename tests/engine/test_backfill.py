"""Trades made while there was no connection arrive after all: once, in order, marked; what cannot be had is told."""

import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, WebSocketClientProxy
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.events.decode import decode
from websocket_v6.simulator import Limits, Simulator

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
SERVED = {f"trade {code}" for code in CODES}


@pytest.fixture
def filling(config: Config) -> Config:
    """A configuration that fills gaps, and whose waits are short."""
    return msgspec.structs.replace(config, backfill=True, backoff_initial=0.02, backoff_max=0.2)


class Component:
    """A proxy that follows trades, and everything it is told."""

    def __init__(self, config: Config, **options: Any) -> None:
        self.proxy = WebSocketClientProxy("bot", config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.proxy.on_connection(self.told.append)
        self.proxy.subscribe_trade(CODES, self.events.append, **options)

    def ids(self, code: str) -> list[int]:
        return [one.sequential_id for one in list(self.events) if one.symbol == code]

    def marked(self, code: str) -> list[int]:
        return [one.sequential_id for one in list(self.events) if one.symbol == code and one.backfilled]

    def wait_filled(self, count: int = 1) -> ConnectionEvent:
        """Wait until `count` gaps were seen to; return what the last of them came to."""
        wait_until(lambda: len(self.filled()) >= count, f"the end of {count} fills")
        return self.filled()[-1]

    def filled(self) -> list[ConnectionEvent]:
        return [one for one in list(self.told) if one.state == "backfilled"]

    def wait_for(self, code: str, number: int) -> None:
        wait_until(lambda: number in self.ids(code), f"trade {number} of {code}")


@pytest.fixture
def component(filling: Config) -> Iterator[Callable[..., Component]]:
    made: list[Component] = []

    def make(config: Config = filling, **options: Any) -> Component:
        made.append(Component(config, **options))
        return made[-1]

    yield make
    for one in made:
        one.proxy.cleanup()


def trade(sim: Simulator, code: str, count: int) -> list[int]:
    return [sim.trade(code) for _ in range(count)]


def gap(sim: Simulator, missed: Callable[[], None], served: set[str] = SERVED) -> None:
    """Lose the connection, let `missed` happen while nobody is connected, and wait for the next one."""
    sim.refuse(503, times=None, endpoint="public")
    sim.drop()
    sim.wait_connected(0)
    missed()
    sim.accept("public")
    sim.wait_served(served, 20)


@pytest.mark.parametrize("snapshot", [True, False])
def test_missed_trades_arrive_once_in_order_and_marked(
    sim: Simulator, component: Callable[..., Component], snapshot: bool
) -> None:
    bot = component(snapshot=snapshot)
    sim.wait_served(SERVED, 20)
    before = trade(sim, "KRW-BTC", 30)
    bot.wait_for("KRW-BTC", before[-1])
    missed: list[int] = []
    gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 700)))
    after = trade(sim, "KRW-BTC", 3)
    event = bot.wait_filled()
    bot.wait_for("KRW-BTC", after[-1])
    ids = bot.ids("KRW-BTC")
    # Who takes snapshots has had one, of a trade before all these.
    assert (ids[1:] if snapshot else ids) == before + missed + after
    assert ids == sorted(set(ids))
    # The newest came as the snapshot of the new connection, for those who take any.
    assert bot.marked("KRW-BTC") == (missed[:-1] if snapshot else missed)
    assert {one.epoch for one in bot.events if one.sequential_id in missed} == {2}
    assert (event.endpoint, event.epoch, event.unrecovered) == ("public", 2, ())
    assert event.recovered == len(bot.marked("KRW-BTC"))
    opened = next(one for one in bot.told if one.state == "open" and one.epoch == 2)
    assert (event.gap_started_at, event.gap_ended_at) == (opened.gap_started_at, opened.gap_ended_at)
    if snapshot:
        # Markets whose snapshot is the trade that was known cost no call.
        assert [call.partition("market=")[2][:7] for call in sim.rest_calls()] == ["KRW-BTC"] * 2


def test_a_fetched_trade_is_as_the_live_one_would_have_been(
    sim: Simulator, component: Callable[..., Component]
) -> None:
    bot = component(snapshot=False)
    sim.wait_served(SERVED, 20)
    bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
    live: dict[int, dict[str, Any]] = {}

    def missed() -> None:
        for price in (100_000_000, 130_000_000, 70_000_000):
            number = sim.trade("KRW-BTC", price=price)
            live[number] = decode(sim.current("trade KRW-BTC").encode()).asdict()

    gap(sim, missed)
    bot.wait_filled()
    bot.wait_for("KRW-BTC", max(live))
    unlike = {"received_at", "epoch", "stream_type", "backfilled", "timestamp"}
    for event in (one for one in bot.events if one.backfilled):
        fetched = event.asdict()
        assert fetched["timestamp"] == fetched["trade_timestamp"], "REST does not say when it was told"
        for name, value in live.pop(event.sequential_id).items():
            if name.startswith("best_"):
                assert fetched[name] is None
            elif name not in unlike:
                assert fetched[name] == value, name
    assert live == {}


def test_other_streams_do_not_wait(sim: Simulator, filling: Config, component: Callable[..., Component]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rest_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bot = component(msgspec.structs.replace(filling, rest_url=rest_url, backfill_timeout=1.5))
        tickers: list[Any] = []
        bot.proxy.subscribe_ticker("KRW-BTC", tickers.append)
        served = SERVED | {"ticker KRW-BTC"}
        sim.wait_served(served, 20)
        before = sim.trade("KRW-BTC")
        bot.wait_for("KRW-BTC", before)
        missed: list[int] = []
        gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 4)), served)
        after = [sim.trade("KRW-BTC"), sim.trade("KRW-ETH")]
        wait_until(lambda: any(one.epoch == 2 and one.stream_type == "REALTIME" for one in tickers), "a live ticker")
        bot.wait_for("KRW-ETH", after[1])  # of a market that missed nothing
        assert not bot.filled()
        assert not set(bot.ids("KRW-BTC")) & {*missed, after[0]}
        # A newcomer's snapshot does not wait either.
        assert bot.proxy.get_trade_snapshot(["KRW-BTC"])[0].sequential_id == after[0]
        event = bot.wait_filled()
        bot.wait_for("KRW-BTC", after[0])
    # The snapshot of the new connection is the last of those that were missed.
    assert bot.ids("KRW-BTC")[-3:] == [before, missed[-1], after[0]]
    assert (event.recovered, [one.symbol for one in event.unrecovered]) == (0, ["KRW-BTC"])
    assert "not fetched within 1.5 s" in event.unrecovered[0].reason


def unrecovered(event: ConnectionEvent) -> Unrecovered:
    (one,) = event.unrecovered
    assert one.started_at == event.gap_started_at
    return one


def missing_after(sim: Simulator, bot: Component) -> Unrecovered:
    """Lose trades for good but for the last; check that the stream goes on, and return what is told."""
    numbers: list[int] = []
    sim.wait_served(SERVED, 20)
    before = sim.trade("KRW-BTC")
    bot.wait_for("KRW-BTC", before)
    gap(sim, lambda: numbers.extend(trade(sim, "KRW-BTC", 3)))
    after = sim.trade("KRW-BTC")
    event = bot.wait_filled()
    bot.wait_for("KRW-BTC", after)
    assert bot.ids("KRW-BTC")[-3:] == [before, numbers[-1], after]
    assert bot.marked("KRW-BTC") == []
    return unrecovered(event)


def test_rest_that_is_down_is_told(sim: Simulator, filling: Config, component: Callable[..., Component]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bot = component(msgspec.structs.replace(filling, rest_url=f"http://127.0.0.1:{port}"))
    lost = missing_after(sim, bot)
    assert lost.reason.startswith(f"no answer from http://127.0.0.1:{port}: GET /v1/trades/ticks: ")
    assert lost.symbol == "KRW-BTC"


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "HTTP 404"), (418, "HTTP 418"), (500, "no answer"), (200, "not a page of trades")]
)
def test_a_refusal_is_told(sim: Simulator, component: Callable[..., Component], status: int, reason: str) -> None:
    sim.refuse(status, times=None, endpoint="rest", body={"error": {"name": 418, "message": "blocked for 600 seconds"}})
    assert reason in missing_after(sim, component()).reason


def test_a_call_too_many_is_made_again(sim: Simulator, component: Callable[..., Component]) -> None:
    sim.refuse(429, times=2, endpoint="rest")
    bot = component()
    sim.wait_served(SERVED, 20)
    bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
    missed: list[int] = []
    gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 3)))
    event = bot.wait_filled()
    assert (event.recovered, event.unrecovered) == (2, ())
    wait_until(lambda: bot.ids("KRW-BTC")[-3:] == missed, "the missed trades")


def test_a_gap_longer_than_configured_is_told(
    sim: Simulator, filling: Config, component: Callable[..., Component]
) -> None:
    bot = component(msgspec.structs.replace(filling, backfill_max_gap=1.0))
    sim.wait_served(SERVED, 20)
    bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
    lost_at = sim.now()
    sim.refuse(503, times=None)
    sim.drop()
    trade(sim, "KRW-BTC", 3)
    wait_until(lambda: sim.now() > lost_at + 1.2, "the end of a long gap")
    sim.accept()
    sim.wait_served(SERVED, 20)
    event = bot.wait_filled()
    assert unrecovered(event).reason == "the gap is longer than backfill_max_gap=1 s"
    assert unrecovered(event).ended_at == event.gap_ended_at
    assert sim.rest_calls() == []


def test_more_than_can_be_fetched_is_told_with_its_bounds(
    filling: Config, component: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("websocket_v6.protocol.gaps.fill.MAX_PAGES", 2)
    with Simulator(markets=CODES, limits=Limits.off()) as sim:
        bot = component(msgspec.structs.replace(filling, url=sim.url))
        sim.wait_served(SERVED, 20)
        bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
        missed: list[int] = []
        gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 1_200)))
        event = bot.wait_filled()
        bot.wait_for("KRW-BTC", missed[-1])
        assert bot.ids("KRW-BTC")[-1000:] == missed[-1000:]
        assert event.recovered == 999
        lost = unrecovered(event)
        assert "trades" in lost.reason
        assert lost.ended_at == missed[-1000] // 10_000 * 1_000_000
        bot.proxy.cleanup()


def test_too_many_live_trades_do_not_wait(
    sim: Simulator, filling: Config, component: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.holds.MAX_HELD", 10)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bot = component(msgspec.structs.replace(filling, rest_url=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        sim.wait_served(SERVED, 20)
        bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
        missed: list[int] = []
        gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 3)))
        after = trade(sim, "KRW-BTC", 20)
        bot.wait_for("KRW-BTC", after[-1])
        assert bot.ids("KRW-BTC")[-21:] == [missed[-1], *after]
        assert unrecovered(bot.wait_filled()).reason == "10 live trades were waiting"


def test_a_gap_in_a_gap_is_filled_with_it(sim: Simulator, component: Callable[..., Component]) -> None:
    sim.refuse(429, times=None, endpoint="rest")
    bot = component()
    sim.wait_served(SERVED, 20)
    before = sim.trade("KRW-BTC")
    bot.wait_for("KRW-BTC", before)
    expected = [before]
    for _ in range(3):
        gap(sim, lambda: expected.extend(trade(sim, "KRW-BTC", 5)))
        expected.extend(trade(sim, "KRW-BTC", 2))
    sim.accept("rest")
    bot.wait_filled()
    bot.wait_for("KRW-BTC", expected[-1])
    assert bot.ids("KRW-BTC")[1:] == expected
    (event,) = bot.filled()
    assert (event.epoch, event.recovered, event.unrecovered) == (4, len(bot.marked("KRW-BTC")), ())
    lost = next(one for one in bot.told if one.state == "lost")
    assert event.gap_started_at == lost.gap_started_at


def test_who_comes_after_the_gap_begins_with_the_present(
    sim: Simulator, filling: Config, component: Callable[..., Component]
) -> None:
    sim.refuse(429, times=2, endpoint="rest")  # so that the fill takes two seconds
    bot = component()
    sim.wait_served(SERVED, 20)
    bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
    missed: list[int] = []
    gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 5)))
    wait_until(lambda: len(sim.rest_calls()) >= 1, "the first call")
    late = component()
    wait_until(lambda: late.ids("KRW-BTC"), "the newcomer's snapshot")
    after = trade(sim, "KRW-BTC", 3)
    bot.wait_filled()
    for one in (bot, late):
        one.wait_for("KRW-BTC", after[-1])
    assert late.ids("KRW-BTC") == [missed[-1], *after]
    assert bot.ids("KRW-BTC")[-8:] == [*missed, *after]


def test_a_bug_in_backfill_loses_nothing(
    sim: Simulator, component: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    from websocket_v6.actors.gaps.backfill import Backfill

    answered = Backfill._answered
    bugs = iter([RuntimeError("a bug")])

    def fail_once(self: Any, *args: Any) -> None:
        for bug in bugs:
            raise bug
        answered(self, *args)

    monkeypatch.setattr(Backfill, "_answered", fail_once)
    bot = component()
    sim.wait_served(SERVED, 20)
    bot.wait_for("KRW-BTC", sim.trade("KRW-BTC"))
    missed: list[int] = []
    gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 5)))
    event = bot.wait_filled()
    bot.wait_for("KRW-BTC", missed[-1])
    assert bot.ids("KRW-BTC")[-5:] == missed
    assert event.recovered == 4


def test_it_is_off_by_default(sim: Simulator, config: Config, component: Callable[..., Component]) -> None:
    bot = component(msgspec.structs.replace(config, backoff_initial=0.02))
    sim.wait_served(SERVED, 20)
    before = sim.trade("KRW-BTC")
    bot.wait_for("KRW-BTC", before)
    missed: list[int] = []
    gap(sim, lambda: missed.extend(trade(sim, "KRW-BTC", 5)))
    bot.wait_for("KRW-BTC", missed[-1])
    assert bot.ids("KRW-BTC")[-2:] == [before, missed[-1]]
    assert sim.rest_calls() == []
    assert bot.filled() == []


@pytest.mark.parametrize("redundancy", [1, 2])
def test_nothing_is_missing_or_repeated_whenever_the_connection_is_lost(
    sim: Simulator, filling: Config, component: Callable[..., Component], redundancy: int
) -> None:
    rng = random.Random(5)
    config = msgspec.structs.replace(filling, redundancy=redundancy)
    bots = [component(config), component(config, snapshot=False)]
    sim.wait_served(SERVED, 20)
    made: dict[str, list[int]] = {code: [] for code in CODES}

    def trade_some() -> None:
        for _ in range(rng.randrange(1, 12)):
            code = rng.choice(CODES)
            made[code].append(sim.trade(code))

    for code in CODES:
        # A component that takes no snapshots says by an event alone that it is routed to.
        wait_until(lambda: sim.trade(code) and all(bot.ids(code) for bot in bots), "both following")  # noqa: B023
        made[code].append(sim.trade(code))
        for bot in bots:
            bot.wait_for(code, made[code][0])
    for _ in range(8):
        trade_some()
        sim.drop()
        trade_some()
        if rng.random() < 0.7:
            sim.wait_served(SERVED, 20)
            trade_some()
    sim.wait_served(SERVED, 20)
    trade_some()
    for bot in bots:
        for code in CODES:
            bot.wait_for(code, made[code][-1])
            ids = bot.ids(code)
            assert ids[ids.index(made[code][0]) :] == made[code]
        assert all(one.unrecovered == () for one in bot.filled())
