"""A recording through the real engine: as it was, the same each time, and when the program is ready."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.replays import CODES, SECOND, START, candle, header, market, opened, rows, ticker, trade, write
from websocket_v6 import (
    ClosedError,
    Config,
    ConfigError,
    ConnectionEvent,
    EngineError,
    LocalProtocolError,
    Mailbox,
    NotReadyError,
    RecordingError,
    UnknownCodeError,
    WebSocketClientProxy,
    aio,
)
from websocket_v6.actors.replay import hold_up, replay_router
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.recording.records import BACKFILLED, REPLAYED, Hole, KeyState, Rows, Standing

MOMENT = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)  # START


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "day.wsr", market())


def played(config: Config, codes: Any = CODES, **options: Any) -> tuple[list[Any], list[str | None]]:
    """Return what callbacks of a component get in all, in their order, and the digests."""
    got: list[Any] = []
    with WebSocketClientProxy("played", config=config) as proxy:
        subscriptions = [
            subscribe(codes, got.append, **options)
            for subscribe in (proxy.subscribe_trade, proxy.subscribe_orderbook, proxy.subscribe_ticker)
        ]
        assert proxy.run() == 0
        return got, [one.digest for one in subscriptions]


def messages(values: list[Any]) -> list[tuple[str, bytes]]:
    return [
        (stream, payload)
        for _, one in values
        if hasattr(one, "streams")
        for stream, payload in zip(one.streams, one.payloads, strict=True)
    ]


def test_all_comes_as_it_was_in_one_order_over_all_subscriptions(recording: Path) -> None:
    got, digests = played(Config.replay(recording))
    # Of a book, the newest of those that came at once is enough.
    assert [(one.stream, one.payload) for one in got] == [
        one for one in messages(market()) if one in {(event.stream, event.payload) for event in got}
    ]
    assert len(got) > 350
    assert {one.epoch for one in got} == {1}
    assert [one.received_at for one in got] == sorted(one.received_at for one in got)
    assert got[0].received_at == START + SECOND // 10
    assert digests == [None] * 3


def test_trades_are_all_there(recording: Path) -> None:
    got, _ = played(Config.replay(recording))
    trades = [one.payload for one in got if one.type == "trade"]
    assert trades == [payload for stream, payload in messages(market()) if stream.startswith("trade ")]


def with_candles() -> list[tuple[float, Any]]:
    """Return a market with candles of a second in it, one of them silent for a while, and a gap."""
    values = market()
    for number in range(40):
        at, code = 0.12 + number * 0.37, CODES[number % 2]
        if code == CODES[0] or not 4 < at < 9:
            values.append(rows(at, candle(code, at, int(at), number + 1, "1s", is_first=number < 2)))
    values.sort(key=lambda one: one[0])
    lost, again = START + 10 * SECOND, START + int(10.01 * SECOND)
    gap = [
        (10.0, Standing("public", "lost", 1, lost, lost)),
        (10.01, Standing("public", "open", 2, again, lost, again)),
    ]
    return [*(one for one in values if one[0] < 10), *gap, *(one for one in values if one[0] > 10.01)]


@pytest.mark.parametrize("seed", range(3))
def test_replays_are_equal_whatever_the_threads_do(tmp_path: Path, seed: int) -> None:
    """Three components, two that pull, policies and candles that go by time, callbacks that take theirs."""
    recording = write(tmp_path / "day.wsr", with_candles())

    def once(pauses: random.Random) -> dict[str, str | None]:
        digests: dict[str, str | None] = {}
        config = Config.replay(recording, digests=True)

        def late(_: Event) -> None:
            if pauses.random() < 0.02:
                time.sleep(0.002)

        with (
            WebSocketClientProxy("one", config=config) as one,
            WebSocketClientProxy("two", config=config) as two,
            WebSocketClientProxy("three", config=config) as three,
        ):
            subscriptions: dict[str, Any] = {
                "trades": one.subscribe_trade(CODES, late),
                "latest": one.subscribe_orderbook(CODES, late, mailbox=Mailbox.latest()),
                "throttled": two.subscribe_ticker(CODES, late, mailbox=Mailbox.throttle(1)),
                "few": two.subscribe_trade(CODES[:1], late, mailbox=Mailbox.drop_oldest(1)),
                "pulled": three.subscribe_trade(CODES[:2]),
                "pulled, throttled": three.subscribe_orderbook(CODES, mailbox=Mailbox.throttle(0.5)),
                "closed": two.subscribe_candle(CODES[:2], late, interval="1s", closed=True, empty=True),
                "pulled, closed": one.subscribe_candle(CODES[:2], interval="1s", closed=True),
            }

            def pull(name: str) -> None:
                for event in subscriptions[name]:
                    late(event)

            others = [threading.Thread(target=pull, args=(name,)) for name in ("pulled, throttled", "pulled, closed")]
            for other in others:
                other.start()
            pull("pulled")
            for other in others:
                other.join(20)
                assert not other.is_alive()
            for name, one_ in subscriptions.items():
                counts = one_.stats
                assert counts.received == counts.delivered + counts.dropped
                assert counts.delivered
                digests[name] = f"{counts} {one_.digest}"
        return digests

    assert once(random.Random(seed)) == once(random.Random(seed + 100))


def test_throttle_goes_by_the_recording_s_time(tmp_path: Path) -> None:
    values = [opened(), *(rows(n / 8, ticker("KRW-BTC", n / 8, n)) for n in range(1, 34))]
    got: list[Any] = []
    with WebSocketClientProxy("slow", config=Config.replay(write(tmp_path / "a.wsr", values))) as proxy:
        proxy.subscribe_ticker("KRW-BTC", got.append, mailbox=Mailbox.throttle(1))
        began = time.monotonic()
        proxy.run()
        assert time.monotonic() - began < 3
    # The first at once, then the newest whenever a second is over, and the last for sure.
    assert [int(one.trade_price) for one in got] == [1, 8, 16, 24, 32, 33]


def wait_for_looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what waits until a replay has looked a few times who holds it up, so that it had the time to go on."""
    looks: list[float] = []
    look = hold_up.HoldUp.look

    def counted(self: hold_up.HoldUp, now: float, **how: bool) -> str:
        looks.append(now)
        return look(self, now, **how)

    monkeypatch.setattr(hold_up.HoldUp, "look", counted)
    monkeypatch.setattr(replay_router, "LOOK", 0.02)

    def wait() -> None:
        enough = len(looks) + 4
        wait_until(lambda: len(looks) >= enough, "some looks")

    return wait


def test_a_second_subscriber_gets_the_head_as_well(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = wait_for_looks(monkeypatch)
    config = Config.replay(recording)
    first: list[Any] = []
    second: list[Any] = []
    with WebSocketClientProxy("a", config=config) as one, WebSocketClientProxy("b", config=config) as two:
        one.subscribe_trade(CODES, first.append)
        wait()
        assert not first
        two.subscribe_trade(CODES, second.append)
        two.run()
        wait_until(lambda: len(first) == len(second), "both have all")
    assert first == second
    assert first


def test_it_begins_with_the_first_subscription_if_that_is_said(recording: Path) -> None:
    got: list[Any] = []
    with WebSocketClientProxy("a", config=Config.replay(recording, start="subscribe")) as proxy:
        proxy.subscribe_trade(CODES, got.append)
        wait_until(lambda: got and b'"SNAPSHOT"' not in got[-1].payload, "it plays")


def test_who_never_says_that_it_is_ready_is_told_once(
    recording: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_up, "UNREADY", 0.1)
    wait = wait_for_looks(monkeypatch)
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy, caplog.at_level(logging.WARNING):
        proxy.subscribe_trade(CODES, print)
        wait_until(lambda: "until the program is ready" in caplog.text, "the log says so")
        wait()
    assert caplog.text.count("until the program is ready") == 1


def test_who_holds_it_up_is_named(
    recording: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_up, "PATIENCE", 0.1)
    monkeypatch.setattr(replay_router, "LOOK", 0.05)
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy, caplog.at_level(logging.WARNING):
        trades = proxy.subscribe_trade(CODES)
        trades.get(5)
        wait_until(lambda: "thread MainThread" in caplog.text, "the log names it")


def test_the_newest_values_are_those_of_the_moment(recording: Path) -> None:
    """Nothing of the future is seen, neither by who asks in a callback nor by who subscribes in one."""
    seen: list[tuple[int, int]] = []
    late: list[Any] = []
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:

        def on_trade(event: Any) -> None:
            book = proxy.book("KRW-BTC")
            if book is not None:
                seen.append((event.received_at, book.received_at))
            if len(seen) == 20:
                snapshot = proxy.get_orderbook_snapshot(["KRW-BTC"])
                assert snapshot[0].received_at <= event.received_at
                proxy.subscribe_ticker("KRW-XRP", late.append)
                late.append(event)

        proxy.subscribe_trade(CODES, on_trade)
        proxy.subscribe_orderbook(CODES, lambda _: None)
        proxy.run()
    assert len(seen) > 50
    assert all(book <= trade for trade, book in seen)
    began, first, *following = late
    assert following
    tickers = [payload for stream, payload in messages(market()) if stream == "ticker KRW-XRP"]
    assert first.received_at > began.received_at  # nobody had subscribed to it, so there was no last value
    assert [one.payload for one in (first, *following)] == tickers[tickers.index(first.payload) :]
    assert first.received_at - began.received_at < 2 * SECOND


def test_a_gap_is_played_as_it_was(tmp_path: Path) -> None:
    gap = START + 2 * SECOND, START + 3 * SECOND
    values = [
        opened(),
        rows(1, trade("KRW-BTC", 1, 1, is_first=True)),
        (2.5, Standing("public", "lost", 1, gap[0], gap[0], None, "it broke")),
        (3.0, Standing("public", "open", 2, gap[1], gap[0], gap[1])),
        rows(3.2, trade("KRW-BTC", 2.1, 2), epoch=2, marks=BACKFILLED),
        (3.3, Standing("public", "backfilled", 2, gap[1], gap[0], gap[1], "", 1, (("KRW-BTC", *gap, "why"),))),
        rows(3.4, trade("KRW-BTC", 3.4, 3), epoch=2),
    ]
    told: list[ConnectionEvent] = []
    got: list[Any] = []
    with WebSocketClientProxy("a", config=Config.replay(write(tmp_path / "a.wsr", values))) as proxy:
        proxy.on_connection(told.append)
        proxy.subscribe_trade("KRW-BTC", got.append)
        proxy.run()
    assert [(one.trade_price, one.epoch, one.backfilled) for one in got] == [
        (1, 1, False),
        (2, 2, True),
        (3, 2, False),
    ]
    assert [one.state for one in told] == ["open", "lost", "open", "backfilled", "closed"]
    assert told[1].reason == "it broke"
    assert (told[2].epoch, told[2].gap, told[2].gap_started_at, told[2].gap_ended_at) == (2, 1.0, *gap)
    assert (told[3].recovered, told[3].unrecovered[0].symbol) == (1, "KRW-BTC")


def test_a_hole_is_a_gap(tmp_path: Path) -> None:
    values = [
        opened(),
        rows(1, trade("KRW-BTC", 1, 1, is_first=True)),
        (2.0, Hole(START + SECOND, START + 2 * SECOND, 5, "the disk")),
        rows(3, trade("KRW-BTC", 3, 2)),
    ]
    told: list[ConnectionEvent] = []
    got: list[Any] = []
    with WebSocketClientProxy("a", config=Config.replay(write(tmp_path / "a.wsr", values))) as proxy:
        proxy.on_connection(told.append)
        proxy.subscribe_trade("KRW-BTC", got.append)
        proxy.run()
    assert [one.epoch for one in got] == [1, 2]
    assert [(one.state, one.reason) for one in told][1:3] == [("lost", "the disk"), ("open", "")]
    assert told[2].gap == 1.0


def test_from_a_moment_on_it_is_the_last_values_and_the_same_tail(recording: Path) -> None:
    moment = MOMENT + timedelta(seconds=7.02)
    since = START + int(7.02 * SECOND)
    whole, _ = played(Config.replay(recording))
    part, _ = played(Config.replay(recording, from_=moment))
    tail = [one for one in whole if one.received_at >= since]
    before = {one.stream: one for one in whole if one.received_at < since}
    snapshots = part[: len(part) - len(tail)]
    assert {one.stream: one.payload for one in snapshots} == {name: one.payload for name, one in before.items()}
    assert {one.stream_type for one in snapshots} == {"SNAPSHOT"}
    assert [(one.stream, one.payload, one.epoch) for one in part[len(snapshots) :]] == [
        (one.stream, one.payload, one.epoch) for one in tail
    ]


def test_to_a_moment(recording: Path) -> None:
    got, _ = played(Config.replay(recording, to=MOMENT + timedelta(seconds=7)))
    assert got
    assert max(one.received_at for one in got) < START + 7 * SECOND


def test_what_is_in_no_record_is_named_at_once(recording: Path) -> None:
    failed: list[Exception] = []
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        proxy.subscribe_trade([*CODES, "KRW-DOGE"], print, error_handler=failed.append)
        wait_until(lambda: failed, "the error")
        (error,) = failed
        assert isinstance(error, UnknownCodeError)
        assert error.codes == ("KRW-DOGE",)
        candles = proxy.subscribe_candle("KRW-BTC")
        with pytest.raises(UnknownCodeError, match=r"no candle.1m of KRW-BTC is in the recording"):
            candles.get(5)


def test_iterators_end_and_nothing_can_be_subscribed_afterwards(recording: Path) -> None:
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        trades = proxy.subscribe_trade(CODES)
        assert len(list(trades)) == sum(stream.startswith("trade ") for stream, _ in messages(market()))
        with pytest.raises(ClosedError, match="the recording is over"):
            trades.get(1)
        with pytest.raises(EngineError, match="the recording is over"):
            proxy.subscribe_ticker("KRW-BTC")
        assert proxy.run() == 0
    # The next one begins again.
    assert played(Config.replay(recording))[0]


def test_wait_ready_stops_where_all_have_data(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = wait_for_looks(monkeypatch)
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        trades = proxy.subscribe_trade(CODES, mailbox=Mailbox.lossless(1024 * 1024))
        proxy.wait_ready(10)
        newest = [proxy.last("trade", code) for code in CODES]
        assert all(newest)
        wait()
        assert newest == [proxy.last("trade", code) for code in CODES]
        assert [one.payload for one in trades] == [
            payload for stream, payload in messages(market()) if stream.startswith("trade ")
        ]


def test_wait_ready_names_what_is_not_in_it(recording: Path) -> None:
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        proxy.subscribe_trade(["KRW-BTC", "KRW-DOGE"], lambda _: None)
        with pytest.raises(NotReadyError, match="KRW-DOGE"):
            proxy.wait_ready(2)


def test_several_files_are_one(tmp_path: Path) -> None:
    values = market()
    whole = write(tmp_path / "whole.wsr", values)
    folder = tmp_path / "parts"
    folder.mkdir()
    last: dict[str, Any] = {}
    for place in range(0, len(values), 60):
        part, at = values[place : place + 60], values[place][0]
        again: list[tuple[float, Any]] = []
        if place:
            again = [(at, KeyState([opened()[1]], len(last)))]
            again += [(at, Rows(1, one[2], REPLAYED, [name], [one[1]])) for name, one in last.items()]
        number, previous = f"{place}", f"{place - 60}" if place else ""
        # Names that are in no order: the ids are.
        write(folder / f"{1000 - place}.wsr", [*again, *part], header(number, previous, at))
        for _, one in part:
            if isinstance(one, Rows):
                for stream, payload in zip(one.streams, one.payloads, strict=True):
                    last[stream] = stream, payload, one.received_ns
    assert len(list(folder.iterdir())) == 6
    joined, digests = played(Config.replay(folder, digests=True))
    expected, same = played(Config.replay(whole, digests=True))
    assert len(joined) == len(expected)
    assert digests == same


def test_a_file_that_was_cut_off_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wsr", market(), ends=False)
    whole, _ = played(Config.replay(path))
    path.write_bytes(path.read_bytes()[:-100])
    part, _ = played(Config.replay(path))
    assert 0 < len(part) < len(whole)
    assert part == whole[: len(part)]


def test_at_a_speed_it_takes_its_time(tmp_path: Path) -> None:
    values = [opened(), *(rows(n / 10, trade("KRW-BTC", n / 10, n)) for n in range(1, 41))]
    got: list[Any] = []
    config = Config.replay(write(tmp_path / "a.wsr", values), speed=10, digests=True)
    with WebSocketClientProxy("a", config=config) as proxy:
        one = proxy.subscribe_trade("KRW-BTC", got.append)
        began = time.monotonic()
        proxy.run()
        took = time.monotonic() - began
        assert one.digest is None
    assert [int(event.trade_price) for event in got] == list(range(1, 41))
    assert 0.3 < took < 5


def test_a_full_mailbox_that_blocks_holds_it_up_at_a_speed(tmp_path: Path) -> None:
    values = [opened(), *(rows(n / 100, trade("KRW-BTC", n / 100, n)) for n in range(1, 101))]
    config = Config.replay(write(tmp_path / "a.wsr", values), speed=1000)
    got: list[Any] = []
    with WebSocketClientProxy("a", config=config) as proxy:

        def slowly(event: Any) -> None:
            time.sleep(0.002)
            got.append(event)

        proxy.subscribe_trade("KRW-BTC", slowly, mailbox=Mailbox.block(2))
        proxy.run()
    assert [int(event.trade_price) for event in got] == list(range(1, 101))


def test_what_makes_no_sense_is_refused(tmp_path: Path, recording: Path) -> None:
    bad: Any
    for bad in ({"speed": 0}, {"speed": "fast"}, {"start": "now"}, {"from_": 5}):
        with pytest.raises(ConfigError):
            Config.replay(recording, **bad)
    with pytest.raises(ConfigError, match="not before"):
        Config.replay(recording, from_=MOMENT, to=MOMENT)
    assert Config.replay(recording).mode == "embedded"
    (tmp_path / "text").write_text("what is this")
    for name, error, words in (("none.wsr", FileNotFoundError, "none.wsr"), ("text", RecordingError, "no recording")):
        proxy = WebSocketClientProxy("a", config=Config.replay(tmp_path / name))
        with proxy, pytest.raises(error, match=words):
            proxy.subscribe_trade("KRW-BTC")
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        proxy.subscribe_trade("KRW-BTC")
        with pytest.raises(LocalProtocolError, match="plays a recording"):
            proxy.record(tmp_path / "b.wsr")


def test_a_callback_that_raises_or_leaves_harms_nobody(recording: Path) -> None:
    got: list[Any] = []
    failed: list[Exception] = []

    def raises(event: Any) -> None:
        got.append(event)
        if len(got) == 10:
            raise RuntimeError("mine")
        if len(got) == 20:
            trades.close()

    others: list[Any] = []
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        trades = proxy.subscribe_trade(CODES, raises, error_handler=failed.append)
        proxy.subscribe_ticker(CODES, others.append)
        proxy.run()
    assert len(got) == 20
    assert [str(one) for one in failed] == ["mine"]
    assert len(others) == sum(stream.startswith("ticker ") for stream, _ in messages(market()))


def test_health_and_availability(recording: Path) -> None:
    with WebSocketClientProxy("a", config=Config.replay(recording)) as proxy:
        trades = proxy.subscribe_trade(CODES)
        assert not proxy.is_public_available()
        trades.get(5)
        assert proxy.is_public_available()
        health = proxy.health()
        assert health.role == "embedded"
        assert (health.counters.received, health.streams) == (4, 3)


@pytest.mark.parametrize("awaited", [False, True])
def test_in_an_event_loop_it_is_the_same(recording: Path, awaited: bool) -> None:
    expected, digests = played(Config.replay(recording, digests=True))

    async def main() -> tuple[list[Any], list[str | None], int]:
        got: list[Any] = []
        pulled = 0

        async def later(event: Any) -> None:
            await asyncio.sleep(0)
            got.append(event)

        callback = later if awaited else got.append
        async with aio.WebSocketClientProxy("a", config=Config.replay(recording, digests=True)) as proxy:
            subscriptions = [
                await subscribe(CODES, callback)
                for subscribe in (proxy.subscribe_trade, proxy.subscribe_orderbook, proxy.subscribe_ticker)
            ]
            async for _ in await proxy.subscribe_trade(CODES[:1]):
                pulled += 1
            await proxy.wait_closed()
            return got, [one.digest for one in subscriptions], pulled

    got, same, pulled = asyncio.run(main())
    assert same == digests
    assert [(one.stream, one.payload) for one in got] == [(one.stream, one.payload) for one in expected]
    assert pulled == sum(one.stream == "trade KRW-BTC" for one in expected)
