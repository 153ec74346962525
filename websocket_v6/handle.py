"""What a subscription is to its user on either face: what it wants, how it goes, and which one it is."""

from typing import Any, Generic, NamedTuple, TypeVar

from .actors.delivery.edge import Edge
from .actors.forks import no_fork
from .component import Component
from .protocol.errors import LocalProtocolError
from .protocol.events import Event

__all__ = ["Handle", "SubscriptionStats"]

E = TypeVar("E", bound=Event)


class SubscriptionStats(NamedTuple):
    """Counts of one subscription: `received == delivered + dropped + queued` at any moment.

    `lag` is how long the last event took from the socket to user code, in seconds; 0 of closed candles, which wait to
    be final. `late` counts messages that changed such a candle after it was delivered.
    """

    received: int
    delivered: int
    dropped: int
    queued: int
    lag: float
    late: int = 0


class Handle(Generic[E]):
    """A handle to one subscription. Two of the same subscription are equal."""

    def __init__(self, component: Component, edge: Edge, proxy: object) -> None:
        self._component = component
        self._edge = edge
        self._proxy = proxy  # held, so that it is not collected while somebody can pull; nothing is asked of it

    @property
    def symbols(self) -> tuple[str, ...]:
        """The codes wanted now, with those that a pattern stands for; empty where the type has none or has all."""
        return self._edge.symbols

    @property
    def data_type(self) -> str:
        """The exchange's word for the data type, such as `ticker` or `candle.1m`."""
        return self._edge.want.type

    @property
    def stats(self) -> SubscriptionStats:
        """What has come, gone and is waiting."""
        counts, late = self._edge.mailbox.stats, self._edge.mailbox.late
        return SubscriptionStats(
            counts.received, counts.delivered, counts.dropped, counts.queued, self._edge.lag_ns / 1e9, late
        )

    @property
    def digest(self) -> str | None:
        """A hash of all that was delivered, in order; None but for `Config.replay(..., digests=True)`.

        Two replays of one recording at speed "max" have the same. It is XXH3 of 128 bits, in hex: it signs nothing.
        """
        return self._edge.digest

    def done(self) -> None:
        """Note that all events that this handed out are done, the present one too: none of them comes again.

        For a process with `Config(fleet_resume=)`, and a subscription with `acknowledge=True`: without it an event is
        done once its callback has returned, or the next one is asked for.

        Raises:
            LocalProtocolError: if nothing waits for this word.

        Example:
            trades = proxy.subscribe_trade(["KRW-BTC"], acknowledge=True)
            database.insert(trades.get_many(1000, timeout=5.0)); trades.done()
        """
        with no_fork():
            from .actors.undone import HeldMailbox
        mailbox = self._edge.mailbox
        if not isinstance(mailbox, HeldMailbox) or not mailbox.acknowledges:
            raise LocalProtocolError("this subscription is done with events by itself: make it with acknowledge=True")
        mailbox.done()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._edge is self._edge

    def __hash__(self) -> int:
        return hash(self._edge.subscription_id)

    def __repr__(self) -> str:
        want = self._edge.want
        wanted = (*want.codes, *(f"{quote}-*" for quote in want.quotes))
        codes = ", ".join(wanted[:3]) + (", ..." if len(wanted) > 3 else "")
        return f"<Subscription {self.data_type} {codes or 'all'} of {self._component.name!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Subscription stays in its process and is not copied: make a proxy there and subscribe")

    def _check_pulled(self) -> None:
        if self._edge.is_pushed:
            raise LocalProtocolError("this subscription has a callback: events go there and cannot be pulled as well")

    def _in_vain(self, error: TimeoutError) -> TimeoutError:
        """Say how the connection stands, too: raise it "from None", since the mailbox's own lines say nothing more."""
        standing = self._component.standing.describe(self._edge.want.endpoint)
        return TimeoutError(f"{error} for {self!r}: {standing}")
