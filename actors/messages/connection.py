"""What a connection is told."""

from typing import NamedTuple

from websocket_v6.protocol.demand.coverage import Plan
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import Notice
from websocket_v6.protocol.exchange.wants import Want

__all__ = [
    "Ask",
    "AskList",
    "Connect",
    "Disconnect",
    "KeysChanged",
    "WireLost",
    "WireOpened",
    "WirePonged",
    "WireRefused",
    "WireSaid",
]


class Connect(NamedTuple):
    """Someone wants this endpoint: connect, and stay connected.

    `wants` is the union, for a line that must know it beforehand; what to serve is told by Ask.
    """

    endpoint: str
    wants: tuple[Want, ...] = ()


class Disconnect(NamedTuple):
    """Nobody wants this endpoint any more: close."""

    endpoint: str


class Ask(NamedTuple):
    """Have this served instead of what was asked before."""

    endpoint: str
    plan: Plan


class AskList(NamedTuple):
    """Have the exchange list what it serves. The answer, an ExchangeSaid, bears the ticket.

    It also acknowledges every request before it.
    """

    endpoint: str
    ticket: str


class WireOpened(NamedTuple):
    """The handshake is done."""

    epoch: int


class WireRefused(NamedTuple):
    """There is no connection, and why (error: live)."""

    epoch: int
    error: WebSocketV6Error


class WireLost(NamedTuple):
    """The connection ended, and why (error: live); `at_ns` is when the last bytes arrived."""

    epoch: int
    error: WebSocketV6Error
    at_ns: int


class WirePonged(NamedTuple):
    """The peer answered a ping."""

    epoch: int


class WireSaid(NamedTuple):
    """The exchange sent something that is not data."""

    epoch: int
    notice: Notice


class KeysChanged(NamedTuple):
    """The account's keys were replaced: private connections connect again with the new ones."""
