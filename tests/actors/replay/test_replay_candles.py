"""What closings hear of the records that are played."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.actors.delivery.world import no_timer
from tests.replays import SECOND, START, candle, market, opened, rows, trade, write
from websocket_v6.actors.delivery.closings import Closings
from websocket_v6.actors.delivery.deliveries import Delivery, Taker
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_candles import ReplayCandles
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.wants import Closing
from websocket_v6.protocol.recording.records import Record, Standing
from websocket_v6.protocol.replaying import Replay

STREAM = "candle.1m KRW-A"


class World:
    """Closings of a stage, whose records the test plays."""

    def __init__(self, path: Path) -> None:
        self.stage = Stage(Tape(Replay(write(path / "a.wsr", market(5)))))
        self.next: Record | None = Record(10**18, opened()[1])
        delivery = Delivery(SourceFlow())
        self.closings = Closings(delivery, no_timer, fill_patience=60.0)
        self.candles = ReplayCandles(self.stage, self.closings, delivery, lambda: self.next)
        self.taker = Taker(1, "public", MailboxQueue(Mailbox.lossless(1024 * 1024)), None)
        self.route = Route(STREAM, 0)

    def join(self) -> None:
        self.closings.join(STREAM, self.route, self.taker, Closing())
        self.stands(opened()[1])

    def stands(self, standing: Standing) -> None:
        self.candles.stands(standing)

    def play(self, at: float, message: tuple[str, Any]) -> None:
        self.stage.mono_ns = int(at * SECOND)
        _, value = rows(at, message)
        if message[0] == STREAM:
            event = make_event(STREAM, value.payloads[0], 1, value.received_ns)
            assert self.route.closer is not None
            self.closings.take(STREAM, self.route.closer, event, is_snapshot=False)
        self.candles.listen(value)

    def pass_time(self) -> float:
        """Do what is due next, and return when that is."""
        due = self.candles.due_ns
        assert due is not None
        self.stage.mono_ns = due
        self.candles.time_came()
        return due / SECOND

    def closed(self) -> int:
        return len(self.taker.pending)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_without_anybody_who_takes_them_nothing_is_due_and_nothing_is_listened_to(world: World) -> None:
    assert world.candles.due_ns is None
    assert world.candles.listens_ns == math.inf


def test_a_candle_closes_between_two_records(world: World) -> None:
    world.join()
    world.play(100, candle("KRW-A", 100, 80, 1))  # until 140
    while not world.closed():
        due = world.pass_time()
    assert 142 < due < 142.1


def test_a_record_from_after_that_closes_it(world: World) -> None:
    world.join()
    world.play(100, candle("KRW-A", 100, 80, 1))
    world.play(141.9, trade("KRW-B", 141.9, 1))
    assert not world.closed()
    assert world.candles.listens_ns / SECOND == pytest.approx(142.0, abs=0.001)
    world.play(142.01, trade("KRW-B", 142.01, 2))
    assert world.closed() == 1


def test_not_every_record_is_listened_to(world: World) -> None:
    world.join()
    world.play(100, candle("KRW-A", 100, 80, 1))
    world.play(100.2, trade("KRW-B", 100.2, 1))
    assert world.candles.listens_ns / SECOND == pytest.approx(100.3, abs=0.001)


def test_nothing_closes_if_the_next_record_says_that_the_connection_is_lost(world: World) -> None:
    world.join()
    world.play(100, candle("KRW-A", 100, 80, 1))
    lost = Standing("public", "lost", 1, START + 150 * SECOND, START + 101 * SECOND)
    world.next = Record(150 * SECOND, lost)
    for _ in range(3):
        world.pass_time()
    assert not world.closed()
    world.stands(lost)
    world.next = Record(10**18, opened()[1])
    for _ in range(3):
        world.pass_time()
    assert not world.closed()


def test_at_the_end_of_the_recording_the_clock_stands_still(world: World) -> None:
    world.join()
    world.play(100, candle("KRW-A", 100, 80, 1))
    world.next = None
    assert world.candles.due_ns is None
