"""A subscription as the user holds it: a handle to a mailbox, pulled from or pushed by the component's thread."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from .actors.delivery.mailbox import MailboxQueue
from .actors.delivery.subscriber import Callback, Edge, ErrorHandler
from .protocol.errors import ClosedError, LocalProtocolError, MailboxFullError
from .protocol.events import AnnouncementEvent, Event, OrderbookEvent, OverflowEvent
from .protocol.exchange.wants import Want

if TYPE_CHECKING:
    from .proxy import WebSocketClientProxy

__all__ = ["Subscription", "SubscriptionStats"]

E = TypeVar("E", bound=Event)


class SubscriptionStats(NamedTuple):
    """Counts of one subscription: `received == delivered + dropped + queued` at any moment.

    `lag` is how long the last event took from the socket to user code, in seconds.
    """

    received: int
    delivered: int
    dropped: int
    queued: int
    lag: float


class Core:
    """What the proxy keeps of a subscription; the handle may come and go."""

    __slots__ = ("callback", "edge", "error_handler", "subscription_id", "want")

    def __init__(
        self,
        subscription_id: int,
        want: Want,
        edge: Edge,
        callback: Callback | None,
        error_handler: ErrorHandler | None,
    ) -> None:
        self.subscription_id = subscription_id
        self.want = want
        self.edge = edge
        self.callback = callback
        self.error_handler = error_handler

    @property
    def mailbox(self) -> MailboxQueue:
        return self.edge.mailbox


class Subscription(Generic[E]):
    """One subscription of a component, to events of type `E`.

    Without a callback it is pulled, by `for event in subscription` or `get`. It keeps its proxy alive. Two handles of
    the same subscription are equal.
    """

    def __init__(self, proxy: "WebSocketClientProxy", core: Core) -> None:
        self._proxy = proxy
        self._core = core

    def get(self, timeout: float | None = None) -> E | OverflowEvent:
        """Wait for the next event and return it.

        Raises:
            TimeoutError: if there is none within `timeout` seconds.
            ClosedError: once it is closed and everything has been taken.
            StreamError: what ended the stream, such as a mailbox that ran over its budget.
        """
        self._check_pulled()
        try:
            while True:
                event = self._core.mailbox.get(timeout)
                self._core.edge.note_lag(event)
                shown = self._core.edge.prepare(event)
                if shown is not None:
                    return cast(E, shown)
        except MailboxFullError:
            self.close()
            raise

    def __iter__(self) -> Iterator[E | OverflowEvent]:
        """Yield events as they come, until it is closed."""
        self._check_pulled()
        while True:
            try:
                event = self.get()
            except ClosedError:
                return
            yield event

    def add(self, symbols: str | Iterable[str]) -> None:
        """Want more codes; those that are already wanted stay as they are."""
        self._proxy._add(self._core, symbols)

    def remove(self, symbols: str | Iterable[str]) -> None:
        """Want these codes no longer; without any left the subscription is closed."""
        self._proxy._remove(self._core, symbols)

    def close(self) -> None:
        """Stop wanting anything: no event follows, and whoever pulls from it hears that it is over. Idempotent."""
        self._proxy.unsubscribe(self)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The codes wanted now; empty where the type has none or all are wanted."""
        return self._core.want.codes

    @property
    def data_type(self) -> str:
        """The exchange's word for the data type, such as `ticker` or `candle.1m`."""
        return self._core.want.type

    @property
    def stats(self) -> SubscriptionStats:
        """What has come, gone and is waiting."""
        counts = self._core.mailbox.stats
        return SubscriptionStats(
            counts.received, counts.delivered, counts.dropped, counts.queued, self._core.edge.lag_ns / 1e9
        )

    def __enter__(self) -> "Subscription[E]":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subscription) and other._core is self._core

    def __hash__(self) -> int:
        return hash(self._core.subscription_id)

    def __repr__(self) -> str:
        codes = ", ".join(self.symbols[:3]) + (", ..." if len(self.symbols) > 3 else "")
        return f"<Subscription {self.data_type} {codes or 'all'} of {self._proxy.component_id!r}>"

    def _check_pulled(self) -> None:
        if self._core.callback is not None:
            raise LocalProtocolError("this subscription has a callback: events go there and cannot be pulled as well")


def view_of(want: Want, numbers: type) -> "View | None":
    """Return what turns an event into the component's view of it; `None` where that is the event itself."""
    view = View(want.depth, numbers is float, want.type == "announcement" and not want.include_body)
    return None if view.is_identity else view


class View:
    """A component's view of shared events: its own depth of order books, floats, announcements without text."""

    __slots__ = ("_depth", "_floats", "_no_body")

    def __init__(self, depth: int, floats: bool, no_body: bool) -> None:
        self._depth = depth
        self._floats = floats
        self._no_body = no_body

    @property
    def is_identity(self) -> bool:
        """Whether it leaves every event as it is."""
        # A full book may be what the exchange sends for want of a smaller one, so 30 cuts nothing.
        return self._depth in (0, 30) and not self._floats and not self._no_body

    def __call__(self, event: Event) -> Event:
        if self._depth and isinstance(event, OrderbookEvent):
            event = event.with_depth(self._depth)
        if self._no_body and isinstance(event, AnnouncementEvent):
            event = event.without_body()
        return event.with_numbers(float) if self._floats else event
