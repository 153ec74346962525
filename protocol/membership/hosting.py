"""A process that is the host, is about to be, or hands over.

Who has the lock that all others see writes who the host is, and nobody else: a title is passed, never taken, but on
proof. A host that offers its title goes on as before until it has written the other's name; the other serves from then
on, and gets the lock as soon as everyone has been told.
"""

import itertools

from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error

from .host_entry import HostEntry, is_same
from .standing import LINGER, OLD_DOOR, PROOF_AFTER, Standing
from .steps import (
    Action,
    Announce,
    Announced,
    Answer,
    Check,
    Checked,
    ClockJumped,
    ConfirmDoor,
    Detach,
    DoorFailed,
    DoorOpen,
    DoubtDoor,
    Due,
    Event,
    Leave,
    LetMeHost,
    LockFree,
    LockTaken,
    Looked,
    MemberCame,
    MemberLeft,
    NotAnnounced,
    OfferTitle,
    OustLock,
    Ready,
    SayMoved,
    TryLock,
    Unlock,
    Withdraw,
)
from .transitions import HOSTING, State

__all__ = ["Hosting"]

LOCK_RETRY = 0.02  # seconds until one that was handed over to tries again for the lock
CHECK_INTERVAL = 5.0  # seconds between two looks whether this process is still the host
CHECK_TITLE = 1.0  # the same while it has not the lock
OFFER = 1.0  # seconds for a guest to say that it listens
SUCCESSION = 0.8  # the same while this process waits to end: Ctrl-C is not to wait for one that hangs
LEAVE = 1.9  # seconds for all of it then
REPLACED = 4001  # the close code of a door whose host is another now
GOING_AWAY = 1001


class Hosting(Standing):
    """The steps of `MembershipMachine` with the title, and around it."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._offers = itertools.count(1)
        self._offered: tuple[int, int] | None = None  # client and number of the open offer
        self._heir = 0  # the client that was, or is to be, the next host
        self._asked: set[int] = set()  # those that this process, as it leaves, has asked already
        self._successor: HostEntry | None = None  # whose name is being written, or was
        self._is_named = True  # the file names this process, though it has not the lock

    # --- becoming it

    def _announce(self, event: DoorOpen, _now: float) -> list[Action]:
        return [Announce(self._opened(event))]

    def _outrun(self, _event: NotAnnounced, now: float) -> list[Action]:
        """Somebody took the lock away: this process was stopped for too long."""
        actions = self._close_door(REPLACED, "another process is the host now") + self._let_go(for_another=True)
        return actions + self._unplaced() + self._search(now)

    def _unplaced(self, error: WebSocketV6Error | None = None) -> list[Action]:
        return self._place("looking", error) if self.member is None and self.placed == "guest" else []

    def _cannot_open(self, event: Event, now: float) -> list[Action]:
        why = event.error if isinstance(event, DoorFailed) else "its door does not open"
        return self._stay_alone(ConfigError(f"cannot share connections with other processes: {why}"), now)

    def _become_host(self, _event: Event, now: float) -> list[Action]:
        self._go(State.HOST)
        self._lasting["check"] = now + CHECK_INTERVAL
        self._gone = self._no_host = self._successor = self._offered = None
        self._idle.forget()
        actions = self._leave_host(now) + self._place("host")
        return actions + self._leave_now(now) if self.is_leaving else actions

    def _take(self, term: int, now: float) -> list[Action]:
        """Be the host: the title was passed, and the lock will be."""
        if self.own is not None:
            self.own = HostEntry(self.own.address, self.own.key, self.own.pid, term)
        self.term = max(self.term, term)
        self._is_named = True
        if self.holds_lock:
            return [ConfirmDoor(term), *self._become_host(Due(), now)]
        self._go(State.TAKING)
        self._lasting["check"] = now + CHECK_TITLE
        return [ConfirmDoor(term), *self._place("host"), TryLock()]

    # --- waiting for the lock

    def _got_title(self, _event: LockFree, _now: float) -> list[Action]:
        self.holds_lock = True
        return [Check()]

    def _wait_for_lock(self, event: LockTaken, now: float) -> list[Action]:
        if not self._is_named:
            return self._step_down(now)  # another is about to be the host
        if self._idle.see(event.holder, now) >= PROOF_AFTER:
            self._idle.forget()
            return [OustLock(event.holder, self.own), *self._retry_later(now)]
        return self._retry_later(now)

    def _retry_later(self, now: float) -> list[Action]:
        self._go(State.TAKING, lock=now + LOCK_RETRY)
        return []

    def _retry_lock(self, event: Event, now: float) -> list[Action]:
        return [TryLock()] if isinstance(event, Due) else self._retry_later(now)

    def _checked_taking(self, event: Checked, now: float) -> list[Action]:
        self._note(event.entry)
        own = self.own
        is_other = own is not None and event.entry is not None and event.entry.address != own.address
        if own is None or is_other or not event.is_reachable:
            return self._step_down(now)
        self._is_named = event.entry is not None
        if event.is_holder:
            if is_same(event.entry, own):
                return [ConfirmDoor(own.term), *self._become_host(event, now)]
            return self._announce_anew(own)
        actions = self._let_go(for_another=True)
        if not self._is_named:
            return [*actions, TryLock()]
        if not self._deadlines:
            self._retry_later(now)
        return [*actions, ConfirmDoor(own.term)]

    def _lost_lock(self, _event: NotAnnounced, now: float) -> list[Action]:
        return self._let_go(for_another=True) + self._retry_later(now)

    # --- being it

    def _check(self, now: float) -> list[Action]:
        if self.state not in HOSTING:
            return []
        self._lasting["check"] = now + (CHECK_TITLE if self.state is State.TAKING else CHECK_INTERVAL)
        return [Check()]

    def _checked(self, event: Checked, now: float) -> list[Action]:
        self._note(event.entry)
        own = self.own
        if own is None or not event.is_reachable:  # whoever tidied up took the door's address too
            return self._step_down(now)
        if event.is_holder:
            # What else may be named was written by one that was stopped as it wrote, and had lost the lock meanwhile.
            return [ConfirmDoor(own.term)] if is_same(event.entry, own) else self._announce_anew(own)
        if event.entry is not None and event.entry.address != own.address:
            return self._step_down(now)
        # Somebody has tidied up: the lock is on a file that nobody else sees.
        self._offered = None
        self._is_named = event.entry is not None
        self._go(State.TAKING)
        self._lasting["check"] = now + CHECK_TITLE
        return [*self._let_go(for_another=True), TryLock()]

    def _confirm(self, _event: Announced, _now: float) -> list[Action]:
        return [ConfirmDoor(self.own.term)] if self.own is not None else []

    def _check_again(self, _event: NotAnnounced, _now: float) -> list[Action]:
        self._successor = None
        return [Check()]

    def _step_down(self, now: float) -> list[Action]:
        """Make room for another that is the host, or about to be."""
        self._offered = self._successor = None
        actions = self._close_door(REPLACED, "another process is the host now") + self._let_go(for_another=True)
        if self.is_leaving:
            return actions + self._end(in_order=False)
        return actions + self._place("looking") + self._search(now)

    def _lost_door(self, _event: DoorFailed, now: float) -> list[Action]:
        withdraw: list[Action] = [] if self.own is None else [Withdraw(self.own)]
        self.has_door = False
        return withdraw + self._step_down(now)

    def _wake_host(self, _event: ClockJumped, now: float) -> list[Action]:
        """Say nothing to anybody until it is known that this process is still the host."""
        self._idle.forget()
        actions: list[Action] = []
        if self.is_leaving and self.state is State.LEAVING:
            self._lasting["leave"] = now + LEAVE
            if self._offered is not None:
                self._asked.discard(self._offered[0])  # it may have answered in time
            actions = self._offer_next(now)
        elif self.state is State.OFFERING:
            self._offered = None
            self._go(State.HOST)
        return [DoubtDoor(), *actions, Check()] if self.state in HOSTING else actions

    # --- its members

    def _came(self, event: MemberCame, _now: float) -> list[Action]:
        self.members[event.client] = event.pid
        return []

    def _left(self, event: MemberLeft, _now: float) -> list[Action]:
        self.members.pop(event.client, None)
        return self._close_door(GOING_AWAY, "the host moved") if self.is_passed and not self.members else []

    def _no_door(self, _event: DoorFailed, _now: float) -> list[Action]:
        self.has_door = False
        self._close_door(GOING_AWAY, "")
        return []

    def _close_old_door(self, _now: float) -> list[Action]:
        return self._close_door(GOING_AWAY, "the host moved") if self.is_passed else []

    # --- handing over

    def _offer_to(self, event: LetMeHost, now: float) -> list[Action]:
        if self._serves or event.client not in self.members:
            return []
        return self._make_offer(event.client, now, State.OFFERING, OFFER)

    def _make_offer(self, client: int, now: float, state: State, patience: float) -> list[Action]:
        self._offered = client, next(self._offers)
        self._go(state, offer=now + patience)
        return [OfferTitle(*self._offered)]

    def _overdue(self, _event: Due, now: float) -> list[Action]:
        return self._no_answer(now)

    def _offer_left(self, event: MemberLeft, now: float) -> list[Action]:
        self.members.pop(event.client, None)
        if self._offered is not None and self._offered[0] == event.client:
            return self._no_answer(now)
        return []

    def _no_answer(self, now: float) -> list[Action]:
        self._offered = None
        if self.is_leaving:
            return self._offer_next(now)
        self._go(State.HOST)
        return []

    def _pass_on(self, event: Ready, _now: float) -> list[Action]:
        """Write the other's name, while the lock is this process's still."""
        if self._offered != (event.client, event.offer) or self.own is None or event.client not in self.members:
            return []
        self._offered = None
        self.term = max(self.term, self.own.term) + 1
        self._successor = HostEntry(event.address, event.key, self.members[event.client], self.term)
        self._heir = event.client
        self._go(self.state)
        return [Announce(self._successor)]

    def _announced(self, _event: Announced, now: float) -> list[Action]:
        successor = self._successor
        if successor is None:  # it was this one's own name
            return self._confirm(_event, now)
        self.is_passed = True
        self._lasting.pop("check", None)
        self.holds_lock = False
        actions: list[Action] = [SayMoved(successor), Unlock(for_another=True)]
        if self.is_leaving:
            self._go(State.PASSED)
            return actions
        self._lasting["old_door"] = now + OLD_DOOR
        return actions + self._go_to(successor, now, is_spread=False)

    # --- leaving

    def _leave(self, _event: Leave, now: float) -> list[Action]:
        if self._offered is None:
            return self._leave_now(now)
        self._begin_to_leave(now)
        self._asked.add(self._offered[0])
        self._go(State.LEAVING, offer=now + SUCCESSION)
        return []

    def _leave_soon(self, _event: Leave, now: float) -> list[Action]:
        self._begin_to_leave(now)
        return []

    def _begin_to_leave(self, now: float) -> None:
        self.is_leaving = True
        self._lasting.setdefault("leave", now + LEAVE)

    def _leave_now(self, now: float) -> list[Action]:
        self._begin_to_leave(now)
        return self._offer_next(now)

    def _offer_next(self, now: float) -> list[Action]:
        client = next((one for one in self.members if one not in self._asked), None)
        if client is None:
            return self._close_house(in_order=not self.members)
        self._asked.add(client)
        return self._make_offer(client, now, State.LEAVING, SUCCESSION)

    def _close_house(self, *, in_order: bool) -> list[Action]:
        """End as the host with nobody to follow; guests settle it among themselves."""
        actions: list[Action] = [] if self.own is None else [Withdraw(self.own)]
        actions += self._close_door(GOING_AWAY, "the host ends") + self._let_go()
        return actions + self._end(in_order=in_order)

    def _leave_overdue(self, _now: float) -> list[Action]:
        if self.state is State.PASSED:
            return self._done(None, _now)
        return self._close_house(in_order=False) if self.state in HOSTING else []

    def _passed_left(self, event: MemberLeft, now: float) -> list[Action]:
        self.members.pop(event.client, None)
        if not self.members:
            return self._done(event, now)
        # It leaves only when it has the lock, so if that is free it is dead.
        return [TryLock()] if event.client == self._heir else []

    def _reclaim(self, event: Looked, _now: float) -> list[Action]:
        """Be the host again in place of a successor that died; the next is asked."""
        self._note(event.entry)
        if self.own is None or not is_same(event.entry, self._successor):
            return self._let_go(for_another=True)
        return self._announce_anew(self.own)

    def _go_on(self, _event: Announced, now: float) -> list[Action]:
        self.is_passed = False
        self._successor = None
        self._lasting["check"] = now + CHECK_INTERVAL
        return [*self._confirm(_event, now), *self._offer_next(now)]

    def _give_back(self, _event: NotAnnounced, _now: float) -> list[Action]:
        return self._let_go(for_another=True)

    def _quit(self, _event: Leave, _now: float) -> list[Action]:
        actions = self._close_door(GOING_AWAY, "the process ends") + self._let_go()
        return actions + self._end(in_order=True)

    def _done(self, _event: object, _now: float) -> list[Action]:
        actions = self._close_door(GOING_AWAY, "the host ends") + self._let_go()
        return actions + self._end(in_order=True)

    def _end(self, *, in_order: bool) -> list[Action]:
        actions = self._abandon_attempt() + self._lose_host()
        actions += [Detach(number) for number in sorted(self.lingering)]
        self.lingering.clear()
        self._lasting.clear()
        self._go(State.DONE)
        return [*actions, Answer(in_order)]

    def _answer(self, _event: Leave, _now: float) -> list[Action]:
        return [Answer(in_order=True)]

    def _stop_lingering(self, _now: float) -> list[Action]:
        if self.state is State.TAKING:  # the host before takes one that leaves for one that died
            self._lasting["linger"] = _now + LINGER
            return []
        actions: list[Action] = [Detach(number) for number in sorted(self.lingering)]
        self.lingering.clear()
        return actions
