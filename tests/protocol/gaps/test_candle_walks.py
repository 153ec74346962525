"""Closers and fills against a small exchange: flushes that jitter, connections that break, replicas that lag.

Times are milliseconds of the exchange's clock, in steps of 100. What a taker gets is compared with what was traded.
"""

import json
import random
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.candle_taker import Give, How, Late
from websocket_v6.protocol.delivery.closer import CLOSES_AFTER_MS, Ask, Closer, Missing, Settled, Wrong
from websocket_v6.protocol.events.candle_intervals import utc_text
from websocket_v6.protocol.gaps.candle_fill import CandleFill

STREAM = "candle.1s KRW-X"
UNIT = 1000
BEGIN = 1_795_176_000_000
STEP = 100


class Sent(NamedTuple):
    at_ms: int
    start_ms: int
    volume: int


class Exchange:
    """One market's candles, as the socket and REST show them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.trades: list[int] = []  # when
        self.changed: set[int] = set()  # starts that are not flushed yet
        self.on_the_way: list[Sent] = []
        self.is_busy = rng.choice((0.02, 0.1, 0.5))

    def volume(self, start_ms: int, as_of_ms: int) -> int:
        return sum(start_ms <= at < start_ms + UNIT and at <= as_of_ms for at in self.trades)

    def starts(self, as_of_ms: int) -> list[int]:
        return sorted({at // UNIT * UNIT for at in self.trades if at <= as_of_ms})

    def go(self, now_ms: int) -> None:
        if self.rng.random() < self.is_busy:
            self.trades.append(now_ms)
            self.changed.add(now_ms // UNIT * UNIT)
        if now_ms % 1000 == 300:  # the flush; the next one may overtake it, candle by candle
            for start_ms in self.rng.sample(sorted(self.changed), len(self.changed)):
                at_ms = now_ms + self.rng.randrange(0, 900, STEP)
                self.on_the_way.append(Sent(at_ms, start_ms, self.volume(start_ms, now_ms)))
            self.changed.clear()

    def arrived(self, now_ms: int) -> list[Sent]:
        there = [one for one in self.on_the_way if one.at_ms <= now_ms]
        self.on_the_way = [one for one in self.on_the_way if one.at_ms > now_ms]
        return sorted(there, key=lambda one: one.at_ms)

    def page(self, to_ms: int | None, most: int, as_of_ms: int) -> bytes:
        rows: list[dict[str, Any]] = []
        for start_ms in reversed(self.starts(as_of_ms)):
            if to_ms is None or start_ms < to_ms:
                numbers = dict.fromkeys(("opening_price", "high_price", "low_price", "trade_price"), 5.0)
                volume = self.volume(start_ms, as_of_ms)
                rows.append(
                    {
                        "market": "KRW-X",
                        "candle_date_time_utc": utc_text(start_ms),
                        **numbers,
                        "candle_acc_trade_volume": volume,
                        "candle_acc_trade_price": 1.0,
                        "timestamp": start_ms,
                    }
                )
        return json.dumps(rows[:most]).encode()


class Walk:
    """One closer on that exchange, with a connection that comes and goes."""

    def __init__(self, seed: int, *, fills: bool = True, empty: bool = False, history: int = 0) -> None:
        self.rng = random.Random(seed)
        self.exchange = Exchange(self.rng)
        self.closer: Closer[bytes] = Closer(UNIT, volume=volume_of, fills=fills, patience=15.0)
        self.now_ms = BEGIN
        self.is_up, self.snapshot_ms, self.read_ms = True, BEGIN + 100, BEGIN
        self.fills: dict[int, tuple[CandleFill, int]] = {}  # by number, and when the next answer comes
        self.given: list[tuple[int, int, How]] = []
        self.missing: list[tuple[int, int]] = []
        self.wrong: set[int] = set()
        self.late = self.settled = 0
        self.served_ms = 0  # when the first message came
        for _ in range(self.rng.randrange(100)):  # before anybody is there
            self.exchange.go(self.now_ms)
            self.now_ms += STEP
        self.joined_ms = self.now_ms
        self.snapshot_ms = self.now_ms + 200
        self.closer.join(1, self.now, empty=empty, history=history)

    @property
    def now(self) -> float:
        return self.now_ms / 1000

    def run(self, steps: int, *, breaks: float = 0.0) -> "Walk":
        for _ in range(steps):
            self.now_ms += STEP
            self.exchange.go(self.now_ms)
            if self.rng.random() < (breaks if self.is_up else 0.1):
                self.turn()
            self.bring()
            self.answer()
            self.do(self.closer.tick(self.now_ms, self.now))
        return self

    def turn(self) -> None:
        """Lose the connection, or have it back."""
        self.is_up = not self.is_up
        if self.is_up:
            self.closer.lost(self.read_ms, self.now_ms, self.now)
            self.snapshot_ms = self.now_ms + self.rng.randrange(100, 700, STEP)

    def bring(self) -> None:
        """Bring what was sent by now, or lose it."""
        sent, has_come = self.exchange.arrived(self.now_ms), self.rng.random() < 0.5
        if not self.is_up or self.now_ms < self.snapshot_ms:
            return  # not connected, or not served yet
        if self.now_ms == self.snapshot_ms and (starts := self.exchange.starts(self.now_ms)):
            start_ms = starts[-1]
            self.take(start_ms, self.exchange.volume(start_ms, self.now_ms), is_snapshot=True)
            has_come = True
        for one in sent:
            self.take(one.start_ms, one.volume, is_snapshot=False)
            has_come = True
        if has_come:
            self.read_ms = self.now_ms
            self.do(self.closer.read(self.now_ms, self.now))

    def take(self, start_ms: int, volume: int, *, is_snapshot: bool) -> None:
        self.served_ms = self.served_ms or self.now_ms
        self.do(self.closer.take(start_ms, b'{"candle_acc_trade_volume":%d}' % volume, is_snapshot=is_snapshot))

    def answer(self) -> None:
        for number, (fill, at_ms) in list(self.fills.items()):
            if at_ms > self.now_ms:
                continue
            query, as_of_ms = fill.query(), self.now_ms - self.rng.randrange(0, 2500, STEP)
            wait = fill.receive(self.exchange.page(query.to_ms, query.most, as_of_ms), self.now_ms)
            self.fills[number] = fill, self.now_ms + round(wait * 1000) + self.way()
            if fill.is_done:
                del self.fills[number]
                rows, covered = fill.rows, fill.covered(self.now_ms)
                self.do(self.closer.fetched(number, rows, covered, fill.problem, self.now_ms, self.now))

    def way(self) -> int:
        return self.rng.randrange(100, 1200, STEP)

    def do(self, actions: list[Any]) -> None:
        for action in actions:
            match action:
                case Give(1, start_ms, item, how):
                    self.given.append((start_ms, 0 if how is How.EMPTY else volume_of(item), how))
                case Ask(number):
                    self.fills[number] = CandleFill(STREAM, action), self.now_ms + self.way()
                case Missing(from_ms, end_ms):
                    self.missing.append((from_ms, end_ms))
                case Wrong(start_ms):
                    self.wrong.add(start_ms)
                case Late():
                    self.late += 1
                case Settled():
                    self.settled += 1
                case _:
                    pytest.fail(f"nobody expects {action}")

    def is_missing(self, start_ms: int) -> bool:
        return any(from_ms <= start_ms < end_ms for from_ms, end_ms in self.missing)

    def check(self) -> None:
        starts = [start_ms for start_ms, _, _ in self.given]
        assert starts == sorted(set(starts)), "strictly rising, each once"
        there = self.exchange.starts(self.now_ms)
        real = {start_ms: volume for start_ms, volume, how in self.given if how is not How.EMPTY}
        for start_ms, volume in real.items():
            assert start_ms in there
            assert volume == self.exchange.volume(start_ms, self.now_ms) or start_ms in self.wrong
        empty = {start_ms for start_ms, _, how in self.given if how is How.EMPTY}
        assert not empty & set(there)
        final_ms = self.read_ms - UNIT - 2000
        for start_ms in there:
            if self.served_ms <= start_ms <= final_ms:
                assert (start_ms in real) != self.is_missing(start_ms), utc_text(start_ms)


def volume_of(payload: bytes) -> int:
    return int(json.loads(payload)["candle_acc_trade_volume"])


@given(st.integers(0, 2**32), st.booleans())
def test_without_a_gap_nothing_is_missing_late_or_asked(seed: int, empty: bool) -> None:
    walk = Walk(seed, empty=empty).run(600)
    walk.check()
    assert (walk.missing, walk.wrong, walk.late, walk.fills, walk.settled) == ([], set(), 0, {}, 0)


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0.002, 0.02, 0.1]))
def test_gaps_are_filled_whatever_happens_meanwhile(seed: int, empty: bool, breaks: float) -> None:
    walk = Walk(seed, empty=empty).run(800, breaks=breaks)
    if not walk.is_up:
        walk.turn()
    walk.run(300)
    walk.check()
    assert not walk.late
    assert not walk.fills, "nothing is asked for without an end"
    assert not walk.closer.is_busy
    if breaks < 0.02:  # else it may be broken for longer than anybody waits
        assert not walk.missing
    if empty and not walk.missing and walk.given:
        starts = [start_ms for start_ms, _, _ in walk.given]
        assert starts == list(range(starts[0], starts[-1] + UNIT, UNIT)), "nothing is left out"


@given(st.integers(0, 2**32), st.sampled_from([0.005, 0.02, 0.1]))
def test_without_rest_all_that_is_missing_is_told(seed: int, breaks: float) -> None:
    walk = Walk(seed, fills=False).run(800, breaks=breaks)
    if not walk.is_up:
        walk.turn()
    walk.run(100)
    walk.check()
    assert not walk.fills


@given(st.integers(0, 2**32), st.integers(1, 30), st.booleans(), st.sampled_from([0.0, 0.02]))
@example(seed=88, history=1, empty=False, breaks=0.02)
def test_history_and_live_candles_make_one(seed: int, history: int, empty: bool, breaks: float) -> None:
    walk = Walk(seed, empty=empty, history=history).run(400, breaks=breaks)
    if not walk.is_up:
        walk.turn()
    walk.run(300)
    walk.check()
    real = [start_ms for start_ms, _, how in walk.given if how is not How.EMPTY]
    there = [one for one in walk.exchange.starts(walk.now_ms) if real and one >= real[0] and one <= real[-1]]
    # Those that were not final yet follow on the history, live, or fetched where a connection broke.
    final_ms = walk.joined_ms - UNIT - CLOSES_AFTER_MS
    before = [start_ms for start_ms, _, how in walk.given if how is How.HISTORY and start_ms <= final_ms]
    assert len(before) <= history
    assert [one for one in there if not walk.is_missing(one)] == real, "no hole between them"
