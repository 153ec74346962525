"""One subscription where its events reach user code, pushed or pulled: decoded, and as the component wants to see them.

The engine's side of a subscription: what is wanted, the mailbox, who is called. The handle that the user holds
(`websocket_v6/subscription.py`) may come and go.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from websocket_v6.actors.base import tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import Malformed
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    Event,
    MarketsEvent,
    OrderbookEvent,
    OverflowEvent,
    event_class,
)
from websocket_v6.protocol.exchange.wants import Want

__all__ = ["Callback", "Calls", "Delivered", "Edge", "ErrorHandler"]

Delivered = Event | OverflowEvent
Callback = Callable[[Any], object]  # takes Delivered; a component knows which events it subscribed to
ErrorHandler = Callable[[Exception], object]
FULL_DEPTH = 30  # a full book may be what the exchange sends for want of a smaller one, so this cuts nothing


class Calls:
    """What of user code a subscription calls.

    The proxy alone holds it, and the engine knows it weakly: so a bot that holds its proxy and gives it `self.on_tick`
    refers to itself and to nothing that lives on, and is collected once nobody else refers to it.
    """

    __slots__ = ("__weakref__", "callback", "error_handler", "on_markets")

    def __init__(
        self,
        callback: Callback | None = None,
        error_handler: ErrorHandler | None = None,
        on_markets: Callable[[MarketsEvent], object] | None = None,
    ) -> None:
        self.callback = callback
        self.error_handler = error_handler
        self.on_markets = on_markets


class Edge:
    """One subscription as the engine's side knows it. `want` changes as codes are added and removed.

    Events are shared by all components; each sees them its own way: its depth of order books, floats, no long texts.
    `calls` returns what it calls, None once the proxy is gone; without a callback (not `is_pushed`) it is pulled.

    `listed` returns the codes of a quote currency that are listed now; `excluded` are those that a pattern of this
    subscription does not stand for.

    The router makes events with floats where all who take them read floats; `prepare` takes either.
    """

    __slots__ = (
        "_depth",
        "_no_body",
        "_router",
        "batch",
        "calls",
        "excluded",
        "has_view",
        "is_pushed",
        "lag_ns",
        "listed",
        "mailbox",
        "note",
        "on_markets",
        "on_overflow",
        "ready",
        "subscription_id",
        "update",
        "want",
    )

    def __init__(
        self,
        subscription_id: int,
        want: Want,
        mailbox: MailboxQueue,
        *,
        calls: Callable[[], Calls | None] = lambda: None,
        is_pushed: bool = False,
        router: Callable[[], Ref | None] = lambda: None,
        on_overflow: Callable[[OverflowEvent], object] = lambda _: None,
        on_markets: Callable[[MarketsEvent], object] = lambda _: None,
        listed: Callable[[str], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self.subscription_id = subscription_id
        self.want = want
        self.mailbox = mailbox
        self.calls = calls
        self.is_pushed = is_pushed
        self.on_overflow = on_overflow  # where a drop is told that who pulls has found
        self.on_markets = on_markets  # where a change of markets is told that who pulls has found
        self.listed = listed
        self.excluded: frozenset[str] = frozenset()
        self.note: Callable[[Event], object] | None = None  # of a replay: called with what is delivered
        self.update: Callable[[bytes], object] | None = None  # and of the hash that this makes of it
        self.lag_ns = 0  # of the last event: from the socket to here
        self.batch = 1  # events to take out of the mailbox at once, for what is left of a burst
        self._router = router
        self._depth = 0 if want.depth == FULL_DEPTH else want.depth
        self._no_body = want.type == "announcement" and not want.include_body
        cuts, reads_floats = bool(self._depth or self._no_body), mailbox.numbers is not Decimal
        self.has_view = cuts or reads_floats  # it may see them otherwise than they are
        # What events are made with that need no view all the same.
        self.ready = None if cuts else event_class(want.type)._codecs[mailbox.numbers]

    @property
    def digest(self) -> str | None:
        """The hash of what was delivered so far; None but in a replay that counts it."""
        return None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The codes that it has now: those that it names, and what its patterns stand for."""
        want = self.want
        if not want.quotes:
            return want.codes
        listed = (code for quote in want.quotes for code in self.listed(quote) if code not in self.excluded)
        return tuple(dict.fromkeys((*want.codes, *listed)))

    def pull(self, timeout: float | None = None) -> Delivered:
        """Wait for the next event and return it; raises what `MailboxQueue.get` raises."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            shown = self._pulled(self.mailbox.get(timeout))
            if shown is not None:
                return shown
            if deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())

    def poll(self) -> Delivered | None:
        """Return the next event if it is there, None if `pull` would wait; raises what that raises, at once."""
        while (event := self.mailbox.poll(time.monotonic())) is not None:
            shown = self._pulled(event)
            if shown is not None:
                return shown
        return None

    def poll_more(self, limit: int) -> list[Delivered]:
        """Return up to `limit` events that are there. Raises nothing: what is to be raised waits for the next pull."""
        shown: list[Delivered] = []
        while len(shown) < limit:
            events = self.mailbox.take_many(time.monotonic(), limit - len(shown))
            if not events:
                break
            shown.extend(one for one in map(self._pulled, events) if one is not None)
        return shown

    def _pulled(self, event: Delivered | MarketsEvent) -> Delivered | None:
        if type(event) is MarketsEvent:
            self.on_markets(event)
            return None
        if self.mailbox.has_overflowed and (overflow := self.mailbox.overflow(time.monotonic())):
            self.on_overflow(overflow)
        self.note_lag(event)
        return self.prepare(event)

    def prepare(self, event: Delivered) -> Delivered | None:
        """Decode `event` and return the component's view of it; `None` if it is malformed, which is reported."""
        if type(event) is OverflowEvent:  # the quickest way to ask
            return event
        try:
            shown = self._view(event) if self.has_view and event._codec is not self.ready else event
            shown.load()
        except RemoteProtocolError as exc:
            tell(self._router(), Malformed(event.stream, str(exc), (event.received_at, id(event))))
            return None
        return shown

    def preview(self, event: Event) -> Delivered | None:
        """Return what `prepare` would, of an event that is not delivered."""
        return Edge.prepare(self, event)

    def note_lag(self, event: Delivered) -> None:
        """Note how long ago `event` came."""
        if self.want.closing is None:  # a candle waits to be final, and that is no lag
            self.lag_ns = time.time_ns() - event.received_at

    def _view(self, event: Event) -> Event:
        if self._depth and isinstance(event, OrderbookEvent):
            event = event.with_depth(self._depth)
        if self._no_body and isinstance(event, AnnouncementEvent):
            event = event.without_body()
        numbers = self.mailbox.numbers
        return event if numbers is Decimal else event.with_numbers(numbers)
