"""How many sockets a source opens, one after the other, and what becomes of those that are not enough."""

import pytest

from websocket_v6.protocol.demand.commands import Command, OpenPart
from websocket_v6.protocol.demand.lease import Leases
from websocket_v6.protocol.demand.opening import Openings
from websocket_v6.protocol.demand.source import Source, Sources, Traits
from websocket_v6.protocol.exchange.wants import ticker_want

CODES = [f"KRW-X{number:04d}" for number in range(300)]
LIMIT = 1600  # of which these need three


class Bench:
    """Openings of an endpoint of which `CODES` are wanted."""

    def __init__(self) -> None:
        self.out: list[Command] = []
        self.leases = Leases()
        self.leases.want(1, ticker_want(CODES))
        self.sources = Sources(0.0)
        self.openings = Openings(self.leases, self.sources, self.out)

    def source(self, number: int) -> Source:
        return self.sources.add(number, Traits())

    def told(self) -> list[Command]:
        told = list(self.out)
        self.out.clear()
        return told


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_one_request_holds_needs_one_socket(bench: Bench) -> None:
    one = bench.source(7)
    for limit in (None, 60_000):
        parts = bench.openings.opened(one, 11, 0, limit)
        assert parts is not None
        assert parts.numbers == (11,)
    assert bench.told() == []


def test_a_socket_is_asked_for_after_the_other_until_they_are_enough(bench: Bench) -> None:
    one = bench.source(7)
    assert bench.openings.opened(one, 11, 0, LIMIT) is None
    assert bench.told() == [OpenPart(7, 11)]
    assert bench.openings.opened(one, 12, 11, LIMIT) is None
    assert bench.told() == [OpenPart(7, 11)]
    parts = bench.openings.opened(one, 13, 11, LIMIT)
    assert parts is not None
    assert parts.numbers == (11, 12, 13)
    assert bench.told() == []
    assert bench.openings.opened(one, 14, 11, LIMIT) is None, "nobody has asked for it"


def test_they_are_enough_for_what_is_wanted_by_then(bench: Bench) -> None:
    one = bench.source(7)
    bench.openings.opened(one, 11, 0, LIMIT)
    bench.leases.drop(1, None)
    parts = bench.openings.opened(one, 12, 11, LIMIT)
    assert parts is not None
    assert parts.numbers == (11, 12)


def test_of_one_that_has_ended_the_other_sockets_are_nobody_s(bench: Bench) -> None:
    one = bench.source(7)
    bench.openings.opened(one, 11, 0, LIMIT)
    assert bench.openings.ended(11) is one
    assert bench.openings.ended(11) is None
    assert bench.openings.opened(one, 12, 11, 60_000) is None


def test_each_source_opens_its_own(bench: Bench) -> None:
    one, other = bench.source(7), bench.source(8)
    bench.openings.opened(one, 11, 0, LIMIT)
    bench.openings.opened(other, 12, 0, LIMIT)
    assert bench.openings.opened(other, 13, 11, 60_000) is None, "a part of another's"
    parts = bench.openings.opened(other, 14, 12, 60_000)
    assert parts is not None
    assert parts.numbers == (12, 14)


def test_with_another_router_all_is_over(bench: Bench) -> None:
    one = bench.source(7)
    bench.openings.opened(one, 11, 0, LIMIT)
    bench.openings.forget()
    assert bench.openings.ended(11) is None
