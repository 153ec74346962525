"""What a failure leads to: how long to wait, for whom, and what other keys change."""

import msgspec
import pytest

from tests.protocol.connection.machines import EXCHANGE, LOST, REFUSED, in_state
from websocket_v6.protocol.connection.machine import State
from websocket_v6.protocol.connection.steps import (
    BlockPace,
    Ended,
    Failed,
    FinishTransport,
    NewKeys,
    Opened,
    Renew,
    Said,
    Tell,
)
from websocket_v6.protocol.errors import (
    AuthenticationError,
    ExchangeError,
    RateLimitedError,
    TransportError,
    WebSocketV6Error,
)

# --- keys


def test_an_attempt_with_old_keys_is_renewed_once_it_is_open() -> None:
    it = in_state(State.CONNECTING)
    assert it.tell(NewKeys(2)) == []
    assert it.tell(Opened(1)) == [Renew("keys")]


def test_an_attempt_that_had_the_new_keys_already_is_not() -> None:
    it = in_state(State.CONNECTING)
    assert it.tell(NewKeys(2), Opened(2)) == []
    it = in_state(State.CONNECTING)
    assert it.tell(Opened(2), NewKeys(2)) == [], "nor if it hears of them later"


def test_a_refusal_of_old_keys_is_followed_by_a_try_with_the_new_at_once() -> None:
    it = in_state(State.CONNECTING)
    assert it.tell(NewKeys(2), Failed(REFUSED, 1)) == [Tell("refused", REFUSED)]
    assert (it.state, it.due_in()) == (State.WAITING, {"connect": 0.0})
    it.connect()
    it.tell(Failed(REFUSED, 2))
    assert (it.state, it.due_in()) == (State.REFUSED, {"connect": 60.0}), "these were the new ones"
    assert it.tell(NewKeys(2)) == []
    assert it.state is State.REFUSED, "it had heard of them"


def test_who_does_not_say_which_keys_were_refused_does_not_hammer() -> None:
    it = in_state(State.CONNECTING)
    it.tell(NewKeys(2), Failed(REFUSED, 0))
    it.connect()
    it.tell(Failed(REFUSED, 0))
    assert it.state is State.REFUSED


def test_keys_that_come_after_none_are_used() -> None:
    it = in_state(State.CONNECTING)
    it.tell(Failed(AuthenticationError("no keys"), 0))
    assert it.state is State.REFUSED
    it.tell(NewKeys(2))
    assert (it.state, it.due_in()) == (State.WAITING, {"connect": 0.0})


def test_who_needs_no_keys_is_not_renewed() -> None:
    it = in_state(State.OPEN, msgspec.structs.replace(EXCHANGE, needs_keys=False))
    assert it.tell(NewKeys(5)) == []


@pytest.mark.parametrize("is_open", [True, False])
def test_refused_keys_are_tried_ever_more_rarely(is_open: bool) -> None:
    it = in_state(State.WAITING)
    waits = []
    for _ in range(6):
        if is_open:  # the exchange lets it in, to say in-band that it may not
            it.open()
            assert it.tell(Said("INVALID_AUTH", "no"))[0] == FinishTransport(it.machine.error)
            (told,) = it.tell(Ended(LOST))
        else:
            it.connect()
            (told,) = it.tell(Failed(REFUSED, 1))
        assert isinstance(told, Tell)
        assert told.state == "refused"
        assert isinstance(told.error, AuthenticationError)
        waits.append(it.due_in()["connect"])
    assert waits == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    it.tell(NewKeys(2))
    it.connect()
    it.tell(Failed(REFUSED, 2))
    assert it.due_in() == {"connect": 60.0}, "other keys change everything"


def test_refusals_are_forgotten_once_a_connection_has_proved_itself() -> None:
    it = in_state(State.REFUSED)
    it.open()
    it.run(20.0)
    it.wait(1.0)
    it.hear()
    it.due()
    it.tell(Said("INVALID_AUTH", "no"), Ended(LOST))
    assert it.due_in() == {"connect": 60.0}


def test_an_error_object_on_a_connection_without_keys_is_none_of_theirs() -> None:
    it = in_state(State.OPEN, msgspec.structs.replace(EXCHANGE, needs_keys=False))
    it.tell(Said("INVALID_AUTH", "no"), Ended(LOST))
    assert it.state is State.WAITING


# --- failures


@pytest.mark.parametrize(
    ("error", "wait", "block"),
    [
        (LOST, 0.5, None),
        (ExchangeError("WRONG_FORMAT", "no"), 0.5, None),
        (AuthenticationError("again", name="nonce_used"), 0.5, None),
        (RateLimitedError("slow", status=429), 1.5, 1.0),
        (RateLimitedError("slow", status=429, retry_after=7.0), 7.5, 7.0),
        (RateLimitedError("blocked", status=418), 60.5, 60.0),
        (RateLimitedError("blocked", status=418, retry_after=37.0), 37.5, 37.0),
        (RateLimitedError("blocked", status=418, retry_after=1e9), 600.5, 600.0),
        (RateLimitedError("blocked", status=418, retry_after=-5.0), 0.5, 0.0),
        (TransportError("out of order", retry_after=20.0), 20.5, 20.0),
    ],
)
def test_what_a_failure_leads_to(error: WebSocketV6Error, wait: float, block: float | None) -> None:
    it = in_state(State.CONNECTING)
    told, *rest = it.tell(Failed(error, 1))
    assert isinstance(told, Tell)
    assert (told.state, str(told.error)) == ("lost", str(error))
    assert not isinstance(told.error, AuthenticationError)
    assert rest == ([] if block is None else [BlockPace(it.now + block)])
    assert (it.state, it.due_in()) == (State.WAITING, {"connect": wait})


def test_the_wait_doubles_until_a_connection_has_proved_itself() -> None:
    it = in_state(State.WAITING)
    waits = []
    for _ in range(3):
        it.connect()
        it.tell(Failed(LOST))
        waits.append(it.due_in()["connect"])
    for _ in range(2):  # open for a moment is no success
        it.open()
        it.tell(Ended(LOST))
        waits.append(it.due_in()["connect"])
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]
    it.open()
    it.run(20.0)
    it.wait(1.0)
    it.hear()
    it.due()
    it.tell(Ended(LOST))
    assert it.due_in() == {"connect": 0.5}
