import pytest

from websocket_v6.protocol.demand.attachment_parts import Parts
from websocket_v6.protocol.demand.commands import Command, Connect, Disconnect, Serves
from websocket_v6.protocol.demand.interest import Interest, Told
from websocket_v6.protocol.demand.lease import Leases
from websocket_v6.protocol.demand.source import Attachment, Sources, Traits
from websocket_v6.protocol.exchange.wants import Want, ticker_want

BTC, ETH = ticker_want("KRW-BTC"), ticker_want("KRW-ETH")
BTC_TYPES: list[dict[str, object]] = [{"type": "ticker", "codes": ["KRW-BTC"]}]
ETH_TYPES: list[dict[str, object]] = [{"type": "ticker", "codes": ["KRW-ETH"]}]
LINGER = 30.0  # seconds for which a connection is kept that is silent by itself


class Bench:
    """Leases, sources and the interest between them."""

    def __init__(self, *sources: int) -> None:
        self.leases, self.sources = Leases(), Sources(0.005)
        self.out: list[Command] = []
        self.interest = Interest(self.leases, self.sources, self.out)
        for number in sources:
            self.sources.add(number, Traits())

    def told(self) -> list[Command]:
        """Return what was told, and forget it."""
        out = list(self.out)
        self.out.clear()
        return out

    def open(self, source: int, *wants: Want) -> Attachment:
        """Open a source and ask it for all that is wanted."""
        known = self.sources.get(source)
        assert known is not None
        one = self.sources.opened(known, Parts((10 + source,)), is_held=False)
        plan = one.coverage.plan(self.leases.union)
        if plan is not None and not plan.is_empty:
            one.coverage.sent(plan)
            one.requests += 1
        return one


def closes(source: int, linger: float) -> list[Command]:
    return [Disconnect(source, linger), Serves(source, is_refused=False)]


def test_nobody_is_told_of_what_nobody_wants() -> None:
    bench = Bench(1)
    bench.interest.look()
    assert (bench.told(), bench.interest.told) == ([], Told.NOTHING)


def test_all_sources_connect_as_soon_as_something_is_wanted_and_are_told_once() -> None:
    bench = Bench(1, 2)
    bench.leases.want(5, BTC)
    bench.interest.look()
    assert bench.told() == [Connect(1, BTC_TYPES), Connect(2, BTC_TYPES)]
    assert bench.interest.told is Told.CONNECT
    bench.leases.want(6, ETH)
    bench.interest.look()
    assert bench.told() == []


def test_that_nothing_is_wanted_any_more_is_not_told_at_once() -> None:
    bench = Bench(1)
    bench.leases.want(5, BTC)
    bench.interest.look()
    bench.told()
    assert not bench.interest.is_over
    bench.leases.drop(5)
    bench.interest.look()
    assert (bench.told(), bench.interest.told, bench.interest.is_over) == ([], Told.CONNECT, True)


def test_without_sources_there_is_nobody_to_tell() -> None:
    bench = Bench()
    bench.leases.want(5, BTC)
    bench.interest.look()
    assert bench.interest.told is Told.CONNECT
    bench.leases.drop(5)
    bench.interest.look()
    assert (bench.interest.told, bench.interest.is_over, bench.told()) == (Told.NOTHING, False, [])


def test_a_new_source_is_told_to_connect_as_the_others_were() -> None:
    bench = Bench(1)
    bench.leases.want(5, BTC)
    bench.interest.look()
    bench.told()
    bench.sources.add(2, Traits())
    bench.leases.want(6, ETH)
    bench.interest.added(2)
    assert bench.told() == [Connect(2, [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}])]


def test_a_new_source_that_comes_before_anyone_looked_has_all_connect() -> None:
    bench = Bench(1, 2)
    bench.leases.want(5, BTC)
    bench.interest.added(2)
    assert bench.told() == [Connect(1, BTC_TYPES), Connect(2, BTC_TYPES)]
    assert bench.interest.told is Told.CONNECT


def test_a_new_source_that_nobody_wants_anything_of_has_all_that_is_wanted() -> None:
    bench = Bench(1)
    bench.interest.added(1)
    assert bench.told() == [Serves(1, is_refused=False)]
    assert bench.interest.told is Told.NOTHING


def test_a_new_source_is_told_to_connect_while_the_others_do_not_know_that_nothing_is_wanted() -> None:
    bench = Bench(1)
    bench.leases.want(5, BTC)
    bench.interest.look()
    bench.leases.drop(5)
    bench.told()
    bench.interest.added(1)
    assert bench.told() == [Connect(1, [])]


def test_all_sources_close_and_have_all_that_is_wanted() -> None:
    bench = Bench(1, 2)
    bench.leases.want(5, BTC)
    bench.interest.look()
    bench.leases.drop(5)
    bench.told()
    bench.interest.close()
    assert bench.told() == [*closes(1, 0.0), *closes(2, 0.0)]
    assert (bench.interest.told, bench.interest.is_over) == (Told.NOTHING, False)


def test_lingering_sources_close_later_and_connect_again_if_something_is_wanted() -> None:
    bench = Bench(1)
    bench.leases.want(5, BTC)
    bench.interest.look()
    bench.leases.drop(5)
    bench.told()
    bench.interest.linger()
    assert bench.told() == closes(1, LINGER)
    assert (bench.interest.told, bench.interest.is_over) == (Told.LINGER, False)
    bench.interest.look()
    assert (bench.told(), bench.interest.told) == ([], Told.LINGER)
    bench.leases.want(6, ETH)
    bench.interest.look()
    assert (bench.told(), bench.interest.told) == ([Connect(1, ETH_TYPES)], Told.CONNECT)


@pytest.mark.parametrize(
    ("wants", "may_come_back"),
    [
        ([], False),
        ([ticker_want("KRW-BTC")], False),
        ([ticker_want("KRW-BTC", realtime=False)], True),
        ([ticker_want("KRW-BTC", realtime=False), ticker_want("KRW-ETH")], False),
    ],
)
def test_interest_may_come_back_where_all_that_was_asked_are_snapshots(wants: list[Want], may_come_back: bool) -> None:
    bench = Bench(1)
    assert not bench.interest.may_come_back, "nothing is open"
    for number, want in enumerate(wants):
        bench.leases.want(number, want)
    bench.open(1)
    assert bench.interest.may_come_back is may_come_back


def test_interest_does_not_come_back_if_one_of_several_sources_was_asked_for_what_goes_on() -> None:
    bench = Bench(1, 2, 3)
    bench.open(1)
    bench.leases.want(5, ticker_want("KRW-BTC", realtime=False))
    bench.open(2)
    assert bench.interest.may_come_back, "one that was asked nothing makes no difference"
    bench.leases.want(6, ETH)
    bench.open(3)
    assert not bench.interest.may_come_back
