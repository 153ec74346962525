"""A machine in each state, led there by what leads there, and what it is told next."""

from typing import Any

from websocket_v6.protocol.errors import ConfigError, TransportError
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.machine import MembershipMachine, State

__all__ = ["ERROR", "HOST", "KEY", "NEXT", "OWN", "Actions", "Driven", "in_state"]

KEY = b"k" * 32
HOST = HostEntry("/host", KEY, 1, 4)
NEXT = HostEntry("/next", KEY, 2, 5)
OWN = "/own"
ERROR = TransportError("lost")
ALONE = ConfigError("no host")


class Actions(list[steps.Action]):
    """What a machine wants done; unlike tuples, actions that carry nothing are not equal if their kinds differ."""

    def __eq__(self, other: object) -> bool:
        is_same_kind = isinstance(other, list) and [type(one) for one in self] == [type(one) for one in other]
        return is_same_kind and super().__eq__(other)

    __hash__ = None


class Driven:
    """A machine, the time, and all that it wanted done."""

    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.machine = MembershipMachine(now=self.now, random=lambda: 0.5, **options)

    @property
    def state(self) -> State:
        return self.machine.state

    def tell(self, *events: steps.Event) -> Actions:
        """Tell one after the other; return what the last one led to."""
        actions: list[steps.Action] = []
        for event in events:
            actions = self.machine.handle(event, self.now)
        return Actions(actions)

    def due(self) -> Actions:
        """Let the next deadline come."""
        assert self.machine.next_due is not None
        self.now = max(self.now, self.machine.next_due)
        return self.tell(steps.Due())

    def wait(self, seconds: float) -> None:
        self.now += seconds

    # --- on the way to a state

    def look(self, entry: HostEntry | None) -> Actions:
        assert self.due() == [steps.Look()]
        return self.tell(steps.Looked(entry))

    def become_guest(self, entry: HostEntry = HOST, *, stays: bool = False) -> Actions:
        self.look(entry)
        return self.tell(steps.Attached(1, stays), steps.Looked(entry))

    def open(self) -> Actions:
        assert self.look(None) == [steps.TryLock()]
        assert self.tell(steps.LockFree()) == [steps.Look()]
        return self.tell(steps.Looked(None))

    def become_host(self, *members: int) -> Actions:
        self.open()
        actions = self.tell(steps.DoorOpen(OWN, KEY, 9), steps.Announced())
        for client in members:
            self.tell(steps.MemberCame(client, 100 + client))
        return actions

    @property
    def own(self) -> HostEntry:
        assert self.machine.own is not None
        return self.machine.own

    def pass_on(self, client: int) -> Actions:
        """Have the client that was offered the title take it."""
        return self.tell(steps.Ready(client, 1, NEXT.address, KEY), steps.Announced())


def in_state(state: State) -> Driven:
    """Return a machine in this state: as a host with the members 1 and 2, as a guest with the socket 1."""
    it = Driven()
    match state:
        case State.LOOKING:
            pass
        case State.ATTACHING:
            it.look(HOST)
        case State.OPENING:
            it.open()
        case State.GUEST:
            it.become_guest()
        case State.DOUBTING:
            it.become_guest()
            it.tell(steps.MemberSilent(1), steps.Looked(HOST))
        case State.MOVING:
            it.become_guest()
            it.tell(steps.Moved(1, NEXT.address, KEY, NEXT.term))
            it.due()
        case State.OFFERED:
            it.become_guest()
            it.tell(steps.BeHost(1, 1), steps.DoorOpen(OWN, KEY, 9))
        case State.TAKING:
            it.become_guest()
            it.tell(steps.BeHost(1, 1), steps.DoorOpen(OWN, KEY, 9), steps.Moved(1, OWN, KEY, 5), steps.LockTaken(7))
        case State.HOST:
            it.become_host(1, 2)
        case State.OFFERING:
            it.become_host(1, 2)
            it.tell(steps.LetMeHost(1))
        case State.LEAVING:
            it.become_host(1, 2)
            it.tell(steps.Leave())
        case State.PASSED:
            it.become_host(1, 2)
            it.tell(steps.Leave())
            it.pass_on(1)
        case State.ALONE:
            it = Driven(no_host=ALONE)
            it.look(None)
        case State.DONE:
            it.tell(steps.Leave())
    assert it.state is state
    return it
