"""What the machine of a process among the others is told (events) and what it wants done (actions).

Member sockets are known by number: the machine gives one to each attempt. Times are seconds of a clock that also counts
while the machine sleeps.
"""

from typing import Literal, TypeAlias

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.message import Message

from .host_entry import HostEntry

__all__ = [
    "Action",
    "Announce",
    "Announced",
    "Answer",
    "Attach",
    "Attached",
    "BeHost",
    "Check",
    "Checked",
    "ClockJumped",
    "CloseDoor",
    "ConfirmDoor",
    "Detach",
    "DoorFailed",
    "DoorOpen",
    "DoubtDoor",
    "Due",
    "Event",
    "FolderFailed",
    "HostGone",
    "Leave",
    "LetMeHost",
    "LockFree",
    "LockTaken",
    "Look",
    "Looked",
    "MemberCame",
    "MemberHeard",
    "MemberLeft",
    "MemberSilent",
    "Moved",
    "NotAnnounced",
    "NotAttached",
    "OfferTitle",
    "OpenDoor",
    "Oust",
    "OustLock",
    "Place",
    "PlaceName",
    "Ready",
    "Released",
    "SayLetMeHost",
    "SayMoved",
    "SayReady",
    "TryLock",
    "Unlock",
    "Withdraw",
]

PlaceName: TypeAlias = Literal["looking", "host", "guest", "embedded"]

# --- events: what the files say. Each answers an action, and comes before anything else does.


class Looked(Message):
    """The file names this host, or none."""

    entry: HostEntry | None


class LockFree(Message):
    """This process holds the lock now."""


class LockTaken(Message):
    """Another has the lock. `holder` tells one lock from the next that is made in its place."""

    holder: int


class Checked(Message):
    """Whether this process holds the lock that all others see, whom the file names, and if others find its door."""

    is_holder: bool
    entry: HostEntry | None
    is_reachable: bool = True


class Announced(Message):
    """The file says what it was to say."""


class NotAnnounced(Message):
    """Nothing was written: the lock of this process is not the one that all others see."""


class FolderFailed(Message):
    """The folder with the files cannot be used."""

    error: WebSocketV6Error


# --- events: this process's own door


class DoorOpen(Message):
    """The door is open there, and asks for this key."""

    address: str
    key: bytes
    pid: int


class DoorFailed(Message):
    """The door could not open, or is no more."""

    error: WebSocketV6Error


class MemberCame(Message):
    """A process has greeted at the door."""

    client: int
    pid: int


class MemberLeft(Message):
    """A member's socket is closed."""

    client: int


class LetMeHost(Message):
    """A member is there to be the host of others, and asks for the title."""

    client: int


class Ready(Message):
    """A member that was offered the title listens there."""

    client: int
    offer: int
    address: str
    key: bytes


class Attached(Message):
    """The host has welcomed this process. `stays`: it hands over to nobody as long as it lives."""

    number: int
    stays: bool = False


class NotAttached(Message):
    """An attempt came to nothing: there is no such host, or it does not answer, or it does not serve this process."""

    number: int
    error: WebSocketV6Error
    is_gone: bool = False  # nobody listens there
    is_hung: bool = False  # somebody does, and has not answered within all the time that was given
    is_final: bool = False  # another attempt is answered the same


class HostGone(Message):
    """The member socket is closed, by the host or because it is lost."""

    number: int
    error: WebSocketV6Error
    is_final: bool = False


class MemberSilent(Message):
    """Nothing has come through the member socket for long, although it was read all that time."""

    number: int


class MemberHeard(Message):
    """Something has come through it again."""

    number: int


class Moved(Message):
    """The host has passed its title: go there."""

    number: int
    address: str
    key: bytes
    term: int


class BeHost(Message):
    """The host offers its title."""

    number: int
    offer: int


class Released(Message):
    """Nothing comes any more from the host at the other end of this member socket: it may be closed."""

    number: int


class Leave(Message):
    """This process is about to end: hand over first, if there is anybody. Answered with Answer."""


class Due(Message):
    """The time of `next_due` has come. What was told before it is handled before it."""


class ClockJumped(Message):
    """This process stood still for a while. Told before anything that came meanwhile."""


Event: TypeAlias = (
    Looked
    | LockFree
    | LockTaken
    | Checked
    | Announced
    | NotAnnounced
    | FolderFailed
    | DoorOpen
    | DoorFailed
    | MemberCame
    | MemberLeft
    | LetMeHost
    | Ready
    | Attached
    | NotAttached
    | HostGone
    | MemberSilent
    | MemberHeard
    | Moved
    | BeHost
    | Released
    | Leave
    | Due
    | ClockJumped
)


# --- actions, in the order in which they must be done


class Look(Message):
    """Read who is the host, and say Looked."""


class TryLock(Message):
    """Get the lock if nobody has it; say LockFree or LockTaken, or FolderFailed."""


class Unlock(Message):
    """Let go of the lock, and of its file unless it is left `for_another`, who comes for it now."""

    for_another: bool = False


class Check(Message):
    """See whether the lock is still the one that others see, and who is named; say Checked."""


class Announce(Message):
    """Write who is the host, if the lock is the one that others see; say Announced or NotAnnounced."""

    entry: HostEntry


class Withdraw(Message):
    """Remove the entry, if it is still this one and the lock is the one that others see."""

    entry: HostEntry


class Oust(Message):
    """Take title and lock away from `entry`, which hangs, if it is still the host."""

    entry: HostEntry


class OustLock(Message):
    """Take the lock away from whoever holds `holder` and does nothing with it, if `entry` is still named."""

    holder: int
    entry: HostEntry | None


class OpenDoor(Message):
    """Listen at a new address, for this term; say DoorOpen or DoorFailed."""

    term: int


class CloseDoor(Message):
    """Close the door, and all sockets there after what is queued for them."""

    code: int
    reason: str


class DoubtDoor(Message):
    """Have the door say nothing for now: this process may be the host no more."""


class ConfirmDoor(Message):
    """Have the door go on: this process is the host of this term."""

    term: int


class OfferTitle(Message):
    """Ask a member to be the host."""

    client: int
    offer: int


class SayMoved(Message):
    """Send all members to the new host, whoever it is among them."""

    entry: HostEntry


class Attach(Message):
    """Open a member socket, and say Attached or NotAttached. `is_probe`: with as much time as proof takes."""

    number: int
    entry: HostEntry
    is_probe: bool = False


class Detach(Message):
    """Close a member socket; nothing more is said of it."""

    number: int


class SayLetMeHost(Message):
    """Ask the host for its title."""

    number: int


class SayReady(Message):
    """Tell the host that this process listens there, as it was asked to."""

    number: int
    offer: int
    address: str
    key: bytes


class Place(Message):
    """This is what the process is from now on; as a guest, of the host at the other end of `number`.

    `error`: why it is embedded; or why it looks for another host, from whose present one nothing more is to be taken.
    """

    name: PlaceName
    number: int | None = None
    error: WebSocketV6Error | None = None


class Answer(Message):
    """This process may end. `in_order`: nobody misses it."""

    in_order: bool


Action: TypeAlias = (
    Look
    | TryLock
    | Unlock
    | Check
    | Announce
    | Withdraw
    | Oust
    | OustLock
    | OpenDoor
    | CloseDoor
    | DoubtDoor
    | ConfirmDoor
    | OfferTitle
    | SayMoved
    | Attach
    | Detach
    | SayLetMeHost
    | SayReady
    | Place
    | Answer
)
