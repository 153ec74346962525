"""Closed candles against a simulated exchange: each once and whole, whatever the connection does meanwhile."""

import json
import random
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import CandleEvent, Config, ConnectionEvent, WebSocketClientProxy
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.simulator import Answers, Simulator

BTC, ETH = "KRW-BTC", "KRW-ETH"
STREAM = f"candle.1m {BTC}"


@pytest.fixture
def filling(config: Config) -> Config:
    """A configuration that fetches what is missing, and whose waits are short."""
    return msgspec.structs.replace(config, backfill=True, backoff_initial=0.02, backoff_max=0.2)


class Bot:
    """A component, what it gets of closed candles and what it is told."""

    def __init__(self, config: Config, codes: Any = BTC, *, unit: str = "1m", **how: Any) -> None:
        self.proxy = WebSocketClientProxy("bot", config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[CandleEvent] = []
        self.proxy.on_connection(self.told.append)
        self.subscription = self.proxy.subscribe_candle(codes, self.events.append, interval=unit, closed=True, **how)

    def starts(self, code: str = BTC) -> list[str]:
        return [one.candle_date_time_utc for one in list(self.events) if one.symbol == code]

    def volumes(self, code: str = BTC) -> dict[str, Any]:
        return {
            one.candle_date_time_utc: one.candle_acc_trade_volume for one in list(self.events) if one.symbol == code
        }

    def wait_for(self, count: int) -> list[CandleEvent]:
        wait_until(lambda: len(self.events) >= count, f"{count} closed candles")
        return list(self.events)

    def filled(self) -> list[ConnectionEvent]:
        return [one for one in list(self.told) if one.state == "backfilled"]


@pytest.fixture
def bots(filling: Config) -> Iterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def make(*args: Any, config: Config = filling, **how: Any) -> Bot:
        made.append(Bot(config, *args, **how))
        return made[-1]

    yield make
    for one in made:
        one.proxy.cleanup()


def rest(sim: Simulator, code: str = BTC, path: str = "minutes/1", count: int = 200) -> dict[str, Decimal]:
    """Return volumes by start, as the exchange's REST side has them now."""
    url = f"{sim.rest_url}/v1/candles/{path}?market={code}&count={count}"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the simulator's
        rows = json.loads(answer.read(), parse_float=Decimal)
    return {row["candle_date_time_utc"]: row["candle_acc_trade_volume"] for row in rows}


def to_the_minute(sim: Simulator, second: float = 5.0) -> None:
    """Go to some second of the next minute."""
    sim.advance(60.0 - sim.now() % 60 + second, idle=False)


def newest(sim: Simulator, stream: str = STREAM) -> str:
    return str(json.loads(sim.current(stream))["candle_date_time_utc"])


def lose(sim: Simulator, missed: Callable[[], object], served: set[str]) -> None:
    """Lose the connection, let `missed` happen while nobody is connected, and wait for the next one."""
    sim.refuse(503, times=None, endpoint="public")
    sim.drop()
    sim.wait_connected(0)
    missed()
    sim.accept("public")
    sim.wait_served(served, 20)


def trades(sim: Simulator, minutes: int, code: str = BTC) -> list[str]:
    """Trade in so many minutes, and return when each begins."""
    starts = []
    for _ in range(minutes):
        to_the_minute(sim)
        sim.trade(code)
        sim.trade(code)
        starts.append(newest(sim, f"candle.1m {code}"))
    return starts


# --- no gap


def test_each_candle_comes_once_with_its_last_state(sim: Simulator, bots: Callable[..., Bot]) -> None:
    bot = bots()
    sim.wait_served({STREAM})
    starts = trades(sim, 5)
    wait_until(lambda: bot.starts()[-4:] == starts[:4], "all but the newest")
    assert all(one.closed and not one.empty and not one.backfilled for one in bot.events)
    exchange = rest(sim)
    assert {start: exchange[start] for start in bot.starts()} == bot.volumes()
    assert bot.subscription.stats.lag == 0.0


def test_silence_is_asked_about_and_a_pong_closes_a_candle(sim: Simulator, bots: Callable[..., Bot]) -> None:
    stream = f"candle.1s {BTC}"
    bot = bots(unit="1s")
    sim.wait_served({stream})
    sim.trade(BTC)
    start = newest(sim, stream)
    wait_until(lambda: start in bot.starts(), "the candle, with no message after it")


def test_nothing_closes_on_a_connection_that_is_half_dead(sim: Simulator, bots: Callable[..., Bot]) -> None:
    stream = f"candle.1s {BTC}"
    bot = bots(unit="1s")
    sim.wait_served({stream})
    sim.trade(BTC)
    start = newest(sim, stream)
    sim.stall(data=True, pongs=True)
    count = len(bot.events)
    threading.Event().wait(4.0)  # it would have closed after three
    assert start not in bot.starts()[count:]


def trade_around_a_minute(sim: Simulator) -> str:
    """Trade just before a minute's end and just behind it, within one flush; return the start of the one that ended."""
    sim.wait_served({STREAM})
    to_the_minute(sim, 59.2)
    sim.trade(BTC, volume=1)
    sim.advance(0.7, idle=False)
    sim.trade(BTC, volume=1000)
    before = newest(sim)
    sim.advance(0.2, idle=False)
    sim.trade(BTC, volume=2)
    assert newest(sim) > before
    return before


@pytest.mark.parametrize("flush", ["each", "newest_first"])
def test_what_comes_after_the_end_is_in_it(flush: Any, filling: Config) -> None:
    with Simulator(markets=[BTC], answers=Answers(candle_flush=flush), paced=True) as sim:
        config = msgspec.structs.replace(filling, url=sim.url)
        bot = Bot(config)
        try:
            before = trade_around_a_minute(sim)
            wait_until(lambda: before in bot.starts(), "the candle of the old minute")
            assert bot.volumes()[before] == rest(sim)[before] == 1001
        finally:
            bot.proxy.cleanup()


@pytest.mark.parametrize("flush", ["each", "newest_first", "newest"])
def test_what_rest_has_is_delivered_whatever_is_flushed(flush: Any, filling: Config) -> None:
    with Simulator(markets=[BTC], answers=Answers(candle_flush=flush), paced=True, frozen=True) as sim:
        bot = Bot(msgspec.structs.replace(filling, url=sim.url), verify=True)
        try:
            before = trade_around_a_minute(sim)
            sim.advance(1.0, idle=False)
            wait_until(lambda: before in bot.starts(), "the candle of the old minute")
            assert bot.volumes()[before] == rest(sim)[before] == 1001
            (event,) = (one for one in bot.events if one.candle_date_time_utc == before)
            assert (event.closed, event.backfilled, event.stream_type) == (True, True, "REALTIME")
        finally:
            bot.proxy.cleanup()


def test_a_candle_that_was_never_sent_is_found_at_rest(filling: Config) -> None:
    with Simulator(markets=[BTC], answers=Answers(candle_flush="newest"), paced=True, frozen=True) as sim:
        bot = Bot(msgspec.structs.replace(filling, url=sim.url), verify=True)
        plain: list[CandleEvent] = []
        bot.proxy.subscribe_candle(BTC, plain.append, closed=True)
        try:
            sim.wait_served({STREAM})
            to_the_minute(sim, 10.0)
            sim.trade(BTC, volume=3)
            first = newest(sim)
            to_the_minute(sim, 59.99)
            sim.trade(BTC, volume=1000)
            hidden = newest(sim)
            sim.advance(0.02, idle=False)  # both fall into one flush
            sim.trade(BTC, volume=2)
            last = newest(sim)
            assert first < hidden < last
            sim.advance(1.0, idle=False)
            wait_until(lambda: hidden in bot.starts(), "the candle of which nothing came")
            to_the_minute(sim, 10.0)
            sim.trade(BTC)
            sim.advance(1.0, idle=False)
            wait_until(lambda: last in bot.starts(), "the last")
            exchange = rest(sim)
            assert bot.starts()[-3:] == [first, hidden, last]
            assert bot.volumes() == {start: exchange[start] for start in bot.starts()}
            wait_until(lambda: last in {one.candle_date_time_utc for one in plain}, "the last one of the other's")
            assert hidden not in {one.candle_date_time_utc for one in plain}, "so the stream alone does not have it"
        finally:
            bot.proxy.cleanup()


def test_what_cannot_be_verified_is_told_and_not_delivered(sim: Simulator, filling: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as refusing:
        rest_url = f"http://127.0.0.1:{refusing.getsockname()[1]}"
    bot = Bot(msgspec.structs.replace(filling, rest_url=rest_url, backfill_timeout=1.0), verify=True)
    try:
        sim.wait_served({STREAM})
        start, _ = trades(sim, 2)
        wait_until(lambda: any("not verified" in one.unrecovered[0].reason for one in bot.filled()), "the news")
        (missing,) = bot.filled()[-1].unrecovered
        assert (missing.symbol, missing.type) == (BTC, "candle.1m")
        assert bot.starts() == []
        assert start is not None
    finally:
        bot.proxy.cleanup()


def test_more_than_rest_can_be_asked_about_is_refused(sim: Simulator, filling: Config) -> None:
    with WebSocketClientProxy("many", config=filling) as proxy:
        codes = [f"KRW-X{number}" for number in range(9)]
        with pytest.raises(LocalProtocolError, match=r"8 codes of candle\.1s alone"):
            proxy.subscribe_candle(codes, interval="1s", closed=True, verify=True)
        few = proxy.subscribe_candle(codes[:8], interval="1s", closed=True, verify=True)
        with pytest.raises(LocalProtocolError, match="more than can be"):
            few.add(codes[8:])
        few.remove(codes[:1])
        few.add(codes[8:])
        proxy.subscribe_candle(codes, interval="1s", closed=True)


def test_a_late_change_is_counted_and_not_delivered_again(
    sim: Simulator, bots: Callable[..., Bot], caplog: pytest.LogCaptureFixture
) -> None:
    bot = bots()
    sim.wait_served({STREAM})
    (first, second) = trades(sim, 2)
    wait_until(lambda: first in bot.starts(), "the first")
    sim.repeat_candle(BTC, "1m")
    wait_until(lambda: bot.subscription.stats.late == 1, "the count of late ones")
    assert bot.starts().count(first) == 1
    (own,) = bot.proxy.health().subscriptions
    assert own.late == 1
    assert "1 late" in str(bot.proxy.health())
    assert sum("after it was delivered" in one.message for one in caplog.records) == 1
    sim.repeat_candle(BTC, "1m")
    wait_until(lambda: bot.subscription.stats.late == 2, "the second")
    assert sum("after it was delivered" in one.message for one in caplog.records) == 1, "at growing intervals"
    trades(sim, 1)
    wait_until(lambda: second in bot.starts(), "what comes after it")


def test_minutes_without_a_trade(sim: Simulator, bots: Callable[..., Bot]) -> None:
    bot, other = bots(empty=True), bots()
    sim.wait_served({STREAM})
    (first,) = trades(sim, 1)
    sim.advance(120.0, idle=False)
    (last, _) = trades(sim, 2)
    wait_until(lambda: last in bot.starts(), "the candle after the pause")
    wait_until(lambda: last in other.starts(), "the other's")
    at = bot.starts().index(first)
    shown = bot.events[at:]
    assert [one.empty for one in shown[:4]] == [False, True, True, False]
    before = shown[0]
    for one in shown[1:3]:
        assert one.closed
        assert one.candle_acc_trade_volume == one.candle_acc_trade_price == 0
        assert one.opening_price == one.high_price == one.low_price == one.trade_price == before.trade_price
        assert one.timestamp == before.timestamp
    assert not any(one.empty for one in other.events)
    assert other.starts() == [one.candle_date_time_utc for one in bot.events if not one.empty]


# --- who takes what


def test_one_stream_with_and_without_closing_is_asked_for_once(sim: Simulator, bots: Callable[..., Bot]) -> None:
    bot = bots()
    raw: list[CandleEvent] = []
    bot.proxy.subscribe_candle(BTC, raw.append, interval="1m")
    other = bots()
    sim.wait_served({STREAM})
    starts = trades(sim, 3)
    # The exchange's clock jumps here, so the first may seem to have ended before these had subscribed.
    wait_until(lambda: bot.starts()[-1:] == starts[1:2] == other.starts()[-1:], "both")
    wait_until(lambda: raw[-1].candle_date_time_utc == starts[-1], "the running one")
    assert not any(one.closed for one in raw)
    assert len(raw) >= 3
    last = bot.proxy.last("candle.1m", BTC)
    assert isinstance(last, CandleEvent)
    assert (last.candle_date_time_utc, last.closed) == (starts[-1], False)
    (connection,) = sim.connections()
    assert set(connection.snapshots) == {STREAM}


def test_all_candles_of_a_pattern_come_closed(sim: Simulator, bots: Callable[..., Bot]) -> None:
    bot = bots("KRW-*")
    wait_until(lambda: bot.subscription.symbols, "the codes")
    sim.wait_served({f"candle.1m {code}" for code in bot.subscription.symbols})
    starts = trades(sim, 3)
    wait_until(lambda: bot.starts()[-2:] == starts[:2], "all but the newest")
    assert all(one.closed for one in bot.events)


def test_candles_are_pulled_as_well(sim: Simulator, filling: Config) -> None:
    with WebSocketClientProxy("bot", config=filling) as proxy:
        subscription = proxy.subscribe_candle([BTC, ETH], interval="1m", closed=True)
        sim.wait_served({STREAM, f"candle.1m {ETH}"})
        trades(sim, 2)
        event = subscription.get(timeout=10)
        assert (event.closed, event.symbol) == (True, BTC)


def test_what_makes_no_sense_is_refused_at_once(config: Config, filling: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        with pytest.raises(LocalProtocolError, match="backfill=True"):
            proxy.subscribe_candle(BTC, closed=True, history=200)
        assert not proxy.subscriptions()
    with WebSocketClientProxy("bot", config=filling) as proxy:
        wrong: list[dict[str, Any]] = [
            {"closed": True, "realtime": False},
            {"closed": True, "snapshot": False},
            {"closed": True, "history": -1},
            {"closed": True, "history": 4001},
            {"closed": True, "history": 2.0},
            {"closed": True, "history": True},
            {"closed": 1},
            {"closed": True, "empty": "yes"},
            {"empty": True},
            {"history": 200},
            {"verify": True},
            {"closed": True, "verify": 1},
        ]
        for one in wrong:
            with pytest.raises(LocalProtocolError):
                proxy.subscribe_candle(BTC, **one)
        assert not proxy.subscriptions()


def test_the_mailbox_leaves_none_out(sim: Simulator, filling: Config) -> None:
    with WebSocketClientProxy("bot", config=filling) as proxy:
        subscription = proxy.subscribe_candle(BTC, closed=True)
        assert subscription._edge.mailbox.policy.kind == "lossless"
        assert proxy.subscribe_candle(BTC, closed=False)._edge.mailbox.policy.kind == "drop_oldest"


# --- history


def test_history_comes_first_and_live_candles_follow_without_a_hole(sim: Simulator, bots: Callable[..., Bot]) -> None:
    trades(sim, 4)
    bot = bots(history=200, empty=True)
    wait_until(lambda: len(bot.events) >= 200, "the history")
    live = trades(sim, 3)
    wait_until(lambda: live[1] in bot.starts(), "live candles")
    starts = bot.starts()
    assert starts == sorted(set(starts))
    past = [one for one in bot.events if not one.empty][:200]
    assert [one.backfilled for one in past] == [True] * 200
    assert {one.stream_type for one in past} == {"SNAPSHOT"}
    exchange = rest(sim)
    # What came is what the exchange has, and all of it, from the first to the last.
    had = {start: volume for start, volume in bot.volumes().items() if start in exchange}
    assert had == {start: volume for start, volume in exchange.items() if start <= starts[-1]}
    assert not any(one.empty for one in bot.events if one.candle_date_time_utc in exchange)


def test_a_history_that_cannot_be_had_is_told(sim: Simulator, filling: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as refusing:
        rest_url = f"http://127.0.0.1:{refusing.getsockname()[1]}"
    bot = Bot(msgspec.structs.replace(filling, rest_url=rest_url), history=5)
    try:
        sim.wait_served({STREAM})
        wait_until(bot.filled, "the news")
        (missing,) = bot.filled()[0].unrecovered
        assert (missing.symbol, missing.type) == (BTC, "candle.1m")
        assert (missing.ended_at - missing.started_at) / 1e9 == 5 * 60
        starts = trades(sim, 2)
        wait_until(lambda: starts[0] in bot.starts(), "live candles")
    finally:
        bot.proxy.cleanup()


# --- gaps


def test_a_gap_inside_a_minute_loses_nothing_and_costs_no_call(sim: Simulator, bots: Callable[..., Bot]) -> None:
    bot = bots()
    sim.wait_served({STREAM})
    (start,) = trades(sim, 1)
    lose(sim, lambda: sim.trade(BTC), {STREAM})
    trades(sim, 1)
    wait_until(lambda: start in bot.starts(), "the candle")
    assert bot.volumes()[start] == rest(sim)[start]
    assert not [call for call in sim.rest_calls() if "count=200&to" in call]
    assert not bot.filled()


@pytest.mark.parametrize("empty", [False, True])
def test_what_a_gap_swallowed_is_fetched_in_order_and_marked(
    sim: Simulator, bots: Callable[..., Bot], empty: bool
) -> None:
    bot = bots(empty=empty)
    sim.wait_served({STREAM})
    before = trades(sim, 2)
    missed: list[str] = []

    def quiet() -> None:
        missed.extend(trades(sim, 1))
        sim.advance(60.0, idle=False)
        missed.extend(trades(sim, 2))
        sim.advance(10.0, idle=False)

    lose(sim, quiet, {STREAM})
    wait_until(bot.filled, "the news of the gap")
    after = trades(sim, 2)
    wait_until(lambda: after[0] in bot.starts(), "live candles")
    real = [one for one in bot.events if not one.empty]
    at = [one.candle_date_time_utc for one in real].index(before[0])
    assert [one.candle_date_time_utc for one in real][at:] == [*before, *missed, after[0]]
    marked = {one.candle_date_time_utc for one in bot.events if one.backfilled}
    assert marked == {before[1], *missed[:-1]}, "the last was named by the snapshot"
    assert [one.empty for one in bot.events].count(True) == (1 if empty else 0)
    exchange = rest(sim)
    assert all(exchange[one.candle_date_time_utc] == one.candle_acc_trade_volume for one in real[at:])
    (told,) = bot.filled()
    assert (told.recovered, told.unrecovered, told.endpoint) == (3, (), "public")
    assert told.gap_started_at is not None
    assert {one.stream_type for one in bot.events if one.backfilled} == {"REALTIME"}


def test_without_rest_what_is_missing_is_told_at_once(sim: Simulator, config: Config) -> None:
    bot = Bot(msgspec.structs.replace(config, backoff_initial=0.02, backoff_max=0.2))
    try:
        sim.wait_served({STREAM})
        before = trades(sim, 1)
        lose(sim, lambda: trades(sim, 3), {STREAM})
        wait_until(bot.filled, "the news of the gap")
        (missing,) = bot.filled()[0].unrecovered
        assert (missing.symbol, missing.type, missing.ended_at - missing.started_at) == (BTC, "candle.1m", 180 * 10**9)
        assert "backfill=True" in missing.reason
        last = newest(sim)
        trades(sim, 1)
        wait_until(lambda: last in bot.starts(), "the next")
        assert before[0] not in bot.starts(), "an unsure candle is worse than a told hole"
    finally:
        bot.proxy.cleanup()


def test_a_replica_that_lags_is_asked_again(filling: Config) -> None:
    with Simulator(markets=[BTC], answers=Answers(rest_lag=1.5)) as sim:
        bot = Bot(msgspec.structs.replace(filling, url=sim.url))
        try:
            sim.wait_served({STREAM})
            trades(sim, 1)
            lose(sim, lambda: trades(sim, 3), {STREAM})
            wait_until(bot.filled, "the end of the gap")
            assert bot.filled()[0].unrecovered == ()
            assert bot.filled()[0].recovered == 3
            assert len([call for call in sim.rest_calls() if "candles" in call]) > 1
        finally:
            bot.proxy.cleanup()


@pytest.mark.parametrize("seed", range(3))
def test_whenever_the_connection_is_lost_each_candle_comes_once(
    sim: Simulator, bots: Callable[..., Bot], seed: int
) -> None:
    rng = random.Random(seed)
    bot = bots()
    sim.wait_served({STREAM})
    sim.trade(BTC)
    first = trades(sim, 1)[0]
    for _ in range(25):
        step = rng.random()
        if step < 0.5:
            sim.advance(rng.choice((0.7, 3.0, 20.0, 50.0)), idle=False)
            sim.trade(BTC)
        elif step < 0.8:
            sim.drop()
            sim.advance(rng.choice((0.5, 20.0, 75.0)), idle=False)
            if rng.random() < 0.7:
                sim.trade(BTC)
        else:
            sim.wait_served({STREAM}, 20)
            sim.trade(BTC)
    sim.wait_served({STREAM}, 20)
    last = trades(sim, 2)[0]
    wait_until(lambda: last in bot.starts(), "the last candle")
    exchange = rest(sim)
    expected = {start: volume for start, volume in exchange.items() if first <= start <= last}
    shown = bot.starts()
    assert shown == sorted(set(shown))
    assert {start: volume for start, volume in bot.volumes().items() if first <= start <= last} == expected
    assert all(one.unrecovered == () for one in bot.filled())
