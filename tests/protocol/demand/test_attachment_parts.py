"""The sockets of one attachment: which of them a request goes to, and what each must have shown."""

import pytest

from websocket_v6.protocol.delivery.commands import Skip
from websocket_v6.protocol.demand.attachment_parts import Parts
from websocket_v6.protocol.exchange.envelope import SubscribedEntry
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.partition import size_of

A, B, C, D = "ticker KRW-A", "ticker KRW-B", "ticker KRW-C", "ticker KRW-D"


def tickers(*streams: str) -> list[dict[str, object]]:
    return [{"type": "ticker", "codes": [stream.partition(" ")[2] for stream in streams]}]


def entries(*codes: str) -> tuple[SubscribedEntry, ...]:
    return tuple(SubscribedEntry("ticker", (code,), None, {}) for code in codes)


@pytest.fixture
def two() -> Parts:
    """Parts 11 and 12: A and C come over the first, B and D over the second, and both were asked for them."""
    two = Parts((11, 12), 1000)
    requests = two.divide(tickers(A, B, C, D), (A, B, C, D))
    assert requests == {11: tickers(A, C), 12: tickers(B, D)}
    two.sent(requests, (A, B, C, D))
    return two


def test_one_socket_is_asked_for_all_and_a_sign_of_it_is_a_sign() -> None:
    one = Parts((11,))
    types = tickers(A, B)
    assert not one.is_split
    assert one.divide(types, (A,)) == {11: types}
    one.sent((11,), (A, B))
    assert one.saw(11, (B,))
    assert one.have_begun
    assert one.asked == one.question("ticket") == (11,)
    assert one.skips((A, B)) == [Skip(11, (A, B))]
    assert not one.is_roomy


def test_only_those_are_asked_of_which_something_changes(two: Parts) -> None:
    more = "trade KRW-B"
    trades: dict[str, object] = {"type": "trade", "codes": ["KRW-B"]}
    types = [*tickers(A, B, C, D), trades]
    assert two.divide(types, (more,)) == {12: [*tickers(B, D), trades]}


def test_what_does_not_fit_is_said_and_changes_nothing(two: Parts) -> None:
    full = Parts((11, 12), size_of(tickers(A, C)))
    assert full.divide(tickers(A, B, C, D), (A, B, C, D)) is not None
    assert full.divide(tickers(A, B, C, D, "ticker KRW-E"), ("ticker KRW-E",)) is None
    assert full.divide(tickers(A, B, C), (D,)) == {12: tickers(B)}


def test_one_of_which_nothing_is_wanted_any_more_is_not_asked_and_may_be_again(two: Parts) -> None:
    assert two.divide(tickers(A, C), (B, D)) == {}
    assert two.is_roomy
    assert two.divide(tickers(A, C, D), (D,)) == {12: tickers(D)}, "where it comes over until then"


def test_with_one_that_is_not_needed_it_is_roomy_however_full_the_others_are() -> None:
    full = Parts((11, 12), size_of(tickers(A, C)))
    requests = full.divide(tickers(A, B, C, D), (A, B, C, D))
    assert requests is not None
    full.sent(requests, (A, B, C, D))
    assert not full.is_roomy
    full.divide(tickers(A, C), (B, D))
    assert full.is_roomy
    full.divide(tickers(A, B, C), (B,))
    assert not full.is_roomy


def test_there_are_too_many_only_if_fewer_would_be_opened() -> None:
    """Else a source that takes its place would have as many, and be replaced for that in its turn, for ever."""
    three = Parts((11, 12, 13), 1000)
    types = tickers(A, B, C)
    three.divide(types, (A, B, C))
    assert three.is_roomy
    assert three.are_too_many(types)
    assert not three.are_too_many(tickers(*(f"ticker KRW-{number:030d}" for number in range(60))))
    assert not Parts((11,)).are_too_many(types)


def test_a_request_is_in_force_once_each_that_it_went_to_has_shown_it(two: Parts) -> None:
    assert not two.saw(11, (A,))
    assert not two.saw(11, (C,))
    assert two.saw(12, (D,))
    more = ("ticker KRW-E", "ticker KRW-F")
    requests = two.divide(tickers(A, B, C, D, *more), more)
    assert requests is not None
    two.sent(requests, more)
    assert not two.saw(11, (A,)), "which an older request asked for"
    assert not two.saw(11, more[:1])
    assert two.saw(12, more[1:])


def test_what_is_left_out_shows_nothing(two: Parts) -> None:
    two.saw(11, (A,))
    two.saw(12, (B,))
    requests = two.divide(tickers(A, B, C), (D,))
    assert requests is not None
    two.sent(requests, ())
    assert not two.saw(12, (B,))


def test_they_have_begun_once_each_that_was_asked_has_brought_something() -> None:
    two = Parts((11, 12), 1000)
    requests = two.divide(tickers(A), (A,))
    assert requests == {11: tickers(A)}
    two.sent(requests, (A,))
    assert not two.have_begun
    two.saw(11, (A,))
    assert two.have_begun, "the other one was asked for nothing"
    two.sent((12,), (B,))
    assert not two.have_begun


def test_a_question_is_answered_once_all_have(two: Parts) -> None:
    assert two.question("ticket") == (11, 12)
    assert two.answered(12, SubscriptionList("ticket", entries("KRW-B"))) is None
    assert two.answered(12, SubscriptionList("ticket", entries("KRW-B"))) is None, "twice counts once"
    whole = two.answered(11, SubscriptionList("ticket", entries("KRW-A")))
    assert whole == SubscriptionList("ticket", entries("KRW-A", "KRW-B"))


def test_one_that_was_asked_for_nothing_is_asked_nothing() -> None:
    two = Parts((11, 12), 1000)
    assert two.question("early") == (11,)
    two.sent((12,), (B,))
    assert two.answered(11, SubscriptionList("early", ())) == SubscriptionList("early", ())
    assert two.question("ticket") == (12,)
    answer = SubscriptionList("ticket", entries("KRW-B"))
    assert two.answered(12, answer) == answer


def test_streams_are_skipped_where_they_come_from(two: Parts) -> None:
    assert two.skips((A, B, C)) == [Skip(11, (A, C)), Skip(12, (B,))]
    assert two.skips((D,), is_on=False) == [Skip(12, (D,), is_on=False)]
    assert two.skips(()) == []
