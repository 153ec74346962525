"""What is measured is what is said: each candle once where it is closed, each message where it is not."""

from bench.candles import SECONDS, CandlePath
from websocket_v6.protocol.exchange.wants import Closing

CODES = ["KRW-A", "KRW-B"]


def test_closed_candles_reach_the_callback_once_a_minute() -> None:
    plain, closed = CandlePath(CODES, closing=None), CandlePath(CODES, closing=Closing())
    for path in (plain, closed):
        path.run(path.prepare())
        path.run(path.prepare())
    assert plain.received == 2 * SECONDS * len(CODES)
    # But for the one under way, and the first, which had ended before anything told the time.
    assert closed.received == (2 * SECONDS // 60 - 2) * len(CODES)


def test_tickers_are_measured_beside_a_closed_candle() -> None:
    path = CandlePath(CODES, closing=Closing(), takes="ticker")
    path.run(path.prepare())
    assert path.received == SECONDS * len(CODES)
