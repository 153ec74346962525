"""An event where it reaches user code: decoded, and as each component wants to see it."""

import json
import time
import weakref
from decimal import Decimal
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import Malformed
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError
from websocket_v6.protocol.events import Event, MarketsEvent, Number, OrderbookEvent, OverflowEvent, kind_of, make_event
from websocket_v6.protocol.exchange.wants import Want

BITCOIN = "ticker KRW-BTC"
TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":100.5}'
BOOK = json.dumps({"ty": "orderbook", "obu": [{"ap": price, "bp": price, "as": 1, "bs": 1} for price in range(1, 31)]})
NOTICE = b'{"ty":"announcement","cat":"trade","tt":"A new market","bd":"# Text"}'


class Noting(MailboxQueue):
    """Keeps for how long it was asked to wait."""

    def __init__(self, numbers: Number = Decimal) -> None:
        super().__init__(Mailbox.drop_oldest(100), numbers=numbers)
        self.waits: list[float | None] = []

    def get(self, timeout: float | None = None) -> Event | OverflowEvent | MarketsEvent:
        self.waits.append(timeout)
        return super().get(timeout)


def edge(
    want: Want | None = None, mailbox: MailboxQueue | None = None, numbers: Number = Decimal, **options: Any
) -> Edge:
    return Edge(7, want or Want("ticker"), mailbox or Noting(numbers), **options)


def ticker(payload: bytes = TICKER, received_at: int = 5) -> Event:
    return make_event(BITCOIN, payload, 1, received_at)


def book() -> Event:
    return make_event("orderbook KRW-BTC", BOOK.encode(), 1, 5)


def notice() -> Event:
    return make_event("announcement trade", NOTICE, 1, 5)


def test_it_keeps_what_the_thread_of_the_component_needs() -> None:
    mailbox, want, calls = Noting(), Want("ticker", ("KRW-BTC",)), Ear()
    user_code = Calls(calls.tell, print)
    one = edge(want, mailbox, calls=weakref.ref(user_code), is_pushed=True)
    assert (one.subscription_id, one.want, one.mailbox) == (7, want, mailbox)
    assert (one.calls(), one.is_pushed) == (user_code, True)
    assert (edge().calls(), edge().is_pushed) == (None, False), "it is pulled"
    del user_code
    assert one.calls() is None, "the proxy alone holds it"


# --- views


def test_without_wishes_of_its_own_a_component_sees_the_shared_event() -> None:
    for want, event in ((Want("ticker"), ticker()), (Want("orderbook"), book())):
        assert edge(want).prepare(event) is event


def test_numbers_are_exact_unless_floats_are_asked_for() -> None:
    event = ticker()
    exact: Any = edge().prepare(event)
    floats: Any = edge(numbers=float).prepare(event)
    assert (type(exact.trade_price), exact.trade_price) == (Decimal, Decimal("100.5"))
    assert (type(floats.trade_price), floats.trade_price) == (float, 100.5)


@pytest.mark.parametrize(("depth", "levels"), [(0, 30), (1, 1), (15, 15), (30, 30)])
def test_a_book_is_as_deep_as_wanted(depth: int, levels: int) -> None:
    event = book()
    shown = edge(Want("orderbook", depth=depth)).prepare(event)
    assert isinstance(shown, OrderbookEvent)
    assert len(shown.orderbook_units) == levels
    assert isinstance(event, OrderbookEvent)
    assert len(event.orderbook_units) == 30, "others see it whole"


def test_a_full_book_is_not_cut_even_where_the_exchange_sends_more() -> None:
    event = book()
    assert edge(Want("orderbook", depth=30)).prepare(event) is event


def test_a_depth_is_of_books_alone() -> None:
    event = ticker()
    assert edge(Want("orderbook", depth=5)).prepare(event) is event


@pytest.mark.parametrize(("included", "body"), [(False, None), (True, "# Text")])
def test_the_body_of_an_announcement_comes_if_asked_for(included: bool, body: str | None) -> None:
    event = notice()
    shown: Any = edge(Want("announcement", include_body=included)).prepare(event)
    assert (shown.title, shown.body) == ("A new market", body)
    assert event.body == "# Text"  # type: ignore[attr-defined]


def test_a_body_is_of_announcements_alone() -> None:
    event = ticker()
    assert edge(Want("announcement")).prepare(event) is event


def test_all_wishes_at_once() -> None:
    shown: Any = edge(Want("orderbook", depth=2), numbers=float).prepare(book())
    assert [(type(one.ask_price), one.ask_price) for one in shown.orderbook_units] == [(float, 1.0), (float, 2.0)]


@pytest.mark.parametrize("want", [Want("ticker"), Want("orderbook")], ids=str)
def test_what_was_made_with_floats_needs_no_view(want: Want) -> None:
    stream = f"{want.type} KRW-BTC"
    cls, symbol, codec = kind_of(stream, float)
    made = cls(stream, symbol, 5, 1, BOOK.encode() if want.type == "orderbook" else TICKER, codec)
    assert edge(want, numbers=float).prepare(made) is made


def test_what_was_made_with_floats_is_cut_all_the_same() -> None:
    cls, symbol, codec = kind_of("orderbook KRW-BTC", float)
    shown: Any = edge(Want("orderbook", depth=2), numbers=float).prepare(
        cls("orderbook KRW-BTC", symbol, 5, 1, BOOK.encode(), codec)
    )
    assert [(type(one.ask_price), one.ask_price) for one in shown.orderbook_units] == [(float, 1.0), (float, 2.0)]


def test_what_a_mailbox_dropped_is_shown_as_it_is() -> None:
    overflow = OverflowEvent(symbol=None, dropped=1, dropped_total=1, policy="latest")
    assert edge(numbers=float).prepare(overflow) is overflow


# --- many at a time


def test_what_is_there_is_taken_in_order_and_no_more_than_asked_for() -> None:
    mailbox = Noting()
    one = edge(mailbox=mailbox)
    mailbox.put_many([ticker(received_at=number) for number in range(1, 6)])
    assert [event.received_at for event in one.poll_more(3)] == [1, 2, 3]
    assert one.poll_more(0) == []
    assert [event.received_at for event in one.poll_more(100)] == [4, 5]
    assert one.poll_more(100) == []
    assert mailbox.stats.delivered == 5


def test_what_is_to_be_raised_waits_for_the_next_pull() -> None:
    mailbox = Noting()
    one = edge(mailbox=mailbox)
    mailbox.put_many([ticker(received_at=1)])
    mailbox.fail(ClosedError("told"))
    assert len(one.poll_more(100)) == 1
    with pytest.raises(ClosedError, match="told"):
        one.pull(0.0)


def test_what_cannot_be_read_is_left_out_and_does_not_count() -> None:
    mailbox, router = Noting(), Ear()
    one = edge(mailbox=mailbox, router=lambda: router.ref)
    bad = ticker(b'{"ty":"ticker","tp":', 2)
    mailbox.put_many([ticker(received_at=1), bad, ticker(received_at=3), ticker(received_at=4)])
    assert [event.received_at for event in one.poll_more(3)] == [1, 3, 4]


def test_what_was_dropped_is_among_them_where_that_is_wanted() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(2, notify=True))
    mailbox.put_many([ticker(received_at=number) for number in range(1, 6)])
    overflow, *others = edge(mailbox=mailbox).poll_more(10)
    assert isinstance(overflow, OverflowEvent)
    assert overflow.dropped == 3
    assert [event.received_at for event in others] == [4, 5]


# --- what cannot be read


@pytest.mark.parametrize("options", [{}, {"numbers": float}])
def test_a_malformed_message_is_reported_and_not_shown(options: dict[str, Any]) -> None:
    router = Ear()
    bad = ticker(b'{"ty":"ticker","tp":', 9)
    assert edge(router=lambda: router.ref, **options).prepare(bad) is None
    (told,) = router.heard()
    assert isinstance(told, Malformed)
    assert told.stream == BITCOIN
    assert told.problem
    assert told.key == (9, id(bad))


def test_two_components_report_one_malformed_message_alike() -> None:
    router = Ear()
    bad = ticker(b"garbage")
    for numbers in (Decimal, float):
        edge(numbers=numbers, router=lambda: router.ref).prepare(bad)
    edge(router=lambda: router.ref).prepare(ticker(b"garbage", 6))
    keys = [told.key for told in router.heard()]
    assert keys[0] == keys[1] != keys[2]


def test_without_a_router_a_malformed_message_is_skipped_all_the_same() -> None:
    assert edge().prepare(ticker(b"garbage")) is None


# --- pulling


def test_pull_returns_what_comes_next_as_the_component_sees_it() -> None:
    mailbox = Noting(float)
    mailbox.put_many([ticker()])
    shown: Any = edge(mailbox=mailbox).pull()
    assert type(shown.trade_price) is float
    assert mailbox.waits == [None]


def test_pull_waits_no_longer_for_a_malformed_message_in_between() -> None:
    mailbox = Noting()
    good = ticker()
    mailbox.put_many([ticker(b"garbage"), ticker(b"garbage"), good])
    assert edge(mailbox=mailbox).pull(5.0) is good
    first, second, third = mailbox.waits
    assert first == 5.0
    assert second is not None
    assert third is not None
    assert 0 < third < second < 5.0


def test_pull_takes_what_is_there_though_its_time_is_over() -> None:
    mailbox = Noting()
    good = ticker()
    mailbox.put_many([ticker(b"garbage"), good])
    assert edge(mailbox=mailbox).pull(0) is good
    assert mailbox.waits == [0, 0]
    with pytest.raises(TimeoutError):
        edge(mailbox=mailbox).pull(0)


def test_pull_without_a_limit_has_none_after_a_malformed_message() -> None:
    mailbox = Noting()
    mailbox.put_many([ticker(b"garbage"), ticker()])
    edge(mailbox=mailbox).pull()
    assert mailbox.waits == [None, None]


def test_pull_raises_what_ended_the_mailbox() -> None:
    mailbox = Noting()
    mailbox.close(ClosedError("over"))
    with pytest.raises(ClosedError, match="over"):
        edge(mailbox=mailbox).pull()


def test_the_lag_is_the_time_since_the_message_came() -> None:
    mailbox = Noting()
    one = edge(mailbox=mailbox)
    assert one.lag_ns == 0
    came = time.time_ns() - 10**9
    mailbox.put_many([ticker(received_at=came)])
    one.pull()
    assert 10**9 <= one.lag_ns <= time.time_ns() - came
