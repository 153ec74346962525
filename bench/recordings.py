"""What recordings of the exchange and a simulator's messages have in common: the same figures of both.

Recordings are those of the shared data: captures of frames, and ticks (bare trades). See docs/simulator.md.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from websockets.sync.client import connect

from websocket_v6.simulator import Simulator, Weather
from websocket_v6.simulator.market.catalog import many_markets

__all__ = [
    "Stream",
    "Trade",
    "amounts",
    "books_in_front",
    "gaps",
    "lags",
    "quantile",
    "read_capture",
    "read_ticks",
    "run_lengths",
    "same_millisecond",
    "simulate",
    "steps_in_runs",
]

_MARKETS = 60
_START = 1_795_176_000.0
_WARM_UP = 2  # seconds, until books have come


class Trade(NamedTuple):
    """One trade of a recording; `told_ms` is the `timestamp` of its message, 0 where that is not known."""

    code: str
    ms: int
    told_ms: int
    price: float
    volume: float


class Stream(NamedTuple):
    """What came over one connection, in its order."""

    trades: list[Trade]
    books: list[tuple[str, int]]  # code and `timestamp`
    order: list[tuple[str, str, int]]  # type, code and `timestamp` of all
    texts: list[str]


def read_ticks(path: Path) -> list[Trade]:
    """Read a file of bare trades."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [
        Trade(
            entry["code"],
            round(datetime.fromisoformat(entry["t"]).timestamp() * 1000),
            0,
            float(entry["price"]),
            float(entry["volume"]),
        )
        for entry in entries
    ]


def read_capture(path: Path) -> Stream:
    """Read a capture of SIMPLE frames."""
    with path.open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return _stream(entry["raw"] for entry in entries if entry["dir"] == "in")


def simulate(weather: Weather, *, seconds: int, traffic: float, seed: int = 0) -> Stream:
    """Return what a client of a simulator gets in `seconds` of its time: trades and books of 60 markets, SIMPLE."""
    with (
        Simulator(
            _MARKETS, weather=weather, traffic=traffic, seed=seed, frozen=True, start_time=_START, limits=None
        ) as sim,
        connect(sim.url, max_queue=None, compression=None, proxy=None) as client,
    ):
        codes = many_markets(_MARKETS)
        parts = [{"type": type_, "codes": codes, "is_only_realtime": True} for type_ in ("trade", "orderbook")]
        client.send(json.dumps([{"ticket": "weather"}, *parts, {"format": "SIMPLE"}]))
        sim.wait(lambda sim: len(sim.served()) == 2 * len(codes))
        for _ in range(seconds + _WARM_UP):
            sim.advance(1.0, idle=False)
        return _stream(sent.text for sent in sim.sent())


def _stream(texts: Iterable[str]) -> Stream:
    stream = Stream([], [], [], [])
    for text in texts:
        frame = json.loads(text)
        type_, code, told = frame["ty"], frame["cd"], frame["tms"]
        stream.texts.append(text)
        stream.order.append((type_, code, told))
        if type_ == "trade":
            stream.trades.append(Trade(code, frame["ttms"], told, frame["tp"], frame["tv"]))
        else:
            stream.books.append((code, told))
    return stream


# Figures.


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def lags(trades: Iterable[Trade], *, whole_seconds: bool = False) -> list[int]:
    """Return how many ms after each trade it was told; `whole_seconds`: after the second that it was in.

    The exchange told trade times in whole seconds until 2021.
    """
    return [trade.told_ms - (trade.ms // 1000 * 1000 if whole_seconds else trade.ms) for trade in trades]


def _by_market(trades: Iterable[Trade]) -> Iterator[list[Trade]]:
    markets: dict[str, list[Trade]] = {}
    for trade in trades:
        markets.setdefault(trade.code, []).append(trade)
    yield from markets.values()


def _runs(trades: Iterable[Trade]) -> Iterator[list[Trade]]:
    """Yield the trades of one market that share a millisecond."""
    for market in _by_market(trades):
        run = [market[0]]
        for trade in market[1:]:
            if trade.ms != run[-1].ms:
                yield run
                run = []
            run.append(trade)
        yield run


def run_lengths(trades: Iterable[Trade]) -> Counter[int]:
    return Counter(len(run) for run in _runs(trades))


def same_millisecond(trades: Sequence[Trade]) -> float:
    """Return the share of trades that have the millisecond of the trade before them in their market."""
    lengths = run_lengths(trades)
    return sum((length - 1) * count for length, count in lengths.items()) / len(trades)


def steps_in_runs(trades: Iterable[Trade]) -> float:
    """Return the share of steps within one millisecond that change the price."""
    steps = [after.price != before.price for run in _runs(trades) for before, after in pairwise(run)]
    return sum(steps) / len(steps)


def gaps(trades: Iterable[Trade]) -> list[int]:
    """Return the ms between trades of one market that are not of one millisecond."""
    return [
        after.ms - before.ms
        for market in _by_market(trades)
        for before, after in pairwise(market)
        if after.ms != before.ms
    ]


def amounts(trades: Iterable[Trade]) -> list[float]:
    """Return what each trade of a KRW market was worth, in KRW."""
    return [trade.price * trade.volume for trade in trades if trade.code.startswith("KRW-")]


def books_in_front(stream: Stream) -> float:
    """Return the share of trades that came behind a book of their market which is as new as they are."""
    newest: dict[str, int] = {}
    behind = 0
    for type_, code, told in stream.order:
        if type_ == "orderbook":
            newest[code] = told
        else:
            behind += newest.get(code, 0) >= told
    return behind / len(stream.trades)
