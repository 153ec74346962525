"""What a connection is told, by the registry, the supervisor and its transport.

A link to another process hears the same of the registry, for each endpoint that it brings.
"""

import itertools
from collections.abc import Callable, Sequence

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.message import Message

__all__ = [
    "Connect",
    "Disconnect",
    "KeysChanged",
    "ListSubscriptions",
    "OpenPart",
    "Reach",
    "Resign",
    "SendRequest",
    "Suspect",
    "TransportEnded",
    "TransportFailed",
    "TransportOpened",
    "TransportSaid",
    "TransportServes",
    "next_attachment",
]

# Attachments are told apart by number in the whole process, so that one is never taken for another.
next_attachment: Callable[[], int] = itertools.count(1).__next__


# --- registry to connection


class Connect(Message):
    """Someone wants this endpoint: connect, and stay connected.

    `types` are the data type objects of all that is wanted, for a source that must know them beforehand; what to serve
    is told by SendRequest.
    """

    endpoint: str
    types: Sequence[dict[str, object]] = ()


class Disconnect(Message):
    """Nobody wants this endpoint any more: close, after `linger` seconds unless it is wanted again."""

    endpoint: str
    linger: float = 0.0


class SendRequest(Message):
    """Have this served instead of what was asked before: see `protocol/demand/commands.py`.

    It is for `attachment`; if that has ended meanwhile, it is void.
    """

    endpoint: str
    number: int
    types: list[dict[str, object]]
    attachment: int


class OpenPart(Message):
    """Open one more socket for this attachment: one request cannot hold all. It opens as a part of that, or all end."""

    endpoint: str
    attachment: int


class ListSubscriptions(Message):
    """Have the exchange list what it serves. The answer, a SourceSaid, bears the ticket. Void as SendRequest is."""

    endpoint: str
    ticket: str
    attachment: int


class Reach(Message):
    """Have the peer of `endpoint` give a sign: the router hears with it up to when all has come."""

    endpoint: str


class Suspect(Message):
    """Make the connection anew, for this reason: it is open and brings nothing. Void as SendRequest is."""

    endpoint: str
    attachment: int
    reason: str


# --- transport (the socket's thread) to connection


class TransportOpened(Message):
    """The handshake is done, with keys of this generation; 0 where none are needed."""

    attachment: int
    keys: int


class TransportFailed(Message):
    """There is no connection, and why (error: live). The last word."""

    attachment: int
    error: WebSocketV6Error
    keys: int


class TransportServes(Message):
    """A door has said how the connection behind it stands: `serves` is the attachment that brings its data, or 0."""

    attachment: int
    serves: int
    state: str


class TransportSaid(Message):
    """The exchange sent something that is not data."""

    attachment: int
    notice: SubscriptionList | ErrorNotice


class TransportEnded(Message):
    """The connection that was open is over, and why (error: live); `is_bug`: through a fault of ours. The last word."""

    attachment: int
    error: WebSocketV6Error
    is_bug: bool = False


# --- supervisor to connection


class KeysChanged(Message):
    """The account's keys were replaced, and are of this generation now."""

    generation: int


class Resign(Message):
    """Close the connection: another actor takes over. Asked; answered with the ConnectionInheritance for it.

    With a `reason`, nothing that it brings counts from here on, and that is why.
    """

    reason: str = ""
