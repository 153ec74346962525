"""Recordings for tests of replays: a few markets, made up."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websocket_v6.protocol.recording.records import KeyState, Listed, ListedMarket, Record, Rows, Standing
from websocket_v6.protocol.recording.writer import Header, RecordingWriter

__all__ = [
    "CODES",
    "SECOND",
    "START",
    "book",
    "candle",
    "header",
    "listed",
    "market",
    "opened",
    "rows",
    "ticker",
    "trade",
    "write",
]

SECOND = 1_000_000_000
START = 1_600_000_000 * SECOND
CODES = ("KRW-BTC", "KRW-ETH", "KRW-XRP")


def header(number: str = "one", previous: str = "", at: float = 0.0, mono: float | None = None) -> Header:
    """Return what a file begins with that was begun at `at` seconds."""
    wall_ns, mono_ns = START + int(at * SECOND), int((at if mono is None else mono) * SECOND) + 5
    return Header(
        engine="test", id=number, previous=previous, region="kr", host="h", streams=[], wall_ns=wall_ns, mono_ns=mono_ns
    )


def write(path: Path, records: Iterable[tuple[float, Any]], head: Header | None = None, ends: bool = True) -> Path:
    """Write values, each with its time in seconds, as a file; a piece a second."""
    head = head or header()
    writer = RecordingWriter(head)
    made, flushed = [writer.begin()], 0.0
    at = (head.wall_ns - START) / SECOND
    for at, value in records:
        if at - flushed >= 1:
            made.append(writer.flush())
            flushed = at
        writer.add(Record(head.mono_ns + START + int(at * SECOND) - head.wall_ns, value), START + int(at * SECOND))
    made.append(writer.flush())
    if ends:
        made.append(writer.end(START + int(at * SECOND)))
    path.write_bytes(b"".join(made))
    return path


def rows(at: float, *messages: tuple[str, dict[str, object]], epoch: int = 1, marks: int = 0) -> tuple[float, Any]:
    """Return messages that came at `at` seconds."""
    payloads = [json.dumps(message, separators=(",", ":")).encode() for _, message in messages]
    return at, Rows(epoch, START + int(at * SECOND), marks, [stream for stream, _ in messages], payloads)


def opened(at: float = 0.0, epoch: int = 1, endpoint: str = "public") -> tuple[float, Any]:
    """Return that a connection opened."""
    return at, Standing(endpoint, "open", epoch, START + int(at * SECOND))


def listed(at: float, *codes: str, warned: Sequence[str] = ()) -> tuple[float, Any]:
    """Return which KRW markets there are from `at` seconds on."""
    markets = [ListedMarket(code, f"{code} 이름", f"Name of {code}", code in warned) for code in codes]
    return at, Listed("KRW", START + int(at * SECOND), markets)


def candle(code: str, at: float, start: float, volume: int, unit: str = "1m", *, is_first: bool = False) -> Any:
    """Return the candle that began at `start` seconds, with so much volume by `at`."""
    begun = datetime.fromtimestamp(START / SECOND + start, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    prices = dict.fromkeys(("op", "hp", "lp", "tp"), 1000 + volume)
    own = {"cdttmu": begun, "catv": volume, "catp": volume * 1000, **prices}
    return f"candle.{unit} {code}", _common(f"candle.{unit}", code, at, is_first) | own


def _common(type_: str, code: str, at: float, is_first: bool) -> dict[str, object]:
    told = START // 1_000_000 + int(at * 1000)
    return {"ty": type_, "cd": code, "tms": told, "st": "SNAPSHOT" if is_first else "REALTIME"}


def trade(code: str, at: float, number: int, *, is_first: bool = False) -> tuple[str, dict[str, object]]:
    """Return a trade whose price is `number`."""
    return f"trade {code}", _common("trade", code, at, is_first) | {"tp": number, "tv": 1, "sid": number}


def ticker(code: str, at: float, number: int, *, is_first: bool = False) -> tuple[str, dict[str, object]]:
    """Return a ticker whose price is `number`."""
    return f"ticker {code}", _common("ticker", code, at, is_first) | {"tp": number}


def book(code: str, at: float, number: int, *, is_first: bool = False) -> tuple[str, dict[str, object]]:
    """Return a book whose best ask is `number`."""
    units = [{"ap": number + n, "bp": number - 1 - n, "as": 1, "bs": 1} for n in range(3)]
    return f"orderbook {code}", _common("orderbook", code, at, is_first) | {"tas": 3, "tbs": 3, "obu": units}


def market(count: int = 300, every: float = 0.05, codes: Sequence[str] = CODES) -> list[tuple[float, Any]]:
    """Return some minutes of trades, tickers and books; now and then several at once."""
    kinds: list[Callable[..., tuple[str, dict[str, object]]]] = [trade, book, ticker]
    values: list[tuple[float, Any]] = [(0.0, KeyState([], 0)), opened()]
    seen: set[str] = set()
    for number in range(count):
        at = 0.1 + number * every
        messages = []
        for more in range(1 + (number % 7 == 0) * 3):
            make, code = kinds[(number + more) % 3], codes[(number // 3 + more) % len(codes)]
            name = make(code, at, 0)[0]
            messages.append(make(code, at, 1000 + number * 4 + more, is_first=name not in seen))
            seen.add(name)
        values.append(rows(at, *messages))
    return values
