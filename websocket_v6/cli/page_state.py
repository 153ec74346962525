"""What the page of a network's door shows: made once a second, whoever looks and however many."""

import os
import time
from collections import Counter
from typing import Any

import msgspec

from websocket_v6._version import __version__
from websocket_v6.health import Health

from ..protocol.exchange.streams import split

__all__ = ["page_state"]

MOST_MARKETS = 500
MOST_GAPS = 20
MOST_ROWS = 200  # of processes, and of programs


def page_state(health: Health, url: str, rate: float, began: float) -> bytes:
    """Return the state as JSON. `rate` in messages a second, `began` is when this host started, Unix seconds."""
    tickers = [code for type_, code in map(split, health.wanted) if type_ == "ticker"]
    tickers.sort(key=lambda code: (not code.startswith("KRW-"), code))
    gaps = sorted(health.gaps, key=lambda gap: (gap.ended_ns is None, gap.started_ns), reverse=True)[:MOST_GAPS]
    counters = health.counters
    state: dict[str, Any] = {
        "version": __version__,
        "pid": os.getpid(),
        "url": url,
        "role": health.role,
        "now": time.time(),
        "began": began,
        "rate": round(rate, 1),
        "counters": counters._asdict(),
        "connections": [one._asdict() for one in health.connections],
        "gaps": [
            {
                "endpoint": gap.endpoint,
                "epoch": gap.epoch,
                "started": gap.started_ns / 1e9,
                "ended": None if gap.ended_ns is None else gap.ended_ns / 1e9,
                "reason": gap.reason,
            }
            for gap in gaps
        ],
        "streams": dict(sorted(Counter(split(stream)[0] for stream in health.wanted).items())),
        "tickers": tickers[:MOST_MARKETS],
        "tickers_left_out": max(0, len(tickers) - MOST_MARKETS),
        "processes": [one._asdict() for one in health.members[:MOST_ROWS]],
        "guests": health.guests,
        "programs": [one._asdict() for one in health.visitors[:MOST_ROWS]],
        "visitors": sum(not one.is_onlooker for one in health.visitors),
        "cut_off": health.cut_off,
        "fleets": [one._asdict() | {"text": str(one)} for one in health.fleets],
    }
    return msgspec.json.encode(state)
