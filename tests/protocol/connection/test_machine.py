"""What a connection does on its way there, and on its way out. All else that it does is in the files beside this."""

import math

import msgspec
import pytest

from tests.protocol.connection.machines import DOOR, EXCHANGE, LOST, REFUSED, Driven, in_state
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.machine import ConnectionInheritance, State
from websocket_v6.protocol.connection.stall import StallMemory
from websocket_v6.protocol.connection.steps import (
    AbandonTransport,
    AbortTransport,
    Due,
    Ended,
    Failed,
    FinishTransport,
    NewKeys,
    Opened,
    OpenTransport,
    Said,
    SendPing,
    TakeTurn,
    Tell,
    TurnGiven,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import (
    WebSocketV6Error,
)

OTHER = msgspec.structs.replace(EXCHANGE, url="wss://elsewhere")
CLOSED = Tell("closed")
FINISH = FinishTransport(None)
ABORT = AbortTransport()


# --- getting there


def test_the_turn_is_taken_once_the_wait_is_over() -> None:
    it = Driven()
    it.tell(Wanted())
    assert it.due() == [TakeTurn()]
    it.tell(TurnGiven(it.now + 7.0))
    assert it.due_in() == {"connect": 7.0}
    assert it.due() == [OpenTransport(EXCHANGE)]


def test_a_door_is_not_paced() -> None:
    it = Driven(DOOR)
    it.tell(Wanted())
    assert it.due() == [OpenTransport(DOOR)]


def test_a_turn_that_was_given_before_a_block_is_void() -> None:
    it = in_state(State.QUEUED)
    it.tell(TurnGiven(it.now + 3.0, blocked_until=-math.inf))
    assert it.due(blocked_until=it.now + 60.0) == [TakeTurn()]
    it.tell(TurnGiven(it.now + 60.0, blocked_until=it.now + 60.0))
    assert it.due(blocked_until=it.now + 60.0) == [OpenTransport(EXCHANGE)], "this one knew of it"


def test_a_turn_that_comes_after_its_time_is_void() -> None:
    it = in_state(State.QUEUED)
    it.tell(TurnGiven(it.now))
    assert it.due(late=1.5) == [TakeTurn()], "others that were as late go with it"


def test_a_turn_that_is_not_given_is_asked_for_again() -> None:
    it = in_state(State.QUEUED)
    assert it.due() == [TakeTurn()]


@pytest.mark.parametrize("target", [EXCHANGE, DOOR])
def test_threads_without_an_end_are_not_made_more_and_more(target: Target) -> None:
    it = Driven(target)
    it.tell(Wanted())
    if target is EXCHANGE:
        it.due()
        it.tell(TurnGiven(it.now))
    state = it.state
    assert it.tell(Due(stuck=2)) == []
    assert (it.state, it.due_in()) == (state, {"connect": 10.0})
    actions = it.connect()
    assert actions == [OpenTransport(target)], "one of them has ended"


def test_an_attempt_that_takes_too_long_is_given_up() -> None:
    it = in_state(State.CONNECTING, config=Config(connect_timeout=4.0))
    assert it.due_in() == {"connect_by": 5.0}
    assert it.due() == []
    assert it.due_in() == {"confirm": 2.0}
    assert it.due() == [ABORT]
    (lost,) = it.tell(Failed(LOST))
    assert isinstance(lost, Tell)
    assert str(lost.error) == "no private connection within 4 s"
    assert it.due_in() == {"connect": 0.5}


def test_the_end_of_one_that_opened_too_late_is_the_transport_s_to_tell() -> None:
    it = in_state(State.CONNECTING)
    it.due()
    assert it.due() == [ABORT]
    (finish,) = it.tell(Opened(1))
    assert isinstance(finish, FinishTransport)
    assert it.tell(Ended(LOST)) == []
    assert it.state is State.WAITING


def test_nothing_is_done_before_its_time() -> None:
    it = Driven()
    assert it.tell(Due()) == [], "nothing is due at all"
    it.tell(Wanted())
    it.connect()
    due = it.due_in()
    it.wait(1.0)
    assert it.tell(Due()) == []
    assert it.due_in() == {name: seconds - 1.0 for name, seconds in due.items()}


def test_a_due_without_a_sample_is_no_sign_of_life() -> None:
    it = Driven()
    it.tell(Wanted())
    it.connect()
    it.tell(Failed(LOST))
    it.open()
    while SendPing() not in it.due():
        it.hear()
    it.wait(it.due_in()["pong"])
    it.tell(Due())
    assert it.machine.inheritance().failures == 1, "an answer would have ended the row"


@pytest.mark.parametrize("state", [State.CONNECTING, State.CLOSING, State.REOPENING, State.FINISHING])
@pytest.mark.parametrize("pause", [{"late": 6.0}, {"slept": 6.0}])
def test_a_transport_is_not_given_up_for_a_pause_of_our_own(state: State, pause: dict[str, float]) -> None:
    it = in_state(state)
    for _ in range(3):
        assert it.due(**pause) == []
        assert (it.state, it.due_in()) == (state, {"confirm": 2.0})
    assert it.due() != []


def test_an_attempt_that_never_ends_is_told_as_lost() -> None:
    it = in_state(State.CONNECTING)
    assert [it.due() for _ in range(3)] == [[], [ABORT], []]
    abandon, lost = it.due()
    assert abandon == AbandonTransport("no private connection within 10 s")
    assert isinstance(lost, Tell)
    assert (lost.state, str(lost.error)) == ("lost", abandon.reason)
    assert it.state is State.WAITING


def test_a_transport_that_was_open_says_itself_that_it_is_lost() -> None:
    it = in_state(State.OPEN)
    assert it.tell(Ended(LOST)) == []
    assert it.machine.error is LOST
    it.open()
    assert it.machine.error is None


# --- a door


@pytest.mark.parametrize("error", [LOST, REFUSED])
def test_a_door_is_tried_again_without_a_turn(error: WebSocketV6Error) -> None:
    it = in_state(State.CONNECTING, DOOR)
    it.tell(Failed(error))
    it.now += it.due_in()["connect"]
    assert it.due() == [OpenTransport(DOOR)]


# --- leaving


def test_a_fault_stays_one_though_nobody_wanted_it_for_a_moment() -> None:
    it = in_state(State.OPEN)
    it.tell(Said("WRONG_FORMAT", "no"), Unwanted(), Wanted())
    assert it.tell(Ended(LOST)) == []
    assert it.due_in() == {"connect": 0.5}


def test_who_is_wanted_again_while_it_closes_connects_at_once() -> None:
    it = in_state(State.OPEN)
    it.tell(Unwanted(), Wanted())
    assert it.tell(Ended(LOST)) == [CLOSED]
    assert it.due_in() == {"connect": 0.0}
    it.open()
    assert it.machine.reconnects == 0, "nothing was lost"


def test_who_is_wanted_again_does_not_wait() -> None:
    it = in_state(State.CONNECTING)
    it.tell(Failed(LOST), Unwanted(), Wanted())
    assert it.due_in() == {"connect": 0.0}


def test_reconnects_are_counted() -> None:
    it = in_state(State.OPEN)
    for _ in range(3):
        it.tell(Ended(LOST))
        it.connect()
        it.tell(Failed(LOST))
        it.open()
    assert it.machine.reconnects == 3


# --- what a successor begins with


def test_a_successor_neither_hammers_nor_suspects_anew() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    it.tell(NewKeys(7), Ended(LOST))
    for _ in range(3):
        it.connect()
        it.tell(Failed(LOST))
    left = it.machine.inheritance()
    assert left == ConnectionInheritance(4, 0, 7, it.now + 4.0, left.stall, True)
    assert left.stall.lively >= 20
    assert left.stall.longest >= 5.0
    heir = Driven(inheritance=left)
    heir.now = it.now + 1.0
    heir.tell(Wanted())
    assert heir.due_in() == {"connect": 3.0}, "the wait is sat out"
    heir.connect()
    heir.tell(Failed(LOST))
    assert heir.due_in() == {"connect": 8.0}
    heir.open(keys=6)
    assert heir.machine.reconnects == 1
    assert heir.due_in()["renew"] == 60.0, "it knows that these keys are old"


def test_a_successor_of_one_that_was_refused_goes_on_counting() -> None:
    left = in_state(State.REFUSED).machine.inheritance()
    assert left == ConnectionInheritance(0, 1, 1, -math.inf, StallMemory(), False)
    heir = Driven(inheritance=left)
    heir.tell(Wanted())
    heir.connect()
    heir.tell(Failed(REFUSED, 1))
    assert heir.due_in() == {"connect": 120.0}
