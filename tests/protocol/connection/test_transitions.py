"""The table of states and events, pair by pair, and what is due in each state."""

import msgspec
import pytest

from tests.protocol.connection.machines import EXCHANGE, LOST, Driven, in_state
from websocket_v6.protocol.connection.machine import TRANSITIONS, State
from websocket_v6.protocol.connection.steps import (
    AbandonTransport,
    AbortTransport,
    Action,
    Answered,
    Due,
    Ended,
    Event,
    Failed,
    Finish,
    FinishTransport,
    NewKeys,
    Opened,
    OpenTransport,
    PartLost,
    Renew,
    Said,
    Sample,
    Suspected,
    TakeTurn,
    Tell,
    TurnGiven,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.errors import (
    ExchangeError,
    LocalProtocolError,
    TransportError,
)

OTHER = msgspec.structs.replace(EXCHANGE, url="wss://elsewhere")
EVENTS: dict[str, Event] = {
    "Wanted": Wanted(),
    "Unwanted": Unwanted(),
    "Unwanted, linger": Unwanted(5.0),
    "TurnGiven": TurnGiven(1007.0),
    "Opened": Opened(1),
    "Failed": Failed(LOST, 1),
    "PartLost": PartLost(LOST),
    "Ended": Ended(LOST),
    "Due": Due(),
    "Answered": Answered("ticket-1"),
    "Said": Said("WRONG_FORMAT", "no"),
    "Suspected": Suspected("why"),
    "NewKeys": NewKeys(2),
    "Finish": Finish(),
}
# Said again in words, so that a change of the table is a change of two minds: the state each pair leads to, "." for the
# same, "x" for what cannot happen; in the order of the states, a word each.
ORDER = "IDLE WAITING QUEUED REFUSED CONNECTING OPEN CLOSING REOPENING FINISHING DONE"
LEADS_TO = {
    "Wanted": "WAITING . . . . . REOPENING . . .",
    "Unwanted": ". IDLE IDLE IDLE CLOSING CLOSING . CLOSING . .",
    "Unwanted, linger": ". IDLE IDLE IDLE CLOSING . . CLOSING . .",
    "TurnGiven": ". . . . . . . . . .",
    "Opened": "x x x x OPEN x . . . .",
    "Failed": "x x x x WAITING x IDLE WAITING DONE .",
    "PartLost": "x x x x x REOPENING . . . .",
    "Ended": "x x x x WAITING WAITING IDLE WAITING DONE .",
    "Due": ". QUEUED CONNECTING QUEUED REOPENING . IDLE WAITING DONE .",
    "Answered": ". . . . . . . . . .",
    "Said": ". . . . . REOPENING . . . .",
    "Suspected": ". . . . . REOPENING . . . .",
    "NewKeys": ". . . WAITING . . . . . .",
    "Finish": "DONE DONE DONE DONE FINISHING FINISHING FINISHING FINISHING . .",
}
CLOSED = Tell("closed")
FINISH = FinishTransport(None)
ABORT = AbortTransport()
# What is done on the way; nothing for pairs that are not here.
DOES: dict[tuple[str, str], list[Action]] = {
    **{(state, name): [CLOSED] for state in ORDER.split()[1:4] for name in ("Unwanted", "Unwanted, linger")},
    ("CONNECTING", "Unwanted"): [FINISH],
    ("CONNECTING", "Unwanted, linger"): [FINISH],
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
    ("CONNECTING", "Due"): [ABORT],
    ("CLOSING", "Due"): [AbandonTransport("the private connection did not end within 15 s"), CLOSED],
    ("REOPENING", "Due"): [AbandonTransport("the private connection did not end within 15 s"), CLOSED],
    ("FINISHING", "Due"): [AbandonTransport("the private connection did not end within 15 s")],
    ("OPEN", "NewKeys"): [Renew("keys")],
    ("CONNECTING", "Finish"): [FINISH],
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
    if state is State.OPEN and name in ("Said", "Suspected", "PartLost"):
        (finish,) = actions
        assert isinstance(finish, FinishTransport)
        assert isinstance(finish.error, ExchangeError if name == "Said" else TransportError)
        assert finish.is_stalled == (name == "Suspected"), "only its data shows up to when nothing was missed"
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
        (State.CONNECTING, {"connect_by": 11.0}),
        (State.OPEN, {"ping": 20.0, "look": 5.0}),
        (State.CLOSING, {"abandon": 15.0}),
        (State.FINISHING, {"abandon": 15.0}),
    ],
)
def test_what_is_due_in_a_state(state: State, due: dict[str, float]) -> None:
    assert in_state(state).due_in() == due
