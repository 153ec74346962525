"""A host: how it becomes one, notices that it is none, hands over, and leaves."""

from typing import Any

import pytest

from tests.protocol.membership.machines import ERROR, KEY, NEXT, OWN, Actions, Driven, in_state
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.standing import OLD_DOOR, PROOF_AFTER
from websocket_v6.protocol.membership.transitions import State


def kinds(actions: list[steps.Action]) -> list[type[Any]]:
    return [type(one) for one in actions]


def test_who_finds_nobody_listens_and_says_so() -> None:
    it = Driven()
    assert it.open() == [steps.OpenDoor(1)]
    own = HostEntry(OWN, KEY, 9, 1)
    assert it.tell(steps.DoorOpen(OWN, KEY, 9)) == [steps.Announce(own)]
    assert it.tell(steps.Announced()) == [steps.ConfirmDoor(1), steps.Place("host")]


def test_one_that_was_outrun_looks_again() -> None:
    it = in_state(State.OPENING)
    it.tell(steps.DoorOpen(OWN, KEY, 9))
    assert kinds(it.tell(steps.NotAnnounced())) == [steps.CloseDoor, steps.Unlock, steps.Look]


def test_a_door_that_does_not_open_is_no_place() -> None:
    it = in_state(State.OPENING)
    assert kinds(it.due()) == [steps.Unlock, steps.CloseDoor, steps.Place]
    assert it.state is State.ALONE


# --- whether it is still the host


def test_a_host_that_stood_still_says_nothing_before_it_has_looked() -> None:
    """The timeline of a host that was stopped for long: it wakes, and another has its title."""
    it = in_state(State.HOST)
    assert it.tell(steps.ClockJumped()) == [steps.DoubtDoor(), steps.Check()]
    actions = it.tell(steps.Checked(False, NEXT))
    assert kinds(actions) == [steps.CloseDoor, steps.Unlock, steps.Place, steps.Look]
    assert actions[0] == steps.CloseDoor(4001, "another process is the host now")
    assert it.tell(steps.Looked(NEXT)) == [steps.Attach(1, NEXT)]


def test_a_host_that_is_still_the_host_goes_on() -> None:
    it = in_state(State.HOST)
    it.tell(steps.ClockJumped())
    assert it.tell(steps.Checked(True, it.own)) == [steps.ConfirmDoor(it.own.term)]


@pytest.mark.parametrize("named", [None, NEXT])
def test_who_has_the_lock_writes_what_is_right(named: HostEntry | None) -> None:
    """One that was stopped as it wrote may have written long after it had lost the lock."""
    it = in_state(State.HOST)
    assert it.due() == [steps.Check()]
    (announce,) = it.tell(steps.Checked(True, named))
    assert isinstance(announce, steps.Announce)
    assert (announce.entry.address, announce.entry.term) == (OWN, max(1, named.term if named else 0) + 1)
    assert it.tell(steps.Announced()) == [steps.ConfirmDoor(announce.entry.term)]


def test_a_host_whose_lock_was_tidied_up_locks_again() -> None:
    it = in_state(State.HOST)
    it.due()
    assert it.tell(steps.Checked(False, it.own)) == [steps.Unlock(for_another=True), steps.TryLock()]
    assert it.tell(steps.LockFree()) == [steps.Check()]
    assert it.tell(steps.Checked(True, it.own)) == [steps.ConfirmDoor(1)]
    assert it.state is State.HOST


def test_a_host_whose_files_are_all_gone_makes_room_for_whoever_has_the_new_lock() -> None:
    it = in_state(State.HOST)
    it.due()
    assert it.tell(steps.Checked(False, None)) == [steps.Unlock(for_another=True), steps.TryLock()]
    assert kinds(it.tell(steps.LockTaken(7))) == [steps.CloseDoor, steps.Place, steps.Look]


def test_a_host_that_is_named_and_has_not_the_lock_serves_and_waits() -> None:
    it = in_state(State.HOST)
    it.due()
    it.tell(steps.Checked(False, it.own))
    assert it.tell(steps.LockTaken(7)) == []
    assert it.due() == [steps.TryLock()]
    assert it.machine.placed == "host"


def test_a_host_that_nobody_can_reach_begins_anew() -> None:
    it = in_state(State.HOST)
    it.due()
    assert kinds(it.tell(steps.Checked(True, it.own, False))) == [
        steps.CloseDoor,
        steps.Unlock,
        steps.Place,
        steps.Look,
    ]


def test_a_lock_that_nobody_lets_go_of_is_taken_away_from_its_holder() -> None:
    it = in_state(State.TAKING)
    begin, actions = it.now, it.tell(steps.LockTaken(7))
    while not actions:
        actions = it.due()
        if actions == [steps.Check()]:
            it.tell(steps.Checked(False, it.own))
            actions = Actions()
        elif actions == [steps.TryLock()]:
            actions = it.tell(steps.LockTaken(7))
    assert actions == [steps.OustLock(7, it.own)]
    assert it.now - begin >= PROOF_AFTER


# --- handing over


def test_the_title_is_passed_by_who_has_it() -> None:
    it = in_state(State.HOST)
    assert it.tell(steps.LetMeHost(1)) == [steps.OfferTitle(1, 1)]
    assert it.tell(steps.LetMeHost(2)) == [], "one at a time"
    named = HostEntry("/next", KEY, 101, 2)
    assert it.tell(steps.Ready(1, 1, "/next", KEY)) == [steps.Announce(named)], "while it has the lock"
    passed = it.tell(steps.Announced())
    assert passed == [steps.SayMoved(named), steps.Unlock(for_another=True), steps.Attach(1, named)]
    it.tell(steps.Attached(1))
    assert it.tell(steps.Looked(named)) == [steps.Place("guest", 1)]
    assert it.machine.has_door, "those that have not gone yet are served"
    it.wait(OLD_DOOR)
    assert kinds(it.due()) == [steps.CloseDoor]


def test_the_old_door_closes_with_its_last_member() -> None:
    it = in_state(State.OFFERING)
    it.pass_on(1)
    assert it.tell(steps.MemberLeft(2)) == []
    assert kinds(it.tell(steps.MemberLeft(1))) == [steps.CloseDoor]


def test_one_that_stood_still_keeps_no_old_door() -> None:
    it = in_state(State.OFFERING)
    it.pass_on(1)
    assert kinds(it.tell(steps.ClockJumped())) == [steps.CloseDoor]


@pytest.mark.parametrize(
    "late", [steps.Ready(1, 0, "/next", KEY), steps.Ready(2, 1, "/next", KEY), steps.Ready(7, 1, "/next", KEY)]
)
def test_only_the_open_offer_is_taken(late: steps.Ready) -> None:
    it = in_state(State.OFFERING)
    assert it.tell(late) == []
    it.due()
    assert it.tell(steps.Ready(1, 1, "/next", KEY)) == [], "it is overdue"


def test_an_offer_does_not_outlive_a_pause() -> None:
    it = in_state(State.OFFERING)
    assert it.tell(steps.ClockJumped()) == [steps.DoubtDoor(), steps.Check()]
    it.tell(steps.Checked(True, it.own))
    assert it.tell(steps.Ready(1, 1, "/next", KEY)) == []


def test_a_host_that_lost_its_lock_passes_nothing() -> None:
    it = in_state(State.OFFERING)
    it.tell(steps.Ready(1, 1, "/next", KEY))
    assert it.tell(steps.NotAnnounced()) == [steps.Check()]
    assert steps.Place("looking") in it.tell(steps.Checked(False, NEXT))


def test_one_that_serves_hands_over_to_nobody_but_as_it_leaves() -> None:
    it = Driven(serves=True)
    it.become_host(1)
    assert it.tell(steps.LetMeHost(1)) == []
    assert it.tell(steps.Leave()) == [steps.OfferTitle(1, 1)]


# --- leaving


def test_a_host_without_guests_leaves_at_once() -> None:
    it = Driven()
    it.become_host()
    own = it.own
    actions = it.tell(steps.Leave())
    assert kinds(actions) == [steps.Withdraw, steps.CloseDoor, steps.Unlock, steps.Answer]
    assert (actions[0], actions[-1]) == (steps.Withdraw(own), steps.Answer(True))


def test_a_host_that_leaves_ends_when_all_have_gone() -> None:
    it = in_state(State.PASSED)
    assert it.tell(steps.MemberLeft(2)) == []
    actions = it.tell(steps.MemberLeft(1))
    assert kinds(actions) == [steps.CloseDoor, steps.Answer]
    assert actions[-1] == steps.Answer(True)


def test_or_after_two_seconds() -> None:
    it = in_state(State.PASSED)
    begin = it.now
    assert it.due()[-1] == steps.Answer(True)
    assert it.now - begin < 2.0


def test_a_guest_that_does_not_answer_is_not_waited_for() -> None:
    it = in_state(State.LEAVING)
    begin = it.now
    assert it.due() == [steps.OfferTitle(2, 2)], "the next is asked"
    assert it.now - begin == pytest.approx(0.8)
    actions = it.due()
    assert it.now - begin == pytest.approx(1.6)
    assert kinds(actions) == [steps.Withdraw, steps.CloseDoor, steps.Unlock, steps.Answer]
    assert actions[-1] == steps.Answer(False)


def test_a_successor_that_died_is_not_waited_for_at_all() -> None:
    it = in_state(State.LEAVING)
    assert it.tell(steps.MemberLeft(1)) == [steps.OfferTitle(2, 2)]
    assert it.tell(steps.MemberLeft(2))[-1] == steps.Answer(True), "there is nobody left"


def test_a_successor_that_dies_with_the_title_is_replaced() -> None:
    """The timeline of a hand-over that breaks: the old host names itself again, and asks the next."""
    it = in_state(State.PASSED)
    assert it.tell(steps.MemberLeft(1)) == [steps.TryLock()]
    assert it.tell(steps.LockFree()) == [steps.Look()]
    (announce,) = it.tell(steps.Looked(HostEntry("/next", KEY, 101, 2)))
    assert isinstance(announce, steps.Announce)
    assert (announce.entry.address, announce.entry.term) == (OWN, 3)
    assert it.tell(steps.Announced()) == [steps.ConfirmDoor(3), steps.OfferTitle(2, 2)]
    assert it.state is State.LEAVING


def test_a_successor_that_has_the_lock_is_alive() -> None:
    it = in_state(State.PASSED)
    it.tell(steps.MemberLeft(1))
    assert it.tell(steps.LockTaken(7)) == []
    assert it.state is State.PASSED


def test_one_that_has_passed_it_on_is_left_alone() -> None:
    it = in_state(State.PASSED)
    it.tell(steps.MemberLeft(1), steps.LockFree())
    assert it.tell(steps.Looked(NEXT)) == [steps.Unlock(for_another=True)]


def test_the_offer_that_is_open_counts_for_one_that_begins_to_leave() -> None:
    it = in_state(State.OFFERING)
    assert it.tell(steps.Leave()) == []
    it.pass_on(1)
    assert it.state is State.PASSED


def test_one_that_waits_for_the_lock_leaves_as_soon_as_it_has_it() -> None:
    it = in_state(State.TAKING)
    it.tell(steps.MemberCame(3, 103))
    assert it.tell(steps.Leave()) == []
    it.tell(steps.LockFree())
    assert it.tell(steps.Checked(True, it.own)) == [steps.ConfirmDoor(5), steps.OfferTitle(3, 1)]


def test_a_pause_gives_the_successor_its_time_again() -> None:
    it = in_state(State.LEAVING)
    it.wait(100.0)
    assert it.tell(steps.ClockJumped()) == [steps.DoubtDoor(), steps.OfferTitle(1, 2), steps.Check()]
    it.tell(steps.Checked(True, it.own))
    deadlines = it.machine.deadlines
    assert (deadlines["offer"], deadlines["leave"]) == (it.now + 0.8, it.now + 1.9)


def test_a_host_whose_door_broke_looks_again() -> None:
    it = in_state(State.HOST)
    own = it.own
    actions = it.tell(steps.DoorFailed(ERROR))
    assert actions == [steps.Withdraw(own), steps.Unlock(for_another=True), steps.Place("looking"), steps.Look()]


def test_one_that_waited_for_the_lock_in_vain_leaves_no_socket() -> None:
    it = in_state(State.TAKING)
    it.tell(steps.Leave())
    actions = it.tell(steps.LockTaken(7))
    while not any(isinstance(one, steps.Answer) for one in actions):
        actions = it.due()
        if actions == [steps.TryLock()]:
            actions = it.tell(steps.LockTaken(7))
        elif actions == [steps.Check()]:
            actions = it.tell(steps.Checked(False, it.own))
    assert steps.Detach(1) in actions
