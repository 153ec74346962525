"""protocol/server/client_leases.py: what each request changes, and that nothing which stays is ever let go."""

import itertools
from collections.abc import Iterable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.lease import Leases
from websocket_v6.protocol.exchange.indicators import Indicator
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want, announcement_want, markets_want, my_asset_want, my_order_want
from websocket_v6.protocol.server.client_leases import Change, ClientLeases, Give, Take

RSI = Indicator("rsi", (("period", 14),))
VOLUME = Indicator("volume", (("period", 20),))


def ticker(*codes: str, snapshot: bool = True, realtime: bool = True) -> Want:
    return Want("ticker", codes, snapshot=snapshot, realtime=realtime)


def book(*codes: str, depth: int = 30, snapshot: bool = True, realtime: bool = True) -> Want:
    return Want("orderbook", codes, depth=depth, snapshot=snapshot, realtime=realtime)


def value(*codes: str, indicators: tuple[Indicator, ...] = (RSI,), timeframe: str = "5m") -> Want:
    return Want("indicator", codes, timeframe=timeframe, indicators=indicators, snapshot=False)


class Desk:
    """A client whose leases are counted as the registry counts them."""

    def __init__(self) -> None:
        self.leases = ClientLeases(itertools.count(1).__next__)
        self.registry = Leases()

    def live(self) -> dict[Stream, int]:
        """Return what goes on, and with how many levels."""
        found: dict[Stream, int] = {}
        for _, lease in self.registry:
            for stream in lease.open if lease.want.realtime else ():
                found[stream] = max(found.get(stream, 0), lease.want.depth)
        return found

    def streams(self) -> list[Stream]:
        return [stream for _, lease in self.registry for stream in lease.open]

    def carry_out(self, change: Change) -> None:
        match change:
            case Take(lease, want, _):
                before = self.registry.get(lease)
                assert before is None or not set(before.open) & set(want.streams()), "taken twice"
                assert self.registry.want(lease, want) == want, "all of it is new"
            case Give(lease, want):
                there = self.registry.get(lease)
                assert there is not None
                if want is not None:
                    assert set(want.streams()) < set(there.open)
                assert self.registry.drop(lease, want) is not None

    def walk(self, changes: Iterable[Change], stays: Iterable[Stream]) -> None:
        """Carry out the changes; what stays is leased after each of them."""
        stays = set(stays)
        for change in changes:
            self.carry_out(change)
            assert stays <= set(self.streams()), f"let go by {change}"


def test_what_is_new_is_taken_and_what_is_wanted_no_more_given_back() -> None:
    desk = Desk()
    assert desk.leases.settle([ticker("KRW-BTC", "KRW-ETH")]) == [Take(1, ticker("KRW-BTC", "KRW-ETH"), True)]
    assert desk.leases.settle([ticker("KRW-ETH", "KRW-XRP")]) == [
        Take(1, ticker("KRW-XRP"), True),
        Give(1, ticker("KRW-BTC")),
    ]
    assert desk.leases.settle([]) == [Give(1, None)]
    assert desk.leases.settle([ticker("KRW-BTC")]) == [Take(2, ticker("KRW-BTC"), True)]


def test_the_next_request_of_an_engine_changes_nothing_of_what_runs() -> None:
    desk = Desk()
    desk.leases.settle([ticker("KRW-BTC", "KRW-ETH")])
    # What streams is marked realtime-only in the next request, what is new is not; and after a gap all is asked anew.
    second = [ticker("KRW-BTC", "KRW-ETH", snapshot=False), ticker("KRW-XRP")]
    assert desk.leases.settle(second) == [Take(1, ticker("KRW-XRP"), True)]
    assert desk.leases.settle([ticker("KRW-BTC", "KRW-ETH", "KRW-XRP")]) == []


def test_a_snapshot_wanted_for_the_first_time_moves_the_stream() -> None:
    desk = Desk()
    desk.leases.settle([ticker("KRW-BTC", "KRW-ETH", snapshot=False)])
    assert desk.leases.settle([ticker("KRW-BTC"), ticker("KRW-ETH", snapshot=False)]) == [
        Take(2, ticker("KRW-BTC"), True),
        Give(1, ticker("KRW-BTC", snapshot=False)),
    ]
    assert desk.leases.settle([ticker("KRW-BTC", "KRW-ETH", snapshot=False)]) == []


@pytest.mark.parametrize(("before", "after"), [(5, 30), (30, 5)])
def test_another_depth_is_taken_before_the_old_one_is_given_back(before: int, after: int) -> None:
    desk = Desk()
    desk.leases.settle([book("KRW-BTC", "KRW-ETH", depth=before)])
    changed = [book("KRW-BTC", depth=after, snapshot=False), book("KRW-ETH", depth=before, snapshot=False)]
    assert desk.leases.settle(changed) == [
        Take(2, book("KRW-BTC", depth=after), False),  # one that had a snapshot goes on as one that did
        Give(1, book("KRW-BTC", depth=before)),
    ]


def test_what_is_wanted_once_is_wanted_anew_each_time() -> None:
    desk = Desk()
    once = ticker("KRW-BTC", realtime=False)
    assert desk.leases.settle([once]) == [Take(1, once, True)]
    assert desk.leases.settle([once]) == [Take(2, once, True), Give(1, None)]
    assert desk.leases.settle([ticker("KRW-BTC")]) == [Take(3, ticker("KRW-BTC"), True), Give(2, None)]
    assert desk.leases.settle([once]) == [Take(4, once, True), Give(3, None)]


def test_a_stream_that_is_wanted_twice_is_leased_once_in_all_ways() -> None:
    desk = Desk()
    both = [book("KRW-BTC", depth=5, realtime=False), book("KRW-BTC", depth=15, snapshot=False)]
    assert desk.leases.settle(both) == [Take(1, book("KRW-BTC", depth=15), True)]
    bodies = [announcement_want("trade"), announcement_want("trade", include_body=True)]
    assert Desk().leases.settle(bodies) == [Take(1, bodies[1], False)]
    grouped = msgspec.structs.replace(book("KRW-BTC"), level=Decimal(10000))
    assert desk.leases.settle([*both, grouped]) == [Take(2, grouped, True)]


def test_what_has_no_codes_is_leased_by_itself() -> None:
    desk = Desk()
    wants = [my_order_want(["KRW-BTC"]), my_order_want(), my_asset_want(), announcement_want(["trade", "event"])]
    changes = desk.leases.settle(wants)
    assert [change.lease for change in changes] == [1, 2, 3, 4, 5]
    desk.walk(changes, ())
    assert desk.leases.settle([my_order_want(), announcement_want("trade", include_body=True)]) == [
        Take(6, announcement_want("trade", include_body=True), False),
        Give(4, None),
        Give(1, None),
        Give(3, None),
        Give(5, None),
    ]


def test_each_indicator_is_leased_by_itself_and_room_is_made_first() -> None:
    desk = Desk()
    codes = [f"KRW-C{number}" for number in range(50)]
    desk.walk(desk.leases.settle([value(*codes, indicators=(RSI, VOLUME))]), ())
    changes = desk.leases.settle([value(*codes, indicators=(RSI,)), value(*codes, timeframe="1d")])
    assert changes == [Give(2, None), Take(3, value(*codes, timeframe="1d"), False)]
    desk.walk(changes, value(*codes).streams())


def test_more_codes_of_an_indicator_are_a_lease_that_may_be_refused() -> None:
    desk = Desk()
    desk.leases.settle([value("KRW-BTC")])
    assert desk.leases.settle([value("KRW-BTC", "KRW-ETH")]) == [Take(2, value("KRW-ETH"), False)]
    assert desk.leases.refused(2) == ("indicator KRW-ETH 5m rsi(period=14)",)
    assert desk.leases.settle([value("KRW-BTC")]) == []


def test_a_refused_lease_is_forgotten() -> None:
    desk = Desk()
    desk.leases.settle([ticker("KRW-BTC", "KRW-ETH"), book("KRW-BTC")])
    assert desk.leases.refused(1) == ("ticker KRW-BTC", "ticker KRW-ETH")
    assert desk.leases.refused(1) == ()
    assert desk.leases.streams == {"orderbook KRW-BTC"}
    assert desk.leases.settle([ticker("KRW-BTC"), book("KRW-BTC")]) == [Take(3, ticker("KRW-BTC"), True)]
    assert desk.leases.clear() == [Give(2, None), Give(3, None)]
    assert desk.leases.clear() == []


def test_a_plain_client_s_request_is_a_new_subscription() -> None:
    desk = Desk()
    assert desk.leases.renew([ticker("KRW-BTC")]) == [Take(1, ticker("KRW-BTC"), True)]
    second = [ticker("KRW-BTC"), ticker("KRW-ETH", snapshot=False)]
    assert desk.leases.renew(second) == [
        Take(2, second[0], True),
        Take(3, second[1], False),
        Give(1, None),
    ]
    assert desk.leases.renew([]) == [Give(2, None), Give(3, None)]


def test_what_has_no_snapshots_need_not_be_renewed() -> None:
    desk = Desk()
    desk.leases.renew([my_order_want(["KRW-BTC"])])
    assert desk.leases.renew([my_order_want(["KRW-BTC", "KRW-ETH"])]) == [Take(1, my_order_want("KRW-ETH"), False)]


CODES = st.lists(st.sampled_from(["KRW-BTC", "KRW-ETH", "KRW-XRP"]), min_size=1, max_size=3, unique=True).map(tuple)
FLAGS = st.sampled_from([(True, True), (True, False), (False, True)])
public = st.builds(
    lambda kind, codes, depth, level, flags: Want(
        kind,
        codes,
        depth=depth if kind == "orderbook" else 0,
        level=level if kind == "orderbook" else Decimal(0),
        snapshot=flags[0],
        realtime=flags[1],
    ),
    st.sampled_from(["ticker", "orderbook", "orderbook", "candle.1s"]),
    CODES,
    st.sampled_from([1, 5, 30]),
    st.sampled_from([Decimal(0), Decimal(10000)]),
    FLAGS,
)
private = (
    CODES.map(my_order_want)
    | st.just(my_order_want())
    | st.just(my_asset_want())
    | st.builds(
        lambda categories, body: announcement_want(categories, include_body=body),
        st.sampled_from([None, ["trade"], ["trade", "event"], ["event"]]),
        st.booleans(),
    )
)
info = st.builds(
    lambda codes, indicators, timeframe: value(*codes, indicators=indicators, timeframe=timeframe),
    CODES,
    st.sampled_from([(RSI,), (VOLUME,), (RSI, VOLUME)]),
    st.sampled_from(["5m", "1d"]),
)
sequences = st.one_of(*(st.lists(st.lists(one, max_size=4), max_size=6) for one in (public, private, info)))


def wanted(wants: Iterable[Want]) -> dict[Stream, tuple[bool, int]]:
    """Return for each stream whether it goes on and its levels."""
    found: dict[Stream, tuple[bool, int]] = {}
    for want in wants:
        for stream in want.streams():
            live, depth = found.get(stream, (False, 0))
            found[stream] = (live or want.realtime, max(depth, want.depth))
    return found


@given(sequences, st.data())
def test_what_is_leased_is_what_is_wanted_and_nothing_that_stays_is_let_go(
    sequence: list[list[Want]], data: st.DataObject
) -> None:
    desk = Desk()
    before: dict[Stream, tuple[bool, int]] = {}
    for wants in sequence:
        after = wanted(wants)
        is_plain = data.draw(st.booleans())
        changes = desk.leases.renew(wants) if is_plain else desk.leases.settle(wants)
        both = before.keys() & after.keys()
        live = {stream for stream in both if before[stream][0] and after[stream][0]}
        for change in changes:
            desk.walk([change], both)
            # What goes on does so with as many levels as before or as after.
            assert all(desk.live().get(stream, -1) >= min(before[stream][1], after[stream][1]) for stream in live)
        assert sorted(desk.streams()) == sorted(after), "each of them once"
        assert desk.leases.streams == after.keys()
        assert desk.live() == {stream: depth for stream, (is_live, depth) in after.items() if is_live}
        before = after
    for give in desk.leases.clear():
        desk.carry_out(give)
    assert not len(desk.registry)


@given(sequences)
def test_the_same_wants_again_change_only_what_is_wanted_once(sequence: list[list[Want]]) -> None:
    desk = Desk()
    for wants in sequence:
        desk.leases.settle(wants)
        again = desk.leases.settle(wants)
        assert all(not change.want.realtime for change in again if isinstance(change, Take))


@given(sequences)
def test_a_snapshot_is_replayed_where_a_stream_first_gets_one(sequence: list[list[Want]]) -> None:
    desk = Desk()
    had: set[Stream] = set()  # streams that go on, with a snapshot
    for wants in sequence:
        replayed = [
            stream
            for change in desk.leases.settle(wants)
            if isinstance(change, Take) and change.replay
            for stream in change.want.streams()
        ]
        asked = {stream for want in wants if want.snapshot for stream in want.streams()}
        live = {stream for stream, (is_live, _) in wanted(wants).items() if is_live}
        assert len(replayed) == len(set(replayed))
        assert set(replayed) <= asked
        assert asked - had <= set(replayed)
        had = (asked | had) & live


def test_a_stream_that_is_to_be_reconciled_moves_and_is_taken_first() -> None:
    leases = ClientLeases(itertools.count(1).__next__)
    leases.settle([my_order_want()])
    assert leases.settle([my_order_want(reconcile=True)]) == [
        Take(2, my_order_want(reconcile=True), replay=False),
        Give(1, None),
    ]
    assert leases.settle([my_order_want(), my_order_want(reconcile=True)]) == []


def test_each_list_of_markets_is_a_lease_of_its_own_for_one_may_be_refused() -> None:
    leases = ClientLeases(itertools.count(1).__next__)
    assert leases.settle([markets_want(["KRW", "EUR"])]) == [
        Take(1, markets_want(["KRW"]), True),
        Take(2, markets_want(["EUR"]), True),
    ]
    assert leases.refused(2) == ("markets EUR",)
    assert leases.settle([markets_want(["KRW", "BTC"])]) == [Take(3, markets_want(["BTC"]), True)]
    assert leases.settle([markets_want(["BTC"])]) == [Give(1, None)]
