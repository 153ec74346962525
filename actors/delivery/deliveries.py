"""What one message to the router brings for whom: collected taker by taker, then handed over in one go."""

import functools
from collections.abc import Callable

from websocket_v6.actors.base import tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import Ready
from websocket_v6.actors.messages.registry import SnapshotServed
from websocket_v6.actors.messages.router import MailboxDrained, Notify
from websocket_v6.actors.relay import wake
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import EVENT_BYTES, Event
from websocket_v6.protocol.exchange.streams import Stream

__all__ = ["Delivery", "Taker"]

MOST_PUT_OFF = 16  # messages to the router for which its clients' data may wait
MOST_SIZE = 1024 * 1024  # bytes of messages that came since


class Taker:
    """One subscription's way into a mailbox, or to a client of a server.

    `pending` of its `sink` collects what a batch holds for it. That is its own, but all takers of one client share one:
    what two of them take comes to the client once. `numbers` is what it reads numbers as, None if it reads none.
    """

    __slots__ = (
        "blocks",
        "component",
        "endpoint",
        "mailbox",
        "numbers",
        "pending",
        "ready",
        "sink",
        "streams",
        "subscription_id",
    )

    def __init__(
        self,
        subscription_id: int,
        endpoint: str,
        mailbox: MailboxQueue | Way,
        component: Ref | None,
        sink: "Taker | None" = None,
    ) -> None:
        self.subscription_id = subscription_id
        self.endpoint = endpoint
        self.mailbox = mailbox
        self.numbers = mailbox.numbers if isinstance(mailbox, MailboxQueue) else None
        self.blocks = isinstance(mailbox, MailboxQueue) and mailbox.policy.kind == "block"
        self.component = component
        self.ready = Ready(subscription_id)
        self.pending: list[Event] = []
        self.streams: set[Stream] = set()
        self.sink = self if sink is None else sink

    @property
    def is_full(self) -> bool:
        """Whether its mailbox makes the sources wait."""
        return isinstance(self.mailbox, MailboxQueue) and self.mailbox.full

    def view(self, event: Event) -> Event:
        """Return a last value with such numbers as it is to have."""
        return event if self.numbers is None else event.with_numbers(self.numbers)

    def call_when_drained(self, router: Ref) -> None:
        """Have the router told when there is room again after the mailbox was full."""
        if self.blocks and isinstance(self.mailbox, MailboxQueue):
            self.mailbox.on_drained = functools.partial(tell, router, MailboxDrained(self.subscription_id))


class Delivery:
    """Collects events by taker, and hands them over: one `put_many` and at most one wake for each mailbox."""

    def __init__(
        self,
        flow: SourceFlow,
        is_idle: Callable[[], bool] = lambda: True,
        later: Callable[[float, Mouth], object] = lambda _seconds, _mouth: None,
    ) -> None:
        self.registry: Ref | None = None
        self.touched: list[Taker] = []  # takers with something pending; the router's plain loop appends here itself
        self.delivered = 0
        self._flow = flow
        self._is_idle = is_idle  # whether nothing lies in the router's inbox
        self._call_later = later  # has a mouth go on in so many seconds
        self._later: list[Taker] = []  # of clients, with something pending
        self._put_off = 0  # how often that was not handed over
        self._size = 0  # bytes of messages that have come since it was
        self._weight: int | None = None  # of all that is pending for mailboxes, or more, if that is known

    def begin(self, size: int, count: int) -> None:
        """Note that what is pending from here on is of a batch of `count` messages with `size` bytes."""
        self._size += size
        self._weight = size + EVENT_BYTES * count

    def give(self, taker: Taker, event: Event) -> None:
        """Put an event, of a batch or not, into what `taker` is to get."""
        self._weight = None
        sink = taker.sink
        if not sink.pending:
            self.touched.append(sink)
        sink.pending.append(event)
        self.delivered += 1

    def serve_once(self, taker: Taker, stream: Stream, snapshot: Event) -> None:
        """Give `taker` the snapshot of `stream` that is all it wants of it."""
        self.give(taker, snapshot)
        taker.streams.discard(stream)
        tell(self.registry, SnapshotServed(taker.subscription_id, stream))

    def notify(self, message: Notify) -> None:
        """Put news into a component's mailbox, behind all that was delivered to it."""
        if message.mailbox.notify(message.event):
            tell(message.component, Ready(message.subscription_id))

    def flush(self, *, at_once: bool = False) -> None:
        """Hand over what is pending, wake who sleeps, and note whose mailbox is full now.

        This process's own components first; then the clients of its servers, unless more of what may be for them lies
        in the inbox already: what comes close together goes out together. `at_once`: it is worth no such wait.
        """
        weight, self._weight = self._weight, None
        asleep: list[tuple[Ref, object]] = []
        for taker in self.touched:
            mailbox = taker.mailbox
            if not isinstance(mailbox, MailboxQueue):  # to ask for a Way, which is abstract, costs more than all here
                self._later.append(taker)  # what is pending stays so
                continue
            events, taker.pending = taker.pending, []
            if mailbox.put_many(events, weight) and taker.component is not None:
                asleep.append((taker.component, taker.ready))
            if taker.blocks and mailbox.full:
                self._flow.hold(taker.endpoint, taker.subscription_id)
        self.touched.clear()
        if asleep:
            wake(asleep)
        if self._later:
            self._put_off += 1
            if at_once or self._put_off > MOST_PUT_OFF or self._size > MOST_SIZE or self._is_idle():
                self.send()
        else:
            self._size = 0

    def send(self) -> None:
        """Hand over what is pending for the clients of servers."""
        self._put_off = self._size = 0
        if not self._later:
            return
        later, self._later = self._later, []
        rows: dict[Mouth, list[tuple[Way, list[Event]]]] = {}
        for taker in later:
            events, taker.pending = taker.pending, []
            way = taker.mailbox
            if isinstance(way, Way):
                rows.setdefault(way.mouth, []).append((way, events))
        for mouth, ones in rows.items():
            wait = mouth.deliver(ones)
            if wait is not None:
                self._call_later(wait, mouth)
