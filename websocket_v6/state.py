"""The state of a host as one JSON object: what the page of a network's door shows, and what `top` reads."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from websocket_v6._version import __version__

from .health import Health
from .protocol.exchange.streams import Stream, split
from .protocol.membership.words import ComponentRow

__all__ = ["host_state"]

MOST_MARKETS = 500
MOST_GAPS = 20
MOST_ROWS = 200  # of processes, of programs, of components, of streams


def host_state(
    health: Health,
    url: str,
    rate: float,
    began: float,
    components: Sequence[ComponentRow] = (),
    stream_counts: Mapping[Stream, int] | None = None,
) -> bytes:
    """Return the state. `rate` in messages a second, `began` is when this host started, Unix seconds.

    `components` are this process's own; `stream_counts` are messages of each stream since counting began.
    """
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
        "stream_counts": dict(Counter(stream_counts or {}).most_common(MOST_ROWS)),
        "tickers": tickers[:MOST_MARKETS],
        "tickers_left_out": max(0, len(tickers) - MOST_MARKETS),
        "components": components[:MOST_ROWS],
        "processes": [one._asdict() for one in health.members[:MOST_ROWS]],
        "guests": health.guests,
        "programs": [one._asdict() for one in health.visitors[:MOST_ROWS]],
        "visitors": sum(not one.is_onlooker for one in health.visitors),
        "cut_off": health.cut_off,
        "fleets": [one._asdict() | {"text": str(one)} for one in health.fleets],
    }
    return msgspec.json.encode(state)
