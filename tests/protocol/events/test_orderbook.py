"""One message, several ways to look at it."""

import pickle
from decimal import Decimal

import pytest

from tests.protocol.examples import EXAMPLES
from tests.protocol.learning import forget_all
from websocket_v6.protocol.events import AnnouncementEvent, Event, OrderbookEvent, TickerEvent, decode, make_event

STREAMS = {"ticker": "ticker KRW-ETH", "orderbook": "orderbook KRW-XRP", "announcement": "announcement trade"}


def shell(name: str, *, is_loaded: bool) -> Event:
    """Make an event of an example, loaded or not."""
    text = next(example.simple for example in EXAMPLES if example.name == name)
    event = make_event(STREAMS[name], text.encode(), 1, 2)
    if is_loaded:
        event.load()
    return event


either_way = pytest.mark.parametrize("is_loaded", [True, False])


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


@either_way
def test_a_depth_cuts_the_levels_and_nothing_else(is_loaded: bool) -> None:
    event = shell("orderbook", is_loaded=is_loaded)
    assert isinstance(event, OrderbookEvent)
    for depth in (1, 2, 5, 30):
        cut = event.with_depth(depth)
        assert cut.orderbook_units == event.orderbook_units[:depth]
        assert (cut.total_ask_size, cut.level, cut.timestamp) == (event.total_ask_size, event.level, event.timestamp)
    assert event.with_depth(1) != event
    assert len(event.orderbook_units) == 5


@pytest.mark.parametrize("extra", ['"n":{"ap":1}', '"n":"}"', '"n":"},{"', '"n":[{"x":"y"}],"m":"z","k":"z"'])
def test_a_depth_counts_levels_and_not_braces(extra: str) -> None:
    levels = ",".join(f'{{"ap":{4 + level},"bp":{3 - level},{extra},"as":1,"bs":1}}' for level in range(3))
    text = f'{{"ty":"orderbook","cd":"KRW-XRP","tms":1,"obu":[{levels}],"st":"REALTIME","lv":0}}'
    event = decode(text.encode())
    assert isinstance(event, OrderbookEvent)
    assert [unit.ask_price for unit in event.orderbook_units] == [4, 5, 6]
    for depth in (1, 2, 3, 4):
        assert event.with_depth(depth).orderbook_units == event.orderbook_units[:depth]
        assert event.with_depth(depth).with_numbers(float).orderbook_units == event.orderbook_units[:depth]


@either_way
def test_a_body_can_be_left_out(is_loaded: bool) -> None:
    event = shell("announcement", is_loaded=is_loaded)
    assert isinstance(event, AnnouncementEvent)
    view = event.without_body()
    assert (view.body, event.body) == (None, "# Example\n\nBody in Markdown.")
    assert view.asdict() == {**event.asdict(), "body": None}
    assert view.title == event.title


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


def test_the_best_level_of_a_one_sided_book_has_one_side() -> None:
    levels = '{"ap":0,"bp":1.5,"as":0,"bs":2},{"ap":0,"bp":0,"as":0,"bs":0}'
    text = f'{{"ty":"orderbook","cd":"BTC-X","tms":1,"obu":[{levels}],"lv":0}}'
    event = decode(text.encode())
    assert isinstance(event, OrderbookEvent)
    best = event.best()
    assert best is not None
    assert (best.ask_price, best.ask_size, best.bid_price, best.bid_size) == (None, None, Decimal("1.5"), Decimal(2))
    assert event.orderbook_units == (best,)
    empty = decode(b'{"ty":"orderbook","cd":"BTC-X","tms":1,"obu":[{"ap":0,"bp":0,"as":0,"bs":0}]}')
    assert isinstance(empty, OrderbookEvent)
    assert empty.best() is None
    assert empty.level is None
