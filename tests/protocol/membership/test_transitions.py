"""The table of states and events, pair by pair."""

import pytest

from tests.protocol.membership.machines import ERROR, HOST, KEY, NEXT, OWN, in_state
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.machine import TRANSITIONS
from websocket_v6.protocol.membership.transitions import HOSTING, State

EVENTS: dict[str, steps.Event] = {
    "Looked": steps.Looked(NEXT),
    "Looked, nobody": steps.Looked(None),
    "LockFree": steps.LockFree(),
    "LockTaken": steps.LockTaken(7),
    "FolderFailed": steps.FolderFailed(ERROR),
    "Checked, holder": steps.Checked(True, None),
    "Checked, no holder": steps.Checked(False, None),
    "Checked, another": steps.Checked(False, NEXT),
    "Checked, hidden": steps.Checked(True, None, False),
    "Announced": steps.Announced(),
    "NotAnnounced": steps.NotAnnounced(),
    "DoorOpen": steps.DoorOpen(OWN, KEY, 9),
    "DoorFailed": steps.DoorFailed(ERROR),
    "MemberCame": steps.MemberCame(3, 103),
    "MemberLeft": steps.MemberLeft(1),
    "LetMeHost": steps.LetMeHost(2),
    "Ready": steps.Ready(1, 1, "/next", KEY),
    "Ready, old offer": steps.Ready(1, 0, "/next", KEY),
    "Attached": steps.Attached(1),
    "Attached, next": steps.Attached(2),
    "NotAttached": steps.NotAttached(1, ERROR),
    "NotAttached, next": steps.NotAttached(2, ERROR),
    "NotAttached, next, final": steps.NotAttached(2, ERROR, is_final=True),
    "NotAttached, next, hung": steps.NotAttached(2, ERROR, is_hung=True),
    "NotAttached, next, gone": steps.NotAttached(2, ERROR, is_gone=True),
    "HostGone": steps.HostGone(1, ERROR),
    "HostGone, final": steps.HostGone(1, ERROR, is_final=True),
    "HostGone, other": steps.HostGone(99, ERROR),
    "MemberSilent": steps.MemberSilent(1),
    "MemberHeard": steps.MemberHeard(1),
    "Moved": steps.Moved(1, "/third", KEY, 6),
    "Moved, here": steps.Moved(1, OWN, KEY, 6),
    "Moved, other": steps.Moved(99, "/third", KEY, 6),
    "BeHost": steps.BeHost(1, 2),
    "BeHost, other": steps.BeHost(99, 2),
    "Released": steps.Released(1),
    "Leave": steps.Leave(),
    "Due": steps.Due(),
    "ClockJumped": steps.ClockJumped(),
}
# Said again in words, so that a change of the table is a change of two minds: the state each pair leads to, "." for the
# same, "x" for what cannot happen; in the order of the states, a word each.
ORDER = "LOOKING ATTACHING OPENING GUEST DOUBTING MOVING OFFERED TAKING HOST OFFERING LEAVING PASSED ALONE DONE"
LEADS_TO = {
    "Looked": "ATTACHING x x MOVING MOVING x MOVING x x x x . x x",
    "Looked, nobody": ". x x . . x GUEST x x x x . x x",
    "LockFree": ". x x x x x . . x x x . x x",
    "LockTaken": ". x x x x x . . x x x . x x",
    "FolderFailed": "ALONE x x x x x . . x x x . x x",
    "Checked, holder": "x x x x x x x . . . . x x x",
    "Checked, no holder": "x x x x x x x . TAKING TAKING TAKING x x x",
    "Checked, another": "x x x x x x x LOOKING LOOKING LOOKING DONE x x x",
    "Checked, hidden": "x x x x x x x LOOKING LOOKING LOOKING DONE x x x",
    "Announced": "x x HOST x x x HOST HOST . . . LEAVING x x",
    "NotAnnounced": "x x LOOKING x x x LOOKING . . . . . x x",
    "DoorOpen": "x x . x x x . x x x x x x x",
    "DoorFailed": ". . ALONE . . . GUEST LOOKING LOOKING LOOKING DONE DONE . .",
    "MemberCame": ". . . . . . . . . . . . . .",
    "MemberLeft": ". . . . . . . . . HOST . . . .",
    "LetMeHost": ". . . . . . . . OFFERING . . . . .",
    "Ready": ". . . . . . . . . . . . . .",
    "Ready, old offer": ". . . . . . . . . . . . . .",
    "Attached": ". . . . . . . . . . . . . .",
    "Attached, next": ". . . . . . . . . . . . . .",
    "NotAttached": ". LOOKING . . . . . . . . . . . .",
    "NotAttached, next": ". . . . GUEST LOOKING . . . . . . . .",
    "NotAttached, next, final": ". . . . GUEST ALONE . . . . . . . .",
    "NotAttached, next, hung": ". . . . LOOKING LOOKING . . . . . . . .",
    "NotAttached, next, gone": ". . . . LOOKING LOOKING . . . . . . . .",
    "HostGone": ". . . LOOKING LOOKING ATTACHING . . . . . . . .",
    "HostGone, final": ". . . ALONE ALONE ATTACHING . . . . . . . .",
    "HostGone, other": ". . . . . . . . . . . . . .",
    "MemberSilent": ". . . DOUBTING . . . . . . . . . .",
    "MemberHeard": ". . . . GUEST . . . . . . . . .",
    "Moved": ". . . MOVING MOVING . MOVING . . . . . . .",
    "Moved, here": ". . . MOVING MOVING . TAKING . . . . . . .",
    "Moved, other": ". . . . . . . . . . . . . .",
    "BeHost": ". . . OFFERED OFFERED . . . . . . . . .",
    "BeHost, other": ". . . . . . . . . . . . . .",
    "Released": ". . . . . . . . . . . . . .",
    "Leave": "DONE DONE DONE DONE DONE DONE DONE . LEAVING LEAVING . . DONE .",
    "Due": ". . . . . . . . . . . . . .",
    "ClockJumped": ". . . . GUEST . . . . HOST . DONE . .",
}


@pytest.mark.parametrize("name", LEADS_TO)
def test_each_event_in_each_state(name: str) -> None:
    for state, word in zip(State, LEADS_TO[name].split(), strict=True):
        it = in_state(state)
        before = dict(it.machine.deadlines)
        if word == "x":
            text = f"is {state.value}, and is told {type(EVENTS[name]).__name__}"
            with pytest.raises(LocalProtocolError, match=text):
                it.tell(EVENTS[name])
            assert (it.state, it.machine.deadlines) == (state, before), "a refused step changes nothing"
        else:
            it.tell(EVENTS[name])
            assert it.state is (state if word == "." else State[word]), f"from {state}"


def test_the_table_has_all_pairs() -> None:
    events = {type(event) for event in EVENTS.values()}
    assert set(TRANSITIONS) == {(state, event) for state in State for event in events}
    assert [state.name for state in State] == ORDER.split()
    assert set(LEADS_TO) == set(EVENTS)


@pytest.mark.parametrize("state", list(State))
def test_what_is_not_due_yet_is_not_done(state: State) -> None:
    it = in_state(state)
    if it.machine.next_due is not None:
        it.now = it.machine.next_due - 0.001
    before = dict(it.machine.deadlines)
    assert it.tell(steps.Due()) == []
    assert (it.state, it.machine.deadlines) == (state, before)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (State.LOOKING, {"look": 0.0}),
        (State.ATTACHING, {}),
        (State.OPENING, {"open_by": 5.0}),
        (State.GUEST, {}),
        (State.DOUBTING, {}),
        (State.MOVING, {}),
        (State.OFFERED, {"offered": 3.0}),
        (State.TAKING, {"lock": 0.02, "check": 1.0}),
        (State.HOST, {"check": 5.0}),
        (State.OFFERING, {"offer": 1.0, "check": 5.0}),
        (State.LEAVING, {"offer": 0.8, "leave": 1.9, "check": 5.0}),
        (State.PASSED, {"leave": 1.9}),
        (State.ALONE, {}),
        (State.DONE, {}),
    ],
)
def test_what_is_due_in_a_state(state: State, due: dict[str, float]) -> None:
    it = in_state(state)
    assert {name: round(time - it.now, 6) for name, time in it.machine.deadlines.items()} == due


@pytest.mark.parametrize("state", list(State))
def test_whoever_leaves_is_answered_within_two_seconds(state: State) -> None:
    it = in_state(state)
    begin, actions = it.now, it.tell(steps.Leave())
    while not any(isinstance(one, steps.Answer) for one in actions) and it.now - begin < 10.0:
        actions = it.due()
        if any(isinstance(one, steps.TryLock) for one in actions):
            actions = it.tell(steps.LockTaken(7))
        elif any(isinstance(one, steps.Check) for one in actions):
            actions = it.tell(steps.Checked(False, it.machine.own))
    assert any(isinstance(one, steps.Answer) for one in actions)
    assert it.state is State.DONE
    assert it.now - begin <= 2.0
    assert not it.machine.has_door
    assert not it.machine.holds_lock


def test_who_has_the_title_is_named() -> None:
    assert {State.TAKING, State.HOST, State.OFFERING, State.LEAVING} == HOSTING
    assert HOST.term < NEXT.term
