"""Every type in every format: one class, the exchange's full names, exact values."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from tests.protocol.examples import EXAMPLES, Example, parse
from tests.protocol.learning import forget_all
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    ConnectionEvent,
    Event,
    GenericEvent,
    IndicatorEvent,
    IndicatorSignalEvent,
    MyAsset,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    OrderbookUnit,
    OverflowEvent,
    TickerEvent,
    TradeEvent,
    decode,
    make_event,
)

CLASSES = {
    "ticker": TickerEvent,
    "trade": TradeEvent,
    "orderbook": OrderbookEvent,
    "candle": CandleEvent,
    "myOrder": MyOrderEvent,
    "myAsset": MyAssetEvent,
    "announcement": AnnouncementEvent,
    "indicator": IndicatorEvent,
    "indicator_signal": IndicatorSignalEvent,
}
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])


def example_of(name: str) -> Example:
    return next(example for example in EXAMPLES if example.name == name)


def simple(name: str) -> bytes:
    return example_of(name).simple.encode()


def plain(value: Any) -> Any:
    """What `asdict` shows of a value that the independent parser has read."""
    if isinstance(value, list):
        return tuple(plain(item) for item in value)
    return value


@each_example
def test_all_four_formats_give_the_same_event(example: Example) -> None:
    events = [decode(payload, epoch=3, received_at=7) for payload in example.formats.values()]
    assert [type(event) for event in events] == [CLASSES[example.name.partition(" ")[0].partition(".")[0]]] * 4
    assert events == [events[0]] * 4
    assert len(set(events)) == 1
    assert len({repr(event) for event in events}) == 1


@each_example
@pytest.mark.parametrize("form", ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"])
def test_every_field_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    shown = event.asdict()
    for name, value in parse(example.default).items():
        assert shown[name] == plain(value), name
    assert list(shown)[:6] == ["symbol", "timestamp", "received_at", "epoch", "stream_type", "type"]
    assert (event.received_at, event.epoch) == (7, 3)
    assert event.symbol == parse(example.default).get("code", parse(example.default).get("category", "*"))


@each_example
def test_every_number_has_the_digits_of_its_text(example: Example) -> None:
    event = decode(example.simple.encode())
    for name, value in parse(example.default).items():
        read = getattr(event, name)
        if isinstance(read, Decimal):
            assert read.as_tuple() == value.as_tuple(), name
        elif isinstance(value, Decimal):
            assert type(read) is int, name


@each_example
def test_events_survive_a_pickle(example: Example) -> None:
    for event in (decode(payload, epoch=3, received_at=7) for payload in example.formats.values()):
        event.asdict()
        again = pickle.loads(pickle.dumps(event))  # noqa: S301
        assert type(again) is type(event)
        assert again == event
        assert hash(again) == hash(event)
        assert copy.deepcopy(event) == event


@each_example
def test_events_cannot_be_changed(example: Example) -> None:
    event = decode(example.simple.encode())
    for name in (*event.asdict(), "something_new"):
        with pytest.raises(AttributeError):
            setattr(event, name, 1)
        with pytest.raises(AttributeError):
            delattr(event, name)


@each_example
def test_a_repr_shows_class_symbol_and_fields(example: Example) -> None:
    event = decode(example.simple.encode())
    assert repr(event).startswith(f"{type(event).__name__}(symbol={event.symbol!r}, timestamp=1795152")
    assert "None" not in repr(event)


def test_a_repr_spells_numbers_as_the_exchange_did() -> None:
    assert "trade_price=3875000.0, " in repr(decode(simple("ticker")))


def test_events_match_by_position_and_by_name() -> None:
    match decode(simple("ticker")):
        case TickerEvent("KRW-ETH", timestamp, 0, 0, "REALTIME", "ticker", trade_price=price):
            assert (timestamp, price) == (1795152672466, Decimal("3875000.0"))
        case event:
            pytest.fail(repr(event))
    match decode(simple("orderbook")):
        case OrderbookEvent(symbol=symbol, orderbook_units=(OrderbookUnit(ask, bid, _, _), *_)):
            assert (symbol, ask, bid) == ("KRW-XRP", Decimal("4012.0"), Decimal("4010.0"))
        case event:
            pytest.fail(repr(event))


def test_events_differ_by_any_public_field() -> None:
    event = decode(simple("ticker"), epoch=1, received_at=2)
    assert event != decode(simple("ticker"), epoch=2, received_at=2)
    assert event != decode(simple("ticker"), epoch=1, received_at=3)
    assert event != decode(simple("ticker").replace(b'"mw":"NONE"', b'"mw":"CAUTION"'), epoch=1, received_at=2)
    assert event != decode(simple("trade"), epoch=1, received_at=2)
    assert event != "event"
    # Another spelling of the same value is no difference.
    assert event == decode(simple("ticker").replace(b"3875000.0", b"3.875E6"), epoch=1, received_at=2)


@each_example
def test_absent_and_null_fields_are_none(example: Example) -> None:
    head = parse(example.default)
    kept = {key: head[key] for key in ("type", "code", "category") if key in head}
    names = [name for name in head if name not in kept]
    bare = ",".join(f'"{key}":"{value}"' for key, value in kept.items())
    if example.name.startswith("indicator"):
        bare += ',"timeframe":"5m","indicator":"rsi"' + ',"trigger":"oversold"' * ("signal" in example.name)
        names = [name for name in names if name not in ("timeframe", "indicator", "trigger")]
    nulls = "".join(f',"{name}":null' for name in names)
    empty: dict[str, object] = {"orderbook_units": (), "assets": (), "params": {}, "event_params": {}, "value": {}}
    for text in (f"{{{bare}}}", f"{{{bare}{nulls}}}"):
        event = decode(text.encode())
        for name in names:
            assert getattr(event, name) == empty.get(name), name


def test_unknown_fields_are_ignored() -> None:
    text = example_of("ticker").simple
    for extra in (
        '"x":1',
        '"x":{"tp":5,"st":"x"}',
        '"x":{"a":1,"tp":5,"st":"x","b":1}',
        '"x":[{"tp":5}]',
        '"x":"\\",\\"tp\\":5"',
        '"x":"{,"',
    ):
        for changed in (text[:-1] + f",{extra}}}", f"{{{extra}," + text[1:]):
            forget_all()  # else the fields are there once it is loaded
            event = decode(changed.encode())
            assert isinstance(event, TickerEvent)
            assert (event.trade_price, event.stream_type) == (Decimal("3875000.0"), "REALTIME"), changed
            assert event == decode(text.encode()), changed


@pytest.mark.parametrize("name", ["ticker", "orderbook", "myOrder"])
def test_keys_of_the_other_spelling_are_unknown_fields(name: str) -> None:
    example = example_of(name)
    short = '"ap":7,"obu":[{"ap":1,"bp":1,"as":1,"bs":1}],"tas":7,"tp":7,"op":7'
    full = '"avg_price":7,"orderbook_units":[],"total_ask_size":7,"trade_price":7,"opening_price":7'
    expected = decode(example.simple.encode()).asdict()
    for text, extra in ((example.default, short), (example.simple, full)):
        for changed in (f"{{{extra},{text[1:]}", f"{text[:-1]},{extra}}}"):
            for read_at_once in (True, False):
                event = decode(changed.encode())
                fields = event.asdict() if read_at_once else {field: getattr(event, field) for field in expected}
                assert fields["timestamp"] == expected["timestamp"]
                for field in ("trade_price", "avg_price", "total_ask_size", "opening_price"):
                    assert fields.get(field) == expected.get(field)
                if name == "orderbook":
                    assert len(fields["orderbook_units"]) == 5


def test_the_last_of_repeated_keys_counts() -> None:
    text = example_of("ticker").simple[:-1] + ',"tp":1.50,"tp":2.50}'
    one, all_ = decode(text.encode()), decode(text.encode())
    assert isinstance(one, TickerEvent)
    assert str(one.trade_price) == str(all_.asdict()["trade_price"]) == "2.50"


@pytest.mark.parametrize(
    ("sent", "date"),
    [
        ("null", None),
        ('""', None),  # as Bithumb sends it
        ('"2026-12-01"', "2026-12-01"),
        ('{"year":2026,"month":12,"day":1}', "2026-12-01"),
    ],
)
def test_a_delisting_date_comes_in_three_forms_and_leaves_in_one(sent: str, date: str | None) -> None:
    event = decode(example_of("ticker").simple.replace('"dd":null', f'"dd":{sent}').encode())
    assert isinstance(event, TickerEvent)
    assert event.delisting_date == date
    assert event.asdict()["delisting_date"] == date


def test_a_message_of_2018_has_no_type_and_another_key_for_the_code() -> None:
    ticker = example_of("ticker").default.replace('"type":"ticker","code"', '"market"')
    event = decode(ticker.encode())
    assert isinstance(event, TickerEvent)
    assert (event.symbol, event.trade_price) == ("KRW-ETH", Decimal("3875000.0"))
    trade = example_of("trade").simple.replace('"ty":"trade","cd"', '"mk"')
    event = decode(trade.encode())
    assert isinstance(event, TradeEvent)
    assert (event.symbol, event.sequential_id) == ("KRW-ETH", 17951526724180002)


def test_ids_beyond_the_doubles_are_exact_ints() -> None:
    event = decode(simple("trade"))
    assert isinstance(event, TradeEvent)
    assert event.sequential_id == 17951526724180002
    assert type(event.sequential_id) is int


def test_null_fields_of_an_order_are_none() -> None:
    event = decode(simple("myOrder").replace(b'"im":true', b'"im":null').replace(b'"tf":193.75', b'"tf":null'))
    assert isinstance(event, MyOrderEvent)
    assert (event.is_maker, event.trade_fee, event.time_in_force, event.code) == (None, None, None, "KRW-ETH")
    event = decode(simple("myOrder"))
    assert isinstance(event, MyOrderEvent)
    assert event.is_maker is True


def test_balances_keep_all_their_decimals() -> None:
    asset = '{"currency":"KRW","balance":1386929.37231066771348207123,"locked":0}'
    text = f'{{"type":"myAsset","asset_uuid":"u","assets":[{asset}]}}'
    event = decode(text.encode())
    assert isinstance(event, MyAssetEvent)
    assert event.symbol == "*"
    assert event.assets == (MyAsset("KRW", Decimal("1386929.37231066771348207123"), Decimal(0)),)


def test_the_params_of_an_indicator_are_ints_words_and_decimals() -> None:
    event = decode(simple("indicator bollinger_bands").replace(b'"m":2.0', b'"m":2'))
    assert isinstance(event, IndicatorEvent)
    assert dict(event.params) == {"period": 20, "multiplier": Decimal(2)}
    assert type(event.params["period"]) is int
    assert type(event.params["multiplier"]) is Decimal
    with pytest.raises(TypeError):
        event.params["period"] = 21  # type: ignore[index]
    event = decode(simple("indicator moving_average").replace(b"3860412.25", b"3860412"))
    assert isinstance(event, IndicatorEvent)
    assert dict(event.params) == {"type": "EMA", "period": 50}
    assert type(event.value["value"]) is Decimal
    signal = decode(simple("indicator_signal volume_spike"))
    assert isinstance(signal, IndicatorSignalEvent)
    assert dict(signal.event_params) == {"multiplier": Decimal("2.0")}


def test_a_type_of_tomorrow_is_a_generic_event() -> None:
    event = decode(
        b'{"type":"depth","code":"KRW-BTC","price":1.50,"n":[1,{"x":2.50}],"timestamp":"noon","stream_type":5}'
    )
    assert isinstance(event, GenericEvent)
    assert (event.type, event.symbol, event.timestamp, event.stream_type) == ("depth", "KRW-BTC", None, None)
    assert str(event.fields["price"]) == "1.50"
    assert event.fields["n"] == [1, {"x": Decimal("2.50")}]
    timed = decode(b'{"ty":"depth","tms":5,"st":"SNAPSHOT"}')
    assert (timed.symbol, timed.timestamp, timed.stream_type) == ("*", 5, "SNAPSHOT")
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
    assert "price" in repr(event)


def test_a_shell_is_loaded_by_the_first_read() -> None:
    event = make_event("ticker KRW-ETH", simple("ticker"), 1, 2)
    assert isinstance(event, TickerEvent)
    assert event.trade_price == Decimal("3875000.0")
    assert event.stream == "ticker KRW-ETH"
    assert event.size == len(simple("ticker"))


def test_a_malformed_message_fails_when_it_is_loaded_or_read() -> None:
    event = make_event("ticker KRW-ETH", simple("ticker")[:-5], 1, 2)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            event.load()
    with pytest.raises(RemoteProtocolError):
        _ = event.timestamp
    assert "malformed" in repr(event)
    assert (event.symbol, event.received_at) == ("KRW-ETH", 2)


def test_a_number_sent_as_a_string_is_a_number() -> None:
    event = decode(simple("ticker").replace(b"3875000.0", b'"3875000.50"'))
    assert isinstance(event, TickerEvent)
    assert str(event.trade_price) == "3875000.50"
    assert event.with_numbers(float).trade_price == 3875000.5


def test_a_field_of_a_wrong_type_fails_when_it_is_read() -> None:
    text = example_of("ticker").simple
    for wrong in ('"x"', "true", "[1]", '"NaN"', '"Infinity"', '"-sNaN1"', "{}"):
        event = make_event("ticker KRW-ETH", text.replace("3875000.0", wrong).encode(), 1, 2)
        assert isinstance(event, TickerEvent)
        with pytest.raises(RemoteProtocolError):
            _ = event.trade_price
        with pytest.raises(RemoteProtocolError):
            _ = event.with_numbers(float).trade_price
    event = make_event("ticker KRW-ETH", text.replace('"BID"', "5").encode(), 1, 2)
    assert isinstance(event, TickerEvent)
    with pytest.raises(RemoteProtocolError):
        _ = event.ask_bid


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"5", b'"x"', b"null", b'{"status":"UP"}', b"[{},{}]", b"\xff"])
def test_decode_refuses_what_is_not_one_data_message(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(payload)


def test_events_of_the_stream_itself_are_values_too() -> None:
    lost = ConnectionEvent("public", "open", 4, 1.5, 10**18, 10**18 + 1_500_000_000, "stalled", 1_500_000_000)
    dropped = OverflowEvent(symbol=None, dropped=3, dropped_total=9, policy="latest", received_at=2_000_000)
    events: tuple[ConnectionEvent | OverflowEvent, ...] = (lost, dropped)
    for event in events:
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
        assert hash(event) == hash(copy.copy(event))
        assert list(event.asdict())[:5] == ["symbol", "timestamp", "received_at", "epoch", "stream_type"]
        assert event.symbol is None
        with pytest.raises(AttributeError):
            event.epoch = 5  # type: ignore[misc]
    assert (lost.timestamp, dropped.timestamp) == (1500, 2)
    assert lost.asdict()["gap"] == 1.5
    match dropped:
        case OverflowEvent(symbol, count, total, policy):
            assert (symbol, count, total, policy) == (None, 3, 9, "latest")


def test_every_class_is_an_event_with_its_code() -> None:
    for example in EXAMPLES:
        event = decode(example.simple.encode())
        assert isinstance(event, Event)
        if "code" in parse(example.default):
            assert event.asdict()["code"] == event.symbol
