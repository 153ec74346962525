"""protocol/server/plain_client.py: a client that takes a door for the exchange."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.wants import Want, my_order_want
from websocket_v6.protocol.server.client_leases import Give, Take
from websocket_v6.protocol.server.plain_client import PlainClient, State
from websocket_v6.protocol.server.steps import (
    Action,
    Change,
    Close,
    Due,
    Event,
    Gone,
    HangUp,
    Heard,
    Interrupted,
    LeaseRefused,
    Revoked,
    Say,
    UseFormat,
)

TICKER = {"type": "ticker", "codes": ["KRW-BTC"]}
WANT = Want("ticker", ("KRW-BTC",))


def client(endpoint: str = "public", now: float = 0.0) -> PlainClient:
    return PlainClient(endpoint=endpoint, region="kr", new_lease=itertools.count(1).__next__, now=now)


def asked(*objects: object) -> Heard:
    return Heard(json.dumps([{"ticket": "t"}, *objects]).encode())


def name_of(action: Action) -> str:
    assert isinstance(action, Say)
    return str(json.loads(action.payload)["error"]["name"])


def listed(actions: list[Action]) -> Any:
    assert isinstance(actions[-1], Say)
    return json.loads(actions[-1].payload)


LIST = asked({"method": "LIST_SUBSCRIPTIONS"})
PING = Heard(b"PING")


def test_a_request_is_leased_and_acknowledged_by_nothing() -> None:
    assert client().handle(asked(TICKER), 1.0) == [Change((Take(1, WANT, True),))]


def test_a_request_in_a_binary_frame_is_one_too() -> None:
    assert client().handle(msgspec.structs.replace(asked(TICKER), is_binary=True), 1.0) == [
        Change((Take(1, WANT, True),))
    ]


def test_a_request_replaces_the_one_before() -> None:
    one = client()
    one.handle(asked(TICKER), 1.0)
    assert one.handle(asked(TICKER), 2.0) == [Change((Take(2, WANT, True), Give(1, None)))]


def test_codes_that_are_none_are_served_with_silence() -> None:
    one = client()
    assert one.handle(asked({"type": "ticker", "codes": ["krw-btc"]}), 1.0) == []
    assert listed(one.handle(LIST, 2.0))["result"] == [{"type": "ticker", "codes": ["krw-btc"]}]


@pytest.mark.parametrize("data", [b"hello", b"ping", b'"PING"', b"PING ", b"\xff"])
def test_an_error_is_answered_and_closes(data: bytes) -> None:
    one = client()
    one.handle(asked(TICKER), 1.0)
    error, change, close = one.handle(Heard(data), 2.0)
    assert name_of(error) == "WRONG_FORMAT"
    assert (change, close) == (Change((Give(1, None),)), Close(1000, ""))
    assert one.state is State.CLOSED


def test_what_a_client_is_subscribed_to_is_its_own() -> None:
    one = client()
    assert listed(one.handle(LIST, 1.0)) == {"method": "LIST_SUBSCRIPTIONS", "result": [], "ticket": "t"}
    book = {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": 10000}
    one.handle(asked(TICKER, book), 2.0)
    assert listed(one.handle(LIST, 3.0))["result"] == [TICKER, book]


def test_the_format_of_the_latest_request_holds() -> None:
    one = client()
    assert one.handle(asked(TICKER, {"format": "SIMPLE_LIST"}), 1.0)[0] == UseFormat("SIMPLE_LIST")
    question = asked({"method": "LIST_SUBSCRIPTIONS"}, {"format": "SIMPLE"})
    first, second = one.handle(question, 2.0)
    assert first == UseFormat("SIMPLE")
    assert json.loads(second.payload)["rslt"] == [{"ty": "ticker", "cds": ["KRW-BTC"]}]  # type: ignore[union-attr]
    # One that names none means DEFAULT, the question too.
    assert one.handle(LIST, 3.0)[0] == UseFormat("DEFAULT")
    assert not any(isinstance(action, UseFormat) for action in one.handle(asked(TICKER), 4.0))


# --- limits


def test_five_messages_a_second_and_the_sixth_closes() -> None:
    one = client()
    for _ in range(5):
        assert isinstance(one.handle(LIST, 10.0)[0], Say)
    error, close = one.handle(LIST, 10.9)
    assert name_of(error) == "TOO_MANY_REQUEST"
    assert close == Close(1000, "")


def test_a_hundred_messages_a_minute() -> None:
    one = client()
    for number in range(100):
        assert "error" not in listed(one.handle(LIST, number * 0.3))
    assert name_of(one.handle(LIST, 59.9)[0]) == "TOO_MANY_REQUEST"


def test_ping_does_not_count() -> None:
    one = client()
    for _ in range(20):
        assert one.handle(PING, 1.0) == []


# --- keep-alive


def test_one_ping_starts_an_endless_series() -> None:
    one = client(now=3.0)
    assert one.handle(PING, 4.0) == []
    assert one.next_due == 10.0
    assert one.handle(PING, 5.0) == []
    for due in (10.0, 20.0, 30.0):
        assert one.next_due == due
        assert one.handle(Due(0.0), due) == [Say(b'{"status":"UP"}')]


def test_silence_ends_without_a_close_frame() -> None:
    one = client(now=5.0)
    one.handle(asked(TICKER), 10.0)
    assert one.next_due == 130.0
    assert one.handle(Due(10.0), 130.0) == [Change((Give(1, None),)), HangUp()]
    assert one.next_due is None


def test_whoever_sends_or_is_sent_something_is_not_idle() -> None:
    one = client()
    assert one.handle(Due(stirred_at=100.0), 120.0) == []
    assert one.next_due == 220.0


def test_whoever_is_told_up_is_not_idle() -> None:
    one = client()
    one.handle(PING, 1.0)
    for due in range(10, 300, 10):
        assert one.handle(Due(0.0), float(due)) == [Say(b'{"status":"UP"}')]


def test_a_timer_that_comes_late_says_nothing_of_the_client() -> None:
    one = client()
    assert one.handle(Due(0.0), 1000.0) == []
    assert one.next_due == 1120.0


# --- what happens behind it


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (LeaseRefused(1), "TOO_MANY_REQUEST"),
        (LeaseRefused(1, "INVALID_PARAM", "text"), "INVALID_PARAM"),
    ],
)
def test_a_refused_lease_is_an_error_and_closes(event: Event, name: str) -> None:
    one = client()
    one.handle(asked(TICKER, {"type": "trade", "codes": ["KRW-BTC"]}), 1.0)
    error, change, close = one.handle(event, 2.0)
    assert name_of(error) == name
    assert (change, close) == (Change((Give(2, None),)), Close(1000, ""))


def test_the_refusal_of_what_was_replaced_concerns_nobody() -> None:
    one = client()
    one.handle(asked(TICKER), 1.0)
    one.handle(asked(TICKER), 2.0)
    assert one.handle(LeaseRefused(1), 3.0) == []


def test_a_gap_closes_whoever_may_have_missed_something() -> None:
    one = client()
    assert one.handle(Interrupted(), 1.0) == []
    one.handle(asked(TICKER), 2.0)
    change, close = one.handle(Interrupted(), 3.0)
    assert change == Change((Give(1, None),))
    assert isinstance(close, Close)
    assert close.code == 1012


def test_other_keys_end_what_is_private() -> None:
    assert client().handle(Revoked(), 1.0) == []
    one = client("private")
    one.handle(asked({"type": "myOrder"}), 1.0)
    error, change, close = one.handle(Revoked(), 2.0)
    assert name_of(error) == "INVALID_AUTH"
    assert (change, close) == (Change((Give(1, None),)), Close(1000, ""))


def test_private_wants_stay_where_they_are() -> None:
    one = client("private")
    one.handle(asked({"type": "myOrder"}), 1.0)
    assert one.handle(asked({"type": "myOrder"}), 2.0) == []
    changes = one.handle(asked({"type": "myOrder", "codes": ["KRW-BTC"]}), 3.0)
    assert changes == [Change((Take(2, my_order_want("KRW-BTC"), False), Give(1, None)))]


EVENTS: list[Event] = [
    Heard(b"x"),
    LIST,
    PING,
    asked(TICKER),
    LeaseRefused(1),
    LeaseRefused(2, "INVALID_PARAM", "x"),
    Interrupted(),
    Revoked(),
    Due(0.0),
    Gone(),
]


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_happens_to_a_client_that_has_gone(event: Event) -> None:
    one = client()
    one.handle(asked(TICKER), 1.0)
    assert one.handle(Gone(), 2.0) == [Change((Give(1, None),))]
    assert one.handle(event, 3.0) == []
    assert one.next_due is None


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(0, 130)), max_size=15), st.sampled_from(["public", "private"])
)
def test_whatever_happens_each_end_gives_back_what_is_leased(walk: list[tuple[Event, float]], endpoint: str) -> None:
    one, now, leased = client(endpoint), 0.0, set[int]()
    for event, wait in [*walk, (Gone(), 0.0)]:
        now += wait
        was_open = one.state is State.OPEN
        if isinstance(event, LeaseRefused) and was_open:
            leased.discard(event.lease)
        actions = one.handle(event, now)
        for change in (change for action in actions if isinstance(action, Change) for change in action.changes):
            if isinstance(change, Take):
                leased.add(change.lease)
            elif change.want is None:
                assert change.lease in leased
                leased.discard(change.lease)
        ends = [action for action in actions if isinstance(action, Close | HangUp)]
        assert ends == actions[len(actions) - len(ends) :], "nothing comes behind the end"
        assert len(ends) <= was_open
        if one.state is State.CLOSED:
            assert not leased


def test_more_streams_than_there_is_room_for_are_too_many_requests() -> None:
    codes = [f"KRW-{number}" for number in range(15_001)]
    one = client()
    said, closed = one.handle(asked({"type": "ticker", "codes": codes}), 1.0)
    assert name_of(said) == "TOO_MANY_REQUEST"
    assert closed == Close(1000, "")
    left = 10
    other = PlainClient(
        endpoint="public", region="kr", new_lease=itertools.count(1).__next__, now=0.0, room=lambda: left
    )
    assert type(other.handle(asked({"type": "ticker", "codes": codes[:10]}), 1.0)[0]) is Change
    assert other.streams == 10
    left = 9
    assert name_of(other.handle(asked({"type": "ticker", "codes": codes[:10]}), 2.0)[0]) == "TOO_MANY_REQUEST"
