"""Coverage-guided fuzzing of the pages of trades that are fetched after a gap.

    python -m tests.fuzz.fuzz_pages -max_total_time=60 [other flags of libFuzzer]

Any answers, one after the other: each is a page or a RemoteProtocolError; whatever they say, the filling of a gap asks
a bounded number of times, comes to its end, and gives back trades in order, each once, as events that can be read. The
corpus stays in reports/fuzz/pages.
"""

import contextlib
import json
from collections.abc import Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("events", "gaps"):
    from websocket_v6.protocol.errors import RemoteProtocolError
    from websocket_v6.protocol.events import make_event
    from websocket_v6.protocol.gaps.fill import MAX_PAGES, Fill, read_page

MARKET = "KRW-BTC"
NOW_MS = 1_700_000_000_000
SEPARATOR = b"\n"  # between the answers of one input


def check(data: bytes) -> None:
    """Fill a gap: the first byte says what is known of it, each line is one answer."""
    if not data:
        return
    options, *_ = data
    bodies = data[1:].split(SEPARATOR)
    for body in bodies:
        with contextlib.suppress(RemoteProtocolError):
            rows = read_page(body, MARKET)
            assert rows == sorted(rows, key=lambda row: row.id, reverse=True)
    known = list(range(1, options % 8))
    fill = Fill(MARKET, known, is_all=bool(options & 8), since_ms=NOW_MS - 86_400_000 * (options >> 5))
    if options & 16:
        fill.began(50)
    asked = 0
    while not fill.is_done and asked < len(bodies) + 1:
        query = fill.query()
        assert query.parameters()["market"] == MARKET
        try:
            fill.receive(bodies[asked % len(bodies)], NOW_MS)
        except RemoteProtocolError as error:
            assert str(error).isprintable()  # noqa: PT017 - no test of pytest
            fill.give_up(str(error))
        asked += 1
    assert asked <= len(bodies) + 1
    assert asked <= MAX_PAGES * 16 or not fill.is_done
    found = fill.missing()
    assert [row.id for row in found] == sorted({row.id for row in found} - set(known))
    for row in found:
        with contextlib.suppress(RemoteProtocolError):
            event = make_event(f"trade {MARKET}", row.payload, 1, 2)
            event.load()
            event.asdict()


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: pages that are full, empty, of another market, deep, and nearly right."""

    def page(*ids: int, market: str = MARKET, **changes: object) -> bytes:
        tick = {
            "market": market,
            "trade_date_utc": "2026-01-01",
            "trade_time_utc": "00:00:00",
            "timestamp": NOW_MS,
            "trade_price": 145831000,
            "trade_volume": 1e-8,
            "prev_closing_price": 145759000.0,
            "change_price": -72000,
            "ask_bid": "BID",
        }
        return json.dumps([{**tick, "sequential_id": number, **changes} for number in ids]).encode()

    pages = [
        page(9, 8, 7, 6, 5, 4, 3, 2, 1),
        page(60, 50, 40),
        page(),
        page(1, market="KRW-ETH"),
        page(7, trade_price="1e999999", change_price=float("1e300")),
        page(7, change_price="x", sequential_id=-(2**63)),
        b'[{"x":' + b"[" * 3_000,
        b'{"error":{"name":"x"}}',
        b"<html>",
    ]
    for options in (0, 4, 12, 20, 28, 0xFC):
        for one in pages:
            yield bytes((options,)) + one
        yield bytes((options,)) + SEPARATOR.join(pages)


if __name__ == "__main__":
    fuzz("pages", check, seeds())
