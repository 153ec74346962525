import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.examples import EXAMPLES, Example, parse
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.heads import (
    ErrorNotice,
    Inbound,
    Malformed,
    Notice,
    StatusUp,
    SubscriptionList,
)

STREAMS = {
    "ticker": "ticker KRW-ETH",
    "trade": "trade KRW-ETH",
    "orderbook": "orderbook KRW-XRP",
    "candle.1m": "candle.1m KRW-ETH",
    "myOrder": "myOrder KRW-ETH",
    "myAsset": "myAsset *",
    "announcement": "announcement trade",
    "indicator bollinger_bands": "indicator KRW-ETH 5m bollinger_bands(multiplier=2.0,period=20)",
    "indicator volume": "indicator KRW-ETH 5m volume(period=20)",
    "indicator rsi": "indicator KRW-ETH 5m rsi(period=14)",
    "indicator moving_average": "indicator KRW-ETH 5m moving_average(period=50,type=EMA)",
    "indicator ma_crossover": "indicator KRW-ETH 5m ma_crossover(long_period=20,short_period=5,type=SMA)",
    "indicator macd": "indicator KRW-ETH 5m macd(fast=12,signal_period=9,slow=26)",
    "indicator_signal volume_spike": "indicator_signal KRW-ETH 5m volume(period=20) volume_spike(multiplier=2.0)",
    "indicator_signal golden_cross": "indicator_signal KRW-ETH 5m macd(fast=12,signal_period=9,slow=26) golden_cross()",
}
TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0,"st":"REALTIME"}'
BOOK = '{"ty":"orderbook","cd":"KRW-BTC","tms":1,"obu":[{"ap":2,"bp":1,"as":1,"bs":1}],"st":"REALTIME"%s}'


def streams_of(*messages: bytes) -> list[str]:
    """Sort messages that are all data."""
    found = Inbound().sort(list(messages))
    assert found.notices == []
    assert found.payloads == list(messages)
    return found.streams


def notice_of(message: bytes) -> Notice:
    """Sort one message that is no data."""
    found = Inbound().sort([message])
    assert (found.streams, found.payloads) == ([], [])
    (notice,) = found.notices
    return notice


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_each_type_has_its_stream_in_each_format(example: Example) -> None:
    inbound = Inbound()
    for _ in range(3):  # the first teaches the head
        for payload in example.formats.values():
            found = inbound.sort([payload])
            assert (found.streams, found.notices) == ([STREAMS[example.name]], [])
            assert parse(found.payloads[0]) in (parse(example.default), parse(example.simple))


def test_messages_keep_their_order_with_notices_apart() -> None:
    other = TICKER.replace(b"BTC", b"ETH")
    messages = [TICKER, b'{"status":"UP"}', other, b"[" + TICKER + b"," + other + b"]", b"nonsense", TICKER]
    inbound = Inbound()
    for _ in range(2):
        found = inbound.sort(messages)
        assert found.streams == [f"ticker KRW-{base}" for base in ("BTC", "ETH", "BTC", "ETH", "BTC")]
        assert found.payloads == [TICKER, other, TICKER, other, TICKER]
        assert found.notices == [StatusUp(), Malformed("not JSON", "nonsense")]
        assert list(map(type, found.notices)) == [StatusUp, Malformed]


def test_nothing_gives_nothing() -> None:
    assert Inbound().sort([]) == ([], [], [])
    assert Inbound().sort([b"[]", b" [ ] "]) == ([], [], [])


@pytest.mark.parametrize(
    "message",
    [
        '{"cd":"KRW-BTC","ty":"ticker","tp":1}',
        '{ "ty" : "ticker" , "cd" : "KRW-BTC" , "tp" : 1 }',
        '\n{"tp":1,"type":"ticker","code":"KRW-BTC"}',
        '{"type":"ticker","market":"KRW-BTC"}',
        '{"ty":"ticker","mk":"KRW-BTC"}',
        '{"ty":"ticker","cd":"KRW-BTC"}',
        '{"ty":"tick\\u0065r","cd":"KRW\\u002dBTC","tp":1}',
        '{"mk":"KRW-BTC","tp":1,"atp":5}',
        '{"market":"KRW-BTC","acc_trade_price":5.0}',
    ],
)
def test_other_heads_are_understood_too(message: str) -> None:
    inbound = Inbound()
    for _ in range(2):
        assert inbound.sort([message.encode()]).streams == ["ticker KRW-BTC"]


@pytest.mark.parametrize(
    ("tail", "stream"),
    [
        ("", "orderbook KRW-BTC"),
        (',"lv":0', "orderbook KRW-BTC"),
        (',"lv":0.0', "orderbook KRW-BTC"),
        (',"lv":null', "orderbook KRW-BTC"),
        (',"lv":10000', "orderbook KRW-BTC@10000"),
        (',"lv":1.0E4', "orderbook KRW-BTC@10000"),
        (',"lv":"10000"', "orderbook KRW-BTC@10000"),
        (',"lv":10000,"x":{"lv":0}', "orderbook KRW-BTC@10000"),
        (',"lv":0.1', "orderbook KRW-BTC@0.1"),
    ],
)
def test_books_are_told_apart_by_their_level(tail: str, stream: str) -> None:
    inbound = Inbound()
    message = (BOOK % tail).encode()
    inbound.sort([(BOOK % ',"lv":100').encode()])
    for _ in range(3):
        assert inbound.sort([message]).streams == [stream]
    assert inbound.sort([message + b" ", b" " + message]).streams == [stream] * 2
    full = message.replace(b'"ty"', b'"type"').replace(b'"cd"', b'"code"').replace(b'"lv"', b'"level"')
    for _ in range(3):
        assert inbound.sort([full]).streams == [stream]


def test_a_level_in_the_middle_counts() -> None:
    message = b'{"ty":"orderbook","cd":"KRW-BTC","lv":10000,"obu":[]}'
    inbound = Inbound()
    inbound.sort([(BOOK % "").encode()])
    for _ in range(2):
        assert inbound.sort([message]).streams == ["orderbook KRW-BTC@10000"]


def test_a_list_holds_data_and_notices_and_no_lists() -> None:
    up, error = b'{"status":"UP"}', b'{"error":{"name":"NO_TYPE","message":"-"}}'
    assert notice_of(b"[" + up + b"]") == StatusUp()
    assert notice_of(b" [ " + error + b" ] ") == ErrorNotice("NO_TYPE", "-")
    found = Inbound().sort([b"[" + TICKER + b"," + up + b"," + TICKER + b"]"])
    assert found == (["ticker KRW-BTC"] * 2, [TICKER] * 2, [StatusUp()])
    assert notice_of(b"[[]]") == Malformed("not an object", "[]")
    assert notice_of(b"[5]") == Malformed("not an object", "5")
    assert notice_of(b"[{]") == Malformed("not JSON", "[{]")
    deep = notice_of(b"[" * 100_000)
    assert deep == Malformed("not JSON", "[" * 77 + "...")


def test_a_learned_head_says_nothing_of_other_messages() -> None:
    inbound = Inbound()
    inbound.sort([TICKER] * 3)
    liars = [
        (b'{"ty":"ticker","cd":"KRW-BTC","type":"trade","code":"KRW-ETH"}', "ticker KRW-BTC"),  # by its head, as sent
        (b'{"ty":"ticker","cd":"KRW-BTCX","tp":1}', "ticker KRW-BTCX"),
        (b'{"ty":"trade","cd":"KRW-BTC","tp":1}', "trade KRW-BTC"),
    ]
    for message, stream in liars:
        assert inbound.sort([message]).streams == [stream]
        assert inbound.sort([message, b"nonsense"]).streams == [stream]
    assert inbound.sort([TICKER]).streams == ["ticker KRW-BTC"]


def test_a_malformed_message_teaches_nothing() -> None:
    inbound = Inbound()
    for message in (
        b'{"ty":"ticker","cd":"KRW-BTC",',
        b'{"ty":"ticker","cd":"KRW-BTC","type":"trade","code":"KRW-ETH"}',
        b'{"ty":"ticker","cd":"KRW-BTC","tp":1}}',
        b'{"ty":"ticker","cd":"KRW-BTC" "tp":1,}',
    ):
        inbound.sort([message])
        assert inbound._heads == {}
    inbound.sort([TICKER])
    assert list(inbound._heads.values()) == ["ticker KRW-BTC"]


def test_what_is_learned_is_bounded() -> None:
    inbound = Inbound()
    messages = [b'{"ty":"ticker","cd":"KRW-%d","tp":1}' % number for number in range(20_000)]
    assert inbound.sort(messages).streams == [f"ticker KRW-{number}" for number in range(20_000)]
    assert len(inbound._heads) == 20_000 - 16_384, "forgotten all at once when there were as many"
    for level in range(1, 200):
        assert inbound.sort([(BOOK % f',"lv":{level}').encode()]).streams == [f"orderbook KRW-BTC@{level}"]
    assert [len(levels) for levels in inbound._books.values()] == [64], "the first ones stay"


def test_the_caller_may_go_on_using_its_list() -> None:
    messages = [TICKER, TICKER]
    inbound = Inbound()
    inbound.sort(messages)
    found = inbound.sort(messages)
    messages.clear()
    assert found.payloads == [TICKER, TICKER]


KEYS = ("ty", "type", "cd", "lv", "obu", "p", "st", "tms", "tp", "error", "method", "result")
VALUES = ("ticker", "orderbook", "indicator", "KRW-BTC", "LIST_SUBSCRIPTIONS", "é", "\ud800")
NUMBERS = ("0", "1.5", "-0", "1E999", "null", "true")
WORDS = [*'{}[],:"\\ \n', *NUMBERS, *(f'"{word}"' for word in KEYS + VALUES)]
soup = st.lists(st.sampled_from(WORDS), max_size=40).map(lambda parts: "".join(parts).encode(errors="surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(messages=st.lists(st.binary(max_size=60) | soup, max_size=5))
def test_no_bytes_raise(messages: list[bytes]) -> None:
    check_whatever(Inbound(), messages)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_message_raises_anything_but_a_protocol_error(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(EXAMPLES))
    message = bytearray(data.draw(st.sampled_from(sorted(example.formats.values()))))
    inbound = Inbound()
    inbound.sort([bytes(message)])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(message)))
        width = data.draw(st.integers(0, 12))
        message[place : place + width] = data.draw(st.binary(max_size=3) | soup)
    check_whatever(inbound, [bytes(message)])


def check_whatever(inbound: Inbound, messages: list[bytes]) -> None:
    """Whatever comes in is data, which decodes or is refused, or a notice."""
    found = inbound.sort(messages)
    assert len(found.streams) == len(found.payloads)
    for stream, payload in zip(found.streams, found.payloads, strict=True):
        event = make_event(stream, payload, 0, 0)
        for name in event._names:
            with contextlib.suppress(RemoteProtocolError):
                getattr(event, name)
        assert repr(event).startswith(type(event).__name__)
    for notice in found.notices:
        assert isinstance(notice, ErrorNotice | StatusUp | SubscriptionList | Malformed)
