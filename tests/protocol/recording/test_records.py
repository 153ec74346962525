from typing import cast

import msgpack
import pytest

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.events import CandleEvent, Event, make_event
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.recording.records import (
    BACKFILLED,
    CLOSED,
    REPLAYED,
    RUNS_ON,
    Hole,
    KeyState,
    Listed,
    ListedMarket,
    Record,
    Rows,
    Standing,
    Wants,
    decode_record,
    encode_record,
    events_of,
    rows_of,
)

TRADE = b'{"ty":"trade","cd":"KRW-BTC","st":"REALTIME","tms":1}'

CANDLE = cast(CandleEvent, make_event("candle.1m KRW-BTC", b'{"ty":"candle.1m","cd":"KRW-BTC","tms":1}', 1, 1))


def trade(at_ns: int, epoch: int = 1, payload: bytes = TRADE) -> Event:
    return make_event("trade KRW-BTC", payload, epoch, at_ns)


def test_each_kind_comes_back() -> None:
    standing = Standing("public", "backfilled", 2, 3, 1, 2, "why", 4, (("KRW-BTC", 1, 2, "no answer"),))
    listed = Listed("KRW", 7, [ListedMarket("KRW-BTC", "비트코인", "Bitcoin", True, ("PRICE",))])
    reconciled = Standing("private", "reconciled", 2, 3, 1, 2, "myOrder", 4, (("KRW-BTC", 1, 2, "no"),), "myOrder")
    for value in (
        standing,
        reconciled,
        listed,
        KeyState([standing], 2),
        KeyState([standing], 0, [listed]),
        Wants(["a b"]),
        Wants(["a b"], ["candle.1m KRW-*"]),
        Hole(1, 2, None, "why"),
        Hole(1, 2, 3, "why"),
    ):
        assert decode_record(msgpack.unpackb(encode_record(9, value))) == Record(9, value)


def test_what_a_later_version_adds_is_passed_over() -> None:
    later = msgpack.packb([6, 1, [1, 2, 3, "why", "a field that was added"], "another"])
    assert decode_record(later) == Record(1, Hole(1, 2, 3, "why"))
    assert decode_record(msgpack.packb([99, 1, {"what": "ever"}])) is None


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, [1, 2, 3, ["one stream"], []]],
        [1, 2, [1, 2, 0, [""] * (DOOR_ROWS + 1), [b""] * (DOOR_ROWS + 1)]],
        [1, 2, [2**60, 2, 0, ["a"], [b""]]],
        [1, 2, [1, -1, 0, ["a"], [b""]]],
        [1, 2, [1, 2, 0, ["a" * 300], [b""]]],
        "text",
    ],
)
def test_what_is_no_record_is_an_error(value: object) -> None:
    with pytest.raises(RecordingError):
        decode_record(msgpack.packb(value))


def test_what_was_read_at_once_stands_together() -> None:
    events = [trade(1), trade(1), trade(2), trade(2, epoch=2), trade(2, epoch=2).as_backfilled()]
    made = list(rows_of(events))
    assert [(one.received_ns, one.epoch, one.marks, len(one.payloads)) for one in made] == [
        (1, 1, 0, 2),
        (2, 1, 0, 1),
        (2, 2, 0, 1),
        (2, 2, BACKFILLED, 1),
    ]
    assert [one for rows in made for one in events_of(rows)] == events


def test_no_rows_are_larger_than_a_reader_takes() -> None:
    assert [len(one.streams) for one in rows_of([trade(1)] * (DOOR_ROWS + 1))] == [DOOR_ROWS, 1]
    assert [len(one.streams) for one in rows_of([trade(1, payload=bytes(600_000))] * 3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("event", "marks"),
    [
        (trade(1), 0),
        (trade(1).as_snapshot(), REPLAYED),
        (trade(1).as_backfilled(), BACKFILLED),
        (trade(1, payload=TRADE.replace(b"REALTIME", b"SNAPSHOT")).as_realtime(), RUNS_ON),
        (trade(1).as_backfilled().as_snapshot(), BACKFILLED | REPLAYED),
        (CANDLE.as_backfilled().as_closed(), BACKFILLED | CLOSED),
    ],
)
def test_marks_come_back_and_the_message_is_untouched(event: Event, marks: int) -> None:
    (rows,) = rows_of([event])
    (again,) = events_of(rows)
    assert rows.marks == marks
    assert again.payload == event.payload
    assert getattr(again, "closed", None) == getattr(event, "closed", None)
    assert (again.stream_type, again.backfilled, again.epoch, again.received_at) == (
        event.stream_type,
        event.backfilled,
        event.epoch,
        event.received_at,
    )


def test_a_malformed_message_is_kept_as_it_was() -> None:
    (again,) = events_of(Rows(1, 2, REPLAYED, ["trade KRW-BTC"], [b"{"]))
    assert again.payload == b"{"
