"""What every event is: a value that is decoded when it is read, with views of it."""

import copy
import gc
import operator
import pickle
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.protocol.examples import EXAMPLES, Example, each_example, example_of, parse
from tests.protocol.learning import expect, forget_all
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    Event,
    OrderbookEvent,
    OrderbookUnit,
    TickerEvent,
    make_event,
    payloads_as_they_came,
)
from websocket_v6.protocol.events.decode import decode

STREAMS = {"ticker": "ticker KRW-ETH", "orderbook": "orderbook KRW-XRP", "announcement": "announcement trade"}
either_way = pytest.mark.parametrize("is_loaded", [True, False])


def simple(name: str) -> bytes:
    return example_of(name).simple.encode()


def shell(name: str, *, is_loaded: bool) -> Event:
    """Make an event of an example, loaded or not."""
    event = make_event(STREAMS[name], simple(name), 1, 2)
    if is_loaded:
        event.load()
    return event


@each_example()
def test_every_event_begins_with_the_same_fields(example: Example) -> None:
    event = decode(example.simple.encode(), epoch=3, received_at=7)
    fields = parse(example.default)
    shown = event.asdict()
    assert list(shown)[:6] == ["symbol", "timestamp", "received_at", "epoch", "stream_type", "type"]
    symbol = fields.get("code", fields.get("category", "*"))
    assert list(shown.values())[:6] == [symbol, fields["timestamp"], 7, 3, fields["stream_type"], fields["type"]]
    assert shown.get("code") == fields.get("code")


@each_example()
def test_events_survive_a_pickle(example: Example) -> None:
    for event in (decode(payload, epoch=3, received_at=7) for payload in example.formats.values()):
        event.asdict()
        again = pickle.loads(pickle.dumps(event))  # noqa: S301
        assert type(again) is type(event)
        assert again == event
        assert hash(again) == hash(event)
        assert copy.deepcopy(event) == event


@each_example()
def test_events_cannot_be_changed(example: Example) -> None:
    event = decode(example.simple.encode())
    for name in (*event.asdict(), "something_new"):
        with pytest.raises(AttributeError):
            setattr(event, name, 1)
        with pytest.raises(AttributeError):
            delattr(event, name)


@each_example()
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


def test_equal_events_do_not_differ() -> None:
    event, again = (decode(simple("ticker"), epoch=1, received_at=2) for _ in range(2))
    other = decode(simple("ticker"), epoch=2, received_at=2)
    assert [operator.eq(event, one) for one in (event, again, other)] == [True, True, False]
    assert [operator.ne(event, one) for one in (event, again, other)] == [False, False, True]
    for stranger in ("event", None, decode(simple("trade"), epoch=1, received_at=2)):
        assert (operator.eq(event, stranger), operator.ne(event, stranger)) == (False, True)


@each_example()
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


def test_second_reads_give_the_same_object() -> None:
    event = decode(simple("ticker"))
    assert isinstance(event, TickerEvent)
    assert event.trade_price is event.trade_price
    assert event.timestamp is event.timestamp


def test_threads_that_read_one_event_at_once_all_read_right() -> None:
    expected = make_event("ticker KRW-ETH", simple("ticker"), 0, 0).asdict()
    wrong: list[str] = []

    def read(event: Event, barrier: threading.Barrier, names: list[str]) -> None:
        barrier.wait()
        wrong.extend(name for name in names if getattr(event, name) != expected[name])

    def race(make: Callable[[], Event]) -> None:
        for _ in range(30):
            event = make()
            barrier = threading.Barrier(4)
            orders = [list(expected)[shift:] + list(expected)[:shift] for shift in (0, 9, 17, 25)]
            threads = [threading.Thread(target=read, args=(event, barrier, names)) for names in orders]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def shallow() -> Event:
        expect(TickerEvent, Decimal, [])
        return make_event("ticker KRW-ETH", simple("ticker"), 0, 0)

    race(shallow)
    race(lambda: make_event("ticker KRW-ETH", simple("ticker"), 0, 0))
    assert wrong == []


def test_a_malformed_message_fails_when_it_is_loaded_or_read() -> None:
    event = make_event("ticker KRW-ETH", simple("ticker")[:-5], 1, 2)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            event.load()
    with pytest.raises(RemoteProtocolError):
        _ = event.timestamp
    assert "malformed" in repr(event)
    assert (event.symbol, event.received_at) == ("KRW-ETH", 2)


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


@either_way
def test_a_view_with_floats_leaves_the_event_exact(is_loaded: bool) -> None:
    event = shell("ticker", is_loaded=is_loaded)
    assert isinstance(event, TickerEvent)
    floats = event.with_numbers(float)
    assert type(floats) is TickerEvent
    assert isinstance(floats.trade_price, float)
    assert (floats.trade_price, floats.acc_trade_price) == (3875000.0, 48213377120.91842)
    assert isinstance(event.trade_price, Decimal)
    assert (floats.timestamp, floats.ask_bid, floats.symbol) == (event.timestamp, event.ask_bid, event.symbol)
    assert floats.with_numbers(Decimal) == event
    assert all(type(value) is not Decimal for value in floats.asdict().values())


@either_way
def test_a_snapshot_differs_from_its_event_by_the_stream_type(is_loaded: bool) -> None:
    event = shell("ticker", is_loaded=is_loaded)
    snapshot = event.as_snapshot()
    assert (snapshot.stream_type, event.stream_type) == ("SNAPSHOT", "REALTIME")
    assert snapshot != event
    assert snapshot.asdict() == {**event.asdict(), "stream_type": "SNAPSHOT"}
    assert snapshot.as_snapshot() is snapshot


def test_a_view_keeps_what_it_fixes_whether_or_not_it_was_expected() -> None:
    for names in ([], ["stream_type"], ["stream_type", "trade_price"]):
        expect(TickerEvent, Decimal, names)
        snapshot = shell("ticker", is_loaded=False).as_snapshot()
        assert isinstance(snapshot, TickerEvent)
        snapshot.load()
        assert (snapshot.stream_type, snapshot.trade_price) == ("SNAPSHOT", Decimal("3875000.0"))
        assert snapshot.stream_type == snapshot.asdict()["stream_type"] == "SNAPSHOT"


@either_way
@pytest.mark.parametrize("names", [[], ["stream_type"]])
def test_the_last_word_on_the_stream_type_counts(is_loaded: bool, names: list[str]) -> None:
    expect(TickerEvent, Decimal, names)
    event = shell("ticker", is_loaded=is_loaded)
    latest = event.as_snapshot().as_realtime()
    assert (latest.stream_type, latest.is_replayed, latest.asdict()["stream_type"]) == ("REALTIME", False, "REALTIME")
    again = event.as_realtime().as_snapshot()
    assert (again.stream_type, again.is_replayed, again.asdict()["stream_type"]) == ("SNAPSHOT", True, "SNAPSHOT")


@either_way
def test_views_stack_and_are_made_once(is_loaded: bool) -> None:
    event = shell("orderbook", is_loaded=is_loaded)
    assert isinstance(event, OrderbookEvent)
    view = event.with_depth(2).with_numbers(float).as_snapshot()
    assert event.with_depth(2).with_numbers(float).as_snapshot() is view
    assert (len(view.orderbook_units), view.stream_type) == (2, "SNAPSHOT")
    assert isinstance(view.orderbook_units[1].bid_size, float)
    assert isinstance(view.total_bid_size, float)


@either_way
def test_views_survive_a_pickle(is_loaded: bool) -> None:
    book = shell("orderbook", is_loaded=is_loaded)
    notice = shell("announcement", is_loaded=is_loaded)
    ticker = shell("ticker", is_loaded=is_loaded)
    assert isinstance(book, OrderbookEvent)
    assert isinstance(notice, AnnouncementEvent)
    views: list[Event] = [
        book.with_depth(2).as_snapshot(),
        notice.without_body(),
        ticker.as_snapshot().with_numbers(float),
    ]
    for view in views:
        forget_all()
        again = pickle.loads(pickle.dumps(view))  # noqa: S301
        # Single fields first: they are looked up one by one.
        assert again.stream_type == view.stream_type
        assert again.asdict() == view.asdict()
        assert again == view
    again = pickle.loads(pickle.dumps(views[1]))  # noqa: S301
    assert again.body is None


def test_every_class_is_an_event_with_its_code() -> None:
    for example in EXAMPLES:
        event = decode(example.simple.encode())
        assert isinstance(event, Event)
        if "code" in parse(example.default):
            assert event.asdict()["code"] == event.symbol


def test_an_event_shows_its_message() -> None:
    event = shell("ticker", is_loaded=False)
    assert (event.payload, event.size, event.type) == (simple("ticker"), len(simple("ticker")), "ticker")
    assert dict(event.__rich_repr__()) == event.asdict()


def test_what_is_no_field_is_no_attribute() -> None:
    event: object = shell("ticker", is_loaded=False)
    for name in ("tp", "orderbook_units", "_nothing"):
        with pytest.raises(AttributeError, match=f"'TickerEvent' object has no attribute '{name}'") as caught:
            getattr(event, name)
        assert (caught.value.name, caught.value.obj) == (name, event)


@each_example()
def test_events_are_nothing_to_the_garbage_collector(example: Example) -> None:
    event = decode(example.simple.encode())
    event.asdict()
    assert not gc.is_tracked(event)
    assert not gc.is_tracked(event._values)


def test_an_event_is_loaded_once() -> None:
    event = shell("ticker", is_loaded=True)
    values = event._values
    event.load()
    assert event._values is values is not None


@pytest.mark.parametrize(
    ("sent", "price"),
    [("-0", "-0"), ("-0.0", "-0.0"), ("0", "0"), ("1.50", "1.50"), ('"2.50"', "2.50"), ("null", None)],
)
@pytest.mark.parametrize("names", [["trade_price"], ["trade_price", "change"]])
def test_loading_keeps_the_digits_of_a_number(names: list[str], sent: str, price: str | None) -> None:
    expect(TickerEvent, Decimal, names)
    event = make_event("ticker KRW-ETH", simple("ticker").replace(b"3875000.0", sent.encode()), 1, 2)
    event.load()
    assert event._values.__struct_fields__ == tuple(sorted(names, key=["trade_price", "change"].index))
    assert repr(event._values.trade_price) == repr(None if price is None else Decimal(price))


@pytest.mark.parametrize("names", [["trade_price"], ["trade_price", "change"]])
def test_loading_leaves_a_number_that_is_none_to_its_reader(names: list[str]) -> None:
    expect(TickerEvent, Decimal, names)
    event = make_event("ticker KRW-ETH", simple("ticker").replace(b"3875000.0", b'"NaN"'), 1, 2)
    event.load()
    assert event._values.__struct_fields__ == ()


@pytest.mark.parametrize("names", [[], ["trade_price"]])
def test_loading_looks_at_text_that_nobody_reads(names: list[str]) -> None:
    expect(TickerEvent, Decimal, names)
    assert decode(simple("ticker").replace(b'"NONE"', '"없음"'.encode())).asdict()["market_warning"] == "없음"
    broken = make_event("ticker KRW-ETH", simple("ticker").replace(b'"NONE"', b'"\xec\x97"'), 1, 2)
    with pytest.raises(RemoteProtocolError, match="malformed message"):
        broken.load()


def test_what_is_fetched_over_rest_says_so() -> None:
    event = decode(simple("trade"))
    fetched = event.as_backfilled()
    assert (event.backfilled, fetched.backfilled, fetched.as_snapshot().backfilled) == (False, True, True)
    assert fetched.as_backfilled() is fetched is event.as_backfilled()
    assert fetched != event
    assert pickle.loads(pickle.dumps(fetched)) == fetched  # noqa: S301
    ticker = decode(simple("ticker"))
    assert ticker.as_backfilled() == ticker  # only trades have the field


def test_a_snapshot_of_the_exchange_is_not_replayed() -> None:
    sent = decode(simple("ticker").replace(b"REALTIME", b"SNAPSHOT"))
    assert sent.as_snapshot() is sent
    assert (sent.is_replayed, sent.as_realtime().is_replayed) == (False, False)
    assert sent.as_realtime().stream_type == "REALTIME"
    assert (sent.runs_on, sent.as_realtime().runs_on) == (False, True)
    made = decode(simple("ticker")).as_snapshot()
    assert (made.is_replayed, made.as_snapshot() is made) == (True, True)
    assert made == sent


def test_each_view_is_found_among_several() -> None:
    event = shell("ticker", is_loaded=True)

    def views() -> list[Event]:
        return [event.as_snapshot(), event.as_backfilled(), event.with_numbers(float), event.as_realtime()]

    ids = [id(view) for view in views()]
    assert [id(view) for view in views()] == ids
    assert len(set(ids)) == 4


def test_a_sample_of_many_events_is_taken_and_nothing_is_lost() -> None:
    expect(TickerEvent, Decimal, ["trade_price"])
    events = [make_event("ticker KRW-ETH", simple("ticker"), 1, 2) for _ in range(300)]
    for event in events:
        event.load()
    assert {event._values.__struct_fields__ for event in events} == {("trade_price",), ()}
    assert {event.asdict()["trade_price"] for event in events} == {Decimal("3875000.0")}


def test_messages_go_on_as_they_came_unless_one_is_something_else_by_now() -> None:
    payloads = [simple("ticker"), simple("ticker")]
    events = [make_event("ticker KRW-BTC", payload, 1, 5) for payload in payloads]
    assert payloads_as_they_came(events) == payloads
    assert payloads_as_they_came([]) == []
    for changed in (events[0].as_backfilled(), events[0].as_snapshot(), events[0].as_realtime()):
        assert payloads_as_they_came([*events, changed]) is None
