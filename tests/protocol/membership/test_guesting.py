"""A guest: which host it takes, when it doubts one, what it proves, and what it does when it is offered the title."""

import pytest

from tests.protocol.membership.machines import ERROR, HOST, KEY, NEXT, OWN, Actions, Driven, in_state
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.standing import PROOF_AFTER
from websocket_v6.protocol.membership.transitions import State


def test_a_host_is_taken_if_the_file_names_it_after_it_has_answered() -> None:
    it = Driven()
    assert it.look(HOST) == [steps.Attach(1, HOST)]
    assert it.tell(steps.Attached(1)) == [steps.Look()]
    assert it.tell(steps.Looked(HOST)) == [steps.Place("guest", 1)]


@pytest.mark.parametrize("named", [NEXT, None, HostEntry(HOST.address, KEY, 1, HOST.term + 1)])
def test_a_host_that_wakes_up_and_is_none_any_more_is_not_taken(named: HostEntry | None) -> None:
    """The host was replaced while the answer was on its way: the timeline of a host that was stopped for long."""
    it = Driven()
    it.look(HOST)
    it.tell(steps.Attached(1))
    assert it.tell(steps.Looked(named)) == [steps.Detach(1)]
    assert it.state is State.LOOKING


def test_the_file_is_read_once_more_under_the_lock() -> None:
    """Whoever had the lock may have passed its title just now."""
    it = Driven()
    assert it.look(None) == [steps.TryLock()]
    assert it.tell(steps.LockFree()) == [steps.Look()]
    assert it.tell(steps.Looked(NEXT)) == [steps.Attach(1, NEXT)]
    it.tell(steps.Attached(1))
    assert it.tell(steps.Looked(NEXT)) == [steps.Unlock(), steps.Place("guest", 1)]


def test_a_host_that_answers_no_is_left_the_lock() -> None:
    it = Driven()
    it.look(None)
    it.tell(steps.LockFree(), steps.Looked(NEXT))
    assert it.tell(steps.NotAttached(1, ERROR)) == [steps.Unlock(for_another=True)]


def test_those_that_lost_one_host_do_not_go_to_the_next_at_once() -> None:
    it = in_state(State.GUEST)
    it.tell(steps.HostGone(1, ERROR))
    assert it.tell(steps.Looked(NEXT)) == []
    assert it.due() == [steps.Attach(2, NEXT)]
    assert 0.0 < it.now - 1000.0 <= 0.05


def test_a_newcomer_that_is_not_answered_tries_until_that_is_proof() -> None:
    it = Driven()
    probes = []
    it.look(HOST)
    number = 1
    begin = it.now
    while True:
        it.wait(2.0 if number == 1 else 5.0)
        actions = it.tell(steps.NotAttached(number, ERROR, is_hung=True))
        if actions:
            break
        (attach,) = it.look(HOST)
        assert isinstance(attach, steps.Attach)
        number = attach.number
        probes.append(attach.is_probe)
    assert actions == [steps.Oust(HOST), steps.Look()]
    assert all(probes)
    assert it.now - begin >= PROOF_AFTER
    assert it.tell(steps.Looked(None)) == [steps.TryLock()]


def test_one_that_stood_still_has_proven_nothing() -> None:
    it = Driven()
    it.look(HOST)
    it.wait(2.0)
    it.tell(steps.NotAttached(1, ERROR, is_hung=True))
    it.wait(PROOF_AFTER)
    it.look(HOST)
    it.tell(steps.ClockJumped())
    assert it.tell(steps.NotAttached(2, ERROR, is_hung=True)) == []
    assert it.state is State.LOOKING
    it.look(HOST)
    assert it.tell(steps.NotAttached(3, ERROR, is_hung=True)) == [], "it begins anew"


def test_a_lock_whose_holder_does_nothing_is_taken_away() -> None:
    it = Driven()
    actions = Actions()
    begin = it.now
    while not actions:
        it.look(None)
        actions = it.tell(steps.LockTaken(7))
    assert actions == [steps.OustLock(7, None)]
    assert PROOF_AFTER <= it.now - begin <= PROOF_AFTER + 2.0


def test_a_lock_that_goes_from_hand_to_hand_is_not() -> None:
    it = Driven()
    for holder in range(100):
        it.look(None)
        assert it.tell(steps.LockTaken(holder)) == []


def test_nor_by_one_that_stood_still() -> None:
    it = Driven()
    it.look(None)
    it.tell(steps.LockTaken(7))
    it.wait(100.0)
    it.tell(steps.ClockJumped())
    it.look(None)
    assert it.tell(steps.LockTaken(7)) == []


def test_a_guest_in_doubt_proves_it_with_another_socket() -> None:
    it = in_state(State.GUEST)
    assert it.tell(steps.MemberSilent(1)) == [steps.Look()]
    assert it.tell(steps.Looked(HOST)) == [steps.Attach(2, HOST, is_probe=True)]
    hung = steps.NotAttached(2, ERROR, is_hung=True)
    assert it.tell(hung) == [steps.Detach(1), steps.Oust(HOST), steps.Place("looking", None, ERROR), steps.Look()]


def test_a_host_that_answers_the_new_socket_is_used_through_it() -> None:
    it = in_state(State.DOUBTING)
    it.tell(steps.Attached(2))
    assert it.tell(steps.Looked(HOST)) == [steps.Place("guest", 2)]
    assert it.due() == [steps.Detach(1)]


def test_a_host_that_is_heard_again_is_kept() -> None:
    it = in_state(State.DOUBTING)
    assert it.tell(steps.MemberHeard(1)) == [steps.Detach(2)]
    assert it.state is State.GUEST


def test_a_guest_in_doubt_whose_host_was_replaced_goes_to_the_new_one() -> None:
    it = in_state(State.GUEST)
    it.tell(steps.MemberSilent(1))
    assert it.tell(steps.Looked(NEXT)) == [steps.Attach(2, NEXT)]


@pytest.mark.parametrize("state", [State.GUEST, State.DOUBTING])
def test_a_guest_that_stood_still_looks_first(state: State) -> None:
    it = in_state(state)
    assert isinstance(it.tell(steps.ClockJumped())[-1], steps.Look)
    it.tell(steps.Looked(NEXT))
    assert it.state is State.MOVING


def test_a_guest_that_stood_still_while_it_doubted_begins_anew() -> None:
    it = in_state(State.DOUBTING)
    assert it.tell(steps.ClockJumped()) == [steps.Detach(2), steps.Look()]
    assert it.tell(steps.Looked(HOST)) == []
    assert it.tell(steps.NotAttached(2, ERROR, is_hung=True)) == []


def test_a_guest_goes_where_it_is_sent_and_keeps_the_old_socket_meanwhile() -> None:
    it = in_state(State.MOVING)
    it.tell(steps.Attached(2))
    assert it.tell(steps.Looked(NEXT)) == [steps.Place("guest", 2)]
    assert it.tell(steps.Released(1)) == [steps.Detach(1)]


def test_of_two_that_it_is_sent_to_it_goes_to_the_last() -> None:
    it = in_state(State.MOVING)
    third = HostEntry("/third", KEY, 0, 6)
    assert it.tell(steps.Moved(1, "/third", KEY, 6)) == [steps.Detach(2)]
    assert it.tell(steps.Attached(2)) == []
    assert it.due() == [steps.Attach(3, third)]


def test_a_new_host_that_is_not_there_is_looked_for_while_the_old_one_serves() -> None:
    it = in_state(State.MOVING)
    gone = steps.NotAttached(2, ERROR, is_gone=True)
    assert it.tell(gone) == [steps.Look()]
    assert it.machine.placed == "guest"
    assert it.tell(steps.Looked(HostEntry(NEXT.address, KEY, 0, NEXT.term))) == [steps.TryLock()]
    assert it.tell(steps.HostGone(1, ERROR)) == [steps.Place("looking")]


def test_one_that_has_not_moved_after_all_is_kept() -> None:
    it = in_state(State.MOVING)
    it.tell(steps.NotAttached(2, ERROR))
    assert it.due() == [steps.Look()]
    assert it.tell(steps.Looked(HOST)) == []
    assert it.state is State.GUEST


def test_what_another_version_says_is_final() -> None:
    it = Driven()
    it.look(HOST)
    assert it.tell(steps.NotAttached(1, ERROR, is_final=True)) == [steps.Place("embedded", None, ERROR)]


def test_attach_is_no_host_before_there_was_one() -> None:
    error = ConfigError("none")
    it = Driven(no_host=error)
    assert it.look(None) == [steps.Place("embedded", None, error)]
    it = Driven(no_host=error)
    it.become_guest()
    it.tell(steps.HostGone(1, ERROR))
    assert it.tell(steps.Looked(HOST)) == [steps.TryLock()]


# --- serve


def test_one_that_serves_asks_for_the_title_until_it_has_it() -> None:
    it = Driven(serves=True)
    assert it.become_guest() == [steps.SayLetMeHost(1)], "it is no guest yet"
    assert it.due() == [steps.SayLetMeHost(1)]
    assert it.tell(steps.BeHost(1, 7)) == [steps.OpenDoor(HOST.term + 1)]


def test_one_that_is_not_given_the_title_is_a_guest_and_goes_on_asking() -> None:
    it = Driven(serves=True)
    it.become_guest()
    for _ in range(4):
        assert it.due() == [steps.SayLetMeHost(1)]
    assert it.due() == [steps.SayLetMeHost(1), steps.Place("guest", 1)]
    assert it.due() == [steps.SayLetMeHost(1)]


def test_a_host_that_stays_is_not_asked() -> None:
    assert Driven(serves=True).become_guest(stays=True) == [steps.Place("guest", 1)]


# --- offered the title


def test_a_guest_that_is_asked_to_be_the_host_listens_and_says_so() -> None:
    it = in_state(State.GUEST)
    assert it.tell(steps.BeHost(1, 3)) == [steps.OpenDoor(HOST.term + 1)]
    assert it.tell(steps.DoorOpen(OWN, KEY, 9)) == [steps.SayReady(1, 3, OWN, KEY)]
    assert it.tell(steps.BeHost(1, 4)) == [steps.SayReady(1, 4, OWN, KEY)], "asked again"
    # The host knows of a title that the guest does not.
    taken = it.tell(steps.Moved(1, OWN, KEY, HOST.term + 3))
    assert taken == [steps.ConfirmDoor(HOST.term + 3), steps.Place("host"), steps.TryLock()]


def test_the_title_that_goes_to_another_is_followed() -> None:
    it = in_state(State.OFFERED)
    assert isinstance(it.tell(steps.Moved(1, "/third", KEY, 6))[0], steps.CloseDoor)
    assert it.state is State.MOVING


def test_a_title_that_does_not_come_is_forgotten() -> None:
    it = in_state(State.OFFERED)
    assert it.due() == [steps.Look()]
    assert [type(one) for one in it.tell(steps.Looked(HOST))] == [steps.CloseDoor]
    assert it.state is State.GUEST


def test_a_title_that_was_passed_by_a_host_that_died_is_taken() -> None:
    """It had written the name, and died before it could say so."""
    it = in_state(State.OFFERED)
    assert it.tell(steps.HostGone(1, ERROR)) == [steps.TryLock()]
    assert it.tell(steps.LockFree()) == [steps.Look()]
    named = HostEntry(OWN, KEY, 9, 5)
    assert it.tell(steps.Looked(named)) == [steps.ConfirmDoor(5), steps.Place("host")]
    assert it.state is State.HOST


def test_or_while_another_has_the_lock() -> None:
    it = in_state(State.OFFERED)
    it.tell(steps.HostGone(1, ERROR))
    assert it.tell(steps.LockTaken(7)) == [steps.Look()]
    it.tell(steps.Looked(HostEntry(OWN, KEY, 9, 5)))
    assert it.state is State.TAKING


def test_a_host_that_died_before_it_passed_the_title_is_followed_at_once() -> None:
    it = in_state(State.OFFERED)
    it.tell(steps.HostGone(1, ERROR))
    it.tell(steps.LockFree())
    own = HostEntry(OWN, KEY, 9, HOST.term + 2)
    assert it.tell(steps.Looked(HOST)) == [steps.Announce(own)]
    assert it.tell(steps.Announced()) == [steps.ConfirmDoor(own.term), steps.Place("host")]


def test_one_that_another_has_followed_is_not() -> None:
    it = in_state(State.OFFERED)
    it.tell(steps.HostGone(1, ERROR), steps.LockFree())
    actions = it.tell(steps.Looked(NEXT))
    assert [type(one) for one in actions] == [steps.CloseDoor, steps.Unlock, steps.Place, steps.Look]
