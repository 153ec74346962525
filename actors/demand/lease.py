"""One subscription's claim, as the registry keeps it."""

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want

__all__ = ["Lease"]


class Lease:
    """One subscription's claim: what it wants, and where it goes. It holds until it is taken back."""

    __slots__ = ("component", "component_id", "mailbox", "satisfied", "subscription_id", "want")

    def __init__(
        self, component_id: str, subscription_id: int, want: Want, mailbox: MailboxQueue, component: Ref | None
    ) -> None:
        self.component_id = component_id
        self.subscription_id = subscription_id
        self.want = want
        self.mailbox = mailbox
        self.component = component  # who is woken for it; None: the mailbox is pulled
        self.satisfied: set[Stream] = set()  # wanted once, and delivered

    def open_streams(self) -> list[Stream]:
        """Return the streams that still count in the union."""
        return [stream for stream in self.want.streams() if stream not in self.satisfied]
