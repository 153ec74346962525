"""A subscription as the user holds it: a handle to a mailbox, pulled from or pushed by the component's thread."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from .actors.delivery.edge import Edge
from .arguments import check_seconds
from .component import Component
from .options import Symbols
from .protocol.errors import ClosedError, LocalProtocolError, MailboxFullError
from .protocol.events import Event
from .steps import finish

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


class Subscription(Generic[E]):
    """One subscription of a component, to events of type `E`.

    Without a callback it is pulled, by `for event in subscription` or `get`; what has no `error_handler` to go to is
    raised there. It keeps its proxy alive. Two handles of the same subscription are equal. In a forked child it is
    closed: the child subscribes for itself.
    """

    def __init__(self, component: Component, edge: Edge, proxy: object) -> None:
        self._component = component
        self._edge = edge
        self._proxy = proxy  # held, so that it is not collected while somebody can pull; nothing is asked of it

    def get(self, timeout: float | None = None) -> E:
        """Wait for the next event and return it; with `Mailbox(..., notify=True)` it may be an OverflowEvent.

        Raises:
            TimeoutError: if there is none within `timeout` seconds; it says how the connection stands.
            UnknownCodeError: once for codes that the exchange sends nothing for; the others go on: `get` again.
            AuthenticationError: the exchange refuses the keys; they are tried again, and other keys at once.
            ClosedError: once it is closed and everything has been taken; in a forked child, always.
            StreamError: what ended the stream, such as a mailbox that ran over its budget.
        """
        self._check_pulled()
        if timeout is not None:
            check_seconds("timeout", timeout)
        try:
            return cast(E, self._edge.pull(timeout))
        except MailboxFullError:
            self.close()
            raise
        except TimeoutError as exc:
            # Without it, "from None": the mailbox's own lines say nothing more.
            standing = self._component.standing.describe(self._edge.want.endpoint)
            raise TimeoutError(f"{exc} for {self!r}: {standing}") from None

    def __iter__(self) -> Iterator[E]:
        """Yield events as they come, until it is closed. Raises as `get` does; iterate again to go on after that."""
        self._check_pulled()
        while True:
            try:
                event = self.get()
            except ClosedError:
                if self._component.is_the_parents:
                    raise  # it has not come to its end
                return
            yield event

    def add(self, symbols: Symbols) -> None:
        """Want more codes; those that are already wanted stay as they are."""
        finish(self._component.add(self._edge, symbols))

    def remove(self, symbols: Symbols) -> None:
        """Want these codes no longer; without any left the subscription is closed."""
        finish(self._component.remove(self._edge, symbols))

    def close(self) -> None:
        """Stop wanting anything: no event follows, and whoever pulls from it hears that it is over. Idempotent."""
        finish(self._component.close(self._edge))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The codes wanted now; empty where the type has none or all are wanted."""
        return self._edge.want.codes

    @property
    def data_type(self) -> str:
        """The exchange's word for the data type, such as `ticker` or `candle.1m`."""
        return self._edge.want.type

    @property
    def stats(self) -> SubscriptionStats:
        """What has come, gone and is waiting."""
        counts = self._edge.mailbox.stats
        return SubscriptionStats(
            counts.received, counts.delivered, counts.dropped, counts.queued, self._edge.lag_ns / 1e9
        )

    def __enter__(self) -> "Subscription[E]":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subscription) and other._edge is self._edge

    def __hash__(self) -> int:
        return hash(self._edge.subscription_id)

    def __repr__(self) -> str:
        codes = ", ".join(self.symbols[:3]) + (", ..." if len(self.symbols) > 3 else "")
        return f"<Subscription {self.data_type} {codes or 'all'} of {self._component.name!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Subscription stays in its process and is not copied: make a proxy there and subscribe")

    def _check_pulled(self) -> None:
        if self._edge.is_pushed:
            raise LocalProtocolError("this subscription has a callback: events go there and cannot be pulled as well")
