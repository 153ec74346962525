import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.parts import GATHER, Parts
from websocket_v6.protocol.delivery.commands import Expect, Retire
from websocket_v6.protocol.demand.commands import Answer, Deny, ListSubscriptions, Route, SendRequest
from websocket_v6.protocol.demand.deadlines import Deadline, Kind
from websocket_v6.protocol.demand.source import Attachment
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want, my_asset_want, orderbook_want, ticker_want

ALWAYS = float("-inf")
BTC, ETH = "ticker KRW-BTC", "ticker KRW-ETH"
BOOK, OTHER_BOOK = "orderbook KRW-BTC", "orderbook KRW-ETH"
FLUSH = Deadline(Kind.FLUSH)
SPACING = 0.25  # seconds between two messages to the exchange
ACKNOWLEDGED_AFTER, PROBATION = 1.0, 2.0


def book(depth: int, codes: str = "KRW-BTC", *, snapshot: bool = True) -> Want:
    return orderbook_want(codes, depth=depth, snapshot=snapshot)


def types(parts: Parts) -> list[list[dict[str, object]]]:
    """Return what was asked, request by request, and forget all that was decided."""
    return [request.types for request in parts.took(SendRequest)]


def see(parts: Parts, one: Attachment, *streams: Stream) -> None:
    one.coverage.saw(streams)


def answer(ticket: str) -> SubscriptionList:
    return SubscriptionList(ticket, ())


# --- where it goes


@pytest.mark.parametrize(
    ("want", "replay", "snapshots", "realtime"),
    [
        (ticker_want("KRW-BTC"), True, True, True),
        (ticker_want("KRW-BTC", snapshot=False), False, False, True),
        (ticker_want("KRW-BTC", realtime=False), True, True, False),
        (my_asset_want(), False, True, True),
        (msgspec.structs.replace(my_asset_want(), snapshot=True), False, True, True),
    ],
)
def test_a_route_says_what_its_want_does(want: Want, replay: bool, snapshots: bool, realtime: bool) -> None:
    parts = Parts()
    streams = tuple(want.streams())
    parts.asking.route(3, want, streams)
    assert parts.told() == [Route(3, streams, replay, snapshots, realtime, "now")]
    parts.asking.route(3, want, ())
    assert parts.told() == []


def test_a_deeper_book_is_routed_from_its_next_snapshot_on_and_the_others_now() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, book(5))
    parts.asking.ask(one, 10.0)
    parts.told()
    parts.asking.route(3, book(30), (BOOK, OTHER_BOOK))
    assert parts.told() == [
        Route(3, (BOOK,), False, True, True, "next snapshot"),
        Route(3, (OTHER_BOOK,), True, True, True, "now"),
    ]
    parts.asking.route(3, book(5), (BOOK,))
    assert parts.told() == [Route(3, (BOOK,), True, True, True, "now")]


def awaited_book(parts: Parts, one: Attachment) -> None:
    """Have a deeper book awaited of which nobody wanted a snapshot."""
    parts.want(1, book(5, snapshot=False))
    parts.asking.ask(one, 10.0)
    parts.want(2, book(15, snapshot=False))
    parts.asking.route(2, book(15, snapshot=False), (BOOK,))
    parts.told()


def test_a_new_router_is_told_of_all_that_is_open_and_awaits_nothing() -> None:
    parts = Parts()
    awaited_book(parts, parts.open(1, 5))
    parts.want(3, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    parts.leases.satisfied(3, BTC)
    parts.want(4, ticker_want("KRW-BTC", realtime=False))
    parts.leases.satisfied(4, BTC)
    parts.asking.route_anew()
    assert parts.told() == [
        Route(1, (BOOK,), False, False, True, "now"),
        Route(2, (BOOK,), False, False, True, "now"),
        Route(3, (ETH,), False, True, False, "now"),
    ]


# --- when


def test_a_change_leaves_after_the_gathering_on_each_source_at_its_own_pace() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.plan_flush(10.0)
    assert FLUSH not in parts.deadlines
    first.source.pace.sent(10.0)
    parts.asking.changed(10.0)
    parts.asking.plan_flush(10.0)
    assert parts.due_of(FLUSH) == 10.0 + GATHER
    assert not parts.asking.flush(10.0)
    assert parts.took(SendRequest) == []
    assert not parts.asking.flush(10.0 + GATHER)
    assert [request.source for request in parts.took(SendRequest)] == [2]
    parts.asking.plan_flush(10.0 + GATHER)
    assert parts.due_of(FLUSH) == 10.0 + SPACING
    assert not parts.asking.flush(10.25)
    assert [request.source for request in parts.took(SendRequest)] == [1]
    parts.asking.plan_flush(10.25)
    assert FLUSH not in parts.deadlines
    assert second.requests == 1


def test_a_source_that_is_not_open_has_its_changes_settled_and_is_asked_when_it_opens() -> None:
    parts = Parts()
    source = parts.source(1)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.changed(10.0)
    parts.asking.plan_flush(10.0)
    assert FLUSH in parts.deadlines
    assert not parts.asking.flush(11.0)
    assert (parts.told(), source.pace.due(11.0)) == ([], None)


def test_the_time_at_which_nothing_is_wanted_any_more_is_told() -> None:
    parts = Parts()
    parts.source(1)
    one = parts.open(2, 5)
    parts.asking.changed(10.0)
    assert not parts.asking.flush(10.0), "it is not due yet"
    assert parts.asking.flush(11.0)
    assert (parts.told(), one.requests) == ([], 0)
    assert not parts.asking.flush(12.0), "it is told once"


def test_that_one_source_has_nothing_due_hides_nothing_of_the_other() -> None:
    parts = Parts()
    for number in (1, 2):
        parts.open(number, 4 + number)
    first = parts.sources.get(1)
    assert first is not None
    first.pace.changed(10.0)
    assert parts.asking.flush(11.0)


def test_a_source_that_is_to_go_is_asked_nothing() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    closed = parts.source(2)
    parts.want(1, ticker_want("KRW-BTC"))
    one.source.is_dropped = closed.is_dropped = True
    parts.asking.changed(10.0)
    parts.asking.question(77)
    parts.asking.ask_source(one)
    parts.asking.plan_flush(10.0)
    assert FLUSH not in parts.deadlines
    assert not parts.asking.flush(20.0)
    assert parts.told() == []
    closed.is_dropped = False
    parts.asking.plan_flush(20.0)
    assert FLUSH in parts.deadlines


def test_one_whose_heir_is_open_is_asked_questions_alone() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.source(2, heir_of=(1,))
    parts.want(1, ticker_want("KRW-BTC"))
    heir = parts.open(2, 6)
    parts.asking.changed(10.0)
    parts.asking.ask_source(one)
    parts.asking.flush(11.0)
    assert [
        (type(told), told.source) for told in parts.told() if isinstance(told, SendRequest | ListSubscriptions)
    ] == [
        (ListSubscriptions, 1),
        (SendRequest, 2),
    ]
    assert heir.requests == 1


# --- requests


def test_nothing_is_asked_while_nothing_is_wanted() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.asking.ask(one, 10.0)
    assert (parts.told(), one.requests, parts.deadlines.next_due) == ([], 0, None)


def test_a_request_names_everything_and_is_counted() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    one.is_excused = True
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.ask(one, 10.0)
    assert parts.told() == [
        SendRequest(1, 1, [{"type": "ticker", "codes": ["KRW-BTC"]}], one.number),
    ]
    assert (one.requests, one.is_excused, parts.asking.requests_sent) == (1, False, 1)
    assert one.source.pace.free_at(10.0) == 10.0 + SPACING
    parts.asking.ask(one, 11.0)
    assert (parts.told(), one.requests) == ([], 1), "it was asked that already"
    parts.want(2, ticker_want("KRW-ETH"))
    parts.asking.ask(one, 12.0)
    (request,) = parts.took(SendRequest)
    assert (request.number, parts.asking.requests_sent) == (2, 2)
    assert {code for one in request.types for code in one["codes"]} == {"KRW-BTC", "KRW-ETH"}  # type: ignore[attr-defined]


def test_what_is_no_connection_to_the_exchange_costs_no_request() -> None:
    parts = Parts()
    parts.source(1, is_paced=False)
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.ask(one, 10.0)
    parts.asking.ask_source(one)
    parts.asking.flush(10.0)
    assert (len(parts.told()), parts.asking.requests_sent) == (2, 0)


def test_a_request_settles_the_changes_before_it() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.changed(10.0)
    parts.asking.ask(one, 10.0)
    assert one.source.pace.due(10.0) is None


def test_who_is_new_in_a_request_is_to_blame_for_it_or_proven_by_it() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    for number in (1, 2):
        parts.want(number, ticker_want("KRW-BTC"))
    parts.asking.ask(one, 10.0)
    assert (one.suspects, one.provable) == ({1, 2}, {1: {1, 2}})
    one.provable[1].discard(1)
    assert one.suspects == {1, 2}, "they are two sets"
    parts.asking.ask(one, 10.5)
    assert one.provable == {1: {1, 2}}
    assert parts.due_of(Deadline(Kind.PROVEN, 5, 1)) == 10.0 + PROBATION, "no second request was needed"


def test_nobody_is_to_be_proven_by_what_nobody_is_suspected_of_or_was_never_asked() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.leases.probation.proven()
    parts.asking.ask(one, 10.0)
    assert Deadline(Kind.PROVEN, 5, 1) not in parts.deadlines
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    plan = one.coverage.plan(parts.leases.union)
    assert plan is not None
    one.coverage.sent(plan)
    parts.asking.ask(one, 10.0)
    assert one.suspects == {1}
    assert parts.due_of(Deadline(Kind.PROVEN, 5, 0)) is None


def test_what_was_asked_is_watched() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.ask(one, 10.0)
    assert parts.due_of(Deadline(Kind.SILENT, 5, 1)) == 15.0


@pytest.mark.parametrize(("count", "is_checked"), [(1, False), (2, True), (3, True)])
def test_with_several_sources_each_request_is_checked(count: int, is_checked: bool) -> None:
    parts = Parts()
    for number in range(1, count):
        parts.source(9 + number)
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.ask(one, 10.0)
    assert parts.due_of(Deadline(Kind.CHECK_SERVED, 5, 1)) == (10.0 + ACKNOWLEDGED_AFTER if is_checked else None)


def test_a_deeper_book_is_expected_before_it_is_asked_for() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, book(5))
    parts.asking.ask(one, 10.0)
    see(parts, one, BOOK)
    parts.want(2, book(30))
    parts.told()
    parts.asking.ask(one, 11.0)
    assert [type(told) for told in parts.out] == [Expect, SendRequest]
    assert parts.took(Expect) == [Expect((BOOK,))]


def test_what_another_source_brings_as_deep_already_is_not_expected() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    parts.want(1, book(5))
    for one in (first, second):
        parts.asking.ask(one, 10.0)
        see(parts, one, BOOK)
    parts.want(2, book(30))
    parts.told()
    parts.asking.ask(first, 11.0)
    assert parts.took(Expect) == [Expect((BOOK,))], "the other one is as shallow"
    parts.asking.ask(second, 11.0)
    assert parts.took(Expect) == []


def test_what_no_source_is_asked_for_any_more_is_retired_after_the_last_request() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    parts.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    for one in (first, second):
        parts.asking.ask(one, 10.0)
    parts.leases.drop(1, ticker_want("KRW-ETH"))
    parts.told()
    parts.asking.ask(first, 11.0)
    assert parts.took(Retire) == []
    parts.asking.ask(second, 11.0)
    assert [type(told) for told in parts.out] == [SendRequest, Retire]
    assert parts.took(Retire) == [Retire((ETH,))]


def test_snapshots_that_nobody_waits_for_any_more_end_by_themselves() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    parts.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    parts.want(2, book(30))
    for one in (first, second):
        parts.asking.ask(one, 10.0)
    parts.told()
    parts.asking.forget(iter([BTC, BOOK]))
    assert parts.told() == [Retire((BTC,))], "the book goes on"
    assert [one.coverage.depth_asked(BTC) for one in (first, second)] == [-1, -1]
    assert [one.coverage.depth_asked(ETH) for one in (first, second)] == [0, 0]


# --- questions


def test_a_question_goes_to_whichever_source_is_free_first_and_its_answer_to_who_asked() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    first.source.pace.sent(10.0)
    parts.asking.question(77)
    parts.asking.plan_flush(10.0)
    assert parts.due_of(FLUSH) == 10.0
    second.source.pace.sent(10.0)
    parts.asking.plan_flush(10.0)
    assert parts.due_of(FLUSH) == 10.0 + SPACING
    assert not parts.asking.flush(10.125)
    assert parts.told() == []
    second.requests = 3
    first.source.pace.sent(10.25)
    assert not parts.asking.flush(10.25)
    (question,) = parts.took(ListSubscriptions)
    assert question.source == 2
    assert parts.asking.requests_sent == 1
    assert second.source.pace.free_at(10.25) == 10.5
    assert second.asked[question.ticket].after == 3
    parts.asking.plan_flush(10.25)
    assert FLUSH not in parts.deadlines, "it is asked once"
    assert parts.asking.answered(first, answer(question.ticket)) is None
    asked = parts.asking.answered(second, answer(question.ticket))
    assert asked is not None
    assert (asked.askers, asked.after, asked.proves, asked.is_recheck) == ((77,), 3, None, False)
    assert parts.told() == [Answer(77, answer(question.ticket))]
    assert parts.asking.answered(second, answer(question.ticket)) is None
    assert parts.told() == []


def test_questions_that_have_not_left_yet_are_one() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    for asker in (77, 78, 79):
        parts.asking.question(asker)
    parts.asking.flush(10.0)
    (question,) = parts.took(ListSubscriptions)
    parts.asking.question(80)
    parts.asking.flush(11.0)
    (another,) = parts.took(ListSubscriptions)
    assert another.ticket != question.ticket
    for ticket in (question.ticket, another.ticket):
        parts.asking.answered(one, answer(ticket))
    assert parts.told() == [
        *(Answer(asker, answer(question.ticket)) for asker in (77, 78, 79)),
        Answer(80, answer(another.ticket)),
    ]


def test_a_source_is_asked_its_own_questions_first_and_no_other_source_is() -> None:
    parts = Parts()
    first, second = parts.open(1, 5), parts.open(2, 6)
    second.source.pace.sent(10.0)
    parts.asking.question(77)
    parts.asking.ask_source(first, proves=6)
    parts.asking.ask_source(first, is_recheck=True)
    for now in (10.0, 10.25, 10.5):
        parts.asking.flush(now)
    asked = parts.took(ListSubscriptions)
    assert [one.source for one in asked] == [1, 1, 2]
    assert len({one.ticket for one in asked}) == 3
    known = [first.asked[asked[0].ticket], first.asked[asked[1].ticket], second.asked[asked[2].ticket]]
    assert [(one.askers, one.proves, one.is_recheck) for one in known] == [
        ((), 6, False),
        ((), None, True),
        ((77,), None, False),
    ]
    parts.asking.answered(first, answer(asked[0].ticket))
    assert parts.told() == [], "nobody outside waits for it"


def test_no_question_goes_before_a_request_that_is_due_soon() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.question(77)
    parts.asking.changed(10.0)
    parts.asking.plan_flush(10.0)
    assert parts.due_of(FLUSH) == 10.0 + GATHER
    parts.asking.flush(10.0)
    assert parts.told() == []
    parts.asking.flush(10.0 + GATHER)
    assert [type(told) for told in parts.told()] == [SendRequest]
    parts.asking.plan_flush(10.0 + GATHER)
    assert parts.due_of(FLUSH) == 10.0 + GATHER + SPACING
    parts.asking.flush(10.0 + GATHER + SPACING)
    (question,) = parts.took(ListSubscriptions)
    assert one.asked[question.ticket].after == 1


def test_a_question_settles_no_change() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.source(2, heir_of=(1,))
    heir = parts.open(2, 6)
    parts.want(1, ticker_want("KRW-BTC"))
    parts.asking.changed(10.0)
    parts.asking.ask_source(one)
    parts.asking.flush(11.0)
    assert [question.source for question in parts.took(ListSubscriptions)] == [1]
    parts.sources.ended(heir)
    parts.asking.flush(12.0)
    assert [request.source for request in parts.took(SendRequest)] == [1], "it is not to end after all"


def test_questions_of_others_are_asked_elsewhere_when_a_source_ends_and_its_own_are_not() -> None:
    parts = Parts()
    first = parts.open(1, 5)
    parts.asking.question(77)
    parts.asking.ask_source(first, proves=6)
    first.requests = 4
    for now in (10.0, 10.25):
        parts.asking.flush(now)
    tickets = {one.ticket for one in parts.took(ListSubscriptions)}
    parts.asking.lost(first)
    parts.sources.ended(first)
    second = parts.open(2, 6)
    parts.asking.flush(11.0)
    parts.asking.flush(12.0)
    (question,) = parts.took(ListSubscriptions)
    assert (question.source, question.ticket in tickets) == (2, True)
    assert second.asked[question.ticket].after == 0
    parts.asking.answered(second, answer(question.ticket))
    assert parts.told() == [Answer(77, answer(question.ticket))]


def test_where_no_source_can_answer_all_questions_are_denied_once() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    error = TransportError("gone")
    parts.asking.question(77)
    parts.asking.flush(10.0)
    parts.asking.question(78)
    parts.asking.question(79)
    (question,) = parts.took(ListSubscriptions)
    parts.asking.deny(error)
    assert parts.told() == [Deny(77, error), Deny(78, error), Deny(79, error)]
    assert parts.asking.answered(one, answer(question.ticket)) is None
    parts.asking.flush(11.0)
    assert parts.told() == []
    parts.asking.deny(error)
    assert parts.told() == []


# --- whatever happens

steps = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.integers(1, 3), st.sampled_from([1, 5, 15, 30])),
        st.tuples(st.just("drop"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("question"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, 2, 8, 40]), st.just(0)),
    ),
    max_size=30,
)


def next_flush(parts: Parts, now: float) -> float | None:
    """Return when `flush` is to be called next; no snapshot ever comes, and all other deadlines are forgotten."""
    parts.asking.plan_flush(now)
    while (due := parts.deadlines.next_due) is not None:
        ready, mark = parts.deadlines.pop(due)
        if FLUSH in ready:
            return due
        for one in parts.deadlines.marked(mark, ALWAYS, due) if mark is not None else ():
            attachment = parts.sources.attachment(one.attachment)
            if one.kind is Kind.ANSWERED and attachment is not None:
                attachment.coverage.give_up()
        parts.asking.plan_flush(due)
    return None


@given(steps)
def test_soon_every_source_was_asked_for_the_union_and_each_question_once(actions: list[tuple[str, int, int]]) -> None:
    parts = Parts()
    attachments = {source: parts.open(source, 4 + source) for source in (1, 2)}
    now, leases, askers = 10.0, 0, 0
    sent: dict[int, list[float]] = {1: [], 2: []}
    questions: list[ListSubscriptions] = []
    for action, which, depth in [*actions, ("wait", 80, 0)]:
        if action == "want":
            leases += 1
            parts.want(leases, book(depth, ["KRW-BTC", "KRW-ETH", "KRW-XRP"][which - 1]))
            parts.asking.changed(now)
        elif action == "drop" and parts.leases.drop(which) is not None:
            parts.asking.changed(now)
        elif action == "question":
            askers += 1
            parts.asking.question(askers)
        end = now + (which / 8 if action == "wait" else 0.0)
        while (due := next_flush(parts, now)) is not None and due <= end:
            now = max(now, due)
            parts.asking.flush(now)
            for told in parts.told():
                if isinstance(told, SendRequest | ListSubscriptions):
                    sent[told.source].append(now)
                if isinstance(told, ListSubscriptions):
                    questions.append(told)
        now = end
    demands = parts.leases.union.demands
    for one in attachments.values() if demands else ():
        assert {stream: at.depth for stream, at in one.coverage.asked.items()} == {
            stream: demand.depth for stream, demand in demands.items()
        }
    for times in sent.values():
        assert all(later - earlier >= SPACING for earlier, later in itertools.pairwise(times))
    for question in questions:
        parts.asking.answered(attachments[question.source], answer(question.ticket))
    assert sorted(told.asker for told in parts.took(Answer)) == list(range(1, askers + 1))
