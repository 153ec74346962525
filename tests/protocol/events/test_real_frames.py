"""Every recorded frame decodes, each number exact against its own text, by an independent parse of the same text."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import SHARED_DATA
from tests.protocol.examples import FULL_NAMES, parse
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.events import GenericEvent, OrderbookUnit, make_event
from websocket_v6.protocol.events.plain import plain
from websocket_v6.protocol.exchange.heads import ErrorNotice, Inbound, StatusUp

FILES = sorted(
    path for folder in ("samples", "captures") for path in (SHARED_DATA / folder).glob("*.jsonl") if path.is_file()
)
# Keys that the exchange no longer documents, or never did for the type: not among the fields.
FORGOTTEN = {
    "ticker": {
        "trade_status",
        "market_state_for_ios",
        "best_ask_price",
        "best_bid_price",
        "best_ask_size",
        "best_bid_size",
    }
}
pytestmark = pytest.mark.skipif(not FILES, reason="the recorded traffic is not here")


def frames() -> Iterator[bytes]:
    """Yield every frame that a client received."""
    for path in FILES:
        for line in path.read_text().splitlines():
            frame = json.loads(line)
            if frame["dir"] == "in":
                yield frame["raw"].encode()


def same(read: Any, expected: Any) -> bool:
    """Tell whether a field holds the very number, digits and all, or the very value."""
    if isinstance(expected, Decimal):
        return read == int(expected) if type(read) is int else read.as_tuple() == plain(expected).as_tuple()
    return type(read) is type(expected) and bool(read == expected)


def check_levels(units: tuple[OrderbookUnit, ...], levels: list[dict[str, Decimal]], names: dict[str, str]) -> int:
    """Compare the levels, none of which is empty on both sides here; return how many numbers were."""
    kept = [{names.get(key, key): value for key, value in level.items()} for level in levels]
    kept = [level for level in kept if any(level.values())]
    assert len(units) == len(kept)
    for unit, level in zip(units, kept, strict=True):
        for side in ("ask", "bid"):
            names_of_side = (f"{side}_price", f"{side}_size")
            is_empty = not any(level[name] for name in names_of_side)
            for name in names_of_side:
                assert getattr(unit, name) is None if is_empty else same(getattr(unit, name), level[name])
    return 4 * len(levels)


def check(event: Any, message: dict[str, Any]) -> int:
    """Compare an event with its message; return how many numbers were the same."""
    type_ = event.type
    names = FULL_NAMES[type_ if type_ in FULL_NAMES else "candle.1m"]
    compared = 0
    for key, value in message.items():
        name = names.get(key, key)
        if name in ("code", "market", "mk"):
            assert event.symbol == value
        elif name == "orderbook_units":
            compared += check_levels(event.orderbook_units, value, names)
        elif name == "assets":
            assert len(event.assets) == len(value)
            for asset, sent in zip(event.assets, value, strict=True):
                for inner, number in sent.items():
                    assert same(getattr(asset, names.get(inner, inner)), number)
                    compared += isinstance(number, Decimal)
        elif hasattr(event, name):
            assert same(getattr(event, name), value), name
            compared += isinstance(value, Decimal)
        else:
            assert name in FORGOTTEN[type_], name
    return compared


def test_every_frame_decodes_with_every_number_exact() -> None:
    inbound = Inbound()
    compared = events = notices = 0
    for frame in frames():
        found = inbound.sort([frame])
        notices += len(found.notices)
        for notice in found.notices:
            assert isinstance(notice, ErrorNotice | StatusUp)
        for stream, payload in zip(found.streams, found.payloads, strict=True):
            assert payload == frame
            event = make_event(stream, payload, 1, 2)
            event.load()
            assert not isinstance(event, GenericEvent)
            compared += check(event, parse(frame))
            assert check(
                make_event(stream, payload, 1, 2).as_snapshot(),
                {**parse(frame), "stream_type": "SNAPSHOT", "st": "SNAPSHOT"},
            )
            events += 1
    assert events > 1700
    assert compared > 70_000
    assert notices == 9


def test_every_frame_survives_a_batch() -> None:
    found = Inbound().sort(list(frames()))
    batch = Batch.unpack(Batch("public", 2, 3, 4, found.streams, found.payloads).pack())
    assert (batch.streams, batch.payloads) == (found.streams, found.payloads)


def test_floats_of_every_frame_are_the_nearest() -> None:
    found = Inbound().sort(list(frames()))
    for stream, payload in zip(found.streams, found.payloads, strict=True):
        event = make_event(stream, payload, 1, 2)
        exact, floats = event.asdict(), event.with_numbers(float).asdict()
        for name, value in exact.items():
            if isinstance(value, Decimal):
                assert floats[name] == float(value)
