"""Markets that move by themselves are the same every time."""

from collections.abc import Callable
from typing import Any

from websocket_v6.simulator import Weather

Make = Callable[..., Any]
ALL = ["ticker", "trade", "orderbook", "candle.1m"]


def objects(*codes: str, types: list[str] = ALL, **options: Any) -> list[dict[str, Any]]:
    return [{"type": type_, "codes": list(codes), **options} for type_ in types]


def test_a_frozen_exchange_sends_the_same_bytes_every_time(simulator: Make, client: Make) -> None:
    records = []
    for _ in range(2):
        sim = simulator(start_time=1_795_176_000.0, frozen=True, seed=7)
        reader = client(sim.url)
        reader.ask(*objects("KRW-BTC", "BTC-ETH"))
        sim.wait(lambda sim: len(sim.sent()) == 8)
        sim.tick(200)
        sim.advance(61.0, idle=False)
        sim.trade("KRW-BTC", price=130_000_000)
        records.append(sim.sent())
    assert records[0] == records[1]
    assert len(records[0]) > 50


def test_traffic_on_a_frozen_clock_is_as_much_as_was_asked_for_and_always_the_same(
    simulator: Make, client: Make
) -> None:
    records = []
    for _ in range(2):
        sim = simulator(start_time=1_795_176_000.0, frozen=True, traffic=500, weather=Weather.calm())
        codes = [f"KRW-{base}" for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA")]
        reader = client(sim.url)
        reader.ask(*objects(*codes, types=["ticker", "trade", "orderbook"], is_only_realtime=True))
        sim.wait(lambda sim: len(sim.served()) == 18)
        sim.advance(4.0)
        sim.set_traffic(0)
        sim.advance(4.0)
        records.append(sim.sent())
    assert records[0] == records[1]
    # Six of the twenty markets, but the busy ones: half of all that happens.
    assert 800 < len(records[0]) < 1400
