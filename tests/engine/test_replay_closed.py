"""Closed candles in a replay: they close by the recording's time, the same each time."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from tests.replays import SECOND, START, candle, opened, rows, ticker, write
from websocket_v6 import Config, LocalProtocolError, WebSocketClientProxy
from websocket_v6.actors.recording import recorder
from websocket_v6.protocol.recording.records import BACKFILLED, CLOSED, KeyState, Standing, Wants

CODE = "KRW-BTC"
NOON = 20  # seconds from START to the begin of a minute


def at(seconds: float) -> int:
    return START + int((NOON + seconds) * SECOND)


def bar(moment: float, start: float, volume: int, **how: Any) -> Any:
    """Return a candle's message; times count from a minute's begin, `moment` is when it was made and came."""
    return candle(CODE, NOON + moment, NOON + start, volume, **how)


def came(moment: float, *messages: Any, epoch: int = 1, marks: int = 0) -> Any:
    return rows(NOON + moment, *messages, epoch=epoch, marks=marks)


def tick(moment: float, epoch: int = 1) -> Any:
    """Return a message of another stream."""
    return came(moment, ticker("KRW-ETH", NOON + moment, int(moment * 10)), epoch=epoch)


def said(moment: float, state: str, epoch: int, gap: tuple[float, float] | None = None, **more: Any) -> Any:
    """Return what happened to the connection."""
    ends = (None, None) if gap is None else (at(gap[0]), at(gap[1]) if state != "lost" else None)
    return NOON + moment, Standing("public", state, epoch, at(moment), *ends, **more)


class Bot:
    """A component, what it gets of candles and of another stream in one order, and what it is told."""

    def __init__(self, path: Path, **how: Any) -> None:
        self.told: list[Any] = []
        self.got: list[Any] = []
        options = {name: how.pop(name) for name in ("speed", "digests") if name in how}
        with WebSocketClientProxy("bot", config=Config.replay(path, **options)) as proxy:
            proxy.on_connection(self.told.append)
            candles = proxy.subscribe_candle(CODE, self.got.append, closed=True, **how)
            proxy.subscribe_ticker("KRW-ETH", self.got.append)
            assert proxy.run() == 0
            self.late = candles.stats.late
            self.digest = candles.digest

    @property
    def order(self) -> list[Any]:
        """Candles as (minute, volume), between the tickers' moments."""
        return [
            (int(one.candle_date_time_utc[14:16]) - 27, int(one.candle_acc_trade_volume))
            if one.type == "candle.1m"
            else float(one.trade_price) / 10
            for one in self.got
        ]

    @property
    def candles(self) -> list[tuple[int, int]]:
        return [one for one in self.order if isinstance(one, tuple)]

    @property
    def filled(self) -> list[Any]:
        return [one for one in self.told if one.state == "backfilled"]


OPEN = opened(NOON - 40)


def test_a_candle_closes_two_seconds_after_its_end_with_its_last_state(tmp_path: Path) -> None:
    values = [
        OPEN,
        tick(-30),
        came(-20, bar(-20, -60, 5)),
        came(0.6, bar(0.6, 0, 1), bar(0.6, -60, 7)),
        tick(1.9),
        tick(2.5),
        came(60.5, bar(60.5, 60, 3)),
        tick(61.9),
        tick(63),
    ]
    bot = Bot(write(tmp_path / "a.wsr", values))
    assert bot.order == [-30, 1.9, (-1, 7), 2.5, 61.9, (0, 1), 63]
    assert all(one.closed and not one.empty and not one.backfilled for one in bot.got if one.type == "candle.1m")


def test_a_timer_that_is_due_between_two_records_comes_before_the_later_one(tmp_path: Path) -> None:
    values = [OPEN, came(-20, bar(-20, -60, 5)), came(-0.2, bar(-0.2, -60, 6)), tick(30), tick(95)]
    assert Bot(write(tmp_path / "a.wsr", values)).order == [(-1, 6), 30, 95]
    # The clock goes no further than the recording.
    assert Bot(write(tmp_path / "b.wsr", values[:-2])).order == []


def test_what_changes_after_that_is_late(tmp_path: Path) -> None:
    values = [OPEN, came(-20, bar(-20, -60, 5)), tick(2.5), came(2.6, bar(2.6, -60, 9)), tick(5)]
    bot = Bot(write(tmp_path / "a.wsr", values))
    assert bot.order == [(-1, 5), 2.5, 5]
    assert bot.late == 1


def test_minutes_without_a_trade(tmp_path: Path) -> None:
    values = [OPEN, came(-20, bar(-20, -60, 5)), tick(30), tick(90), tick(150), came(200, bar(200, 180, 2)), tick(250)]
    path = write(tmp_path / "a.wsr", values)
    bot = Bot(path, empty=True)
    assert [one[0] if isinstance(one, tuple) else one for one in bot.order] == [
        -1,
        30.0,
        0,
        90.0,
        1,
        150.0,
        2,
        3,
        250.0,
    ]
    assert [one.empty for one in bot.got if one.type == "candle.1m"][:4] == [False, True, True, True]
    assert Bot(path).candles == [(-1, 5), (3, 2)]
    # When what says so is made is the recording's time as well.
    empty = next(one for one in bot.got if one.type == "candle.1m" and one.empty)
    assert at(61) < empty.received_at < at(64)


def test_nothing_closes_on_a_connection_that_is_lost(tmp_path: Path) -> None:
    values = [
        OPEN,
        came(-20, bar(-20, -60, 5)),
        came(-2, bar(-2, -60, 6)),
        said(40, "lost", 1, (-1.5, 0)),  # it was noticed late
        said(41, "open", 2, (-1.5, 41)),
        came(41.2, bar(41.2, 0, 4, is_first=True), epoch=2),
        tick(70, 2),
    ]
    bot = Bot(write(tmp_path / "a.wsr", values))
    assert bot.order == [(0, 4), 70]
    (told,) = bot.filled
    assert (told.recovered, [(one.symbol, one.type) for one in told.unrecovered]) == (0, [(CODE, "candle.1m")])
    assert "nothing is fetched in a replay" in told.unrecovered[0].reason
    assert (told.unrecovered[0].started_at, told.unrecovered[0].ended_at) == (at(-60), at(0))


def test_a_gap_inside_a_candle_loses_nothing(tmp_path: Path) -> None:
    values = [
        OPEN,
        came(-50, bar(-50, -60, 5)),
        said(-40, "lost", 1, (-40, 0)),
        said(-30, "open", 2, (-40, -30)),
        came(-29, bar(-29, -60, 9, is_first=True), epoch=2),
        tick(10, 2),
    ]
    bot = Bot(write(tmp_path / "a.wsr", values))
    assert bot.candles == [(-1, 9)]
    assert not bot.filled


LOST = (-30, 70)  # a gap over three minutes


def gap(*filled: Any, closed: bool = True, **settled: Any) -> list[Any]:
    """Return a recording with such a gap, and with what was fetched and told of it then."""
    told = {"recovered": len(filled), "data_type": "candle.1m"} | settled
    return [
        (0.0, KeyState([], 0)),
        (0.0, Wants([f"candle.1m {CODE}"], [f"candle.1m {CODE}"] if closed else [])),
        OPEN,
        came(-50, bar(-50, -60, 5)),
        tick(-45),
        said(-29, "lost", 1, (-30, 0)),
        said(70, "open", 2, LOST),
        tick(70.1, 2),
        came(70.2, bar(70.2, 60, 1, is_first=True), epoch=2),
        tick(70.4, 2),
        *((NOON + 70.5, came(70.5, one, epoch=2, marks=BACKFILLED | CLOSED)[1]) for one in filled),
        *([said(70.6, "backfilled", 2, LOST, **told)] if closed else []),
        tick(70.8, 2),
        tick(121, 2),
        tick(122.5, 2),
        tick(130, 2),
    ]


def test_what_was_fetched_when_it_was_recorded_comes_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wsr", gap(bar(-1, -60, 8), bar(59, 0, 3)))
    bot = Bot(path, empty=True)
    assert bot.order == [-45, 70.1, 70.4, (-1, 8), (0, 3), 70.8, 121, (1, 1), 122.5, 130]
    assert [one.backfilled for one in bot.got if one.type == "candle.1m"] == [True, True, False]
    (told,) = bot.filled
    assert (told.recovered, told.unrecovered, told.gap_started_at, told.gap_ended_at) == (2, (), at(-30), at(70))
    # Who takes candles as they come has none of these, as it had none then.
    raw: list[Any] = []
    with WebSocketClientProxy("raw", config=Config.replay(path)) as proxy:
        proxy.subscribe_candle(CODE, raw.append)
        proxy.run()
    assert [int(one.candle_acc_trade_volume) for one in raw] == [5, 1]


def test_a_minute_of_the_gap_without_a_trade_is_empty_and_none_is_missing(tmp_path: Path) -> None:
    bot = Bot(write(tmp_path / "a.wsr", gap(bar(-1, -60, 8))), empty=True)
    assert bot.candles == [(-1, 8), (0, 0), (1, 1)]
    nothing = Bot(write(tmp_path / "b.wsr", gap()), empty=True)
    assert nothing.candles == [(1, 1)]  # nobody knows what was before
    assert not nothing.filled


def test_what_was_missing_then_is_missing_again_and_told_once(tmp_path: Path) -> None:
    lost = ((CODE, at(-60), at(0), "no answer"),)
    bot = Bot(write(tmp_path / "a.wsr", gap(bar(59, 0, 3), unrecovered=lost)))
    assert bot.candles == [(0, 3), (1, 1)]
    (told,) = bot.filled
    assert [tuple(one) for one in told.unrecovered] == [(*lost[0], "candle.1m")]
    assert told.recovered == 1


def test_without_any_of_it_in_the_recording_what_is_missing_is_told(tmp_path: Path) -> None:
    bot = Bot(write(tmp_path / "a.wsr", gap(closed=False)))
    assert bot.candles == [(1, 1)]
    (told,) = bot.filled
    assert [(one.started_at, one.ended_at) for one in told.unrecovered] == [(at(-60), at(60))]


def test_at_a_speed_it_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wsr", gap(bar(-1, -60, 8), bar(59, 0, 3)))
    assert Bot(path, speed=400).candles == Bot(path).candles == [(-1, 8), (0, 3), (1, 1)]


def test_what_would_be_asked_over_rest_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wsr", gap())
    with WebSocketClientProxy("bot", config=msgspec.structs.replace(Config.replay(path), backfill=True)) as proxy:
        with pytest.raises(LocalProtocolError, match="in a replay nobody is asked"):
            proxy.subscribe_candle(CODE, closed=True, history=5)
        with pytest.raises(LocalProtocolError, match="in a replay nobody is asked"):
            proxy.subscribe_candle(CODE, closed=True, verify=True)


def test_a_gap_that_was_recorded_closes_again_as_it_did(
    sim: Any, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PERIOD", 0.02)
    filling = msgspec.structs.replace(config, backfill=True, backoff_initial=0.02, backoff_max=0.2)
    path = tmp_path / "a.wsr"
    live: list[Any] = []
    told: list[Any] = []

    def minute() -> None:
        sim.advance(60.0 - sim.now() % 60 + 5.0, idle=False)
        sim.trade(CODE)

    with WebSocketClientProxy("bot", config=filling) as proxy:
        proxy.on_connection(told.append)
        proxy.subscribe_candle(CODE, live.append, closed=True)
        with proxy.record(path) as recording:
            wait_until(lambda: recording.messages, "it records")
            sim.wait_served({f"candle.1m {CODE}"})
            minute()
            minute()
            wait_until(lambda: live, "a closed one")
            sim.refuse(503, times=None, endpoint="public")
            sim.drop()
            sim.wait_connected(0)
            for _ in range(3):
                minute()
            sim.accept("public")
            sim.wait_served({f"candle.1m {CODE}"}, 20)
            wait_until(lambda: any(one.state == "backfilled" for one in told), "the gap is seen to")
            minute()
            minute()
            wait_until(lambda: not live[-1].backfilled and len(live) >= 5, "closed ones after it")
            count, before = len(live), recording.messages
            minute()  # what is recorded of that closes them in the replay, if nothing else does
            wait_until(lambda: recording.messages > before, "it is recorded")
    again: list[Any] = []
    heard: list[Any] = []
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        proxy.on_connection(heard.append)
        proxy.subscribe_candle(CODE, again.append, closed=True)
        proxy.run()
    shown = [(one.payload, one.backfilled, one.closed, one.epoch) for one in live]
    played = [(one.payload, one.backfilled, one.closed, one.epoch) for one in again]
    begin = shown.index(played[0])
    assert played == shown[begin : begin + len(played)]
    assert begin <= 1  # which may have come before the recording
    assert begin + len(played) >= count
    assert any(one.backfilled for one in again)
    filled = [(one.recovered, one.unrecovered, one.epoch) for one in told if one.state == "backfilled"]
    assert [(one.recovered, one.unrecovered, one.epoch) for one in heard if one.state == "backfilled"] == filled
    assert all(one.candle_acc_trade_volume > Decimal(0) for one in again)
