"""What a server, this process's door for others, is told, and what it tells its owner.

Sockets are known by numbers: the server gives one to each that has shaken hands, and never again.
"""

from typing import NamedTuple

from websocket_v6.protocol.message import Message

__all__ = [
    "CloseMember",
    "Confirm",
    "Dismiss",
    "DoorDoubts",
    "Doubt",
    "MemberCame",
    "MemberGone",
    "MemberSaid",
    "NameMember",
    "NetworkHealth",
    "SayToMember",
    "ShareWith",
    "StateAsked",
    "VisitorHealth",
]


# --- server to its owner


class DoorDoubts(Message):
    """This process stood still, and may be the host no more: nothing is sent until Confirm."""


class MemberCame(Message):
    """A process has opened its member socket. `pid` is what the system says of it, 0 if it says nothing."""

    client: int
    pid: int


class MemberSaid(Message):
    """One binary message of a member: a word of `protocol/membership/words.py`, not decoded."""

    client: int
    data: bytes


class MemberGone(Message):
    """A member socket is closed, and why. Its last word."""

    client: int
    reason: str


class StateAsked(Message):
    """Who only looks asks how this process and those that it serves are; answered with SayToMember."""

    client: int


# --- owner to server


class SayToMember(Message):
    """Send this to a member, as one binary message."""

    client: int
    data: bytes


class CloseMember(Message):
    """Close a member's socket, and all data sockets of that member."""

    client: int
    code: int
    reason: str


class NameMember(Message):
    """The process behind this member socket may open data sockets, under the name `member`, which nobody can guess."""

    client: int
    member: str
    name: str = ""  # for people: "process 4711 (bot.py)"


class ShareWith(Message):
    """A member may have these endpoints and no others: data sockets that it has of others close with 4403."""

    member: str
    endpoints: tuple[str, ...]


class Dismiss(Message):
    """Close everybody's sockets after what is queued for them, and let nobody in any more."""

    code: int
    reason: str


class Doubt(Message):
    """This process may be the host no more: accept, answer and send nothing until Confirm."""


class Confirm(Message):
    """It is the host, of this term."""

    term: int


# --- a server of the network's answer to GetHealth


class VisitorHealth(NamedTuple):
    """One client of the network."""

    name: str
    endpoint: str
    format: str  # "words" for a host of another machine
    streams: int
    delivered: int  # messages
    queued_bytes: int
    is_onlooker: bool  # the door's own page


class NetworkHealth(NamedTuple):
    """Who is served, and how many were cut off because they were too slow."""

    clients: tuple[VisitorHealth, ...]
    cut_off: int
