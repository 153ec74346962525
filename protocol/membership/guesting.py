"""A process that looks for a host, is a guest of one, or was asked to be one."""

from websocket_v6.protocol.errors import WebSocketV6Error

from .host_entry import HostEntry, is_same
from .hosting import Hosting
from .standing import PROOF_AFTER
from .steps import (
    Action,
    Announced,
    Attached,
    BeHost,
    ClockJumped,
    ConfirmDoor,
    Detach,
    DoorFailed,
    DoorOpen,
    Due,
    Event,
    FolderFailed,
    HostGone,
    LockFree,
    LockTaken,
    Look,
    Looked,
    MemberHeard,
    MemberSilent,
    Moved,
    NotAttached,
    Oust,
    OustLock,
    Released,
    SayLetMeHost,
    SayReady,
    TryLock,
)
from .transitions import State

__all__ = ["Guesting"]

ASK_AGAIN = 1.0  # seconds between two times that a host is asked for its title
ASKS = 5  # after which it is asked less often, and this process is its guest
ASK_LATER = 5.0
OFFERED = 3.0  # seconds for a host to pass the title that it has offered: three times what it gives its guest
OPEN_TIMEOUT = 5.0  # seconds for this process's own door to open


class Guesting(Hosting):
    """The steps of `MembershipMachine` up to the title."""

    # --- looking

    def _look(self, _event: Due, now: float) -> list[Action]:
        return self._search(now)

    def _looked(self, event: Looked, now: float) -> list[Action]:
        entry = event.entry
        self._note(entry)
        if entry is not None and entry != self._gone and not self._is_own(entry):
            if self.member is not None and is_same(entry, self.host):  # it has not moved after all
                self._go(State.GUEST)
                return self._let_go()
            return self._go_to(entry, now)
        if self._no_host is not None:
            return self._stay_alone(self._no_host, now)
        return self._open_door(now) if self.holds_lock else [TryLock()]

    def _is_own(self, entry: HostEntry) -> bool:
        return self.own is not None and self.own.address == entry.address

    def _claim(self, _event: LockFree, _now: float) -> list[Action]:
        # Whoever had it may have passed its title just now: the file is read once more.
        self.holds_lock = True
        self._idle.forget()
        return [Look()]

    def _look_again(self, event: LockTaken, now: float) -> list[Action]:
        """Somebody has the lock: the host that could not be reached, or one that is not ready yet, or that hangs."""
        actions: list[Action] = []
        if self._idle.see((event.holder, self._named), now) >= PROOF_AFTER:
            actions = [OustLock(event.holder, self._named)]
            self._idle.forget()
        else:
            self._gone = None
        return actions + self._search_soon(now)

    def _alone(self, event: FolderFailed, now: float) -> list[Action]:
        return self._stay_alone(event.error, now)

    def _open_door(self, now: float) -> list[Action]:
        actions = self._open_anew()
        self._go(State.OPENING, open_by=now + OPEN_TIMEOUT)
        return actions

    # --- on the way to a host

    def _attach(self, _event: Due, now: float) -> list[Action]:
        if self.target is None:
            return self._search(now)
        return self._try(self.target, is_probe=self._is_hung(self.target))

    def _attached(self, event: Attached, _now: float) -> list[Action]:
        if event.number != self.attempt:
            return []
        self._is_welcomed, self._stays = True, event.stays
        return [Look()]

    def _verify(self, event: Looked, now: float) -> list[Action]:
        """Take the host only if the file names it still: what answered may be one that was replaced, and wakes up."""
        if not self._is_welcomed:
            return self._impossible(event, now)
        self._note(event.entry)
        if is_same(event.entry, self.target):
            return self._settle(event.entry, now)
        return self._abandon_attempt() + self._search_soon(now)

    def _settle(self, entry: HostEntry | None, now: float) -> list[Action]:
        actions = self._leave_host(now) + self._let_go()
        self.member, self.attempt, self.host = self.attempt, None, entry
        self._gone = self._no_host = None
        self._hung.forget()
        self._idle.forget()
        self._asks = 0
        if self._serves and not self._stays and self.member is not None:
            self._go(State.GUEST, ask=now + ASK_AGAIN)
            return [*actions, SayLetMeHost(self.member)]
        self._go(State.GUEST)
        return actions + self._place("guest")

    def _not_attached(self, event: NotAttached, now: float) -> list[Action]:
        if event.number != self.attempt or self.target is None:
            return []
        self.attempt = None
        if event.is_final:
            return self._stay_alone(event.error, now)
        if event.is_gone:
            self._gone = self.target
            return self._unplaced() + self._search(now)
        if event.is_hung and not self._is_void:
            if self._hung.see(self.target, now) >= PROOF_AFTER:
                return self._replace(self.target, event.error, now)
            return self._search_soon(now)
        # It answers: if it waits for the lock, let it have it.
        return self._let_go(for_another=True) + self._unplaced() + self._search_soon(now)

    def _replace(self, entry: HostEntry, error: WebSocketV6Error, now: float) -> list[Action]:
        """Look for another host in place of one that is proven to hang, or be it; nothing more comes from there."""
        self._gone = entry
        self._hung.forget()
        actions: list[Action] = [] if self.holds_lock else [Oust(entry)]
        return actions + self._unplaced(error) + self._search(now)

    def _lost_rest(self, event: HostGone, _now: float) -> list[Action]:
        self.lingering.discard(event.number)
        if event.number != self.member:
            return []
        self.member = None
        return self._place("looking")

    def _lost_old(self, event: HostGone, _now: float) -> list[Action]:
        self.lingering.discard(event.number)
        if event.number == self.member:
            self.member = None
            if self.state is State.MOVING:
                self.state = State.ATTACHING
        return []

    # --- a guest

    def _ask(self, _event: Due, now: float) -> list[Action]:
        if self.member is None:
            return []
        self._asks += 1
        self._go(State.GUEST, ask=now + (ASK_AGAIN if self._asks < ASKS else ASK_LATER))
        actions: list[Action] = [SayLetMeHost(self.member)]
        return actions + self._place("guest") if self._asks == ASKS else actions

    def _lost_host(self, event: HostGone, now: float) -> list[Action]:
        self.lingering.discard(event.number)
        if event.number != self.member:
            return []
        self.member = None
        if event.is_final:
            return self._stay_alone(event.error, now)
        self._gone = self.host
        return self._place("looking") + self._search(now)

    def _look_around(self, event: Looked, now: float) -> list[Action]:
        """Go to whoever is the host now, if it is another."""
        self._note(event.entry)
        if event.entry is None or self.host is None or event.entry.address == self.host.address:
            return []
        return self._go_to(event.entry, now)

    def _follow(self, event: Moved, now: float) -> list[Action]:
        if event.number != self.member:
            return []
        self.term = max(self.term, event.term)
        return self._go_to(HostEntry(event.address, event.key, 0, event.term), now)

    def _released(self, event: Released, _now: float) -> list[Action]:
        if event.number not in self.lingering:
            return []
        self.lingering.discard(event.number)
        return [Detach(event.number)]

    # --- a guest in doubt

    def _doubt(self, event: MemberSilent, _now: float) -> list[Action]:
        if event.number != self.member:
            return []
        self._go(State.DOUBTING)
        self._is_welcomed = False
        return [Look()]

    def _verify_proof(self, event: Looked, now: float) -> list[Action]:
        if self._is_welcomed:
            self._note(event.entry)
            if is_same(event.entry, self.target):
                return self._settle(event.entry, now)
            return self._abandon_attempt() + self._calm(now)
        self._note(event.entry)
        if self.host is None:
            return self._search(now)
        if event.entry is not None and event.entry.address != self.host.address:
            return self._go_to(event.entry, now, is_spread=False)
        return self._try(event.entry or self.host, is_probe=True)

    def _trust(self, event: MemberHeard, now: float) -> list[Action]:
        return self._abandon_attempt() + self._calm(now) if event.number == self.member else []

    def _judge(self, event: NotAttached, now: float) -> list[Action]:
        if event.number != self.attempt or self.target is None:
            return []
        self.attempt = None
        if event.is_gone:
            self._gone = self.target
            return self._lose_host() + self._place("looking", event.error) + self._search(now)
        if event.is_hung and not self._is_void:
            return self._lose_host() + self._replace(self.target, event.error, now)
        return self._calm(now)  # it answers, if only that it does not want to

    def _lost_silent(self, event: HostGone, now: float) -> list[Action]:
        if event.number != self.member:
            self.lingering.discard(event.number)
            return []
        return self._abandon_attempt() + self._lost_host(event, now)

    def _calm(self, now: float) -> list[Action]:
        self._go(State.GUEST, **({"ask": now + ASK_AGAIN} if self._serves and not self._stays else {}))
        return []

    # --- a guest that is to be the host

    def _accept(self, event: BeHost, now: float) -> list[Action]:
        if event.number != self.member:
            return []
        actions = self._abandon_attempt() + self._open_anew()
        self._offer = event.offer
        self._go(State.OFFERED, offered=now + OFFERED)
        return actions

    def _accept_again(self, event: BeHost, now: float) -> list[Action]:
        if event.number != self.member:
            return []
        self._offer = event.offer
        self._go(State.OFFERED, offered=now + OFFERED)
        return self._say_ready()

    def _ready(self, event: DoorOpen, _now: float) -> list[Action]:
        self._opened(event)
        return self._say_ready()

    def _say_ready(self) -> list[Action]:
        if self.own is None or self.member is None:
            return []
        return [SayReady(self.member, self._offer, self.own.address, self.own.key)]

    def _decline(self, _event: DoorFailed, now: float) -> list[Action]:
        self._close_door(1001, "")
        if self.member is not None:
            return self._calm(now)
        return self._let_go() + self._place("looking") + self._search(now)

    def _passed_on(self, event: Moved, now: float) -> list[Action]:
        if event.number != self.member:
            return []
        if self.own is not None and event.address == self.own.address:
            return self._take(event.term, now)
        return self._close_door(1001, "the title went to another") + self._follow(event, now)

    def _lost_offerer(self, event: HostGone, now: float) -> list[Action]:
        self.lingering.discard(event.number)
        if event.number != self.member:
            return []
        self.member = None
        self._gone = self.host
        if self.own is not None:
            return [TryLock()]
        return self._close_door(1001, "") + self._place("looking") + self._search(now)

    def _got_lock(self, _event: LockFree, _now: float) -> list[Action]:
        self.holds_lock = True
        return [Look()]

    def _ask_files(self, _event: Event, _now: float) -> list[Action]:
        self._go(State.OFFERED)
        return [Look()]

    def _look_up(self, event: Looked, now: float) -> list[Action]:
        """Find out whether the title was passed by a host that could not say so any more."""
        entry = event.entry
        self._note(entry)
        if self.own is not None and entry is not None and entry.address == self.own.address:
            return self._take(entry.term, now)
        if self.own is not None and self.holds_lock and (entry is None or is_same(entry, self._gone)):
            return self._announce_anew(self.own)
        actions = self._close_door(1001, "the title was not passed") + self._let_go()
        if self.member is None:
            return actions + self._place("looking") + self._search(now)
        return actions + self._calm(now) + self._look_around(event, now)

    def _succeed(self, event: Announced, now: float) -> list[Action]:
        term = self.own.term if self.own is not None else 0
        return [ConfirmDoor(term), *self._become_host(event, now)]

    # --- after a pause

    def _forget(self, _event: ClockJumped, now: float) -> list[Action]:
        """Take back what was about to be proven of others: they were not heard."""
        self._hung.forget()
        self._idle.forget()
        self._is_void = True
        return self._close_old_door(now)

    def _wake(self, event: ClockJumped, now: float) -> list[Action]:
        """See first who is the host."""
        actions = self._forget(event, now)
        if self.state is State.DOUBTING:
            actions += self._abandon_attempt() + self._calm(now)
        return [*actions, Look()]
