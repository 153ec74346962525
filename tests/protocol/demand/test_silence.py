import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.parts import TIMEOUT, Parts
from websocket_v6.protocol.demand.attachment_parts import Parts as Sockets
from websocket_v6.protocol.demand.commands import Report, Suspect
from websocket_v6.protocol.demand.deadlines import Deadline, Kind
from websocket_v6.protocol.demand.silence import MUTE, SUSPECT_AFTER, unknown_code
from websocket_v6.protocol.demand.source import Attachment
from websocket_v6.protocol.errors import UnknownCodeError
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import (
    Want,
    candle_want,
    indicator_want,
    my_asset_want,
    orderbook_want,
    ticker_want,
)

BTC, ETH, XRP = "ticker KRW-BTC", "ticker KRW-ETH", "ticker KRW-XRP"
WANT = ticker_want(["KRW-BTC", "KRW-ETH"])


def silent(attachment: int, number: int) -> Deadline:
    return Deadline(Kind.SILENT, attachment, number)


def request(parts: Parts, one: Attachment, now: float) -> None:
    """Have an attachment be asked for the union, as `asking.py` does it, and be watched."""
    plan = one.coverage.plan(parts.leases.union)
    if plan is not None and not plan.is_empty:
        one.coverage.sent(plan)
        one.requests += 1
    parts.silence.asked(one, now)


def judged(parts: Parts, number: int) -> list[tuple[int, list[Stream]]]:
    return [(lease, streams) for lease, _, streams in parts.silence.judge(number)]


# --- who waits


@pytest.mark.parametrize(
    ("want", "is_expected"),
    [
        (ticker_want("KRW-BTC"), True),
        (ticker_want("KRW-BTC", realtime=False), True),
        (ticker_want("KRW-BTC", snapshot=False), True),
        (my_asset_want(), False),
        (msgspec.structs.replace(my_asset_want(), snapshot=True), False),
        (indicator_want("KRW-BTC", timeframe="5m", indicators={"type": "rsi", "params": {"period": 14}}), False),
    ],
)
def test_only_what_the_exchange_begins_with_a_snapshot_is_expected(want: Want, is_expected: bool) -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, want)
    request(parts, one, 10.0)
    assert (silent(5, 1) in parts.deadlines) is is_expected
    assert judged(parts, 1) == ([(9, list(want.streams()))] if is_expected else [])


def test_what_says_nothing_in_time_is_reported_to_all_who_asked_in_the_order_of_their_wants() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, ticker_want(["KRW-ETH", "KRW-BTC"]))
    parts.want(8, ticker_want(["KRW-BTC", "KRW-XRP"]))
    request(parts, one, 10.0)
    assert parts.deadlines.next_due == 10.0 + TIMEOUT
    parts.silence.saw([XRP])
    assert parts.silence.judge(1) == [
        (8, ticker_want(["KRW-BTC", "KRW-XRP"]), [BTC]),
        (9, ticker_want(["KRW-ETH", "KRW-BTC"]), [ETH, BTC]),
    ]
    assert judged(parts, 1) == [], "once"


def test_what_is_watched_already_is_not_watched_again() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    request(parts, one, 11.0)
    assert (silent(5, 1) in parts.deadlines, silent(5, 2) in parts.deadlines) == (True, False)
    parts.want(8, ticker_want("KRW-XRP"))
    request(parts, one, 12.0)
    assert (judged(parts, 1), judged(parts, 2)) == ([(9, [BTC, ETH])], [(8, [XRP])])


def test_what_has_been_seen_is_not_watched() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, ticker_want("KRW-BTC"))
    request(parts, one, 10.0)
    one.coverage.saw([BTC])
    parts.silence.saw([BTC])
    assert parts.deadlines.next_due is None
    parts.want(8, WANT)
    request(parts, one, 11.0)
    assert judged(parts, 2) == [(8, [ETH])]
    parts.want(7, ticker_want("KRW-BTC"))
    request(parts, one, 12.0)
    assert parts.deadlines.next_due == 11.0 + TIMEOUT, "there is nothing to wait for"


def test_what_nobody_has_been_asked_for_yet_can_be_forgotten() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, WANT)
    parts.want(8, WANT)
    parts.silence.forget(9, [BTC, XRP])
    request(parts, one, 10.0)
    assert judged(parts, 1) == [(8, [BTC, ETH]), (9, [ETH])]
    parts.want(7, ticker_want("KRW-XRP"))
    parts.silence.forget(7, [XRP])
    parts.silence.forget(7, [XRP])
    request(parts, one, 11.0)
    assert silent(5, 2) not in parts.deadlines


# --- when


def test_a_watch_ends_when_the_last_of_it_has_spoken() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    parts.silence.saw([BTC, XRP])
    assert silent(5, 1) in parts.deadlines
    parts.silence.saw([ETH])
    assert silent(5, 1) not in parts.deadlines
    assert judged(parts, 1) == []


def test_the_time_begins_with_the_first_sign_that_the_request_is_in_force() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    parts.silence.in_force(one, 11.0)
    assert parts.deadlines.next_due == 10.0 + TIMEOUT, "no sign: none is in force"
    one.in_force = 1
    parts.silence.in_force(one, 12.0)
    assert parts.deadlines.next_due == 12.0 + TIMEOUT
    parts.silence.in_force(one, 13.0)
    assert parts.deadlines.next_due == 12.0 + TIMEOUT, "the first sign counts"


def test_a_sign_is_one_of_all_requests_of_its_attachment_up_to_it_and_of_no_other() -> None:
    parts = Parts()
    one, other = parts.open(1, 5), parts.open(2, 6)
    parts.want(9, ticker_want("KRW-BTC"))
    request(parts, one, 10.0)
    parts.want(8, ticker_want("KRW-ETH"))
    request(parts, one, 10.5)
    parts.want(7, ticker_want("KRW-XRP"))
    request(parts, one, 11.0)
    parts.want(6, ticker_want("KRW-ADA"))
    request(parts, other, 11.0)
    one.in_force = 2
    other.in_force = 1
    parts.silence.in_force(one, 14.0)
    ready, mark = parts.deadlines.pop(11.0 + TIMEOUT)
    assert ready == []
    assert parts.deadlines.marked(mark or 0, 0.0, 11.0 + TIMEOUT) == [silent(5, 3), silent(6, 4)]
    ready, mark = parts.deadlines.pop(14.0 + TIMEOUT)
    assert parts.deadlines.marked(mark or 0, 0.0, 14.0 + TIMEOUT) == [silent(5, 1), silent(5, 2)]


def test_what_an_earlier_request_has_asked_for_is_in_force_already() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, ticker_want("KRW-BTC"))
    request(parts, one, 10.0)
    one.in_force = 1
    parts.silence.in_force(one, 10.5)
    # Another lease wants the same: no request is needed for that.
    parts.want(8, ticker_want("KRW-BTC"))
    request(parts, one, 11.0)
    parts.silence.in_force(one, 13.0)
    assert judged(parts, 2) == [(8, [BTC])]
    parts.deadlines.cancel(silent(5, 1))
    assert parts.deadlines.next_due == 11.0 + TIMEOUT


# --- attachments and leases that go


def test_what_an_attachment_was_asked_is_watched_on_the_next() -> None:
    parts = Parts()
    one, other = parts.open(1, 5), parts.open(2, 6)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    parts.want(8, ticker_want("KRW-BTC"))
    request(parts, one, 10.5)
    parts.want(7, ticker_want("KRW-XRP"))
    assert not parts.silence.ended(other)
    parts.sources.ended(one)
    assert parts.silence.ended(one)
    assert (judged(parts, 1), judged(parts, 2)) == ([], [])
    request(parts, other, 12.0)
    assert judged(parts, 3) == [(7, [XRP]), (8, [BTC]), (9, [BTC, ETH])]
    assert not parts.silence.ended(one), "it is known"


def test_what_another_has_seen_meanwhile_is_not_watched_on_the_next() -> None:
    parts = Parts()
    one, other = parts.open(1, 5), parts.open(2, 6)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    request(parts, other, 10.0)
    other.coverage.saw([BTC])
    parts.sources.ended(one)
    parts.silence.ended(one)
    request(parts, other, 12.0)
    assert judged(parts, 2) == [(9, [ETH])]


def test_a_lease_that_is_gone_or_had_what_it_wanted_hears_nothing() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    for number in (7, 8, 9):
        parts.want(number, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    request(parts, one, 10.0)
    parts.leases.drop(7)
    parts.leases.satisfied(8, BTC)
    parts.leases.satisfied(9, BTC)
    parts.leases.drop(9, ticker_want("KRW-ETH"))
    assert judged(parts, 1) == [(8, [ETH])]


def test_a_lease_that_waits_for_its_trial_hears_nothing() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(8, WANT)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    parts.leases.probation.proven({8})
    parts.leases.set_apart([9])
    assert judged(parts, 1) == [(8, [BTC, ETH])]


def test_a_lease_that_was_set_apart_before_a_request_is_not_watched_for_it() -> None:
    """Else its silence would count from a request that did not have it."""
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(8, ticker_want("KRW-BTC"))
    parts.want(9, WANT)
    parts.leases.probation.proven({8})
    parts.leases.set_apart([9])
    request(parts, one, 10.0)
    parts.leases.try_again(9)
    assert judged(parts, 1) == [(8, [BTC])]


def test_all_is_watched_anew_once_nothing_is_open_any_more() -> None:
    parts = Parts()
    parts.want(9, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    parts.want(8, ticker_want("KRW-XRP"))
    parts.want(7, ticker_want("KRW-ADA", snapshot=False))
    parts.silence.expect(6, WANT, [BTC])
    parts.leases.satisfied(9, BTC)
    parts.silence.expect_all()
    request(parts, parts.open(1, 5), 10.0)
    assert judged(parts, 1) == [(7, ["ticker KRW-ADA"]), (8, [XRP]), (9, [ETH])]


# --- what is told, and when the connection is suspected first


def test_a_connection_that_brings_nothing_is_suspected_before_the_codes_and_once() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    one.source.was_suspected = False
    parts.want(9, WANT)
    request(parts, one, 10.0)
    assert parts.deadlines.next_due == 10.0 + TIMEOUT * SUSPECT_AFTER
    assert parts.silence.verdict(one, 1, 12.0) == [Suspect(1, 5, MUTE)]
    assert parts.deadlines.next_due == 12.0 + TIMEOUT, "if nothing follows from that, the codes are judged"
    parts.sources.ended(one)
    parts.silence.ended(one)
    again = parts.sources.opened(one.source, Sockets((6,)), is_held=False)
    request(parts, again, 20.0)
    (report,) = parts.silence.verdict(again, 2, 25.0)
    assert isinstance(report, Report)
    assert isinstance(report.error, UnknownCodeError)
    assert report.error.codes == ("KRW-BTC", "KRW-ETH")


def test_a_connection_that_has_brought_anything_is_not_suspected() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    one.source.was_suspected = False
    parts.want(9, WANT)
    request(parts, one, 10.0)
    one.coverage.saw([BTC])
    parts.silence.saw([BTC])
    (report,) = parts.silence.verdict(one, 1, 15.0)
    assert isinstance(report, Report)


def test_a_code_is_reported_once_until_it_has_spoken() -> None:
    parts = Parts()
    one = parts.open(1, 5)
    parts.want(9, WANT)
    request(parts, one, 10.0)
    assert judged(parts, 1) == [(9, [BTC, ETH])]
    parts.sources.ended(one)
    parts.silence.expect_all()
    one = parts.open(1, 6)
    request(parts, one, 20.0)
    assert judged(parts, 2) == []
    parts.silence.saw([ETH])
    parts.sources.ended(one)
    parts.silence.expect_all()
    request(parts, parts.open(1, 7), 30.0)
    assert judged(parts, 3) == [(9, [ETH])]
    parts.silence.forget(9, [BTC, ETH])
    parts.silence.expect_all()
    request(parts, parts.open(2, 8), 40.0)
    assert judged(parts, 4) == [(9, [BTC, ETH])], "asked for anew"


@pytest.mark.parametrize(
    ("want", "streams", "told"),
    [
        (ticker_want("KRW-NO"), ["ticker KRW-NO"], "the exchange sends no ticker for KRW-NO ("),
        (
            candle_want(["KRW-NO", "KRW-NOR"]),
            ["candle.1m KRW-NO", "candle.1m KRW-NOR"],
            "the exchange sends no candle.1m for KRW-NO, KRW-NOR (",
        ),
        (
            orderbook_want("KRW-BTC", level=7000),
            ["orderbook KRW-BTC@7000", "orderbook KRW-BTC@7000"],
            "the exchange sends no orderbook for KRW-BTC with level=7000 (",
        ),
    ],
)
def test_whoever_waits_in_vain_is_told_what_for(want: Want, streams: list[Stream], told: str) -> None:
    error = unknown_code(want, streams, 5.0)
    assert str(error).startswith(told)
    assert "(5 s without a snapshot)" in str(error)
    assert error.codes == tuple(dict.fromkeys(want.codes))


actions = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.integers(1, 4), st.sampled_from([BTC, ETH, XRP])),
        st.tuples(st.just("ask"), st.integers(1, 2), st.none()),
        st.tuples(st.just("see"), st.integers(1, 2), st.sampled_from([BTC, ETH, XRP])),
        st.tuples(st.just("end"), st.integers(1, 2), st.none()),
        st.tuples(st.just("judge"), st.none(), st.none()),
    ),
    max_size=30,
)


@given(actions)
def test_exactly_those_are_told_who_were_asked_for_and_have_heard_nothing(
    steps: list[tuple[str, int | None, Stream | None]],
) -> None:
    """Against a model of who waits on which life; nobody's wait is lost, whichever sources come and go."""
    parts = Parts()
    lives = {source: parts.open(source, source) for source in (1, 2)}
    unasked: set[tuple[int, Stream]] = set()
    watched: dict[int, set[tuple[int, Stream]]] = {}
    leases, life, watches = 0, 2, 0
    for action, which, stream in [*steps, ("ask", 1, None), ("judge", None, None)]:
        if action == "want" and stream is not None:
            leases += 1
            parts.want(leases, ticker_want(stream.split()[1]))
            unasked.add((leases, stream))
        elif action == "ask" and which is not None:
            pending = {pair for pair in unasked if not parts.sources.has_seen(pair[1])}
            watched.setdefault(lives[which].number, set()).update(pending)
            watches += bool(pending)
            unasked.clear()
            request(parts, lives[which], 10.0)
        elif action == "see" and which is not None and stream is not None:
            lives[which].coverage.saw([stream])
            parts.silence.saw([stream])
            watched = {number: {pair for pair in pairs if pair[1] != stream} for number, pairs in watched.items()}
        elif action == "end" and which is not None:
            old, life = lives[which], life + 1
            unasked |= watched.pop(old.number, set())
            parts.sources.ended(old)
            parts.silence.ended(old)
            lives[which] = parts.open(which, life)
        elif action == "judge":
            told = [
                (lease, one)
                for number in range(1, watches + 1)
                for lease, found in judged(parts, number)
                for one in found
            ]
            assert sorted(told) == sorted(pair for pairs in watched.values() for pair in pairs)
            watched.clear()
