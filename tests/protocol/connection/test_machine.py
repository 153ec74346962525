"""The table of states and events, pair by pair; what is due when; what a failure leads to."""

import math

import pytest

from tests.protocol.connection.machines import DOOR, EXCHANGE, LOST, REFUSED, Driven, in_state
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.machine import TRANSITIONS, ConnectionInheritance, State
from websocket_v6.protocol.connection.stall import StallMemory
from websocket_v6.protocol.connection.steps import (
    AbandonTransport,
    AbortTransport,
    Action,
    Answered,
    BlockPace,
    Due,
    Ended,
    Event,
    Failed,
    Finish,
    FinishTransport,
    NeedTarget,
    NewKeys,
    NewTarget,
    Opened,
    OpenTransport,
    Renew,
    Said,
    Sample,
    SendPing,
    SendQuestion,
    TakeTurn,
    Tell,
    TurnGiven,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import (
    AuthenticationError,
    ExchangeError,
    LocalProtocolError,
    RateLimitedError,
    TransportError,
    WebSocketV6Error,
)

OTHER = EXCHANGE._replace(url="wss://elsewhere")
EVENTS: dict[str, Event] = {
    "Wanted": Wanted(),
    "Unwanted": Unwanted(),
    "Unwanted, linger": Unwanted(5.0),
    "TurnGiven": TurnGiven(1007.0),
    "Opened": Opened(1),
    "Failed": Failed(LOST, 1),
    "Ended": Ended(LOST),
    "Due": Due(),
    "Answered": Answered("ticket-1"),
    "Said": Said("WRONG_FORMAT", "no"),
    "NewKeys": NewKeys(2),
    "NewTarget": NewTarget(OTHER),
    "NewTarget, same": NewTarget(EXCHANGE),
    "Finish": Finish(),
}
# Said again in words, so that a change of the table is a change of two minds: the state each pair leads to, "." for the
# same, "x" for what cannot happen; in the order of the states, a word each.
ORDER = "IDLE WAITING QUEUED REFUSED ORPHAN CONNECTING OPEN CLOSING REOPENING FINISHING DONE"
LEADS_TO = {
    "Wanted": "WAITING . . . . . . REOPENING . . .",
    "Unwanted": ". IDLE IDLE IDLE IDLE CLOSING CLOSING . CLOSING . .",
    "Unwanted, linger": ". IDLE IDLE IDLE IDLE CLOSING . . CLOSING . .",
    "TurnGiven": ". . . . . . . . . . .",
    "Opened": "x x x x x OPEN x . . . .",
    "Failed": "x x x x x WAITING x IDLE WAITING DONE .",
    "Ended": "x x x x x WAITING WAITING IDLE WAITING DONE .",
    "Due": ". QUEUED CONNECTING QUEUED . REOPENING . IDLE WAITING DONE .",
    "Answered": ". . . . . . . . . . .",
    "Said": ". . . . . . REOPENING . . . .",
    "NewKeys": ". . . WAITING . . . . . . .",
    "NewTarget": ". . . WAITING WAITING REOPENING . . . . .",
    "NewTarget, same": ". . . WAITING WAITING . . . . . .",
    "Finish": "DONE DONE DONE DONE DONE FINISHING FINISHING FINISHING FINISHING . .",
}
CLOSED = Tell("closed")
FINISH = FinishTransport(None)
ABORT = AbortTransport()
# What is done on the way; nothing for pairs that are not here.
DOES: dict[tuple[str, str], list[Action]] = {
    **{(state, name): [CLOSED] for state in ORDER.split()[1:5] for name in ("Unwanted", "Unwanted, linger")},
    ("CONNECTING", "Unwanted"): [ABORT],
    ("CONNECTING", "Unwanted, linger"): [ABORT],
    ("OPEN", "Unwanted"): [FINISH],
    ("CLOSING", "Opened"): [FINISH],
    ("REOPENING", "Opened"): [FINISH],
    ("FINISHING", "Opened"): [FINISH],
    ("CONNECTING", "Failed"): [Tell("lost", LOST)],
    ("CONNECTING", "Ended"): [Tell("lost", LOST)],
    ("CLOSING", "Failed"): [CLOSED],
    ("CLOSING", "Ended"): [CLOSED],
    ("REOPENING", "Failed"): [CLOSED],
    ("REOPENING", "Ended"): [CLOSED],
    ("WAITING", "Due"): [TakeTurn()],
    ("QUEUED", "Due"): [OpenTransport(EXCHANGE)],
    ("REFUSED", "Due"): [TakeTurn()],
    ("ORPHAN", "Due"): [NeedTarget(LOST)],
    ("CONNECTING", "Due"): [ABORT],
    ("CLOSING", "Due"): [AbandonTransport("the private connection did not end within 15 s"), CLOSED],
    ("REOPENING", "Due"): [AbandonTransport("the private connection did not end within 15 s"), CLOSED],
    ("FINISHING", "Due"): [AbandonTransport("the private connection did not end within 15 s")],
    ("OPEN", "NewKeys"): [Renew("keys")],
    ("OPEN", "NewTarget"): [Renew("target")],
    ("CONNECTING", "NewTarget"): [ABORT],
    ("CONNECTING", "Finish"): [ABORT],
    ("OPEN", "Finish"): [FINISH],
}
PAIRS = [
    (State[state], name, to)
    for name, row in LEADS_TO.items()
    for state, to in zip(ORDER.split(), row.split(), strict=True)
]


def ready(state: State, name: str) -> Driven:
    """Return a machine that waits for this event."""
    it = in_state(state)
    if name == "Due" and it.machine.next_due is not None:
        if state is State.QUEUED:
            it.tell(TurnGiven(it.now))
        elif state in (State.CONNECTING, State.CLOSING, State.REOPENING, State.FINISHING):
            assert it.due() == [], "it is looked at once more"
        it.now = it.machine.next_due
    return it


@pytest.mark.parametrize(("state", "name", "to"), PAIRS, ids=[f"{state.name}-{name}" for state, name, _ in PAIRS])
def test_each_event_in_each_state(state: State, name: str, to: str) -> None:
    it = ready(state, name)
    before = dict(it.machine.deadlines)
    if to == "x":
        with pytest.raises(LocalProtocolError, match=f"is {state.value}, and is told {name}"):
            it.tell(EVENTS[name])
        assert (it.state, it.machine.deadlines) == (state, before), "a refused step changes nothing"
        return
    actions = it.tell(EVENTS[name])
    assert it.state is (state if to == "." else State[to])
    if state is State.OPEN and name == "Said":
        (finish,) = actions
        assert isinstance(finish, FinishTransport)
        assert isinstance(finish.error, ExchangeError)
    else:
        assert actions == DOES.get((state.name, name), [])
    assert (it.machine.next_due is None) == (it.state in (State.IDLE, State.DONE))


def test_the_table_has_all_pairs() -> None:
    events = {type(event) for event in EVENTS.values()}
    assert set(TRANSITIONS) == {(state, event) for state in State for event in events}
    assert [state.name for state in State] == ORDER.split()


@pytest.mark.parametrize("state", list(State))
def test_what_is_not_due_yet_is_not_done(state: State) -> None:
    it = in_state(state)
    if it.machine.next_due is not None:
        it.now = it.machine.next_due - 0.001
    before = it.machine.deadlines.copy()
    assert it.tell(Due(Sample(1000.0, 1000.0, 1000.0), slept=3600.0)) == []
    assert (it.state, it.machine.deadlines) == (state, before)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (State.WAITING, {"connect": 0.0}),
        (State.QUEUED, {"connect": 1.0}),
        (State.REFUSED, {"connect": 60.0}),
        (State.ORPHAN, {"target": 10.0}),
        (State.CONNECTING, {"connect_by": 11.0}),
        (State.OPEN, {"ping": 20.0, "look": 5.0}),
        (State.CLOSING, {"abandon": 15.0}),
        (State.FINISHING, {"abandon": 15.0}),
    ],
)
def test_what_is_due_in_a_state(state: State, due: dict[str, float]) -> None:
    assert in_state(state).due_in() == due


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


# --- being there


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


def fall_silent(it: Driven) -> list[Action]:
    """Let data come for a while, then only pongs until something is done about the silence."""
    for _ in range(20):
        it.hear(data=True)
        it.due()
    actions: list[Action] = []
    while not any(isinstance(one, SendQuestion | FinishTransport) for one in actions):
        it.hear()
        actions = it.due()
    return [one for one in actions if one != SendPing()]


def until_given_up(it: Driven) -> FinishTransport:
    """Let pongs come until it gives the connection up."""
    while True:
        it.hear()
        for action in it.due():
            if isinstance(action, FinishTransport):
                return action


def test_a_silence_is_asked_about_and_an_answer_ends_the_suspicion() -> None:
    it = in_state(State.OPEN)
    assert fall_silent(it) == [SendQuestion("ticket-1")]
    assert it.due_in()["answer"] == 10.0
    it.tell(Answered("another"))
    assert "answer" in it.due_in()
    it.tell(Answered("ticket-1"))
    assert "answer" not in it.due_in()


def test_a_silence_without_an_answer_is_a_fault() -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
    finish = until_given_up(it)
    assert str(finish.error) == "the private connection is stalled: no data any more, and no answer to a question"


def test_data_is_an_answer() -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
    it.wait(0.1)
    it.hear(data=True)
    it.due()
    assert "answer" not in it.due_in()


def test_a_silence_that_is_far_too_long_is_a_fault_though_it_answers() -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
    it.tell(Answered("ticket-1"))
    finish = until_given_up(it)
    assert str(finish.error) == "the private connection is stalled: no data any more, though it answers"


@pytest.mark.parametrize("pause", [{"late": 5.1}, {"slept": 5.1}, {}])
def test_an_answer_may_come_late_after_a_pause(pause: dict[str, float]) -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
    if not pause:
        it.reading_since = it.now + 1.0
    it.hear()
    assert SendPing() in it.due(**pause)
    assert it.due_in()["answer"] == 10.0
    it.tell(Answered("ticket-1"))
    assert "answer" not in it.due_in()


def test_a_silence_begins_anew_after_a_pause() -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
    it.tell(Answered("ticket-1"))
    for _ in range(100):  # each longer than the silence that would be too long
        it.hear()
        it.due(late=200.0)
        assert it.state is State.OPEN


def test_a_long_way_to_the_next_connection_is_no_silence() -> None:
    it = in_state(State.OPEN)
    fall_silent(it)
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
    it = in_state(State.OPEN, EXCHANGE._replace(needs_keys=False))
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
    it = in_state(State.OPEN, EXCHANGE._replace(needs_keys=False))
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


@pytest.mark.parametrize("error", [LOST, REFUSED])
def test_who_must_not_try_again_asks_where_to_go(error: WebSocketV6Error) -> None:
    it = in_state(State.CONNECTING, DOOR)
    assert it.tell(Failed(error)) == [Tell("lost", error), NeedTarget(error)]
    assert it.state is State.ORPHAN
    assert it.run(30.0) == [
        (10.0, NeedTarget(error)),
        (20.0, NeedTarget(error)),
        (30.0, NeedTarget(error)),
    ]
    it.tell(NewTarget(OTHER))
    assert it.connect() == [OpenTransport(OTHER)]


def test_a_door_that_is_lost() -> None:
    it = in_state(State.OPEN, DOOR)
    assert it.tell(Ended(LOST)) == [NeedTarget(LOST)]


@pytest.mark.parametrize("state", [State.IDLE, State.WAITING, State.QUEUED, State.CLOSING, State.REOPENING])
def test_the_next_attempt_goes_to_the_new_target(state: State) -> None:
    it = in_state(state)
    it.tell(NewTarget(OTHER))
    if state in (State.CLOSING, State.REOPENING):
        it.tell(Ended(LOST))
    it.tell(Wanted())
    if state is State.QUEUED:
        it.tell(TurnGiven(it.now))
    assert it.connect() == [OpenTransport(OTHER)]


def test_an_attempt_to_the_old_target_is_given_up_without_a_word() -> None:
    it = in_state(State.CONNECTING)
    it.tell(NewTarget(OTHER))
    assert it.tell(Failed(LOST)) == []
    assert it.due_in() == {"connect": 0.0}
    assert it.machine.inheritance().failures == 0


def test_a_renewal_for_a_new_target_goes_on_until_it_is_replaced_and_leads_there() -> None:
    it = in_state(State.OPEN)
    it.tell(NewTarget(OTHER))
    it.reading_since = None
    assert [at for at, action in it.run(125.0) if action == Renew("target")] == [60.0, 120.0]
    it.tell(Ended(LOST))
    assert it.connect() == [OpenTransport(OTHER)]


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
    fall_silent(it)
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
