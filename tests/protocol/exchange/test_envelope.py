"""protocol/exchange/envelope.py: what one message is, by a full parse."""

from decimal import Decimal

import pytest

from tests.protocol.examples import EXAMPLES, Example
from websocket_v6.protocol.exchange.envelope import (
    ErrorNotice,
    Malformed,
    StatusUp,
    SubscribedEntry,
    SubscriptionList,
    read_envelope,
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
BOOK = '{"ty":"orderbook","cd":"KRW-BTC","tms":1,"obu":[{"ap":2,"bp":1,"as":1,"bs":1}],"st":"REALTIME"%s}'


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_each_type_has_its_stream_in_both_spellings(example: Example) -> None:
    assert read_envelope(example.default.encode()) == STREAMS[example.name]
    assert read_envelope(example.simple.encode()) == STREAMS[example.name]


@pytest.mark.parametrize(
    ("tail", "stream"),
    [
        ("", "orderbook KRW-BTC"),
        (',"lv":0', "orderbook KRW-BTC"),
        (',"lv":null', "orderbook KRW-BTC"),
        (',"lv":1.0E4', "orderbook KRW-BTC@10000"),
        (',"level":"10000"', "orderbook KRW-BTC@10000"),
        (',"level":null,"lv":5', "orderbook KRW-BTC@5"),
        (',"level":7,"lv":5', "orderbook KRW-BTC@7"),
    ],
)
def test_a_book_is_named_by_its_level(tail: str, stream: str) -> None:
    assert read_envelope((BOOK % tail).encode()) == stream


def test_full_names_go_before_short_ones() -> None:
    assert read_envelope(b'{"ty":"ticker","cd":"KRW-BTC","type":"trade","code":"KRW-ETH"}') == "trade KRW-ETH"
    assert read_envelope(b'{"type":null,"ty":"ticker","code":null,"cd":"KRW-BTC"}') == "ticker KRW-BTC"


def test_the_words_of_a_stream_have_up_to_64_characters_and_the_whole_256() -> None:
    assert read_envelope(b'{"ty":"%s"}' % (b"x" * 64)) == "x" * 64 + " *"
    assert isinstance(read_envelope(b'{"ty":"%s"}' % (b"x" * 65)), Malformed)
    indicator = b'{"ty":"indicator","cd":"KRW-BTC","tf":"5m","ind":"rsi","p":{"%s":5}}'
    room = 256 - len("indicator KRW-BTC 5m rsi(=5)")
    name = read_envelope(indicator % (b"x" * room))
    assert isinstance(name, str)
    assert len(name) == 256
    notice = read_envelope(indicator % (b"x" * (room + 1)))
    assert isinstance(notice, Malformed)
    assert notice.kind == "bad indicator"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('{"ty":"tick\\u001b[31m"}', "no type"),
        ('{"ty":"ticker","cd":"KRW-\u202eBTC"}', "no code"),
        ('{"ty":"indicator","cd":"KRW-BTC","tf":"5m","ind":"rsi","p":{"\\n":5}}', "bad indicator"),
    ],
)
def test_the_name_of_a_stream_can_be_told_anywhere(message: str, kind: str) -> None:
    notice = read_envelope(message.encode())
    assert isinstance(notice, Malformed)
    assert notice.kind == kind
    assert notice.excerpt.isprintable()


def test_what_the_exchange_says_is_fit_to_be_told() -> None:
    notice = read_envelope(('{"error":{"name":"A\\nB","message":"\\u001b[2J' + "x " * 100_000 + '"}}').encode())
    assert isinstance(notice, ErrorNotice)
    assert (notice.name, len(notice.text)) == ("A B", 200)
    assert notice.text.startswith("\\x1b[2Jx x")
    listed = read_envelope(
        b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"\\u001bx","codes":["a\\nb",5]}],"ticket":5}'
    )
    assert isinstance(listed, SubscriptionList)
    assert listed.ticket == ""
    assert listed.subscriptions[0][:2] == ("\\x1bx", ("a b", ""))


def test_messages_of_2018_are_told_apart_by_their_fields() -> None:
    assert read_envelope(b'{"mk":"KRW-BTC","tp":1,"sid":5}') == "trade KRW-BTC"
    assert read_envelope(b'{"market":"KRW-BTC","orderbook_units":[]}') == "orderbook KRW-BTC"
    assert read_envelope(b'{"market":"KRW-BTC","tp":1}') == Malformed("no type", '{"market":"KRW-BTC","tp":1}')


@pytest.mark.parametrize("level", ['"x"', "[]", "{}", "1e999999999", "true", "-"])
def test_a_level_that_makes_no_sense_is_malformed(level: str) -> None:
    notice = read_envelope((BOOK % f',"lv":{level}').encode())
    assert isinstance(notice, Malformed)
    assert notice.kind == ("not JSON" if level == "-" else "bad level")


def test_an_error_is_told_with_its_keys_in_either_order() -> None:
    expected = ErrorNotice("NO_TYPE", "type 필드가 존재하지 않습니다.")
    one = '{"error":{"name":"NO_TYPE","message":"type 필드가 존재하지 않습니다."}}'
    other = '{"error":{"message":"type 필드가 존재하지 않습니다.","name":"NO_TYPE"}}'
    for text in (one, other, f" {one} "):
        notice = read_envelope(text.encode())
        assert isinstance(notice, ErrorNotice)
        assert notice == expected


def test_up_is_told() -> None:
    assert type(read_envelope(b'{"status":"UP"}')) is StatusUp
    assert type(read_envelope(b'{"status":"DOWN"}')) is Malformed


LISTED = '[{"type":"trade","codes":["KRW-BTC","KRW-XRP"]},{"type":"orderbook","codes":["KRW-BTC"],"level":10000}]'
LISTED_SHORT = '[{"ty":"trade","cds":["KRW-BTC","KRW-XRP"]},{"ty":"orderbook","cds":["KRW-BTC"],"lv":10000}]'


@pytest.mark.parametrize(
    "text",
    [
        f'{{"method":"LIST_SUBSCRIPTIONS","result":{LISTED},"ticket":"t-1"}}',
        f'{{"mthd":"LIST_SUBSCRIPTIONS","rslt":{LISTED_SHORT},"tckt":"t-1"}}',
        f'{{"ticket":"t-1","result":{LISTED},"method":"LIST_SUBSCRIPTIONS"}}',
    ],
)
def test_subscriptions_are_listed_in_every_format(text: str) -> None:
    expected = SubscriptionList(
        "t-1",
        (
            SubscribedEntry("trade", ("KRW-BTC", "KRW-XRP"), None, {}),
            SubscribedEntry("orderbook", ("KRW-BTC",), Decimal(10000), {}),
        ),
    )
    assert read_envelope(text.encode()) == expected


def test_listed_assets_have_no_codes_and_listed_indicators_keep_what_they_say() -> None:
    text = (
        '{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myAsset"},{"type":"indicator_signal","codes":["KRW-SOL"],'
        '"timeframe":"15m","indicators":[{"type":"rsi","params":{"period":14},"trigger":"oversold",'
        '"event_params":{"threshold":30}}]}],"ticket":"sig-1"}'
    )
    notice = read_envelope(text.encode())
    assert isinstance(notice, SubscriptionList)
    asset, signal = notice.subscriptions
    assert asset == SubscribedEntry("myAsset", (), None, {})
    assert (signal.type, signal.codes, signal.level) == ("indicator_signal", ("KRW-SOL",), None)
    assert signal.extra["timeframe"] == "15m"
    assert signal.extra["indicators"][0]["event_params"] == {"threshold": 30}


@pytest.mark.parametrize("result", ["null", "5", '"x"', "{}", "[]", "[5,null]"])
def test_an_odd_list_of_subscriptions_is_an_empty_one(result: str) -> None:
    text = f'{{"method":"LIST_SUBSCRIPTIONS","result":{result}}}'
    assert read_envelope(text.encode()) == SubscriptionList("", ())


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"", "not JSON"),
        (b"PING", "not JSON"),
        (b"{", "not JSON"),
        (b'{"ty":"ticker"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b"5", "not an object"),
        (b"null", "not an object"),
        (b'"ticker"', "not an object"),
        (b"{}", "no type"),
        (b'{"ty":5,"cd":"KRW-BTC"}', "no type"),
        (b'{"ty":"","cd":"KRW-BTC"}', "no type"),
        (b'{"ty":"tick er","cd":"KRW-BTC"}', "no type"),
        (b'{"ty":"ticker"}', "no code"),
        (b'{"ty":"ticker","cd":5}', "no code"),
        (b'{"ty":"ticker","cd":"KRW BTC"}', "no code"),
        (b'{"ty":"ticker","cd":"*"}', "no code"),
        (b'{"ty":"orderbook","cd":"KRW-BTC@5"}', "no code"),
        (b'{"ty":"candle.1m"}', "no code"),
        (b'{"ty":"indicator","cd":"KRW-BTC"}', "bad indicator"),
        (b'{"ty":"indicator","cd":"KRW-BTC","tf":"5m","ind":"rsi","p":5}', "bad indicator"),
        (b'{"ty":"indicator","cd":"KRW-BTC","tf":"5m","ind":"rsi","p":{"' + b"x" * 300 + b'":5}}', "bad indicator"),
    ],
)
def test_what_cannot_be_sorted_is_malformed_with_a_cut(message: bytes, kind: str) -> None:
    notice = read_envelope(message)
    assert isinstance(notice, Malformed)
    assert notice.kind == kind
    assert len(notice.excerpt) <= 80
    assert notice.excerpt[:20] == message.decode(errors="replace")[:20]


def test_types_of_tomorrow_are_data() -> None:
    assert read_envelope(b'{"type":"depth","code":"KRW-BTC"}') == "depth KRW-BTC"
    assert read_envelope(b'{"ty":"news","x":1}') == "news *"
    assert read_envelope(b'{"ty":"alert","cd":"KRW-BTC"}') == "alert KRW-BTC"
