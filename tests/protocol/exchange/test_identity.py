import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.identity import Recent, identity_of, timestamp_of

# Said again, so that a change of these is a change of two minds: half a minute, and the last few however old.
REMEMBERED_NS = 30_000_000_000
REMEMBERED_LEAST = 16

TRADE: dict[str, Any] = {
    "type": "trade",
    "code": "KRW-ETH",
    "timestamp": 1795152672474,
    "trade_price": 3875000.0,
    "sequential_id": 17951526724180002,
    "stream_type": "REALTIME",
}
TICKER: dict[str, Any] = {
    "type": "ticker",
    "code": "KRW-ETH",
    "trade_price": 3875000.0,
    "trade_timestamp": 1795152672418,
    "market_state": "ACTIVE",
    "timestamp": 1795152672466,
    "acc_trade_volume_24h": 34218.9,
    "stream_type": "REALTIME",
}
BOOK: dict[str, Any] = {
    "type": "orderbook",
    "code": "KRW-XRP",
    "timestamp": 1795152672497,
    "orderbook_units": [{"ask_price": 4012.0, "bid_price": 4010.0, "ask_size": 1533.2, "bid_size": 902.1}],
    "stream_type": "REALTIME",
    "level": 0,
}
ORDER: dict[str, Any] = {
    "type": "myOrder",
    "code": "KRW-ETH",
    "uuid": "5d0b7a1e",
    "state": "trade",
    "trade_uuid": "a1f4c2d8",
    "identifier": 'mine "state":"done",',
    "timestamp": 1795152672449,
    "stream_type": "REALTIME",
}
ASSET: dict[str, Any] = {
    "type": "myAsset",
    "asset_uuid": "0e9d8c7b",
    "assets": [{"currency": "ETH", "balance": 1.4, "locked": 0.0}],
    "timestamp": 1795152672440,
    "stream_type": "REALTIME",
}
NOTICE: dict[str, Any] = {
    "type": "announcement",
    "event_type": "CREATED",
    "uuid": "4711",
    "title": "a title",
    "listed_at": "2026-11-20T14:31:00+09:00",
    "timestamp": 1795152672440,
    "stream_type": "REALTIME",
}
SHORT = {
    "type": "ty",
    "code": "cd",
    "timestamp": "tms",
    "stream_type": "st",
    "trade_price": "tp",
    "uuid": "uid",
    "sequential_id": "sid",
    "trade_timestamp": "ttms",
    "market_state": "ms",
    "acc_trade_volume_24h": "atv24h",
    "orderbook_units": "obu",
    "ask_price": "ap",
    "bid_price": "bp",
    "ask_size": "as",
    "bid_size": "bs",
    "level": "lv",
    "state": "s",
    "trade_uuid": "tuid",
    "identifier": "id",
    "asset_uuid": "astuid",
    "assets": "ast",
    "currency": "cu",
    "balance": "b",
    "locked": "l",
    "event_type": "et",
    "title": "tt",
    "listed_at": "lat",
}
# Which changes of a message make it another one, and which do not.
SAME = [
    (TRADE, {"stream_type": "SNAPSHOT", "timestamp": 1}),
    (TICKER, {"stream_type": "SNAPSHOT", "timestamp": 1795152672467}),
    (BOOK, {"stream_type": "SNAPSHOT"}),
    (ORDER, {"identifier": None}),
    (ASSET, {"timestamp": 5}),
    (NOTICE, {"timestamp": 5, "title": "another one"}),
]
OTHER = [
    (TRADE, {"sequential_id": 17951526724180003}),
    (TICKER, {"market_state": "DELISTED"}),
    (TICKER, {"trade_timestamp": 1795152672419}),
    (BOOK, {"timestamp": 1795152672498}),
    (BOOK, {"orderbook_units": []}),
    (ORDER, {"state": "done"}),
    (ORDER, {"trade_uuid": None}),
    (ORDER, {"timestamp": 1795152672450}),
    (ASSET, {"asset_uuid": "1e9d8c7b"}),
    (NOTICE, {"event_type": "UPDATED"}),
    (NOTICE, {"listed_at": "2026-11-21T14:31:00+09:00"}),
]


def spelled(message: dict[str, Any], is_simple: bool) -> bytes:
    def short(value: Any) -> Any:
        match value:
            case dict():
                return {names.get(key, key): short(one) for key, one in value.items()}
            case list():
                return [short(one) for one in value]
            case _:
                return value

    names = SHORT if is_simple else {}
    return json.dumps(short(message), separators=(",", ":")).encode()


@pytest.mark.parametrize("is_simple", [True, False], ids=["SIMPLE", "DEFAULT"])
@pytest.mark.parametrize(("message", "change"), SAME)
def test_the_same_message_in_another_guise(message: dict[str, Any], change: dict[str, Any], is_simple: bool) -> None:
    stream = f"{message['type']} X"
    one, two = spelled(message, is_simple), spelled(message | change, is_simple)
    assert one != two
    assert identity_of(stream, one) == identity_of(stream, two)


@pytest.mark.parametrize("is_simple", [True, False], ids=["SIMPLE", "DEFAULT"])
@pytest.mark.parametrize(("message", "change"), OTHER)
def test_another_message(message: dict[str, Any], change: dict[str, Any], is_simple: bool) -> None:
    stream = f"{message['type']} X"
    assert identity_of(stream, spelled(message, is_simple)) != identity_of(stream, spelled(message | change, is_simple))


types = st.sampled_from(["ticker", "trade", "orderbook", "candle.1m", "myOrder", "myAsset", "announcement", "new"])


@given(
    types, st.binary() | st.sampled_from([b'{"ty":"trade","sid":', b'{"ty":"ticker","tms":1', b'"st":"', b'"sid":,'])
)
def test_any_bytes_are_the_same_as_themselves(type_: str, payload: bytes) -> None:
    stream = f"{type_} X"
    assert identity_of(stream, payload) == identity_of(stream, bytes(bytearray(payload)))


@given(st.sampled_from(["ticker", "orderbook", "candle.1m", "new"]), st.binary(), st.binary())
def test_bytes_that_are_no_message_are_the_same_as_themselves_alone(type_: str, one: bytes, two: bytes) -> None:
    stream = f"{type_} X"
    if b'"' not in one + two:
        assert (identity_of(stream, one) == identity_of(stream, two)) == (one == two)


@pytest.mark.parametrize("is_simple", [True, False], ids=["SIMPLE", "DEFAULT"])
def test_the_time_of_a_message_is_found_without_parsing_it(is_simple: bool) -> None:
    assert timestamp_of(spelled(TICKER, is_simple)) == 1795152672466
    assert timestamp_of(spelled({"type": "new", "code": "X"}, is_simple)) == 0
    assert timestamp_of(b'{"ty":"ticker","tms":1e9}') == 0
    assert timestamp_of(b'{"ty":"ticker","tms":123') == 0, "cut off"
    assert timestamp_of(b'{"ty":"ticker","tms":%d}' % (10**19 - 1)) == 10**19 - 1
    assert timestamp_of(b'{"ty":"ticker","tms":%d}' % 10**19) == 0, "longer than any time"


@given(st.binary() | st.binary().map(lambda tail: b'{"ty":"ticker","tms":' + tail))
def test_any_bytes_have_a_time_or_none(payload: bytes) -> None:
    assert timestamp_of(payload) >= 0


def test_what_a_line_says_twice_it_means() -> None:
    recent = Recent()
    assert [recent.is_repeat(state, 1, 0) for state in ("active", "suspended", "active")] == [False] * 3
    assert [recent.is_repeat(state, 2, 0) for state in ("suspended", "active")] == [True] * 2


def test_a_snapshot_may_be_said_again_as_it_happens() -> None:
    recent = Recent()
    assert [recent.is_repeat("book", line, 0) for line in (1, None, 2, 2)] == [False, True, True, False]
    assert [recent.is_repeat("book 2", line, 0) for line in (None, 2, 1)] == [False, True, True]


def test_a_trade_happens_once_however_often_it_is_said() -> None:
    recent = Recent()
    assert not recent.is_repeat(b"1", 1, 0, is_unique=True)
    assert recent.is_repeat(b"1", 1, 0, is_unique=True)
    assert recent.is_repeat(b"1", 2, 0, is_unique=True)


def test_what_was_delivered_before_is_a_repeat_whoever_says_it() -> None:
    recent = Recent()
    recent.remember(b"1", 0)
    assert recent.is_repeat(b"1", 2, 0)
    assert recent.is_repeat(b"1", 1, 0)


@given(st.lists(st.integers(0, 20), max_size=100))
def test_the_memory_holds_half_a_minute_and_the_last_few(waits: list[int]) -> None:
    recent = Recent()
    now = 0
    times: list[int] = []
    for number, wait in enumerate(waits):
        now += wait * 1_000_000_000
        times.append(now)
        recent.remember(number, now)
        young = sum(at >= now - REMEMBERED_NS for at in times)
        assert len(recent) == min(len(times), max(young, REMEMBERED_LEAST))
        assert recent.is_repeat(number - len(recent) + 1, None, now)


@given(
    st.lists(st.integers(0, 5), max_size=60),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), max_size=60),
    st.integers(0, 10),
)
def test_lines_that_say_the_same_give_each_message_once(
    said: list[int], schedule: list[tuple[int, int]], lead: int
) -> None:
    """Three lines bring one stream, each in its own time: all of it is delivered once, in its order."""
    recent = Recent()
    unique = list(enumerate(said))
    at = {1: 0, 2: 0, 3: 0}
    delivered = []
    for line, count in [*schedule, (1 + lead % 3, 60), (1, 60), (2, 60), (3, 60)]:
        for message in unique[at[line] : at[line] + count]:
            if not recent.is_repeat(message, line, 0):
                delivered.append(message)
        at[line] += count
    assert delivered == unique
