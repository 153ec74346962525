"""A subscription as the user holds it: a handle to a mailbox, pulled from or pushed by the component's thread."""

from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar, cast

from .arguments import check_count, check_seconds
from .handle import Handle, SubscriptionStats
from .options import Symbols
from .protocol.errors import ClosedError, MailboxFullError
from .protocol.events import Event
from .steps import finish

__all__ = ["Subscription", "SubscriptionStats"]

E = TypeVar("E", bound=Event)


class Subscription(Handle[E]):
    """One subscription of a component, to events of type `E`.

    Without a callback it is pulled, by `for event in subscription` or `get`; what has no `error_handler` to go to is
    raised there. It keeps its proxy alive. Two handles of the same subscription are equal. In a forked child it is
    closed: the child subscribes for itself.

    >>> with proxy.subscribe_trade(["KRW-BTC"]) as trades:
    ...     first = trades.get(timeout=5.0)
    ...     trades.add("KRW-ETH")
    ...     trades.symbols
    ('KRW-BTC', 'KRW-ETH')
    """

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
            raise self._in_vain(exc) from None

    def get_many(self, max: int, timeout: float | None = None) -> list[E]:  # noqa: A002 - as the user reads it
        """Wait for the next event, then return it with those that are there already, `max` at most, in order.

        Raises as `get` does; what has been taken out when something is to be raised is returned first.

        Example:
            for trade in trades.get_many(1000, timeout=5.0): ...
        """
        check_count("max", max)
        return [self.get(timeout), *cast(list[E], self._edge.poll_more(max - 1))]

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

    def __enter__(self) -> "Subscription[E]":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
