"""What happens to a plain client of a door, and what its machine has done about it: events and actions."""

from typing import TypeAlias

from websocket_v6.protocol.message import Message

from . import client_leases

__all__ = [
    "Action",
    "Change",
    "Close",
    "Due",
    "Event",
    "Gone",
    "HangUp",
    "Heard",
    "Interrupted",
    "LeaseRefused",
    "Revoked",
    "Say",
    "UseFormat",
]


class Heard(Message):
    """The client sent a whole message. What is in a binary frame is read as well: nothing says that it is not."""

    data: bytes
    is_binary: bool = False


class LeaseRefused(Message):
    """The registry or the exchange does not serve a lease; without a name, because too much is in use by all."""

    lease: int
    name: str = ""
    text: str = ""


class Interrupted(Message):
    """The exchange's connection was lost: messages may be missing, and the exchange has no word for that."""


class Revoked(Message):
    """The keys that the client came in with are not those of this engine any more."""


class Due(Message):
    """`next_due` is there. `stirred_at` is when anything last went in or out at the socket, in whatever frame."""

    stirred_at: float


class Gone(Message):
    """The socket is closed."""


class Say(Message):
    """Send this message, behind all that was sent before it, in a binary frame as the exchange does."""

    payload: bytes


class UseFormat(Message):
    """Bring all messages in this format from now on, also those of what is leased already."""

    format: str


class Change(Message):
    """Have the registry carry out these changes, in their order."""

    changes: tuple[client_leases.Change, ...]


class Close(Message):
    """Close the socket behind all that was sent before."""

    code: int
    reason: str


class HangUp(Message):
    """Close the socket without a close frame, as the exchange does with one that is idle."""


Event: TypeAlias = Heard | LeaseRefused | Interrupted | Revoked | Due | Gone
Action: TypeAlias = Say | UseFormat | Change | Close | HangUp
