"""An endpoint whose requests do not fit one connection: a source of several sockets is one source."""

import json

import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Admit, End, Join, Skip
from websocket_v6.protocol.demand.asking import PROBATION, ROOMY_AFTER
from websocket_v6.protocol.demand.commands import Answer, ListSubscriptions, OpenPart, Resize, SendRequest
from websocket_v6.protocol.exchange.partition import parts_needed, size_of
from websocket_v6.protocol.exchange.wants import ticker_want, trade_want
from websocket_v6.protocol.limits import PARTS

CODES = [f"KRW-X{number:03d}" for number in range(40)]
STREAMS = [f"ticker {code}" for code in CODES]
FIRST, SECOND = STREAMS[0::2], STREAMS[1::2]  # over which part each comes
LIMIT = 550
TICKERS: list[dict[str, object]] = [{"type": "ticker", "codes": CODES}]


def requests(desk: Desk) -> dict[int, list[str]]:
    """Return which codes each part was asked for since this was asked before, "-" before those without a snapshot."""
    return {
        one.attachment: [
            ("-" if kind.get("is_only_realtime") else "") + str(code)
            for kind in json.loads(json.dumps(one.types))
            for code in kind["codes"]
        ]
        for one in desk.took(SendRequest)
    }


def open_all(desk: Desk, source: int) -> list[int]:
    """Let a source open with all the sockets that it needs."""
    desk.took(OpenPart)
    numbers = [desk.open(source, limit=LIMIT)]
    while desk.took(OpenPart):
        numbers.append(desk.open(source, whole=numbers[0], limit=LIMIT))
    return numbers


def of(*streams: str) -> list[str]:
    return [stream.partition(" ")[2] for stream in streams]


@pytest.fixture
def desk() -> Desk:
    """An endpoint whose source is about to open, and of which more is wanted than one request holds."""
    assert parts_needed(TICKERS, LIMIT) == 2
    desk = Desk()
    desk.use_router()
    desk.source(7)
    desk.want(1, ticker_want(CODES))
    return desk


@pytest.fixture
def two(desk: Desk) -> Desk:
    """The same, served by the attachment 1, whose parts are 1 and 2."""
    assert desk.open(7, limit=LIMIT) == 1
    assert desk.open(7, whole=1, limit=LIMIT) == 2
    desk.see(1, *FIRST)
    desk.see(2, *SECOND)
    desk.run(3)
    desk.out.clear()
    return desk


def test_it_opens_once_it_has_the_sockets_it_needs(desk: Desk) -> None:
    desk.state(7, "connecting")
    one = desk.open(7, limit=LIMIT)
    assert desk.took(OpenPart) == [OpenPart(7, one)]
    assert not desk.took(SendRequest)
    assert desk.heard() == [("connecting", 0)]
    other = desk.open(7, whole=one, limit=LIMIT)
    assert desk.took(Admit) == [Admit(one, 1, is_held=False), Admit(other, 1, is_held=False)]
    assert desk.heard() == [("open", 1)], "it is one source"
    assert requests(desk) == {one: of(*FIRST), other: of(*SECOND)}
    assert desk.endpoint.health().requests_sent == 2
    assert desk.endpoint.health().serving == {7}


def test_where_all_fits_one_request_nothing_is_divided(desk: Desk) -> None:
    one = desk.open(7, limit=size_of(TICKERS) + 200)
    assert not desk.took(OpenPart)
    assert requests(desk) == {one: CODES}


@pytest.mark.parametrize("is_dropped", [False, True])
def test_one_that_is_lost_before_it_has_all_its_sockets_was_never_open(desk: Desk, is_dropped: bool) -> None:
    one = desk.open(7, limit=LIMIT)
    if is_dropped:
        desk.without(7)
    desk.end(one, reason="gone")
    assert desk.heard() == ([] if is_dropped else [("lost", 0)])
    assert desk.endpoint.health().gaps == ()
    if not is_dropped:
        desk.open(7, limit=60_000)
        assert desk.heard() == [("open", 1)]


def test_when_nothing_is_wanted_any_more_its_end_is_no_news(desk: Desk) -> None:
    one = desk.open(7, limit=LIMIT)
    desk.drop(1)
    desk.run(1)
    desk.heard()
    desk.end(one)
    assert desk.heard() == []


def test_only_the_part_that_a_change_concerns_is_asked(two: Desk) -> None:
    two.want(2, trade_want(CODES[1]))
    two.run(1)
    assert requests(two) == {2: [*(f"-{code}" for code in of(*SECOND)), CODES[1]]}
    assert not two.took(Resize)


def test_what_is_left_out_is_skipped_where_it_came_from(two: Desk) -> None:
    two.drop(1, ticker_want([*CODES[:3]]))
    two.run(1)
    assert sorted(two.took(Skip), key=lambda one: one.attachment) == [
        Skip(1, (STREAMS[0], STREAMS[2])),
        Skip(2, (STREAMS[1],)),
    ]
    assert requests(two) == {
        1: [f"-{code}" for code in of(*FIRST[2:])],
        2: [f"-{code}" for code in of(*SECOND[1:])],
    }


def test_a_request_is_good_once_all_parts_have_shown_it_and_a_refusal_finds_the_guilty(two: Desk) -> None:
    """What one part shows says nothing of the other, which may still be refused."""
    two.want(2, trade_want(CODES[:2]))
    two.run(0.5)
    two.see(1, f"trade {CODES[0]}")
    two.refuse(2)
    two.end(1)
    for _ in range(2):
        first, second, *_ = open_all(two, 7)
        two.refuse(second)
        two.end(first)
    assert two.reported() == [(2, True)]


def test_a_part_that_is_not_refused_in_time_is_good(two: Desk) -> None:
    two.want(2, trade_want(CODES[:2]))
    two.run(PROBATION + 1)
    two.refuse(2)
    two.end(1)
    for _ in range(2):
        first, second, *_ = open_all(two, 7)
        two.refuse(second)
        two.end(first)
    assert two.reported() == []


def test_a_question_goes_to_all_parts_and_is_answered_when_all_have(two: Desk) -> None:
    two.heed(two.endpoint.question(5, two.now))
    two.run(1)
    (ticket,) = {one.ticket for one in two.out if isinstance(one, ListSubscriptions)}
    assert [one.attachment for one in two.took(ListSubscriptions)] == [1, 2]
    two.answer(2, ticket)
    assert not two.took(Answer)
    two.answer(1, ticket)
    assert [one.asker for one in two.took(Answer)] == [5]


def test_its_end_is_one_end(two: Desk) -> None:
    two.end(1)
    assert two.heard() == [("lost", 1)]
    two.see(2, SECOND[0])
    two.answer(2, "ticket")
    two.refuse(2)
    assert two.out == [] or not two.heard(), "what its other part says is nobody's"
    assert two.endpoint.health().serving == set()


def test_what_does_not_fit_waits_for_one_with_more_sockets(two: Desk) -> None:
    more = ticker_want([f"KRW-Y{number:03d}" for number in range(40)])
    two.want(2, more)
    two.run(1)
    assert two.heard() == [("open", 1)], "which the newcomer is told"
    assert two.took(Resize) == [Resize(7)]
    assert not two.took(SendRequest), "what is served goes on"
    two.source(8, heir_of=(7,))
    numbers = open_all(two, 8)
    assert len(numbers) > 2
    assert [one.is_held for one in two.took(Admit)] == [True] * len(numbers)
    asked = requests(two)
    assert list(asked) == numbers
    assert sorted(code for part in asked.values() for code in part) == sorted([*CODES, *more.codes])
    for number, codes in asked.items():
        two.see(number, *(f"ticker {code}" for code in codes))
    two.run(0.5)
    (ticket,) = {one.ticket for one in two.took(ListSubscriptions) if one.source == 7}
    two.answer(1, ticket)
    assert not two.took(Join)
    two.answer(2, ticket)
    assert [one.attachment for one in two.took(Join)] == numbers
    assert two.serve()[-1] == 8
    two.without(7)
    assert two.took(End) == [End(1, "it is replaced")]
    two.end(1)
    assert two.heard() == [], "nothing is missing"


def test_while_it_waits_for_that_what_fits_again_is_asked_for(two: Desk) -> None:
    two.want(2, ticker_want([f"KRW-Y{number:03d}" for number in range(40)]))
    two.run(1)
    two.drop(2)
    two.want(3, trade_want(CODES[0]))
    two.run(1)
    assert list(requests(two)) == [1]


def test_one_that_has_too_many_sockets_for_long_is_replaced(two: Desk) -> None:
    two.drop(1, ticker_want(CODES[1:]))
    two.run(ROOMY_AFTER - 1)
    assert not two.took(Resize), "it may soon be wanted again"
    two.run(2)
    assert two.took(Resize) == [Resize(7)]


def test_one_that_is_filled_again_in_time_is_not_replaced(two: Desk) -> None:
    two.drop(1, ticker_want(CODES[1:]))
    two.run(ROOMY_AFTER / 2)
    two.want(2, ticker_want(CODES[1:]))
    two.run(ROOMY_AFTER)
    assert not two.took(Resize)


def test_a_router_that_is_new_knows_of_no_part(desk: Desk) -> None:
    one = desk.open(7, limit=LIMIT)
    desk.use_router()
    desk.open(7, whole=one, limit=LIMIT)
    assert not desk.took(Admit)


def test_there_are_no_more_sockets_than_the_most() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(7)
    desk.want(1, ticker_want(CODES))
    one = desk.open(7, limit=200)
    while desk.took(OpenPart):
        last = desk.open(7, whole=one, limit=200)
    assert last - one + 1 <= PARTS
    assert sorted(code for part in requests(desk).values() for code in part) == CODES
