"""What the bench sends: generated messages in the exchange's SIMPLE format, and real ones where a capture is at hand.

Every contender of a run gets the same bytes, whatever it asked for. The generated ones have the exchange's fields,
order and spelling of numbers (`116606000`, `7.9276E-4`), and its sizes: ticker about 560 bytes, a book of 30 levels
about 1.9 kB. The books of `orderbook` have nothing in common with those before them; those of `books` are like live
ones, which differ from the last of their market in a few levels.
Source: Upbit WebSocket reference, "ticker", "trade", "orderbook", "Frames from the server".
"""

import functools
import json
import random
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

__all__ = ["CAPTURE", "KINDS", "Messages", "frame", "make_messages"]

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT.parent / "shared" / "data" / "captures" / "upbit-simple-2021-04-05.jsonl"

COUNT = 2000  # messages of a block: more than the caches next to a core hold
MARKETS = 120
LEVELS = 30
FIRST_ID = 17_900_000_000_000_000
FIRST_TIME = 1_790_000_000_000  # the exchange's time of the first message, ms

KINDS = ("ticker", "trade", "orderbook", "books", "mixed", "capture", "capture-default")


class Messages:
    """One block of messages, and what a callback must have read of each; the sender never asks for that."""

    def __init__(self, kind: str, payloads: list[bytes]) -> None:
        self.kind = kind
        self.payloads = payloads

    @functools.cached_property
    def expected(self) -> list[tuple[str, Decimal]]:
        """Code and price of each, of a book its best ask."""
        return [_expected(payload) for payload in self.payloads]

    @functools.cached_property
    def codes(self) -> list[str]:
        """Every code, sorted."""
        return sorted({code for code, _ in self.expected})

    @functools.cached_property
    def types(self) -> list[str]:
        """Every data type, sorted."""
        return sorted({_type(payload) for payload in self.payloads})

    @property
    def is_short(self) -> bool:
        """Whether the keys are those of SIMPLE."""
        return self.payloads[0].startswith(b'{"ty":')

    @property
    def mean_bytes(self) -> float:
        """The mean size of a message."""
        return sum(map(len, self.payloads)) / len(self.payloads)


@functools.cache
def make_messages(kind: str, markets: int = MARKETS, count: int = COUNT) -> Messages:
    """Return the block of `kind`, the same each time; all `markets` have their turn. "-default": with full names.

    Raises:
        FileNotFoundError: if the capture is not here.
    """
    kind, _, form = kind.partition("-")
    if kind == "capture":
        texts = list(_captured())
    else:
        rng = random.Random(kind)
        makers: dict[str, list[_Make]] = {
            "ticker": [_ticker],
            "trade": [_trade],
            "orderbook": [_orderbook],
            "books": [_Books()],
        }
        mixed: list[_Make] = [_ticker, _trade, _orderbook, _orderbook]
        codes = [f"KRW-C{number:03}" for number in range(markets)]
        prices = {code: round(10 ** rng.uniform(1, 8.2)) for code in codes}
        texts = []
        for index in range(count if kind != "books" else count // 2):
            code = codes[index % markets] if count < 2 * markets else rng.choice(codes)
            fields = rng.choice(makers.get(kind, mixed))(rng, code, prices[code], index)
            texts.append(json.dumps(fields, separators=(",", ":")))
        if kind == "books":  # there and back: a block is sent over and over, and its first book is to be like its last
            texts += reversed(texts)
    if form == "default":
        texts = [_long_keys(text) for text in texts]
    return Messages(kind, [_NUMBER.sub(r"\1", text).encode() for text in texts])


def frame(payload: bytes) -> bytes:
    """Return the server's frame of a message: final, binary, not masked (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 0x10000:
        return b"\x82\x7e" + size.to_bytes(2, "big") + payload
    return b"\x82\x7f" + size.to_bytes(8, "big") + payload


# --- generated

_Make = Callable[[random.Random, str, int, int], dict[str, Any]]

# json.dumps has no way to spell a number as one likes: spelled numbers travel as marked strings.
_NUMBER = re.compile(r'"#([^"]*)"')


def _spell(value: float) -> str:
    """Spell a price or size as SIMPLE does: large whole ones plain, small ones with an exponent."""
    number = Decimal(repr(value))
    if number and number.adjusted() < -3:
        mantissa, _, exponent = f"{number.normalize():E}".partition("E")
        return f"#{mantissa if '.' in mantissa else mantissa + '.0'}E{exponent}"
    return f"#{int(value)}" if value == int(value) and value >= 1e7 else f"#{value!r}"


def _ticker(rng: random.Random, code: str, price: int, index: int) -> dict[str, Any]:
    change = round(price * rng.uniform(-0.03, 0.03))
    previous = price - change
    asked, bid = round(rng.uniform(1e2, 1e5), 8), round(rng.uniform(1e2, 1e5), 8)
    sign = "EVEN" if not change else "RISE" if change > 0 else "FALL"
    rate = round(change / previous, 10)
    return {
        "ty": "ticker",
        "cd": code,
        "op": _spell(float(previous)),
        "hp": _spell(float(round(price * 1.03))),
        "lp": _spell(float(round(price * 0.97))),
        "tp": _spell(float(price + index % 10)),
        "pcp": _spell(float(previous)),
        "atp": f"#{rng.uniform(1e9, 1e12):.8f}",
        "c": sign,
        "cp": _spell(float(abs(change))),
        "scp": _spell(float(change)),
        "cr": _spell(abs(rate)),
        "scr": _spell(rate),
        "ab": rng.choice(("ASK", "BID")),
        "tv": _spell(round(rng.expovariate(10), 8)),
        "atv": _spell(asked + bid),
        "tdt": "20260922",
        "ttm": f"{index // 3600 % 24:02}{index // 60 % 60:02}{index % 60:02}",
        "ttms": FIRST_TIME + index,
        "aav": _spell(asked),
        "abv": _spell(bid),
        "h52wp": _spell(float(price * 3)),
        "h52wdt": "2026-01-14",
        "l52wp": _spell(float(price // 2)),
        "l52wdt": "2026-06-22",
        "ms": "ACTIVE",
        "its": False,
        "dd": None,
        "mw": "NONE",
        "tms": FIRST_TIME + index,
        "atp24h": f"#{rng.uniform(1e9, 1e12):.8f}",
        "atv24h": _spell(round(rng.uniform(1e3, 1e6), 8)),
        "st": "REALTIME",
    }


def _trade(rng: random.Random, code: str, price: int, index: int) -> dict[str, Any]:
    now = f"{index // 3600 % 24:02}:{index // 60 % 60:02}:{index % 60:02}"
    return {
        "ty": "trade",
        "cd": code,
        "tp": _spell(float(price + index % 10)),
        "tv": _spell(round(rng.expovariate(10), 8)),
        "ab": rng.choice(("ASK", "BID")),
        "pcp": _spell(float(price)),
        "c": rng.choice(("RISE", "EVEN", "FALL")),
        "cp": _spell(float(index % 10)),
        "td": "2026-09-22",
        "ttm": now,
        "ttms": FIRST_TIME + index,
        "tms": FIRST_TIME + index,
        "sid": FIRST_ID + index,
        "bap": _spell(float(price + 1)),
        "bas": _spell(round(rng.expovariate(1), 8)),
        "bbp": _spell(float(price)),
        "bbs": _spell(round(rng.expovariate(1), 8)),
        "st": "REALTIME",
    }


def _orderbook(rng: random.Random, code: str, price: int, index: int) -> dict[str, Any]:
    units = [
        {
            "ap": _spell(float(price + index % 10 + level)),
            "bp": _spell(float(max(1, price + index % 10 - 1 - level))),
            "as": _spell(round(rng.expovariate(1), 8)),
            "bs": _spell(round(rng.expovariate(1), 8)),
        }
        for level in range(LEVELS)
    ]
    return {
        "ty": "orderbook",
        "cd": code,
        "tms": FIRST_TIME + index,
        "tas": _spell(round(rng.uniform(1, 1e4), 8)),
        "tbs": _spell(round(rng.uniform(1, 1e4), 8)),
        "obu": units,
        "st": "REALTIME",
        "lv": 0,
    }


# Of a live book, from one message to the next. In the capture of 2021 (15 levels) one level is new in 59 % of them, two
# in 19 %, and in 13 % nearly all: a price that comes or goes moves a whole side by one. Of the numbers 2.8 % are new.
TURNOVERS = (1, 1, 1, 1, 1, 2, 2, 3)  # sizes that change
SHIFTS = 0.14  # how often a price comes or goes
DEPTH = 3.0  # levels from the best to where something happens, in the mean
STEPS = 45  # prices of a side, of which some have no orders


class _Books:
    """Makes books that differ from the last one of their market in a few levels."""

    def __init__(self) -> None:
        self._sides: dict[str, list[dict[int, str]]] = {}  # by code, of both sides the sizes by steps from the price

    def __call__(self, rng: random.Random, code: str, price: int, index: int) -> dict[str, Any]:
        if code not in self._sides:
            self._sides[code] = [{step: _size(rng) for step in range(1, STEPS, 2)} for _ in "ab"]
            for side in self._sides[code]:
                side.update({step: _size(rng) for step in range(2, STEPS, 4)})
        sides = self._sides[code]
        for _ in range(rng.choice(TURNOVERS)):
            side = rng.choice(sides)
            side[_near(rng, sorted(side))] = _size(rng)
        if rng.random() < SHIFTS:
            side = rng.choice(sides)
            if len(side) > LEVELS:
                del side[_near(rng, sorted(side))]
            else:
                side[_near(rng, sorted(set(range(1, STEPS)) - side.keys()))] = _size(rng)
        asks, bids = (sorted(side.items())[:LEVELS] for side in sides)
        units = [
            {
                "ap": _spell(float(price + ask[0])),
                "bp": _spell(float(max(1, price - bid[0]))),
                "as": ask[1],
                "bs": bid[1],
            }
            for ask, bid in zip(asks, bids, strict=True)
        ]
        return {**_orderbook(rng, code, price, index), "obu": units}


def _size(rng: random.Random) -> str:
    return _spell(round(rng.expovariate(1), 8))


def _near(rng: random.Random, steps: list[int]) -> int:
    return steps[min(len(steps) - 1, int(rng.expovariate(1 / DEPTH)))]


# --- captured


def _captured() -> Iterator[str]:
    with CAPTURE.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["dir"] == "in" and '"ty":' in entry["raw"]:
                yield entry["raw"]


# The keys of trades and books, those of 2021 included: the only types of the capture.
_LONG = {
    "ty": "type", "cd": "code", "tms": "timestamp", "st": "stream_type",
    "tp": "trade_price", "tv": "trade_volume", "ab": "ask_bid", "pcp": "prev_closing_price", "c": "change",
    "cp": "change_price", "td": "trade_date", "ttm": "trade_time", "ttms": "trade_timestamp", "sid": "sequential_id",
    "tas": "total_ask_size", "tbs": "total_bid_size", "obu": "orderbook_units",
    "bap": "best_ask_price", "bas": "best_ask_size", "bbp": "best_bid_price", "bbs": "best_bid_size", "lv": "level",
    "ap": "ask_price", "bp": "bid_price", "as": "ask_size", "bs": "bid_size",
}  # fmt: skip


def _long_keys(text: str) -> str:
    return re.sub(r'"(\w+)":', lambda found: f'"{_LONG[found[1]]}":', text)


# --- what a callback must read


def _type(payload: bytes) -> str:
    return payload.split(b'"', 4)[3].decode()  # the type is the first key of every message


def _expected(payload: bytes) -> tuple[str, Decimal]:
    message = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
    units = message.get("obu") or message.get("orderbook_units")
    first = units[0] if units else message
    price = next(first[name] for name in ("ap", "ask_price", "tp", "trade_price") if name in first)
    return str(message.get("cd") or message["code"]), price
