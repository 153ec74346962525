"""Closed candles in an event loop: pushed, awaited and pulled."""

import asyncio
import json

import msgspec
import pytest

from websocket_v6 import CandleEvent, Config, aio
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.simulator import Simulator

from .conftest import Play, until

BTC = "KRW-BTC"
STREAM = f"candle.1m {BTC}"


def trades(sim: Simulator, minutes: int) -> list[str]:
    """Trade in so many minutes, and return when each begins."""
    starts = []
    for _ in range(minutes):
        sim.advance(65.0 - sim.now() % 60, idle=False)
        sim.trade(BTC)
        starts.append(json.loads(sim.current(STREAM))["candle_date_time_utc"])
    return starts


def test_they_are_pulled_behind_their_history(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        async with aio.WebSocketClientProxy("bot", config=msgspec.structs.replace(config, backfill=True)) as proxy:
            candles = await proxy.subscribe_candle(BTC, closed=True, history=3)
            first = [await candles.get(timeout=10) for _ in range(3)]
            assert [(one.closed, one.backfilled) for one in first] == [(True, True)] * 3
            starts = await asyncio.to_thread(trades, sim, 3)
            while (live := await candles.get(timeout=10)).candle_date_time_utc != starts[1]:
                assert live.closed
            assert not live.backfilled
            assert candles.stats.late == 0

    play(main())


def test_a_callback_may_be_awaited(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        seen: list[CandleEvent] = []

        async def on_candle(candle: CandleEvent) -> None:
            await asyncio.sleep(0)
            seen.append(candle)

        async with aio.WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_candle(BTC, on_candle, closed=True, empty=True)
            await asyncio.to_thread(sim.wait_served, {STREAM})
            starts = await asyncio.to_thread(trades, sim, 3)
            await until(lambda: starts[1] in [one.candle_date_time_utc for one in seen], "the candle")
            assert all(one.closed for one in seen)

    play(main())


def test_what_makes_no_sense_is_refused(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        async with aio.WebSocketClientProxy("bot", config=config) as proxy:
            with pytest.raises(LocalProtocolError, match="closed=True"):
                await proxy.subscribe_candle(BTC, empty=True)
            with pytest.raises(LocalProtocolError, match="backfill=True"):
                await proxy.subscribe_candle(BTC, closed=True, history=5)

    play(main())
