"""What closed candles ask of the live world."""

import time
from typing import Any

from tests.actors.replay.note import Note
from tests.conftest import wait_until
from websocket_v6.actors.base import Timer, stop_and_join
from websocket_v6.actors.delivery.closing_world import ENDPOINT, ClosingWorld
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.registry import AskReach, BackfillEnded
from websocket_v6.protocol.delivery.closer import Ask
from websocket_v6.protocol.delivery.source_flow import SourceFlow


def test_signs_and_reports_are_the_registry_s_and_candles_are_fetched_by_backfill() -> None:
    registry: list[Any] = []
    backfill: list[Any] = []
    refs = Note.start(registry), Note.start(backfill)
    delivery = Delivery(SourceFlow())
    delivery.registry = refs[0]
    world = ClosingWorld(delivery, Timer)
    world.backfill = refs[1]
    fetch = FetchCandles("candle.1m A", Ask(1, 0, 60_000, None, frozenset()), 1.0, 2.0)
    ended = BackfillEnded(1, 2, 3, {"A": 1}, (), "candle.1m")
    world.ask_sign()
    world.report(ended)
    world.fetch(fetch)
    wait_until(lambda: len(registry) == 2 and backfill, "all is told")
    assert (registry, backfill) == ([AskReach(ENDPOINT), ended], [fetch])
    assert world.tells()
    assert abs(world.wall_ns() - time.time_ns()) < 60e9
    for ref in refs:
        assert stop_and_join(ref, 5)
