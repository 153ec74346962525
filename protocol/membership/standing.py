"""What a process knows of itself and the others, and what is done the same way from many states."""

import itertools
import math
from collections.abc import Callable
from typing import Any

from websocket_v6.protocol.errors import LocalProtocolError, WebSocketV6Error

from .host_entry import HostEntry
from .steps import (
    Action,
    Announce,
    Attach,
    CloseDoor,
    Detach,
    DoorOpen,
    Look,
    OpenDoor,
    Place,
    PlaceName,
    Unlock,
)
from .transitions import State

__all__ = ["Standing", "Watch"]

NEVER = math.inf
LOOK_AGAIN = 0.01  # seconds at most until a process that found neither host nor lock looks again, doubled each time
LOOK_AGAIN_MAX = 1.0
SPREAD = 0.05  # seconds within which those that lost a host, or are sent to another, go there: not all at once
LINGER = 35.0  # seconds for which the socket to the host before is kept at most: data may come from there still
OLD_DOOR = 30.0  # seconds for which one that has passed its title, and stays, serves those that have not gone yet
PROOF_AFTER = 15.0  # seconds for which a host, or a holder of the lock, may do nothing until it is replaced


class Watch:
    """For how long one thing has been seen without a change, and without a pause of the one that looks."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since = 0.0

    def see(self, what: object, now: float) -> float:
        """Return for how many seconds it has been this."""
        if self._seen is None or what != self._seen:
            self._seen, self._since = what, now
        return now - self._since

    def forget(self) -> None:
        """Begin anew."""
        self._seen = None


class Standing:
    """The memory of `MembershipMachine`, and its common steps."""

    def __init__(
        self, *, now: float, random: Callable[[], float], serves: bool = False, no_host: WebSocketV6Error | None = None
    ) -> None:
        self.state = State.LOOKING
        self.placed: PlaceName = "looking"
        self.term = 0  # the highest that this process knows of
        self.holds_lock = False
        self._random = random
        self._serves = serves
        self._no_host = no_host  # what it is told if it may not be the host, as long as there has never been one
        self._deadlines: dict[str, float] = {"look": now}  # at most one, of the state
        self._lasting: dict[str, float] = {}  # those that last from state to state
        self._numbers = itertools.count(1)
        self._pause = LOOK_AGAIN
        # Of the host in use, on the way there, and before:
        self.member: int | None = None
        self.host: HostEntry | None = None
        self.lingering: set[int] = set()
        self.attempt: int | None = None
        self.target: HostEntry | None = None
        self._is_welcomed = False
        self._is_void = False  # this process stood still during the attempt: its failure proves nothing
        self._stays = False
        self._asks = 0
        self._offer = 0  # the number of the one that was made to this process
        self._gone: HostEntry | None = None  # the last one that was found not to be there, or to hang
        self._named: HostEntry | None = None  # the last one that the file named
        self._hung = Watch()
        self._idle = Watch()  # the lock, in the hands of one that does nothing with it
        # Of this process's own door:
        self.own: HostEntry | None = None  # once it is open
        self._door_term = 0
        self.has_door = False  # open, or about to be
        self.is_passed = False  # the title of that door is another's now
        self.members: dict[int, int] = {}  # their processes
        self.is_leaving = False

    # --- time

    @property
    def deadlines(self) -> dict[str, float]:
        """What will be due when, by name."""
        return {**self._deadlines, **self._lasting}

    @property
    def next_due(self) -> float | None:
        """When the next Due must be told, if ever."""
        return min(self.deadlines.values(), default=None)

    def _go(self, state: State, **deadlines: float) -> None:
        self.state = state
        self._deadlines = deadlines

    # --- the files

    def _note(self, entry: HostEntry | None) -> None:
        self._named = entry
        if entry is not None:
            self.term = max(self.term, entry.term)

    def _let_go(self, *, for_another: bool = False) -> list[Action]:
        if not self.holds_lock:
            return []
        self.holds_lock = False
        return [Unlock(for_another)]

    # --- finding a host

    def _search(self, _now: float) -> list[Action]:
        """Look at once."""
        self._go(State.LOOKING)
        return [Look()]

    def _search_soon(self, now: float) -> list[Action]:
        """Look again in a while, at random: all that lost the same host look for the next one at the same time."""
        self._go(State.LOOKING, look=now + self._pause * (0.5 + 0.5 * self._random()))
        self._pause = min(LOOK_AGAIN_MAX, self._pause * 2)
        return []

    def _go_to(self, entry: HostEntry, now: float, *, is_spread: bool = True) -> list[Action]:
        """Go to a host; one that is in use stays so until the new one is."""
        actions = self._abandon_attempt()
        self.target = entry
        state = State.ATTACHING if self.member is None else State.MOVING
        is_spread = is_spread and self.host is not None
        self._go(state, go=now + SPREAD * self._random() if is_spread else now)
        return actions if is_spread else actions + self._try(entry, is_probe=self._is_hung(entry))

    def _try(self, entry: HostEntry, *, is_probe: bool) -> list[Action]:
        self._deadlines = {}
        self.attempt, self.target = next(self._numbers), entry
        self._is_welcomed = self._is_void = False
        return [Attach(self.attempt, entry, is_probe)]

    def _is_hung(self, entry: HostEntry) -> bool:
        return self._hung._seen == entry

    def _abandon_attempt(self) -> list[Action]:
        number, self.attempt = self.attempt, None
        return [] if number is None else [Detach(number)]

    def _leave_host(self, now: float) -> list[Action]:
        """Be no guest of the host in use any more; what still comes from there may come for a while."""
        number, self.member = self.member, None
        if number is not None:
            self.lingering.add(number)
            self._lasting["linger"] = now + LINGER
        return []

    def _lose_host(self) -> list[Action]:
        """Close the socket to the host in use: it is of no use."""
        number, self.member = self.member, None
        return [] if number is None else [Detach(number)]

    # --- this process's door

    def _close_door(self, code: int, reason: str) -> list[Action]:
        had_door, self.has_door = self.has_door, False
        self.own, self.is_passed = None, False
        self.members.clear()
        self._lasting.pop("old_door", None)
        self._lasting.pop("check", None)
        return [CloseDoor(code, reason)] if had_door else []

    def _open_anew(self) -> list[Action]:
        actions = self._close_door(1001, "the host moves")
        self.has_door = True
        self._door_term = self.term + 1
        return [*actions, OpenDoor(self._door_term)]

    def _opened(self, event: DoorOpen) -> HostEntry:
        self.own = HostEntry(event.address, event.key, event.pid, self._door_term)
        return self.own

    def _announce_anew(self, own: HostEntry) -> list[Action]:
        """Say that this process is the host, with a title above all that are known."""
        self.term = max(self.term, own.term) + 1
        self.own = HostEntry(own.address, own.key, own.pid, self.term)
        return [Announce(self.own)]

    # --- the place

    def _place(self, name: PlaceName, error: WebSocketV6Error | None = None) -> list[Action]:
        """Say what this process is, unless that is known; a guest says it of each host anew."""
        if name == self.placed != "guest":
            return []
        self.placed = name
        self._pause = LOOK_AGAIN
        return [Place(name, self.member if name == "guest" else None, error)]

    def _stay_alone(self, error: WebSocketV6Error, now: float) -> list[Action]:
        actions = self._abandon_attempt() + self._leave_host(now) + self._let_go()
        actions += self._close_door(1001, "the host shares no more")
        self._go(State.ALONE)
        return actions + self._place("embedded", error)

    # --- what is no step

    def _nothing(self, _event: Any, _now: float) -> list[Action]:
        return []

    def _impossible(self, event: Any, _now: float) -> list[Action]:
        raise LocalProtocolError(f"the process is {self.state.value}, and is told {type(event).__name__}")
