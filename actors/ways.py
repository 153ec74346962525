"""The ways from the router to the clients of a server: beside mailboxes, what a subscription's events can go into.

A client has one way, whatever it subscribes to, so that nothing comes to it twice and all of it in one order. What it
is told beside data goes the same way, behind the data before it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.hold import Had

__all__ = ["Mouth", "Way"]


class Mouth(Protocol):
    """Where the ways of one server end. Called by the router, in its thread; never waits.

    `keeps_ledger`: its clients are other processes, which compare what they are told of the account with what they
    know, and tell their own components; else they get what a component gets.

    `compares_trades`: its clients know what they have had. After a gap they get the last trade again, for else a stream
    that is quiet would look to them like one that the exchange does not know.
    """

    keeps_ledger: bool = True
    compares_trades: bool = False

    def deliver(self, rows: Sequence[tuple["Way", list[Event]]]) -> float | None:
        """Send events to clients, to each what it is to get.

        Returns after how many seconds `go_on` is to be called, for what has to wait; None if nothing has.
        """

    def go_on(self) -> None:
        """Send what had to wait; nothing has, where `deliver` returns None."""
        return

    def convey(self, way: "Way", news: object) -> None:
        """Tell one client what has happened, behind all that was delivered to it before."""

    def had(self, way: "Way", stream: Stream) -> "Had | None":  # noqa: ARG002
        """Return what a client had of a trade stream before it came this way; None if nothing is known of that."""
        return None

    def held(self, way: "Way", epoch: int, streams: Mapping[Stream, Sequence[int]]) -> None:  # noqa: ARG002
        """Note of which streams trades wait for those before them, and the ids of the last ones before the gap."""
        return

    def released(self, way: "Way", stream: Stream, problem: str) -> None:  # noqa: ARG002
        """Note that a stream goes on: all that it waited for was delivered. With a problem: it comes, and not all."""
        return


class Way:
    """The way to one client, which the server knows as number `client`.

    `epoch` is the one that the client was told to be open, `None` while it is told that none is; its mouth keeps it.
    """

    __slots__ = ("client", "epoch", "mouth")

    def __init__(self, client: int, mouth: Mouth) -> None:
        self.client = client
        self.mouth = mouth
        self.epoch: int | None = None

    def __repr__(self) -> str:
        return f"Way({self.client})"
