"""Which stream goes to which mailboxes, and what newcomers begin with."""

from collections import deque
from collections.abc import Mapping

import pytest

from tests.actors.delivery.world import BITCOIN, ETHER, TRADES, ids, no_timer, prices, ticker, trade
from tests.actors.ear import Ear
from websocket_v6.actors.delivery.closed_candles import ClosedCandles
from websocket_v6.actors.delivery.deliveries import Delivery, Taker
from websocket_v6.actors.delivery.route import REMEMBERED_TRADES, Route
from websocket_v6.actors.delivery.routes import Routes, as_snapshot
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.registry import SnapshotServed
from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.protocol.delivery.hold import Hold
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import Event, make_event

ANY_ORDER, ORDER = "myOrder *", "myOrder KRW-BTC"
NOW = 5


class Table:
    """Routes, and takers by number that are made when they are first named."""

    def __init__(self, trades: Mapping[str, deque[Event]] | None = None) -> None:
        self.registry = Ear()
        delivery = Delivery(SourceFlow())
        delivery.registry = self.registry.ref
        self.routes = Routes(delivery, trades or {}, ClosedCandles(delivery, no_timer))
        self._delivery = delivery
        self._takers: dict[int, Taker] = {}

    def taker(self, number: int) -> Taker:
        if number not in self._takers:
            self._takers[number] = Taker(number, "public", MailboxQueue(Mailbox.drop_oldest(100)), None)
        return self._takers[number]

    def add(
        self,
        number: int,
        *streams: str,
        replay: bool = True,
        snapshots: bool = True,
        realtime: bool = True,
        awaits: bool = False,
    ) -> None:
        taker = self.taker(number)
        message = AddRoutes(number, "public", streams, taker.mailbox, None, replay, snapshots, realtime, awaits)
        self.routes.add(message, taker, NOW)

    def route(self, stream: str) -> Route:
        """Return the route as the next message will find it."""
        route = self.routes.by_stream[stream]
        route.settle()
        return route

    def live(self, stream: str) -> list[int]:
        return [taker.subscription_id for taker in self.route(stream).takers]

    def last(self, stream: str, payload: bytes) -> Event:
        event = self.routes.by_stream[stream].last = make_event(stream, payload, 1, NOW)
        return event

    def taking(self, stream: str, payload: bytes, *, is_snapshot: bool = False) -> list[int]:
        """Return who takes a message."""
        event = make_event(stream, payload, 1, NOW)
        found = self.routes.takers(stream, self.route(stream), event, is_snapshot=is_snapshot)
        return [taker.subscription_id for taker in found]

    def given(self, number: int) -> list[Event]:
        self._delivery.flush()
        mailbox = self.taker(number).mailbox
        assert isinstance(mailbox, MailboxQueue)
        return mailbox.take_many(0.0, 100)  # type: ignore[return-value]


@pytest.fixture
def table() -> Table:
    return Table()


# --- who takes what


def test_a_stream_goes_to_all_who_follow_it_and_no_other_stream(table: Table) -> None:
    table.add(1, BITCOIN, ETHER)
    table.add(2, BITCOIN)
    assert (table.live(BITCOIN), table.live(ETHER)) == ([1, 2], [1])
    assert set(table.routes.mailboxes) == {1, 2}
    assert table.taker(1).streams == {BITCOIN, ETHER}


def test_a_change_of_takers_shows_with_the_next_message(table: Table) -> None:
    table.add(1, BITCOIN)
    assert table.live(BITCOIN) == [1]
    table.add(2, BITCOIN)
    table.routes.drop(1, (BITCOIN,))
    assert table.live(BITCOIN) == [2]


def test_who_takes_no_snapshots_gets_the_rest(table: Table) -> None:
    table.add(1, BITCOIN)
    table.add(2, BITCOIN, snapshots=False)
    assert table.taking(BITCOIN, ticker(1)) == [1, 2]
    assert table.taking(BITCOIN, ticker(2), is_snapshot=True) == [1]


def test_who_wants_a_snapshot_alone_gets_one_of_whatever_comes_next(table: Table) -> None:
    table.add(1, BITCOIN, ETHER, realtime=False)
    assert table.taking(BITCOIN, ticker(1)) == []
    assert prices(table.given(1)) == [("SNAPSHOT", 1)]
    assert table.registry.heard() == [SnapshotServed(1, BITCOIN)]
    assert table.taker(1).streams == {ETHER}
    assert table.taking(BITCOIN, ticker(2)) == []
    assert table.given(1) == []


def test_a_snapshot_alone_is_the_exchange_s_own_if_it_is_one(table: Table) -> None:
    table.add(1, BITCOIN, realtime=False)
    event = make_event(BITCOIN, ticker(1, "SNAPSHOT"), 1, NOW)
    table.routes.takers(BITCOIN, table.route(BITCOIN), event, is_snapshot=True)
    assert table.given(1)[0] is event


def test_a_malformed_message_is_a_snapshot_too_for_the_edge_to_complain_about(table: Table) -> None:
    table.add(1, BITCOIN, realtime=False)
    table.taking(BITCOIN, b"garbage")
    (event,) = table.given(1)
    assert event.payload == b"garbage"
    assert as_snapshot(event) is event


def test_who_leaves_a_stream_gets_the_others(table: Table) -> None:
    table.add(1, BITCOIN, ETHER)
    table.routes.drop(1, (BITCOIN, "ticker KRW-NOBODY"))
    assert (table.live(BITCOIN), table.live(ETHER)) == ([], [1])
    assert table.taker(1).streams == {ETHER}
    assert 1 in table.routes.mailboxes


@pytest.mark.parametrize("how", [{}, {"snapshots": False}, {"realtime": False}, {"awaits": True}])
def test_who_leaves_altogether_is_forgotten_however_it_took(table: Table, how: dict[str, bool]) -> None:
    table.add(1, BITCOIN, ETHER, **how)
    table.add(2, BITCOIN)
    table.routes.drop(1, None)
    assert set(table.routes.mailboxes) == {2}
    assert table.taker(1).streams == set()
    assert table.live(BITCOIN) == [2]
    assert table.route(ETHER).is_empty
    assert table.taking(ETHER, ticker(1), is_snapshot=True) == []
    assert table.given(1) == []


def test_who_is_not_there_may_leave(table: Table) -> None:
    table.add(1, BITCOIN)
    table.routes.drop(9, None)
    table.routes.drop(9, (BITCOIN,))
    assert table.live(BITCOIN) == [1]


def test_a_route_may_be_gone_before_its_taker_leaves(table: Table) -> None:
    table.add(1, BITCOIN, ETHER, realtime=False)
    table.taking(BITCOIN, ticker(1))
    table.taker(1).streams.add(BITCOIN)  # as a taker of the wildcard that has gone meanwhile
    table.routes.retire((BITCOIN,))
    table.routes.drop(1, None)
    assert 1 not in table.routes.mailboxes


def test_routes_are_told_apart_by_endpoint(table: Table) -> None:
    table.add(1, BITCOIN, TRADES, ANY_ORDER)
    assert [stream for stream, _ in table.routes.of("public")] == [BITCOIN, TRADES]
    assert [stream for stream, _ in table.routes.of("private")] == [ANY_ORDER]


# --- the short way


def test_the_short_way_is_for_messages_that_are_simply_the_next(table: Table) -> None:
    table.add(1, BITCOIN)
    assert not table.route(BITCOIN).is_plain, "the first is told"
    table.last(BITCOIN, ticker(1))
    assert table.route(BITCOIN).is_plain
    table.routes.drop(1, None)
    assert not table.routes.by_stream[BITCOIN].is_plain, "takers have changed"


@pytest.mark.parametrize("how", [{"snapshots": False}, {"realtime": False}, {"awaits": True}])
def test_it_is_not_for_takers_with_wishes_of_their_own(table: Table, how: dict[str, bool]) -> None:
    table.add(1, BITCOIN)
    table.add(2, BITCOIN, replay=False, **how)
    table.last(BITCOIN, ticker(1))
    assert not table.route(BITCOIN).is_plain


def test_it_is_not_for_newcomers_to_trades_nor_while_something_is_awaited(table: Table) -> None:
    table.add(1, TRADES, BITCOIN)
    table.last(TRADES, trade(1))
    table.last(BITCOIN, ticker(1))
    assert not table.route(TRADES).is_plain
    table.taking(TRADES, trade(2))
    assert table.route(TRADES).is_plain
    table.route(TRADES).hold = Hold(1, (), is_all=True, since_ns=0)
    assert not table.route(TRADES).is_plain
    table.routes.expect((BITCOIN, "ticker KRW-NOBODY"))
    assert not table.routes.by_stream[BITCOIN].is_plain, "at once"
    assert not table.route(BITCOIN).is_plain


# --- newcomers and last values


def test_a_newcomer_begins_with_the_last_value_as_a_snapshot(table: Table) -> None:
    table.add(1, BITCOIN)
    table.last(BITCOIN, ticker(7))
    table.add(2, BITCOIN)
    assert prices(table.given(2)) == [("SNAPSHOT", 7)]
    assert table.live(BITCOIN) == [1, 2]
    assert table.registry.heard() == []


def test_a_newcomer_that_wants_a_snapshot_alone_is_done_with_the_last_value(table: Table) -> None:
    table.add(1, BITCOIN)
    table.last(BITCOIN, ticker(7))
    table.add(2, BITCOIN, realtime=False)
    assert prices(table.given(2)) == [("SNAPSHOT", 7)]
    assert table.registry.heard() == [SnapshotServed(2, BITCOIN)]
    table.taking(BITCOIN, ticker(8))
    assert table.given(2) == []
    assert table.taker(2).streams == set()


def test_who_is_no_newcomer_gets_no_last_value(table: Table) -> None:
    table.add(1, BITCOIN)
    table.last(BITCOIN, ticker(7))
    table.add(2, BITCOIN, replay=False)
    assert table.given(2) == []
    assert table.live(BITCOIN) == [1, 2]


def test_a_newcomer_during_a_hold_is_noted_there(table: Table) -> None:
    table.add(1, TRADES)
    event = table.last(TRADES, trade(1))
    hold = table.route(TRADES).hold = Hold(1, (), is_all=True, since_ns=0)
    hold.keep(1, (event, False))
    table.add(2, TRADES)
    assert hold.is_for(1, 0)
    assert not hold.is_for(2, 0), "it has had that one as its snapshot"
    assert hold.is_for(2, 1)


def test_what_is_not_current_any_more_is_no_last_value(table: Table) -> None:
    table.add(1, BITCOIN, ETHER, ANY_ORDER)
    for stream in (BITCOIN, ETHER, ANY_ORDER):
        table.last(stream, ticker(7))
    table.routes.expect((BITCOIN,))
    table.routes.forget("public")
    table.add(2, BITCOIN, ETHER)
    assert table.given(2) == []
    assert table.live(BITCOIN) == [1, 2], "it waits for no snapshot: nothing is shallow"
    assert not table.routes.by_stream[ETHER].is_plain, "the next is the first"
    assert table.route(ANY_ORDER).last is not None


def test_streams_that_are_retired_together_are_all_forgotten(table: Table) -> None:
    table.add(1, BITCOIN, ETHER)
    table.last(BITCOIN, ticker(7))
    table.last(ETHER, ticker(7))
    table.routes.retire(("ticker KRW-NOBODY", BITCOIN, ETHER))
    table.add(2, BITCOIN, ETHER)
    assert table.given(2) == [], "an old value is no snapshot"
    assert table.live(ETHER) == [1, 2]


def test_a_retired_route_goes_once_nobody_takes_it(table: Table) -> None:
    table.add(1, BITCOIN, ETHER)
    table.routes.drop(1, (BITCOIN,))
    assert BITCOIN in table.routes.by_stream
    table.routes.retire((BITCOIN, ETHER))
    assert list(table.routes.by_stream) == [ETHER]


def test_while_a_deeper_book_is_expected_newcomers_wait_for_it(table: Table) -> None:
    table.add(1, BITCOIN)
    table.last(BITCOIN, ticker(7))
    table.routes.expect((BITCOIN,))
    table.add(2, BITCOIN)
    assert table.given(2) == []
    assert table.live(BITCOIN) == [1]
    assert list(table.route(BITCOIN).awaiting) == [2]
    assert table.taker(2).streams == {BITCOIN}


def test_who_waits_for_the_next_snapshot_takes_nothing_before(table: Table) -> None:
    table.add(1, BITCOIN)
    table.last(BITCOIN, ticker(7))
    table.add(2, BITCOIN, awaits=True)
    assert table.given(2) == []
    assert table.live(BITCOIN) == [1]
    taker, how = table.route(BITCOIN).awaiting[2]
    assert (taker.subscription_id, how.awaits_snapshot) == (2, True)


def test_later_messages_are_compared_with_the_last_value(table: Table) -> None:
    assert table.routes.latest(BITCOIN) == b"", "nobody takes it"
    table.add(1, BITCOIN)
    assert table.routes.latest(BITCOIN) is None, "it waits for its first"
    table.last(BITCOIN, ticker(7))
    assert table.routes.latest(BITCOIN) == ticker(7)
    assert not table.routes.expects(BITCOIN)
    table.routes.expect((BITCOIN, "ticker KRW-NOBODY"))
    assert table.routes.expects(BITCOIN), "it begins anew, at any age"
    assert table.routes.latest(BITCOIN) == ticker(7)
    assert not table.routes.expects("ticker KRW-NOBODY")


# --- trades


def remembered(table: Table, *numbers: int) -> None:
    trades = table.route(TRADES).trades
    assert trades is not None
    trades.extend(make_event(TRADES, trade(number), 1, NOW) for number in numbers)


def test_the_last_trade_again_is_news_to_those_alone_who_have_had_nothing(table: Table) -> None:
    table.add(1, TRADES)
    assert table.taking(TRADES, trade(7, "SNAPSHOT"), is_snapshot=True) == [1]
    remembered(table, 7, 8)
    table.add(2, TRADES)
    assert table.taking(TRADES, trade(7, "SNAPSHOT"), is_snapshot=True) == [2]
    assert table.routes.repeated == 1
    assert table.taking(TRADES, trade(8, "SNAPSHOT"), is_snapshot=True) == [], "it is no newcomer any more"
    assert table.taking(TRADES, trade(9, "SNAPSHOT"), is_snapshot=True) == [1, 2]
    assert table.routes.repeated == 2


def test_only_a_snapshot_may_be_a_trade_again(table: Table) -> None:
    table.add(1, TRADES)
    table.taking(TRADES, trade(1))
    remembered(table, 7)
    assert table.taking(TRADES, trade(7)) == [1]
    assert table.routes.repeated == 0


def test_a_malformed_trade_is_no_trade_again(table: Table) -> None:
    table.add(1, TRADES)
    table.taking(TRADES, trade(1))
    remembered(table, 7)
    assert table.taking(TRADES, b'"SNAPSHOT"', is_snapshot=True) == [1]


def test_who_takes_no_last_value_of_trades_is_no_newcomer(table: Table) -> None:
    table.add(1, TRADES)
    table.add(2, TRADES, replay=False)
    assert table.route(TRADES).newcomers == {1}
    table.last(TRADES, trade(1))
    table.add(3, TRADES)
    assert table.route(TRADES).newcomers == {1}, "it begins with the last value"
    table.routes.drop(1, None)
    assert table.route(TRADES).newcomers == set()


def test_only_trades_have_newcomers_and_a_memory(table: Table) -> None:
    table.add(1, BITCOIN, TRADES)
    assert table.route(BITCOIN).newcomers == set()
    remembered(table, *range(REMEMBERED_TRADES + 3))
    left = table.routes.trades()
    assert list(left) == [TRADES]
    assert ids(left[TRADES]) == list(range(3, REMEMBERED_TRADES + 3))


def test_a_successor_knows_the_trades_of_the_router_before_it_once() -> None:
    table = Table({TRADES: deque([make_event(TRADES, trade(7), 1, NOW)], maxlen=REMEMBERED_TRADES)})
    assert table.routes.trades() == {}
    table.add(1, TRADES)
    assert ids(table.routes.trades()[TRADES]) == [7]
    table.routes.drop(1, None)
    table.routes.retire((TRADES,))
    table.add(1, TRADES)
    assert table.routes.trades()[TRADES] == deque()


def test_a_route_knows_since_when_it_is_there(table: Table) -> None:
    table.add(1, BITCOIN, ANY_ORDER)
    assert table.route(BITCOIN).opened_ns == NOW
    route = table.routes.find(ORDER, 9)
    assert route is not None
    assert route.opened_ns == 9


# --- wildcards


def test_who_takes_all_codes_takes_one_that_comes(table: Table) -> None:
    assert table.routes.find(ORDER, NOW) is None
    table.add(1, ANY_ORDER)
    route = table.routes.find(ORDER, NOW)
    assert route is table.routes.find(ORDER, NOW)
    assert table.live(ORDER) == [1]
    assert table.routes.find("myAsset KRW-BTC", NOW) is None, "of its type alone"


def test_who_takes_one_code_does_so_beside_those_who_take_all(table: Table) -> None:
    table.add(1, ANY_ORDER)
    table.add(2, ORDER)
    table.add(1, ORDER)
    table.add(3, "myOrder KRW-ETH")
    assert sorted(table.live(ORDER)) == [1, 2], "each once"
    assert sorted(table.live("myOrder KRW-ETH")) == [1, 3]
    assert table.live(ANY_ORDER) == [1]


def test_who_begins_to_take_all_codes_takes_those_that_are_there(table: Table) -> None:
    table.add(1, ORDER, BITCOIN)
    assert table.live(ORDER) == [1]
    table.add(2, ANY_ORDER)
    table.add(3, ANY_ORDER)
    assert table.live(ORDER) == [1, 2, 3]
    assert table.live(BITCOIN) == [1]


def test_who_ends_taking_all_codes_takes_none(table: Table) -> None:
    table.add(1, ANY_ORDER)
    table.add(2, ORDER)
    assert table.live(ORDER) == [2, 1]
    table.routes.drop(1, (ANY_ORDER,))
    assert table.live(ORDER) == [2]
    assert table.live(ANY_ORDER) == []


def test_with_the_wildcard_go_the_routes_that_it_made(table: Table) -> None:
    table.add(1, ANY_ORDER)
    table.add(2, ORDER)
    table.routes.find("myOrder KRW-ETH", NOW)
    table.routes.drop(1, None)
    table.routes.retire((ANY_ORDER,))
    assert list(table.routes.by_stream) == [ORDER]
    assert table.route(ORDER).parent is None
    assert table.routes.find("myOrder KRW-XRP", NOW) is None
    table.add(3, ANY_ORDER)
    assert table.live(ORDER) == [2, 3], "a new one is as good"
