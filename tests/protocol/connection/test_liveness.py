"""What is due while a connection is open: pings, questions, lingering, age; and what a pause of our own means."""

import pytest

from tests.protocol.connection.machines import DOOR, LOST, Driven, in_state
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.machine import State
from websocket_v6.protocol.connection.steps import (
    AbortTransport,
    Answered,
    Ended,
    FinishTransport,
    NewKeys,
    Renew,
    SendPing,
    SendQuestion,
    Tell,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.errors import (
    TransportError,
)

CLOSED = Tell("closed")
FINISH = FinishTransport(None)
ABORT = AbortTransport()


def test_pings_and_their_answers() -> None:
    it = in_state(State.OPEN)
    assert it.run(20.0) == [(20.0, SendPing())]
    assert it.due_in() == {"ping": 20.0, "pong": 10.0, "look": 5.0}
    it.hear()  # at the very moment: from before the ping
    it.wait(0.1)
    it.hear()
    it.due()
    assert "pong" not in it.due_in()
    assert it.run(20.0)[0][1] == SendPing()


def test_a_ping_that_is_not_answered() -> None:
    it = in_state(State.OPEN)
    *_, (at, finish) = it.run(40.0)
    assert at == 30.25, "looked at once more, for it may lie in the socket"
    assert isinstance(finish, FinishTransport)
    assert str(finish.error) == "no answer to a ping on the private connection for 10 s"
    assert it.state is State.REOPENING
    assert it.tell(Ended(TransportError("bare"))) == []
    assert str(it.machine.error) == "no answer to a ping on the private connection for 10 s", "not what followed of it"
    assert it.due_in() == {"connect": 0.5}


def test_a_pong_that_is_read_after_a_short_stop_is_not_too_late() -> None:
    it = in_state(State.OPEN)
    it.run(29.0)
    assert it.due(late=3.0) == [], "stopped for less than a look, and asked before the transport has read"
    assert it.due_in()["pong"] == 0.25
    it.hear()
    it.due()
    assert "pong" not in it.due_in()


def test_the_oldest_ping_counts() -> None:
    it = in_state(State.OPEN, config=Config(ping_interval=4.0, ping_timeout=10.0))
    pings = [at for at, action in it.run(13.9) if action == SendPing()]
    assert pings == [4.0, 8.0, 12.0], "the next one is not kept from going out"
    assert it.due_in()["pong"] == pytest.approx(0.1)


def test_nothing_is_judged_without_reading() -> None:
    it = in_state(State.OPEN)
    it.run(20.0)
    it.reading_since = None
    done = it.run(3600.0)
    assert {action for _, action in done} == {SendPing()}, "the exchange hangs up on who says nothing"
    assert len(done) == 180
    assert "pong" not in it.due_in()
    it.reading_since = it.now
    (_, ping), (_, finish) = it.run(20.0 + 10.0 + 0.25)
    assert ping == SendPing()
    assert isinstance(finish, FinishTransport), "now it reads, and nobody is there"


def test_reading_only_since_the_ping_is_too_short() -> None:
    it = in_state(State.OPEN)
    it.run(20.0)
    it.reading_since = it.now + 9.0  # the pong may lie in the socket behind all else
    it.due()
    it.due()  # the pong's time
    assert it.now == 1030.0
    assert it.state is State.OPEN
    assert it.due_in()["pong"] == 10.0
    assert [at for at, action in it.run(20.0) if isinstance(action, FinishTransport)] == [10.25]


@pytest.mark.parametrize("pause", [{"late": 5.1}, {"slept": 5.1}])
def test_after_a_pause_it_asks_at_once_whether_anyone_is_there(pause: dict[str, float]) -> None:
    it = in_state(State.OPEN)
    it.run(25.0)
    assert "pong" in it.due_in()
    assert it.due(**pause) == [SendPing()]
    assert it.due_in()["pong"] == 10.0
    assert [at for at, action in it.run(20.0) if isinstance(action, FinishTransport)] == [10.25]


@pytest.mark.parametrize("pause", [{"late": 4.9}, {"slept": 4.9}, {"late": 2.0, "slept": 2.9}])
def test_a_short_pause_is_none(pause: dict[str, float]) -> None:
    it = in_state(State.OPEN)
    assert it.due(**pause) == []


def until_given_up(it: Driven) -> FinishTransport:
    """Let pongs come until it gives the connection up."""
    while True:
        it.hear()
        for action in it.due():
            if isinstance(action, FinishTransport):
                return action


def test_a_silence_is_asked_about_and_an_answer_ends_the_suspicion() -> None:
    it = in_state(State.OPEN)
    assert it.fall_silent() == [SendQuestion("ticket-1")]
    assert it.due_in()["answer"] == 10.0
    it.tell(Answered("another"))
    assert "answer" in it.due_in()
    it.tell(Answered("ticket-1"))
    assert "answer" not in it.due_in()


def test_a_silence_without_an_answer_is_a_fault() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    finish = until_given_up(it)
    assert str(finish.error) == "the private connection is stalled: no data any more, and no answer to a question"


def test_data_is_an_answer() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    it.wait(0.1)
    it.hear(data=True)
    it.due()
    assert "answer" not in it.due_in()


def test_a_silence_that_is_far_too_long_is_a_fault_though_it_answers() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    it.tell(Answered("ticket-1"))
    finish = until_given_up(it)
    assert str(finish.error) == "the private connection is stalled: no data any more, though it answers"


@pytest.mark.parametrize("pause", [{"late": 5.1}, {"slept": 5.1}, {}])
def test_an_answer_may_come_late_after_a_pause(pause: dict[str, float]) -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    if not pause:
        it.reading_since = it.now + 1.0
    it.hear()
    assert SendPing() in it.due(**pause)
    assert it.due_in()["answer"] == 10.0
    it.tell(Answered("ticket-1"))
    assert "answer" not in it.due_in()


def test_a_silence_begins_anew_after_a_pause() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    it.tell(Answered("ticket-1"))
    for _ in range(100):  # each longer than the silence that would be too long
        it.hear()
        it.due(late=200.0)
        assert it.state is State.OPEN


def test_a_long_way_to_the_next_connection_is_no_silence() -> None:
    it = in_state(State.OPEN)
    it.fall_silent()
    it.tell(Ended(LOST))
    it.wait(3600.0)
    it.open()
    it.hear()
    assert it.due() == []
    assert it.machine.inheritance().stall.longest < 100.0, "nor anything to learn from"


def test_a_door_does_not_stall() -> None:
    it = in_state(State.OPEN, DOOR)
    for _ in range(20):
        it.hear(data=True)
        it.due()
    for _ in range(10_000):
        it.hear()
        assert set(it.due()) <= {SendPing()}


def test_it_lingers() -> None:
    it = in_state(State.OPEN)
    it.tell(Unwanted(7.0))
    assert it.due_in()["linger"] == 7.0
    it.tell(Wanted())
    assert "linger" not in it.due_in()
    it.tell(Unwanted(7.0))
    it.reading_since = None
    assert it.run(7.0) == [(7.0, FINISH)], "even while nothing is read"
    assert it.state is State.CLOSING


def test_who_lingers_may_be_told_to_go() -> None:
    it = in_state(State.OPEN)
    it.tell(Unwanted(7.0))
    assert it.tell(Unwanted()) == [FINISH]


def test_a_connection_that_has_come_of_age_asks_for_an_heir_until_it_is_replaced() -> None:
    it = in_state(State.OPEN, config=Config(max_age=100.0))
    it.reading_since = None  # so that nothing else happens
    renewals = [at for at, action in it.run(125.0) if action == Renew("age")]
    assert renewals == [90.0, 100.0, 110.0, 120.0], "as much as a tenth earlier, by chance"
    it.tell(NewKeys(2))
    assert [at for at, action in it.run(125.0) if action == Renew("keys")] == [60.0, 120.0]
    it.tell(Ended(LOST))
    it.open(2)
    assert it.due_in()["renew"] == 90.0


def test_a_door_does_not_age() -> None:
    assert "renew" not in in_state(State.OPEN, DOOR, Config(max_age=100.0)).due_in()
